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

/// A table as it was announced, and how it is read.
struct KnownTable {
  std::shared_ptr<const SourcePlan> plan;
  TableSchema schema;
};

/// The tables of the present look, and the records of earlier ones. Threads: one.
class SqliteTables {
 public:
  /// `options` and `files` outlive it.
  SqliteTables(const SqliteReaderOptions& options, SourceFiles& files)
      : options_(options), files_(files), records_(options.records) {}

  /// Errors: the whole source cannot be read. What is wrong with one table is in its `problem`.
  absl::StatusOr<SourceTable> LookAt(const std::string& name);
  /// Null: the look has none.
  const KnownTable* Find(const std::string& table) const;
  /// Another look begins.
  void Clear() { tables_.clear(); }
  /// Values do not fit what was found or declared.
  void ForgetRecord(const std::string& table) { records_[table].clear(); }

 private:
  absl::StatusOr<SourcePlan> PlanInLook(const std::string& name, SourceTable* table) const;
  std::optional<TableSchema> Recorded(const SourcePlan& plan) const;
  absl::StatusOr<bool> TrustsTypesOf(const std::string& name) const;
  absl::Status Scan(const std::shared_ptr<const SourcePlan>& plan, SourceTable* table);

  const SqliteReaderOptions& options_;
  SourceFiles& files_;
  std::map<std::string, std::string> records_;  ///< Empty: it was wrong.
  std::map<std::string, KnownTable> tables_;
};

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

/// Makes the SQL functions known by which values are hashed and masked. `key` may be null: nothing is hashed.
absl::Status RegisterTurns(const SqliteFile& file, const TenantHashKey* key);

/// In a look: has every query over the table see the rows that `steps` let through, with their values as they
/// are sent. Columns that are not sent stay where they are. Errors: kInvalidArgument, for people, and then
/// only what is not wrong is applied; kUnavailable: the source is locked.
absl::Status ApplySteps(const SqliteFile& file, const TableSteps& steps, SourcePlan* plan);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_TABLES_H_
