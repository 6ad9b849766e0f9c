#include "client/source/sqlite/file/sqlite_file.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/db/sqlite/schema_guard.h"
#include "base/status_macros.h"
#include "base/system_user.h"
#include "proto/wire/limits.h"

namespace mirror {
namespace {

constexpr std::size_t kHeaderBytes = 100;
constexpr char kMagic[] = "SQLite format 3";  // With its NUL: 16 bytes.
constexpr std::size_t kReadVersionAt = 19;    // 2: WAL.
constexpr std::size_t kChangeCounterAt = 24;

/// Encodes a path as part of a URI.
std::string EncodePath(std::string_view path) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string uri;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '%' || c == '?' || c == '#' || byte < 0x20) {
      uri += {'%', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      uri += c;
    }
  }
  return uri;
}

/// Tries a lock again after each millisecond. SQLite's own handler waits up to 100 ms, in which a busy writer
/// takes the lock again and again.
int WaitForLock(void* patience_ms, int tries) {
  if (tries >= *static_cast<const int*>(patience_ms)) return 0;
  sqlite3_sleep(1);
  return 1;
}

/// The file's state before SQLite opens it.
struct Header {
  struct stat status = {};
  std::array<unsigned char, kHeaderBytes> bytes = {};

  bool wal() const { return bytes[kReadVersionAt] == 2; }
  std::uint64_t change_counter() const {
    std::uint64_t counter = 0;
    for (std::size_t i = 0; i < 4; ++i) counter = counter << 8 | bytes[kChangeCounterAt + i];
    return counter;
  }
};

/// Reads the file's first bytes by SQLite's own file layer. Closing another descriptor would release the
/// locks that a connection of this process holds on the file (POSIX advisory locks).
bool ReadFirstBytes(const std::string& path, unsigned char* bytes) {
  sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
  const auto free_name = [](const char* name) { sqlite3_free_filename(name); };
  const std::unique_ptr<const char, decltype(free_name)> name(
      sqlite3_create_filename(path.c_str(), "", "", 0, nullptr), free_name);
  std::vector<std::max_align_t> memory(static_cast<std::size_t>(vfs->szOsFile) / sizeof(std::max_align_t) +
                                       1);
  auto* file = reinterpret_cast<sqlite3_file*>(memory.data());
  if (vfs->xOpen(vfs, name.get(), file, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, nullptr) != SQLITE_OK) {
    return false;
  }
  // A shorter file leaves zeros in the rest, so the magic differs.
  const int code = file->pMethods->xRead(file, bytes, static_cast<int>(kHeaderBytes), 0);
  file->pMethods->xClose(file);
  return code == SQLITE_OK || code == SQLITE_IOERR_SHORT_READ;
}

absl::StatusOr<Header> ReadHeader(const std::string& path) {
  Header header;
  if (stat(path.c_str(), &header.status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return absl::NotFoundError(
          absl::StrCat("the source '", path, "' is not there: correct 'path' of its [[source]]"));
    }
    return absl::PermissionDeniedError(absl::StrCat("the source '", path, "' cannot be reached (",
                                                    std::strerror(errno),
                                                    "): give this user the right to read it"));
  }
  if (!S_ISREG(header.status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the source '", path, "' is not a file: 'path' of its [[source]] must name a SQLite database"));
  }
  if (header.status.st_size == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the source '", path,
                     "' is empty, not a database: correct 'path' of its [[source]]. Nothing was sent"));
  }
  if (access(path.c_str(), R_OK) != 0 || !ReadFirstBytes(path, header.bytes.data())) {
    return absl::PermissionDeniedError(
        absl::StrCat("the source '", path, "' cannot be read: give this user the right to read it"));
  }
  if (std::memcmp(header.bytes.data(), kMagic, sizeof kMagic) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the source '", path,
                     "' is not a SQLite database (or it is encrypted): correct 'path' of its [[source]]"));
  }
  return header;
}

