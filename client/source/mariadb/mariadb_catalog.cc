#include "client/source/mariadb/mariadb_catalog.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/db/mariadb/name.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

using mariadb::Rows;

constexpr char kCatalogDoing[] = "reading its catalogs";

constexpr char kTables[] =
    "SELECT TABLE_NAME, TABLE_TYPE = 'SYSTEM VERSIONED', ENGINE, UNIX_TIMESTAMP(CREATE_TIME), "
    // Of the statement's begin, before it looks at any table.
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

/// The server opens no more tables for it than these names lead to.
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

/// The key of a system-versioned table has a column more in it, which is not the application's.
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
    // MariaDB takes no computed column for a key; one that did would have none that can be sent.
    const bool is_whole = table.versioned || table.key.size() == columns.size();
    if (!is_whole) table.key.clear();
  }
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
    // Names are compared there without regard to case.
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

}  // namespace mirror
