#ifndef MIRROR_CLIENT_SOURCE_MARIADB_LOG_MARIADB_LOG_TABLES_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_LOG_MARIADB_LOG_TABLES_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/mariadb/log/mariadb_staging.h"
#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/server/server_log.h"
#include "proto/wire/lsn.h"
#include "proto/wire/table.h"

namespace mirror {

/// A table of a source whose binlog is read.
struct MariadbLogTable : ServerLogTable {
  MariadbTable table;
  std::vector<std::int64_t> snapshots = {};  ///< Of snapshots that were read: all behind it they do not see.
  absl::Status snapshot_trouble = {};        ///< Of one of them it is not known.
};

/// Which tables are staged, and whether what is staged of them counts. Threads: one at a time.
class MariadbLogTables {
 public:
  using Table = MariadbLogTable;

  /// `staging` outlives this; `stop` may be null.
  MariadbLogTables(MariadbStaging& staging, const std::atomic<bool>* stop) : staging_(staging), stop_(stop) {}

  /// Null: it has none of this name.
  MariadbLogTable* Find(const std::string& name);
  std::map<std::string, MariadbLogTable>& all() { return tables_; }
  /// Errors: also kAborted: it is not staged any more.
  absl::StatusOr<StagedTable> StagedOf(const MariadbLogTable& table);

  /// Takes the catalogs. Without a `marker` the stage stays as it is; else that is set where it was taken
  /// anew: what is staged of tables counts from there on. Gives the names of those whose definition changed.
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& names,
                                                 std::optional<StageMark>* marker);

 private:
  /// Tables of which what was staged so far does not count.
  struct Renewal {
    std::vector<std::string> fresh, changed;
  };
  absl::Status TakeCatalog(const std::vector<std::string>& names);
  absl::Status FindChanges(bool is_fresh, Renewal* renewal);
  absl::Status RaiseRenewed(const Renewal& renewal, std::int64_t lsn);
  absl::Status SetStaged(const MariadbLogTable& table, const std::string& fingerprint);
  absl::Status DropOthers();
  void SetLogged();

  MariadbStaging& staging_;
  const std::atomic<bool>* const stop_;
  BinlogCharsets charsets_;
  std::string database_;
  std::map<std::string, MariadbLogTable> tables_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_LOG_MARIADB_LOG_TABLES_H_
