#include "client/exchange/exchange_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/name_pattern.h"

namespace mirror {
namespace {

bool MatchesAny(const std::string& name, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&name](const std::string& pattern) { return MatchesPattern(name, pattern); });
}

}  // namespace

bool ExchangeRules::AcceptsTable(const std::string& table) const { return MatchesAny(table, tables); }

bool ExchangeRules::AcceptsColumn(const std::string& table, const std::string& column) const {
  return MatchesAny(absl::StrCat(table, ".", column), columns);
}

const TableSteps* ExchangeRules::StepsOf(const std::string& table) const {
  const auto found = std::find_if(steps.begin(), steps.end(),
                                  [&table](const TableSteps& one) { return SameName(one.table, table); });
  return found == steps.end() ? nullptr : &*found;
}

}  // namespace mirror
