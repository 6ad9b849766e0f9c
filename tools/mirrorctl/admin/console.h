#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_CONSOLE_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_CONSOLE_H_

#include <istream>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "base/text/text_stream.h"

namespace mirror {

/// Where a command prints and how it ended. It comes from outside, so that a test needs no terminal.
struct Console {
  static constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2;

  std::ostream& out;           ///< What scripts read.
  std::ostream& err;           ///< Reasons, for people.
  bool terminal = false;       ///< That is what `err` is.
  std::istream* in = nullptr;  ///< Of a terminal whose people can be asked. Null: nobody answers.
  int exit_code = kDone;
  absl::Status failure = {};  ///< The last one.

  /// The command was refused or failed: the reason on `err`, exit code 1.
  void Fail(const absl::Status& status) {
    failure = status;
    err << Coloured{"mirrorctl:", Colour::kRed} << ' ' << std::string(status.message()) << '\n';
    exit_code = kFailed;
  }
};

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_CONSOLE_H_
