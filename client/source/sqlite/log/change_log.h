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

/// The cycles in the row of `_mirror_exchange`, which `mirror-agent install` makes where the source accepts
/// something. Errors: those of SqliteFile. Threads: one.
class ExchangeMarks : public CycleMarks {
 public:
  /// `file`: opened with Use::kChange; outlives it.
  explicit ExchangeMarks(const SqliteFile& file) : file_(file) {}

  /// Whether the source has such a row.
  static absl::StatusOr<bool> AreIn(const SqliteFile& file);

  absl::StatusOr<Cycles> Read() override;
  void Begin(std::int64_t cycle) override { cycle_ = cycle; }
  absl::Status NoteCompleting(std::int64_t cycle) override;
  absl::Status NoteCompleted(std::int64_t cycle) override;

  /// In the transaction of a record of what is sent.
  absl::Status NoteWithRecord() const;

 private:
  const SqliteFile& file_;
  std::int64_t cycle_ = 0;  ///< 0: none began.
};

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

struct ChangeLogOptions {
  std::string path;
  std::string host;                              ///< Names the machine.
  std::int64_t retention_ms = 7LL * 86'400'000;  ///< Entries and records are kept for so long.
  std::int64_t max_log = 10'000'000;             ///< Entries of one table; more: it is populated anew.
  std::string source_id = {};  ///< For Install: what the mirror knows it by; empty: a new one.
  LogOwner owner = {};         ///< Who uses it.
  bool exchange = false;       ///< Cycles are noted, where the source has what is needed for that.
};

/// The change log of a SQLite source: for each table an append log that triggers write, and the record of
/// what was sent. All of it stands in the source itself, so that it is restored and copied with it:
///
///   _mirror_source    one row: the source's id and what it is bound to
///   _mirror_owner     one row: whose it is, see log_check.h
///   _mirror_tables    a row for each logged table
///   _mirror_lineage   a row for each set of positions that was sent; its token is the lineage
///   _mirror_log_<n>   the log of a table; its `seq` is the LSN. A number is never used again.
///   _mirror_<n>_*     its triggers
///
/// A log holds all changes behind its floor. Its first entry holds a random number and is never removed:
/// without it the log was emptied by hand, and the numbers of former entries may come again.
///
/// Write transactions hold one row, or one trim, or the making of one table's log.
/// Errors: those of SqliteFile. Threads: one.
class ChangeLog : public SourceLog {
 public:
  /// Null: it is not installed. Errors: also kFailedPrecondition, when it is not whole or another agent's.
  static absl::StatusOr<std::unique_ptr<ChangeLog>> Open(const ChangeLogOptions& options);
  /// Makes it, without any table. Harmless when it is there; one that is not whole begins anew.
  static absl::StatusOr<std::unique_ptr<ChangeLog>> Install(const ChangeLogOptions& options);
  /// Removes everything that Install and Renew made. False: there was nothing.
  static absl::StatusOr<bool> Uninstall(const ChangeLogOptions& options);

  /// How many entries stand behind the last position that was sent of each table, by folded name; none when
  /// it was never sent. Absent as a whole: it is not installed. Only reads. Errors: as those of Open().
  static absl::StatusOr<std::optional<std::map<std::string, std::optional<std::int64_t>>>> Waiting(
      const std::string& path, const LogOwner& owner);

  /// `mark` is not needed: the log has the file open.
  absl::StatusOr<std::string> Bind(const SourceMark& mark) override;

  /// New tables get a log, those of other tables are removed, and one whose triggers, entries or table are
  /// not what was left behind begins anew, which makes every position from before kGone.
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables) override;
  bool Complete(TableSchema& schema) override;
  CycleMarks* marks() override { return marks_ ? &*marks_ : nullptr; }

  const std::string& source_id() const override { return source_id_; }
  absl::StatusOr<Standing> Judge(const std::string& table, const Position& position) override;
  absl::StatusOr<std::optional<bool>> ChangedSince(const std::string& table, Lsn lsn) override;
  absl::StatusOr<std::optional<std::vector<Key>>> ChangedKeys(const std::string& table, Lsn lsn) override;
  bool NamesRows(const std::string& table) override;
  /// Whether there is a position of it that was sent.
  absl::StatusOr<bool> WasSent(const std::string& table);
  bool SeesChanges(const std::string& /*table*/) override { return true; }
  Form FormOf(const std::string& /*table*/) override { return {Strategy::kCdc}; }
  /// The log of the table begins anew where it has entries beyond the position.
  absl::StatusOr<bool> Adopt(const std::string& table, const Position& position) override;
  absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                        std::int64_t highest) override;
  absl::Status Forget(const std::map<std::string, Position>& durable) override;

  /// A target that covers all that was read until now: a new record is written when somebody committed since
  /// the last one. Who restores a backup that knows the record then has everything that the rows showed.
  absl::StatusOr<Position> Seal(const std::string& table, Lsn lsn);
  /// In a look at the table by another connection: no record covers what is read in it when the source is
  /// restored to a state from before. kAborted: it was.
  absl::Status See(const SqliteFile& file, const std::string& table);

  /// What the log of a table holds is not whole: every position so far is kGone.
  absl::Status GiveUp(const std::string& table) override;

  /// Of a table of the last Renew(); null: it has none.
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
  std::optional<LogPositions> sent_;  ///< Absent: not asked for since the last cycle began.
  std::string source_id_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_CHANGE_LOG_H_
