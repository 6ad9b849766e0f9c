#include "client/source/sqlite/file/sqlite_objects.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/source/found_objects.h"
#include "client/source/sqlite/file/schema_query.h"

namespace mirror {
namespace {

std::optional<Collation> CollationOf(const std::string& name) {
  if (SameName(name, "BINARY")) return Collation::kBinary;
  if (SameName(name, "NOCASE")) return Collation::kNocase;
  if (SameName(name, "RTRIM")) return Collation::kRtrim;
  return std::nullopt;
}

// The statements, not the table-valued functions of that name: those cost a query's preparation more.
std::string Pragma(const char* name, const std::string& about) {
  return absl::StrCat("PRAGMA main.", name, "(", QuoteName(about), ")");
}

absl::Status ReadParts(const SqliteFile& file, FoundIndex* read) {
  return ForEachRow(file, Pragma("index_xinfo", read->index.name), "", [read](const sqlite::Statement& row) {
    const bool is_key = row.Int(5) != 0;
    if (!is_key) return;
    const std::optional<Collation> collation = CollationOf(row.Text(4));
    // The rowid, or an expression.
    const bool is_column = row.Int(1) >= 0;
    if (!read->untold && !is_column) read->untold = UntoldReason::kExpression;
    if (!read->untold && !collation) read->untold = UntoldReason::kCollation;
    if (read->untold) return;
    read->index.columns.push_back({row.Text(2), row.Int(3) != 0, *collation});
  });
}

/// By name. That of the PRIMARY KEY is the mirror's own business.
absl::StatusOr<std::vector<FoundIndex>> ReadIndexes(const SqliteFile& file, const std::string& table) {
  std::vector<FoundIndex> read;
  RETURN_IF_ERROR(ForEachRow(file, Pragma("index_list", table), "", [&read](const sqlite::Statement& row) {
    if (row.Text(3) == "pk") return;
    FoundIndex& one = read.emplace_back();
    one.index.name = row.Text(1);
    one.index.unique = row.Int(2) != 0;
    if (row.Int(4) != 0) one.untold = UntoldReason::kPartial;
  }));
  std::sort(read.begin(), read.end(),
            [](const FoundIndex& a, const FoundIndex& b) { return a.index.name < b.index.name; });
  for (FoundIndex& one : read) {
    RETURN_IF_ERROR(ReadParts(file, &one));
  }
  return read;
}

ForeignKeyAction ActionOf(const std::string& word) {
  if (SameName(word, "RESTRICT")) return ForeignKeyAction::kRestrict;
  if (SameName(word, "SET NULL")) return ForeignKeyAction::kSetNull;
  if (SameName(word, "SET DEFAULT")) return ForeignKeyAction::kSetDefault;
  if (SameName(word, "CASCADE")) return ForeignKeyAction::kCascade;
  return ForeignKeyAction::kNoAction;
}

absl::Status AddForeignKeys(const SqliteFile& file, const TableSchema& table, SourceObjects* objects) {
  std::map<std::int64_t, SourceForeignKey> keys;
  const absl::Status status =
      ForEachRow(file, Pragma("foreign_key_list", table.name), "", [&keys](const sqlite::Statement& row) {
        SourceForeignKey& key = keys[row.Int(0)];
        key.table = row.Text(2);
        key.columns.push_back(row.Text(3));
        // Without columns it means the other table's key.
        if (!row.IsNull(4)) key.table_columns.push_back(row.Text(4));
        key.on_update = ActionOf(row.Text(5));
        key.on_delete = ActionOf(row.Text(6));
      });
  if (!status.ok()) return status;
  for (auto& [id, key] : keys) AddForeignKey(std::move(key), table, objects);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SourceObjects> ReadObjects(const SqliteFile& file, const SourcePlan& plan) {
  SourceObjects objects;
  if (plan.view) return objects;
  ASSIGN_OR_RETURN(std::vector<FoundIndex> indexes, ReadIndexes(file, plan.schema.name));
  for (FoundIndex& index : indexes) AddIndex(std::move(index), plan.schema, &objects);
  RETURN_IF_ERROR(AddForeignKeys(file, plan.schema, &objects));
  return objects;
}

}  // namespace mirror
