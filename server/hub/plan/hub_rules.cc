#include "server/hub/plan/hub_rules.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/digest.h"

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

bool IsWritten(const HubRules& rules, std::string_view data_source) {
  for (const HubEntity& entity : rules.entities) {
    for (const HubMember& member : entity.members) {
      if (member.data_source == data_source && (member.inserts || member.updates || member.deletes))
        return true;
    }
  }
  return false;
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

std::string DigestOf(const HubRules& rules) {
  std::string text;
  const auto add = [&text](const std::string& part) { absl::StrAppend(&text, part.size(), ":", part); };
  for (const std::string& name : rules.data_sources) add(name);
  for (const auto& [name, tenant] : rules.tenants) add(name), add(tenant);
  for (const HubEntity& entity : rules.entities) {
    add(entity.name);
    absl::StrAppend(&text, entity.delete_any ? "any" : "none", entity.match.size());
    for (const std::vector<std::string>& rule : entity.match) {
      absl::StrAppend(&text, rule.size());
      for (const std::string& attribute : rule) add(attribute);
    }
    for (const auto& [attribute, how] : entity.normalise)
      add(attribute), absl::StrAppend(&text, static_cast<int>(how));
    // Keys that an older program derived differ from those of this one.
    if (!entity.normalise.empty()) absl::StrAppend(&text, "normalise ", kNormaliseVersion);
    for (const std::string& name : entity.complete) add(name);
    for (const auto& [attribute, rule] : entity.attributes) {
      add(attribute);
      absl::StrAppend(&text, static_cast<int>(rule.kind));
      for (const std::string& name : rule.order) add(name);
    }
    for (const HubMember& member : entity.members) {
      add(member.data_source), add(member.table), add(member.changed), add(member.changed_format);
      absl::StrAppend(&text, member.inserts, member.updates, member.deletes);
      for (const auto& [attribute, column] : member.columns) add(attribute), add(column);
      for (const std::string& attribute : member.key) add(attribute);
    }
  }
  return HexDigest(text);
}

}  // namespace mirror
