#include "server/journal/row_states.h"

#include <cmath>
#include <cstddef>

#include "absl/strings/str_format.h"

namespace mirror {

bool StoodAt(std::int64_t from, std::int64_t until, std::int64_t moment) {
  return from <= moment && (until == 0 || until > moment);
}

bool SameValue(const Value& a, const Value& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::kNull:
      return true;
    case Kind::kInteger:
      return a.integer == b.integer;
    case Kind::kReal:
      return a.real == b.real || (std::isnan(a.real) && std::isnan(b.real));
    case Kind::kText:
    case Kind::kRawText:
    case Kind::kBlob:
      return a.bytes == b.bytes;
  }
  return false;
}

std::vector<std::uint32_t> DifferentColumns(const ChangeBatch& a, std::uint32_t row_of_a,
                                            const ChangeBatch& b, std::uint32_t row_of_b) {
  std::vector<std::uint32_t> different;
  for (std::size_t i = 0; i < a.columns.size(); ++i) {
    if (!SameValue(a.columns[i].At(row_of_a), b.columns[i].At(row_of_b))) {
      different.push_back(static_cast<std::uint32_t>(i));
    }
  }
  return different;
}

std::string StateDigest(const RangeDigest& digest) { return absl::StrFormat("%016x", digest.sum); }

}  // namespace mirror
