#include "server/tenant/mirror/gap_waits.h"

#include <algorithm>

namespace mirror {

std::uint64_t GapWaits::changes() {
  const MutexLock lock(mutex_);
  return changes_;
}

void GapWaits::Tell(const std::set<std::string>& tables) {
  const MutexLock lock(mutex_);
  ++changes_;
  for (Waiting* const waiting : waiting_) {
    const bool concerns = std::any_of(tables.begin(), tables.end(), [waiting](const std::string& table) {
      return waiting->tables.contains(table);
    });
    if (concerns) Wake(*waiting);
  }
}

void GapWaits::TellAll() {
  const MutexLock lock(mutex_);
  ++changes_;
  for (Waiting* const waiting : waiting_) Wake(*waiting);
}

void GapWaits::WaitUntil(const std::set<std::string>& tables, std::uint64_t seen,
                         std::chrono::steady_clock::time_point time) {
  Waiting own{tables};
  const MutexLock lock(mutex_);
  if (changes_ != seen) return;
  const auto place = waiting_.insert(waiting_.end(), &own);
  while (!own.told) {
    if (!own.woken.WaitUntil(mutex_, time)) break;
  }
  waiting_.erase(place);
}

}  // namespace mirror
