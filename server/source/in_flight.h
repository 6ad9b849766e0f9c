#ifndef MIRROR_SERVER_SOURCE_IN_FLIGHT_H_
#define MIRROR_SERVER_SOURCE_IN_FLIGHT_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/config/config.h"

namespace mirror {

struct InFlightLimits {
  std::uint64_t bytes_tenant_max = 64ULL << 20;
  std::uint64_t bytes_max = 256ULL << 20;
  std::uint32_t streams_per_tenant_max = 4;
  std::uint32_t calls_max = 64;
};

/// Counts what was received and not yet answered: bytes and streams, per tenant and in all, and calls in all.
///
/// Before each read a stream counts kStreamBytesMin, then the bytes that came; so there are never more
/// streams than bytes_max / kStreamBytesMin. What a stream reads before its last message is answered must
/// leave room for others. Calls that are no streams are bounded by their number times the size of a message;
/// their bytes only decide whether they may wait for a batch before them. One tenant has at most a quarter of
/// them: calls that wait for a slow one leave room for the others. Threads: any.
class InFlight {
 public:
  explicit InFlight(const InFlightLimits& limits) : limits_(limits) {}

  /// A call's place; the destructor gives it back.
  class Call {
   public:
    Call(InFlight* owner, std::string tenant) : owner_(owner), tenant_(std::move(tenant)) {}
    Call(Call&& other) noexcept;
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    Call& operator=(Call&&) = delete;
    ~Call();

    /// Returns whether a call with `bytes` may wait for a batch before it: waiting calls take at most
    /// half of the tenant's bytes, and half of its calls.
    bool MayWait(std::uint64_t bytes);

   private:
    InFlight* owner_;
    std::string tenant_;
    std::uint64_t waiting_bytes_ MIRROR_GUARDED_BY(&InFlight::mutex_) = 0;
    bool waiting_ MIRROR_GUARDED_BY(&InFlight::mutex_) = false;
  };

  class Stream {
   public:
    Stream(InFlight* owner, std::string tenant) : owner_(owner), tenant_(std::move(tenant)) {}
    Stream(Stream&& other) noexcept;
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    Stream& operator=(Stream&&) = delete;
    ~Stream();

    /// Makes `bytes` the amount that this stream holds. Errors: kResourceExhausted
    /// naming the limit; then nothing changed.
    absl::Status Hold(std::uint64_t bytes);
    /// Does the same for what is read ahead: never above the stream's share of its tenant's bytes, nor when
    /// all streams together have half of theirs. False: nothing changed.
    bool HoldAhead(std::uint64_t bytes);

   private:
    InFlight* owner_;
    std::string tenant_;
    std::uint64_t bytes_ MIRROR_GUARDED_BY(&InFlight::mutex_) = 0;
  };

  /// Reserves a place for a call or a stream. Errors: kResourceExhausted.
  absl::StatusOr<Call> BeginCall(const std::string& tenant);
  absl::StatusOr<Stream> OpenStream(const std::string& tenant);

  /// Bytes, streams and calls in flight now, for all tenants.
  struct Usage {
    std::uint64_t stream_bytes = 0;
    std::uint32_t streams = 0, calls = 0;
  };
  Usage usage();

 private:
  struct OfTenant {
    std::uint64_t bytes = 0;  ///< In its streams.
    std::uint32_t streams = 0;
    std::uint64_t waiting_bytes = 0;  ///< In its calls that may wait.
    std::uint32_t waiting = 0;
    std::uint32_t calls = 0;
    bool empty() const { return streams == 0 && calls == 0; }
  };

  std::uint32_t calls_tenant_max() const { return std::max(1U, limits_.calls_max / 4); }

  const InFlightLimits limits_;
  Mutex mutex_;
  /// Tenants that have something in flight.
  std::map<std::string, OfTenant> tenants_ MIRROR_GUARDED_BY(mutex_);
  std::uint64_t bytes_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::uint32_t calls_ MIRROR_GUARDED_BY(mutex_) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_IN_FLIGHT_H_
