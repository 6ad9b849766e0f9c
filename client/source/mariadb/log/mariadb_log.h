#ifndef MIRROR_CLIENT_SOURCE_MARIADB_LOG_MARIADB_LOG_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_LOG_MARIADB_LOG_H_

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
#include "client/source/mariadb/log/mariadb_log_tables.h"
#include "client/source/mariadb/log/mariadb_staging.h"
#include "client/source/mariadb/mariadb_conflicts.h"
#include "client/source/mariadb/mariadb_marks.h"
#include "client/source/mariadb/mariadb_rows.h"
#include "client/source/server/server_reader_log.h"
#include "client/source/stage/staged_history.h"

namespace mirror {

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
class MariadbLog : public StagedHistory, public ServerReaderLog<MariadbLook> {
 public:
  /// Where neither the stage nor the agent knows the source yet, or both lost what they knew, its id is made
  /// of what the server says of itself, so that it is the same again. Errors: those of the stage; then also
  /// the server's.
  static absl::StatusOr<std::unique_ptr<MariadbLog>> Open(std::shared_ptr<MariadbStaging> staging,
                                                          MariadbLogOptions options);
  /// What has to be so in the source before changes can be read there, each for people; empty: it is. Errors:
  /// it cannot be asked.
  static absl::StatusOr<std::vector<std::string>> Check(const MariadbAccess& access, std::uint32_t server_id);

  const std::string& source_id() const override { return source_id_; }
  absl::StatusOr<std::string> Bind(const SourceMark& mark) override;
  absl::Status Refresh() override;
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables) override;
  bool Complete(TableSchema& schema) override;
  absl::StatusOr<Standing> Judge(const std::string& table, const Position& position) override;
  absl::StatusOr<std::optional<bool>> ChangedSince(const std::string& table, Lsn lsn) override;
  /// Also those of commits that a snapshot in which its rows were read since Refresh() does not see, and of
  /// all up to now: a row that differs and is not among them is wrong.
  absl::StatusOr<std::optional<std::vector<Key>>> ChangedKeys(const std::string& table, Lsn lsn) override;
  absl::StatusOr<bool> Adopt(const std::string& table, const Position& position) override;
  absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                        std::int64_t highest) override;
  absl::Status Forget(const std::map<std::string, Position>& durable) override;
  absl::StatusOr<std::map<std::string, std::string>> Unlogged() override;
  LogFigures Figures() override;
  CycleMarks* marks() override { return marks_ ? &*marks_ : nullptr; }

  absl::Status CheckReadable(const MariadbTable& table) override;
  void BeginRows(const MariadbTable& table) override;
  void NoteSnapshot(const MariadbTable& table, const std::string& snapshot) override;
  absl::Status HoldMoment() override;
  void LeaveMoment() override { moment_.reset(); }
  absl::StatusOr<std::unique_ptr<ChangeReader>> Changes(std::shared_ptr<const MariadbLook> look,
                                                        std::shared_ptr<const KnownMariadbTable> known,
                                                        Ask ask) override;

 private:
  MariadbLog(std::shared_ptr<MariadbStaging> staging, MariadbLogOptions options)
      : options_(std::move(options)), staging_(std::move(staging)), tables_(*staging_, options_.stop) {}

  Stage& stage() override { return staging_->stage(); }
  absl::Status TakeMarker(std::int64_t above = 0);
  absl::Status KeepSource();
  absl::Status OpenExchange();
  absl::Status ForgetConflicts(const std::map<std::string, Position>& durable);

  struct Covered {
    std::int64_t from = 0;  ///< All that the snapshots do not see is staged behind it.
    StageMark marker;       ///< All that is committed now is staged up to it.
  };
  absl::StatusOr<Covered> Cover(const MariadbLogTable& table, const std::vector<std::int64_t>& snapshots);
  absl::StatusOr<std::int64_t> LsnOfSnapshot(const std::string& snapshot);
  /// What is held of the stage; null: nothing, or not any more.
  std::shared_ptr<StageView> Moment();

  const MariadbLogOptions options_;
  const std::shared_ptr<MariadbStaging> staging_;
  std::string source_id_;
  bool had_source_ = false;  ///< The stage has that.
  bool is_fresh_ = false;    ///< Behind a Refresh().
  std::optional<StageMark> marker_;
  // Absent: the source has no exchange.
  std::optional<MariadbMarks> marks_;
  std::optional<MariadbConflicts> conflicts_;
  std::shared_ptr<StageView> moment_;  ///< See Moment().
  std::chrono::steady_clock::time_point moment_begun_;
  MariadbLogTables tables_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_LOG_MARIADB_LOG_H_
