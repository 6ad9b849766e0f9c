#include "server/store/sqlite/file/sqlite_connection.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <initializer_list>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/schema_guard.h"
#include "base/db/sqlite/sqlite_words.h"
#include "base/status_macros.h"
#include "server/store/sqlite/file/disk.h"
#include "server/store/sqlite/file/sqlite_files.h"
#include "server/store/sqlite/file/sqlite_gathering_vfs.h"

namespace mirror {
namespace {

constexpr std::size_t kStatementsMax = 500;
/// Short readers end within this time. A writer does not wait for longer ones.
constexpr int kReadersMs = 1'000;

/// Returns whether no descriptors are left. SQLite has one code for all reasons why a file cannot be opened.
bool OutOfDescriptors() {
  const int probe = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (probe < 0) return errno == EMFILE || errno == ENFILE;
  close(probe);
  return false;
}

/// Returns file attributes. Absent: the path does not exist. Does not ask for times: Linux would then set a
/// new time at the next write, which the next sync would have to write as well (docs/decisions/0072).
std::optional<struct statx> Look(const std::string& path, unsigned what) {
  struct statx info {};
  if (statx(AT_FDCWD, path.c_str(), 0, what, &info) != 0) return std::nullopt;
  return info;
}

std::optional<SqliteConnection::FileId> IdOf(const std::string& path) {
  const std::optional<struct statx> info = Look(path, STATX_INO);
  if (!info) return std::nullopt;
  return SqliteConnection::FileId{makedev(info->stx_dev_major, info->stx_dev_minor), info->stx_ino};
}

/// Returns advice if a statement failed because somebody changed a table. Our statements name tables and
/// columns that existed when they were prepared.
std::string WhatIsToBeDone(int code, std::string_view detail) {
  const bool changed =
      detail.starts_with("no such column: ") || detail.starts_with("no such table: ") ||
      (detail.starts_with("table ") && detail.find(" has no column named ") != std::string_view::npos);
  if (code != SQLITE_ERROR || !changed) return ".";
  return ". Nothing was applied: somebody changed a table of the mirror by hand. The next cycle populates it "
         "again, or says what to do.";
}

absl::Status Run(SqliteConnection& connection, std::initializer_list<const char*> statements) {
  for (const char* const sql : statements) {
    RETURN_IF_ERROR(connection.Execute(sql));
  }
  return absl::OkStatus();
}

absl::Status Explain(const sqlite::Failure& failure, std::string_view what) {
  return SqliteStatus(failure.primary(), failure.extended, what, failure.words);
}

/// Returns the error for missing checksums, see FrameSeals.
absl::Status NotInTheLog(const std::string& begin, const std::string& end) {
  return absl::UnavailableError(
      absl::StrCat(begin, "a part of a large transaction was refused, and SQLite cannot keep the rest", end,
                   ". Nothing was applied. Send smaller batches; check whether rows violate a unique "
                   "index."));
}

}  // namespace

absl::Status SqliteStatus(int code, int extended, std::string_view what, std::string_view detail) {
  const std::string begin = absl::StrCat(std::string(what), ": ");
  const std::string end = absl::StrCat(" (SQLite ", extended, ")");
  // The log's index file could not grow. SQLite does not report this as a full disk.
  if (extended == SQLITE_IOERR_SHMSIZE) code = SQLITE_FULL;
  if (extended == SQLITE_IOERR_DATA) return NotInTheLog(begin, end);
  switch (code) {
    case SQLITE_FULL:
      return absl::UnavailableError(absl::StrCat(
          begin, "the disk is full", end, ". Nothing was applied. Make room; the same call again is safe."));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(
          absl::StrCat(begin, "another process holds a write lock on the mirror", end,
                       ". Nothing was applied. End its transaction; the same call again is safe."));
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      if (OutOfDescriptors()) {
        return absl::UnavailableError(
            absl::StrCat(begin, "this process, or the system, may open no more files", end,
                         ". Nothing was applied. Raise the limit (LimitNOFILE of the service), or lower "
                         "'open_tenants_max' "
                         "of [data] or 'connections_max' of [listen]; the same call again is safe."));
      }
      return absl::UnavailableError(
          absl::StrCat(begin, "the mirror file cannot be opened for writing", end,
                       ". Nothing was applied. Look at owner and mode of the file and its "
                       "folder; the same call again is safe."));
    case SQLITE_IOERR:
      return absl::UnavailableError(
          absl::StrCat(begin, "the disk answered with an error", end,
                       ". Nothing was applied. Look at the system's log; the same call again "
                       "is safe."));
    case SQLITE_CORRUPT:
      if (IsUnreadableSchema(detail)) {
        return absl::UnavailableError(absl::StrCat(
            begin, std::string(detail), end,
            ". Nothing was applied. The file is not necessarily damaged: its owner made this object of the "
            "schema with another version of SQLite, or by hand. Change or drop it; the same call again is "
            "safe."));
      }
      [[fallthrough]];
    case SQLITE_NOTADB:
      return absl::DataLossError(absl::StrCat(SqliteWords(detail), end));  // Tenant adds the rest.
    case SQLITE_TOOBIG:
      return absl::InvalidArgumentError(
          absl::StrCat(begin, "a row is larger than SQLite can hold", end, "."));
    case SQLITE_INTERRUPT:
      return absl::CancelledError(absl::StrCat(begin, "it was cancelled", end, "."));
    case SQLITE_NOMEM:
      return absl::ResourceExhaustedError(
          absl::StrCat(begin, "out of memory", end, ". Nothing was applied; the same call again is safe."));
    case SQLITE_CONSTRAINT:
      return absl::FailedPreconditionError(absl::StrCat(begin, "refused by a constraint", end, "."));
    default:
      return absl::FailedPreconditionError(
          absl::StrCat(begin, SqliteWords(detail), end, WhatIsToBeDone(code, detail)));
  }
}

SqliteConnection::SqliteConnection(std::unique_ptr<sqlite::Connection> database, std::string path,
                                   MirrorUse use)
    : database_(std::move(database)),
      statements_(*database_),
      path_(std::move(path)),
      log_path_(path_ + kLogSuffix),
      index_path_(path_ + kIndexSuffix),
      use_(use) {}

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(const std::string& path, bool create,
                                                                         MirrorUse use,
                                                                         Checkpointer* checkpointer) {
  const std::optional<FileId> before = IdOf(path);
  if (!before && !create) return absl::NotFoundError(absl::StrCat("there is no mirror file '", path, "'"));
  std::error_code unknown;
  if (before && !std::filesystem::is_regular_file(path, unknown) && !unknown) {
    return absl::FailedPreconditionError(
        absl::StrCat("'", path,
                     "', the path of the mirror's file, is not a file. It was left as it is. Move it out of "
                     "the data folder; the source's next cycle continues."));
  }
  using Mode = sqlite::OpenAs::Mode;
  const bool reading = use == MirrorUse::kReading;
  const bool gathers = use == MirrorUse::kMirror || use == MirrorUse::kBuilding;
  const char* const vfs =
      gathers ? GatheringVfs(use == MirrorUse::kMirror ? Gathered::kLog : Gathered::kDatabase) : "";
  if (vfs == nullptr)
    return absl::UnavailableError(
        "there is no memory left to open a mirror with. Nothing was applied; the same call again is safe.");
  ASSIGN_OR_RETURN(auto database, sqlite::Connection::Open(path,
                                                           {.mode = reading  ? Mode::kRead
                                                                    : create ? Mode::kMake
                                                                             : Mode::kWrite,
                                                            .busy_ms = kBusyTimeoutMs,
                                                            .one_thread = true,
                                                            .vfs = vfs},
                                                           Explain, absl::StrCat("opening '", path, "'")));
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(std::move(database), path, use));
  RETURN_IF_ERROR(connection->Configure(!before, checkpointer));
  connection->file_ = IdOf(path);
  connection->KnowLog();
  if (before && connection->file_ != before) {
    return absl::UnavailableError(absl::StrCat("the mirror file '", path,
                                               "' was replaced while it was being opened. "
                                               "Nothing was applied; the same call again is safe."));
  }
  return connection;
}

