#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_FILE_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_FILE_H_

#include <sqlite3.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/connection.h"
#include "base/db/sqlite/statement.h"
#include "client/source/copy_limits.h"
#include "client/source/reader.h"
#include "client/source/sqlite/file/beside_files.h"

namespace mirror {

/// Receives the values of a row, which are valid during the call. Returns false if it needs no more rows now.
using TakeRow = std::function<bool(sqlite3_value** values)>;

/// The SQL function `_mirror_row(values...)`, by which a running statement passes its rows. This costs a
/// fraction of a sqlite3_step() for each row and of the sqlite3_column_ calls for each value. The function
/// returns true if no more rows are needed. So `SELECT 1 FROM t WHERE _mirror_row(a, b)` returns a row
/// exactly then.
///
/// Threads: those of its connection.
class RowCall {
 public:
  static constexpr char kName[] = "_mirror_row";

  /// Registers the function with a connection, which this object must outlive. False: SQLite cannot do it.
  bool Register(sqlite3* database) {
    return sqlite3_create_function_v2(database, kName, -1, SQLITE_UTF8 | SQLITE_DIRECTONLY, this, &Call,
                                      nullptr, nullptr, nullptr) == SQLITE_OK;
  }
  /// Calls sqlite3_step() for a statement whose rows are passed to `take`.
  int Step(sqlite3_stmt* statement, const TakeRow& take) {
    take_ = &take;
    const int code = sqlite3_step(statement);
    take_ = nullptr;
    return code;
  }

 private:
  static void Call(sqlite3_context* context, int, sqlite3_value** values) {
    const auto* self = static_cast<const RowCall*>(sqlite3_user_data(context));
    sqlite3_result_int(context, self->take_ != nullptr && !(*self->take_)(values) ? 1 : 0);
  }

  const TakeRow* take_ = nullptr;
};

/// Maximum milliseconds of waiting for a lock of another program.
inline constexpr int kSourceBusyMs = 5'000;
/// The same for a commit, which blocks new readers while it waits; and how often it is then tried again.
inline constexpr int kCommitMs = 200;
inline constexpr int kCommitRepeats = 12;
/// Rows of one look at a database with a rollback journal, where writers wait for the end of the look.
inline constexpr std::size_t kLookRows = 1'000;
/// Rows of one look where writers do not wait.
inline constexpr std::size_t kWalLookRows = 20'000;

/// For a copy: pages of one step, for which a writer waits; and how often a copy may begin again after a
/// write.
inline constexpr int kCopyPages = 256;
inline constexpr int kCopyRepeats = 10;

/// How a file is read without blocking the writes of its own programs.
enum class Access {
  kSnapshot,  ///< WAL: one read transaction for as long as the file is open here.
  kChunks,    ///< Rollback journal: a read transaction blocks every commit, so each one is short.
  kStill,     ///< WAL that no process has open: read without locks, as long as the file does not change.
};

/// The purpose of a connection.
enum class Use {
  kRead,    ///< For a source without a change log.
  kLooks,   ///< For a source whose log covers changes between looks: kChunks also with WAL.
  kChange,  ///< For maintaining the change log. Everything that is written is durable.
};

/// A SQLite database opened for reading, or for its change log. Use::kRead creates no file beside it. Opening
/// a WAL database normally would leave a -wal and a -shm there; Access::kStill avoids that.
class SqliteFile {
 public:
  /// Opens the database. Errors have a message with the path and what to do: kNotFound; kPermissionDenied;
  /// kInvalidArgument (no file, or no database); kUnavailable (locked for kSourceBusyMs); kFailedPrecondition
  /// (an unfinished write, or a schema that SQLite cannot read); kDataLoss (damaged). With Use::kChange also
  /// those of BesideFiles::Check().
  static absl::StatusOr<std::unique_ptr<SqliteFile>> Open(const std::string& path, Use use = Use::kRead);

  /// Whether others can write during a read transaction.
  bool wal() const { return wal_; }
  Access access() const { return access_; }
  bool is_copy() const { return is_copy_; }
  sqlite3* handle() const { return database_->handle(); }
  bool utf16() const { return utf16_; }
  const SourceMark& mark() const { return mark_; }
  std::size_t look_rows() const { return wal_ ? kWalLookRows : kLookRows; }
  RowCall& row_call() const { return *row_call_; }

