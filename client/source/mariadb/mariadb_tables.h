#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_TABLES_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_TABLES_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/mariadb/mariadb_rows.h"
#include "client/source/mariadb/mariadb_types.h"
#include "client/source/reader.h"
#include "client/source/steps/table_steps.h"

namespace mirror {

/// The tables of the last look, and what was found in their values. Threads: one.
class MariadbSourceTables {
 public:
  /// See MariadbReaderOptions.
  MariadbSourceTables(const std::map<std::string, std::string>& records,
                      std::map<std::string, std::vector<std::string>> keys, std::vector<TableSteps> steps);

  void Clear() { known_.clear(); }
  /// Null: there is none.
  std::shared_ptr<const KnownMariadbTable> Find(const std::string& name) const;

  /// As it is announced. What people should know of it is told once.
  SourceTable Announce(MariadbTable table, const MariadbSource& place, std::vector<std::string>* notes);

  /// Values of these columns are not as they were announced.
  void Keep(const KnownMariadbTable& known, const std::vector<Misfit>& misfits);
  void Forget(const std::string& name) { records_.erase(name); }

 private:
  /// Those that values or rows depend on; null: none.
  const TableSteps* StepsOf(const std::string& table) const;
  TableSchema SchemaOf(const MariadbTable& table, std::string* problem);
  std::vector<std::string> NotesOf(const MariadbTable& table) const;
  std::string SetKey(const MariadbTable& table, TableSchema* schema) const;

  std::map<std::string, MariadbRecord> records_;  ///< By name.
  const std::map<std::string, std::vector<std::string>> keys_;
  const std::vector<TableSteps> steps_;
  std::map<std::string, std::shared_ptr<const KnownMariadbTable>> known_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_TABLES_H_
