#ifndef MIRROR_CLIENT_SOURCE_SERVER_STAGE_WRITER_H_
#define MIRROR_CLIENT_SOURCE_SERVER_STAGE_WRITER_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/connection.h"
#include "base/mutex.h"
#include "client/source/server/fold.h"
#include "client/source/server/stage.h"
#include "client/source/server/stage_file.h"
#include "client/source/server/stage_limit.h"

namespace mirror {

/// The connection that writes a stage. It also checks that this process is still the one that stages.
/// Threads: one at a time.
class StageLink {
 public:
  explicit StageLink(StagePlace& stage);

  /// Connects to the file at the path. Errors: also kAborted: this process stages in another file; the
  /// connection is then to the new file.
  absl::Status Connect();

  enum class Found {
    kAsLeft,  ///< Nothing wrote since the last time.
    kOthers,  ///< Other processes wrote, but they do not stage.
    kNew,     ///< This process now stages in the file.
  };
  /// Makes this process the one that stages, if it is not. Errors: also kAborted: another process has taken
  /// the file over, or the place in it is not the one written here. The next Own() takes the file over.
  absl::StatusOr<Found> Own();
  /// Checks, within a transaction, that this process still stages in the file. Errors: kAborted, as of Own().
  absl::Status CheckOwner();
  /// The place in the file, as it was found and as this process wrote it.
  std::int64_t place() const { return place_; }
  /// Records that this process wrote the place.
  void set_place(std::int64_t place) { place_ = place; }
  /// Gives up ownership: the next Own() of any process takes the file over.
  void Leave() { is_owner_ = false; }

  using Work = std::function<absl::Status(const sqlite::Connection&)>;
  /// Runs `work` in its own transaction, or within the long one. If `work` fails, its writes are rolled back.
  absl::Status Write(const Work& work);
  /// Begins a transaction that stays open over several calls.
  absl::Status BeginLong();
  absl::Status CommitLong();
  void RollBackLong();
  bool is_long() const { return is_long_; }

  const sqlite::Connection& database() const { return *database_; }
  const StageFile& file() const { return *file_; }

 private:
  absl::Status Lose(const std::string& why);
  absl::StatusOr<std::int64_t> Version();

  StagePlace& stage_;
  const std::string nonce_;  ///< Distinguishes this object from other writers of the stage.
  std::shared_ptr<StageFile> file_;
  std::unique_ptr<sqlite::Connection> database_;
  sqlite::Statement look_;  ///< Reads the value of `version_`, once for each transaction of the source.
  bool is_owner_ = false, is_long_ = false;
  std::int64_t version_ = 0;  ///< Changes when another process wrote.
  std::int64_t place_ = 0;
};

/// Changes of one table that were taken, to be applied to the state below. Threads: one.
struct TableChanges {
  bool emptied = false;            ///< Everything below is discarded.
  std::int64_t truncated_lsn = 0;  ///< LSN of a TRUNCATE by the source among these changes; 0: none.
  std::int64_t floor = 0;          ///< Lower bound of the table's floor.
  std::string because;             ///< With `floor`: why the table was discarded; empty: it was not.
  bool is_too_long = false;        ///< The reason is that a row, or the stage, is too long.
  Fold fold;

  void Truncate(std::int64_t lsn) {
    GiveUp(floor, std::move(because));
    truncated_lsn = lsn;
  }
  void GiveUpAsTooLong(std::int64_t lsn, std::string why) {
    GiveUp(lsn, std::move(why));
    is_too_long = true;
  }
  void GiveUp(std::int64_t lsn, std::string why) {
    emptied = true;
    truncated_lsn = 0;
    floor = lsn;
    because = std::move(why);
    fold.Clear();
  }
  /// Merges `above`, which holds later changes, into these.
  void Lay(TableChanges&& above) {
    if (above.emptied) {
      emptied = true;
      truncated_lsn = above.truncated_lsn;
      fold.Clear();
    }
    floor = std::max(floor, above.floor);
    if (!above.because.empty()) because = std::move(above.because);
    is_too_long = is_too_long || above.is_too_long;
    fold.Lay(std::move(above.fold));
    above = {};
  }
  bool empty() const { return !emptied && floor == 0 && fold.empty(); }
  /// LSN of the last change, or of the emptying that replaced the changes; 0: there is none.
  std::int64_t last_lsn() const { return std::max({fold.last_lsn(), truncated_lsn, floor}); }
  /// Whether the table's own row changes, not only its net rows.
  bool ChangesTable() const { return emptied || floor > 0; }
  /// Returns the table after these changes.
  StagedTable ApplyTo(StagedTable table) const {
    table.truncated_lsn = std::max(table.truncated_lsn, truncated_lsn);
    table.floor = std::max(table.floor, floor);
    if (table.truncated_lsn <= table.floor) table.truncated_lsn = 0;
    if (!because.empty()) table.gone_because = because;
    return table;
  }
};

/// Performs all writes to a stage, on one connection. Changes of the log are in two layers in memory: those
/// of the open transaction, and below them those of committed transactions that are not written yet. Below
/// both is the file. An open transaction too large for memory is spilled into a transaction of SQLite, which
/// ends with it. Threads: any; Stage says which thread makes which call.
class StageWriter {
 public:
  /// `on_written`: called under a lock when marks may have reached the file. The other arguments must outlive
  /// this.
  StageWriter(const StageOptions& options, StagePlace& place, CommitSignal& commits,
              std::function<void()> on_written);
  ~StageWriter();

