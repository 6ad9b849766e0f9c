#include "server/store/sqlite/file/second_names.h"

#include <fcntl.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/store/sqlite/file/disk.h"

namespace mirror {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 2> kBehindTheName = {".db.replaced-", ".db.damaged-"};
constexpr std::size_t kFileSuffixSize = std::string_view(".db").size();

bool AreOne(const std::string& path, const std::string& other) {
  std::error_code error;
  return FileExists(path) && FileExists(other) && fs::equivalent(path, other, error) && !error;
}

absl::Status Sync(const std::string& path, int flags) {
  const int failed = SyncPath(path, flags);
  return failed == 0 ? absl::OkStatus() : FileTrouble("syncing", path, std::strerror(failed));
}

absl::Status SyncFolderOf(const std::string& path) {
  return Sync(fs::path(path).parent_path().string(), O_RDONLY | O_DIRECTORY);
}

absl::Status NameOrCopy(const std::string& path, const std::string& second) {
  if (FileExists(second))
    return FileTrouble("keeping", path, absl::StrCat("'", second, "' is there already"));
  std::error_code error;
  fs::create_hard_link(path, second, error);
  if (!error) return absl::OkStatus();
  fs::copy_file(path, second, error);
  absl::Status copied = error ? FileTrouble("keeping", path, error.message()) : Sync(second, O_RDWR);
  if (!copied.ok()) fs::remove(second, error);
  return copied;
}

/// Returns the mirror's file to which a second name belongs; empty: `path` is not a second name.
std::string FirstNameOf(const std::string& path) {
  for (const std::string_view mark : kBehindTheName) {
    const std::size_t found = path.rfind(mark);
    if (found != std::string::npos) return path.substr(0, found + kFileSuffixSize);
  }
  return "";
}

absl::Status TakeBack(const std::string& path, const std::string& second) {
  const std::string log = path + kLogSuffix, second_log = second + kLogSuffix;
  std::error_code error;
  if (AreOne(log, second_log)) {
    fs::remove(second_log, error);
  } else if (FileExists(second_log) && !FileExists(log)) {
    fs::rename(second_log, log, error);
  }
  if (error) return FileTrouble("taking back", second_log, error.message());
  RETURN_IF_ERROR(SyncFolderOf(path));
  fs::remove(second, error);
  if (error) return FileTrouble("removing", second, error.message());
  return SyncFolderOf(path);
}

/// Removes second names. `path`: the mirror to repair; empty: all mirrors.
absl::Status TakeBackIn(const std::string& dir, const std::string& path) {
  std::error_code error;
  std::vector<std::string> named_twice;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    const std::string second = entry.path().string();
    const std::string first = absl::EndsWith(second, kLogSuffix) ? "" : FirstNameOf(second);
    if (!first.empty() && (path.empty() || first == path) && AreOne(first, second))
      named_twice.push_back(second);
  }
  if (error) return FileTrouble("reading", dir, error.message());
  for (const std::string& second : named_twice) {
    RETURN_IF_ERROR(TakeBack(FirstNameOf(second), second));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> NameTwice(const std::string& path, const std::string& second) {
  if (!FileExists(path)) return false;
  RETURN_IF_ERROR(NameOrCopy(path, second));
  absl::Status named;
  if (FileExists(path + kLogSuffix)) named = NameOrCopy(path + kLogSuffix, second + kLogSuffix);
  if (named.ok()) named = SyncFolderOf(path);
  if (named.ok()) return true;
  TakeBack(path, second).IgnoreError();  // If this fails, the next start does it.
  return named;
}

absl::Status TakeBackSecondNamesOf(const std::string& path) {
  return TakeBackIn(fs::path(path).parent_path().string(), path);
}

absl::Status TakeBackSecondNames(const std::string& dir) { return TakeBackIn(dir, ""); }

}  // namespace mirror
