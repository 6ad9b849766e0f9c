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
#include "client/source/server/staged_row.h"

namespace mirror {

struct StageOptions {
  std::string path;                         ///< "<state_dir>/<context_id>.stage.db", made with mode 0600.
  std::int64_t max_bytes = 10'000'000'000;  ///< Of the file and its log together.
  std::size_t fold_bytes = 64'000'000;      ///< In memory, before they are written.
  std::int64_t retention_ms = 7LL * 86'400'000;  ///< Marks and rows are kept for so long.
};

/// A transaction of the source.
struct LoggedTransaction {
  std::int64_t lsn = 0;      ///< Of its commit; greater than that of each one before.
  std::uint64_t xid = 0;     ///< 0: it has none.
  std::int64_t time_ms = 0;  ///< When it was committed, unix milliseconds.
};

/// A position that a cycle may send, and how the source is asked whether it is still the one that gave it.
struct StageMark {
  std::int64_t lsn = 0;
  std::string token;  ///< The lineage.
  std::int64_t time_ms = 0;
  std::string position;     ///< As the source writes it; empty: the LSN says it.
  std::string fingerprint;  ///< What stood in the log there; empty: the token does.
  friend bool operator==(const StageMark&, const StageMark&) = default;
};

/// A table of the source as it is staged.
struct StagedTable {
  std::int64_t id = 0;  ///< The source's number for it (a PostgreSQL oid); never that of another one.
  std::string name;
  std::vector<std::int64_t> key;  ///< Numbers of the key's columns, in its order.
  std::string
      fingerprint;         ///< Of its definition; another one means that rows staged so far may not be whole.
  std::int64_t floor = 0;  ///< All changes behind this LSN are here; those before may not be.
  std::int64_t truncated_lsn =
      0;  ///< When it was emptied last: net rows from there on are all that there are. 0: never.
  std::string gone_because;  ///< Why the floor was raised last, for people.
};

/// What the stage knows of who wrote the log.
struct StageSource {
  std::string identity;       ///< SourceMark.database
  std::string source_id;      ///< By which the mirror knows it.
  std::int64_t timeline = 0;  ///< 0: there are none.
};

/// The net rows of one table behind a position, as they were when it was made: later ones are not seen, and
/// nothing of the stage's file is held for them, but by Stage::Hold(). What is more than 4 MB stands in a
/// file beside it, which has no name. Threads: one.
class StagedRows {
 public:
  virtual ~StagedRows() = default;
  struct Row {
    StagedKey key;
    StagedRow row;
  };
  /// Up to `count` more: first all that are gone, then those that moved, parts, whole ones, each of them by
  /// the LSN of its last change; fewer than that: these were the last.
  virtual absl::StatusOr<std::vector<Row>> Next(std::size_t count) = 0;
  /// All changes up to this commit are in the rows, and none of a later one.
  virtual std::int64_t place() const = 0;
  struct Counts {
    std::int64_t whole = 0, moved = 0, parts = 0, gone = 0;
    std::int64_t came_and_went = 0;  ///< Of `gone`: their first row came behind the LSN that was asked for.
  };
  /// Of all rows, given or not.
  virtual absl::StatusOr<Counts> Count(std::int64_t behind) = 0;
};

/// Of who finds that Flush() did not reach what was committed: the log is read anew.
inline absl::Status StageFellBehind() {
  return absl::AbortedError("the stage lacks what was staged last: that is read anew from the source's log");
}

/// What is staged, to be read. Of a table that is not staged: kNotFound. Errors: those of Stage.
class StageView {
 public:
  virtual ~StageView() = default;
  /// The LSN of the last commit on disk; 0: none.
  virtual absl::StatusOr<std::int64_t> Place() = 0;
  virtual absl::StatusOr<std::vector<StagedTable>> Tables() = 0;
  /// Whether a key changed behind `from`, or the table was emptied.
  virtual absl::StatusOr<bool> HasRowsBehind(std::int64_t table, std::int64_t from) = 0;
  /// Errors: also kAborted: `from` is below the table's floor.
  virtual absl::StatusOr<std::unique_ptr<StagedRows>> RowsBehind(std::int64_t table, std::int64_t from) = 0;
  /// Of these keys what is staged; those of which nothing is are not in the answer.
  virtual absl::StatusOr<std::vector<StagedRows::Row>> RowsOf(std::int64_t table,
                                                              const std::vector<StagedKey>& keys) = 0;
};

/// The changes that a source's log gave, folded to one row for each key, in a file of the agent's own. The
/// source's log is confirmed when they are on disk here, so that nothing of it is kept for a mirror that is
/// away. What is here serves any position above a table's floor.
///
/// `Begin` to `Flush` are the staging thread's; all others may be called by any thread at any time. A change
/// is seen by readers when the Flush() behind its Commit() has returned. A stage that dies without Flush() is
/// as it was behind the one before. Errors: kDataLoss: the file cannot be understood; kResourceExhausted: the
/// disk is full; kUnavailable.
///
/// The staging thread's calls also: kAborted: another process stages, or the file was removed, replaced or
/// set back. What was taken and not written is forgotten. After this error, and after any of Begin() to
/// Commit(), the log is read anew from Place() on; the next Begin() takes the file over. After another one of
/// Flush() nothing is lost, and it may be called again.
///
/// While a transaction that is too large for memory is taken, calls of other threads that write wait for its
/// end, and are kUnavailable after kBusyMs.
class Stage : public StageView {
 public:
  /// A new one when there is no file.
  static absl::StatusOr<std::unique_ptr<Stage>> Open(StageOptions options);

