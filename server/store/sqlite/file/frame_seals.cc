#include "server/store/sqlite/file/frame_seals.h"

#include <cstring>
#include <utility>

namespace mirror {
namespace {

/// In a header: two numbers that are the same for the whole log.
constexpr int kSaltsAt = 8;

}  // namespace

void FrameSeals::Wrote(const void* bytes, int size, std::int64_t to) {
  if (size != kHeaderBytes) {
    if (to == header_ + kHeaderBytes) header_ = -1;
    return;
  }
  WrittenAgain();
  std::uint64_t salts = 0;
  std::memcpy(&salts, static_cast<const char*>(bytes) + kSaltsAt, sizeof(salts));
  if (salts != 0) {
    header_ = to;
  } else if (open_ < 0 || to < open_) {
    open_ = to;
  }
}

bool FrameSeals::End() {
  WrittenAgain();
  const bool all = open_ < 0 || (sealed_ >= 0 && sealed_ <= open_);
  *this = {};
  return all;
}

/// A header without its page behind it is one that was there.
void FrameSeals::WrittenAgain() {
  const std::int64_t at = std::exchange(header_, -1);
  if (at >= 0 && (sealed_ < 0 || at < sealed_)) sealed_ = at;
}

}  // namespace mirror
