#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_POSTGRES_LOG_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_POSTGRES_LOG_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/postgres/log/postgres_log_tables.h"
#include "client/source/postgres/log/postgres_snapshot.h"
#include "client/source/postgres/log/postgres_staged_texts.h"
#include "client/source/postgres/log/postgres_staging.h"
#include "client/source/postgres/postgres_marks.h"
#include "client/source/postgres/postgres_rows.h"
#include "client/source/server/server_reader_log.h"
#include "client/source/stage/staged_history.h"

namespace mirror {

struct PostgresLogOptions {
  std::string schema = "public";
  std::int64_t snapshot_wait_ms = 30'000;   ///< For transactions that a new table waits for.
  std::string source_id = {};               ///< By which the agent knows the source; empty: it does not.
  const std::atomic<bool>* stop = nullptr;  ///< May be null; else it outlives the log.
  bool exchange = false;  ///< Cycles are noted, where the source has what is needed for that.
  /// Whether the values of a table's column go otherwise than they stand in the source.
  std::function<bool(const std::string& table, const std::string& column)> turns = {};
};

/// The change log of a PostgreSQL database: a publication and a replication slot there, and the stage here. A
/// position is a message in the database's own log: its commit's LSN, and a random token as the lineage.
///
/// The first Refresh() begins to stage. Without one, what is in the stage is judged as it is.
/// Threads: one at a time.
class PostgresLog : public StagedHistory, public ServerReaderLog<PostgresLook> {
 public:
  /// Null: it is not installed, there is no publication. Errors: those of Connection::Open().
  static absl::StatusOr<std::unique_ptr<PostgresLog>> Open(std::shared_ptr<PostgresStaging> staging,
                                                           PostgresLogOptions options);

  const std::string& source_id() const override { return source_id_; }
  absl::StatusOr<std::string> Bind(const SourceMark& mark) override;
  absl::Status Refresh() override;
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables) override;
  bool Complete(TableSchema& schema) override { return tables_.Complete(schema); }
  absl::StatusOr<Standing> Judge(const std::string& table, const Position& position) override;
  absl::StatusOr<std::optional<bool>> ChangedSince(const std::string& table, Lsn lsn) override;
  /// Also those of commits that a snapshot in which its rows were read since Refresh() does not see, and of
  /// all up to now: a row that differs and is not among them is wrong. kAborted: what was staged of the table
  /// was given up since its rows were read.
  absl::StatusOr<std::optional<std::vector<Key>>> ChangedKeys(const std::string& table, Lsn lsn) override;
  absl::StatusOr<bool> Adopt(const std::string& table, const Position& position) override;
  absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                        std::int64_t highest) override;
  absl::Status Forget(const std::map<std::string, Position>& durable) override;
  LogFigures Figures() override;
  CycleMarks* marks() override { return marks_ ? &*marks_ : nullptr; }
  absl::StatusOr<std::map<std::string, std::string>> Unlogged() override { return tables_.Unlogged(); }

  absl::Status CheckReadable(const PostgresTable& table) override;
  void BeginRows(const PostgresTable& table) override;
  absl::StatusOr<std::unique_ptr<TableReader>> LoggedRows(std::shared_ptr<const PostgresLook> look,
                                                          std::shared_ptr<const KnownPostgresTable> known,
                                                          const std::vector<std::uint32_t>& columns) override;
  void NoteSnapshot(const PostgresTable& table, const std::string& snapshot) override;
  absl::Status HoldMoment() override;
  void LeaveMoment() override { moment_.reset(); }
  absl::StatusOr<std::unique_ptr<ChangeReader>> Changes(std::shared_ptr<const PostgresLook> look,
                                                        std::shared_ptr<const KnownPostgresTable> known,
                                                        Ask ask) override;

 private:
  using Table = PostgresLogTables::Table;

  PostgresLog(std::shared_ptr<PostgresStaging> staging, PostgresLogOptions options)
      : options_(std::move(options)),
        staging_(std::move(staging)),
        sessions_(std::make_shared<PostgresSessions>(staging_->options().access)),
        tables_(staging_, sessions_,
                {options_.schema, options_.snapshot_wait_ms, options_.stop, options_.turns}) {}

  Stage& stage() override { return staging_->stage(); }
  /// What is read: as it was at the moment, where one is held.
  StageView& view() { return moment_ ? *moment_->view : stage(); }
  struct Covered {
    std::int64_t from = 0;   ///< All that the snapshots do not see is staged behind it.
    std::int64_t floor = 0;  ///< Of the table.
    StageMark marker;        ///< All that is committed now is staged up to it.
  };
  /// kAborted: what came behind a snapshot is not all staged.
  absl::StatusOr<Covered> Cover(const Table& table, const std::vector<PostgresSnapshot>& snapshots);
  /// Of all snapshots that were noted of it. kAborted: also when it was given up since.
  absl::StatusOr<Covered> CoverNoted(const Table& table);
  absl::Status KeepSource();
  absl::StatusOr<std::unique_ptr<PostgresStagedTexts>> TextsOf(
      std::shared_ptr<const PostgresLook> look, std::shared_ptr<const KnownPostgresTable> known,
      const Table& table);

  const PostgresLogOptions options_;
  const std::shared_ptr<PostgresStaging> staging_;
  const std::shared_ptr<PostgresSessions> sessions_;
  std::string source_id_;
  bool had_source_ = false;  ///< The stage has that.
  std::optional<StageMark> marker_;
  struct Moment {
    StageMark marker;  ///< All that was committed when it was held is staged up to it.
    std::shared_ptr<StageView> view;
  };
  std::optional<Moment> moment_;
  PostgresLogTables tables_;
  std::optional<PostgresMarks> marks_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_POSTGRES_LOG_H_
