#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_CONSOLE_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_CONSOLE_H_

#include <istream>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "base/text/text_stream.h"

namespace mirror {

/// Output streams and exit code of a command. The caller supplies them, so that a test needs no terminal.
struct Console {
  static constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2;

  std::ostream& out;      ///< Output for scripts.
  std::ostream& err;      ///< Errors and hints, for people.
  bool terminal = false;  ///< True: `err` is a terminal.
  /// The input of a terminal at which a person can be asked. Null: nobody can be asked.
  std::istream* in = nullptr;
  int exit_code = kDone;
  absl::Status failure = {};  ///< The last error given to Fail().

  /// Writes the reason to `err` and sets exit code 1: the command was refused or failed.
  void Fail(const absl::Status& status) {
    failure = status;
    err << Coloured{"mirrorctl:", Colour::kRed} << ' ' << std::string(status.message()) << '\n';
    exit_code = kFailed;
  }
};

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_CONSOLE_H_
