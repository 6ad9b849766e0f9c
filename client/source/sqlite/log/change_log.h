#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_CHANGE_LOG_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_CHANGE_LOG_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/source_log.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/log/log_check.h"
#include "client/source/sqlite/log/log_prefix.h"
#include "client/source/sqlite/log/log_tables.h"

namespace mirror {

/// The cycles in the row of `_mirror_exchange`, which `mirror-agent install` makes if the source accepts
/// deliveries. Errors: those of SqliteFile. Threads: one.
class ExchangeMarks : public CycleMarks {
 public:
  /// `file`: opened with Use::kChange; must outlive it.
  explicit ExchangeMarks(const SqliteFile& file) : file_(file) {}

  /// Whether the source has that row.
  static absl::StatusOr<bool> AreIn(const SqliteFile& file);

  absl::StatusOr<Cycles> Read() override;
  void Begin(std::int64_t cycle) override { cycle_ = cycle; }
  absl::Status NoteCompleting(std::int64_t cycle) override;
  absl::Status NoteCompleted(std::int64_t cycle) override;

  /// Called in the transaction that records sent rows.
  absl::Status NoteWithRecord() const;

 private:
  const SqliteFile& file_;
  std::int64_t cycle_ = 0;  ///< 0: no cycle began.
};

/// Position of each log.
using LogPositions = std::map<std::int64_t, std::int64_t>;

/// The record of what was sent of a source: the rows of `_mirror_lineage`, and the log entries that existed
/// when rows were read. Errors: those of SqliteFile. Threads: one.
class LogRecords {
 public:
  explicit LogRecords(const SqliteFile& file) : file_(file) {}

  /// Sets work for the transaction of each record; the record fails with it.
  void DoWithRecords(std::function<absl::Status()> work) { with_records_ = std::move(work); }

  /// Records with lower ids belong to the source that this one is a copy of.
  std::int64_t first() const { return first_; }
  void SetFirst(std::int64_t id) { first_ = id; }
  /// Returns the id of the next record.
  absl::StatusOr<std::int64_t> Next() const;

  /// Absent: there is no such record, or it is of another source.
  absl::StatusOr<std::optional<LogPositions>> Find(const std::string& token) const;
  /// Returns the last sent position of each log.
  absl::StatusOr<LogPositions> Sent() const;
  /// Returns for each log the highest position recorded before that time.
  absl::StatusOr<LogPositions> SentBefore(std::int64_t before_ms) const;
  /// In a change: adds this position to the record with this token.
  absl::Status Adopt(const std::string& token, std::int64_t log, std::int64_t lsn);

  /// Begins a cycle with a record of these positions; returns its token.
  absl::StatusOr<std::string> Begin(const LogPositions& positions);
  /// Returns the token of a record that covers everything read until now. Writes a new record if there was a
  /// commit since the last one.
  absl::StatusOr<std::string> Cover(std::int64_t log, std::int64_t lsn);
  /// In a look by another connection: notes the log's present entries. kAborted: the source was restored.
  absl::Status See(const SqliteFile& file, std::int64_t log);
  /// The cycle's rows were read: forgets the noted entries.
  void LeaveSeen() { seen_.clear(); }

  /// Removes records older than that, except the last sent one of each log, and those of `shown`.
  absl::Status Forget(const std::set<std::string>& shown, std::int64_t before_ms);