  static constexpr int kBusyMs = 60'000;
  /// A table with a longer row (its values and their lengths, packed) is given up.
  static constexpr std::size_t kRowBytesMax = 900'000'000;

  // What the log gives.

  /// A transaction at or below the place, or the last one that was committed here, is passed over up to its
  /// Commit(). One that is open and was not committed had broken off: nothing of it was taken.
  virtual absl::Status Begin(const LoggedTransaction& transaction) = 0;
  /// Of a table that is not staged: nothing happens.
  virtual absl::Status Take(std::int64_t table, LoggedChange change) = 0;
  virtual absl::Status Truncate(std::int64_t table) = 0;
  /// A change of it cannot be taken: with the transaction all that was staged of the table goes, its floor is
  /// the transaction's LSN, and what else the transaction does to it is passed over. It is not among
  /// TakeGivenUp().
  virtual absl::Status GiveUp(std::int64_t table, const std::string& because) = 0;
  /// The transaction's commit is a position that may be sent. `position` and `fingerprint`: see StageMark.
  virtual absl::Status Mark(const std::string& token, const std::string& position = "",
                            const std::string& fingerprint = "") = 0;
  virtual absl::Status Commit() = 0;
  /// Writes all that was committed, and syncs. The LSN of the last commit on disk, which is the place. With
  /// more than `fold_bytes` in memory Take() and Commit() write by themselves. Over `max_bytes` rows that are
  /// durable at the mirror go, oldest first; then the table with most bytes is given up: see TakeGivenUp().
  /// While rows are read nothing is; the next one does it.
  virtual absl::StatusOr<std::int64_t> Flush() = 0;
  /// Memory for what was taken and is not written yet; about. Any thread.
  virtual std::size_t unwritten_bytes() const = 0;
  /// Tables that were given up since the last call, since the stage, or a row, was too long. Their floors are
  /// above all that was staged of them.
  virtual std::vector<StagedTable> TakeGivenUp() { return {}; }

  // Who wrote the log.

  virtual absl::StatusOr<StageSource> Source() = 0;
  /// Of another identity or timeline: the transactions on record are forgotten, whose numbers mean others
  /// there.
  virtual absl::Status SetSource(const StageSource& source) = 0;
  /// Place(), for a log that begins elsewhere (a new slot): what was taken and not written is forgotten.
  /// Marks, rows and floors stay: who sets it back raises the floors above the last mark, or a later log
  /// would reach positions that were another's.
  virtual absl::Status SetPlace(std::int64_t lsn) = 0;
  /// All that is here goes: tables, rows, marks, transactions, the place.
  virtual absl::Status Clear() = 0;

  // Positions.

  virtual absl::StatusOr<std::optional<StageMark>> FindMark(const std::string& token) = 0;
  /// The one with the highest LSN.
  virtual absl::StatusOr<std::optional<StageMark>> LastMark() = 0;
  /// Waits until the mark is on disk, whichever process writes it; absent: it is not after that time.
  virtual absl::StatusOr<std::optional<StageMark>> WaitForMark(const std::string& token,
                                                               std::int64_t within_ms) = 0;
  /// The lowest commit LSN on record of a transaction that `is_seen` does not see; absent: it sees all.
  virtual absl::StatusOr<std::optional<std::int64_t>> LowestUnseen(
      const std::function<bool(std::uint64_t xid)>& is_seen) = 0;
  /// Transactions that every snapshot from now on sees are forgotten: those for which `is_old` holds.
  virtual absl::Status ForgetTransactions(const std::function<bool(std::uint64_t xid)>& is_old) = 0;

  // Tables. What the staging thread sets while a transaction is open breaks off with it: it is met again
  // there.

  /// A new one begins without rows; of one that is there all but its rows is set. Floors and `truncated_lsn`
  /// never go back, and the floor of a new one is above its changes that were passed over until now.
  virtual absl::Status SetTable(const StagedTable& table) = 0;
  /// It is staged no more, and its rows are gone.
  virtual absl::Status DropTable(std::int64_t table) = 0;
  /// Its rows are gone, and no position below `lsn` is served any more, nor one below the last change that
  /// was staged of it. Errors: also kNotFound.
  virtual absl::Status RaiseFloor(std::int64_t table, std::int64_t lsn, const std::string& because) = 0;

  // Rows. Of a table that is not staged: kNotFound.

  /// All that is staged now, and nothing of what comes later, for as long as it is there: meanwhile SQLite's
  /// log beside the file is not emptied, and nothing goes to make room. Threads: one at a time.
  virtual absl::StatusOr<std::shared_ptr<StageView>> Hold() = 0;
  virtual absl::StatusOr<std::int64_t> CountRowsBehind(std::int64_t table, std::int64_t from) = 0;

  /// Rows and marks that are older than the retention go, of each table up to where its mirror is durable;
  /// floors rise with them. The last mark stays, and marks above the lowest of `durable`. How old a row is
  /// the marks say.
  struct Durable {
    std::int64_t table = 0;
    std::int64_t lsn = 0;
  };
  virtual absl::Status Trim(const std::vector<Durable>& durable, std::int64_t now_ms) = 0;

  /// How much there is, for metrics.
  struct Size {
    std::int64_t rows = 0, bytes = 0;
  };
  virtual absl::StatusOr<Size> Measure() = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGE_H_
