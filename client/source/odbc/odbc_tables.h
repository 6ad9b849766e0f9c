#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_TABLES_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_TABLES_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/source/odbc/odbc_rows.h"
#include "client/source/odbc/odbc_table.h"
#include "client/source/postgres/postgres_types.h"
#include "client/source/reader.h"
#include "client/source/steps/table_steps.h"

namespace mirror {

/// The tables of the last look, and what was found in their values. Threads: one.
class OdbcSourceTables {
 public:
  /// See OdbcReaderOptions.
  OdbcSourceTables(std::map<std::string, std::string> records,
                   std::map<std::string, std::vector<std::string>> keys, std::vector<TableSteps> steps);

  void Clear() { known_.clear(); }
  /// Null: there is none.
  std::shared_ptr<const KnownOdbcTable> Find(const std::string& name) const;

  /// As it is announced. What people should know of it is told once.
  SourceTable Announce(OdbcTable table, std::vector<std::string>* notes);

  /// Values of these columns are not as they were announced.
  void Keep(const KnownOdbcTable& known, const std::vector<Misfit>& misfits);
  void Forget(const std::string& name) { records_.erase(name); }

 private:
  /// Those that values or rows depend on; null: none.
  const TableSteps* StepsOf(const std::string& table) const;
  TableSchema SchemaOf(const OdbcTable& table, std::string* problem);
  std::string SetKey(const OdbcTable& table, TableSchema* schema) const;
  std::vector<std::string> NotesOf(const OdbcTable& table, const TableSchema& schema) const;

  /// By name. The form of PostgreSQL's serves any source whose columns have numbers.
  std::map<std::string, PostgresRecord> records_;
  const std::map<std::string, std::vector<std::string>> keys_;
  const std::vector<TableSteps> steps_;
  std::map<std::string, std::shared_ptr<const KnownOdbcTable>> known_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_TABLES_H_
