#ifndef MIRROR_BASE_INTERRUPTION_H_
#define MIRROR_BASE_INTERRUPTION_H_

#include <chrono>

namespace mirror {

/// While it lives, the first SIGINT, SIGTERM and SIGHUP, as of a connection that ends, do not end the
/// process but are noted; a SIGHUP that is ignored, as behind nohup, stays so. One at a time. Threads: any
/// may wait.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  /// Whether a signal came, waiting for one as long as `patience`.
  bool Wait(std::chrono::milliseconds patience) const;
};

}  // namespace mirror

#endif  // MIRROR_BASE_INTERRUPTION_H_
