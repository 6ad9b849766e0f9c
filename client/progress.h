#ifndef MIRROR_CLIENT_PROGRESS_H_
#define MIRROR_CLIENT_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

#include "client/row_sender.h"

namespace mirror {

/// Shows how far a long table is: on a terminal a bar that is drawn over, else a line every ten seconds.
/// Tables that are done within the first look show nothing. Threads: one.
class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  Progress(std::ostream& out, bool terminal, Clock::time_point (*now)() = &Clock::now)
      : out_(out), terminal_(terminal), now_(now), begun_(now()), shown_(begun_) {}

  void Show(const Job& job);
  /// Takes the bar away.
  void Clear();

 private:
  std::string Line(const Job& job, std::uint64_t rows, double seconds) const;

  std::ostream& out_;
  const bool terminal_;
  Clock::time_point (*const now_)();
  Clock::time_point begun_, shown_;
  std::string table_;
  bool drawn_ = false;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_PROGRESS_H_
