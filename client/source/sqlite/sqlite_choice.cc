#include "client/source/sqlite/sqlite_choice.h"

#include <algorithm>

#include "base/name_pattern.h"

namespace mirror {
namespace {

bool MatchesAny(const std::string& name, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&name](const std::string& pattern) { return MatchesPattern(name, pattern); });
}

std::vector<std::string> IdlePatterns(const SqliteReaderOptions& options,
                                      const std::vector<std::string>& tables) {
  std::vector<std::string> patterns = options.include;
  patterns.insert(patterns.end(), options.skip.begin(), options.skip.end());
  for (const auto& [pattern, reason] : options.blocked) patterns.push_back(pattern);
  std::erase_if(patterns, [&tables](const std::string& pattern) {
    return std::any_of(tables.begin(), tables.end(),
                       [&pattern](const std::string& name) { return MatchesPattern(name, pattern); });
  });
  return patterns;
}

}  // namespace

ChosenTables ChooseTables(const SqliteReaderOptions& options, const std::vector<std::string>& all) {
  ChosenTables chosen;
  chosen.idle_patterns = IdlePatterns(options, all);
  for (const std::string& name : all) {
    const auto blocked =
        std::find_if(options.blocked.begin(), options.blocked.end(),
                     [&name](const auto& entry) { return MatchesPattern(name, entry.first); });
    if (blocked != options.blocked.end()) {
      chosen.blocked.push_back({name, blocked->second});
    } else if (MatchesAny(name, options.include) && !MatchesAny(name, options.skip) &&
               (!options.takes || options.takes(name))) {
      chosen.names.push_back(name);
    }
  }
  return chosen;
}

}  // namespace mirror
