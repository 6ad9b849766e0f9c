#include "client/source/postgres/log/postgres_snapshot.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace mirror {

std::optional<PostgresSnapshot> PostgresSnapshot::Parse(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  PostgresSnapshot snapshot;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &snapshot.xmin_) ||
      !absl::SimpleAtoi(parts[1], &snapshot.xmax_)) {
    return std::nullopt;
  }
  for (const absl::string_view one : absl::StrSplit(parts[2], ',', absl::SkipEmpty())) {
    if (!absl::SimpleAtoi(one, &snapshot.open_.emplace_back())) return std::nullopt;
  }
  std::sort(snapshot.open_.begin(), snapshot.open_.end());
  return snapshot;
}

std::uint64_t PostgresSnapshot::Whole(std::uint64_t xid) const {
  constexpr std::uint64_t kEpoch = std::uint64_t{1} << 32, kHalf = kEpoch / 2;
  std::uint64_t whole = (xmax_ & ~(kEpoch - 1)) | (xid & (kEpoch - 1));
  if (whole > xmax_ + kHalf && whole >= kEpoch) whole -= kEpoch;
  if (whole + kHalf < xmax_) whole += kEpoch;
  return whole;
}

bool PostgresSnapshot::Sees(std::uint64_t xid) const {
  const std::uint64_t whole = Whole(xid);
  if (whole < xmin_) return true;
  return whole < xmax_ && !std::binary_search(open_.begin(), open_.end(), whole);
}

}  // namespace mirror
