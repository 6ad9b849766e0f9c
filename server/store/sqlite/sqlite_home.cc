#include "server/store/sqlite/sqlite_home.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/folder_lock.h"
#include "server/store/home.h"
#include "server/store/sqlite/file/disk.h"
#include "server/store/sqlite/file/second_names.h"
#include "server/store/sqlite/file/sqlite_checkpointer.h"
#include "server/store/sqlite/file/sqlite_quarantine.h"
#include "server/store/sqlite/sqlite_mirror_copy.h"

namespace mirror {
namespace {

namespace fs = std::filesystem;

/// Returns the name that equals `name` without ASCII case.
std::optional<std::string> FindName(const std::vector<std::string>& names, const std::string& name) {
  const auto found =
      std::find_if(names.begin(), names.end(), [&](const std::string& one) { return SameName(one, name); });
  return found == names.end() ? std::nullopt : std::optional(*found);
}

absl::Status HasNoPlaces() {
  return absl::InvalidArgumentError(
      "this server keeps its mirrors as files in one folder, so it has no places. Nothing was done. To move "
      "a mirror here from another server, leave out --place.");
}

class NoPlaces final : public HomePlaces {
 public:
  absl::Status Check(const std::string& place) const override {
    return place.empty() ? absl::OkStatus() : HasNoPlaces();
  }
  absl::Status CheckShared(const std::string& place) const override { return Check(place); }
  absl::StatusOr<std::string> Find(const std::string& /*context_id*/) override { return std::string(); }
  absl::StatusOr<std::unique_ptr<PlaceMove>> NewMove(const std::string& /*context_id*/,
                                                     const std::string& /*place*/) override {
    return HasNoPlaces();
  }
};

/// Checks that a copy may be made at `path`: it is an absolute path and not in `folder`.
absl::Status CheckOutside(const std::string& path, const std::string& folder) {
  if (path.empty() || path.front() != '/') {
    return absl::InvalidArgumentError(absl::StrCat("'", path,
                                                   "' is not an absolute path. Nothing was done. Give the "
                                                   "whole path on the server's machine, beginning with "
                                                   "'/'."));
  }
  std::error_code error;
  const std::string within = fs::weakly_canonical(folder, error).string() + "/";
  if (absl::StartsWith(fs::weakly_canonical(path, error).string(), within)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", path,
        "' is in the data folder, which is the server's own. Nothing was done. Name another folder."));
  }
  return absl::OkStatus();
}

class SqliteHome final : public StoreHome {
 public:
  SqliteHome(std::string dir, const SqliteOptions& options, std::unique_ptr<FolderLock> lock)
      : dir_(std::move(dir)), options_(options), lock_(std::move(lock)) {}

  absl::StatusOr<std::vector<Found>> Recover() override {
    ASSIGN_OR_RETURN(const std::vector<std::string> there, FindSqliteStores(dir_));
    CrashPoint("start.locked");
    std::error_code ignored;
    fs::remove_all(absl::StrCat(dir_, "/", kWorkFolder), ignored);
    RETURN_IF_ERROR(TakeBackSecondNames(dir_));
    std::vector<Found> found;
    for (const std::string& context_id : there) {
      found.push_back({context_id, ReadQuarantine(Location(context_id)), LogBytes(context_id) > 0});
    }
    return found;
  }

