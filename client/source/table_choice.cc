#include "client/source/table_choice.h"

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/name_pattern.h"
#include "base/reserved_name.h"
#include "base/utf8.h"

namespace mirror {
namespace {

/// All names, grouped by their form in a mirror.
using Twins = std::map<std::string, std::vector<std::string>>;

Twins TwinsOf(const std::vector<std::string>& all) {
  Twins twins;
  for (const std::string& name : all) twins[FoldName(name)].push_back(name);
  return twins;
}

bool Matches(const std::string& name, const Twins& twins, const std::string& pattern) {
  if (!MatchesPattern(name, pattern)) return false;
  const std::vector<std::string>& same = twins.at(FoldName(name));
  const auto is_spelled = [&pattern](const std::string& one) { return MatchesExactly(one, pattern); };
  return is_spelled(name) || std::none_of(same.begin(), same.end(), is_spelled);
}

bool MatchesAny(const std::string& name, const Twins& twins, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return Matches(name, twins, pattern); });
}

/// Keeps one of the names that are equal in a mirror, and refuses the others.
void RefuseTwins(const TableChoice& choice, ChosenTables* chosen) {
  const Twins twins = TwinsOf(chosen->names);
  std::erase_if(chosen->names, [&](const std::string& name) {
    const std::vector<std::string>& same = twins.at(FoldName(name));
    const auto known = std::find_if(same.begin(), same.end(),
                                    [&](const std::string& one) { return choice.announced.contains(one); });
    const std::string& stays = known == same.end() ? same.front() : *known;
    if (name == stays) return false;
    chosen->refused.push_back(
        {name,
         absl::StrCat("its name differs from that of '", stays,
                      "' only by upper and lower case, which a mirror does not distinguish, and '", stays,
                      "' is sent: leave one of them out with 'skip', with its name as the database "
                      "writes it")});
    return true;
  });
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
  const Twins twins = TwinsOf(all);
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
    } else if (MatchesAny(name, twins, choice.include) && !MatchesAny(name, twins, choice.skip) &&
               (!choice.takes || choice.takes(name))) {
      chosen.names.push_back(name);
    }
  }
  if (!choice.keeps_twins) RefuseTwins(choice, &chosen);
  return chosen;
}

bool AnnouncedNames::Take(const std::string& name, bool is_readable) {
  if (const absl::Status checked = CheckName(name, "its name"); !checked.ok() || !is_readable) {
    schema_->refused.push_back(
        {CountUtf8(name) ? name : "(a name that is not UTF-8)", std::string(checked.message())});
    return false;
  }
  const auto [other, is_new] = folded_.try_emplace(FoldName(name), name);
  if (is_new) return true;
  schema_->refused.push_back(
      {name, absl::StrCat("its name differs from that of '", other->second,
                          "' only by upper and lower case, which a mirror does not distinguish: leave one of "
                          "them out with 'skip'")});
  return false;
}

}  // namespace mirror
