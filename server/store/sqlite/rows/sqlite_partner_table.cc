#include "server/store/sqlite/rows/sqlite_partner_table.h"

#include <sqlite3.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/live_rows.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/rows/sqlite_alter.h"
#include "server/store/sqlite/rows/sqlite_objects.h"
#include "server/store/sqlite/rows/sqlite_schema.h"

namespace mirror {
namespace {

struct StoredColumn {
  std::string name;
  std::string type;
  std::int64_t place = 0;
  std::int64_t stored_place = 0;  ///< Its position, without columns that SQLite computes when it reads them.
  std::int64_t key_position = 0;  ///< From 1; 0: not in the key.
  bool is_generated = false;
  bool is_not_null = false;
  bool has_default = false;
};
/// The key is the folded name.
using StoredColumns = std::map<std::string, StoredColumn>;

absl::StatusOr<StoredColumns> StoredColumnsOf(SqliteConnection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "SELECT name, type, cid, pk, hidden, \"notnull\", dflt_value IS NOT NULL AND lower(dflt_value) <> "
          "'null' FROM temp.pragma_table_xinfo(?1) ORDER BY cid"));
  StoredColumns columns;
  std::int64_t computed = 0;
  absl::StatusOr<bool> row = query.Bind(1, table).Step();
  for (; row.ok() && *row; row = query.Step()) {
    const std::int64_t place = query.Int(2);
    constexpr std::int64_t kVirtual = 2, kStored = 3;
    columns[FoldName(query.Text(0))] = {
        query.Text(0),     query.Text(1),    place,
        place - computed,  query.Int(3),     query.Int(4) == kVirtual || query.Int(4) == kStored,
        query.Int(5) != 0, query.Int(6) != 0};
    if (query.Int(4) == kVirtual) ++computed;
  }
  if (!row.ok()) return row.status();
  return columns;
}

/// Returns the affinity: https://www.sqlite.org/datatype3.html#determination_of_column_affinity
std::string_view AffinityOf(std::string_view declared) {
  const std::string type = FoldName(declared);
  const auto has = [&](const char* word) { return absl::StrContains(type, word); };
  if (has("int")) return "INTEGER";
  if (has("char") || has("clob") || has("text")) return "TEXT";
  if (type.empty() || has("blob")) return "BLOB";
  if (has("real") || has("floa") || has("doub")) return "REAL";
  return "NUMERIC";
}

/// Returns the columns of the primary key's index, with collations. Empty: the key is a rowid, or there is no
/// key.
absl::StatusOr<std::vector<std::string>> KeyIndex(SqliteConnection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "SELECT part.name || ' ' || part.coll FROM temp.pragma_index_list(?1) AS entry, "
          "temp.pragma_index_xinfo(entry.name) AS part WHERE entry.origin = 'pk' AND part.key = 1 ORDER BY "
          "part.seqno"));
  return query.Bind(1, table).Texts();
}

/// Returns whether the key is as in a table that the mirror makes for this definition.
absl::StatusOr<bool> HasSameKey(SqliteConnection& connection, const std::string& table,
                                const TableSchema& schema, const StoredColumns& columns) {
  const std::vector<std::uint32_t> key = schema.Key();
  const auto of_key = std::count_if(columns.begin(), columns.end(),
                                    [](const auto& column) { return column.second.key_position != 0; });
  if (of_key != static_cast<std::ptrdiff_t>(key.size())) return false;
  ASSIGN_OR_RETURN(const std::vector<std::string> index, KeyIndex(connection, table));
  std::vector<std::string> wanted;
  for (const std::uint32_t column : key) {
    const auto found = columns.find(FoldName(schema.columns[column].name));
    if (found == columns.end() || found->second.key_position == 0) return false;
    wanted.push_back(absl::StrCat(found->first, " binary"));
  }
  if (HasIntegerKey(schema)) return index.empty();
  return std::equal(wanted.begin(), wanted.end(), index.begin(), index.end(),
                    [](const std::string& a, const std::string& b) { return a == FoldName(b); });
}

