#include "server/store/sqlite/file/deleted_mark.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/table.h"
#include "server/store/sqlite/file/sync_path.h"

namespace mirror {
namespace {

constexpr char kPrefix[] = "Mirror_";
constexpr char kDeleted[] = ".deleted";
constexpr char kDeleting[] = ".deleting";
/// What stands in the mark of one that is not deleted with all that was set aside, or not kept away.
constexpr std::string_view kMirrorOnly = "the mirror only\n";
constexpr std::string_view kForgotten = "and forgotten\n";

std::string_view WordsOf(Deleted what) {
  if (what == Deleted::kAll) return "";
  return what == Deleted::kMirrorOnly ? kMirrorOnly : kForgotten;
}

std::string PathOf(const std::string& dir, const std::string& context_id, const char* suffix) {
  return absl::StrCat(dir, "/", kPrefix, context_id, suffix);
}

absl::Status Trouble(const std::string& doing, const std::string& path, int error) {
  return absl::UnavailableError(absl::StrCat(doing, " '", path, "': ", std::strerror(error),
                                             ". Look at the folder's mode and at the disk, then try again."));
}

absl::Status SyncFolder(const std::string& dir) {
  const int failed = SyncPath(dir, O_RDONLY | O_DIRECTORY);
  return failed == 0 ? absl::OkStatus() : Trouble("syncing", dir, failed);
}

absl::Status RemoveMark(const std::string& dir, const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return Trouble("removing", path, errno);
  return SyncFolder(dir);
}

absl::StatusOr<std::vector<std::string>> FindMarks(const std::string& dir, const char* suffix) {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    const std::string name = entry.path().filename().string();
    absl::string_view id = name;
    if (!absl::ConsumePrefix(&id, kPrefix) || !absl::ConsumeSuffix(&id, suffix)) continue;
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
  if (file < 0) return Trouble("making", path, errno);
  const std::string_view words = WordsOf(what);
  const bool written = write(file, words.data(), words.size()) == static_cast<ssize_t>(words.size());
  const int failed = written && fsync(file) == 0 ? 0 : errno;
  close(file);
  absl::Status synced = failed == 0 ? SyncFolder(dir) : Trouble("writing", path, failed);
  // It would count from the next start on.
  if (!synced.ok()) unlink(path.c_str());
  return synced;
}

absl::StatusOr<Deleted> WhatIsDeleted(const std::string& dir, const std::string& context_id) {
  const std::string path = PathOf(dir, context_id, kDeleting);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return Deleted::kAll;
  if (file < 0) return Trouble("reading", path, errno);
  char buffer[std::max(kMirrorOnly.size(), kForgotten.size())];
  const ssize_t bytes = read(file, buffer, sizeof buffer);
  const int failed = errno;
  close(file);
  if (bytes < 0) return Trouble("reading", path, failed);
  const std::string_view words(buffer, static_cast<std::size_t>(bytes));
  if (words == kForgotten) return Deleted::kForgotten;
  return words == kMirrorOnly ? Deleted::kMirrorOnly : Deleted::kAll;
}

absl::Status SetDeletedMark(const std::string& dir, const std::string& context_id) {
  const std::string path = PathOf(dir, context_id, kDeleted);
  if (rename(PathOf(dir, context_id, kDeleting).c_str(), path.c_str()) != 0)
    return Trouble("making", path, errno);
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
