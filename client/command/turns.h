#ifndef MIRROR_CLIENT_COMMAND_TURNS_H_
#define MIRROR_CLIENT_COMMAND_TURNS_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stop_token>

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
  std::mutex mutex_;
  std::condition_variable_any moved_;
  std::uint64_t drawn_ = 0;   ///< Numbers that were drawn.
  std::uint64_t served_ = 0;  ///< The next number that has its turn.
  std::size_t taken_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_TURNS_H_
