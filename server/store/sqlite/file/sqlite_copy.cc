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
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "server/store/sqlite/file/sync_path.h"

namespace mirror {
namespace {

namespace fs = std::filesystem;

constexpr int kPagesAtATime = 1'000;
constexpr char kUnfinished[] = ".part-XXXXXX";

struct Closer {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
};

absl::Status Trouble(const std::string& doing, const std::string& path, int error) {
  const std::string words =
      absl::StrCat(doing, " '", path, "': ", std::strerror(error), ". No copy was made.");
  if (error == EEXIST) return absl::AlreadyExistsError(words);
  const bool wrong_path = error == ENOENT || error == ENOTDIR || error == EACCES || error == ENAMETOOLONG;
  return wrong_path ? absl::FailedPreconditionError(words) : absl::UnavailableError(words);
}

absl::Status Sync(const std::string& path, int flags) {
  const int failed = SyncPath(path, flags);
  return failed == 0 ? absl::OkStatus() : Trouble("syncing", path, failed);
}

/// 0: SQLite did not tell.
std::uint64_t PageBytes(SqliteConnection& connection) {
  absl::StatusOr<Query> query = connection.Prepare("PRAGMA page_size");
  if (!query.ok()) return 0;
  const absl::StatusOr<bool> row = query->Step();
  return row.ok() && *row ? static_cast<std::uint64_t>(query->Int(0)) : 0;
}

absl::Status CopyPages(SqliteConnection& from, const std::string& path, const GoOnCopying& go_on) {
  sqlite3* opened = nullptr;
  int code = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  const std::unique_ptr<sqlite3, Closer> to(opened);
  const auto failed = [&] {
    return SqliteStatus(code & 0xff, to == nullptr ? code : sqlite3_extended_errcode(to.get()),
                        absl::StrCat("writing '", path, "'"),
                        to == nullptr ? "no memory" : sqlite3_errmsg(to.get()));
  };
  // Synced as a whole in the end.
  if (code == SQLITE_OK) code = sqlite3_exec(to.get(), "PRAGMA synchronous = OFF", nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failed();
  sqlite3_backup* const backup = sqlite3_backup_init(to.get(), "main", from.handle(), "main");
  if (backup == nullptr) {
    code = sqlite3_errcode(to.get());
    return failed();
  }
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
  if (called_off) return absl::CancelledError("the copy was called off. There is none.");
  if (code == SQLITE_DONE) code = finished;
  if (code == SQLITE_OK) {
    code = sqlite3_exec(to.get(), "PRAGMA journal_mode = DELETE", nullptr, nullptr, nullptr);
  }
  return code == SQLITE_OK ? absl::OkStatus() : failed();
}

absl::Status MakeCopy(SqliteConnection& from, const std::string& path, const std::string& unfinished,
                      const GoOnCopying& go_on) {
  if (absl::Status copied = CopyPages(from, unfinished, go_on); !copied.ok()) return copied;
  if (absl::Status synced = Sync(unfinished, O_RDWR); !synced.ok()) return synced;
  CrashPoint("backup.synced");
  if (renameat2(AT_FDCWD, unfinished.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
    return Trouble("naming the copy", path, errno);
  }
  CrashPoint("backup.named");
  return Sync(fs::path(path).parent_path().string(), O_RDONLY | O_DIRECTORY);
}

}  // namespace

absl::Status CopySqliteFile(SqliteConnection& from, const std::string& path, const GoOnCopying& go_on) {
  struct stat info {};
  if (lstat(path.c_str(), &info) == 0) return Trouble("making a copy in", path, EEXIST);
  // Each attempt has a name of its own.
  std::string unfinished = path + kUnfinished;
  const int file = mkostemp(unfinished.data(), O_CLOEXEC);
  if (file < 0) return Trouble("making", unfinished, errno);
  close(file);
  absl::Status made = MakeCopy(from, path, unfinished, go_on);
  if (!made.ok()) {
    for (const char* suffix : {"", "-journal", "-wal", "-shm"}) unlink((unfinished + suffix).c_str());
  }
  return made;
}

}  // namespace mirror
