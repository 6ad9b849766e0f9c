#include "server/store/start_mark.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "proto/wire/refusal.h"

namespace mirror {
namespace {

constexpr std::size_t kBytesMax = 4'096;

struct Noted {
  bool ended = false;
  std::int64_t cycles_through = 0;
  std::int64_t noted_ms = 0;
  std::int64_t tokens_used_before_s = 0;
  std::int64_t boot = 0;
  std::int64_t up_ms = 0;
};

/// Returns the second after the last time at which a token may have been issued that the former server
/// accepted and whose use it forgot.
std::int64_t UsedBefore(const Noted& noted, std::int64_t now_ms, std::int64_t boot) {
  // The clock may be slow after the start. The note covers tokens up to kAheadMs after it.
  const std::int64_t noted_through_ms = noted.noted_ms + StartMark::kAheadMs;
  if (boot == 0 || noted.boot != boot) return (std::max(now_ms, noted_through_ms) + 999) / 1'000;
  // An older server never kept a nonce only in memory. So within one boot it forgot none.
  if (noted.up_ms == 0) return now_ms / 1'000;
  // The clock may have been set back since the note.
  const std::int64_t unset_ms = noted.noted_ms + UpTimeOfMachine() - noted.up_ms;
  const std::int64_t last_ms = std::min(std::max(now_ms, unset_ms), noted_through_ms);
  return std::max(last_ms / 1'000 + 1, now_ms / 1'000);
}

/// Reads the file. Absent: no server has started a cycle in this folder.
absl::StatusOr<std::optional<Noted>> Read(const std::string& path, std::int64_t now_ms) {
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  std::string text(kBytesMax, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    return absl::FailedPreconditionError(
        absl::StrCat("'", path,
                     "', which says how the previous server process ended, cannot be read. Nothing was "
                     "started. Look at its owner and mode."));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  // If the file is damaged, it counts as one that a server without a clean end left.
  Noted noted;
  int known = 0;
  std::istringstream lines(text);
  std::string name;
  for (std::int64_t number = 0; lines >> name >> number;) {
    if (name == "ended" || name == "cycles_through" || name == "noted_ms") ++known;
    if (name == "ended") noted.ended = number == 1;
    if (name == "cycles_through") noted.cycles_through = number;
    if (name == "noted_ms") noted.noted_ms = number;
    if (name == "tokens_used_before_s") noted.tokens_used_before_s = number;
    if (name == "boot") noted.boot = number;
    if (name == "up_ms") noted.up_ms = number;
  }
  if (known < 3) {
    noted.ended = false;
    noted.cycles_through = std::max(noted.cycles_through, now_ms + StartMark::kAheadMs);
  }
  return noted;
}

/// Syncs `path` by `sync`: fsync, or syncfs for its whole file system.
bool Sync(const std::string& path, int (*sync)(int)) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool synced = sync(file) == 0;
  close(file);
  return synced;
}

/// Syncs files of mirrors that may not be synced: logs whose store could not be closed, and claims of mirrors
/// that are being built.
bool SyncWhatWasLeft(const std::string& dir) {
  std::error_code error;
  for (std::filesystem::directory_iterator file(dir, error), end; !error && file != end;
       file.increment(error)) {
    const std::string name = file->path().filename().string();
    const bool may_wait = name.ends_with("-wal") || name.find(".claim") != std::string::npos;
    if (may_wait && !Sync(file->path().string(), fsync)) return false;
  }
  return !error;
}

}  // namespace

std::int64_t BootOfMachine() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  std::erase(id, '-');
  constexpr std::size_t kDigits = 15;  // Few enough that the number is positive.
  std::int64_t number = 0;
  const std::string_view digits = std::string_view(id).substr(0, kDigits);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return error == std::errc{} ? number : 0;
}

std::int64_t UpTimeOfMachine() {
  timespec up{};
  clock_gettime(CLOCK_BOOTTIME, &up);
  return std::int64_t{up.tv_sec} * 1'000 + up.tv_nsec / 1'000'000;
}