/// Returns whether a file exists, and sets `size` to its size.
bool Exists(const std::string& path, off_t* size) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return false;
  if (size != nullptr) *size = status.st_size;
  return true;
}

/// Returns whether a process may have the database open, or left it in the middle of a write.
bool InUse(const std::string& path) {
  off_t wal_bytes = 0;
  return Exists(path + "-shm", nullptr) || (Exists(path + "-wal", &wal_bytes) && wal_bytes > 0);
}

/// Returns a clause that names the right that this user lacks. SQLite does not name the file.
std::string NoAccess(const sqlite::Failure& failure, const std::string& path) {
  const DatabaseUse use = failure.primary() == SQLITE_READONLY ? DatabaseUse::kWrite : DatabaseUse::kRead;
  const std::string missing = MissingRight(ThisUser(), "", path, use);
  if (!missing.empty()) return absl::StrCat(". This user ", missing, ". Give it that right");
  return ". Give this user the right to read the file and, in WAL mode, to write in its folder and its -wal "
         "and "
         "-shm";
}

/// Returns the error that the code alone means. `words`: the place and SQLite's message.
absl::Status ByCode(const sqlite::Failure& failure, const std::string& path, const std::string& where,
                    const std::string& words) {
  switch (failure.primary()) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(
          absl::StrCat(where, "it is locked by another program for more than ", kSourceBusyMs / 1000,
                       " seconds. Nothing is lost: try again, or end the program that holds the lock"));
    case SQLITE_NOTADB:
      return absl::InvalidArgumentError(absl::StrCat(
          where, "it is not a SQLite database (or it is encrypted): correct 'path' of its [[source]]"));
    case SQLITE_CORRUPT:
      if (IsUnreadableSchema(failure.words)) {
        return absl::FailedPreconditionError(absl::StrCat(
            words, ". SQLite ", sqlite3_libversion(),
            ", which the agent uses, does not understand this object of the schema; a newer SQLite may have ",
            "made it. Nothing was sent. The data may be undamaged (check with 'PRAGMA integrity_check' in "
            "the ",
            "application's own SQLite): do not restore a backup, but rewrite the object so that this ",
            "version can read it"));
      }
      return absl::DataLossError(absl::StrCat(
          words, ". The database seems to be damaged: check it with 'PRAGMA integrity_check', and ",
          "if that does not say ok, restore a backup"));
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::PermissionDeniedError(absl::StrCat(words, NoAccess(failure, path)));
    case SQLITE_IOERR:
      return absl::UnavailableError(absl::StrCat(words, ". Check the disk, then try again"));
    case SQLITE_NOMEM:
      return absl::ResourceExhaustedError(words);
    default:
      return absl::UnknownError(words);
  }
}

}  // namespace

bool IsOfApplicationAlone(std::string_view words) {
  const absl::string_view text(words.data(), words.size());
  return absl::StrContains(text, "no such collation sequence") ||
         absl::StrContains(text, "no such function") || absl::StrContains(text, "unknown function");
}

