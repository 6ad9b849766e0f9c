#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/mariadb/mariadb_conflicts.h"
#include "client/source/mariadb/mariadb_marks.h"
#include "client/source/mariadb/mariadb_rows.h"
#include "client/source/mariadb/mariadb_staging.h"
#include "client/source/server/server_log.h"
#include "proto/wire/lsn.h"
#include "proto/wire/table.h"

namespace mirror {

/// A table of a source whose binlog is read.
struct MariadbLogTable : ServerLogTable {
  MariadbTable table;
  /// An LSN for each snapshot that was read: the changes that the snapshot lacks are staged after it.
  std::vector<std::int64_t> snapshots = {};
  absl::Status snapshot_trouble = {};  ///< Set if the position of a snapshot is not known.
};

/// Decides which tables are staged, and whether their staged changes count. Threads: one at a time.
class MariadbLogTables {
 public:
  using Table = MariadbLogTable;

  /// `staging` must outlive this; `stop` may be null.
  MariadbLogTables(MariadbStaging& staging, const std::atomic<bool>* stop) : staging_(staging), stop_(stop) {}

  /// Null: there is no table of this name.
  MariadbLogTable* Find(const std::string& name);
  std::map<std::string, MariadbLogTable>& all() { return tables_; }
  /// Returns the table's entry in the stage. Errors: also kAborted: it is not staged any more.
  absl::StatusOr<StagedTable> StagedOf(const MariadbLogTable& table);

  /// Reads the catalogs. If `marker` is null, the stage stays unchanged. Otherwise tables that changed are
  /// staged anew, from a position on to which `marker` is set. Returns the tables whose definition changed.
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& names,
                                                 std::optional<StageMark>* marker);

 private:
  /// Tables whose staged changes are void.
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

struct MariadbLogOptions {
  std::string source_id = {};               ///< The agent's id of the source; empty: it has none.
  std::string context_id = {};              ///< The tenant.
  const std::atomic<bool>* stop = nullptr;  ///< May be null; otherwise it must outlive the log.
  /// The held moment of the stage is released after this time, and later reads see a later moment. While it
  /// is held, the stage cannot keep its size limit.
  std::chrono::milliseconds holds_for = std::chrono::minutes(30);
  bool exchange = false;  ///< Notes cycles and conflicts, if the source has the tables for that.
};

/// The change log of a MariaDB database: its binlog, and the agent's stage. Nothing is created in the source.
/// A position has an LSN of the stage and a random token as its lineage. The stage has its place in the
/// binlog.
///
/// The first Refresh() starts the staging. Without it, positions are judged by what is staged now. Threads:
/// one at a time.
class MariadbLog : public ServerLog<MariadbLook, MariadbLogTables, MariadbStaging> {
 public:
  /// If neither the stage nor the agent knows the source, or both lost their state, its id is computed from
  /// the server's description of itself. So the same source gets the same id again. Errors: those of the
  /// stage, and in that case also the server's.
  static absl::StatusOr<std::unique_ptr<MariadbLog>> Open(std::shared_ptr<MariadbStaging> staging,
                                                          MariadbLogOptions options);
  /// Returns what must be changed in the source before its changes can be read, each for people; empty:
  /// nothing. Errors: the server cannot be queried.
  static absl::StatusOr<std::vector<std::string>> Check(const MariadbAccess& access, std::uint32_t server_id);

  absl::Status Refresh() override;
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables) override;
  bool Complete(TableSchema& schema) override;
  absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                        std::int64_t highest) override;
  absl::Status Forget(const std::map<std::string, Position>& durable) override;
  absl::StatusOr<std::map<std::string, std::string>> Unlogged() override;
  LogFigures Figures() override;
  CycleMarks* marks() override { return marks_ ? &*marks_ : nullptr; }

  absl::Status CheckReadable(const MariadbTable& table) override;
  void BeginRows(const MariadbTable& table) override;
  void NoteSnapshot(const MariadbTable& table, const std::string& snapshot) override;

 private:
  MariadbLog(std::shared_ptr<MariadbStaging> staging, MariadbLogOptions options)
      : ServerLog(std::move(staging), options.stop),
        options_(std::move(options)),
        tables_(*staging_, stop_) {}

  MariadbLogTables& tables() override { return tables_; }
  MariadbLogTable* FindStaged(const KnownMariadbTable& known) override;
  bool IsAhead(const StagedLog& log, std::int64_t /*lsn*/) override {
    return log.past == StagedLog::Past::kAhead;
  }
  /// False: the position may belong to another binlog.
  bool MayAdopt(const MariadbLogTable& table, bool is_sent, const StagedLog& log) const override {
    return table.id != 0 && (is_sent || log.past == StagedLog::Past::kWhole);
  }
  absl::StatusOr<Covered> CoverNoted(const MariadbLogTable& table) override;
  std::optional<Key> KeyOfRow(const MariadbLogTable& table, const StagedKey& key) const override;
  StagedKey StagedKeyFor(const KnownMariadbTable& known, const Key& key) const override;
  absl::StatusOr<std::unique_ptr<StagedTexts>> TextsOf(std::shared_ptr<const MariadbLook> look,
                                                       std::shared_ptr<const KnownMariadbTable> known,
                                                       const MariadbLogTable& table) override;
  bool HasOthers(const std::string& table) const override { return conflicts_ && conflicts_->Has(table); }
  void AddOthers(const KnownMariadbTable& known, Lsn target, std::vector<Key>* keys) override;
  std::shared_ptr<StageView> MomentFor(const KnownMariadbTable& known, bool is_behind_rows,
                                       bool whole_rows) override;
  /// Returns null also if the moment was held for `holds_for`.
  std::shared_ptr<StageView> HeldView() override;

  absl::Status TakeMarker(std::int64_t above = 0);
  absl::Status KeepSource();
  absl::Status OpenExchange();

  absl::StatusOr<Covered> Cover(const MariadbLogTable& table, const std::vector<std::int64_t>& snapshots);

  const MariadbLogOptions options_;
  bool is_fresh_ = false;  ///< A Refresh() was done.
  // Absent: the source has no exchange.
  std::optional<MariadbMarks> marks_;
  std::optional<MariadbConflicts> conflicts_;
  MariadbLogTables tables_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_H_
