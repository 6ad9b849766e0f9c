#include "server/store/start_mark.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/json/json_document.h"
#include "base/json/json_writer.h"

namespace mirror {
namespace {

constexpr std::size_t kBytesMax = 4'096;

struct Noted {
  bool ended = false;
  std::int64_t cycles_through = 0;
  std::int64_t tokens_used_before_s = 0;
};

std::int64_t NumberOf(const JsonView& json, std::string_view name) {
  const std::optional<JsonView> member = json.Find(name);
  std::int64_t number = 0;
  return member && absl::SimpleAtoi(std::string(member->text()), &number) ? number : 0;
}

/// Absent: no server has begun a cycle in this folder.
absl::StatusOr<std::optional<Noted>> Read(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  std::string text(kBytesMax, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    return absl::FailedPreconditionError(
        absl::StrCat("'", path, "', which says how the server before ended, cannot be read. Nothing was started. "
                     "Look at its owner and mode."));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  const absl::StatusOr<JsonDocument> json = JsonDocument::Parse(text);
  Noted noted;
  // Of a damaged one nothing is known, as after a server that did not end well.
  if (!json.ok() || !json->root().Is(JsonKind::kObject)) return noted;
  const std::optional<JsonView> ended = json->root().Find("ended");
  noted.ended = ended && ended->IsTrue();
  noted.cycles_through = NumberOf(json->root(), "cycles_through");
  noted.tokens_used_before_s = NumberOf(json->root(), "tokens_used_before_s");
  return noted;
}

bool SyncFileSystemOf(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool synced = syncfs(file) == 0;
  close(file);
  return synced;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StartMark>> StartMark::Open(const std::string& data_dir, std::int64_t now_ms) {
  std::string path = absl::StrCat(data_dir, "/server.start");
  RemoveTemporaries(path);
  const absl::StatusOr<std::optional<Noted>> found = Read(path);
  if (!found.ok()) return found.status();
  Noted noted = found->value_or(Noted{.ended = true});
  if (!noted.ended) {
    // A clock that was set back meanwhile does not make tokens young again.
    const std::int64_t begun_ms = std::max(now_ms, noted.cycles_through - kAheadMs);
    noted.tokens_used_before_s = std::max(noted.tokens_used_before_s, begun_ms / 1'000);
  }
  return std::unique_ptr<StartMark>(
      new StartMark(std::move(path), noted.cycles_through, noted.tokens_used_before_s));
}

StartMark::~StartMark() {
  const MutexLock lock(mutex_);
  if (through_ == 0 || !SyncFileSystemOf(path_)) return;
  Write(/*ended=*/true, cycles_given_).IgnoreError();
}

bool StartMark::Covers(std::int64_t number) {
  const MutexLock lock(mutex_);
  if (number < through_) return true;
  const std::int64_t through = std::max(number, cycles_given_) + kAheadMs;
  if (!Write(/*ended=*/false, through).ok()) return false;
  through_ = through;
  return true;
}

absl::Status StartMark::Write(bool ended, std::int64_t through) const {
  JsonWriter json;
  json.Begin('{').Key("ended").Bool(ended).Key("cycles_through").Number(through);
  json.Key("tokens_used_before_s").Number(tokens_used_before_s_).End('}');
  return WriteFileAtomically(path_, json.Take(), FileUse::kPublic, ExistingFile::kReplace);
}

}  // namespace mirror
