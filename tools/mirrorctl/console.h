#ifndef MIRROR_TOOLS_MIRRORCTL_CONSOLE_H_
#define MIRROR_TOOLS_MIRRORCTL_CONSOLE_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "base/text/text_stream.h"

namespace mirror {

/// Where a command prints and how it ended. It comes from outside, so that a test needs no terminal.
struct Console {
  static constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2;

  std::ostream& out;      ///< What scripts read.
  std::ostream& err;      ///< Reasons, for people.
  bool terminal = false;  ///< That is what `err` is.
  int exit_code = kDone;
  absl::Status failure = {};  ///< The last one.

  /// The command was refused or failed: the reason on `err`, exit code 1.
  void Fail(const absl::Status& status) {
    failure = status;
    err << Coloured{"mirrorctl:", Colour::kRed} << ' ' << std::string(status.message()) << '\n';
    exit_code = kFailed;
  }
};

/// A word as a shell takes it: quoted when it has any character that a shell might read otherwise.
inline std::string ShellWord(const std::string& word) {
  static constexpr char kPlain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:,=+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char character : word) {
    if (character == '\'') {
      quoted += "'\\''";
    } else {
      quoted += character;
    }
  }
  return quoted + "'";
}

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_CONSOLE_H_
