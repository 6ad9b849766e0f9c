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

struct MariadbLogOptions {
  std::string source_id = {};               ///< By which the agent knows the source; empty: it does not.
  std::string context_id = {};              ///< For whom it reads.
  const std::atomic<bool>* stop = nullptr;  ///< May be null; else it outlives the log.
  /// What a moment holds of the stage is given back then, and what is read behind that is of a later one: the
  /// stage cannot keep its limit meanwhile.
  std::chrono::milliseconds holds_for = std::chrono::minutes(30);
  bool exchange = false;  ///< Cycles and conflicts are noted, where the source has the tables for that.
};

/// The change log of a MariaDB database: its binlog, and the stage here; nothing is made in the source. A
/// position is a number of the stage's own and a random token as the lineage, for which the stage has the
/// place in the binlog.
///
/// The first Refresh() begins to stage. Without one, what is in the stage is judged as it is.
/// Threads: one at a time.
class MariadbLog : public ServerLog<MariadbLook, MariadbLogTables, MariadbStaging> {
 public:
  /// Where neither the stage nor the agent knows the source yet, or both lost what they knew, its id is made
  /// of what the server says of itself, so that it is the same again. Errors: those of the stage; then also
  /// the server's.
  static absl::StatusOr<std::unique_ptr<MariadbLog>> Open(std::shared_ptr<MariadbStaging> staging,
                                                          MariadbLogOptions options);
  /// What has to be so in the source before changes can be read there, each for people; empty: it is. Errors:
  /// it cannot be asked.
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
  /// Not where it is of a past that is not this binlog's.
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
  /// Null also when it was held long enough.
  std::shared_ptr<StageView> HeldView() override;

  absl::Status TakeMarker(std::int64_t above = 0);
  absl::Status KeepSource();
  absl::Status OpenExchange();

  absl::StatusOr<Covered> Cover(const MariadbLogTable& table, const std::vector<std::int64_t>& snapshots);

  const MariadbLogOptions options_;
  bool is_fresh_ = false;  ///< Behind a Refresh().
  // Absent: the source has no exchange.
  std::optional<MariadbMarks> marks_;
  std::optional<MariadbConflicts> conflicts_;
  MariadbLogTables tables_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOG_H_
