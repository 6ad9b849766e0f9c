#include "client/command/turns.h"

namespace mirror {

bool Turns::Take(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const std::uint64_t number = drawn_++;
  // Who is told to stop leaves its number unserved: all others are told to stop, too.
  if (!moved_.wait(lock, stop, [&] { return served_ == number && taken_ < at_once_; })) return false;
  ++served_;
  ++taken_;
  moved_.notify_all();
  return true;
}

void Turns::GiveBack() {
  {
    const std::lock_guard lock(mutex_);
    --taken_;
  }
  moved_.notify_all();
}

}  // namespace mirror