absl::StatusOr<std::unique_ptr<SqliteFile>> SqliteFile::Open(const std::string& path, Use use) {
  std::unique_ptr<SqliteFile> file(new SqliteFile);
  std::error_code unresolved;
  const std::filesystem::path real = std::filesystem::canonical(path, unresolved);
  file->path_ = unresolved ? path : real.string();
  ASSIGN_OR_RETURN(const Header header, ReadHeader(file->path_));
  file->wal_ = header.wal();
  if (header.wal() && use == Use::kRead)
    file->access_ = InUse(file->path_) ? Access::kSnapshot : Access::kStill;
  file->still_ = header.status;
  file->mark_ = {file->path_, header.status.st_dev, header.status.st_ino, header.change_counter()};

  file->beside_.emplace(file->path_);
  if (use == Use::kChange) RETURN_IF_ERROR(file->beside_->Check());
  const bool makes_log = file->wal_ && file->access_ != Access::kStill;
  if (makes_log) {
    for (const char* const suffix : {"-wal", "-shm"}) file->beside_->Make(suffix);
  }

  const std::string uri =
      absl::StrCat("file:", EncodePath(file->path_), use == Use::kChange ? "?mode=rw" : "?mode=ro",
                   file->access_ == Access::kStill ? "&immutable=1" : "");
  const auto mode = use == Use::kChange ? sqlite::OpenAs::Mode::kWrite : sqlite::OpenAs::Mode::kRead;
  RETURN_IF_ERROR(
      file->Connect(uri, {.mode = mode, .busy_ms = kSourceBusyMs, .one_thread = true, .uri = true}));
  RETURN_IF_ERROR(file->Configure());
  if (file->access_ == Access::kSnapshot) RETURN_IF_ERROR(file->Run("BEGIN"));
  if (use == Use::kChange) RETURN_IF_ERROR(file->Run("PRAGMA synchronous = FULL"));
  // The first read detects problems with locks, journals and the schema.
  const absl::StatusOr<std::int64_t> tables = file->Number("SELECT count(*) FROM sqlite_schema");
  if (makes_log) file->beside_->GiveAway();
  if (!tables.ok()) return tables.status();
  ASSIGN_OR_RETURN(sqlite::Statement encoding, file->Prepare("PRAGMA encoding"));
  if (const absl::StatusOr<bool> row = encoding.Step(); row.ok() && *row) {
    file->utf16_ = encoding.View(0) != "UTF-8";
  }
  return file;
}

absl::Status SqliteFile::Connect(const std::string& path, const sqlite::OpenAs& as) {
  ASSIGN_OR_RETURN(database_, sqlite::Connection::Open(
                                  path, as, [this](const sqlite::Failure& failure, std::string_view doing) {
                                    return Explain(failure, doing);
                                  }));
  return absl::OkStatus();
}

absl::Status SqliteFile::Configure() {
  sqlite3* const database = handle();
  sqlite3_extended_result_codes(database, 1);
  if (!row_call_->Register(database)) return Error(SQLITE_NOMEM, "opening");
  sqlite3_busy_handler(database, &WaitForLock, &patience_ms_);
  database_->ReadQuotedAsNames();
  if (const int code = GuardSchema(database); code != SQLITE_OK) return Error(code, "opening");
  // SQLite refuses a longer value before it is in memory (SQLITE_TOOBIG).
  sqlite3_limit(database, SQLITE_LIMIT_LENGTH, static_cast<int>(kPartBytesMax));
  return absl::OkStatus();
}

void SqliteFile::TakeLongValues() const {
  constexpr int kValueBytesMax = 1'000'000'000;  // SQLite's default.
  sqlite3_limit(handle(), SQLITE_LIMIT_LENGTH, kValueBytesMax);
}

absl::StatusOr<std::unique_ptr<SqliteFile>> SqliteFile::CopyOfOneMoment(const CopyLimits& limits) const {
  std::unique_ptr<SqliteFile> copy(new SqliteFile);
  copy->path_ = path_;
  copy->access_ = Access::kSnapshot;
  copy->is_copy_ = true;
  copy->wal_ = true;  // Nobody writes to a copy.
  copy->utf16_ = utf16_;
  copy->mark_ = mark_;
  RETURN_IF_ERROR(
      copy->Connect("", {.mode = sqlite::OpenAs::Mode::kMake, .busy_ms = kSourceBusyMs, .one_thread = true}));
  RETURN_IF_ERROR(CopyPages(copy->handle(), limits));
  RETURN_IF_ERROR(copy->Configure());
  return copy;
}

