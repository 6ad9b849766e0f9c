#include "server/watch/event_kinds.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/config/config_node.h"
#include "base/name_pattern.h"
#include "base/printable.h"

MIRROR_EMBEDDED(events);

namespace mirror {
namespace {

/// In the order of the alphabet.
std::vector<std::string> DescribedKinds() {
  std::vector<std::string> kinds;
  for (const ConfigNode& row : DescribedRows(mirror_embedded_events[0]))
    kinds.push_back(row.Find("name")->text);
  std::sort(kinds.begin(), kinds.end());
  return kinds;
}

/// What stands before the dot.
std::string_view GroupOf(std::string_view kind) { return kind.substr(0, kind.find('.')); }

}  // namespace

absl::Status CheckKindPattern(std::string_view pattern) {
  static const std::vector<std::string> kinds = DescribedKinds();
  std::vector<std::string> near, groups;
  for (const std::string_view kind : kinds) {
    if (pattern.empty() || MatchesExactly(kind, pattern)) return absl::OkStatus();
    const std::string_view group = GroupOf(kind);
    if (group == GroupOf(pattern)) near.emplace_back(kind);
    if (groups.empty() || groups.back() != group) groups.emplace_back(group);
  }
  const std::string there = near.empty() ? absl::StrCat("Kinds begin with ", absl::StrJoin(groups, ", "),
                                                        "; cycle.* means all that begin with cycle.")
                                         : absl::StrCat("There are ", absl::StrJoin(near, ", "), ".");
  return absl::InvalidArgumentError(
      absl::StrCat("no event is of the kind '", Printable(pattern), "'. ", there));
}

}  // namespace mirror