/// Returns how `table` differs from this definition, for people; empty: it does not. `whole`: a missing
/// column is a difference, too.
absl::StatusOr<std::string> Misfit(SqliteConnection& connection, const std::string& table,
                                   const TableSchema& schema, const StoredColumns& columns, bool whole) {
  ASSIGN_OR_RETURN(const bool same_key, HasSameKey(connection, table, schema, columns));
  if (!same_key) return std::string("its primary key is not the source's");
  for (const Column& column : schema.columns) {
    const auto found = columns.find(FoldName(column.name));
    if (found == columns.end()) {
      if (whole) return absl::StrCat("it has no column '", column.name, "'");
      continue;
    }
    if (found->second.is_generated) {
      return absl::StrCat("its column '", column.name,
                          "' is GENERATED, and the source's values cannot be written to it; declare it "
                          "without an expression");
    }
    const std::string_view wanted = AffinityOf(SqliteDeclaration(column));
    if (AffinityOf(found->second.type) == wanted) continue;
    return absl::StrCat("its column '", column.name, "' is not declared as ", std::string(wanted));
  }
  return std::string();
}

/// Returns a column of the partner that must have a value but would get none in the source's rows.
std::string Unfillable(const TableSchema& schema, const StoredColumns& columns) {
  std::set<std::string> written = {kOwnedColumn};
  for (const Column& column : schema.columns) written.insert(FoldName(column.name));
  for (const auto& [name, column] : columns) {
    if (written.contains(name) || column.is_generated) continue;
    if (column.is_not_null && !column.has_default) return name;
  }
  return "";
}

/// Returns why rows of this definition cannot be written, for people; empty: they can.
std::string Lacking(const TableSchema& schema, const StoredColumns& columns) {
  for (const Column& column : schema.columns) {
    const auto found = columns.find(FoldName(column.name));
    if (found == columns.end()) return absl::StrCat("it has no column '", column.name, "'");
    if (found->second.is_generated) return absl::StrCat("its column '", column.name, "' is GENERATED");
  }
  for (const std::string& name : OwnColumns(schema)) {
    if (!columns.contains(name)) return absl::StrCat("it has no column '", name, "'");
  }
  if (const std::string name = Unfillable(schema, columns); !name.empty()) {
    return absl::StrCat("its column '", name, "' is NOT NULL and has no default");
  }
  const std::vector<std::uint32_t> key = schema.Key();
  if (key.empty()) return "";
  const bool whole = std::all_of(key.begin(), key.end(), [&](std::uint32_t column) {
    return columns.at(FoldName(schema.columns[column].name)).key_position != 0;
  });
  const auto of_key = std::count_if(columns.begin(), columns.end(),
                                    [](const auto& column) { return column.second.key_position != 0; });
  if (whole && of_key == static_cast<std::ptrdiff_t>(key.size())) return "";
  return "its primary key is not the source's";
}

/// Returns the columns that the mirror would not make, in their order.
std::vector<std::string> OtherColumns(const TableSchema& schema, const StoredColumns& columns) {
  std::set<std::string> own;
  for (const Column& column : schema.columns) own.insert(FoldName(column.name));
  for (const std::string& column : OwnColumns(schema)) own.insert(FoldName(column));
  std::map<std::int64_t, std::string> others;
  for (const auto& [name, column] : columns) {
    if (!own.contains(name)) others[column.place] = column.name;
  }
  std::vector<std::string> names;
  for (auto& [place, name] : others) names.push_back(std::move(name));
  return names;
}

/// Checks SQLite's limit on columns before a statement fails because of it.
absl::Status CheckCount(SqliteConnection& connection, const std::string& table, std::size_t count) {
  const int count_max = sqlite3_limit(connection.handle(), SQLITE_LIMIT_COLUMN, -1);
  if (count <= static_cast<std::size_t>(count_max)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", table, "' would have ", count, " columns, including the mirror's own and the partner's, ",
      "and SQLite allows ", count_max,
      ". Nothing was changed. Leave columns out at the source or by a column rule, drop some of the "
      "partner's, or announce it without preserve_target and with deletes = APPLY."));
}

