#ifndef MIRROR_CLIENT_SOURCE_SERVER_STAGE_H_
#define MIRROR_CLIENT_SOURCE_SERVER_STAGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/commit_signal.h"
#include "client/source/server/staged_row.h"

namespace mirror {

struct StageOptions {
  std::string path;                         ///< "<state_dir>/<context_id>.stage.db", made with mode 0600.
  std::int64_t max_bytes = 10'000'000'000;  ///< Limit of the file and its log together.
  std::size_t fold_bytes = 64'000'000;      ///< Limit in memory; above it changes are written to the file.
  std::int64_t retention_ms = 7LL * 86'400'000;  ///< Marks and rows are kept for this long.
};

/// A transaction of the source.
struct LoggedTransaction {
  std::int64_t lsn = 0;      ///< LSN of its commit; greater than that of each transaction before.
  std::uint64_t xid = 0;     ///< 0: it has none.
  std::int64_t time_ms = 0;  ///< Commit time, unix milliseconds.
};

/// A position that a cycle may send, and the data by which the source is recognised as its sender.
struct StageMark {
  std::int64_t lsn = 0;
  std::string token;  ///< The lineage.
  std::int64_t time_ms = 0;
  std::string position;     ///< In the source's own notation; empty: the LSN is enough.
  std::string fingerprint;  ///< What the log contained at the position; empty: the token is enough.
  friend bool operator==(const StageMark&, const StageMark&) = default;
};

/// A staged table of the source.
struct StagedTable {
  std::int64_t id = 0;  ///< The source's number for it (a PostgreSQL oid); never that of another one.
  std::string name;
  std::vector<std::int64_t> key;  ///< Numbers of the key's columns, in its order.
  std::string fingerprint;  ///< Fingerprint of its definition; if it differs, staged rows may be incomplete.
  std::int64_t floor = 0;   ///< All changes after this LSN are staged; earlier ones may not be.
  /// LSN of the last emptying (TRUNCATE): the net rows after it are all rows of the table. 0: never emptied.
  std::int64_t truncated_lsn = 0;
  std::string gone_because;  ///< Why the floor was raised last, for people.
};

/// Facts in the stage about the server that wrote the log.
struct StageSource {
  std::string identity;       ///< SourceMark.database
  std::string source_id;      ///< The mirror knows the source by this id.
  std::int64_t timeline = 0;  ///< 0: the server has no timelines.
};

/// The net rows of one table after a position, as of the creation of this object. Rows staged later are not
/// seen. Up to 4 MB of rows are copied into memory, more rows into a temporary file without a name beside the
/// stage. Only rows from a view of Stage::Hold() are read from the stage's file itself. Threads: one.
class StagedRows {
 public:
  virtual ~StagedRows() = default;
  struct Row {
    StagedKey key;
    StagedRow row;
  };
  /// Returns up to `count` more rows: first deleted rows, then moved ones, parts, whole ones, each group
  /// ordered by the LSN of its last change. Fewer than `count`: these were the last.
  virtual absl::StatusOr<std::vector<Row>> Next(std::size_t count) = 0;
  /// Returns the LSN of the last commit whose changes the rows contain. They contain no change of a later
  /// commit.
  virtual std::int64_t place() const = 0;
  struct Counts {
    std::int64_t whole = 0, moved = 0, parts = 0, gone = 0;
    std::int64_t came_and_went = 0;  ///< Part of `gone`: rows first inserted after `behind`.
  };
  /// Counts all rows, also those that Next() already returned. `behind`: an LSN, see Counts.
  virtual absl::StatusOr<Counts> Count(std::int64_t behind) = 0;
};

/// Returns the error for a caller that finds the stage's place below a commit that was already staged. The
/// log must then be read again.
inline absl::Status StageFellBehind() {
  return absl::AbortedError(
      "the stage lacks the changes that were staged last: they are read again from the source's log");
}

/// Reads what is staged. kNotFound: the table is not staged. Other errors: those of Stage.
class StageView {
 public:
  virtual ~StageView() = default;
  /// Returns the LSN of the last commit on disk; 0: none.
  virtual absl::StatusOr<std::int64_t> Place() = 0;
  virtual absl::StatusOr<std::vector<StagedTable>> Tables() = 0;
  /// Returns whether a key changed after `from`, or the table was emptied after it.
  virtual absl::StatusOr<bool> HasRowsBehind(std::int64_t table, std::int64_t from) = 0;
  /// Errors: also kAborted: `from` is below the table's floor.
  virtual absl::StatusOr<std::unique_ptr<StagedRows>> RowsAfter(std::int64_t table, std::int64_t from) = 0;
  /// Returns the staged rows of these keys; the answer lacks keys without a staged change.
  virtual absl::StatusOr<std::vector<StagedRows::Row>> RowsOf(std::int64_t table,
                                                              const std::vector<StagedKey>& keys) = 0;
};

/// Changes from a source's log, folded to one row for each key, in a file of the agent. Once changes are on
/// disk here, the agent confirms them in the source's log. So the source keeps no log for a mirror that is
/// offline. The stage serves any position at or above a table's floor.
///
/// Only the staging thread calls Begin() to Flush(); any thread may call the others at any time. Readers see
/// a change at the latest when the Flush() after its Commit() has returned. If the process dies, the stage is
/// left as at its last write. Errors: kDataLoss: the file cannot be understood; kResourceExhausted: the disk
/// is full; kUnavailable.
///
/// Further errors of the staging thread's calls: kAborted: another process stages, or the file was removed,
/// replaced or set back. Changes taken and not yet written are then discarded. After this error, and after
/// any error of Begin() to Commit(), read the log again from Place() on; the next Begin() takes the file
/// over. After another error of Flush() nothing is lost: call it again.
///
/// While a transaction too large for memory is taken, writing calls of other threads wait for its end. After
/// kBusyMs they return kUnavailable.
class Stage : public StageView {
 public:
  /// Opens the stage, and creates the file if it is missing.
  static absl::StatusOr<std::unique_ptr<Stage>> Open(StageOptions options);

