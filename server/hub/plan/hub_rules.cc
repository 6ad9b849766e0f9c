#include "server/hub/plan/hub_rules.h"

#include <algorithm>
#include <set>

namespace mirror {

HubRules::Place HubRules::Find(std::string_view data_source, std::string_view table) const {
  for (const HubEntity& entity : entities) {
    for (const HubMember& member : entity.members) {
      if (member.data_source == data_source && member.table == table) return {&entity, &member};
    }
  }
  return {};
}

const HubEntity* HubRules::FindEntity(std::string_view name) const {
  const auto found = std::find_if(entities.begin(), entities.end(),
                                  [&](const HubEntity& entity) { return entity.name == name; });
  return found == entities.end() ? nullptr : &*found;
}

std::size_t HubRules::Order(std::string_view data_source) const {
  return static_cast<std::size_t>(std::find(data_sources.begin(), data_sources.end(), data_source) -
                                  data_sources.begin());
}

bool CarriesMatch(const HubEntity& entity) {
  return std::any_of(entity.match.begin(), entity.match.end(), [&](const std::vector<std::string>& rule) {
    return std::all_of(rule.begin(), rule.end(),
                       [&](const std::string& attribute) { return entity.attributes.count(attribute) > 0; });
  });
}

std::vector<std::string> AttributesOf(const HubEntity& entity) {
  std::set<std::string> names;
  for (const HubMember& member : entity.members) {
    for (const auto& [attribute, column] : member.columns) names.insert(attribute);
  }
  return {names.begin(), names.end()};
}

}  // namespace mirror
