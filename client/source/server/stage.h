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
  std::int64_t truncated_lsn =
      0;  ///< LSN of the last emptying: the net rows after it are all rows. 0: never emptied.
  std::string gone_because;  ///< The reason why the floor was raised last, for people.
};

/// The stage's knowledge of the server that wrote the log.
struct StageSource {
  std::string identity;       ///< SourceMark.database
  std::string source_id;      ///< The mirror knows the source by this id.
  std::int64_t timeline = 0;  ///< 0: there are none.
};

/// The net rows of one table after a position, as they were when this object was made. Later rows are not
/// seen. Only Stage::Hold() holds the stage's file for them. Rows beyond 4 MB are in a file beside it, which
/// has no name. Threads: one.
class StagedRows {
 public:
  virtual ~StagedRows() = default;
  struct Row {
    StagedKey key;
    StagedRow row;
  };
  /// Returns up to `count` more rows: first rows that are gone, then moved ones, parts, whole ones, each
  /// group by the LSN of its last change. Fewer than `count`: these were the last.
  virtual absl::StatusOr<std::vector<Row>> Next(std::size_t count) = 0;
  /// The rows contain all changes up to this commit, and none of a later one.
  virtual std::int64_t place() const = 0;
  struct Counts {
    std::int64_t whole = 0, moved = 0, parts = 0, gone = 0;
    std::int64_t came_and_went = 0;  ///< Part of `gone`: first inserted after the LSN that was asked for.
  };
  /// Counts all rows, whether Next() gave them or not.
  virtual absl::StatusOr<Counts> Count(std::int64_t behind) = 0;
};

/// The error for a caller that finds that Flush() did not reach a commit: the log must be read again.
inline absl::Status StageFellBehind() {
  return absl::AbortedError(
      "the stage lacks the changes that were staged last: they are read again from the source's log");
}

/// Reads what is staged. kNotFound: the table is not staged. Other errors: those of Stage.
class StageView {
 public:
  virtual ~StageView() = default;
  /// The LSN of the last commit on disk; 0: none.
  virtual absl::StatusOr<std::int64_t> Place() = 0;
  virtual absl::StatusOr<std::vector<StagedTable>> Tables() = 0;
  /// Whether a key changed after `from`, or the table was emptied.
  virtual absl::StatusOr<bool> HasRowsBehind(std::int64_t table, std::int64_t from) = 0;
  /// Errors: also kAborted: `from` is below the table's floor.
  virtual absl::StatusOr<std::unique_ptr<StagedRows>> RowsAfter(std::int64_t table, std::int64_t from) = 0;
  /// Returns the staged rows of these keys; keys without a staged change are missing in the answer.
  virtual absl::StatusOr<std::vector<StagedRows::Row>> RowsOf(std::int64_t table,
                                                              const std::vector<StagedKey>& keys) = 0;
};

/// The changes that a source's log gave, folded to one row for each key, in a file of the agent's own. The
/// agent confirms the source's log once they are on disk here, so the source keeps no log for a mirror that
/// is offline. The stage serves any position above a table's floor.
///
/// Only the staging thread calls `Begin` to `Flush`; any thread may call the others at any time. Readers see
/// a change once the Flush() after its Commit() has returned. A stage that dies without Flush() is restored
/// to the state of the last Flush(). Errors: kDataLoss: the file cannot be understood; kResourceExhausted:
/// the disk is full; kUnavailable.
///
/// Further errors of the staging thread's calls: kAborted: another process stages, or the file was removed,
/// replaced or set back. Changes taken and not written are then discarded. After this error, and after any
/// error of Begin() to Commit(), read the log again from Place() on; the next Begin() takes the file over.
/// After another error of Flush() nothing is lost: call it again.
///
/// While a transaction that is too large for memory is taken, writing calls of other threads wait for its
/// end; after kBusyMs they return kUnavailable.
class Stage : public StageView {
 public:
  /// Opens the stage, and creates the file if it is missing.
  static absl::StatusOr<std::unique_ptr<Stage>> Open(StageOptions options);

  static constexpr int kBusyMs = 60'000;
  /// If a row (its values and their lengths, packed) is longer, all staged rows of its table are discarded.
  static constexpr std::size_t kRowBytesMax = 900'000'000;

  // Changes from the log.