absl::Status SqliteFile::CopyPages(sqlite3* copy, const CopyLimits& limits) const {
  const absl::StatusOr<std::int64_t> page = Number("PRAGMA page_size"), pages = Number("PRAGMA page_count");
  if (!page.ok() || !pages.ok()) return page.ok() ? pages.status() : page.status();
  const auto refused = [&](absl::string_view why, absl::string_view or_else) {
    return absl::UnavailableError(absl::StrCat(
        "the source '", path_,
        "' has a rollback journal. Views, and tables that change all the time, are then read from a ",
        "temporary copy, so that writers need not wait, but ", why,
        ". Nothing of it was sent. Set its journal_mode to WAL, where writers do not wait for readers",
        or_else));
  };
  if (*pages > limits.max / *page) {
    return refused(absl::StrCat("it is larger than the ", limits.max / 1'000'000, " MB that may be copied"),
                   "");
  }
  const std::unique_ptr<sqlite3_backup, int (*)(sqlite3_backup*)> backup(
      sqlite3_backup_init(copy, "main", handle(), "main"), &sqlite3_backup_finish);
  if (backup == nullptr)
    return absl::UnavailableError(absl::StrCat("copying '", path_, "': ", sqlite3_errmsg(copy)));
  int step = kCopyPages, repeats = 0;
  for (int left = 0, before = 0, tries = 0;; before = left) {
    const int code = sqlite3_backup_step(backup.get(), step);
    if (code == SQLITE_DONE) return absl::OkStatus();
    if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED) {
      if (++tries > kSourceBusyMs) return Error(code, "copying it");
      sqlite3_sleep(1);
      continue;
    }
    if (code != SQLITE_OK) {
      return absl::UnavailableError(absl::StrCat("copying the source '", path_,
                                                 "' to a temporary file: ", sqlite3_errstr(code),
                                                 ". Make room in the folder of temporary files"));
    }
    left = sqlite3_backup_remaining(backup.get());
    // Another program committed, so the copy began again.
    if (before > 0 && left >= before && ++repeats > kCopyRepeats) {
      if (*pages > limits.at_once / *page) {
        return refused(absl::StrCat("it is written too often for that, and larger than the ",
                                    limits.at_once / 1'000'000, " MB for which writers may be kept waiting"),
                       ", or raise 'copy_at_once' of its [[source]] if writers can wait that long");
      }
      step = -1;
    }
    // Lets a writer continue.
    sqlite3_sleep(1);
  }
}

absl::StatusOr<sqlite::Statement> SqliteFile::Prepare(const std::string& sql) const {
  sqlite::Statement statement = database_->Prepare(sql, "preparing to read");
  if (!statement.status().ok()) return statement.status();
  return statement;
}

sqlite::Statement SqliteFile::Query(const std::string& sql) const {
  sqlite::Statement statement = database_->Prepare(sql, "preparing to read");
  statement.SetDoing("its change log");
  return statement;
}

absl::StatusOr<std::int64_t> SqliteFile::Number(const std::string& sql) const {
  ASSIGN_OR_RETURN(sqlite::Statement statement, Prepare(sql));
  statement.SetDoing("reading");
  RETURN_IF_ERROR(statement.StepToRow());
  return statement.Int(0);
}

