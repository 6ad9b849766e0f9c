#include "client/source/mariadb/mariadb_objects.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/db/mariadb/name.h"
#include "base/status_macros.h"
#include "client/source/found_objects.h"

namespace mirror {
namespace {

using mariadb::Rows;

constexpr char kObjectsDoing[] = "reading its indexes and foreign keys";

/// One row for each column of each index but the primary key's.
constexpr char kIndexes[] =
    "SELECT TABLE_NAME, INDEX_NAME, NOT NON_UNIQUE, COLUMN_NAME, COLLATION = 'D', SUB_PART IS NOT NULL, "
    "INDEX_TYPE IN ('BTREE', 'HASH') FROM information_schema.STATISTICS WHERE INDEX_NAME <> 'PRIMARY' "
    "AND TABLE_SCHEMA = ";
constexpr char kIndexOrder[] = " ORDER BY BINARY TABLE_NAME, BINARY INDEX_NAME, SEQ_IN_INDEX";

/// One row for each column of each. A table of another database has its name with that.
constexpr char kForeignKeys[] =
    "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, IF(BINARY REFERENCED_TABLE_SCHEMA = BINARY "
    "TABLE_SCHEMA, "
    "REFERENCED_TABLE_NAME, CONCAT(REFERENCED_TABLE_SCHEMA, '.', REFERENCED_TABLE_NAME)), "
    "REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_NAME IS NOT NULL "
    "AND TABLE_SCHEMA = ";
constexpr char kForeignKeyOrder[] = " ORDER BY BINARY TABLE_NAME, BINARY CONSTRAINT_NAME, ORDINAL_POSITION";

/// How an index orders a column. False: otherwise than a mirror can.
bool SetCollation(const MariadbColumn& column, IndexColumn* in_index) {
  if (column.charset.empty()) return true;
  if (!absl::EndsWith(column.collation, "_bin")) return false;
  // It counts blanks at the end for nothing.
  if (!absl::StrContains(column.collation, "nopad")) in_index->collation = Collation::kRtrim;
  return true;
}

std::map<std::string, std::vector<FoundIndex>> IndexesOfMariadb(
    const Rows& rows, const std::map<std::string, const MariadbTable*>& catalog) {
  std::map<std::string, std::vector<FoundIndex>> indexes;
  std::pair<std::string, std::string> last;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    const std::string table = rows.Text(row, 0), name = rows.Text(row, 1);
    const auto known = catalog.find(table);
    if (known == catalog.end()) continue;
    std::vector<FoundIndex>& of_table = indexes[table];
    std::pair<std::string, std::string> here(table, name);
    if (here != last) of_table.emplace_back();
    last = std::move(here);
    FoundIndex& read = of_table.back();
    read.index.name = name;
    read.index.unique = rows.Bool(row, 2);
    IndexColumn& column = read.index.columns.emplace_back();
    column = {rows.Text(row, 3), rows.Bool(row, 4), Collation::kBinary};
    const std::optional<std::size_t> place = known->second->PlaceOf(column.name);
    // Over the beginning of a value, or of what MariaDB computes.
    if (!read.untold && (rows.Bool(row, 5) || !place)) read.untold = UntoldReason::kExpression;
    const bool is_plain = rows.Bool(row, 6) && place && SetCollation(known->second->columns[*place], &column);
    if (!read.untold && !is_plain) read.untold = UntoldReason::kCollation;
  }
  return indexes;
}

std::map<std::string, std::vector<std::pair<std::string, SourceForeignKey>>> ForeignKeysOfMariadb(
    const Rows& rows) {
  std::map<std::string, std::vector<std::pair<std::string, SourceForeignKey>>> keys;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    auto& of_table = keys[rows.Text(row, 0)];
    const std::string name = rows.Text(row, 1);
    if (of_table.empty() || of_table.back().first != name) of_table.emplace_back(name, SourceForeignKey{});
    SourceForeignKey& key = of_table.back().second;
    key.columns.push_back(rows.Text(row, 2));
    key.table = rows.Text(row, 3);
    key.table_columns.push_back(rows.Text(row, 4));
  }
  return keys;
}

