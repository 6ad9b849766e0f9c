#ifndef MIRROR_CLIENT_COMMAND_TURNS_H_
#define MIRROR_CLIENT_COMMAND_TURNS_H_

#include <cstddef>
#include <cstdint>
#include <stop_token>

#include "base/mutex.h"

namespace mirror {

/// So many at once, and who came first is next. Threads: any.
class Turns {
 public:
  explicit Turns(std::size_t at_once) : at_once_(at_once) {}

  /// Waits for a turn. False: told to stop before it came.
  bool Take(const std::stop_token& stop);
  void GiveBack();

 private:
  const std::size_t at_once_;
  Mutex mutex_;
  StopCondVar moved_;
  std::uint64_t drawn_ MIRROR_GUARDED_BY(mutex_) = 0;   ///< Numbers that were drawn.
  std::uint64_t served_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< The next number that has its turn.
  std::size_t taken_ MIRROR_GUARDED_BY(mutex_) = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_TURNS_H_
