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

/// What is looked at again and again. The functions come from outside, so that a test needs neither a
/// terminal nor time.
struct Watched {
  std::string what;  ///< As people know it: "mirrorctl tenants".
  std::chrono::seconds every{2};
  bool json = false;                   ///< Each look is a document, one below the other.
  std::function<Terminal()> terminal;  ///< That of the output, now: somebody may make it larger.
  std::function<std::string()> time;   ///< Now, for people.
  /// Whether it is to end, waiting for that so long.
  std::function<bool(std::chrono::milliseconds)> ended;
};

/// Prints, and gives the program's exit code. 2 at the first look: there is nothing to be looked at.
using Look = std::function<int(std::ostream& out, std::ostream& err)>;

/// Looks until it is to end. On a terminal each look takes the place of the one before, with its errors, and
/// is cut to the terminal's height; elsewhere looks stand one below the other, an empty line between. Gives
/// the exit code of the last look; one that was cut off by the end is not shown and, unless it is the first,
/// does not count.
int Watch(const Watched& watched, const Look& look, std::ostream& out, std::ostream& err);

/// --watch [SECONDS] of `command`, into `every_s`. `behind`: what people put there instead, and what to do
/// about it; may be empty.
cli::Option AddWatchOption(const cli::Command& command, int& every_s, const std::string& behind = "");

/// Watch() on this process's standard output, until `interruption`; a look that may take long ends with it.
int WatchHere(const std::string& what, int every_s, bool json, const Interruption& interruption,
              const Look& look, std::ostream& out, std::ostream& err);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_WATCH_H_
