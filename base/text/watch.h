#ifndef MIRROR_BASE_TEXT_WATCH_H_
#define MIRROR_BASE_TEXT_WATCH_H_

#include <chrono>
#include <functional>
#include <ostream>
#include <string>

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
  /// Waits so long. True: it is to end.
  std::function<bool(std::chrono::milliseconds)> ended;
};

/// Prints, and gives the program's exit code. 2 at the first look: there is nothing to be looked at.
using Look = std::function<int(std::ostream& out, std::ostream& err)>;

/// Looks until it is to end. On a terminal each look takes the place of the one before, with its errors, and
/// is cut to the terminal's height; elsewhere looks stand one below the other, an empty line between. Gives
/// the exit code of the last look.
int Watch(const Watched& watched, const Look& look, std::ostream& out, std::ostream& err);

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_WATCH_H_
