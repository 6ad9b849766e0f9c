#include "server/tenant/reading_places.h"

namespace mirror {

std::shared_ptr<void> ReadingPlaces::Take(std::chrono::milliseconds wait) {
  {
    const auto until = std::chrono::steady_clock::now() + wait;
    const MutexLock lock(state_->mutex);
    while (state_->free == 0) {
      if (!state_->changed.WaitUntil(state_->mutex, until) && state_->free == 0) return nullptr;
    }
    --state_->free;
  }
  return {static_cast<void*>(state_.get()), [state = state_](void*) {
            const MutexLock lock(state->mutex);
            ++state->free;
            state->changed.NotifyOne();
          }};
}

}  // namespace mirror
