#include "client/source/table_choice.h"

#include <algorithm>

#include "base/name_pattern.h"
#include "base/reserved_name.h"

namespace mirror {
namespace {

bool MatchesAny(const std::string& name, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&name](const std::string& pattern) { return MatchesPattern(name, pattern); });
}

std::vector<std::string> IdlePatterns(const TableChoice& choice, const std::vector<std::string>& tables) {
  std::vector<std::string> patterns = choice.include;
  patterns.insert(patterns.end(), choice.skip.begin(), choice.skip.end());
  for (const auto& [pattern, reason] : choice.blocked) patterns.push_back(pattern);
  std::erase_if(patterns, [&tables](const std::string& pattern) {
    return std::any_of(tables.begin(), tables.end(),
                       [&pattern](const std::string& name) { return MatchesPattern(name, pattern); });
  });
  return patterns;
}

bool IsOfExchange(const std::string& name) {
  return name == kLedgerName || name == "_mirror_exchange" || name == "_mirror_inbox" ||
         name == "_mirror_conflicts" || name.starts_with("_mirror_datajoin");
}

}  // namespace

ChosenTables ChooseTables(const TableChoice& choice, const std::vector<std::string>& all) {
  ChosenTables chosen;
  chosen.idle_patterns = IdlePatterns(choice, all);
  for (const std::string& name : all) {
    if (IsOfExchange(name)) {
      if (choice.exchange && name == kLedgerName && (!choice.takes || choice.takes(name)))
        chosen.names.push_back(name);
      continue;
    }
    const auto blocked =
        std::find_if(choice.blocked.begin(), choice.blocked.end(),
                     [&name](const auto& entry) { return MatchesPattern(name, entry.first); });
    if (blocked != choice.blocked.end()) {
      chosen.blocked.push_back({name, blocked->second});
    } else if (MatchesAny(name, choice.include) && !MatchesAny(name, choice.skip) &&
               (!choice.takes || choice.takes(name))) {
      chosen.names.push_back(name);
    }
  }
  return chosen;
}

}  // namespace mirror
