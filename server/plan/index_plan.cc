#include "server/plan/index_plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "base/name_pattern.h"
#include "base/printable.h"
#include "base/reserved_name.h"
#include "base/utf8.h"
#include "proto/wire/row_digest.h"

namespace mirror {
namespace {

/// Returns the columns in the spelling of the mirror's table. Absent: the mirror leaves one out.
std::optional<std::vector<IndexColumn>> ColumnsIn(const TableSchema& kept, const SourceIndex& index) {
  std::vector<IndexColumn> columns;
  for (const IndexColumn& column : index.columns) {
    const std::optional<std::uint32_t> at = kept.Find(column.name);
    if (!at) return std::nullopt;
    columns.push_back({kept.columns[*at].name, column.descending, column.collation});
  }
  return columns;
}

std::string NameForPeople(const TableSchema& kept, const SourceIndex& index) {
  if (!IsReservedName(index.name)) return index.name;
  return absl::StrCat("index_", kept.name, "_",
                      absl::StrJoin(index.columns, "_", [](std::string* out, const IndexColumn& column) {
                        out->append(column.name);
                      }));
}

/// Writes a statement as a comment if a terminal would show it differently than SQLite reads it.
void AddLine(const std::string& statement, const std::string& remark, std::vector<std::string>* lines) {
  const std::string shown = Printable(statement);
  if (shown != statement) {
    lines->push_back(absl::StrCat("-- ", shown, "  -- not exact: a name contains control characters"));
  } else {
    lines->push_back(absl::StrCat(statement, remark));
  }
}

std::string Names(const std::vector<std::string>& names) {
  return absl::StrJoin(names, ", ",
                       [](std::string* out, const std::string& name) { out->append(QuoteName(name)); });
}

const char* InWords(UntoldReason reason) {
  switch (reason) {
    case UntoldReason::kPartial:
      return "it is partial";
    case UntoldReason::kExpression:
      return "it is over an expression";
    case UntoldReason::kCollation:
      return "it uses a collation that the mirror does not have";
    case UntoldReason::kUnspecified:
      break;
  }
  return "the source gave no reason";
}

const char* InSql(ForeignKeyAction action) {
  switch (action) {
    case ForeignKeyAction::kRestrict:
      return "RESTRICT";
    case ForeignKeyAction::kSetNull:
      return "SET NULL";
    case ForeignKeyAction::kSetDefault:
      return "SET DEFAULT";
    case ForeignKeyAction::kCascade:
      return "CASCADE";
    case ForeignKeyAction::kUnspecified:
    case ForeignKeyAction::kNoAction:
      break;
  }
  return "";
}

void AddForeignKey(const SourceForeignKey& key, std::vector<std::string>* lines) {
  std::string line =
      absl::StrCat("-- FOREIGN KEY (", Names(key.columns), ") REFERENCES ", QuoteName(key.table));
  if (!key.table_columns.empty()) absl::StrAppend(&line, " (", Names(key.table_columns), ")");
  for (const auto& [when, action] :
       {std::pair(" ON UPDATE ", key.on_update), std::pair(" ON DELETE ", key.on_delete)}) {
    if (const std::string said = InSql(action); !said.empty()) absl::StrAppend(&line, when, said);
  }
  lines->push_back(Printable(line));
}

/// Returns a hash of the definition: within a table, indexes with the same hash are the same.
std::string Definition(const TableSchema& kept, const SourceIndex& index) {
  RowDigest form;
  form.AddText(FoldName(kept.name));
  for (const IndexColumn& column : index.columns) {
    form.AddText(FoldName(column.name));
    form.AddInteger(static_cast<std::int64_t>(column.collation) * 2 + (column.descending ? 1 : 0));
  }
  return absl::StrCat(absl::Hex(form.Finish(), absl::kZeroPad16));
}

/// Returns the indexes that a table should have. A configured one is not made again for the source.
std::vector<IndexChange> Wanted(const FollowedTable& table, bool follows) {
  std::vector<IndexChange> wanted;
  std::set<std::string> configured;
  const auto add = [&](const SourceIndex& index, const std::string& prefix) {
    std::optional<std::vector<IndexColumn>> columns = ColumnsIn(table.kept, index);
    if (!columns) return;
    wanted.push_back({{OwnIndexName(table.kept, index, prefix), table.kept.name}, *std::move(columns)});
  };
  for (const SourceIndex& index : table.configured) {
    if (configured.insert(Definition(table.kept, index)).second) add(index, kSetIndexPrefix);
  }
  if (!follows || !table.objects) return wanted;
  for (const SourceIndex& index : table.objects->indexes) {
    if (!configured.contains(Definition(table.kept, index))) add(index, kOwnIndexPrefix);
  }
  return wanted;
}

/// Returns the columns that prevent it, since the mirror lacks them.
std::vector<std::string> MissingColumns(const TableSchema& kept, const SourceIndex& index) {
  std::vector<std::string> missing;
  for (const IndexColumn& column : index.columns) {
    if (!kept.Find(column.name)) missing.push_back(absl::StrCat("'", column.name, "'"));
  }
  return missing;
}

}  // namespace

std::vector<ObjectsChange> PlanObjects(const std::vector<KeptObjects>& kept,
                                       const std::vector<ToldObjects>& told,
                                       const std::vector<std::string>& untouched) {
  std::map<std::string, const KeptObjects*> before;
  for (const KeptObjects& table : kept) before[FoldName(table.table)] = &table;
  std::vector<ObjectsChange> changes;
  for (const ToldObjects& table : told) {
    if (!table.objects) continue;
    const auto found = before.find(FoldName(table.table));
    const bool same = found != before.end() && found->second->objects == *table.objects;
    if (!same) changes.push_back({table.table, table.objects});
    if (found != before.end()) before.erase(found);
  }
  for (const std::string& name : untouched) before.erase(FoldName(name));
  for (const auto& [key, table] : before) changes.push_back({table->table, std::nullopt});
  return changes;
}

std::string OwnIndexName(const TableSchema& kept, const SourceIndex& index, const std::string& prefix) {
  constexpr std::size_t kBytesMax = 63;  // PostgreSQL cuts a longer name itself, between any two bytes.
  return std::string(CutUtf8(absl::StrCat(prefix, Definition(kept, index), "_", index.name), kBytesMax));
}

std::vector<IndexChange> PlanFollow(const std::vector<FollowedTable>& tables,
                                    const std::vector<OwnIndex>& there, bool follows) {
  std::vector<IndexChange> makes;
  std::set<std::string> stay, known, untold;  // Folded names of indexes, and of tables.
  std::map<std::string, std::string> table_of;
  for (const OwnIndex& index : there) table_of[FoldName(index.name)] = FoldName(index.table);
  for (const FollowedTable& table : tables) {
    const std::string key = FoldName(table.kept.name);
    if (follows && !table.objects) untold.insert(key);
    for (IndexChange& make : Wanted(table, follows)) {
      const std::string name = FoldName(make.index.name);
      if (!known.insert(name).second) continue;
      const auto found = table_of.find(name);
      if (found != table_of.end() && found->second == key) {
        stay.insert(name);
      } else if (table.populated) {
        makes.push_back(std::move(make));
      }
    }
  }
  std::vector<IndexChange> changes;
  for (const OwnIndex& index : there) {
    const std::string name = FoldName(index.name);
    const bool follows_source = !absl::StartsWith(name, kSetIndexPrefix);
    if (stay.contains(name) || (follows_source && untold.contains(FoldName(index.table)))) continue;
    changes.push_back({index, {}});
  }
  std::move(makes.begin(), makes.end(), std::back_inserter(changes));
  return changes;
}

std::vector<std::string> IdleIndexes(const std::vector<ConfiguredIndex>& configured,
                                     const std::vector<FollowedTable>& tables) {
  std::vector<std::string> idle;
  if (tables.empty()) return idle;  // Nothing was ever announced.
  for (const ConfiguredIndex& one : configured) {
    bool found = false;
    for (const FollowedTable& table : tables) {
      if (!MatchesPattern(table.kept.name, one.table)) continue;
      found = true;
      const std::vector<std::string> missing = MissingColumns(table.kept, one.index);
      if (missing.empty()) continue;
      idle.push_back(absl::StrCat("index '", one.index.name, "': table '", table.kept.name, "' has no ",
                                  missing.size() == 1 ? "column " : "columns ",
                                  absl::StrJoin(missing, ", ")));
    }
    if (!found) {
      idle.push_back(absl::StrCat("index '", one.index.name, "': no table is named '", one.table, "'"));
    }
  }
  return idle;
}

std::vector<std::string> ConfiguredLines(const FollowedTable& table, const std::vector<OwnIndex>& there,
                                         const IndexWriter& terms) {
  std::vector<std::string> lines;
  for (const IndexChange& made : Wanted(table, false)) {
    const auto found = std::find_if(there.begin(), there.end(), [&](const OwnIndex& index) {
      return FoldName(index.name) == FoldName(made.index.name) &&
             FoldName(index.table) == FoldName(made.index.table);
    });
    const char* const state = found == there.end() ? ": not there yet, it is made when a cycle ends"
                              : found->is_too_long ? ": not there, a value of the table is too long for it"
                                                   : "";
    lines.push_back(Printable(absl::StrCat("-- [[tenant.index]] ", QuoteName(made.index.name), " (",
                                           terms(table.kept, made.columns), ")", state)));
  }
  for (const SourceIndex& index : table.configured) {
    const std::vector<std::string> missing = MissingColumns(table.kept, index);
    if (missing.empty()) continue;
    lines.push_back(
        Printable(absl::StrCat("-- [[tenant.index]] ", QuoteName(index.name),
                               ": not made, the table has no column ", absl::StrJoin(missing, ", "))));
  }
  return lines;
}

std::vector<std::string> IndexLines(const TableSchema& kept, const std::optional<SourceObjects>& objects,
                                    const IndexWriter& terms) {
  const std::string table = QuoteName(kept.name);
  if (!objects) {
    return {absl::StrCat("-- table ", Printable(table), ": the source did not report its indexes")};
  }
  std::vector<std::string> lines{absl::StrCat("-- table ", Printable(table))};
  for (const SourceIndex& index : objects->indexes) {
    const std::string name = QuoteName(NameForPeople(kept, index));
    const std::optional<std::vector<IndexColumn>> columns = ColumnsIn(kept, index);
    if (!columns) {
      lines.push_back(
          absl::StrCat("-- INDEX ", Printable(name), ": it is over a column that the mirror leaves out"));
      continue;
    }
    AddLine(
        absl::StrCat("CREATE INDEX IF NOT EXISTS ", name, " ON ", table, " (", terms(kept, *columns), ");"),
        index.unique ? "  -- UNIQUE at the source" : "", &lines);
  }
  for (const UntoldIndex& index : objects->untold) {
    lines.push_back(
        Printable(absl::StrCat("-- INDEX ", QuoteName(index.name), " is left out: ", InWords(index.reason))));
  }
  for (const SourceForeignKey& key : objects->foreign_keys) AddForeignKey(key, &lines);
  if (objects->more != 0) {
    lines.push_back(absl::StrCat("-- and ", objects->more, " more that the source did not name"));
  }
  return lines;
}

}  // namespace mirror