/// Behind `word` in the end of a line.
ForeignKeyAction ActionBehind(std::string_view line, std::string_view word) {
  const std::size_t at = line.find(word);
  if (at == std::string_view::npos) return ForeignKeyAction::kNoAction;
  const std::string_view rest = line.substr(at + word.size());
  const auto begins = [rest](std::string_view with) { return rest.substr(0, with.size()) == with; };
  if (begins("CASCADE")) return ForeignKeyAction::kCascade;
  if (begins("SET NULL")) return ForeignKeyAction::kSetNull;
  if (begins("SET DEFAULT")) return ForeignKeyAction::kSetDefault;
  return begins("RESTRICT") ? ForeignKeyAction::kRestrict : ForeignKeyAction::kNoAction;
}

}  // namespace

MariadbForeignKeyActions ReadMariadbActions(std::string_view create_table, const std::string& constraint) {
  const absl::StatusOr<std::string> quoted = mariadb::QuotedName(constraint);
  if (!quoted.ok()) return {};
  // A name may hold anything but the sign that ends it, a line's end, too.
  const std::size_t begin = create_table.find(absl::StrCat("\n  CONSTRAINT ", *quoted, " FOREIGN KEY ("));
  if (begin == std::string_view::npos) return {};
  const std::size_t references = create_table.find(") REFERENCES ", begin);
  if (references == std::string_view::npos) return {};
  const std::size_t columns = create_table.find(" (", references);
  if (columns == std::string_view::npos) return {};
  const std::size_t end = create_table.find('\n', columns);
  const std::string_view line = create_table.substr(columns, end - columns);
  const std::string_view actions = line.substr(line.rfind(')') + 1);
  return {ActionBehind(actions, " ON DELETE "), ActionBehind(actions, " ON UPDATE ")};
}

absl::StatusOr<std::map<std::string, SourceObjects>> ReadMariadbObjects(
    mariadb::Connection& connection, const std::map<std::string, const TableSchema*>& tables,
    const std::map<std::string, const MariadbTable*>& catalog) {
  const std::string database = mariadb::QuotedText(connection.dsn().database);
  ASSIGN_OR_RETURN(const Rows index_rows,
                   connection.Query(absl::StrCat(kIndexes, database, kIndexOrder), kObjectsDoing));
  ASSIGN_OR_RETURN(const Rows key_rows,
                   connection.Query(absl::StrCat(kForeignKeys, database, kForeignKeyOrder), kObjectsDoing));
  auto indexes = IndexesOfMariadb(index_rows, catalog);
  auto keys = ForeignKeysOfMariadb(key_rows);
  std::map<std::string, SourceObjects> all;
  for (const auto& [name, table] : tables) {
    SourceObjects& objects = all[name];
    for (FoundIndex& index : indexes[name]) AddIndex(std::move(index), *table, &objects);
    if (keys[name].empty()) continue;
    const absl::StatusOr<Rows> created =
        connection.Query(absl::StrCat("SHOW CREATE TABLE ", catalog.at(name)->quoted), kObjectsDoing);
    // It may be gone by now, or only some of its columns be readable.
    if (!created.ok() && mariadb::TroubleOf(created.status()) == mariadb::Trouble::kLost)
      return created.status();
    const std::string text = created.ok() && created->rows() > 0 ? created->Text(0, 1) : "";
    for (auto& [constraint, key] : keys[name]) {
      const MariadbForeignKeyActions actions = ReadMariadbActions(text, constraint);
      key.on_delete = actions.on_delete;
      key.on_update = actions.on_update;
      AddForeignKey(std::move(key), *table, &objects);
    }
  }
  return all;
}

}  // namespace mirror
