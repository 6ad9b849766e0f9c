#include "server/config/hub_keys.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/reserved_name.h"
#include "base/status_macros.h"
#include "base/text/hub_name.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

Setter SetName(std::string* target, std::size_t length_max) {
  return [target, length_max](const Given& given) -> absl::Status {
    ASSIGN_OR_RETURN(std::string text, AsText(given));
    if (!IsHubName(text, length_max)) return given.Wrong("must be " + HubNameWords(length_max));
    *target = std::move(text);
    return absl::OkStatus();
  };
}

/// Sets "newest", "most", "longest", or data sources in the order in which they count.
Setter SetRule(AttributeRule* target) {
  return [target](const Given& given) -> absl::Status {
    using Kind = AttributeRule::Kind;
    if (given.node.kind == ConfigNode::Kind::kList) {
      target->kind = Kind::kOrder;
      return SetTexts(&target->order, ListRule::kNamed)(given);
    }
    return SetOneOf(&target->kind, EnumWords<Kind>{{"newest", Kind::kNewest},
                                                   {"most", Kind::kMost},
                                                   {"longest", Kind::kLongest}})(given);
  };
}

Setter SetNormalise(Normalise* target) {
  return SetOneOf(target, EnumWords<Normalise>{{"fold", Normalise::kFold}, {"alnum", Normalise::kAlnum}});
}

/// An empty list means that nothing is written, like a missing list.
Setter SetWrite(std::vector<std::string>* target) {
  return [target, some = SetSomeOf(target, {"insert", "update", "delete"})](const Given& given) {
    if (given.node.kind != ConfigNode::Kind::kList || !given.node.entries.empty()) return some(given);
    target->clear();
    return absl::OkStatus();
  };
}

