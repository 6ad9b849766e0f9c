#ifndef MIRROR_SERVER_SOURCE_MEMORY_SHARE_H_
#define MIRROR_SERVER_SOURCE_MEMORY_SHARE_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "base/mutex.h"

namespace mirror {

/// Limits the memory that received messages take beyond their bytes on the wire, which InFlight limits. The
/// memory is counted before a message is unpacked. A number can take one byte on the wire and eight in
/// memory, so calls could hold many times what they sent. One message of a tenant always gets memory.
/// Threads: any.
class MemoryShare {
 public:
  struct Limits {
    std::uint64_t tenant_max = 64ULL << 20;
    std::uint64_t all_max = 256ULL << 20;
  };
  explicit MemoryShare(const Limits& limits) : limits_(limits) {}

  /// The memory that one message holds; the destructor frees it.
  class Part {
   public:
    Part(MemoryShare& owner, std::string tenant) : owner_(owner), tenant_(std::move(tenant)) {}
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    ~Part();

    /// Sets the size of this part. Errors: kResourceExhausted: the message names the limit, and nothing was
    /// changed.
    absl::Status Hold(std::uint64_t bytes);
    /// Does the same, but never reduces the size: a message object that is used again keeps the memory of its
    /// largest content.
    absl::Status HoldAtLeast(std::uint64_t bytes) { return bytes > bytes_ ? Hold(bytes) : absl::OkStatus(); }
    std::uint64_t bytes() const { return bytes_; }

   private:
    MemoryShare& owner_;
    const std::string tenant_;
    std::uint64_t bytes_ = 0;
  };

  std::uint64_t bytes();

 private:
  const Limits limits_;
  Mutex mutex_;
  std::uint64_t bytes_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::uint64_t> tenants_ MIRROR_GUARDED_BY(mutex_);  ///< Tenants that hold some.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_MEMORY_SHARE_H_
