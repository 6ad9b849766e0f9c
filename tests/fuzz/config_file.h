#ifndef MIRROR_TESTS_FUZZ_CONFIG_FILE_H_
#define MIRROR_TESTS_FUZZ_CONFIG_FILE_H_

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/fuzz/input.h"

namespace mirror {

/// A file in memory whose content each input replaces, and an environment that says nothing.
class ConfigText {
 public:
  ConfigText() : file_(memfd_create("configuration", MFD_CLOEXEC)) {
    Require(file_ >= 0);
    static char* nothing[] = {nullptr};
    environ = nothing;
    path_ = absl::StrCat("/proc/self/fd/", file_);
  }

  const std::string& path() const { return path_; }
  void Write(std::string_view text) const {
    Require(ftruncate(file_, 0) == 0);
    Require(pwrite(file_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  }

 private:
  int file_;
  std::string path_;
};

/// A person has to find what is wrong: the file, the line where there is one, and words that are not longer
/// than the file by much.
inline void RequireNamesPlace(const absl::Status& status, const std::string& path, std::string_view text) {
  Require(status.code() == absl::StatusCode::kInvalidArgument);
  const std::string message(status.message());
  const std::string_view view = message;
  Require(view.starts_with(path + ":"));
  Require(message.size() < path.size() + 2 * text.size() + 2'000);
  const std::string_view behind = view.substr(path.size() + 1);
  if (behind.starts_with(" ")) return;  // Of what is missing as a whole there is no line.
  int line = 0;
  const auto parsed = std::from_chars(behind.data(), behind.data() + behind.size(), line);
  Require(parsed.ec == std::errc{} && parsed.ptr != behind.data() + behind.size() && *parsed.ptr == ':');
  Require(line >= 1 && line <= 1 + std::count(text.begin(), text.end(), '\n'));
}

}  // namespace mirror

#endif  // MIRROR_TESTS_FUZZ_CONFIG_FILE_H_
