#ifndef MIRROR_BASE_INTERRUPTION_H_
#define MIRROR_BASE_INTERRUPTION_H_

#include <chrono>

namespace mirror {

/// Catches SIGINT, SIGTERM and SIGHUP as long as this object lives. The first signal of each kind does not
/// end the process, and Wait() reports it; the second one ends the process. If SIGHUP is ignored, as with
/// nohup, it stays ignored. Only one object may exist at a time. Threads: any may wait.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  /// Waits for a signal for at most `patience`; returns true if one came.
  bool Wait(std::chrono::milliseconds patience) const;
};

}  // namespace mirror

#endif  // MIRROR_BASE_INTERRUPTION_H_
