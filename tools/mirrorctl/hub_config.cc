#include "tools/mirrorctl/hub_config.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/config/hub_name.h"
#include "base/folded_name.h"
#include "base/printable.h"
#include "tools/mirrorctl/init/init.h"

namespace mirror {
namespace {

constexpr char kAmericanTime[] = "%m/%d/%Y %I:%M:%S %p";
absl::Status CheckName(const std::string& what, const std::string& name, std::size_t length_max) {
  if (IsHubName(name, length_max)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a hub cannot have ", what, " '", name,
                                                 "': ", HubNameWords(length_max), ". Nothing was printed."));
}

/// A name of a data source that [[hub]] takes.
std::string SourceName(const std::string& tenant) {
  std::string name = tenant.substr(0, kHubNameMax);
  for (char& c : name) {
    if (!IsHubNameCharacter(c)) c = '_';
  }
  return name;
}

bool IsOneOf(const std::string& name, const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return FoldName(name).find(word) != std::string::npos; });
}

/// What a registry issues, by its usual names.
bool LooksIssued(const std::string& name) {
  return IsOneOf(name,
                 {"vat", "orgn", "org_n", "registration", "ssn", "duns", "iban", "isbn", "ean", "email"});
}

const FoundColumn* ChangedColumn(const FoundTable& table) {
  for (const FoundColumn& column : table.columns) {
    if (IsOneOf(column.name, {"update_datetime", "updated_at", "modified", "changed_at", "last_update"}))
      return &column;
  }
  return nullptr;
}

/// Two tables of one name in one tenant are one; two tenants of one name cannot be told apart in [[hub]].
absl::Status CheckPlaces(const std::vector<FoundTable>& tables) {
  std::set<std::pair<std::string, std::string>> there;
  std::map<std::string, std::string> tenants;
  for (const FoundTable& table : tables) {
    if (!there.emplace(FoldName(table.tenant), FoldName(table.table)).second) {
      return absl::InvalidArgumentError(absl::StrCat("table '", table.table, "' of '", table.tenant,
                                                     "' is there twice. Nothing was printed."));
    }
    const auto [known, added] = tenants.emplace(SourceName(table.tenant), FoldName(table.tenant));
    if (!added && known->second != FoldName(table.tenant)) {
      return absl::InvalidArgumentError(absl::StrCat("two tenants would both be data source '", known->first,
                                                     "'. Nothing was printed. Write this [[hub]] by hand."));
    }
  }
  return absl::OkStatus();
}

std::string List(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(TomlString(name));
  return absl::StrCat("[", absl::StrJoin(quoted, ", "), "]");
}

/// TOML takes letters, digits, '_' and '-' bare.
std::string Bare(const std::string& name) { return IsHubName(name, name.size()) ? name : TomlString(name); }

std::string Columns(const std::map<std::string, std::string>& columns) {
  std::vector<std::string> parts;
  for (const auto& [attribute, column] : columns) {
    parts.push_back(absl::StrCat(Bare(attribute), " = ", TomlString(column)));
  }
  return absl::StrCat("{ ", absl::StrJoin(parts, ", "), " }");
}

std::string MemberHead(const FoundTable& table) {
  return absl::StrCat("\n[[hub.member]]\ndata_source = ", TomlString(SourceName(table.tenant)),
                      "\ntenant = ", TomlString(table.tenant), "\ntable = ", TomlString(table.table), "\n");
}

/// Of a column that holds texts the form is said, too, as a comment where no value told which it is.
std::string Changed(const FoundColumn& column, const char* before) {
  std::string text = absl::StrCat(before, "changed = ", TomlString(column.name), "\n");
  const std::string form = absl::StrCat("changed_format = ", TomlString(kAmericanTime));
  if (column.american_time) {
    absl::StrAppend(&text, before, form, "\n");
  } else if (column.text) {
    absl::StrAppend(&text,
                    "# Its texts are read as 2025-06-25 10:30:00 or 2025-06-25T10:30:00Z. For 06/25/2025 ",
                    "10:30:00 AM:\n# ", form, "\n");
  }
  return text;
}

