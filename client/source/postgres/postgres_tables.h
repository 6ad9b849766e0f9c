#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_TABLES_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_TABLES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/source/postgres/postgres_catalog.h"
#include "client/source/postgres/postgres_rows.h"
#include "client/source/postgres/postgres_types.h"
#include "client/source/server/server_tables.h"

namespace mirror {

/// See ServerTables.
struct PostgresTableKind {
  using Known = KnownPostgresTable;
  using Place = PostgresSource;
  using Record = PostgresRecord;
  static constexpr char kComputer[] = "PostgreSQL";
  static constexpr char kWideValues[] = "such as infinity, NaN, a date before the year 1, 24:00:00";
  static constexpr char kWideNote[] = " (such as infinity, NaN, a date before the year 1, 24:00:00)";
  static constexpr bool kKeyMayLackValues = false;

  static Record Parse(std::string_view text) { return ParsePostgresRecord(text); }
  static MarkedColumn<std::int64_t, std::uint32_t> Mark(const PostgresColumn& column);
  static Column WireOf(const PostgresColumn& column, const Place& place, bool wide);
  static std::vector<std::uint32_t> KeyOf(const PostgresTable& table);
  static const std::vector<std::string>& GeneratedOf(const PostgresTable& table) { return table.generated; }
  static std::uint64_t IdOf(const PostgresTable& table) { return table.oid; }
  static std::uint64_t IdentityOf(const PostgresTable& table, Record* record);
  static std::string ProblemOf(const PostgresTable& table, const Place& place, const std::string& problem);
  static std::vector<std::string> NotesOf(const PostgresTable& table);
};
using PostgresSourceTables = ServerTables<PostgresTableKind>;

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_TABLES_H_
