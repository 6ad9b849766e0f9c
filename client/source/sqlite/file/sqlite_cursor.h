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

/// Reads the rows of a table in an order in which it can pause and continue.
///
/// Take() reads within one run of a statement. Leave() ends the run and releases every lock. The next Take()
/// continues after the last row. A row with a value too long for memory ends Take() with kHeavy. It is then
/// read column by column.
class SqliteCursor {
 public:
  enum class Stop { kEnough, kHeavy, kEnd };

  /// `columns`: indexes of the plan's schema; they become the first columns of each row, in that order.
  static absl::StatusOr<SqliteCursor> Open(std::shared_ptr<const SqliteFile> file,
                                           std::shared_ptr<const SourcePlan> plan,
                                           const std::vector<OrderTerm>& order,
                                           const std::vector<std::uint32_t>& columns);

  /// Passes the next rows to `take` until it returns false or another reason ends the reading.
  absl::StatusOr<Stop> Take(const TakeRow& take);
  /// False: the table has no order in which reading could continue after Leave().
  bool can_leave() const { return !order_.empty(); }
  void Leave();

  /// Makes the next Take() begin after the row with these terms of the order; empty: with the first row.
  void StartBehind(std::vector<sqlite::Value> terms);
  /// The terms of the last given row; empty: none yet.
  const std::vector<sqlite::Value>& last() const { return last_; }
  const SourcePlan& plan() const { return *plan_; }
  /// Returns whether SQLite must sort the rows, in each run of the statement.
  bool sorts() const { return !by_call_; }

  /// Moves to the row with this key, as if Take() had returned kHeavy for it. False: there is no such row.
  absl::StatusOr<bool> Locate(std::vector<sqlite::Value> key);

  /// After kHeavy: passes the value of one column to `value`, if it is short enough for one piece. False: it
  /// is longer, so call HeavySize().
  absl::StatusOr<bool> HeavyValue(std::uint32_t column,
                                  const std::function<absl::Status(sqlite3_value*)>& value);
  /// After HeavyValue() returned false: whether the value is text, and its length in bytes: of UTF-8 or of
  /// the blob.
  struct Heavy {
    bool text = false;
    std::uint64_t size = 0;
  };
  absl::StatusOr<Heavy> HeavySize(std::uint32_t column);
  /// Returns a piece of the value. Locks may be released between two calls. Errors: kAborted if the value is
  /// gone or shorter.
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
  /// Returns whether SQLite can give a value of this column in pieces.
  bool InPieces(std::uint32_t column, bool text) const;
  absl::StatusOr<sqlite::Statement> OfHeavyRow(const std::string& expression, const std::string& filter = "");
  absl::Status LoadWhole(std::uint32_t column);

  std::shared_ptr<const SqliteFile> file_;  ///< Declared before the statements, which must end first.
  std::shared_ptr<const SourcePlan> plan_;
  std::vector<OrderTerm> order_;
  std::vector<int> order_at_;             ///< Place of each term in the row.
  std::vector<std::string> expressions_;  ///< SQL of each column of a row.
  std::string from_, heavy_select_;
  bool by_call_ =
      false;  ///< SQLite passes the rows, see RowCall. False: each row is a step of the statement.
  sqlite::Statement first_, next_;
  sqlite::RowValues values_;
  sqlite3_stmt* running_ = nullptr;
  std::vector<sqlite::Value> last_;  ///< Terms of the last row; empty: none yet.
  bool started_ = false;

  std::vector<sqlite::Value> heavy_key_;
  std::optional<std::int64_t> heavy_rowid_;
  /// Closes a blob. A blob stays open between pieces, unless it would hold a lock: it knows its place in the
  /// file.
  struct CloseBlob {
    void operator()(sqlite3_blob* blob) const { sqlite3_blob_close(blob); }
  };
  absl::Status OpenBlob(std::uint32_t column);
  std::unique_ptr<sqlite3_blob, CloseBlob> blob_;
  std::optional<std::uint32_t> blob_column_;
  /// A value that SQLite can only give whole. Freed with the next row.
  std::string whole_;
  std::optional<std::uint32_t> whole_column_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_CURSOR_H_