absl::StatusOr<std::unique_ptr<StartMark>> StartMark::Open(const std::string& data_dir, std::int64_t now_ms,
                                                           std::int64_t boot) {
  std::string path = absl::StrCat(data_dir, "/server-start");
  RemoveTemporaries(path);
  ASSIGN_OR_RETURN(const std::optional<Noted> found, Read(path, now_ms));
  Noted noted = found.value_or(Noted{.ended = true});
  if (!noted.ended) {
    noted.tokens_used_before_s = std::max(noted.tokens_used_before_s, UsedBefore(noted, now_ms, boot));
  }
  return std::unique_ptr<StartMark>(
      new StartMark(std::move(path), boot, noted.cycles_through, noted.tokens_used_before_s));
}

StartMark::~StartMark() {
  const MutexLock lock(mutex_);
  if (note_.through == 0 || !SyncWhatWasLeft(std::filesystem::path(path_).parent_path().string())) return;
  Write({cycles_given_, note_.noted_ms, note_.up_ms}, tokens_used_before_s_, /*ended=*/true).IgnoreError();
}

void StartMark::ForgetNonces(std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  tokens_used_before_s_ = std::max(tokens_used_before_s_, now_ms / 1'000 + 1);
  was_written_ = false;
}

absl::Status StartMark::CheckToken(std::int64_t issued_s) const {
  const MutexLock lock(mutex_);
  if (issued_s >= tokens_used_before_s_) return absl::OkStatus();
  absl::Status refused = absl::UnauthenticatedError(absl::StrCat(
      "the token was issued at ", FormatUnixTime(issued_s), ", before ",
      FormatUnixTime(tokens_used_before_s_), ". It is not known whether it was used, because ",
      was_written_ ? "the previous server process did not end cleanly" : "a mirror could not be written",
      ". No cycle began. Sign a new token. If the token is new, correct the clocks; if this server's clock "
      "ran ahead, 'mirrorctl resume' makes it take the present time."));
  refused.SetPayload(kNewTokenPayload, absl::Cord(absl::StrCat(tokens_used_before_s_)));
  return refused;
}

void StartMark::TakeClock(std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  while (writing_) written_.Wait(mutex_);
  tokens_used_before_s_ = std::min(tokens_used_before_s_, now_ms / 1'000);
  note_.noted_ms = 0;  // So the next start of a cycle writes the file.
}

bool StartMark::Covers(std::int64_t cycle, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  while (writing_ && !note_.Covers(cycle, now_ms)) written_.Wait(mutex_);
  const bool covered = note_.Covers(cycle, now_ms);
  // Writes the file early, so that no caller has to wait for it.
  if (covered && (writing_ || note_.Covers(cycle + kAheadMs / 2, now_ms + kAheadMs / 2))) return true;
  const bool set_back = note_.SetBack(now_ms);
  // Another mirror's cycle numbers may be higher.
  const Note next{std::max(std::max({cycle, now_ms, cycles_given_}) + kAheadMs, note_.through), now_ms,
                  UpTimeOfMachine()};
  const std::int64_t used_before_s = tokens_used_before_s_;
  writing_ = true;
  bool written = false;
  {
    const MutexUnlock unlocked(mutex_);
    // Syncs the whole file system. If one file of an open mirror were opened and closed here, SQLite would
    // lose its locks on that file.
    written = (!set_back || Sync(std::filesystem::path(path_).parent_path().string(), syncfs)) &&
              Write(next, used_before_s, /*ended=*/false).ok();
  }
  writing_ = false;
  if (written) note_ = next;
  written_.NotifyAll();
  return written || covered;
}

absl::Status StartMark::Write(const Note& note, std::int64_t used_before_s, bool ended) const {
  const std::string text =
      absl::StrCat("cycles_through ", note.through, "\nnoted_ms ", note.noted_ms, "\ntokens_used_before_s ",
                   used_before_s, "\nended ", ended ? 1 : 0, "\nboot ", boot_, "\nup_ms ", note.up_ms, "\n");
  return WriteFileAtomically(path_, text, FileUse::kPublic, ExistingFile::kReplace);
}

}  // namespace mirror