  bool IsShared() const override { return false; }
  absl::StatusOr<std::vector<Found>> FindAll() override {
    ASSIGN_OR_RETURN(const std::vector<std::string> all, FindSqliteStores(dir_));
    std::vector<Found> found;
    for (const std::string& context_id : all) found.push_back({context_id, ""});
    return found;
  }
  absl::StatusOr<std::optional<std::string>> FindSpelling(const std::string& context_id) override {
    ASSIGN_OR_RETURN(const std::vector<std::string> all, FindSqliteStores(dir_));
    return FindName(all, context_id);
  }
  absl::StatusOr<std::vector<std::string>> FindIdle(std::int64_t) override {
    return std::vector<std::string>();
  }
  absl::StatusOr<std::vector<std::string>> FindWithHooks() override { return std::vector<std::string>(); }
  absl::StatusOr<bool> IsDeleted(const std::string& context_id) override {
    for (const auto& marked : {FindDeleting(), FindDeleted()}) {
      if (!marked.ok()) return marked.status();
      if (FindName(*marked, context_id)) return true;
    }
    return false;
  }
  bool Exists(const std::string& context_id) const override { return SqliteStoreExists(dir_, context_id); }
  absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& context_id, bool create,
                                              const BeginBuilding& begin_building) override {
    SqliteOptions options = options_;
    options.checkpointer = &checkpointer_;
    options.begin_building = begin_building;
    return OpenSqliteStore(dir_, context_id, create, options);
  }
  absl::StatusOr<std::string> SetAside(const std::string& context_id, std::int64_t now_ms,
                                       const std::optional<TenantRecord>& owner) override {
    return SetSqliteStoreAside(dir_, context_id, now_ms, owner);
  }

  absl::StatusOr<std::int64_t> FindEpoch(const std::string&) override { return 0; }
  absl::Status BeginDeletion(const std::string& context_id, Deleted what, std::int64_t) override {
    return SetDeletingMark(dir_, context_id, what);
  }
  absl::Status FinishDeletion(const std::string& context_id) override {
    ASSIGN_OR_RETURN(const Deleted what, WhatIsDeleted(dir_, context_id));
    RETURN_IF_ERROR(RemoveSqliteStore(dir_, context_id, what));
    CrashPoint("delete.files_gone");
    absl::Status marked =
        what == Deleted::kForgotten ? RemoveDeletingMark(dir_, context_id) : SetDeletedMark(dir_, context_id);
    CrashPoint("delete.after");
    return marked;
  }
  absl::Status AllowAgain(const std::string& context_id) override {
    return RemoveDeletedMark(dir_, context_id);
  }
  absl::StatusOr<std::vector<std::string>> FindDeleting() override { return FindDeletingMarks(dir_); }
  absl::StatusOr<std::vector<std::string>> FindDeleted() override { return FindDeletedMarks(dir_); }

  absl::StatusOr<std::unique_ptr<MirrorImport>> NewImport(const std::string& context_id) override {
    return NewSqliteImport(dir_, kWorkFolder, context_id);
  }

  HomePlaces& places() override { return places_; }

  absl::StatusOr<std::unique_ptr<MirrorCopy>> NewCopy(const std::string& context_id) override {
    return NewSqliteMirrorCopy(dir_, kWorkFolder, context_id);
  }

  absl::Status CheckCopyOut(const std::string& path) const override {
    return CheckOutside(path, options_.data_dir.empty() ? dir_ : options_.data_dir);
  }

  absl::Status CheckCopyIn(const std::string& path) const override {
    // If this process read a mirror's own file without SQLite, SQLite's locks on it would be released.
    RETURN_IF_ERROR(CheckOutside(path, dir_));
    if (std::error_code error; !fs::is_regular_file(path, error)) {
      return absl::NotFoundError(absl::StrCat("there is no file '", path,
                                              "' on the server's machine. Nothing was changed. Name a "
                                              "copy that 'mirrorctl backup' made there."));
    }
    if (FileBytes(path + kLogSuffix) == 0) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("'", path,
                     "' has a log (-wal) beside it, so the file alone is incomplete. Nothing was "
                     "changed. Copy the database with 'mirrorctl backup' or SQLite's '.backup'."));
  }

  absl::StatusOr<CopyReport> CopyOut(const std::string& context_id, Snapshot& mirror, const std::string& path,
                                     const GoOnCopying& go_on) override {
    absl::Status copied = mirror.CopyTo(path, go_on);
    if (absl::IsUnimplemented(copied)) return CopyContentsOut(context_id, mirror, path, go_on);
    if (!copied.ok()) return copied;
    return CopyReport{.bytes = FileBytes(path)};
  }

  std::string Location(const std::string& context_id) const override { return SqlitePath(dir_, context_id); }
  std::uint64_t Bytes(const std::string& context_id) const override {
    return FileBytes(Location(context_id)) + LogBytes(context_id);
  }
  std::uint64_t LogBytes(const std::string& context_id) const override {
    return FileBytes(Location(context_id) + kLogSuffix);
  }
  absl::StatusOr<Space> FindSpace() const override { return DiskSpace(dir_); }
  absl::StatusOr<Space> FindCopySpace() const override { return DiskSpace(dir_); }
  std::vector<std::string> TryWriting() const override {
    const absl::Status tried = mirror::TryWriting(dir_);
    return tried.ok() ? std::vector<std::string>{} : std::vector<std::string>{std::string(tried.message())};
  }
  absl::StatusOr<std::chrono::microseconds> SyncTime() const override { return mirror::SyncTime(dir_); }

 private:
  /// Copies a mirror that is not a file. Builds a file here, and copies that to `path`, completely or not at
  /// all.
  absl::StatusOr<CopyReport> CopyContentsOut(const std::string& context_id, Snapshot& mirror,
                                             const std::string& path, const GoOnCopying& go_on) {
    ASSIGN_OR_RETURN(const std::unique_ptr<MirrorCopy> copy, NewCopy(context_id));
    ASSIGN_OR_RETURN(std::vector<std::string> left_out, copy->CopyOf(mirror, go_on));
    ASSIGN_OR_RETURN(const std::unique_ptr<Store> store, copy->Open());
    ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> copied, store->OpenSnapshot());
    RETURN_IF_ERROR(copied->CopyTo(path, go_on));
    return CopyReport{FileBytes(path), std::move(left_out)};
  }

  const std::string dir_;
  const SqliteOptions options_;
  const std::unique_ptr<FolderLock> lock_;
  Checkpointer checkpointer_;
  NoPlaces places_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreHome>> OpenSqliteHome(const std::string& dir,
                                                          const SqliteOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<FolderLock> lock, FolderLock::Take(dir));
  return std::make_unique<SqliteHome>(dir, options, std::move(lock));
}

