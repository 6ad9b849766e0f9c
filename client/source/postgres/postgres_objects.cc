#include "client/source/postgres/postgres_objects.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/source/found_objects.h"

namespace mirror {
namespace {

using postgres::Rows;

constexpr char kDoing[] = "reading its indexes and foreign keys";

/// One row for each term of each index but the primary key's. `plain`: its method orders or hashes whole
/// values, with the operators that equality has by default; `exact`: no two texts count as equal.
constexpr char kIndexes[] =
    "SELECT i.indrelid, i.indexrelid, x.relname::text, i.indisunique, i.indpred IS NOT NULL, "
    "coalesce(a.attname::text, ''), a.attnum IS NOT NULL AND a.attgenerated = '', (k.option & 1) <> 0, "
    "m.amname IN ('btree', 'hash') AND p.opcdefault, coalesce(l.collisdeterministic, true) "
    "FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam "
    "JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[], i.indcollation::oid[], "
    "i.indoption::int2[]) WITH ORDINALITY k(number, class, compares, option, place) "
    "JOIN pg_opclass p ON p.oid = k.class LEFT JOIN pg_collation l ON l.oid = k.compares "
    "LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number > 0 "
    "WHERE NOT i.indisprimary AND i.indislive AND i.indisvalid AND k.place <= i.indnkeyatts "
    "AND n.nspname = $1 ORDER BY i.indrelid, x.relname, i.indexrelid, k.place";

/// One row for each column of each. A table of another schema has its name with that.
constexpr char kForeignKeys[] =
    "SELECT f.conrelid, f.oid, CASE WHEN s.oid = n.oid THEN r.relname::text "
    "ELSE s.nspname || '.' || r.relname END, a.attname::text, b.attname::text, f.confdeltype::text, "
    "f.confupdtype::text FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class r ON r.oid = f.confrelid "
    "JOIN pg_namespace s ON s.oid = r.relnamespace "
    "CROSS JOIN LATERAL unnest(f.conkey, f.confkey) WITH ORDINALITY k(here, there, place) "
    "JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.here "
    "JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = k.there "
    // Those that point at the leaves of a partitioned table are parts of the one that points at it.
    "WHERE f.contype = 'f' AND f.conparentid = 0 AND n.nspname = $1 "
    "ORDER BY f.conrelid, f.conname, f.oid, k.place";

std::map<std::uint32_t, std::vector<FoundIndex>> IndexesOf(const Rows& rows) {
  std::map<std::uint32_t, std::vector<FoundIndex>> indexes;
  std::int64_t last = 0;
  for (int row = 0; row < rows.rows(); ++row) {
    std::vector<FoundIndex>& of_table = indexes[static_cast<std::uint32_t>(rows.Int(row, 0))];
    if (std::exchange(last, rows.Int(row, 1)) != rows.Int(row, 1)) of_table.emplace_back();
    FoundIndex& read = of_table.back();
    read.index.name = rows.Text(row, 2);
    read.index.unique = rows.Bool(row, 3);
    const bool is_partial = rows.Bool(row, 4), is_column = rows.Bool(row, 6);
    const bool is_plain = rows.Bool(row, 8) && rows.Bool(row, 9);
    if (!read.untold && is_partial) read.untold = UntoldReason::kPartial;
    if (!read.untold && !is_column) read.untold = UntoldReason::kExpression;
    if (!read.untold && !is_plain) read.untold = UntoldReason::kCollation;
    read.index.columns.push_back({rows.Text(row, 5), rows.Bool(row, 7), Collation::kBinary});
  }
  return indexes;
}

ForeignKeyAction ActionOf(const std::string& letter) {
  if (letter == "r") return ForeignKeyAction::kRestrict;
  if (letter == "n") return ForeignKeyAction::kSetNull;
  if (letter == "d") return ForeignKeyAction::kSetDefault;
  if (letter == "c") return ForeignKeyAction::kCascade;
  return ForeignKeyAction::kNoAction;
}

std::map<std::uint32_t, std::vector<SourceForeignKey>> ForeignKeysOf(const Rows& rows) {
  std::map<std::uint32_t, std::vector<SourceForeignKey>> keys;
  std::int64_t last = 0;
  for (int row = 0; row < rows.rows(); ++row) {
    std::vector<SourceForeignKey>& of_table = keys[static_cast<std::uint32_t>(rows.Int(row, 0))];
    if (std::exchange(last, rows.Int(row, 1)) != rows.Int(row, 1)) of_table.emplace_back();
    SourceForeignKey& key = of_table.back();
    key.table = rows.Text(row, 2);
    key.columns.push_back(rows.Text(row, 3));
    key.table_columns.push_back(rows.Text(row, 4));
    key.on_delete = ActionOf(rows.Text(row, 5));
    key.on_update = ActionOf(rows.Text(row, 6));
  }
  return keys;
}

}  // namespace

absl::StatusOr<std::map<std::uint32_t, SourceObjects>> ReadPostgresObjects(
    postgres::Connection& connection, const std::string& schema,
    const std::map<std::uint32_t, const TableSchema*>& tables) {
  ASSIGN_OR_RETURN(const Rows index_rows, connection.Query(kIndexes, {postgres::Value(schema)}, kDoing));
  ASSIGN_OR_RETURN(const Rows key_rows, connection.Query(kForeignKeys, {postgres::Value(schema)}, kDoing));
  auto indexes = IndexesOf(index_rows);
  auto keys = ForeignKeysOf(key_rows);
  std::map<std::uint32_t, SourceObjects> all;
  for (const auto& [oid, table] : tables) {
    SourceObjects& objects = all[oid];
    for (FoundIndex& index : indexes[oid]) AddIndex(std::move(index), *table, &objects);
    for (SourceForeignKey& key : keys[oid]) AddForeignKey(std::move(key), *table, &objects);
  }
  return all;
}

}  // namespace mirror
