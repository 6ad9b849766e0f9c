#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_CURSOR_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_CURSOR_H_

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/statement.h"
#include "base/db/sqlite/value.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_schema.h"

namespace mirror {

/// Walks over the rows of a table in an order that it can leave and take up again.
///
/// Take() moves within one run of a statement; Leave() ends the run and with it every lock; the next Take()
/// goes on behind the last row. A row with a value that is too long for memory is passed over with kHeavy and
/// is there to be read column by column.
class SqliteCursor {
 public:
  enum class Stop { kEnough, kHeavy, kEnd };

  /// `columns` are indexes of the plan's schema; they are the first columns of each row, in that order.
  static absl::StatusOr<SqliteCursor> Open(std::shared_ptr<const SqliteFile> file,
                                           std::shared_ptr<const SourcePlan> plan,
                                           const std::vector<OrderTerm>& order,
                                           const std::vector<std::uint32_t>& columns);

  /// Gives the next rows to `take`, until that says it was enough or something else ends it.
  absl::StatusOr<Stop> Take(const TakeRow& take);
  /// False when the table has no order in which it could be taken up again.
  bool can_leave() const { return !order_.empty(); }
  void Leave();

  /// The next Take() begins behind the row with these terms of the order; none: with the first row.
  void StartBehind(std::vector<sqlite::Value> terms);
  /// The terms of the last row that was given; empty: none yet.
  const std::vector<sqlite::Value>& last() const { return last_; }
  const SourcePlan& plan() const { return *plan_; }
  /// SQLite has to put the rows in this order itself, for each run of the statement.
  bool sorts() const { return !by_call_; }

  /// Stands on the row with this key as if Take() had said kHeavy. False: there is no such row.
  absl::StatusOr<bool> Locate(std::vector<sqlite::Value> key);

  /// After kHeavy: gives one column's value to `value` in one piece, when it is short enough.
  /// False: it is longer; ask HeavyBytes.
  absl::StatusOr<bool> HeavyValue(std::uint32_t column,
                                  const std::function<absl::Status(sqlite3_value*)>& value);
  /// After HeavyValue said false: whether the value is text, and how long it is in bytes of UTF-8 or of the
  /// blob.
  struct Heavy {
    bool text = false;
    std::uint64_t size = 0;
  };
  absl::StatusOr<Heavy> HeavySize(std::uint32_t column);
  /// A piece of it. Each call is by itself: locks may be given back in between. Errors: kAborted when it is
  /// no longer there, or shorter.
  absl::StatusOr<std::string> HeavyPiece(std::uint32_t column, std::uint64_t offset, std::size_t bytes);

 private:
  SqliteCursor(std::shared_ptr<const SqliteFile> file, std::shared_ptr<const SourcePlan> plan)
      : file_(std::move(file)), plan_(std::move(plan)) {}
  std::string After() const;
  absl::Status Prepare();
  absl::StatusOr<bool> Sorts(const std::string& sql) const;
  int StepOver(const TakeRow& take);
  absl::Status LocateHeavy();
  void ForgetHeavy();
  absl::Status Fail(int code) const;
  absl::Status Moved() const;
  /// Whether SQLite can give a value of this column in pieces.
  bool InPieces(std::uint32_t column, bool text) const;
  absl::StatusOr<sqlite::Statement> OfHeavyRow(const std::string& expression, const std::string& filter = "");
  absl::Status LoadWhole(std::uint32_t column);

  std::shared_ptr<const SqliteFile> file_;  ///< Before the statements, which end first.
  std::shared_ptr<const SourcePlan> plan_;
  std::vector<OrderTerm> order_;
  std::vector<int> order_at_;             ///< Where each term stands in the row.
  std::vector<std::string> expressions_;  ///< Of each row.
  std::string from_, heavy_select_;
  bool by_call_ = false;  ///< SQLite hands the rows over, see RowCall; else each is a step.
  sqlite::Statement first_, next_;
  sqlite::RowValues values_;
  sqlite3_stmt* running_ = nullptr;
  std::vector<sqlite::Value> last_;  ///< Of the last row; empty: none yet.
  bool started_ = false;

  std::vector<sqlite::Value> heavy_key_;
  std::optional<std::int64_t> heavy_rowid_;
  /// Kept open between pieces, except where it would hold a lock: it knows the way to its place in the file.
  struct CloseBlob {
    void operator()(sqlite3_blob* blob) const { sqlite3_blob_close(blob); }
  };
  absl::Status OpenBlob(std::uint32_t column);
  std::unique_ptr<sqlite3_blob, CloseBlob> blob_;
  std::optional<std::uint32_t> blob_column_;
  /// A value that SQLite gives whole only. Freed with the next row.
  std::string whole_;
  std::optional<std::uint32_t> whole_column_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_CURSOR_H_
