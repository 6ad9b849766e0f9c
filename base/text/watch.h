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

/// A view that is refreshed repeatedly. The functions come from outside, so that a test needs neither a
/// terminal nor time.
struct Watched {
  std::string what;  ///< Name for people: "mirrorctl tenants".
  std::chrono::seconds every{2};
  bool json = false;                   ///< Each refresh is a JSON document, one below the other.
  std::function<Terminal()> terminal;  ///< Current terminal of the output: its size may change.
  std::function<std::string()> time;   ///< Current time, for people.
  /// Waits up to this time; returns true if the watch must end.
  std::function<bool(std::chrono::milliseconds)> ended;
};

/// Prints one refresh and returns the program's exit code. 2 at the first one: the view does not exist.
using Look = std::function<int(std::ostream& out, std::ostream& err)>;

/// Refreshes until the end. On a terminal each refresh replaces the one before, with its errors, and is cut
/// to the terminal's height; elsewhere refreshes follow each other with an empty line between. Returns the
/// exit code of the last refresh; one that the end interrupted is not shown and, unless it is the first, does
/// not count.
int Watch(const Watched& watched, const Look& look, std::ostream& out, std::ostream& err);

/// Adds --watch [SECONDS] to `command`, stored in `every_s`. `behind`: a frequent wrong argument after it,
/// and what to write instead; may be empty.
cli::Option AddWatchOption(const cli::Command& command, int& every_s, const std::string& behind = "");

/// Runs Watch() on this process's standard output, until `interruption`, which also ends a long refresh.
int WatchHere(const std::string& what, int every_s, bool json, const Interruption& interruption,
              const Look& look, std::ostream& out, std::ostream& err);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_WATCH_H_