  /// Allows values of SQLite's own maximum length from now on: for a caller that writes rows, or reads rows
  /// of the agent. Before, values are at most kPartBytesMax, and longer ones must be read in parts.
  void TakeLongValues() const;

  /// Copies the database at one moment into a temporary file, which is deleted with the returned object. For
  /// reads that take more than a short look, where writers wait for its end. Errors: kUnavailable, if
  /// `limits` do not allow the copy.
  absl::StatusOr<std::unique_ptr<SqliteFile>> CopyOfOneMoment(const CopyLimits& limits = {}) const;

  absl::StatusOr<sqlite::Statement> Prepare(const std::string& sql) const;
  /// Prepares a statement over the few rows of the change log's own tables. Its first step reports any error.
  sqlite::Statement Query(const std::string& sql) const;
  /// Returns the first value of the first row. Errors: also if there is no row.
  absl::StatusOr<std::int64_t> Number(const std::string& sql) const;
  /// See sqlite::Connection.
  absl::StatusOr<bool> HasTable(const std::string& name) const { return database_->HasTable(name); }
  /// Returns the error of a result code, for the source's operator. `doing`: such as "reading table 'x'".
  absl::Status Error(int code, std::string_view doing) const { return database_->Error(code, doing); }

  /// Begin and end one short look. Only kChunks then uses the database. kStill checks that the file did not
  /// change. Errors: also kAborted: it did.
  absl::Status BeginLook() const;
  void EndLook() const;

  /// With kChunks and WAL: makes all looks until LeaveLooks() see the moment of this call; the WAL grows
  /// until then. False: writers would have to wait, so nothing is held.
  absl::StatusOr<bool> HoldLooks() const;
  void LeaveLooks() const;

  /// With kSnapshot: makes later reads use a new snapshot. No statement may be running.
  void LeaveSnapshot() const;

  /// With Use::kChange: runs statements; several of them are one atomic change.
  absl::Status Run(const std::string& sql) const;
  /// Runs `work` in a transaction. `work` may be called again after its changes were rolled back. A call
  /// within a change is a part of that change.
  absl::Status Change(const std::function<absl::Status()>& work) const;
  /// Drops the objects that a query over sqlite_schema returns: type, name.
  absl::Status DropAll(const std::string& query) const;

 private:
  SqliteFile() = default;
  absl::Status Connect(const std::string& path, const sqlite::OpenAs& as);
  absl::Status Explain(const sqlite::Failure& failure, std::string_view doing) const;
  absl::Status Configure();
  absl::Status CopyPages(sqlite3* copy, const CopyLimits& limits) const;
  absl::Status CheckStill() const;

  std::string path_;
  Access access_ = Access::kChunks;
  mutable int patience_ms_ = kSourceBusyMs;  ///< Milliseconds of waiting for locks of others.
  bool wal_ = false;
  mutable bool held_ = false;  ///< See HoldLooks().
  bool is_copy_ = false;       ///< See CopyOfOneMoment().
  bool utf16_ = false;
  SourceMark mark_;
  struct stat still_ = {};
  std::optional<BesideFiles> beside_;
  std::unique_ptr<RowCall> row_call_ = std::make_unique<RowCall>();  ///< Outlives the connection.
  std::unique_ptr<sqlite::Connection> database_;
};

/// Steps a statement to its end, and calls `take` at each row. Errors: those of Statement::Step().
template <typename Take>
absl::Status ForEachRow(sqlite::Statement& statement, const Take& take) {
  absl::StatusOr<bool> more = statement.Step();
  for (; more.ok() && *more; more = statement.Step()) take();
  return more.status();
}

/// Returns whether SQLite's message names a function or a collation that only the application has.
bool IsOfApplicationAlone(std::string_view words);

/// Ends a look when the scope ends.
class SourceLook {
 public:
  explicit SourceLook(const SqliteFile& file) : file_(file) {}
  ~SourceLook() { file_.EndLook(); }
  SourceLook(const SourceLook&) = delete;
  SourceLook& operator=(const SourceLook&) = delete;

 private:
  const SqliteFile& file_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_FILE_H_
