#include "base/http/body_room.h"

#include <utility>

namespace mirror {

bool HttpBodyRoom::HasRoom(const std::string& asker, std::uint64_t bytes) {
  const auto taken = taken_by_.find(asker);
  const std::uint64_t of_one = taken == taken_by_.end() ? 0 : taken->second;
  return bytes <= most_ - taken_ && bytes <= most_of_one_ - of_one;
}

bool HttpBodyRoom::Has(const std::string& asker, std::uint64_t bytes) {
  const MutexLock lock(mutex_);
  return HasRoom(asker, bytes);
}

bool HttpBodyRoom::Take(const std::string& asker, std::uint64_t bytes) {
  const MutexLock lock(mutex_);
  if (!HasRoom(asker, bytes)) return false;
  if (bytes == 0) return true;
  taken_by_[asker] += bytes;
  taken_ += bytes;
  return true;
}

void HttpBodyRoom::GiveBack(const std::string& asker, std::uint64_t bytes) {
  if (bytes == 0) return;
  const MutexLock lock(mutex_);
  taken_ -= bytes;
  const auto taken = taken_by_.find(asker);
  if ((taken->second -= bytes) == 0) taken_by_.erase(taken);
}

bool HttpKeptBody::Append(const std::string& asker, std::string_view piece) {
  if (!room_.Take(asker, piece.size())) return false;
  asker_ = asker;
  bytes_ += piece.size();
  body_.append(piece);
  return true;
}

std::string HttpKeptBody::Take() {
  room_.GiveBack(asker_, std::exchange(bytes_, 0));
  return std::exchange(body_, {});
}

}  // namespace mirror
