#include "server/store/postgres/place/value_room.h"

namespace mirror {

ValueRoom::Share::~Share() {
  if (room_ == nullptr) return;
  const MutexLock lock(room_->mutex_);
  room_->bytes_ -= bytes_;
  room_->changed_.NotifyAll();
}

ValueRoom::Share ValueRoom::Take(std::uint64_t bytes) {
  if (bytes == 0) return Share();
  const MutexLock lock(mutex_);
  const std::uint64_t number = next_++;
  while (turn_ != number || (bytes_ != 0 && bytes_ + bytes > bytes_max_)) changed_.Wait(mutex_);
  ++turn_;
  bytes_ += bytes;
  changed_.NotifyAll();
  return Share(*this, bytes);
}

std::size_t ValueRoom::waiting() {
  const MutexLock lock(mutex_);
  return static_cast<std::size_t>(next_ - turn_);
}

}  // namespace mirror
