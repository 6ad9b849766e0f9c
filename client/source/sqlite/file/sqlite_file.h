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

/// Gets the values of a row, valid during the call. False: it was enough for now.
using TakeRow = std::function<bool(sqlite3_value** values)>;

/// The SQL function `_mirror_row(values...)`, through which a running statement hands its rows over: that
/// costs a fraction of a sqlite3_step() for each row and of the sqlite3_column_ calls for each value. It is
/// true when it was enough, so `SELECT 1 FROM t WHERE _mirror_row(a, b)` gives back a row just then.
///
/// Threads: those of its connection.
class RowCall {
 public:
  static constexpr char kName[] = "_mirror_row";

  /// Makes the function known to a connection, which this outlives. False: SQLite cannot.
  bool Register(sqlite3* database) {
    return sqlite3_create_function_v2(database, kName, -1, SQLITE_UTF8 | SQLITE_DIRECTONLY, this, &Call,
                                      nullptr, nullptr, nullptr) == SQLITE_OK;
  }
  /// sqlite3_step() of a statement whose rows go to `take`.
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

/// Milliseconds for which a lock of another program is waited for.
inline constexpr int kSourceBusyMs = 5'000;
/// The same for a commit, which keeps new readers out meanwhile, and how often it is tried again after that.
inline constexpr int kCommitMs = 200;
inline constexpr int kCommitRepeats = 12;
/// Rows of one look at a database with a rollback journal, whose writers wait for its end.
inline constexpr std::size_t kLookRows = 1'000;
/// The same where writers need not wait.
inline constexpr std::size_t kWalLookRows = 20'000;

/// Of a copy: pages of one step, for which a writer waits, and how often it may begin again because of one.
inline constexpr int kCopyPages = 256;
inline constexpr int kCopyRepeats = 10;

/// How a file is read without keeping its own programs from writing.
enum class Access {
  kSnapshot,  ///< WAL: one read transaction for as long as the file is open here.
  kChunks,    ///< Rollback journal: a read transaction keeps every commit waiting, so many short ones.
  kStill,     ///< WAL, but nobody has it open: read as it lies, without locks, as long as it does not move.
};

/// What a connection is for.
enum class Use {
  kRead,    ///< Of a source without a change log.
  kLooks,   ///< Of one with a log, which closes the gaps between looks: kChunks in any journal mode.
  kChange,  ///< To keep the change log. Everything that is written there is durable.
};

/// A SQLite database opened to be read, or for its change log. Use::kRead creates nothing beside it: opening
/// a WAL database the usual way would leave a -wal and a -shm behind, hence Access::kStill.
class SqliteFile {
 public:
  /// Errors: a sentence that names the path and says what to do: kNotFound; kPermissionDenied;
  /// kInvalidArgument (no file, not a database); kUnavailable (locked for kSourceBusyMs); kFailedPrecondition
  /// (left in the middle of a write, a schema that SQLite cannot read); kDataLoss (damaged). With
  /// Use::kChange also those of BesideFiles::Check().
  static absl::StatusOr<std::unique_ptr<SqliteFile>> Open(const std::string& path, Use use = Use::kRead);

  /// Whether a read transaction lets others write.
  bool wal() const { return wal_; }
  Access access() const { return access_; }
  bool is_copy() const { return is_copy_; }
  sqlite3* handle() const { return database_->handle(); }
  bool utf16() const { return utf16_; }
  const SourceMark& mark() const { return mark_; }
  std::size_t look_rows() const { return wal_ ? kWalLookRows : kLookRows; }
  RowCall& row_call() const { return *row_call_; }

  /// From now on values may be as long as SQLite itself allows: for who writes rows, or reads what he wrote.
  /// Else they are at most kPartBytesMax, and who reads longer ones reads them in parts.
  void TakeLongValues() const;

  /// All of it as of one moment, in a temporary file that goes with the object: for what no short look can
  /// read where writers wait for its end. Errors: kUnavailable, when `limits` do not allow it.
  absl::StatusOr<std::unique_ptr<SqliteFile>> CopyOfOneMoment(const CopyLimits& limits = {}) const;

  absl::StatusOr<sqlite::Statement> Prepare(const std::string& sql) const;
  /// For the few rows of the change log's own tables; its first step has the error.
  sqlite::Statement Query(const std::string& sql) const;
  /// The first value of the first row. Errors: also when there is none.
  absl::StatusOr<std::int64_t> Number(const std::string& sql) const;
  /// See sqlite::Connection.
  absl::StatusOr<bool> HasTable(const std::string& name) const { return database_->HasTable(name); }
  /// What a result code means for the person who runs the source; `doing` is "reading table 'x'".
  absl::Status Error(int code, std::string_view doing) const { return database_->Error(code, doing); }

  /// Begins and ends one short look; only kChunks does something in the database. kStill checks that the file
  /// is as it was: kAborted when it is not.
  absl::Status BeginLook() const;
  void EndLook() const;

  /// kChunks with WAL: all looks until LeaveLooks() are of the moment of this call, and the WAL grows until
  /// then. False, and nothing is held: others would have to wait.
  absl::StatusOr<bool> HoldLooks() const;
  void LeaveLooks() const;

  /// kSnapshot: what is read next is of a new one. No statement may be at work.
  void LeaveSnapshot() const;

  /// Use::kChange: runs statements, and several of them as one change that is there or not.
  absl::Status Run(const std::string& sql) const;
  /// `work` may be called again, after what it did was taken back. In a change it is a part of that one.
  absl::Status Change(const std::function<absl::Status()>& work) const;
  /// Drops what a query over sqlite_schema names: type, name.
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
  mutable int patience_ms_ = kSourceBusyMs;  ///< With locks of others.
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

/// Whether SQLite's words name a function or a collation that only the application has.
bool IsOfApplicationAlone(std::string_view words);

/// Ends a look with the scope.
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
