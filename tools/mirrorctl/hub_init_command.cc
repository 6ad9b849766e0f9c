#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "base/interruption.h"
#include "base/printable.h"
#include "base/text/hub_name.h"
#include "base/text/text_stream.h"
#include "tools/mirrorctl/admin_commands.h"
#include "tools/mirrorctl/hub_commands.h"
#include "tools/mirrorctl/init/init.h"

// The command 'hub init': prints [[hub]] for tables of the mirrors.

// The functions below make the text of [[hub]] from existing tables. They are functions of values, without
// side effects.

namespace mirror {
namespace {

struct FoundColumn {
  std::string name;
  bool key = false;
  bool text = false;
  /// The column's first values are texts such as '06/25/2025 10:30:00 AM'.
  bool american_time = false;
};

/// A table of a mirror.
struct FoundTable {
  std::string tenant, table;
  std::vector<FoundColumn> columns;
};

constexpr char kAmericanTime[] = "%m/%d/%Y %I:%M:%S %p";
absl::Status CheckName(const std::string& what, const std::string& name, std::size_t length_max) {
  if (IsHubName(name, length_max)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a hub cannot have ", what, " '", name,
                                                 "': ", HubNameWords(length_max), ". Nothing was printed."));
}

/// Returns a name for the data source that [[hub]] accepts.
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

/// Returns true if a column, by its usual name, holds an identifier that a registry issues.
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

/// Checks that no table occurs twice, and that no two tenants have the same name in [[hub]].
absl::Status CheckPlaces(const std::vector<FoundTable>& tables) {
  std::set<std::pair<std::string, std::string>> there;
  std::map<std::string, std::string> tenants;
  for (const FoundTable& table : tables) {
    if (!there.emplace(FoldName(table.tenant), FoldName(table.table)).second) {
      return absl::InvalidArgumentError(absl::StrCat("table '", table.table, "' of '", table.tenant,
                                                     "' is given twice. Nothing was printed."));
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

/// Quotes a name unless it consists of letters, digits, '_' and '-', which TOML accepts bare.
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

/// Returns the lines for a column with the time of a row's last change. For a column of texts these include
/// the format of the times, as a comment if it could not be found from the values.
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

/// Returns for each column name the number of tables that have it. Keys are skipped, because each system has
/// its own keys.
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
        ". If one of them has the meaning of another system's column, add it under that attribute.\n");
  }
  absl::StrAppend(&text, "columns = ", Columns(columns), "\n");
  if (const FoundColumn* const changed = ChangedColumn(table)) {
    absl::StrAppend(&text, "# The time of a row's last change, if every program sets it:\n",
                    Changed(*changed, "# "));
  }
  return absl::StrCat(text,
                      "# What the hub may write there: \"insert\", \"update\", \"delete\".\nwrite = []\n");
}

/// Returns the configuration of one entity. Its attributes are the columns that have the same name in at
/// least two tables, without keys, because each system has its own keys. The hub writes nothing until
/// somebody fills in `write`. Errors: kInvalidArgument: there is no such column, a table is given twice, or
/// [[hub]] does not allow a name.
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
        "' shares no column name with another table, apart from keys, so only you know which columns mean "
        "the same. Nothing was printed. Write this [[hub]] by hand; docs/exchange/README.md has an "
        "example."));
  }
  const auto issued =
      std::find_if(shared.begin(), shared.end(), [](const auto& one) { return LooksIssued(one.first); });
  // If no column has an issued identifier, all attributes that every table has must be equal: a match rule
  // with only the city would join all companies of the city.
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
          ? "This one looks like an identifier that a registry issues.\n"
          : "No column looks like an identifier that a registry issues. This is a guess: correct it.\n",
      "match = [", List(match), "]\n", "# \"fold\" ignores case and blanks at the ends, \"alnum\" all but ",
      "letters and digits.\n", "# normalise = { ", Bare(match.front()), " = \"alnum\" }\n",
      "# \"any\": a row deleted in one system is deleted in all, unless edited there since.\n"
      "deletes = \"none\"\n");
  std::set<std::string> attributes;
  for (const auto& [name, count] : shared) attributes.insert(name);
  for (const FoundTable& table : tables) absl::StrAppend(&text, Member(table, shared));
  return absl::StrCat(
      text, Newest(attributes),
      "# Instead of \"newest\": \"most\", \"longest\", or a list of data sources, the first that has a "
      "value.\n");
}

/// Returns one entity for each table name. Records are matched by the table's key. All columns are delivered
/// in both directions, the newest value applies, and a deletion is delivered to all. Errors:
/// kInvalidArgument: a table has no key, or only one tenant has it.
absl::StatusOr<std::string> DataJoinConfig(const std::string& storage,
                                           const std::vector<FoundTable>& tables) {
  absl::Status status = CheckName("the storage", storage, kHubNameMax);
  if (status.ok()) status = CheckPlaces(tables);
  if (!status.ok()) return status;
  std::map<std::string, std::vector<const FoundTable*>> entities;
  std::vector<std::string> order;  // Tables in the order of the request: parents first.
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
                       "' alone: no other tenant has it to exchange. Nothing was printed."));
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
    // A table without rows uses the format of the other tables.
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

