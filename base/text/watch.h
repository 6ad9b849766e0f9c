#ifndef MIRROR_BASE_TEXT_WATCH_H_
#define MIRROR_BASE_TEXT_WATCH_H_

#include <chrono>
#include <functional>
#include <ostream>
#include <string>

#include "base/interruption.h"
#include "base/text/command_line.h"
#include "base/text/terminal.h"

namespace mirror {

/// A view that is refreshed repeatedly. The caller supplies the functions, so that a test needs neither a
/// terminal nor a clock.
struct Watched {
  std::string what;  ///< Name for people, such as "mirrorctl tenants".
  std::chrono::seconds every{2};
  /// True: each refresh is a JSON document, written after the one before.
  bool json = false;
  std::function<Terminal()> terminal;  ///< Returns the current terminal of the output, whose size may change.
  std::function<std::string()> time;   ///< Returns the current time as a text for people.
  /// Waits up to this time; returns true if the watch must end.
  std::function<bool(std::chrono::milliseconds)> ended;
};

/// Prints one refresh and returns the program's exit code. If the first refresh returns 2, the watch ends:
/// the view does not exist.
using Look = std::function<int(std::ostream& out, std::ostream& err)>;

/// Refreshes until the end. On a terminal each refresh, with its errors, replaces the one before, and is cut
/// to the terminal's height. Elsewhere there is an empty line between two refreshes. Returns the exit code of
/// the last refresh. A refresh that was interrupted by the end is not shown, and does not count unless it is
/// the first.
int Watch(const Watched& watched, const Look& look, std::ostream& out, std::ostream& err);

/// Adds the option --watch [SECONDS] to `command`; it sets `every_s`. `behind`: a wrong argument that users
/// often write after the option, with the text that says what to write instead; may be empty.
cli::Option AddWatchOption(const cli::Command& command, int& every_s, const std::string& behind = "");

/// Runs Watch() on the standard output of this process until `interruption` comes, which also ends a long
/// refresh.
int WatchHere(const std::string& what, int every_s, bool json, const Interruption& interruption,
              const Look& look, std::ostream& out, std::ostream& err);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_WATCH_H_
