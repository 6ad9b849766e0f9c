#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_INTAKE_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_INTAKE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "client/source/postgres/logged_rows.h"
#include "client/source/postgres/pgoutput.h"
#include "client/source/server/stage.h"

namespace mirror {

/// Takes the messages of one stream into the stage; the caller flushes. Threads: one.
class LogIntake {
 public:
  /// `expected`: the position that the log must give before any later change; absent: there is none. The
  /// stage has all commits up to `place`. The stage must outlive this.
  LogIntake(Stage& stage, std::optional<StageMark> expected, std::int64_t place)
      : stage_(stage), expected_(std::move(expected)), place_(place) {}

  /// Sets the tables from the next transaction on.
  void SetTables(std::shared_ptr<const StreamedTables> tables) { next_tables_ = std::move(tables); }

  /// Errors: those of the stage and of pgoutput::Decode(); kAborted: this is not the log that gave the
  /// expected position.
  absl::Status Take(std::string_view message);

  /// Whether no transaction is open.
  bool IsBetween() const { return !transaction_; }
  /// Whether there are commits since the last flush.
  bool HasCommits() const { return has_commits_; }
  /// Whether a position is among them.
  bool HasMark() const { return mark_lsn_ > flushed_mark_lsn_; }
  /// Writes committed changes. kAborted: also if the stage does not have all of them.
  absl::Status Flush();

  /// LSN of the last position on disk: the log up to it may be dropped; 0: there is none.
  std::int64_t flushed_mark() const { return flushed_mark_lsn_; }
  /// Whether the log has given the expected position.
  bool verified() const { return !expected_; }
  /// Whether Take() failed because the log is another one.
  bool is_other_log() const { return is_other_log_; }
  std::uint64_t changes() const { return changes_; }

 private:
  struct Known {
    pgoutput::Relation relation;
    std::optional<bool> fits;  ///< Absent: not checked yet.
  };

  absl::Status OtherLog();
  absl::Status Take(const pgoutput::Begin& begin);
  absl::Status Take(const pgoutput::Commit& commit);
  absl::Status Take(const pgoutput::Emitted& emitted);
  absl::Status Take(const pgoutput::Relation& relation);
  absl::Status Take(const pgoutput::Truncate& truncate);
  absl::Status Take(const pgoutput::Ignored& /*ignored*/) { return absl::OkStatus(); }
  template <typename Change>
  absl::Status Take(const Change& change);

  /// Returns the staged table of an oid; null: it is not staged.
  const StreamedTable* Find(std::uint32_t oid) const;

  Stage& stage_;
  std::optional<StageMark> expected_;
  const std::int64_t place_;
  std::shared_ptr<const StreamedTables> tables_, next_tables_;
  std::map<std::uint32_t, Known> relations_;
  std::optional<LoggedTransaction> transaction_;
  bool is_old_ = false;  ///< The stage already has the transaction.
  bool is_other_log_ = false;
  bool has_commits_ = false;
  std::int64_t last_lsn_ = 0;  ///< LSN of the last commit taken.
  std::int64_t mark_lsn_ = 0, flushed_mark_lsn_ = 0;
  bool is_mark_ = false;  ///< The present transaction is a position.
  std::uint64_t changes_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_INTAKE_H_
