#ifndef MIRROR_CLIENT_PROGRESS_H_
#define MIRROR_CLIENT_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

#include "client/work.h"

namespace mirror {

/// Shows how far a long table is, sent or compared: on a terminal a bar that is drawn over, else a line every
/// ten seconds. Tables that are done within the first look show nothing. Threads: one.
class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  Progress(std::ostream& out, bool terminal, Clock::time_point (*now)() = &Clock::now)
      : out_(out), terminal_(terminal), now_(now), begun_(now()), shown_(begun_) {}

  void Show(const Work& work);
  /// Takes the bar away.
  void Clear();

 private:
  std::string Line(const Work& work, double seconds) const;

  std::ostream& out_;
  const bool terminal_;
  Clock::time_point (*const now_)();
  Clock::time_point begun_, shown_;
  std::string doing_, table_;
  bool drawn_ = false;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_PROGRESS_H_
