#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_TABLES_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_TABLES_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/postgres/postgres_catalog.h"
#include "client/source/postgres/postgres_rows.h"
#include "client/source/reader.h"
#include "client/source/steps/table_steps.h"

namespace mirror {

/// The tables of the last look, and what was found in their values. Threads: one.
class PostgresSourceTables {
 public:
  /// See PostgresReaderOptions.
  PostgresSourceTables(std::map<std::string, std::string> records,
                       std::map<std::string, std::vector<std::string>> keys, std::vector<TableSteps> steps);

  void Clear() { known_.clear(); }
  /// Null: there is none.
  std::shared_ptr<const KnownPostgresTable> Find(const std::string& name) const;

  /// As it is announced. What people should know of it is told once.
  SourceTable Announce(PostgresTable table, const PostgresSource& place, std::vector<std::string>* notes);

  /// Values of these columns are not as they were announced.
  void Keep(const KnownPostgresTable& known, const std::vector<Misfit>& misfits);
  void Forget(const std::string& name);

 private:
  /// Those that values or rows depend on; null: none.
  const TableSteps* StepsOf(const std::string& table) const;
  TableSchema SchemaOf(const PostgresTable& table, const PostgresSource& place, std::string* problem);
  std::vector<std::string> NotesOf(const PostgresTable& table, const TableSchema& schema) const;
  std::string SetKey(const PostgresTable& table, TableSchema* schema) const;

  std::map<std::string, PostgresRecord> records_;  ///< By name.
  const std::map<std::string, std::vector<std::string>> keys_;
  const std::vector<TableSteps> steps_;
  std::map<std::string, std::shared_ptr<const KnownPostgresTable>> known_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_TABLES_H_