  static constexpr int kBusyMs = 60'000;
  /// If a row (its values and their lengths, packed) is longer, all staged rows of its table are discarded.
  static constexpr std::size_t kRowBytesMax = 900'000'000;

  // Changes from the log.

  /// Begins a transaction. If its LSN is at or below that of the last Commit(), its changes are skipped up to
  /// its Commit(). If an earlier transaction is still open, it is discarded.
  virtual absl::Status Begin(const LoggedTransaction& transaction) = 0;
  /// Ignored for a table that is not staged.
  virtual absl::Status Take(std::int64_t table, LoggedChange change) = 0;
  virtual absl::Status Truncate(std::int64_t table) = 0;
  /// Called when a change of the table cannot be taken. When the transaction is committed, all staged rows of
  /// the table are discarded and its floor becomes the transaction's LSN. Further changes to the table in
  /// this transaction are skipped. TakeGivenUp() does not report the table.
  virtual absl::Status GiveUp(std::int64_t table, const std::string& because) = 0;
  /// Makes the commit a position that may be sent. `position` and `fingerprint`: see StageMark.
  virtual absl::Status Mark(const std::string& token, const std::string& position = "",
                            const std::string& fingerprint = "") = 0;
  virtual absl::Status Commit() = 0;
  /// Writes all committed transactions and syncs. Returns the LSN of the last commit on disk, which is the
  /// place. Above `fold_bytes` in memory, Take() and Commit() also write. Above `max_bytes` it drops rows
  /// that are durable at the mirror, oldest first. If that is not enough, it discards the largest tables: see
  /// TakeGivenUp(). While rows are being read it drops nothing; a later call does.
  virtual absl::StatusOr<std::int64_t> Flush() = 0;
  /// Approximate memory for changes that are taken and not written yet. Any thread.
  virtual std::size_t unwritten_bytes() const = 0;
  /// Returns the tables discarded since the last call because the stage, or a row, was too long. Their floors
  /// are at or above all their staged changes.
  virtual std::vector<StagedTable> TakeGivenUp() { return {}; }

