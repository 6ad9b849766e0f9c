#include "base/parquet/level_runs.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace mirror {
namespace {

constexpr std::size_t kPacked = 8;  ///< Levels of a byte.

void AppendNumber(std::uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

std::size_t RunAt(const std::vector<bool>& levels, std::size_t begin) {
  std::size_t end = begin + 1;
  while (end < levels.size() && levels[end] == levels[begin]) ++end;
  return end - begin;
}

char PackAt(const std::vector<bool>& levels, std::size_t begin) {
  unsigned bits = 0;
  for (std::size_t i = 0; i < kPacked && begin + i < levels.size(); ++i) {
    if (levels[begin + i]) bits |= 1U << i;
  }
  return static_cast<char>(bits);
}

}  // namespace

std::string EncodeLevels(const std::vector<bool>& levels) {
  std::string out;
  std::size_t at = 0;
  while (at < levels.size()) {
    if (const std::size_t run = RunAt(levels, at); run >= kPacked || at + run == levels.size()) {
      AppendNumber(run << 1, &out);
      out.push_back(levels[at] ? 1 : 0);
      at += run;
      continue;
    }
    // Whole bytes, until a run is worth its two. Only the last may have levels that are not there.
    std::string packed;
    do {
      packed.push_back(PackAt(levels, at));
      at = std::min(at + kPacked, levels.size());
    } while (at < levels.size() && RunAt(levels, at) < 2 * kPacked);
    AppendNumber((packed.size() << 1) | 1, &out);
    out.append(packed);
  }
  return out;
}

}  // namespace mirror
