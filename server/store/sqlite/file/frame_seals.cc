#include "server/store/sqlite/file/frame_seals.h"

#include <cstring>
#include <utility>

namespace mirror {
namespace {

/// In a header: two numbers that are the same for the whole log.
constexpr int kSaltsAt = 8;

}  // namespace

void FrameSeals::Wrote(const void* bytes, int size, std::int64_t to) {
  if (to == 0) *this = {};  // The log begins anew.
  if (size != kHeaderBytes) {
    if (header_ >= 0 && to == header_ + kHeaderBytes) Appended(std::exchange(header_, -1));
    return;
  }
  WrittenAgain();
  std::uint64_t salts = 0;
  std::memcpy(&salts, static_cast<const char*>(bytes) + kSaltsAt, sizeof(salts));
  header_ = to;
  is_sealed_ = salts != 0;
}

bool FrameSeals::End() {
  WrittenAgain();
  const bool all = open_ < 0 || (sealed_ >= 0 && sealed_ <= open_);
  *this = {};
  return all;
}

/// What stood there and behind it was taken back.
void FrameSeals::Appended(std::int64_t at) {
  if (open_ >= at) open_ = -1;
  if (open_ < 0 && !is_sealed_) open_ = at;
}

/// A header without its page behind it is one that was there.
void FrameSeals::WrittenAgain() {
  const std::int64_t at = std::exchange(header_, -1);
  if (at >= 0 && is_sealed_ && (sealed_ < 0 || at < sealed_)) sealed_ = at;
}

}  // namespace mirror
