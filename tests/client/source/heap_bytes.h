#ifndef MIRROR_TESTS_CLIENT_SOURCE_HEAP_BYTES_H_
#define MIRROR_TESTS_CLIENT_SOURCE_HEAP_BYTES_H_

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>

#include "tests/support/sanitizers.h"

#if MIRROR_ADDRESS_SANITIZER || MIRROR_THREAD_SANITIZER
// Debian's GCC has the function and not its header.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace mirror {

/// What this process has allocated and not freed; unlike its resident memory without what a sanitizer, or
/// malloc, keeps of what was freed.
inline std::size_t HeapBytes() {
#if MIRROR_ADDRESS_SANITIZER || MIRROR_THREAD_SANITIZER
  return __sanitizer_get_current_allocated_bytes();
#else
  const struct mallinfo2 heap = mallinfo2();
  return heap.uordblks + heap.hblkhd;
#endif
}

/// The most that this process had allocated beyond what it had at first, looked at a thousand times a second.
class HeapPeak {
 public:
  HeapPeak() : before_(HeapBytes()), most_(before_) {
    looks_ = std::thread([this] {
      while (!ends_) {
        most_ = std::max(most_, HeapBytes());
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }
  ~HeapPeak() {
    if (looks_.joinable()) Grown();
  }
  HeapPeak(const HeapPeak&) = delete;
  HeapPeak& operator=(const HeapPeak&) = delete;

  /// In bytes. Ends the looking; called once.
  std::size_t Grown() {
    ends_ = true;
    looks_.join();
    return most_ - before_;
  }

 private:
  const std::size_t before_;
  std::size_t most_;
  std::atomic<bool> ends_ = false;
  std::thread looks_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_HEAP_BYTES_H_