/// Sets lists of attributes in a list.
Setter SetMatch(std::vector<std::vector<std::string>>* target) {
  return [target](const Given& given) -> absl::Status {
    if (given.node.kind != ConfigNode::Kind::kList || given.node.entries.empty()) {
      return given.Wrong("must be a list of lists of attributes, as [[\"vat\"], [\"name\", \"city\"]]");
    }
    std::vector<std::vector<std::string>> rules;
    for (const ConfigNode& entry : given.node.entries) {
      RETURN_IF_ERROR(SetTexts(&rules.emplace_back(), ListRule::kSome)({given.where, entry}));
    }
    *target = std::move(rules);
    return absl::OkStatus();
  };
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class HubBlock {
 public:
  HubBlock(const ConfigTable& block, HubRules* rules, HubEntity* entity)
      : block_(block), rules_(*rules), entity_(*entity) {}

  absl::Status ReadMembers();
  absl::Status Check() const;

 private:
  absl::Status ReadMember(const ConfigTable& block);
  absl::Status CheckMember(const ConfigTable& block, const HubMember& member) const;
  absl::Status CheckMatch() const;
  absl::Status CheckAttributes() const;

  const ConfigTable& block_;
  HubRules& rules_;
  HubEntity& entity_;
};

absl::Status HubBlock::ReadMembers() {
  ASSIGN_OR_RETURN(const std::vector<ConfigTable> blocks, block_.Blocks("member", "hub.member"));
  if (blocks.empty()) return block_.Wrong("has no [[hub.member]]: no table holds its records");
  for (const ConfigTable& member : blocks) {
    RETURN_IF_ERROR(ReadMember(member));
  }
  return absl::OkStatus();
}

absl::Status HubBlock::ReadMember(const ConfigTable& block) {
  HubMember member;
  std::vector<std::string> write;
  std::string tenant;
  RETURN_IF_ERROR(
      block.Read({{"data_source", SetName(&member.data_source, kHubNameMax), &member.data_source},
                  {"tenant", SetName(&tenant, kHubNameMax)},
                  {"table", SetText(&member.table), &member.table},
                  {"columns", SetEach<std::string>(&member.columns, "attributes and their columns",
                                                   [](std::string* column) { return SetText(column); })},
                  {"key", SetTexts(&member.key, ListRule::kSome)},
                  {"changed", SetText(&member.changed)},
                  {"changed_format", SetText(&member.changed_format)},
                  {"write", SetWrite(&write)}}));
  RETURN_IF_ERROR(block.CheckHas({"columns"}));
  member.inserts = Contains(write, "insert");
  member.updates = Contains(write, "update");
  member.deletes = Contains(write, "delete");
  RETURN_IF_ERROR(CheckMember(block, member));
  if (!Contains(rules_.data_sources, member.data_source)) rules_.data_sources.push_back(member.data_source);
  if (!tenant.empty()) {
    const auto [known, added] = rules_.tenants.emplace(member.data_source, tenant);
    if (!added && known->second != tenant) {
      return block.Wrong("tenant", absl::StrCat("is '", known->second, "' in another [[hub.member]] of '",
                                                member.data_source, "'"));
    }
  }
  entity_.members.push_back(std::move(member));
  return absl::OkStatus();
}

absl::Status HubBlock::CheckMember(const ConfigTable& block, const HubMember& member) const {
  if (member.columns.empty()) return block.Wrong("columns", "is empty: give at least one attribute");
  for (const auto& [attribute, column] : member.columns) {
    if (absl::Status status = CheckName(attribute, "attribute"); !status.ok()) {
      return block.Wrong("columns", std::string(status.message()));
    }
    if (SameName(attribute, "golden_id"))
      return block.Wrong("columns", "cannot have 'golden_id': that is the hub's own column");
  }
  for (const std::string& attribute : member.key) {
    if (member.columns.count(attribute) > 0) continue;
    return block.Wrong("key", absl::StrCat("names '", attribute, "', which is not one of 'columns'"));
  }
  if (!member.changed_format.empty() && member.changed.empty()) {
    return block.Wrong("changed_format", "needs 'changed', which is missing");
  }
  const auto is_there = [&](const HubMember& other) {
    return other.data_source == member.data_source && SameName(other.table, member.table);
  };
  const auto is_elsewhere = [&](const HubEntity& other) {
    return std::any_of(other.members.begin(), other.members.end(), is_there);
  };
  if (is_elsewhere(entity_) || std::any_of(rules_.entities.begin(), rules_.entities.end(), is_elsewhere)) {
    return block.Wrong("table", absl::StrCat("'", member.table, "' of '", member.data_source,
                                             "' is there twice: a table holds records of one entity"));
  }
  const auto inserts_too = [&](const HubMember& other) {
    return other.inserts && other.data_source == member.data_source;
  };
  if (member.inserts && std::any_of(entity_.members.begin(), entity_.members.end(), inserts_too)) {
    return block.Wrong("write", absl::StrCat("has \"insert\", but another table of '", member.data_source,
                                             "' has it, too: a record is inserted into only one of them"));
  }
  return absl::OkStatus();
}

/// Refuses a match rule that no two members have: it joins nothing.
absl::Status HubBlock::CheckMatch() const {
  for (const std::vector<std::string>& rule : entity_.match) {
    const auto has_all = [&](const HubMember& member) {
      return std::all_of(rule.begin(), rule.end(),
                         [&](const std::string& attribute) { return member.columns.count(attribute) > 0; });
    };
    if (std::count_if(entity_.members.begin(), entity_.members.end(), has_all) >= 2) continue;
    return block_.Wrong("match", absl::StrCat("has a rule with '", rule.front(),
                                              "', but no two members have its attributes: it joins nothing"));
  }
  return absl::OkStatus();
}

absl::Status HubBlock::CheckAttributes() const {
  const std::vector<std::string> known = AttributesOf(entity_);
  std::set<std::string> folded;
  for (const std::string& attribute : known) {
    if (folded.insert(FoldName(attribute)).second) continue;
    return block_.Wrong("member", absl::StrCat("has '", attribute,
                                               "' in 'columns', and another attribute differs only in case"));
  }
  for (const auto& [attribute, rule] : entity_.attributes) {
    if (!Contains(known, attribute)) {
      return block_.Wrong("attributes", absl::StrCat("has '", attribute, "', which no member has"));
    }
    for (const std::string& name : rule.order) {
      if (Contains(rules_.data_sources, name)) continue;
      return block_.Wrong("attributes", absl::StrCat("has '", name, "' for '", attribute,
                                                     "', which is not one of its data sources"));
    }
  }
  for (const auto& [attribute, how] : entity_.normalise) {
    if (!Contains(known, attribute)) {
      return block_.Wrong("normalise", absl::StrCat("has '", attribute, "', which no member has"));
    }
  }
  for (const std::string& name : entity_.complete) {
    if (!Contains(rules_.data_sources, name)) {
      return block_.Wrong("complete", absl::StrCat("has '", name, "', which is not one of its data sources"));
    }
  }
  return absl::OkStatus();
}

absl::Status HubBlock::Check() const {
  RETURN_IF_ERROR(CheckMatch());
  return CheckAttributes();
}

/// Checks that the names of tables in the hub's file do not conflict.
absl::Status CheckEntity(const ConfigTable& block, const std::string& name, const HubRules& hub) {
  const std::string folded = FoldName(name);
  if (folded == "alias" || folded.ends_with("_member")) {
    return block.Wrong("entity", absl::StrCat("cannot be '", name, "': golden_", name,
                                              " is a table of the hub's own. Choose another name"));
  }
  const auto same = [&](const HubEntity& other) { return SameName(other.name, name); };
  if (std::none_of(hub.entities.begin(), hub.entities.end(), same)) return absl::OkStatus();
  return block.Wrong("entity", absl::StrCat("'", name, "' is there twice for '", hub.storage, "'"));
}

/// A mirror stores how far its hub has read it: two hubs would take each other for a restored one.
absl::Status CheckTenants(const ConfigTable& block, const HubRules& hub, const std::vector<HubRules>& hubs) {
  for (const HubRules& other : hubs) {
    if (&other == &hub) continue;
    for (const auto& [name, tenant] : hub.tenants) {
      const auto same = [&tenant = tenant](const auto& one) { return SameName(one.second, tenant); };
      if (std::none_of(other.tenants.begin(), other.tenants.end(), same)) continue;
      return block.Wrong("member", absl::StrCat("has tenant '", tenant, "', which is a member of hub '",
                                                other.storage, "', too: a tenant belongs to one hub only"));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadHub(const ConfigTable& block, std::vector<HubRules>* hubs) {
  HubRules given;
  HubEntity entity;
  std::string deletes = "none";
  RETURN_IF_ERROR(block.Read(
      {{"storage", SetName(&given.storage, kHubNameMax), &given.storage},
       {"entity", SetName(&entity.name, kHubEntityNameMax), &entity.name},
       {"match", SetMatch(&entity.match)},
       {"normalise",
        SetEach<Normalise>(&entity.normalise, "attributes and \"fold\" or \"alnum\"", SetNormalise)},
       {"complete", SetTexts(&entity.complete, ListRule::kNamed)},
       {"deletes", SetOneOf(&deletes, {"none", "any"})},
       {"rows_percent", SetWhole(&given.rows_percent, 0, 100)},
       {"attributes", SetEach<AttributeRule>(&entity.attributes, "attributes and their rules", SetRule)},
       {"member", SetElsewhere()}}));
  RETURN_IF_ERROR(block.CheckHas({"match"}));
  entity.delete_any = deletes == "any";
  auto hub = std::find_if(hubs->begin(), hubs->end(),
                          [&](const HubRules& one) { return SameName(one.storage, given.storage); });
  if (hub == hubs->end()) hub = hubs->insert(hub, given);
  hub->rows_percent = std::min(hub->rows_percent, given.rows_percent);
  RETURN_IF_ERROR(CheckEntity(block, entity.name, *hub));
  HubBlock reading(block, &*hub, &entity);
  RETURN_IF_ERROR(reading.ReadMembers());
  RETURN_IF_ERROR(reading.Check());
  RETURN_IF_ERROR(CheckTenants(block, *hub, *hubs));
  hub->entities.push_back(std::move(entity));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<HubRules>> ReadHubs(const ConfigFile& file) {
  ASSIGN_OR_RETURN(const std::vector<ConfigTable> blocks, file.Blocks("hub"));
  std::vector<HubRules> hubs;
  for (const ConfigTable& block : blocks) {
    RETURN_IF_ERROR(ReadHub(block, &hubs));
  }
  return hubs;
}

std::vector<JournalRule> HubJournal(const std::vector<HubRules>& hubs) {
  std::vector<JournalRule> rules;
  for (const HubRules& hub : hubs) {
    for (const HubEntity& entity : hub.entities) {
      for (const HubMember& member : entity.members) {
        const auto tenant = hub.tenants.find(member.data_source);
        // The tenant of another data source is known only to its storage, once it exists.
        const std::string context = tenant == hub.tenants.end() ? "*" : tenant->second;
        rules.push_back({.context = context, .table = member.table, .journal = true});
        rules.push_back({.context = context, .table = std::string(kLedgerName), .journal = true});
      }
    }
  }
  return rules;
}

bool IsJournaled(const std::vector<HubRules>& hubs, const JournalConfig& in_force) {
  const std::vector<JournalRule> wanted = HubJournal(hubs);
  return std::all_of(wanted.begin(), wanted.end(), [&](const JournalRule& rule) {
    // For tenants that only their storage knows, the configuration must have this very rule.
    if (rule.context == "*")
      return std::find(in_force.rules.begin(), in_force.rules.end(), rule) != in_force.rules.end();
    const std::shared_ptr<const JournalRules> rules = JournalRulesOf(in_force, rule.context);
    return rules != nullptr && rules->Of(rule.table).journal;
  });
}

}  // namespace mirror
