#include "base/db/sqlite/connection.h"

#include <sqlite3.h>

#include <utility>

#include "base/status_macros.h"

namespace mirror::sqlite {
namespace {

int FlagsOf(const OpenAs& as) {
  int flags = SQLITE_OPEN_READONLY;
  if (as.mode == OpenAs::Mode::kWrite) flags = SQLITE_OPEN_READWRITE;
  if (as.mode == OpenAs::Mode::kMake) flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  if (as.one_thread) flags |= SQLITE_OPEN_NOMUTEX;
  if (as.uri) flags |= SQLITE_OPEN_URI;
  return flags;
}

/// Rolls back uncommitted changes, also after an exception.
class RollBack {
 public:
  explicit RollBack(sqlite3* handle) : handle_(handle) {}
  ~RollBack() {
    if (sqlite3_get_autocommit(handle_) == 0) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  RollBack(const RollBack&) = delete;
  RollBack& operator=(const RollBack&) = delete;

 private:
  sqlite3* const handle_;
};

}  // namespace

void PrepareSqlite() { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

std::string WordsOf(int code) { return sqlite3_errstr(code); }

bool IsDamage(const Failure& failure) {
  return failure.primary() == SQLITE_CORRUPT || failure.primary() == SQLITE_NOTADB;
}

bool IsFull(const Failure& failure) { return failure.primary() == SQLITE_FULL; }

bool IsCompleteSql(const std::string& sql) { return sqlite3_complete(sql.c_str()) == 1; }

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& path, const OpenAs& as,
                                                             Explain explain, std::string_view doing) {
  sqlite3* opened = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &opened, FlagsOf(as), as.vfs.empty() ? nullptr : as.vfs.c_str());
  auto connection = std::make_unique<Connection>(opened, std::move(explain));
  connection->own_ = true;
  if (code != SQLITE_OK) return connection->Error(code, doing);
  if (as.busy_ms > 0) sqlite3_busy_timeout(opened, as.busy_ms);
  return connection;
}

Connection::Connection(sqlite3* opened, Explain explain) : handle_(opened), explain_(std::move(explain)) {}

Connection::~Connection() {
  if (own_) sqlite3_close_v2(handle_);
}

absl::Status Connection::Error(int code, std::string_view doing) const {
  const int extended = handle_ == nullptr ? code : sqlite3_extended_errcode(handle_);
  return explain_({code, extended, sqlite3_errmsg(handle_)}, doing);
}

absl::Status Connection::LastError(std::string_view doing) const {
  return Error(sqlite3_extended_errcode(handle_), doing);
}

absl::Status Connection::Take(int code, std::string_view doing) const {
  return code == SQLITE_OK ? absl::OkStatus() : Error(code, doing);
}

void Connection::ReadQuotedAsNames() const {
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
}

absl::Status Connection::Execute(const std::string& sql, std::string_view doing) const {
  return Take(sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr), doing);
}

Statement Connection::Prepare(const std::string& sql, std::string_view doing) const {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(handle_, sql.c_str(), static_cast<int>(sql.size()) + 1, 0, &statement, nullptr);
  return code == SQLITE_OK ? Statement(*this, statement, doing) : Statement(Error(code, doing));
}

absl::StatusOr<std::int64_t> Connection::Number(const std::string& sql, std::string_view doing) const {
  Statement statement = Prepare(sql, doing);
  RETURN_IF_ERROR(statement.StepToRow());
  return statement.Int(0);
}

absl::Status Connection::Transact(Begin begin, const std::function<absl::Status()>& work,
                                  std::string_view doing) const {
  const char* const sql = begin == Begin::kImmediate ? "BEGIN IMMEDIATE" : "BEGIN";
  RETURN_IF_ERROR(Execute(sql, doing));
  const RollBack otherwise(handle_);
  RETURN_IF_ERROR(work());
  return Execute("COMMIT", doing);
}

absl::StatusOr<bool> Connection::HasTable(const std::string& name) const {
  const int code = sqlite3_table_column_metadata(handle_, "main", name.c_str(), nullptr, nullptr, nullptr,
                                                 nullptr, nullptr, nullptr);
  // SQLite returns SQLITE_ERROR if the table does not exist.
  if (code != SQLITE_OK && code != SQLITE_ERROR) return Error(code, "looking for a table");
  return code == SQLITE_OK;
}

absl::Status Connection::LoadFrom(const std::string& path, int busy_ms, std::string_view doing) const {
  ASSIGN_OR_RETURN(const std::unique_ptr<Connection> from,
                   Open(path, {.mode = OpenAs::Mode::kMake, .busy_ms = busy_ms}, explain_, doing));
  sqlite3_backup* const backup = sqlite3_backup_init(handle_, "main", from->handle(), "main");
  if (backup == nullptr) return Error(sqlite3_errcode(handle_), doing);
  const int code = sqlite3_backup_step(backup, -1);
  const int finished = sqlite3_backup_finish(backup);
  if (code == SQLITE_DONE) return Take(finished, doing);
  return Error(code, doing);
}

bool Connection::InTransaction() const { return sqlite3_get_autocommit(handle_) == 0; }

std::int64_t Connection::LastRowid() const { return sqlite3_last_insert_rowid(handle_); }

std::int64_t Connection::Changes() const { return sqlite3_changes64(handle_); }

Watch::Watch(sqlite3* handle, int steps, std::function<bool()> is_over)
    : handle_(handle), is_over_(std::move(is_over)) {
  sqlite3_progress_handler(
      handle_, steps, [](void* self) { return static_cast<const Watch*>(self)->is_over_() ? 1 : 0; }, this);
}

Watch::~Watch() { sqlite3_progress_handler(handle_, 0, nullptr, nullptr); }

}  // namespace mirror::sqlite
