#include "server/store/sqlite/file/sqlite_quarantine.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "server/store/sqlite/file/disk.h"

namespace mirror {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kWhyBytesMax = 8'000;

/// Returns the inode of the file at `path`; 0: there is none.
std::uint64_t InodeOf(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

absl::Status NoteTrouble(const std::string& doing, const std::string& note, const std::string& why) {
  return absl::UnavailableError(absl::StrCat(doing, " '", note, "': ", why, ". Look at the disk."));
}

absl::Status SyncNote(const std::string& note) {
  const int failed = SyncPath(fs::path(note).parent_path().string(), O_RDONLY | O_DIRECTORY);
  return failed == 0 ? absl::OkStatus() : NoteTrouble("writing", note, std::strerror(failed));
}

/// The damaged file and its log, and the reason. A note that was not written completely has less.
struct Note {
  std::uint64_t file = 0, log = 0;
  std::string why;
};

std::optional<Note> ReadNote(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path + kQuarantineSuffix, error) && !error) return std::nullopt;
  Note note;
  std::ifstream file(path + kQuarantineSuffix, std::ios::binary);
  file >> note.file >> note.log;
  file.get();
  // The stream reads it, because a stream does not throw if the path is a folder.
  std::ostringstream why;
  if (file) why << file.rdbuf();
  note.why = why.str();
  return note;
}

}  // namespace

std::string ReadQuarantine(const std::string& path) {
  const std::optional<Note> note = ReadNote(path);
  if (!note) return "";
  if (!note->why.empty()) return note->why;
  return absl::StrCat("the mirror file was found damaged before; '", path, kQuarantineSuffix,
                      "' does not say why");
}

absl::Status SetLogOfDamagedAside(const std::string& path) {
  const std::optional<Note> note = ReadNote(path);
  if (!note || note->log == 0 || InodeOf(path) == note->file) return absl::OkStatus();
  const std::string log = path + kLogSuffix;
  if (InodeOf(log) != note->log) return absl::OkStatus();
  std::error_code error;
  fs::remove(path + kIndexSuffix, error);
  // A log with a second name keeps that name.
  if (fs::file_size(log, error) == 0 || fs::hard_link_count(log, error) > 1) {
    fs::remove(log, error);
  } else {
    fs::rename(log, absl::StrCat(path, ".damaged-", NowMs(), kLogSuffix), error);
  }
  if (error) return NoteTrouble("setting aside", log, error.message());
  return SyncNote(log);
}

absl::Status LeaveDamaged(const std::string& path) {
  RETURN_IF_ERROR(SetLogOfDamagedAside(path));
  return RemoveQuarantine(path);
}

absl::Status WriteQuarantine(const std::string& path, const std::string& why) {
  const std::string note = path + kQuarantineSuffix;
  {
    std::ofstream file(note, std::ios::binary | std::ios::trunc);
    file << InodeOf(path) << ' ' << InodeOf(path + kLogSuffix) << '\n' << why.substr(0, kWhyBytesMax);
    if (!file.flush()) return NoteTrouble("writing", note, "it cannot be written");
  }
  if (const int failed = SyncPath(note, O_RDWR); failed != 0) {
    return NoteTrouble("writing", note, std::strerror(failed));
  }
  return SyncNote(note);
}

absl::Status RemoveQuarantine(const std::string& path) {
  const std::string note = path + kQuarantineSuffix;
  std::error_code error;
  const bool removed = fs::remove(note, error);
  if (error) return NoteTrouble("removing", note, error.message());
  return removed ? SyncNote(note) : absl::OkStatus();
}

}  // namespace mirror