/// Number of bytes of a column's first values that are examined.
constexpr std::size_t kSampleBytes = 4'096;

/// Returns true if a value looks like '06/25/2025 10:30:00 AM'. In the form '9' is a digit, a blank is one or
/// more blanks, every other letter is itself.
bool HasAmericanTime(const std::string& values) {
  constexpr std::string_view kForm = "99/99/9999 99:99:99 ?M";
  const auto fits = [](char form, char c) {
    if (form == '9') return c >= '0' && c <= '9';
    return form == '?' ? c == 'A' || c == 'P' : form == c;
  };
  for (std::size_t begin = 0; begin < values.size(); ++begin) {
    std::size_t i = 0;
    for (std::size_t at = begin; i < kForm.size() && at < values.size() && fits(kForm[i], values[at]); ++i) {
      ++at;
      while (kForm[i] == ' ' && at < values.size() && values[at] == ' ') ++at;
    }
    if (i == kForm.size()) return true;
  }
  return false;
}

/// Reads a table's columns, and finds from its first rows how times are written. The values are used only in
/// this function.
absl::StatusOr<FoundTable> LookAt(AdminClient& admin, const std::string& tenant, const std::string& table) {
  v1::ExportTableRequest asked;
  asked.set_context_id(tenant);
  asked.set_table(table);
  FoundTable found;
  bool seen = false;
  const Interruption interruption;
  absl::Status status = ExportClient(admin).Read(asked, interruption, [&](v1::ExportPart* part) {
    if (part->has_header()) {
      found.tenant = part->header().context_id();
      found.table = part->header().table().name();
      for (const v1::Column& column : part->header().table().columns()) {
        found.columns.push_back({.name = column.name(),
                                 .key = column.key_position() > 0,
                                 .text = column.type() == v1::TYPE_TEXT});
      }
      return absl::OkStatus();
    }
    seen = true;
    for (const v1::ColumnData& column : part->rows().columns()) {
      if (column.column() >= found.columns.size()) continue;
      found.columns[column.column()].american_time = HasAmericanTime(column.data().substr(0, kSampleBytes));
    }
    return absl::CancelledError();  // The first rows are enough: this ends the call.
  });
  if (!status.ok() && !seen) return status;
  return found;
}

void PrintConfig(AdminClient& admin, const AdminRequest& request, Console& console) {
  std::vector<std::pair<std::string, std::string>> places;
  if (request.datajoin) {
    for (const std::string& table : request.names) {
      for (const std::string& tenant : request.tenants) places.emplace_back(tenant, table);
    }
  } else {
    for (std::size_t i = 0; i + 1 < request.names.size(); i += 2) {
      places.emplace_back(request.names[i], request.names[i + 1]);
    }
  }
  std::vector<FoundTable> tables;
  for (const auto& [tenant, table] : places) {
    absl::StatusOr<FoundTable> found = LookAt(admin, tenant, table);
    if (!found.ok()) return Fail(console, found.status());
    tables.push_back(*std::move(found));
  }
  const absl::StatusOr<std::string> config = request.datajoin
                                                 ? DataJoinConfig(request.storage, tables)
                                                 : EntityConfig(request.storage, request.entity, tables);
  if (!config.ok()) return Fail(console, config.status());
  AsItIs(console.out) << *config;
}

std::string WhatIsWrong(const AdminRequest& request) {
  if (request.datajoin) {
    if (!request.entity.empty())
      return "--entity cannot be used with --datajoin, where each table is an entity";
    return request.tenants.size() < 2
               ? "--datajoin needs at least two --tenant: the tenants that exchange the tables"
               : "";
  }
  if (!request.tenants.empty())
    return "--tenant is only for --datajoin; without it name a tenant before each table";
  if (request.entity.empty()) return "--entity is required: what the records are, for example 'company'";
  return request.names.size() < 4 || request.names.size() % 2 != 0
             ? "give at least two pairs of a tenant and its table"
             : "";
}

}  // namespace

void AddHubInit(const AdminCommands& of_hub) {
  const std::shared_ptr<AdminRequest>& request = of_hub.request;
  const cli::Command init =
      of_hub.Add("init", "Print a [[hub]] for tables that the mirrors have, for mirror-server.toml",
                 "Acme --entity company crm contact erp customer", PrintConfig);
  init.Add("storage", request->storage, "The hub's storage, e.g. Acme").Required();
  init.Add("names", request->names, "Pairs of a tenant and its table; with --datajoin only tables")
      .ValueName("TENANT TABLE")
      .Required();
  init.Add("--entity", request->entity, "What the records are, e.g. company").ValueName("ENTITY");
  init.AddFlag("--datajoin", request->datajoin,
               "Exchange whole tables: each table is an entity, and its rows are matched by key");
  init.Add("--tenant", request->tenants,
           "With --datajoin: a tenant that exchanges the tables; repeat for each tenant")
      .ValueName("TENANT")
      .TakeAll();
  init.Check([request] { return WhatIsWrong(*request); });
}

}  // namespace mirror