  /// A transaction not above the place, or not above the last commit here, is skipped up to its Commit(). An
  /// earlier transaction that is still open had broken off: nothing of it was taken.
  virtual absl::Status Begin(const LoggedTransaction& transaction) = 0;
  /// Ignored for a table that is not staged.
  virtual absl::Status Take(std::int64_t table, LoggedChange change) = 0;
  virtual absl::Status Truncate(std::int64_t table) = 0;
  /// A change of the table cannot be taken. With the transaction all staged rows of the table are discarded,
  /// its floor becomes the transaction's LSN, and further changes to it in the transaction are skipped. It is
  /// not reported by TakeGivenUp().
  virtual absl::Status GiveUp(std::int64_t table, const std::string& because) = 0;
  /// Makes the commit a position that may be sent. `position` and `fingerprint`: see StageMark.
  virtual absl::Status Mark(const std::string& token, const std::string& position = "",
                            const std::string& fingerprint = "") = 0;
  virtual absl::Status Commit() = 0;
  /// Writes all committed transactions and syncs. Returns the LSN of the last commit on disk, which is the
  /// place. Take() and Commit() write on their own above `fold_bytes` in memory. Above `max_bytes` it drops
  /// rows that are durable at the mirror, oldest first, then discards the largest table: see TakeGivenUp().
  /// While rows are read it drops nothing; the next call does.
  virtual absl::StatusOr<std::int64_t> Flush() = 0;
  /// Approximate memory for changes that are taken and not written yet. Any thread.
  virtual std::size_t unwritten_bytes() const = 0;
  /// Returns the tables discarded since the last call because the stage, or a row, was too long. Their floors
  /// are above all their staged changes.
  virtual std::vector<StagedTable> TakeGivenUp() { return {}; }

  // The writer of the log.

  virtual absl::StatusOr<StageSource> Source() = 0;
  /// Another identity or timeline: forgets the transactions on record, whose numbers have another meaning
  /// there.
  virtual absl::Status SetSource(const StageSource& source) = 0;
  /// Sets Place(), for a log that begins elsewhere (a new slot). Discards changes taken and not written.
  /// Marks, rows and floors stay. When setting it back, raise the floors above the last mark: a later log
  /// could otherwise reach positions of the earlier one.
  virtual absl::Status SetPlace(std::int64_t lsn) = 0;
  /// Removes everything here: tables, rows, marks, transactions, the place.
  virtual absl::Status Clear() = 0;

  // Positions.

  virtual absl::StatusOr<std::optional<StageMark>> FindMark(const std::string& token) = 0;
  /// Returns the mark with the highest LSN.
  virtual absl::StatusOr<std::optional<StageMark>> LastMark() = 0;
  /// Waits until the mark is on disk, written by any process; absent: it is not after `within_ms`.
  virtual absl::StatusOr<std::optional<StageMark>> WaitForMark(const std::string& token,
                                                               std::int64_t within_ms) = 0;
  /// Returns the lowest recorded commit LSN of a transaction `is_seen` does not see; absent: it sees all.
  virtual absl::StatusOr<std::optional<std::int64_t>> LowestUnseen(
      const std::function<bool(std::uint64_t xid)>& is_seen) = 0;
  /// Forgets transactions for which `is_old` holds: every snapshot from now on sees them.
  virtual absl::Status ForgetTransactions(const std::function<bool(std::uint64_t xid)>& is_old) = 0;

  // Tables. Settings that the staging thread makes while a transaction is open are rolled back if it breaks
  // off: the staging thread meets the same table again there.

  /// A new table begins without rows; of an existing one all but its rows is set. Floors and `truncated_lsn`
  /// never decrease. A new table's floor is above its changes that were skipped until now.
  virtual absl::Status SetTable(const StagedTable& table) = 0;
  /// Ends the staging of the table and deletes its rows.
  virtual absl::Status DropTable(std::int64_t table) = 0;
  /// Deletes its rows. Positions below `lsn`, or below the last staged change of the table, are no longer
  /// served. Errors: also kNotFound.
  virtual absl::Status RaiseFloor(std::int64_t table, std::int64_t lsn, const std::string& because) = 0;

  // Rows. kNotFound: the table is not staged.

  /// Holds all that is staged now, without later changes, as long as the view lives. Meanwhile SQLite's log
  /// beside the file is not emptied, and no rows are dropped. Threads: one at a time.
  virtual absl::StatusOr<std::shared_ptr<StageView>> Hold() = 0;
  virtual absl::StatusOr<std::int64_t> CountRowsBehind(std::int64_t table, std::int64_t from) = 0;

  /// Removes rows and marks that are older than the retention, of each table up to the LSN durable at its
  /// mirror; floors rise with them. Keeps the last mark, and marks above the lowest LSN of `durable`. The age
  /// of a row follows from the marks.
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

  /// Tells of committed changes of an application, before they are on disk, and of floors that were raised
  /// for all tables. Transactions that also write a table of the agent's own are the agent's: they do not
  /// count. Any thread.
  CommitSignal& commits() { return commits_; }

 private:
  CommitSignal commits_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGE_H_
