#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_RECORDS_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_RECORDS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/log/log_prefix.h"

namespace mirror {

/// Positions by log.
using LogPositions = std::map<std::int64_t, std::int64_t>;

/// The record of what was sent of a source: the rows of `_mirror_lineage`, and what of the logs was there
/// when rows were read. Errors: those of SqliteFile. Threads: one.
class LogRecords {
 public:
  explicit LogRecords(const SqliteFile& file) : file_(file) {}

  /// What is done in the transaction of each record, and fails with it.
  void DoWithRecords(std::function<absl::Status()> work) { with_records_ = std::move(work); }

  /// Records with lower ids are those of the source this one is a copy of.
  std::int64_t first() const { return first_; }
  void SetFirst(std::int64_t id) { first_ = id; }
  /// The id of the next one.
  absl::StatusOr<std::int64_t> Next() const;

  /// Absent: there is no such record, or it is another source's.
  absl::StatusOr<std::optional<LogPositions>> Find(const std::string& token) const;
  /// Of each log the last position sent.
  absl::StatusOr<LogPositions> Sent() const;
  /// Of each log the highest position that is on record since before then.
  absl::StatusOr<LogPositions> SentBefore(std::int64_t before_ms) const;
  /// In a change: has the record of this token hold this position, too.
  absl::Status Adopt(const std::string& token, std::int64_t log, std::int64_t lsn);

  /// A cycle begins, with a record of these: its token.
  absl::StatusOr<std::string> Begin(const LogPositions& positions);
  /// The token of a record that covers all that was read until now: a new one is written when somebody
  /// committed since the last one.
  absl::StatusOr<std::string> Cover(std::int64_t log, std::int64_t lsn);
  /// In a look by another connection: what of the log is there now. kAborted: the source was restored.
  absl::Status See(const SqliteFile& file, std::int64_t log);
  /// The cycle's rows were read.
  void LeaveSeen() { seen_.clear(); }

  /// Removes records from before then, but of each log the last one sent, and those of `shown`.
  absl::Status Forget(const std::set<std::string>& shown, std::int64_t before_ms);

 private:
  absl::Status Write(const LogPositions& positions);
  /// In a change: the last record of this cycle still stands, and so do the entries that were there when rows
  /// of these logs' tables were read. Who restores a backup while rows are read would have them vouched for
  /// by a record of the restored file otherwise.
  absl::Status CheckNotRestored(const LogPositions& positions);
  absl::StatusOr<std::int64_t> OthersVersion() const;

  const SqliteFile& file_;
  std::int64_t first_ = 0;
  std::function<absl::Status()> with_records_;
  // The last record since Begin().
  std::string token_;
  LogPositions recorded_;
  std::int64_t recorded_version_ = -1;
  std::map<std::int64_t, LogPrefix> seen_;  ///< By log.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_RECORDS_H_
