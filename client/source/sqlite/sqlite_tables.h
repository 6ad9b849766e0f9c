#ifndef MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_TABLES_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_TABLES_H_

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/keyed_hash.h"
#include "client/source/reader.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_schema.h"
#include "client/source/sqlite/source_files.h"
#include "client/source/sqlite/sqlite_reader.h"
#include "client/source/steps/table_steps.h"
#include "proto/wire/table.h"

namespace mirror {

/// An announced table, and how it is read.
struct KnownTable {
  std::shared_ptr<const SourcePlan> plan;
  TableSchema schema;
};

/// The tables of the present look, and the records of earlier looks. Threads: one.
class SqliteTables {
 public:
  /// `options` and `files` must outlive it.
  SqliteTables(const SqliteReaderOptions& options, SourceFiles& files)
      : options_(options), files_(files), records_(options.records) {}

  /// Looks at a table. Errors: the whole source cannot be read. A problem of the table alone is in its
  /// `problem`.
  absl::StatusOr<SourceTable> LookAt(const std::string& name);
  /// Null: the look has no such table.
  const KnownTable* Find(const std::string& table) const;
  /// Forgets the tables, for a new look.
  void Clear() { tables_.clear(); }
  /// Drops the record of a table whose values do not fit the record or the declaration.
  void ForgetRecord(const std::string& table) { records_[table].clear(); }

 private:
  absl::StatusOr<SourcePlan> PlanInLook(const std::string& name, SourceTable* table) const;
  std::optional<TableSchema> Recorded(const SourcePlan& plan) const;
  absl::StatusOr<bool> TrustsTypesOf(const std::string& name) const;
  absl::Status Scan(const std::shared_ptr<const SourcePlan>& plan, SourceTable* table);

  const SqliteReaderOptions& options_;
  SourceFiles& files_;
  std::map<std::string, std::string> records_;  ///< By table name. Empty: the record was wrong.
  std::map<std::string, KnownTable> tables_;
};

/// The types of a table's values, see OpenSqliteReader().
struct FoundTypes {
  TableSchema
      schema;  ///< As the plan's schema, but ANY, nullable or without a key where the values require it.
  std::string infinite_column;  ///< A column with a number that no mirror can hold; empty: none was seen.
};

/// Examines all values of columns that may violate their declaration, in one pass over the table. Errors:
/// kUnavailable and kAborted concern the file; other errors are problems of the table.
absl::StatusOr<FoundTypes> FindTypes(const std::shared_ptr<const SqliteFile>& file,
                                     const std::shared_ptr<const SourcePlan>& plan);

/// Encodes the result of FindTypes() for later runs. First the hash of the declarations. Then a letter for
/// each column: a: ANY; d: as declared; a capital letter: NULL was found although it is declared NOT NULL.
/// Last k or n: with or without its key.
std::string MakeRecord(const TableSchema& declared, const TableSchema& found);
/// Decodes the found schema; absent: the record is of other declarations.
std::optional<TableSchema> ApplyRecord(const TableSchema& declared, const std::string& record);

/// Registers the SQL functions that hash and mask values. `key` may be null: nothing is hashed.
absl::Status RegisterTurns(const SqliteFile& file, const TenantHashKey* key);

/// Makes every later query over the table see only rows that pass `steps`, with the values to send. Call it
/// in a look. Columns that are not sent keep their places. Errors: kInvalidArgument, for people; then only
/// the valid steps are applied; kUnavailable: the source is locked.
absl::Status ApplySteps(const SqliteFile& file, const TableSteps& steps, SourcePlan* plan);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_TABLES_H_
