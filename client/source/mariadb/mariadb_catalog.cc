#include "client/source/mariadb/mariadb_catalog.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/db/mariadb/name.h"
#include "base/status_macros.h"
#include "client/source/found_objects.h"

namespace mirror {
namespace {

using mariadb::Rows;

constexpr char kCatalogDoing[] = "reading its catalogs";

constexpr char kTables[] =
    "SELECT TABLE_NAME, TABLE_TYPE = 'SYSTEM VERSIONED', ENGINE, UNIX_TIMESTAMP(CREATE_TIME), "
    // Time of the statement's begin, before it reads any table.
    "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) FROM "
    "information_schema.TABLES WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')";
constexpr char kColumns[] =
    "SELECT TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, DATA_TYPE, COLUMN_TYPE, NUMERIC_PRECISION, "
    "NUMERIC_SCALE, DATETIME_PRECISION, CHARACTER_SET_NAME, COLLATION_NAME, IS_NULLABLE = 'YES', "
    "IS_GENERATED = 'ALWAYS', FIND_IN_SET('select', PRIVILEGES) > 0 FROM information_schema.COLUMNS WHERE "
    "TRUE";
constexpr char kKeys[] =
    "SELECT TABLE_NAME, COLUMN_NAME, SEQ_IN_INDEX FROM information_schema.STATISTICS "
    "WHERE INDEX_NAME = 'PRIMARY'";

/// The server only opens the tables that these names select.
std::string OfThese(const char* sql, const mariadb::Connection& connection, const std::string& table) {
  std::string whole =
      absl::StrCat(sql, " AND TABLE_SCHEMA = ", mariadb::QuotedText(connection.dsn().database));
  if (!table.empty()) absl::StrAppend(&whole, " AND TABLE_NAME = ", mariadb::QuotedText(table));
  return whole;
}

MariadbColumn ColumnOfRow(const Rows& rows, std::size_t row) {
  MariadbColumn column;
  column.name = rows.Text(row, 1);
  column.place = rows.Int(row, 2);
  column.type = rows.Text(row, 3);
  column.whole_type = rows.Text(row, 4);
  column.digits = static_cast<std::uint32_t>(rows.Int(row, 5));
  column.scale = static_cast<std::uint32_t>(rows.Int(row, 6));
  column.seconds = static_cast<std::uint32_t>(rows.Int(row, 7));
  column.charset = rows.Text(row, 8);
  column.collation = rows.Text(row, 9);
  column.nullable = rows.Bool(row, 10);
  column.readable = rows.Bool(row, 12);
  return column;
}

void TakeColumns(const Rows& rows, std::map<std::string, MariadbTable>* tables) {
  std::map<std::string, std::vector<std::pair<MariadbColumn, bool>>> all;
  for (std::size_t row = 0; row < rows.rows(); ++row)
    all[rows.Text(row, 0)].emplace_back(ColumnOfRow(rows, row), rows.Bool(row, 11));
  for (auto& [name, columns] : all) {
    const auto found = tables->find(name);
    if (found == tables->end()) continue;
    std::sort(columns.begin(), columns.end(),
              [](const auto& a, const auto& b) { return a.first.place < b.first.place; });
    std::int64_t next = 0;
    for (auto& [column, generated] : columns) {
      if (column.place != ++next) found->second.has_gaps = true;
      next = column.place;
      if (generated) {
        found->second.generated.push_back(column.name);
      } else {
        found->second.columns.push_back(std::move(column));
      }
    }
  }
}

/// The key of a system-versioned table has an extra column that is not the application's.
void TakeKeys(const Rows& rows, std::map<std::string, MariadbTable>* tables) {
  std::map<std::string, std::map<std::int64_t, std::string>> keys;
  for (std::size_t row = 0; row < rows.rows(); ++row)
    keys[rows.Text(row, 0)][rows.Int(row, 2)] = rows.Text(row, 1);
  for (const auto& [name, columns] : keys) {
    const auto found = tables->find(name);
    if (found == tables->end()) continue;
    MariadbTable& table = found->second;
    for (const auto& [place, column] : columns) {
      if (table.PlaceOf(column)) table.key.push_back(column);
    }
    // MariaDB accepts no computed column in a key; such a key could not be sent.
    const bool is_whole = table.versioned || table.key.size() == columns.size();
    if (!is_whole) table.key.clear();
  }
}

using mariadb::Rows;

constexpr char kObjectsDoing[] = "reading its indexes and foreign keys";

/// One row for each column of each index except the primary key's.
constexpr char kIndexes[] =
    "SELECT TABLE_NAME, INDEX_NAME, NOT NON_UNIQUE, COLUMN_NAME, COLLATION = 'D', SUB_PART IS NOT NULL, "
    "INDEX_TYPE IN ('BTREE', 'HASH') FROM information_schema.STATISTICS WHERE INDEX_NAME <> 'PRIMARY' "
    "AND TABLE_SCHEMA = ";
constexpr char kIndexOrder[] = " ORDER BY BINARY TABLE_NAME, BINARY INDEX_NAME, SEQ_IN_INDEX";

/// One row for each column of each foreign key. A table of another database has that in its name.
constexpr char kForeignKeys[] =
    "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, IF(BINARY REFERENCED_TABLE_SCHEMA = BINARY "
    "TABLE_SCHEMA, "
    "REFERENCED_TABLE_NAME, CONCAT(REFERENCED_TABLE_SCHEMA, '.', REFERENCED_TABLE_NAME)), "
    "REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_NAME IS NOT NULL "
    "AND TABLE_SCHEMA = ";
constexpr char kForeignKeyOrder[] = " ORDER BY BINARY TABLE_NAME, BINARY CONSTRAINT_NAME, ORDINAL_POSITION";

/// Sets an index's order for a column. False: a mirror cannot have it.
bool SetCollation(const MariadbColumn& column, IndexColumn* in_index) {
  if (column.charset.empty()) return true;
  if (!absl::EndsWith(column.collation, "_bin")) return false;
  // The collation ignores blanks at the end.
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
    // The index is over a value's prefix, or over a computed value.
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

/// Returns the action after `word` at the end of a line.
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

bool MariadbColumn::is_unsigned() const { return absl::StrContains(whole_type, " unsigned"); }

bool MariadbColumn::is_zerofill() const { return absl::StrContains(whole_type, " zerofill"); }

std::optional<std::size_t> MariadbTable::PlaceOf(const std::string& column) const {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == column) return i;
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<MariadbTable>> ReadMariadbTables(mariadb::Connection& connection,
                                                            const std::string& table,
                                                            std::int64_t* clock_ms) {
  std::map<std::string, MariadbTable> tables;
  ASSIGN_OR_RETURN(const Rows read, connection.Query(OfThese(kTables, connection, table), kCatalogDoing));
  for (std::size_t row = 0; row < read.rows(); ++row) {
    MariadbTable one;
    one.name = read.Text(row, 0);
    // The server compares names there without case.
    if (!table.empty() && one.name != table) continue;
    one.versioned = read.Bool(row, 1);
    one.engine = read.Text(row, 2);
    one.created_s = read.Text(row, 3).empty() ? 0 : read.Int(row, 3);
    if (clock_ms != nullptr) *clock_ms = read.Int(row, 4);
    one.quoted = mariadb::QuotedName(connection.dsn().database, one.name).value_or("");
    const std::string name = one.name;
    tables.emplace(name, std::move(one));
  }
  ASSIGN_OR_RETURN(const Rows columns, connection.Query(OfThese(kColumns, connection, table), kCatalogDoing));
  TakeColumns(columns, &tables);
  ASSIGN_OR_RETURN(const Rows keys, connection.Query(OfThese(kKeys, connection, table), kCatalogDoing));
  TakeKeys(keys, &tables);
  std::vector<MariadbTable> all;
  for (auto& [name, one] : tables) all.push_back(std::move(one));
  return all;
}

MariadbForeignKeyActions ReadMariadbActions(std::string_view create_table, const std::string& constraint) {
  const absl::StatusOr<std::string> quoted = mariadb::QuotedName(constraint);
  if (!quoted.ok()) return {};
  // A name may contain any character but its end quote, also a line end.
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
    // The table may be gone, or only some of its columns readable.
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