std::string Alter(const std::string& table) { return absl::StrCat("ALTER TABLE ", QuoteName(table), " "); }

/// Adds those of the mirror's own columns that are missing.
absl::Status AddOwnColumns(SqliteConnection& connection, const std::string& table, const TableSchema& schema,
                           const StoredColumns& columns, bool rows_are_ours) {
  for (const std::string& name : OwnColumns(schema)) {
    if (columns.contains(name)) continue;
    absl::Status added =
        AlterColumns(connection, absl::StrCat(Alter(table), "ADD COLUMN ", QuoteName(name), " INTEGER"));
    if (!added.ok()) return added;
    if (name != kOwnedColumn || !rows_are_ours) continue;
    added = connection.Execute(absl::StrCat("UPDATE ", QuoteName(table), " SET ", kOwnedColumn, " = 1"));
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

/// Returns a column of the partner that has a name which the source uses now.
std::string TakenName(const RefitTable& action, const StoredColumns& columns) {
  std::set<std::string> known;
  for (const Column& column : action.from.columns) known.insert(FoldName(column.name));
  for (const Column& column : action.to.columns) {
    const std::string name = FoldName(column.name);
    if (columns.contains(name) && !known.contains(name)) return column.name;
  }
  return "";
}

absl::Status Retype(SqliteConnection& connection, const std::string& table, const RetypeColumn& change) {
  const std::string_view declared = SqliteDeclaration(change.to);
  if (AffinityOf(SqliteDeclaration(change.from)) == AffinityOf(declared)) return absl::OkStatus();
  const std::string name = QuoteName(change.to.name);
  RETURN_IF_ERROR(DropOwnIndexesOver(connection, table, change.to.name));
  for (const std::string& sql :
       {absl::StrCat(Alter(table), "ADD COLUMN _mirror_retyped ", std::string(declared)),
        absl::StrCat("UPDATE ", QuoteName(table), " SET _mirror_retyped = ", name),
        absl::StrCat(Alter(table), "DROP COLUMN ", name),
        absl::StrCat(Alter(table), "RENAME COLUMN _mirror_retyped TO ", name)}) {
    RETURN_IF_ERROR(AlterColumns(connection, sql));
  }
  return absl::OkStatus();
}

/// Removes the mirror's values from columns that a rule empties. The partner's rows keep their values.
absl::Status Empty(SqliteConnection& connection, const std::string& table, const StoredColumns& columns,
                   const RefitTable& action) {
  const bool whose_is_known = HasOwned(action.from) || HasOwned(action.to);
  for (const std::string& name : action.emptied) {
    const auto stored = columns.find(FoldName(name));
    const std::optional<std::uint32_t> column = action.from.Find(name);
    if (stored == columns.end() || !column) continue;
    std::vector<std::string> statements;
    if (stored->second.is_not_null) {
      RETURN_IF_ERROR(DropOwnIndexesOver(connection, table, name));
      // The table was adopted. A value that a rule excludes is removed, even if other values are removed with
      // it.
      statements = {absl::StrCat(Alter(table), "DROP COLUMN ", QuoteName(name)),
                    absl::StrCat(Alter(table), "ADD COLUMN ", QuoteName(name), " ",
                                 std::string(SqliteDeclaration(action.from.columns[*column])))};
    } else {
      statements = {absl::StrCat("UPDATE OR ABORT ", QuoteName(table), " SET ", QuoteName(name), " = NULL",
                                 whose_is_known ? absl::StrCat(" WHERE ", kOwnedColumn, " IN (0, 1)") : "")};
    }
    for (const std::string& sql : statements) {
      RETURN_IF_ERROR(AlterColumns(connection, sql));
    }
  }
  return absl::OkStatus();
}

absl::Status Change(SqliteConnection& connection, const std::string& table, const Position& position,
                    const StoredColumns& columns, const RefitTable& action) {
  connection.ForgetStatements();
  const bool rows_are_ours = !HasOwned(action.from);
  RETURN_IF_ERROR(AddOwnColumns(connection, table, action.to, columns, rows_are_ours));
  // Runs as long as the marks still distinguish the mirror's rows from the partner's.
  RETURN_IF_ERROR(Empty(connection, table, columns, action));
  const std::vector<std::string> kept = OwnColumns(action.to);
  for (const std::string& name : OwnColumns(action.from)) {
    if (std::find(kept.begin(), kept.end(), name) != kept.end()) continue;
    RETURN_IF_ERROR(AlterColumns(connection, absl::StrCat(Alter(table), "DROP COLUMN ", QuoteName(name))));
  }
  RETURN_IF_ERROR(RunAlterTable(connection, table, position, action.alter));
  for (const RetypeColumn& change : action.retyped) {
    RETURN_IF_ERROR(Retype(connection, table, change));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OwnPlaces> FindOwnPlaces(SqliteConnection& connection, const std::string& target,
                                        const TableSchema& table) {
  OwnPlaces places;
  if (!KeepsPartner(table)) return places;
  ASSIGN_OR_RETURN(const StoredColumns columns, StoredColumnsOf(connection, target));
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "SELECT wr FROM temp.pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE"));
  ASSIGN_OR_RETURN(const bool row, query.Bind(1, target).Step());
  const bool without_rowid = row && query.Int(0) != 0;
  const auto place = [&](const char* name) {
    const auto found = columns.find(name);
    if (found == columns.end()) return -1;
    return static_cast<int>(without_rowid ? found->second.place : found->second.stored_place);
  };
  if (HasOwned(table)) places.owned = place(kOwnedColumn);
  if (HasDeletedAt(table)) places.deleted_at = place(kDeletedAtColumn);
  return places;
}

absl::StatusOr<bool> HasDefinition(SqliteConnection& connection, const std::string& table,
                                   const TableSchema& schema) {
  ASSIGN_OR_RETURN(const StoredColumns columns, StoredColumnsOf(connection, table));
  if (columns.size() != schema.columns.size() + OwnColumns(schema).size()) return false;
  const absl::StatusOr<std::string> misfit = Misfit(connection, table, schema, columns, /*whole=*/true);
  if (!misfit.ok()) return misfit.status();
  return misfit->empty();
}

absl::StatusOr<TouchedTable> LookForTouch(SqliteConnection& connection, const std::string& table,
                                          const TableSchema& schema) {
  ASSIGN_OR_RETURN(const StoredColumns columns, StoredColumnsOf(connection, table));
  TouchedTable touched{.table = table, .lacks = Lacking(schema, columns)};
  if (!KeepsPartner(schema)) touched.columns = OtherColumns(schema, columns);
  if (touched.lacks.empty()) return touched;
  ASSIGN_OR_RETURN(const std::optional<Definition> definition, FindTable(connection, table));
  touched.is_ours = definition && IsOurs(*definition);
  return touched;
}

absl::StatusOr<bool> KeyIsRowid(SqliteConnection& connection, const std::string& target,
                                const TableSchema& table) {
  ASSIGN_OR_RETURN(const StoredColumns columns, StoredColumnsOf(connection, target));
  return HasSameKey(connection, target, table, columns);
}

absl::StatusOr<std::optional<std::vector<std::uint32_t>>> PlainOrder(SqliteConnection& connection,
                                                                     const std::string& target,
                                                                     const TableSchema& table) {
  if (!HasIntegerKey(table) || KeepsPartner(table)) return std::nullopt;
  ASSIGN_OR_RETURN(const StoredColumns columns, StoredColumnsOf(connection, target));
  if (columns.size() != table.columns.size()) return std::nullopt;
  std::vector<std::uint32_t> order(table.columns.size());
  for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    const auto found = columns.find(FoldName(column.name));
    if (found == columns.end() || found->second.is_generated) return std::nullopt;
    // For NULL in such a column SQLite would write the column's default.
    if (found->second.is_not_null && column.key_position == 0) return std::nullopt;
    order[static_cast<std::size_t>(found->second.place)] = i;
  }
  ASSIGN_OR_RETURN(const bool same_key, HasSameKey(connection, target, table, columns));
  if (!same_key) return std::nullopt;
  ASSIGN_OR_RETURN(Query indexes, connection.Prepare("SELECT 1 FROM temp.pragma_index_list(?1) LIMIT 1"));
  ASSIGN_OR_RETURN(const bool indexed, indexes.Bind(1, target).Step());
  if (indexed) return std::nullopt;
  return order;
}

namespace {

/// Returns a column to use if the definition of a column is no longer known.
Column ColumnOfAny(const StoredColumn& stored, bool is_rowid) {
  const std::string_view affinity = AffinityOf(stored.type);
  Column column{.name = stored.name, .type = is_rowid ? Type::kInt64 : Type::kAny};
  column.key_position = static_cast<std::uint32_t>(stored.key_position);
  column.nullable = stored.key_position == 0;
  if (is_rowid) return column;
  column.affinity = affinity == "INTEGER"   ? Affinity::kInteger
                    : affinity == "TEXT"    ? Affinity::kText
                    : affinity == "REAL"    ? Affinity::kReal
                    : affinity == "NUMERIC" ? Affinity::kNumeric
                                            : Affinity::kBlob;
  return column;
}

}  // namespace

absl::StatusOr<TableSchema> StoredForm(SqliteConnection& connection, const TableSchema& agreed, bool is_older,
                                       std::vector<std::string>* left_out) {
  ASSIGN_OR_RETURN(const StoredColumns columns, StoredColumnsOf(connection, agreed.name));
  const TableSchema wanted = WithOwnColumns(KeptForm(agreed));
  const absl::StatusOr<std::string> misfit = Misfit(connection, agreed.name, wanted, columns, /*whole=*/true);
  if (!misfit.ok()) return misfit.status();
  ASSIGN_OR_RETURN(const std::vector<std::string> key, KeyIndex(connection, agreed.name));
  std::map<std::int64_t, const StoredColumn*> by_place;
  for (const auto& [name, column] : columns) by_place[column.place] = &column;
  TableSchema stored = wanted;
  stored.columns.clear();
  for (const auto& [place, column] : by_place) {
    const std::optional<std::uint32_t> known = wanted.Find(column->name);
    if (!column->is_generated && (is_older || !misfit->empty())) {
      stored.columns.push_back(ColumnOfAny(*column, column->key_position != 0 && key.empty()));
    } else if (known) {
      stored.columns.push_back(wanted.columns[*known]);
    } else {
      left_out->push_back(absl::StrCat("column '", column->name, "' of table '", agreed.name, "'"));
    }
  }
  return stored;
}

absl::Status CheckOwnFit(SqliteConnection& connection, const TableSchema& table) {
  return CheckCount(connection, table.name, table.columns.size() + OwnColumns(table).size());
}

absl::Status AdoptTable(SqliteConnection& connection, const TableSchema& table) {
  ASSIGN_OR_RETURN(const StoredColumns columns, StoredColumnsOf(connection, table.name));
  const absl::StatusOr<std::string> misfit = Misfit(connection, table.name, table, columns, /*whole=*/false);
  if (!misfit.ok()) return misfit.status();
  if (!misfit->empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the mirror database has a table '", table.name,
                     "' that the mirror did not make, and it cannot take in the source's rows: ", *misfit,
                     ". It was left as it is. Correct it, rename it or drop it; the next cycle continues."));
  }
  if (const std::string name = Unfillable(table, columns); !name.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the mirror database has a table '", table.name,
        "' that the mirror did not make, and it cannot take in the source's rows: its column '", name,
        "' is NOT NULL without a default, and the source does not have it. It was left as it is. Give the "
        "column a default, or drop it; the next cycle continues."));
  }
  AlterTable missing;
  for (Column column : table.columns) {
    if (columns.contains(FoldName(column.name))) continue;
    column.backfill = Backfill::kNone;
    missing.changes.emplace_back(AddColumn{std::move(column)});
  }
  std::size_t count = columns.size() + missing.changes.size();
  for (const std::string& name : OwnColumns(table)) count += columns.contains(name) ? 0 : 1;
  RETURN_IF_ERROR(CheckCount(connection, table.name, count));
  connection.ForgetStatements();
  RETURN_IF_ERROR(AddOwnColumns(connection, table.name, table, columns, /*rows_are_ours=*/false));
  return RunAlterTable(connection, table.name, Position{}, missing);
}

