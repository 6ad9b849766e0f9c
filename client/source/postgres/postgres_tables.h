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

namespace mirror {

/// The tables of the last look, and what was found in their values. Threads: one.
class PostgresTables {
 public:
  /// See PostgresReaderOptions.
  PostgresTables(std::map<std::string, std::string> records,
                 std::map<std::string, std::vector<std::string>> keys);

  void Clear() { known_.clear(); }
  /// Null: there is none.
  std::shared_ptr<const KnownPostgresTable> Find(const std::string& name) const;

  /// As it is announced. What people should know of it is told once.
  SourceTable Announce(PostgresTable table, const PostgresPlace& place, std::vector<std::string>* notes);

  /// Values of these columns are not as they were announced.
  void Keep(const KnownPostgresTable& known, const std::vector<PostgresMisfit>& misfits);
  void Forget(const std::string& name) { records_.erase(name); }

 private:
  TableSchema SchemaOf(const PostgresTable& table, const PostgresPlace& place, std::string* problem);
  std::vector<std::string> NotesOf(const PostgresTable& table, const TableSchema& schema) const;
  std::string SetKey(const PostgresTable& table, TableSchema* schema) const;

  std::map<std::string, PostgresRecord> records_;  ///< By name.
  const std::map<std::string, std::vector<std::string>> keys_;
  std::map<std::string, std::shared_ptr<const KnownPostgresTable>> known_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_TABLES_H_
