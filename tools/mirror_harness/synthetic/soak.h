#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SOAK_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SOAK_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"

namespace mirror::harness {

/// What a process held at one moment.
struct Holding {
  std::uint64_t memory_bytes = 0;  ///< Resident.
  std::uint64_t descriptors = 0;
};

/// What a process on this machine held while a soak ran: from the end of its first quarter, when caches are
/// warm, to its end.
struct SoakResult {
  Holding warm, end, most;
  std::uint64_t cycles = 0;
  /// Within a tenth and 16 MB of the memory, and 8 descriptors, of the beginning.
  bool Constant() const;
};

/// Looks at a process once a second. Threads: any.
class ProcessWatch {
 public:
  using Clock = std::chrono::steady_clock;

  /// `length`: of the soak. Errors: kNotFound when there is no such process, or it is not ours to look at;
  /// kInvalidArgument when it is no mirror-server.
  static absl::Status Check(pid_t process);
  ProcessWatch(pid_t process, Clock::duration length);
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

  SoakResult Result() const;

 private:
  void Look();

  const pid_t process_;
  const Clock::time_point warm_at_;
  mutable Mutex mutex_;
  SoakResult result_ MIRROR_GUARDED_BY(mutex_);
  bool warm_ MIRROR_GUARDED_BY(mutex_) = false;
  std::jthread looking_;
};

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_SOAK_H_
