#ifndef MIRROR_SERVER_SOURCE_MEMORY_SHARE_H_
#define MIRROR_SERVER_SOURCE_MEMORY_SHARE_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "base/mutex.h"

namespace mirror {

/// Bounds the memory that received messages take beyond their bytes, which InFlight bounds. It is counted
/// before each message is unpacked: a number has one byte on the wire and eight here, so a tenant's calls
/// could hold many times what they sent. One message of a tenant always finds room. Threads: any.
class MemoryShare {
 public:
  struct Limits {
    std::uint64_t tenant_max = 64ULL << 20;
    std::uint64_t all_max = 256ULL << 20;
  };
  explicit MemoryShare(const Limits& limits) : limits_(limits) {}

  /// The memory that one message holds; the destructor gives it back.
  class Part {
   public:
    Part(MemoryShare& owner, std::string tenant) : owner_(owner), tenant_(std::move(tenant)) {}
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    ~Part();

    /// Makes `bytes` the size of this part. Errors: kResourceExhausted naming the limit; nothing changed.
    absl::Status Hold(std::uint64_t bytes);
    /// Does the same, but never shrinks: a message that is read into again
    /// keeps the memory of the largest one.
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