absl::Status SqliteConnection::Configure(bool fresh, Checkpointer* checkpointer) {
  sqlite3* const db = handle();
  sqlite3_extended_result_codes(db, 1);
  // Debian's SQLite enables all features, and a mirror file may come from anywhere.
  database_->ReadQuotedAsNames();
  if (const int code = GuardSchema(db); code != SQLITE_OK) return ToStatus(code, "the mirror");
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
  if (use_ != MirrorUse::kReading) {
    if (const int code = batch_table_.Register(db); code != SQLITE_OK) return ToStatus(code, "the mirror");
  }
  if (fresh) RETURN_IF_ERROR(Execute("PRAGMA page_size = 4096"));
  RETURN_IF_ERROR(Run(
      *this, {"PRAGMA foreign_keys = OFF", "PRAGMA cell_size_check = ON", "PRAGMA legacy_alter_table = ON",
              "PRAGMA cache_size = -4000", "PRAGMA secure_delete = FAST"}));
  switch (use_) {
    case MirrorUse::kMirror:
      return ConfigureMirror(checkpointer);
    case MirrorUse::kBuilding:
      return ConfigureBuilding();
    case MirrorUse::kClaim:
      return Run(*this, {"PRAGMA journal_mode = PERSIST", "PRAGMA synchronous = FULL"});
    case MirrorUse::kClaimWithoutSync:
      return Run(*this, {"PRAGMA synchronous = OFF", "PRAGMA journal_mode = PERSIST"});
    case MirrorUse::kReading:
      break;
  }
  return absl::OkStatus();
}

