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

/// The connection on which a stage is written, and whether it is still this process that stages. Threads: one
/// at a time.
class StageLink {
 public:
  explicit StageLink(StagePlace& stage);

  /// To the file that stands at the path. Errors: also kAborted: it is another one than this process stages
  /// in; then it is connected to that.
  absl::Status Connect();

  enum class Found {
    kAsLeft,  ///< Nobody wrote since the last time.
    kOthers,  ///< Other processes did, but they do not stage.
    kNew,     ///< From now on this process stages in it.
  };
  /// Takes the file over where it is not this process that stages. Errors: also kAborted: another one has
  /// taken it over, or its place is not the one that was written here; the next Own() takes it over.
  absl::StatusOr<Found> Own();
  /// The same question, within a transaction.
  absl::Status CheckOwner();
  /// The place in the file, as it was found and written here.
  std::int64_t place() const { return place_; }
  /// It was written, by this.
  void set_place(std::int64_t place) { place_ = place; }
  /// Whoever stages takes it over anew.
  void Leave() { is_owner_ = false; }

  using Work = std::function<absl::Status(const sqlite::Connection&)>;
  /// In a transaction of its own, or within the long one. What fails leaves nothing.
  absl::Status Write(const Work& work);
  /// A transaction that stays open over several calls.
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
  const std::string nonce_;  ///< Tells this one from others that stage.
  std::shared_ptr<StageFile> file_;
  std::unique_ptr<sqlite::Connection> database_;
  sqlite::Statement look_;  ///< Asks for `version_`, at each transaction of the source.
  bool is_owner_ = false, is_long_ = false;
  std::int64_t version_ = 0;  ///< Differs when another process wrote.
  std::int64_t place_ = 0;
};

/// What was taken of one table and lies above what is known of it below. Threads: one.
struct TableChanges {
  bool emptied = false;            ///< Nothing of what lies below is left.
  std::int64_t truncated_lsn = 0;  ///< By the source, here; 0: not.
  std::int64_t floor = 0;          ///< The floor is no lower.
  std::string because;             ///< With `floor`: why it was given up; empty: it was not.
  bool is_too_long = false;        ///< That is why.
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
  /// Takes in what came later.
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
  /// Of the last change, or what took its place; 0: there is none.
  std::int64_t last_lsn() const { return std::max({fold.last_lsn(), truncated_lsn, floor}); }
  bool ChangesTable() const { return emptied || floor > 0; }
  /// The table with all this.
  StagedTable ApplyTo(StagedTable table) const {
    table.truncated_lsn = std::max(table.truncated_lsn, truncated_lsn);
    table.floor = std::max(table.floor, floor);
    if (table.truncated_lsn <= table.floor) table.truncated_lsn = 0;
    if (!because.empty()) table.gone_because = because;
    return table;
  }
};

/// All that writes into a stage, on one connection. What the log gives lies in two layers: the open
/// transaction above those that were committed and are not written, and these above the file. An open
/// transaction that is too large for memory is spilled: it lies in a transaction of SQLite's, which ends with
/// it. Threads: any; the calls are those of Stage.
class StageWriter {
 public:
  /// `on_written`: marks may have come to stand in the file. It is called under a lock.
  StageWriter(const StageOptions& options, StagePlace& place, std::function<void()> on_written);
  ~StageWriter();

  absl::Status Begin(const LoggedTransaction& transaction);
  absl::Status Take(std::int64_t table, LoggedChange change);
  /// `given_up`: why it is; empty: the source emptied it.
  absl::Status Empty(std::int64_t table, const std::string& given_up);
  /// Its LSN and time are those of the transaction.
  absl::Status Mark(StageMark mark);
  absl::Status Commit();
  absl::StatusOr<std::int64_t> Flush();
  std::size_t unwritten_bytes() const { return unwritten_; }
  std::vector<StagedTable> TakeGivenUp();

  /// `clears`: all that is here goes.
  absl::Status SetPlace(std::int64_t lsn, bool clears = false);
  absl::Status SetTable(const StagedTable& table);
  absl::Status DropTable(std::int64_t table);
  absl::Status RaiseFloor(std::int64_t table, std::int64_t lsn, const std::string& because);
  /// Rows of each table go up to its cut.
  absl::Status Trim(const std::map<std::int64_t, std::int64_t>& cuts, const DurableLsns& durable);
  /// What else is written, within one transaction.
  absl::Status Write(const StageLink::Work& work);

 private:
  struct Table {
    StagedTable known;  ///< As the file has it.
    TableChanges committed, open;
    bool touched = false;            ///< By the open transaction.
    bool ignored = false;            ///< For the rest of it: the table was given up.
    std::int64_t spilled_bytes = 0;  ///< Of it.
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
  const std::function<void()> on_written_;
  std::atomic<std::size_t> unwritten_ = 0;

  Mutex mutex_;
  CondVar freed_;  ///< No transaction is spilled any more.
  StageLink link_ MIRROR_GUARDED_BY(mutex_);
  std::unordered_map<std::int64_t, Table> tables_ MIRROR_GUARDED_BY(mutex_);
  /// Of tables that were not staged, the last change.
  std::unordered_map<std::int64_t, std::int64_t> passed_over_ MIRROR_GUARDED_BY(mutex_);
  // Committed and not written.
  std::vector<StageMark> marks_ MIRROR_GUARDED_BY(mutex_);
  std::vector<std::pair<std::int64_t, std::uint64_t>> transactions_ MIRROR_GUARDED_BY(mutex_);
  std::int64_t place_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Of the last commit; link_ knows that on disk.
  DurableLsns durable_ MIRROR_GUARDED_BY(mutex_);
  bool durable_is_written_ MIRROR_GUARDED_BY(mutex_) = true;
  std::vector<StagedTable> given_up_ MIRROR_GUARDED_BY(mutex_);

  std::optional<LoggedTransaction> open_ MIRROR_GUARDED_BY(mutex_);
  std::optional<StageMark> open_mark_ MIRROR_GUARDED_BY(mutex_);
  std::vector<std::int64_t> touched_ MIRROR_GUARDED_BY(mutex_);  ///< Tables of the open transaction.
  bool passing_ MIRROR_GUARDED_BY(mutex_) = false;               ///< It is here already.
  absl::Status lost_
      MIRROR_GUARDED_BY(mutex_);  ///< Why what was taken was forgotten, for the staging thread.
  std::int64_t limit_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Of the bytes, while link_ has a part of it.
  std::thread::id owner_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGE_WRITER_H_
