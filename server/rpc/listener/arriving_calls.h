#ifndef MIRROR_SERVER_RPC_LISTENER_ARRIVING_CALLS_H_
#define MIRROR_SERVER_RPC_LISTENER_ARRIVING_CALLS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"

namespace mirror {

/// Calls whose message has not come yet. Each occupies a handler's thread for as long as its sender wants, so
/// their number is limited. Usually a message comes within milliseconds of its headers, or later on a slow
/// line. A client that sends only headers blocks only itself:
/// - Another call of a tenant waits for a place. If the tenant's oldest call has waited for its message for
/// too long, that call is ended.
/// - Another call of a stranger ends the oldest call of the connection that has most of the strangers' calls.
/// When all places are taken, a call of the tenant with most calls is ended.
/// Threads: any.
class ArrivingCalls {
 public:
  struct Limits {
    std::size_t tenant_max = 8;      ///< The same number of further calls may wait for a place.
    std::size_t strangers_max = 64;  ///< For calls without a token; their tenant is "".
    std::size_t all_max = 192;
    std::chrono::milliseconds patience{1'000};  ///< How long a tenant's message may take while other calls
                                                ///< wait.
  };
  explicit ArrivingCalls(const Limits& limits) : limits_(limits) {}

  /// Ends a call soon. Called at most once, from any thread, before the call's Place is destroyed.
  using End = std::function<void()>;

  class Place {
   public:
    Place(ArrivingCalls& owner, std::uint64_t number) : owner_(owner), number_(number) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { owner_.Remove(number_); }

   private:
    ArrivingCalls& owner_;
    const std::uint64_t number_;
  };

  /// Takes a place; may wait for one. `peer`: the call's connection. Null: too many calls of the tenant
  /// already wait for a place.
  std::unique_ptr<Place> Begin(const std::string& tenant, const std::string& peer, End end);

 private:
  struct Arrival {
    std::string tenant;
    std::string peer;
    End end;
    std::chrono::steady_clock::time_point began;
  };
  struct OfTenant {
    std::size_t arriving = 0, waiting = 0;
  };
  using Arrivals = std::map<std::uint64_t, Arrival>;  ///< In order of arrival.

  void Remove(std::uint64_t number);
  /// Waits for a place. Returns false if too many calls wait.
  bool WaitForPlace(const std::string& tenant) MIRROR_REQUIRES(mutex_);
  /// Returns the tenant with most calls whose message is missing.
  const std::string& Largest() const MIRROR_REQUIRES(mutex_);
  Arrivals::iterator Oldest(const std::string& tenant) MIRROR_REQUIRES(mutex_);
  Arrivals::iterator OldestStranger() MIRROR_REQUIRES(mutex_);
  void EndOldest(const std::string& tenant) MIRROR_REQUIRES(mutex_);
  void Forget(Arrivals::iterator arrival) MIRROR_REQUIRES(mutex_);

  const Limits limits_;
  Mutex mutex_;
  std::uint64_t next_ MIRROR_GUARDED_BY(mutex_) = 0;
  CondVar came_;
  Arrivals arriving_ MIRROR_GUARDED_BY(mutex_);
  std::map<std::string, OfTenant> tenants_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_ARRIVING_CALLS_H_
