#include "client/exchange/unpushed_tables.h"

#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"

namespace mirror {
namespace {

/// Of another's words, in a ledger that is mirrored.
constexpr std::size_t kWhyBytesMax = 300;

}  // namespace

std::string WhyNotTold(const v1::Delivery& delivery, const UnpushedTables& unpushed) {
  if (unpushed.empty()) return "";
  std::vector<std::string> tables = {delivery.table()};
  for (const v1::MatchKey& key : delivery.absent()) tables.push_back(key.table());
  for (const std::string& table : tables) {
    const auto found = unpushed.find(FoldName(table));
    if (found == unpushed.end()) continue;
    const std::string which = table == delivery.table() ? "the table" : absl::StrCat("table '", table, "'");
    return absl::StrCat("a row is not as the hub knows it, and ", which,
                        " cannot be pushed: ", found->second.substr(0, kWhyBytesMax));
  }
  return "";
}

}  // namespace mirror