std::string Newest(const std::set<std::string>& attributes) {
  std::string text = "\n[hub.attributes]\n";
  for (const std::string& attribute : attributes) absl::StrAppend(&text, Bare(attribute), " = \"newest\"\n");
  return text;
}

/// By attribute: in how many tables there is a column of that name. Keys differ from system to system.
std::map<std::string, int> Shared(const std::vector<FoundTable>& tables) {
  std::map<std::string, int> counts;
  for (const FoundTable& table : tables) {
    for (const FoundColumn& column : table.columns) {
      if (!column.key && FoldName(column.name) != "golden_id") ++counts[FoldName(column.name)];
    }
  }
  std::erase_if(counts, [](const auto& count) { return count.second < 2; });
  return counts;
}

std::string Member(const FoundTable& table, const std::map<std::string, int>& shared) {
  std::map<std::string, std::string> columns;
  std::vector<std::string> others;
  for (const FoundColumn& column : table.columns) {
    const FoundColumn* const changed = ChangedColumn(table);
    if (changed == &column) continue;
    if (!column.key && shared.count(FoldName(column.name)) > 0) {
      columns[FoldName(column.name)] = column.name;
    } else {
      others.push_back(column.name);
    }
  }
  std::string text = MemberHead(table);
  if (!others.empty()) {
    absl::StrAppend(
        &text, "# Not mapped: ", Printable(absl::StrJoin(others, ", ")),
        ". If one of them means what another system calls otherwise, add it as that attribute.\n");
  }
  absl::StrAppend(&text, "columns = ", Columns(columns), "\n");
  if (const FoundColumn* const changed = ChangedColumn(table)) {
    absl::StrAppend(&text, "# When a row was changed, if each program keeps it:\n", Changed(*changed, "# "));
  }
  return absl::StrCat(
      text, "# What the hub may have written there: \"insert\", \"update\", \"delete\".\nwrite = []\n");
}

}  // namespace

absl::StatusOr<std::string> EntityConfig(const std::string& storage, const std::string& entity,
                                         const std::vector<FoundTable>& tables) {
  absl::Status status = CheckName("the storage", storage, kHubNameMax);
  if (status.ok()) status = CheckName("the entity", entity, kHubEntityNameMax);
  if (status.ok()) status = CheckPlaces(tables);
  if (!status.ok()) return status;
  std::map<std::string, int> shared = Shared(tables);
  for (const FoundTable& table : tables) {
    const FoundColumn* const changed = ChangedColumn(table);
    if (changed != nullptr) shared.erase(FoldName(changed->name));
  }
  const auto has_shared = [&](const FoundTable& table) {
    return std::any_of(table.columns.begin(), table.columns.end(), [&](const FoundColumn& column) {
      return !column.key && shared.count(FoldName(column.name)) > 0;
    });
  };
  for (const FoundTable& table : tables) {
    if (has_shared(table)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "table '", table.table, "' of '", table.tenant,
        "' has no column of a name that another table has, keys aside: which of its columns mean the same "
        "only you "
        "know. Nothing was printed. Write this [[hub]] by hand; docs/exchange/README.md has one."));
  }
  const auto issued =
      std::find_if(shared.begin(), shared.end(), [](const auto& one) { return LooksIssued(one.first); });
  // A city alone would join all companies of it: without a better one all that each table has must be the
  // same.
  std::vector<std::string> match;
  for (const auto& [name, count] : shared) {
    const bool of_all = static_cast<std::size_t>(count) == tables.size();
    if (issued != shared.end() ? name == issued->first : of_all) match.push_back(name);
  }
  if (match.empty()) match.push_back(shared.begin()->first);
  std::string text = absl::StrCat(
      "# Golden records of '", entity, "' in storage '", storage, "', for mirror-server.toml.\n",
      "# Decide what the comments ask; docs/exchange/decide.md helps. Then restart the server.\n",
      "[[hub]]\nstorage = ", TomlString(storage), "\nentity = ", TomlString(entity), "\n",
      "# Which attributes make two rows one? ",
      issued != shared.end()
          ? "This one looks like what a registry issues.\n"
          : "Nothing looks like what a registry issues: this is a guess, not to be left as it is.\n",
      "match = [", List(match), "]\n", "# \"fold\" ignores case and blanks at the ends, \"alnum\" all but ",
      "letters and digits.\n", "# normalise = { ", Bare(match.front()), " = \"alnum\" }\n",
      "# \"any\": deleted in one, deleted in all, unless edited there since.\ndeletes = \"none\"\n");
  std::set<std::string> attributes;
  for (const auto& [name, count] : shared) attributes.insert(name);
  for (const FoundTable& table : tables) absl::StrAppend(&text, Member(table, shared));
  return absl::StrCat(
      text, Newest(attributes),
      "# Instead of \"newest\": \"most\", \"longest\", or a list of data sources, the first that has a "
      "value.\n");
}

