#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_LOG_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_LOG_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/postgres/postgres_log_tables.h"
#include "client/source/postgres/postgres_marks.h"
#include "client/source/postgres/postgres_rows.h"
#include "client/source/postgres/postgres_staging.h"
#include "client/source/postgres/text_values.h"
#include "client/source/server/server_log.h"
#include "client/source/server/server_staged_texts.h"
#include "client/source/server/staged_changes.h"

namespace mirror {

/// See ServerStagedTexts.
class PostgresStagedTexts : public ServerStagedTexts<PostgresLook> {
 public:
  PostgresStagedTexts(std::shared_ptr<const PostgresLook> look,
                      std::shared_ptr<const KnownPostgresTable> known, PositionOf position_of);

 private:
  std::int64_t NumberOf(std::size_t column) const override { return known_->table.columns[column].number; }
  std::vector<Value> Take(const std::vector<std::uint32_t>& columns, const std::vector<SourceText>& texts,
                          std::vector<Misfit>* misfits) override;
  absl::StatusOr<std::vector<BaseRow>> ReadRows(const std::vector<StagedKey>& keys,
                                                std::string* snapshot) override;
  /// `by_text`: compares keys as texts, even if one is no value of its column's type.
  std::string BaseSql(bool by_text) const;
  absl::Status ReadInto(const std::vector<StagedKey>& keys, bool by_text, std::string* snapshot,
                        std::vector<BaseRow>* rows) const;

  std::vector<PostgresTextColumn> columns_;
  std::vector<std::uint32_t> key_;
  PostgresTextValues values_;
};

struct PostgresLogOptions {
  std::string schema = "public";
  std::int64_t snapshot_wait_ms = 30'000;   ///< Wait of a new table for open transactions.
  std::string source_id = {};               ///< The agent's id of the source; empty: it has none.
  const std::atomic<bool>* stop = nullptr;  ///< May be null; otherwise it must outlive the log.
  bool exchange = false;                    ///< Notes cycles, if the source has the table for that.
  /// Whether values of a table's column are hashed or masked before they are sent.
  std::function<bool(const std::string& table, const std::string& column)> turns = {};
};

/// The change log of a PostgreSQL database: a publication and a replication slot there, and the stage here. A
/// position is a message in the database's own log: its commit's LSN, and a random token as the lineage.
///
/// The first Refresh() starts the staging. Without it, positions are judged by the present stage.
/// Threads: one at a time.
class PostgresLog : public ServerLog<PostgresLook, PostgresLogTables, PostgresStaging> {
 public:
  /// Null: it is not installed: there is no publication. Errors: those of Connection::Open().
  static absl::StatusOr<std::unique_ptr<PostgresLog>> Open(std::shared_ptr<PostgresStaging> staging,
                                                           PostgresLogOptions options);

  absl::Status Refresh() override;
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables) override;
  bool Complete(TableSchema& schema) override { return tables_.Complete(schema); }
  LogFigures Figures() override;
  CycleMarks* marks() override { return marks_ ? &*marks_ : nullptr; }
  absl::StatusOr<std::map<std::string, std::string>> Unlogged() override { return tables_.Unlogged(); }

  absl::Status CheckReadable(const PostgresTable& table) override;
  void BeginRows(const PostgresTable& table) override;
  absl::StatusOr<std::unique_ptr<TableReader>> LoggedRows(std::shared_ptr<const PostgresLook> look,
                                                          std::shared_ptr<const KnownPostgresTable> known,
                                                          const std::vector<std::uint32_t>& columns) override;
  void NoteSnapshot(const PostgresTable& table, const std::string& snapshot) override;

 private:
  using Table = PostgresLogTables::Table;

  PostgresLog(std::shared_ptr<PostgresStaging> staging, PostgresLogOptions options)
      : ServerLog(std::move(staging), options.stop),
        options_(std::move(options)),
        sessions_(std::make_shared<PostgresSessions>(staging_->options().access)),
        tables_(staging_, sessions_,
                {options_.schema, options_.snapshot_wait_ms, options_.stop, options_.turns}) {}

  PostgresLogTables& tables() override { return tables_; }
  Table* FindStaged(const KnownPostgresTable& known) override { return tables_.FindById(known.table.oid); }
  bool IsAhead(const StagedLog& log, std::int64_t lsn) override;
  /// False for positions of a future that the restored database does not have.
  bool MayAdopt(const Table& /*table*/, bool is_sent, const StagedLog& log) const override {
    return is_sent || log.past != StagedLog::Past::kRestored;
  }
  absl::StatusOr<Covered> CoverNoted(const Table& table) override;
  std::int64_t ReadAt(const Table& table, const Covered& covered) const override;
  std::optional<Key> KeyOfRow(const Table& table, const StagedKey& key) const override;
  StagedKey StagedKeyFor(const KnownPostgresTable& known, const Key& key) const override;
  absl::StatusOr<std::unique_ptr<StagedTexts>> TextsOf(std::shared_ptr<const PostgresLook> look,
                                                       std::shared_ptr<const KnownPostgresTable> known,
                                                       const Table& table) override;
  absl::Status ForgetMore() override;

  /// kAborted: some changes after a snapshot are not staged.
  absl::StatusOr<Covered> Cover(const Table& table, const std::vector<PostgresSnapshot>& snapshots);
  absl::Status KeepSource();

  const PostgresLogOptions options_;
  const std::shared_ptr<PostgresSessions> sessions_;
  PostgresLogTables tables_;
  std::optional<PostgresMarks> marks_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_LOG_H_
