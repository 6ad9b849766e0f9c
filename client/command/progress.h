#ifndef MIRROR_CLIENT_COMMAND_PROGRESS_H_
#define MIRROR_CLIENT_COMMAND_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

#include "base/text/drawn_line.h"
#include "client/state/work_note.h"

namespace mirror {

/// Shows the progress of a long table, while it is sent or compared; on a terminal with
/// a bar. Tables that end before the first update is due show nothing. Threads: one.
class Progress {
 public:
  using Clock = DrawnLine::Clock;

  Progress(std::ostream& out, bool terminal, Clock::time_point (*now)() = &Clock::now)
      : drawn_(out, terminal, kBarInterval, now), now_(now), begun_(now()) {}

  void Show(const Work& work);
  /// Removes the bar.
  void Clear() { drawn_.Clear(); }

 private:
  static constexpr std::chrono::milliseconds kBarInterval{200};

  std::string Line(const Work& work, double seconds) const;

  DrawnLine drawn_;
  Clock::time_point (*const now_)();
  Clock::time_point begun_;
  std::string doing_, table_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_PROGRESS_H_
