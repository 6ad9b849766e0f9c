#include "client/source/sqlite_objects.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/source/schema_query.h"

namespace mirror {
namespace {

/// One index, and whether it can be told as columns of its table.
struct ReadIndex {
  SourceIndex index;
  std::optional<UntoldReason> untold;
};

std::optional<Collation> CollationOf(const std::string& name) {
  if (SameName(name, "BINARY")) return Collation::kBinary;
  if (SameName(name, "NOCASE")) return Collation::kNocase;
  if (SameName(name, "RTRIM")) return Collation::kRtrim;
  return std::nullopt;
}

/// By name. That of the PRIMARY KEY is the mirror's own business.
absl::StatusOr<std::vector<ReadIndex>> ReadIndexes(const SqliteFile& file, const std::string& table) {
  std::vector<ReadIndex> read;
  const absl::Status status = ForEachRow(
      file,
      "SELECT list.name, list.\"unique\", list.partial, part.cid, part.name, part.\"desc\", part.coll FROM "
      "temp.pragma_index_list(?1, 'main') AS list, temp.pragma_index_xinfo(list.name, 'main') AS part WHERE "
      "list.origin <> 'pk' AND part.key = 1 ORDER BY list.name, part.seqno",
      table, [&](const Statement& row) {
        std::string name = ColumnText(row, 0);
        if (read.empty() || read.back().index.name != name) {
          ReadIndex& begun = read.emplace_back();
          begun.index.name = std::move(name);
          begun.index.unique = sqlite3_column_int(row.get(), 1) != 0;
          if (sqlite3_column_int(row.get(), 2) != 0) begun.untold = UntoldReason::kPartial;
        }
        ReadIndex& one = read.back();
        const std::optional<Collation> collation = CollationOf(ColumnText(row, 6));
        // The rowid, or an expression.
        const bool is_column = sqlite3_column_int(row.get(), 3) >= 0;
        if (!one.untold && !is_column) one.untold = UntoldReason::kExpression;
        if (!one.untold && !collation) one.untold = UntoldReason::kCollation;
        if (one.untold) return;
        one.index.columns.push_back({ColumnText(row, 4), sqlite3_column_int(row.get(), 5) != 0, *collation});
      });
  if (!status.ok()) return status;
  return read;
}

void AddIndex(ReadIndex read, const TableSchema& table, SourceObjects* objects) {
  SourceObjects alone;
  if (read.untold) {
    alone.untold.push_back({read.index.name, *read.untold});
  } else {
    alone.indexes.push_back(read.index);
  }
  const bool full = objects->indexes.size() + objects->untold.size() >= kSourceObjectsMax;
  if (full || !CheckObjects(alone, table).ok()) {
    ++objects->more;
  } else if (read.untold) {
    objects->untold.push_back(std::move(alone.untold.front()));
  } else {
    objects->indexes.push_back(std::move(read.index));
  }
}

ForeignKeyAction ActionOf(const std::string& word) {
  if (SameName(word, "RESTRICT")) return ForeignKeyAction::kRestrict;
  if (SameName(word, "SET NULL")) return ForeignKeyAction::kSetNull;
  if (SameName(word, "SET DEFAULT")) return ForeignKeyAction::kSetDefault;
  if (SameName(word, "CASCADE")) return ForeignKeyAction::kCascade;
  return ForeignKeyAction::kNoAction;
}

absl::Status AddForeignKeys(const SqliteFile& file, const TableSchema& table, SourceObjects* objects) {
  std::map<int, SourceForeignKey> keys;
  const absl::Status status = ForEachRow(
      file,
      "SELECT id, \"table\", \"from\", \"to\", on_update, on_delete FROM temp.pragma_foreign_key_list(?1, "
      "'main') ORDER BY id, seq",
      table.name, [&](const Statement& row) {
        SourceForeignKey& key = keys[sqlite3_column_int(row.get(), 0)];
        key.table = ColumnText(row, 1);
        key.columns.push_back(ColumnText(row, 2));
        // Without columns it means the other table's key.
        if (sqlite3_column_type(row.get(), 3) != SQLITE_NULL) key.table_columns.push_back(ColumnText(row, 3));
        key.on_update = ActionOf(ColumnText(row, 4));
        key.on_delete = ActionOf(ColumnText(row, 5));
      });
  if (!status.ok()) return status;
  for (auto& [id, key] : keys) {
    SourceObjects alone;
    alone.foreign_keys.push_back(key);
    if (objects->foreign_keys.size() >= kSourceObjectsMax || !CheckObjects(alone, table).ok()) {
      ++objects->more;
    } else {
      objects->foreign_keys.push_back(std::move(key));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SourceObjects> ReadObjects(const SqliteFile& file, const SourcePlan& plan) {
  SourceObjects objects;
  if (plan.view) return objects;
  absl::StatusOr<std::vector<ReadIndex>> indexes = ReadIndexes(file, plan.schema.name);
  if (!indexes.ok()) return indexes.status();
  for (ReadIndex& index : *indexes) AddIndex(std::move(index), plan.schema, &objects);
  if (absl::Status read = AddForeignKeys(file, plan.schema, &objects); !read.ok()) return read;
  return objects;
}

}  // namespace mirror
