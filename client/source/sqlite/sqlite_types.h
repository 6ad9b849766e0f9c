#ifndef MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_TYPES_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_TYPES_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_schema.h"
#include "proto/wire/table.h"

namespace mirror {

/// A table as its values are, see OpenSqliteReader().
struct FoundTypes {
  TableSchema schema;  ///< The plan's, widened to ANY, nullable and without a key where values ask for it.
  std::string infinite_column;  ///< Of a number that no mirror holds; empty: none was seen.
};

/// Looks at every value of the columns that may break their promise: one pass over the table.
/// Errors: kUnavailable and kAborted about the file; others are the table's own problem.
absl::StatusOr<FoundTypes> FindTypes(const std::shared_ptr<const SqliteFile>& file,
                                     const std::shared_ptr<const SourcePlan>& plan);

/// What FindTypes found, for later runs: the hash of the declarations, then a letter for each column (a: ANY,
/// d: as declared; a capital where NULL was found against NOT NULL), at the end k or n: with or without its
/// key.
std::string MakeRecord(const TableSchema& declared, const TableSchema& found);
/// The found schema again; absent when the record is of other declarations.
std::optional<TableSchema> ApplyRecord(const TableSchema& declared, const std::string& record);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_TYPES_H_