namespace {

constexpr char kMarkPrefix[] = "Mirror_";
constexpr char kDeleted[] = ".deleted";
constexpr char kDeleting[] = ".deleting";
/// Contents of the mark for kMirrorOnly and kForgotten.
constexpr std::string_view kMirrorOnly = "the mirror only\n";
constexpr std::string_view kForgotten = "and forgotten\n";

std::string_view WordsOf(Deleted what) {
  if (what == Deleted::kAll) return "";
  return what == Deleted::kMirrorOnly ? kMirrorOnly : kForgotten;
}

std::string PathOf(const std::string& dir, const std::string& context_id, const char* suffix) {
  return absl::StrCat(dir, "/", kMarkPrefix, context_id, suffix);
}

absl::Status RemoveMark(const std::string& dir, const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT)
    return FileTrouble("removing", path, std::strerror(errno));
  return SyncFolder(dir);
}

absl::StatusOr<std::vector<std::string>> FindMarks(const std::string& dir, const char* suffix) {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    const std::string name = entry.path().filename().string();
    absl::string_view id = name;
    if (!absl::ConsumePrefix(&id, kMarkPrefix) || !absl::ConsumeSuffix(&id, suffix)) continue;
    if (CheckContextId(std::string(id)).ok()) found.emplace_back(id);
  }
  if (error) {
    return absl::UnavailableError(absl::StrCat("the folder '", dir, "' cannot be read: ", error.message()));
  }
  return found;
}

}  // namespace

absl::Status SetDeletingMark(const std::string& dir, const std::string& context_id, Deleted what) {
  const std::string path = PathOf(dir, context_id, kDeleting);
  const bool is_all = what == Deleted::kAll;
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (is_all ? O_TRUNC : O_EXCL), 0640);
  if (file < 0 && errno == EEXIST) return SyncFolder(dir);
  if (file < 0) return FileTrouble("making", path, std::strerror(errno));
  const std::string_view words = WordsOf(what);
  const bool written = write(file, words.data(), words.size()) == static_cast<ssize_t>(words.size());
  const int failed = written && fsync(file) == 0 ? 0 : errno;
  close(file);
  absl::Status synced = failed == 0 ? SyncFolder(dir) : FileTrouble("writing", path, std::strerror(failed));
  // Otherwise the mark would take effect at the next start.
  if (!synced.ok()) unlink(path.c_str());
  return synced;
}

absl::StatusOr<Deleted> WhatIsDeleted(const std::string& dir, const std::string& context_id) {
  const std::string path = PathOf(dir, context_id, kDeleting);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return Deleted::kAll;
  if (file < 0) return FileTrouble("reading", path, std::strerror(errno));
  char buffer[std::max(kMirrorOnly.size(), kForgotten.size())];
  const ssize_t bytes = read(file, buffer, sizeof buffer);
  const int failed = errno;
  close(file);
  if (bytes < 0) return FileTrouble("reading", path, std::strerror(failed));
  const std::string_view words(buffer, static_cast<std::size_t>(bytes));
  if (words == kForgotten) return Deleted::kForgotten;
  return words == kMirrorOnly ? Deleted::kMirrorOnly : Deleted::kAll;
}

absl::Status SetDeletedMark(const std::string& dir, const std::string& context_id) {
  const std::string path = PathOf(dir, context_id, kDeleted);
  if (rename(PathOf(dir, context_id, kDeleting).c_str(), path.c_str()) != 0)
    return FileTrouble("making", path, std::strerror(errno));
  return SyncFolder(dir);
}

absl::Status RemoveDeletedMark(const std::string& dir, const std::string& context_id) {
  return RemoveMark(dir, PathOf(dir, context_id, kDeleted));
}

absl::Status RemoveDeletingMark(const std::string& dir, const std::string& context_id) {
  return RemoveMark(dir, PathOf(dir, context_id, kDeleting));
}

absl::StatusOr<std::vector<std::string>> FindDeletedMarks(const std::string& dir) {
  return FindMarks(dir, kDeleted);
}

absl::StatusOr<std::vector<std::string>> FindDeletingMarks(const std::string& dir) {
  return FindMarks(dir, kDeleting);
}

}  // namespace mirror
