#ifndef MIRROR_CLIENT_SOURCE_STAGE_STAGE_H_
#define MIRROR_CLIENT_SOURCE_STAGE_STAGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/stage/staged_row.h"

namespace mirror {

struct StageOptions {
  std::string path;                              ///< "<state_dir>/<context_id>.stage.db", made with mode 0600.
  std::int64_t max_bytes = 10'000'000'000;       ///< Of the file and its log together.
  std::size_t fold_bytes = 64'000'000;           ///< In memory, before they are written.
  std::int64_t retention_ms = 7LL * 86'400'000;  ///< Marks and rows are kept for so long.
};

/// A transaction of the source.
struct LoggedTransaction {
  std::int64_t lsn = 0;    ///< Of its commit; greater than that of each one before.
  std::uint64_t xid = 0;   ///< 0: it has none.
  std::int64_t time_ms = 0;  ///< When it was committed, unix milliseconds.
};

/// A position that a cycle may send, and how the source is asked whether it is still the one that gave it.
struct StageMark {
  std::int64_t lsn = 0;
  std::string token;  ///< The lineage.
  std::int64_t time_ms = 0;
  std::string position;     ///< As the source writes it; empty: the LSN says it.
  std::string fingerprint;  ///< What stood in the log there; empty: the token does.
};

/// A table of the source as it is staged.
struct StagedTable {
  std::int64_t id = 0;  ///< The source's number for it (a PostgreSQL oid); never that of another one.
  std::string name;
  std::vector<std::int64_t> key;  ///< Numbers of the key's columns, in its order.
  std::string fingerprint;        ///< Of its definition; another one means that rows staged so far may not be whole.
  std::int64_t floor = 0;         ///< All changes behind this LSN are here; those before may not be.
  std::int64_t truncated_lsn = 0;  ///< When it was emptied last: net rows behind hold all rows that there are. 0: never.
  std::string gone_because;       ///< Why the floor was raised last, for people.
};

/// What the stage knows of who wrote the log.
struct StageSource {
  std::string identity;        ///< SourceMark.database
  std::string source_id;       ///< By which the mirror knows it.
  std::int64_t timeline = 0;   ///< 0: there are none.
};

/// The net rows of one table behind a position, as they were when it was made: later ones are not seen.
/// Threads: one.
class StagedRows {
 public:
  virtual ~StagedRows() = default;
  struct Row {
    StagedKey key;
    StagedRow row;
  };
  /// Up to `count` more, by the LSN of their last change; fewer than that: these were the last.
  virtual absl::StatusOr<std::vector<Row>> Next(std::size_t count) = 0;
};

/// The changes that a source's log gave, folded to one row for each key, in a file of the agent's own. The
/// source's log is confirmed when they are on disk here, so that nothing of it is kept for a mirror that is
/// away. What is here serves any position above a table's floor.
///
/// `Begin` to `Flush` are the staging thread's; all others may be called by any thread at any time. A change
/// is seen by readers when the Flush() behind its Commit() has returned. A stage that dies without Flush() is as
/// it was behind the one before. Errors: kDataLoss: the file cannot be understood; kResourceExhausted: the disk
/// is full; kUnavailable; kAborted: another process writes to it.
class Stage {
 public:
  /// A new one when there is no file.
  static absl::StatusOr<std::unique_ptr<Stage>> Open(StageOptions options);
  virtual ~Stage() = default;

  // What the log gives.

  /// A transaction at or below the place is one that is here already: it is passed over up to its Commit().
  virtual absl::Status Begin(const LoggedTransaction& transaction) = 0;
  /// Of a table that is not staged: nothing happens.
  virtual absl::Status Take(std::int64_t table, LoggedChange change) = 0;
  virtual absl::Status Truncate(std::int64_t table) = 0;
  /// The transaction's commit is a position that may be sent. `position` and `fingerprint`: see StageMark.
  virtual absl::Status Mark(const std::string& token, const std::string& position = "",
                            const std::string& fingerprint = "") = 0;
  virtual absl::Status Commit() = 0;
  /// Writes all that was committed, and syncs. The LSN of the last commit on disk, which is the place.
  virtual absl::StatusOr<std::int64_t> Flush() = 0;
  /// Rows of transactions that were taken and not written yet; about.
  virtual std::size_t unwritten_bytes() const = 0;

  // Who wrote the log.

  virtual absl::StatusOr<StageSource> Source() = 0;
  virtual absl::Status SetSource(const StageSource& source) = 0;
  /// The LSN of the last commit on disk; 0: none. Set for a log that begins elsewhere (a new slot).
  virtual absl::StatusOr<std::int64_t> Place() = 0;
  virtual absl::Status SetPlace(std::int64_t lsn) = 0;

  // Positions.

  virtual absl::StatusOr<std::optional<StageMark>> FindMark(const std::string& token) = 0;
  virtual absl::StatusOr<std::optional<StageMark>> LastMark() = 0;
  /// Waits until the mark is on disk, or `until` (steady clock) has come: absent.
  virtual absl::StatusOr<std::optional<StageMark>> WaitForMark(const std::string& token,
                                                               std::int64_t within_ms) = 0;
  /// Of a position that the mirror has and another form sent: it is on record from now on.
  virtual absl::Status AdoptMark(const StageMark& mark) = 0;
  /// The lowest commit LSN on record of a transaction that `is_seen` does not see; absent: it sees all.
  virtual absl::StatusOr<std::optional<std::int64_t>> LowestUnseen(
      const std::function<bool(std::uint64_t xid)>& is_seen) = 0;
  /// Transactions that every snapshot from now on sees are forgotten: those for which `is_old` holds.
  virtual absl::Status ForgetTransactions(const std::function<bool(std::uint64_t xid)>& is_old) = 0;

  // Tables.

  virtual absl::StatusOr<std::vector<StagedTable>> Tables() = 0;
  /// A new one begins without rows; of one that is there all but its rows is set. Floors never go back.
  virtual absl::Status SetTable(const StagedTable& table) = 0;
  /// It is staged no more, and its rows are gone.
  virtual absl::Status DropTable(std::int64_t table) = 0;
  /// Its rows are gone, and no position up to `lsn` is served any more.
  virtual absl::Status RaiseFloor(std::int64_t table, std::int64_t lsn, const std::string& because) = 0;

  // Rows.

  /// Whether a key changed behind `from`.
  virtual absl::StatusOr<bool> HasRowsBehind(std::int64_t table, std::int64_t from) = 0;
  virtual absl::StatusOr<std::int64_t> CountRowsBehind(std::int64_t table, std::int64_t from) = 0;
  virtual absl::StatusOr<std::unique_ptr<StagedRows>> RowsBehind(std::int64_t table, std::int64_t from) = 0;
  /// Of these keys what is staged; those of which nothing is are not in the answer.
  virtual absl::StatusOr<std::vector<StagedRows::Row>> RowsOf(std::int64_t table,
                                                              const std::vector<StagedKey>& keys) = 0;

  /// Rows and marks that are older than the retention go, of each table up to where its mirror is durable.
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

#endif  // MIRROR_CLIENT_SOURCE_STAGE_STAGE_H_