absl::StatusOr<std::string> DataJoinConfig(const std::string& storage,
                                           const std::vector<FoundTable>& tables) {
  absl::Status status = CheckName("the storage", storage, kHubNameMax);
  if (status.ok()) status = CheckPlaces(tables);
  if (!status.ok()) return status;
  std::map<std::string, std::vector<const FoundTable*>> entities;
  std::vector<std::string> order;  // As they were asked for: parents first.
  for (const FoundTable& table : tables) {
    std::vector<const FoundTable*>& members = entities[FoldName(table.table)];
    if (members.empty()) order.push_back(FoldName(table.table));
    members.push_back(&table);
  }
  std::string text =
      absl::StrCat("# Tables of storage '", storage, "' that are exchanged whole, for mirror-server.toml.\n");
  for (const std::string& name : order) {
    const std::vector<const FoundTable*>& members = entities[name];
    if (status = CheckName("a table as entity", name, kHubEntityNameMax); !status.ok()) return status;
    if (members.size() < 2) {
      return absl::InvalidArgumentError(
          absl::StrCat("table '", name, "' is in '", members.front()->tenant,
                       "' alone: it is exchanged with nobody. Nothing was printed."));
    }
    std::vector<std::string> key;
    for (const FoundColumn& column : members.front()->columns) {
      if (column.key) key.push_back(FoldName(column.name));
    }
    if (key.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("table '", name, "' has no key: its rows cannot be told apart. Nothing was printed."));
    }
    absl::StrAppend(&text, "\n[[hub]]\nstorage = ", TomlString(storage), "\nentity = ", TomlString(name),
                    "\nmatch = [", List(key), "]\ndeletes = \"any\"\n");
    std::set<std::string> attributes;
    // One that has no rows yet writes them as the others do.
    bool american_time = false;
    for (const FoundTable* const member : members) {
      for (const FoundColumn& column : member->columns) american_time = american_time || column.american_time;
    }
    for (const FoundTable* const member : members) {
      std::map<std::string, std::string> columns;
      for (const FoundColumn& column : member->columns) columns[FoldName(column.name)] = column.name;
      for (const auto& [attribute, column] : columns) attributes.insert(attribute);
      absl::StrAppend(&text, MemberHead(*member), "columns = ", Columns(columns), "\nkey = ", List(key),
                      "\n");
      for (const FoundColumn& column : member->columns) {
        if (FoldName(column.name) != "update_datetime") continue;
        absl::StrAppend(
            &text, Changed({.name = column.name, .text = column.text, .american_time = american_time}, ""));
      }
      absl::StrAppend(&text, "write = [\"insert\", \"update\", \"delete\"]\n");
    }
    absl::StrAppend(&text, Newest(attributes));
  }
  return text;
}

}  // namespace mirror