/// Checks the file before anything is written to it. A file without tables may become a mirror.
absl::Status SqliteConnection::CheckIsMirror() {
  // Looks for one of two tables, because somebody may have dropped the other. A source's change log has
  // neither. They are the first tables of each mirror, so SQLite does not read the rest of a long schema.
  for (const char* const sql :
       {"SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name IN ('_mirror_tenant', "
        "'_mirror_schema') LIMIT 1",
        "SELECT 0 FROM sqlite_schema LIMIT 1"}) {
    ASSIGN_OR_RETURN(Query query, Prepare(sql));
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) continue;
    if (query.Int(0) == 1) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        "the file '", path_,
        "' is a database of another program: it has tables, but none that a mirror makes. It was left as it "
        "is. Move it out of the data folder; the source's next cycle continues."));
  }
  return absl::OkStatus();
}

absl::Status SqliteConnection::ConfigureMirror(Checkpointer* checkpointer) {
  RETURN_IF_ERROR(CheckIsMirror());
  // The log is kept, so that a partner who cannot write to the folder can read a closed mirror.
  int persist = 1;
  sqlite3_file_control(handle(), "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
  RETURN_IF_ERROR(Run(*this, {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"}));
  DropGatheredAtRollback(handle());
  log_ = std::make_unique<SqliteLog>(handle(), checkpointer, [this] { return OpenBeside(); });
  return absl::OkStatus();
}

absl::Status SqliteConnection::ConfigureBuilding() {
  // The journal is in memory, so that a refused batch can be rolled back as in a mirror. The journal has only
  // the pages that a transaction changes, not the pages that it adds.
  return Run(*this,
             {"PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = MEMORY", "PRAGMA synchronous = OFF"});
}

sqlite3* SqliteConnection::OpenBeside() const {
  const auto same = [&] { return SameFile() && wal_ && SameLog(); };
  // If another log is at the path, the connection would copy that log's pages by the index of this one.
  if (!same()) return nullptr;
  sqlite3* connection = nullptr;
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  // This VFS extends the file before a checkpoint copies pages.
  int code = sqlite3_open_v2(path_.c_str(), &connection, kFlags, GatheringVfs(Gathered::kLog));
  if (code == SQLITE_OK) code = GuardSchema(connection);
  // The first read opens the log.
  if (code == SQLITE_OK) {
    code =
        sqlite3_exec(connection, "PRAGMA synchronous = FULL; PRAGMA user_version", nullptr, nullptr, nullptr);
    DropGatheredAtRollback(connection);
  }
  if (connection != nullptr) {
    sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    // A failed checkpoint must be noticed. SQLite hides failures of its automatic checkpoint after a commit.
    sqlite3_wal_autocheckpoint(connection, 0);
  }
  if (code == SQLITE_OK && same()) return connection;
  sqlite3_close(connection);
  return nullptr;
}

void SqliteConnection::Committed() {
  if (log_) log_->Committed();
}

bool SqliteConnection::LostPages() const { return log_ && log_->failed(); }

void SqliteConnection::StandAlone() {
  if (log_) log_->Leave();
}

absl::Status SqliteConnection::Rewrite() {
  StandAlone();
  ForgetStatements();
  const auto empty_log = [this] {
    sqlite3_busy_timeout(handle(), kReadersMs);
    log_->Empty();
    sqlite3_busy_timeout(handle(), kBusyTimeoutMs);
    if (WalBytes() == 0) return absl::OkStatus();
    return absl::UnavailableError(
        absl::StrCat("the log of '", path_, "' could not be emptied: ", WhyLogStays(*this).why));
  };
  // A reader that needs the log now would still need it after the rewrite.
  RETURN_IF_ERROR(empty_log());
  sqlite3* const beside = OpenBeside();
  if (beside == nullptr)
    return absl::UnavailableError(absl::StrCat("'", path_, "' could not be opened again"));
  sqlite3_extended_result_codes(beside, 1);
  sqlite3_busy_timeout(beside, kBusyTimeoutMs);
  // Samples of values, which ANALYZE leaves. The table may be missing.
  sqlite3_exec(beside, "DELETE FROM sqlite_stat4", nullptr, nullptr, nullptr);
  // VACUUM attaches a file, and the writer's connection does not allow that.
  const int code = sqlite3_exec(beside, "VACUUM", nullptr, nullptr, nullptr);
  absl::Status status;
  if (code != SQLITE_OK) {
    status = SqliteStatus(code & 0xff, code, absl::StrCat("rewriting '", path_, "'"), sqlite3_errmsg(beside));
  }
  sqlite3_close(beside);
  return status.ok() ? empty_log() : status;
}

SqliteConnection::~SqliteConnection() {
  ForgetStatements();
  if (use_ != MirrorUse::kMirror) return;
  const bool same_file = SameFile(), same_log = SameLog();
  // The log file stays, and is empty, see SQLITE_FCNTL_PERSIST_WAL.
  if (same_file) EmptyLog(kBusyTimeoutMs);
  // If another file is at the path, that file must not get our log, and the log must not be applied to it. If
  // the disk lost pages of the file, the log must stay, because only the log has them.
  if (!same_file || !same_log || keep_log_ || LostPages()) {
    sqlite3_db_config(handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  }
  log_.reset();
  database_.reset();
  if (!same_file && wal_ && IdOf(log_path_) == wal_) {
    unlink(log_path_.c_str());
    unlink(index_path_.c_str());
  }
}

sqlite3* SqliteConnection::handle() const { return database_->handle(); }

absl::Status SqliteConnection::Execute(const std::string& sql) {
  return database_->Execute(sql, "the mirror");
}

absl::StatusOr<sqlite3_stmt*> SqliteConnection::Statement(const std::string& sql) {
  return statements_.Find(sql, "the mirror");
}

absl::StatusOr<Query> SqliteConnection::Prepare(const std::string& sql) {
  Query query = statements_.Prepare(sql, "the mirror");
  if (!query.status().ok()) return query.status();
  query.SetDoing("the mirror's metadata");
  return query;
}

absl::Status ExecuteKept(SqliteConnection& connection, const std::string& sql) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  query.SetDoing("the mirror");
  return query.Run();
}

absl::StatusOr<std::int64_t> ReadNumber(SqliteConnection& connection, const std::string& sql) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  RETURN_IF_ERROR(query.Step().status());
  return query.Int(0);
}

void SqliteConnection::TrimStatements() {
  if (statements_.size() > kStatementsMax) ForgetStatements();
}

bool SqliteConnection::SameFile() const { return file_ && IdOf(path_) == file_; }

void SqliteConnection::KnowLog() {
  wal_ = IdOf(log_path_);
  index_ = IdOf(index_path_);
}

bool SqliteConnection::SameLog() const {
  return (!wal_ || IdOf(log_path_) == wal_) && (!index_ || IdOf(index_path_) == index_);
}

bool SqliteConnection::OtherLog() const { return wal_ && WalBytes() > 0 && IdOf(log_path_) != wal_; }

bool SqliteConnection::EmptyLog(int patience_ms) {
  // If another log is at the path, copying would mix the two logs.
  if (keep_log_ || OtherLog()) return false;
  // A process that made another index works with that. The log still has its name and all its pages.
  const std::optional<FileId> index = IdOf(index_path_);
  if (index && index_ && index != index_ && IdOf(log_path_) == wal_) return true;
  sqlite3_busy_timeout(handle(), patience_ms);
  const bool copied = !log_ || log_->Empty();
  sqlite3_busy_timeout(handle(), kBusyTimeoutMs);
  return copied && WalBytes() == 0;
}

std::uint64_t SqliteConnection::WalBytes() const {
  const std::optional<struct statx> info = Look(log_path_, STATX_SIZE);
  return info ? info->stx_size : 0;
}

absl::Status SqliteConnection::ToStatus(int code, std::string_view what) const {
  return database_->Error(code, what);
}

}  // namespace mirror
