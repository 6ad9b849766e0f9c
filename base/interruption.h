#ifndef MIRROR_BASE_INTERRUPTION_H_
#define MIRROR_BASE_INTERRUPTION_H_

#include <chrono>

namespace mirror {

/// While it lives, the first SIGINT, SIGTERM and SIGHUP (such as from a closed connection) do not end the
/// process but are noted; a SIGHUP that is ignored, as with nohup, stays ignored. One at a time. Threads: any
/// may wait.
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