 private:
  absl::Status Write(const LogPositions& positions);
  /// In a change: checks that the last record of this cycle still exists, and the entries that existed when
  /// rows of these logs' tables were read. Otherwise, after a backup is restored while rows are read, a
  /// record of the restored file would confirm those rows.
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

struct ChangeLogOptions {
  std::string path;
  std::string host;                              ///< Names this machine.
  std::int64_t retention_ms = 7LL * 86'400'000;  ///< Entries and records are kept for this long.
  std::int64_t max_log = 10'000'000;             ///< Entries of one table; above it the table is populated.
  std::string source_id = {};  ///< For Install: the mirror's id of the source; empty: a new one.
  LogOwner owner = {};         ///< The agent that uses the log.
  bool exchange = false;       ///< Notes cycles, if the source has the table for that.
};

/// The change log of a SQLite source: for each table an append log that triggers write, and the record of
/// what was sent. All of it is stored in the source itself, and is restored and copied with it:
///
///   _mirror_source    one row: the source's id and its binding to a file
///   _mirror_owner     one row: its owner, see log_check.h
///   _mirror_tables    a row for each logged table
///   _mirror_lineage   a row for each set of positions that was sent; its token is the lineage
///   _mirror_log_<n>   the log of a table; its `seq` is the LSN. A number is never reused.
///   _mirror_<n>_*     its triggers
///
/// A log holds all changes after its floor. Its first entry holds a random number and is never removed:
/// without it the log was emptied by hand, and numbers of former entries may be used again.
///
/// A write transaction holds one row, or one trim, or the creation of one table's log.
/// Errors: those of SqliteFile. Threads: one.
class ChangeLog : public SourceLog {
 public:
  /// Null: it is not installed. Errors: also kFailedPrecondition, if it is incomplete or another agent's.
  static absl::StatusOr<std::unique_ptr<ChangeLog>> Open(const ChangeLogOptions& options);
  /// Creates it without any table. Does nothing if it exists; an incomplete one is created again.
  static absl::StatusOr<std::unique_ptr<ChangeLog>> Install(const ChangeLogOptions& options);
  /// Removes everything that Install and Renew created. False: there was nothing.
  static absl::StatusOr<bool> Uninstall(const ChangeLogOptions& options);

  /// Returns how many entries of each table are newer than its last sent position, by folded name; absent if
  /// the table was never sent. Absent as a whole: it is not installed. Only reads. Errors: those of Open().
  static absl::StatusOr<std::optional<std::map<std::string, std::optional<std::int64_t>>>> Waiting(
      const std::string& path, const LogOwner& owner);

  /// `mark` is not used: the log has the file open.
  absl::StatusOr<std::string> Bind(const SourceMark& mark) override;

  /// Creates logs for new tables, removes those of other tables, and restarts a log whose triggers, entries
  /// or table were changed by others; all earlier positions of it become kGone.
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables) override;
  bool Complete(TableSchema& schema) override;
  CycleMarks* marks() override { return marks_ ? &*marks_ : nullptr; }

  const std::string& source_id() const override { return source_id_; }
  absl::StatusOr<Standing> Judge(const std::string& table, const Position& position) override;
  absl::StatusOr<std::optional<bool>> ChangedSince(const std::string& table, Lsn lsn) override;
  absl::StatusOr<std::optional<std::vector<Key>>> ChangedKeys(const std::string& table, Lsn lsn) override;
  bool NamesRows(const std::string& table) override;
  /// Whether a position of the table was ever sent.
  absl::StatusOr<bool> WasSent(const std::string& table);
  bool SeesChanges(const std::string& /*table*/) override { return true; }
  Form FormOf(const std::string& /*table*/) override { return {Strategy::kCdc}; }
  /// Restarts the table's log if it has entries beyond the position.
  absl::StatusOr<bool> Adopt(const std::string& table, const Position& position) override;
  absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                        std::int64_t highest) override;
  absl::Status Forget(const std::map<std::string, Position>& durable) override;

  /// Returns a target that covers all that was read until now; adds a record if there was a commit since the
  /// last one. A restored backup with that record then has everything that the rows showed.
  absl::StatusOr<Position> Seal(const std::string& table, Lsn lsn);
  /// Called in a look at the table by another connection: after a restore to an earlier state no record
  /// confirms what the look reads. kAborted: the source was restored.
  absl::Status See(const SqliteFile& file, const std::string& table);

  /// The log of a table is incomplete: every position so far becomes kGone.
  absl::Status GiveUp(const std::string& table) override;

  /// Finds a table of the last Renew(); null: it has no log.
  const TableLog* Find(const std::string& table) { return logs_.Find(table); }

 private:
  ChangeLog(ChangeLogOptions options, std::unique_ptr<SqliteFile> file)
      : options_(std::move(options)), file_(std::move(file)), logs_(*file_), records_(*file_) {}
  static absl::StatusOr<std::unique_ptr<ChangeLog>> Make(const ChangeLogOptions& options, bool install);
  absl::Status Load();
  absl::Status BoundLogs();
  absl::Status ForgetEntries(const std::map<std::string, Position>& durable, std::int64_t before_ms,
                             int* trims);
  absl::Status Trim(const TableLog& log, int* trims);

  const ChangeLogOptions options_;
  const std::unique_ptr<SqliteFile> file_;
  LogTables logs_;
  LogRecords records_;
  std::optional<ExchangeMarks> marks_;
  std::optional<LogPositions> sent_;  ///< Absent: not read since the last cycle began.
  std::string source_id_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_CHANGE_LOG_H_
