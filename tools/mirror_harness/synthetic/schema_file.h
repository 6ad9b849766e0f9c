#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SCHEMA_FILE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SCHEMA_FILE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/table.h"

namespace mirror::harness {

/// Reads table definitions: a JSON list of {table, source, in_schema_sample, columns: [{name, primary_key,
/// sql_type, sql_nullable, sql_default}]}. Returns the tables with in_schema_sample = true, and those with
/// source = "schema sample only", whose key is their first column. Columns without a sql_type are omitted; if
/// a key column is omitted, the table has no key. Errors: kNotFound, kInvalidArgument, with file, table and
/// column.
absl::StatusOr<std::vector<TableSchema>> LoadSchemaFile(const std::string& path);

/// Sets type, length, precision and scale from SQL Server's text: "nvarchar(40)". Errors: kInvalidArgument.
absl::Status ReadSqlType(std::string_view sql_type, Column* column);

/// Parses a text such as "default ((-1))" or "default (N'1760-01-01 00:00:00')" as a literal of the column,
/// whose type must be set. Errors: kInvalidArgument: the default is neither a number nor a string, or does
/// not fit the column.
absl::StatusOr<Literal> ReadSqlDefault(std::string_view sql_default, const Column& column);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SCHEMA_FILE_H_
