#include "server/store/sqlite/file/sqlite_copy.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/status_macros.h"
#include "server/store/sqlite/file/file_suffix.h"
#include "server/store/sqlite/file/sync_path.h"

namespace mirror {
namespace {

namespace fs = std::filesystem;

constexpr int kPagesAtATime = 1'000;
constexpr char kUnfinished[] = ".part-XXXXXX";

absl::Status CopyTrouble(const std::string& doing, const std::string& path, int error) {
  const std::string words =
      absl::StrCat(doing, " '", path, "': ", std::strerror(error), ". No copy was made.");
  if (error == EEXIST) return absl::AlreadyExistsError(words);
  const bool wrong_path = error == ENOENT || error == ENOTDIR || error == EACCES || error == ENAMETOOLONG;
  return wrong_path ? absl::FailedPreconditionError(words) : absl::UnavailableError(words);
}

/// The copy's own name is of no use to who reads this.
absl::Status NotBegun(const std::string& folder, const std::string& path, int error) {
  absl::Status status = CopyTrouble("making a copy in", path, error);
  const char* next = "";
  if (error == ENOENT || error == ENOTDIR) {
    next = "' is no folder on the server's machine. Make it, writable for the server's user.";
  } else if (error == EACCES || error == EPERM || error == EROFS) {
    next = "' cannot be written by the server's user. Give it the right to, or name another folder.";
  } else {
    return status;
  }
  return {status.code(), absl::StrCat(status.message(), " '", folder, next)};
}

absl::Status SyncCopy(const std::string& path, int flags) {
  const int failed = SyncPath(path, flags);
  return failed == 0 ? absl::OkStatus() : CopyTrouble("syncing", path, failed);
}

/// 0: SQLite did not tell.
std::uint64_t PageBytes(SqliteConnection& connection) {
  absl::StatusOr<Query> query = connection.Prepare("PRAGMA page_size");
  if (!query.ok()) return 0;
  const absl::StatusOr<bool> row = query->Step();
  return row.ok() && *row ? static_cast<std::uint64_t>(query->Int(0)) : 0;
}

absl::Status CopyPages(SqliteConnection& from, const std::string& path, const GoOnCopying& go_on) {
  const std::string doing = absl::StrCat("writing '", path, "'");
  ASSIGN_OR_RETURN(const auto opened, sqlite::Connection::Open(
                                          path, {.one_thread = true},
                                          [](const sqlite::Failure& failure, std::string_view what) {
                                            return SqliteStatus(failure.primary(), failure.extended, what,
                                                                failure.words);
                                          },
                                          doing));
  const sqlite::Connection& to = *opened;
  // Synced as a whole in the end.
  RETURN_IF_ERROR(to.Execute("PRAGMA synchronous = OFF", doing));
  sqlite3_backup* const backup = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
  if (backup == nullptr) return to.LastError(doing);
  int code = SQLITE_OK;
  const std::uint64_t page_bytes = PageBytes(from);
  bool called_off = false;
  do {
    code = sqlite3_backup_step(backup, kPagesAtATime);
    CrashPoint("backup.pages");
    const auto pages = static_cast<std::uint64_t>(sqlite3_backup_pagecount(backup));
    const auto left = static_cast<std::uint64_t>(sqlite3_backup_remaining(backup));
    called_off = !go_on((pages - left) * page_bytes, pages * page_bytes);
  } while (code == SQLITE_OK && !called_off);
  const int finished = sqlite3_backup_finish(backup);
  if (called_off) return absl::CancelledError("the copy was cancelled. No copy was made.");
  if (code == SQLITE_DONE) code = finished;
  return code == SQLITE_OK ? to.Execute("PRAGMA journal_mode = DELETE", doing) : to.Error(code, doing);
}

absl::Status MakeCopy(SqliteConnection& from, const std::string& path, const std::string& unfinished,
                      const GoOnCopying& go_on) {
  RETURN_IF_ERROR(CopyPages(from, unfinished, go_on));
  RETURN_IF_ERROR(SyncCopy(unfinished, O_RDWR));
  CrashPoint("backup.synced");
  if (renameat2(AT_FDCWD, unfinished.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
    return CopyTrouble("naming the copy", path, errno);
  }
  CrashPoint("backup.named");
  return SyncCopy(fs::path(path).parent_path().string(), O_RDONLY | O_DIRECTORY);
}

}  // namespace

absl::Status CopySqliteFile(SqliteConnection& from, const std::string& path, const GoOnCopying& go_on) {
  struct stat info {};
  if (lstat(path.c_str(), &info) == 0) {
    return absl::AlreadyExistsError(
        absl::StrCat("making a copy in '", path, "': File exists. No copy was made. Name another file."));
  }
  // Each attempt has a name of its own.
  std::string unfinished = path + kUnfinished;
  const int file = mkostemp(unfinished.data(), O_CLOEXEC);
  if (file < 0) return NotBegun(fs::path(path).parent_path().string(), path, errno);
  close(file);
  absl::Status made = MakeCopy(from, path, unfinished, go_on);
  if (!made.ok()) {
    for (const char* suffix : {"", "-journal", kLogSuffix, kIndexSuffix})
      unlink((unfinished + suffix).c_str());
  }
  return made;
}

}  // namespace mirror
