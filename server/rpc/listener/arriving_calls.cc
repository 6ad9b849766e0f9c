#include "server/rpc/listener/arriving_calls.h"

#include <algorithm>
#include <utility>

namespace mirror {

using Clock = std::chrono::steady_clock;

std::unique_ptr<ArrivingCalls::Place> ArrivingCalls::Begin(const std::string& tenant, const std::string& peer,
                                                           End end) {
  const MutexLock lock(mutex_);
  if (tenant.empty()) {
    if (tenants_[tenant].arriving >= limits_.strangers_max) EndOldest(tenant);
  } else if (!WaitForPlace(tenant)) {
    return nullptr;
  }
  if (arriving_.size() >= limits_.all_max) EndOldest(std::string(Largest()));
  ++tenants_[tenant].arriving;
  arriving_.emplace(next_, Arrival{tenant, peer, std::move(end), Clock::now()});
  return std::make_unique<Place>(*this, next_++);
}

bool ArrivingCalls::WaitForPlace(const std::string& tenant) {
  OfTenant& own = tenants_[tenant];
  if (own.arriving < limits_.tenant_max) return true;
  if (own.waiting >= limits_.tenant_max) return false;
  ++own.waiting;
  while (own.arriving >= limits_.tenant_max) {
    const Clock::time_point too_long = Oldest(tenant)->second.began + limits_.patience;
    if (Clock::now() >= too_long) {
      EndOldest(tenant);
    } else {
      came_.WaitUntil(mutex_, too_long);
    }
  }
  --own.waiting;
  return true;
}

void ArrivingCalls::Remove(std::uint64_t number) {
  const MutexLock lock(mutex_);
  if (const auto found = arriving_.find(number); found != arriving_.end()) Forget(found);
}

const std::string& ArrivingCalls::Largest() const {
  return std::max_element(tenants_.begin(), tenants_.end(),
                          [](const auto& a, const auto& b) { return a.second.arriving < b.second.arriving; })
      ->first;
}

ArrivingCalls::Arrivals::iterator ArrivingCalls::Oldest(const std::string& tenant) {
  return std::find_if(arriving_.begin(), arriving_.end(),
                      [&](const auto& arrival) { return arrival.second.tenant == tenant; });
}

/// Returns the oldest call of the connection with most: a source without a shown token has one.
ArrivingCalls::Arrivals::iterator ArrivingCalls::OldestStranger() {
  std::map<std::string, std::size_t> of_peer;
  std::size_t most = 0;
  for (const auto& [number, arrival] : arriving_) {
    if (arrival.tenant.empty()) most = std::max(most, ++of_peer[arrival.peer]);
  }
  return std::find_if(arriving_.begin(), arriving_.end(), [&](const auto& arrival) {
    return arrival.second.tenant.empty() && of_peer[arrival.second.peer] == most;
  });
}

void ArrivingCalls::EndOldest(const std::string& tenant) {
  const auto oldest = tenant.empty() ? OldestStranger() : Oldest(tenant);
  // Its thread is about to leave; the destructor of its Place waits for the lock that is held here.
  oldest->second.end();
  Forget(oldest);
}

void ArrivingCalls::Forget(Arrivals::iterator arrival) {
  const auto tenant = tenants_.find(arrival->second.tenant);
  --tenant->second.arriving;
  // Waiting threads refer to it.
  if (tenant->second.arriving == 0 && tenant->second.waiting == 0) tenants_.erase(tenant);
  arriving_.erase(arrival);
  came_.NotifyAll();
}

}  // namespace mirror
