#include "server/store/sqlite/file/deleted_mark.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/table.h"
#include "server/store/sqlite/file/sync_path.h"

namespace mirror {
namespace {

constexpr char kPrefix[] = "Mirror_";
constexpr char kDeleted[] = ".deleted";
constexpr char kDeleting[] = ".deleting";

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

absl::Status SetDeletingMark(const std::string& dir, const std::string& context_id) {
  const std::string path = PathOf(dir, context_id, kDeleting);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
  if (file < 0) return Trouble("making", path, errno);
  close(file);
  absl::Status synced = SyncFolder(dir);
  // It would count from the next start on.
  if (!synced.ok()) unlink(path.c_str());
  return synced;
}

absl::Status SetDeletedMark(const std::string& dir, const std::string& context_id) {
  const std::string path = PathOf(dir, context_id, kDeleted);
  if (rename(PathOf(dir, context_id, kDeleting).c_str(), path.c_str()) != 0)
    return Trouble("making", path, errno);
  return SyncFolder(dir);
}

absl::Status RemoveDeletedMark(const std::string& dir, const std::string& context_id) {
  const std::string path = PathOf(dir, context_id, kDeleted);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return Trouble("removing", path, errno);
  return SyncFolder(dir);
}

absl::StatusOr<std::vector<std::string>> FindDeletedMarks(const std::string& dir) {
  return FindMarks(dir, kDeleted);
}

absl::StatusOr<std::vector<std::string>> FindDeletingMarks(const std::string& dir) {
  return FindMarks(dir, kDeleting);
}

}  // namespace mirror