absl::Status RunRefitTable(SqliteConnection& connection, const std::string& table, const Position& position,
                           const RefitTable& action) {
  ASSIGN_OR_RETURN(const StoredColumns columns, StoredColumnsOf(connection, table));
  const absl::StatusOr<std::string> misfit = Misfit(connection, table, action.from, columns, /*whole=*/true);
  if (!misfit.ok()) return misfit.status();
  if (!misfit->empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", table, "' keeps the partner's rows and columns, but somebody changed it: ", *misfit,
        ". It was left as it is. Undo that change and let 'mirrorctl invalidate' populate it; if it still "
        "waits for a population, announce it once without preserve_target and with deletes = APPLY; or let "
        "'mirrorctl reset' drop it, with the partner's rows: the next cycle makes it again."));
  }
  if (const std::string taken = TakenName(action, columns); !taken.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", table, "': the source has a column '", taken,
        "' now, and the partner has a column of the same name there. The table was left as it is and accepts "
        "no rows. Rename or drop the partner's column; the next cycle continues."));
  }
  std::size_t count = columns.size();
  for (const std::string& name : OwnColumns(action.to)) count += columns.contains(name) ? 0 : 1;
  for (const auto& change : action.alter.changes) {
    if (std::holds_alternative<AddColumn>(change)) ++count;
    if (std::holds_alternative<DropColumn>(change)) --count;
  }
  RETURN_IF_ERROR(CheckCount(connection, table, count));
  absl::Status status = Change(connection, table, position, columns, action);
  if (!absl::IsFailedPrecondition(status)) return status;
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", table, "' keeps the partner's rows and columns, and could not be changed in place: ",
      std::string(status.message()),
      " It was left as it is. Change or drop the partner's view, index or trigger that prevents it; the next "
      "cycle continues."));
}

namespace {

/// Returns what the table's columns tell of it. If it keeps nothing, all its rows are the mirror's.
absl::StatusOr<TableSchema> KeepingForm(SqliteConnection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(const StoredColumns columns, StoredColumnsOf(connection, table));
  TableSchema like;
  like.preserve_target = columns.contains(kOwnedColumn);
  if (columns.contains(kDeletedAtColumn)) like.deletes = Deletes::kMark;
  return like;
}

}  // namespace

absl::StatusOr<bool> HoldsOthersRows(SqliteConnection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(const TableSchema form, KeepingForm(connection, table));
  if (!KeepsPartner(form)) return false;
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare(absl::StrCat("SELECT 1 FROM ", QuoteName(table), " WHERE (",
                                                   LiveRows(form, ""), ") IS NOT TRUE LIMIT 1")));
  return query.Step();
}

absl::Status DeleteLiveRows(SqliteConnection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(const TableSchema form, KeepingForm(connection, table));
  if (!KeepsPartner(form)) return absl::OkStatus();
  return connection.Execute(absl::StrCat("DELETE FROM ", QuoteName(table), " WHERE ", LiveRows(form, "")));
}

}  // namespace mirror