  absl::Status Begin(const LoggedTransaction& transaction);
  absl::Status Take(std::int64_t table, LoggedChange change);
  /// `given_up`: the reason to discard the table; empty: the source emptied it.
  absl::Status Empty(std::int64_t table, const std::string& given_up);
  /// The mark gets the LSN and the time of the transaction.
  absl::Status Mark(StageMark mark);
  absl::Status Commit();
  absl::StatusOr<std::int64_t> Flush();
  std::size_t unwritten_bytes() const { return unwritten_; }
  std::vector<StagedTable> TakeGivenUp();

  /// `clears`: also removes the whole content.
  absl::Status SetPlace(std::int64_t lsn, bool clears = false);
  absl::Status SetTable(const StagedTable& table);
  absl::Status DropTable(std::int64_t table);
  absl::Status RaiseFloor(std::int64_t table, std::int64_t lsn, const std::string& because);
  /// Removes rows of each table up to its cut.
  absl::Status Trim(const std::map<std::int64_t, std::int64_t>& cuts, const DurableLsns& durable);
  /// Runs any other write, within one transaction.
  absl::Status Write(const StageLink::Work& work);

 private:
  struct Table {
    StagedTable known;  ///< Its state in the file.
    TableChanges committed, open;
    bool touched = false;   ///< Changed by the open transaction.
    bool has_rows = false;  ///< The open transaction has rows of it.
    bool ignored =
        false;  ///< The table was discarded: its further changes in the open transaction are skipped.
    std::int64_t spilled_bytes = 0;  ///< Bytes of the open transaction that are spilled.
    std::size_t bytes() const { return committed.fold.bytes() + open.fold.bytes(); }
  };
  using Layer = TableChanges Table::*;

  absl::Status Own() MIRROR_REQUIRES(mutex_);
  absl::Status AwaitTurn() MIRROR_REQUIRES(mutex_);
  absl::Status LoadTables() MIRROR_REQUIRES(mutex_);
  void ForgetTaken() MIRROR_REQUIRES(mutex_);
  void BreakOff() MIRROR_REQUIRES(mutex_);

  absl::StatusOr<Table*> Reach(std::int64_t table) MIRROR_REQUIRES(mutex_);
  absl::StatusOr<std::optional<FoldedRow>> Below(const Table& table, const StagedKey& key)
      MIRROR_REQUIRES(mutex_);
  void Recount() MIRROR_REQUIRES(mutex_);
  absl::Status MakeRoom() MIRROR_REQUIRES(mutex_);
  absl::Status Spill() MIRROR_REQUIRES(mutex_);
  absl::Status WriteLayer(Table& table, Layer layer) MIRROR_REQUIRES(mutex_);
  void SetWritten(Table& table, Layer layer) MIRROR_REQUIRES(mutex_);
  absl::Status WriteRecords() MIRROR_REQUIRES(mutex_);
  absl::Status WriteCommitted() MIRROR_REQUIRES(mutex_);
  absl::Status CommitSpilled() MIRROR_REQUIRES(mutex_);
  absl::Status KeepWithin() MIRROR_REQUIRES(mutex_);

  const StageOptions& options_;
  CommitSignal& commits_;
  const std::function<void()> on_written_;
  std::atomic<std::size_t> unwritten_ = 0;

  Mutex mutex_;
  CondVar freed_;  ///< Signalled when the spilled transaction has ended.
  StageLink link_ MIRROR_GUARDED_BY(mutex_);
  std::unordered_map<std::int64_t, Table> tables_ MIRROR_GUARDED_BY(mutex_);
  /// For tables that are not staged: the LSN of the last change that was skipped.
  std::unordered_map<std::int64_t, std::int64_t> passed_over_ MIRROR_GUARDED_BY(mutex_);
  // Committed and not written yet.
  std::vector<StageMark> marks_ MIRROR_GUARDED_BY(mutex_);
  std::vector<std::pair<std::int64_t, std::uint64_t>> transactions_ MIRROR_GUARDED_BY(mutex_);
  std::int64_t place_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< LSN of the last commit.
  DurableLsns durable_ MIRROR_GUARDED_BY(mutex_);
  bool durable_is_written_ MIRROR_GUARDED_BY(mutex_) = true;
  std::vector<StagedTable> given_up_ MIRROR_GUARDED_BY(mutex_);

  std::optional<LoggedTransaction> open_ MIRROR_GUARDED_BY(mutex_);
  std::optional<StageMark> open_mark_ MIRROR_GUARDED_BY(mutex_);
  std::vector<std::int64_t> touched_ MIRROR_GUARDED_BY(mutex_);  ///< Tables changed by `open_`.
  bool passing_ MIRROR_GUARDED_BY(mutex_) = false;  ///< The open transaction is already staged: skip it.
  /// Error for the staging thread's next call: why taken changes were discarded.
  absl::Status lost_ MIRROR_GUARDED_BY(mutex_);
  std::int64_t limit_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Byte limit while an open transaction is spilled.
  std::thread::id owner_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGE_WRITER_H_