  // The writer of the log.

  virtual absl::StatusOr<StageSource> Source() = 0;
  /// Sets the source. If its identity or timeline is another one, forgets the recorded transactions: their
  /// numbers mean something else there.
  virtual absl::Status SetSource(const StageSource& source) = 0;
  /// Sets Place(), for a log that begins elsewhere (a new slot). Discards changes taken and not written.
  /// Marks, rows and floors stay. If the place is set back, raise the floors above the last mark. Otherwise
  /// the new log could reach LSNs at which marks of the earlier log are still stored.
  virtual absl::Status SetPlace(std::int64_t lsn) = 0;
  /// Removes tables, rows, marks and transactions, and sets the place to 0. Source() stays.
  virtual absl::Status Clear() = 0;

  // Positions.

  virtual absl::StatusOr<std::optional<StageMark>> FindMark(const std::string& token) = 0;
  /// Returns the mark with the highest LSN.
  virtual absl::StatusOr<std::optional<StageMark>> LastMark() = 0;
  /// Waits until the mark is on disk, written by any process. Absent: it is not there after `within_ms`
  /// milliseconds.
  virtual absl::StatusOr<std::optional<StageMark>> WaitForMark(const std::string& token,
                                                               std::int64_t within_ms) = 0;
  /// Returns the lowest commit LSN of a recorded transaction that `is_seen` does not see; absent: it sees
  /// all.
  virtual absl::StatusOr<std::optional<std::int64_t>> LowestUnseen(
      const std::function<bool(std::uint64_t xid)>& is_seen) = 0;
  /// Forgets up to 100,000 transactions for which `is_old` holds: those that every later snapshot sees.
  virtual absl::Status ForgetTransactions(const std::function<bool(std::uint64_t xid)>& is_old) = 0;

  // Tables. While a transaction too large for memory is open, the staging thread's settings are part of it:
  // they are rolled back if it breaks off. The staging thread makes them again when it reads the log again.

  /// Sets everything about a table but its rows; a new table has no rows. The floor and `truncated_lsn` never
  /// decrease. The floor of a new table is at or above its changes that were skipped until now.
  virtual absl::Status SetTable(const StagedTable& table) = 0;
  /// Ends the staging of the table and deletes its rows.
  virtual absl::Status DropTable(std::int64_t table) = 0;
  /// Deletes the table's rows. Positions below `lsn`, or below the table's last staged change, are no longer
  /// served. Errors: also kNotFound.
  virtual absl::Status RaiseFloor(std::int64_t table, std::int64_t lsn, const std::string& because) = 0;

  // Rows. kNotFound: the table is not staged.

  /// Returns a view of everything that is staged now, without later changes, as long as the view lives.
  /// Meanwhile SQLite's log beside the file grows, and no rows are dropped. Threads: one at a time.
  virtual absl::StatusOr<std::shared_ptr<StageView>> Hold() = 0;
  virtual absl::StatusOr<std::int64_t> CountRowsBehind(std::int64_t table, std::int64_t from) = 0;

  /// Removes rows older than the retention, of each table up to the LSN that is durable at its mirror, and
  /// raises the floors accordingly. The age of a row follows from the marks. Also removes old marks, but
  /// neither the last mark nor marks at or above the lowest LSN of `durable`. Does nothing if `durable` is
  /// empty.
  struct Durable {
    std::int64_t table = 0;
    std::int64_t lsn = 0;
  };
  virtual absl::Status Trim(const std::vector<Durable>& durable, std::int64_t now_ms) = 0;

  /// Size figures for metrics.
  struct Size {
    std::int64_t rows = 0, bytes = 0;
  };
  virtual absl::StatusOr<Size> Measure() = 0;

  /// Signals each commit with changes of an application, before it is on disk. Signals a restart when changes
  /// may be missing: all floors were raised, the stage was cleared, or this process took the file over.
  /// Transactions that also write a table of the agent do not count. Threads: any.
  CommitSignal& commits() { return commits_; }

 private:
  CommitSignal commits_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGE_H_
