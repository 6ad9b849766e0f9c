#include "server/tenant/building_places.h"

#include <set>

#include "base/mutex.h"

namespace mirror {

struct BuildingPlaces::Taken {
  Mutex mutex;
  /// Context ids. A tenant that opens its new mirror anew has two for a moment.
  std::multiset<std::string> by MIRROR_GUARDED_BY(mutex);
};

BuildingPlaces::BuildingPlaces(std::size_t count_max)
    : count_max_(count_max), taken_(std::make_shared<Taken>()) {}

std::shared_ptr<void> BuildingPlaces::Take(const std::string& context_id) {
  const MutexLock lock(taken_->mutex);
  if (taken_->by.size() >= count_max_) return nullptr;
  taken_->by.insert(context_id);
  return {taken_.get(), [taken = taken_, context_id](void*) {
            const MutexLock let_go(taken->mutex);
            taken->by.erase(taken->by.find(context_id));
          }};
}

bool BuildingPlaces::Has(const std::string& context_id) const {
  const MutexLock lock(taken_->mutex);
  return taken_->by.contains(context_id);
}

std::vector<std::string> BuildingPlaces::All() const {
  const MutexLock lock(taken_->mutex);
  return {taken_->by.begin(), taken_->by.end()};
}

}  // namespace mirror
