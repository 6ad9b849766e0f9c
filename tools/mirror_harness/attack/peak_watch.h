#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_PEAK_WATCH_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_PEAK_WATCH_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <thread>

#include "base/mutex.h"

namespace mirror::harness {

/// The most that a process on this machine held: its memory by the kernel's own mark (VmHWM), its descriptors
/// looked at twenty times a second. Threads: any.
class PeakWatch {
 public:
  struct Peak {
    std::uint64_t memory_bytes = 0;
    std::uint64_t descriptors = 0;
  };

  explicit PeakWatch(pid_t process);
  ~PeakWatch();
  PeakWatch(const PeakWatch&) = delete;
  PeakWatch& operator=(const PeakWatch&) = delete;

  /// Since the last Take(), or since this object was made. Where the kernel does not let its mark be reset,
  /// memory is since the process began. Absent: the process is gone.
  std::optional<Peak> Take();

 private:
  void Look();
  void Reset() const;

  const pid_t process_;
  Mutex mutex_;
  std::uint64_t descriptors_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::jthread looking_;
};

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_PEAK_WATCH_H_