absl::Status SqliteFile::Change(const std::function<absl::Status()>& work) const {
  if (sqlite3_get_autocommit(handle()) == 0) return work();  // It is a part of a larger change.
  for (int repeat = 0;; ++repeat) {
    RETURN_IF_ERROR(Run("BEGIN IMMEDIATE"));
    if (!wal_) beside_->Make("-journal");
    const absl::Status status = work();
    // With a rollback journal, a commit that waits for readers blocks everyone else.
    patience_ms_ = kCommitMs;
    const int code = status.ok() ? sqlite3_exec(handle(), "COMMIT", nullptr, nullptr, nullptr) : SQLITE_OK;
    patience_ms_ = kSourceBusyMs;
    if (sqlite3_get_autocommit(handle()) == 0) sqlite3_exec(handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    if (!status.ok() || code == SQLITE_OK) return status;
    if ((code & 0xff) != SQLITE_BUSY || repeat == kCommitRepeats)
      return Error(code, "writing its change log");
    sqlite3_sleep(kCommitMs);
  }
}

absl::Status SqliteFile::DropAll(const std::string& query) const {
  std::vector<std::string> drops;
  {
    ASSIGN_OR_RETURN(sqlite::Statement found, Prepare(query));
    found.SetDoing("reading its schema");
    RETURN_IF_ERROR(ForEachRow(found, [&] {
      drops.push_back(absl::StrCat("DROP ", found.Text(0), " main.", QuoteName(found.View(1))));
    }));
  }
  for (const std::string& drop : drops) {
    RETURN_IF_ERROR(Run(drop));
  }
  return absl::OkStatus();
}

absl::Status SqliteFile::Run(const std::string& sql) const { return database_->Execute(sql, "reading"); }

absl::Status SqliteFile::Explain(const sqlite::Failure& failure, std::string_view doing) const {
  if (database_ == nullptr) {
    return absl::UnavailableError(
        is_copy_
            ? absl::StrCat("a temporary copy of the source '", path_, "' cannot be made: ", failure.words)
            : absl::StrCat("the source '", path_, "' cannot be opened: ", failure.words));
  }
  const std::string where = absl::StrCat("the source '", path_, "', ", std::string(doing), ": ");
  switch (failure.code) {
    case SQLITE_READONLY_ROLLBACK:
    case SQLITE_READONLY_RECOVERY:
      return absl::FailedPreconditionError(absl::StrCat(
          where,
          "a program ended in the middle of a write and left its journal. Open the database once with that ",
          "program (or the sqlite3 program), which repairs it; the agent only reads"));
    case SQLITE_READONLY_CANTINIT:
    case SQLITE_READONLY_DIRECTORY:
      return absl::FailedPreconditionError(absl::StrCat(
          where,
          "it is in WAL mode and its -shm file cannot be used by this user. Give this user write permission ",
          "on the folder, or read permission on the -shm and -wal files"));
    default:
      break;
  }
  const std::string words = absl::StrCat(where, failure.words);
  if (IsOfApplicationAlone(failure.words)) {
    return absl::InvalidArgumentError(absl::StrCat(
        words,
        ". Only the application has it, so no other program can read the table: leave it out with 'skip'"));
  }
  return ByCode(failure, path_, where, words);
}

absl::Status SqliteFile::BeginLook() const {
  if (access_ == Access::kStill) return CheckStill();
  if (held_) return absl::OkStatus();
  return access_ == Access::kChunks ? Run("BEGIN") : absl::OkStatus();
}

void SqliteFile::EndLook() const {
  // The COMMIT of a read transaction only releases the lock: an error does not matter.
  if (access_ == Access::kChunks && !held_ && sqlite3_get_autocommit(handle()) == 0) {
    sqlite3_exec(handle(), "COMMIT", nullptr, nullptr, nullptr);
  }
}

absl::StatusOr<bool> SqliteFile::HoldLooks() const {
  if (access_ != Access::kChunks || !wal_) return false;
  if (held_) return true;
  RETURN_IF_ERROR(Run("BEGIN"));
  // The first read fixes the moment of the transaction.
  const absl::StatusOr<std::int64_t> read = Number("PRAGMA schema_version");
  if (!read.ok()) {
    EndLook();
    return read.status();
  }
  held_ = true;
  return true;
}

void SqliteFile::LeaveLooks() const {
  if (!std::exchange(held_, false)) return;
  EndLook();
}

void SqliteFile::LeaveSnapshot() const {
  if (access_ != Access::kSnapshot || sqlite3_get_autocommit(handle()) != 0) return;
  // The new transaction begins with its first read.
  sqlite3_exec(handle(), "COMMIT; BEGIN", nullptr, nullptr, nullptr);
}

absl::Status SqliteFile::CheckStill() const {
  struct stat now = {};
  const bool same = stat(path_.c_str(), &now) == 0 && now.st_dev == still_.st_dev &&
                    now.st_ino == still_.st_ino && now.st_size == still_.st_size &&
                    now.st_mtim.tv_sec == still_.st_mtim.tv_sec &&
                    now.st_mtim.tv_nsec == still_.st_mtim.tv_nsec && !InUse(path_);
  if (same) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat("another program opened the source '", path_, "' while it was read"));
}

}  // namespace mirror
