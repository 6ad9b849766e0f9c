#ifndef MIRROR_SERVER_TENANT_READING_PLACES_H_
#define MIRROR_SERVER_TENANT_READING_PLACES_H_

#include <chrono>
#include <memory>

#include "base/mutex.h"

namespace mirror {

/// So many readings of one kind may be open at once. Threads: any; places may outlive it.
class ReadingPlaces {
 public:
  explicit ReadingPlaces(int places) : state_(std::make_shared<State>(places)) {}

  /// One, until it is let go of. Null: none became free within `wait`.
  std::shared_ptr<void> Take(std::chrono::milliseconds wait);

 private:
  struct State {
    explicit State(int places) : free(places) {}
    Mutex mutex;
    CondVar changed;
    int free MIRROR_GUARDED_BY(mutex);
  };
  const std::shared_ptr<State> state_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_READING_PLACES_H_
