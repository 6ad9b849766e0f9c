#include "client/command/turns.h"

namespace mirror {

bool Turns::Take(const std::stop_token& stop) {
  const MutexLock lock(mutex_);
  const std::uint64_t number = drawn_++;
  // Who is told to stop leaves its number unserved: all others are told to stop, too.
  const auto my_turn = [&]() MIRROR_REQUIRES(mutex_) { return served_ == number && taken_ < at_once_; };
  if (!moved_.Wait(mutex_, stop, my_turn)) return false;
  ++served_;
  ++taken_;
  moved_.NotifyAll();
  return true;
}

void Turns::GiveBack() {
  {
    const MutexLock lock(mutex_);
    --taken_;
  }
  moved_.NotifyAll();
}

}  // namespace mirror
