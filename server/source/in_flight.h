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

/// Counts what was received and is not answered yet: bytes and streams, for each tenant and in total, and the
/// total number of calls.
///
/// Before each read a stream reserves kStreamBytesMin, and afterwards the bytes that came. So there are at
/// most bytes_max / kStreamBytesMin streams. A stream that reads ahead of its answers must leave room for
/// other streams. For calls without a stream the limit is their number, each with at most the size of one
/// message. Their bytes only decide whether they may wait for an earlier batch. One tenant gets at most a
/// quarter of these calls. So calls that wait for a slow tenant leave room for others. Threads: any.
class InFlight {
 public:
  explicit InFlight(const InFlightLimits& limits) : limits_(limits) {}

  /// The place of a running call; the destructor frees it.
  class Call {
   public:
    Call(InFlight* owner, std::string tenant) : owner_(owner), tenant_(std::move(tenant)) {}
    Call(Call&& other) noexcept;
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    Call& operator=(Call&&) = delete;
    ~Call();

    /// Returns whether a call with `bytes` may wait for an earlier batch. Waiting calls may take at most half
    /// of the tenant's bytes and half of its calls.
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

    /// Sets the number of bytes that this stream holds. Errors: kResourceExhausted: the message names the
    /// limit, and nothing was changed.
    absl::Status Hold(std::uint64_t bytes);
    /// Does the same for what the stream reads ahead. Returns false, and changes nothing, above the stream's
    /// share of its tenant's bytes, or when all streams together hold half of the total.
    bool HoldAhead(std::uint64_t bytes);

   private:
    InFlight* owner_;
    std::string tenant_;
    std::uint64_t bytes_ MIRROR_GUARDED_BY(&InFlight::mutex_) = 0;
  };

  /// Reserve a place for a call or a stream. Errors: kResourceExhausted.
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
    std::uint64_t bytes = 0;  ///< Bytes of its streams.
    std::uint32_t streams = 0;
    std::uint64_t waiting_bytes = 0;  ///< Bytes of its calls that may wait.
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
