#include "client/state/run_mark.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace mirror {
namespace {

/// "1763805332123", with spaces before it, and a line end.
constexpr std::size_t kBytes = 32;
/// A pipe of that name must not keep anybody waiting.
constexpr int kPlain = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

std::string MarkPath(const std::string& state_dir, const std::string& context_id) {
  return absl::StrCat(state_dir, "/", context_id, ".begun");
}

}  // namespace

absl::Status MarkBegin(const std::string& state_dir, const std::string& context_id, std::int64_t begun_ms) {
  const std::string path = MarkPath(state_dir, context_id);
  const std::string text = absl::StrFormat("%*d\n", static_cast<int>(kBytes) - 1, begun_ms);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | kPlain, 0600);
  const int folder = open(state_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file >= 0 && folder >= 0) errno = EIO;  // Of a write that stops short.
  const bool written = file >= 0 && folder >= 0 &&
                       pwrite(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
                       fsync(file) == 0 && fsync(folder) == 0;
  const int error = errno;
  if (file >= 0) close(file);
  if (folder >= 0) close(folder);
  if (written) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("'", path, "' cannot be written: ", std::strerror(error),
                                             ". Nothing was sent; give this user the right to write in "
                                             "[agent] 'state_dir' and look at the disk"));
}

std::optional<std::int64_t> LoadMark(const std::string& state_dir, const std::string& context_id) {
  const int file = open(MarkPath(state_dir, context_id).c_str(), O_RDONLY | kPlain);
  if (file < 0) return std::nullopt;
  std::array<char, kBytes> bytes;
  const ssize_t got = pread(file, bytes.data(), bytes.size(), 0);
  close(file);
  std::int64_t begun_ms = 0;
  const bool whole = got == static_cast<ssize_t>(kBytes) &&
                     absl::SimpleAtoi(absl::StripAsciiWhitespace({bytes.data(), kBytes}), &begun_ms);
  return whole ? std::optional(begun_ms) : std::nullopt;
}

}  // namespace mirror
