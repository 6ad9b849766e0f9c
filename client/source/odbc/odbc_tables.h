#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_TABLES_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_TABLES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/source/odbc/odbc_rows.h"
#include "client/source/odbc/odbc_table.h"
#include "client/source/postgres/postgres_types.h"
#include "client/source/server/server_record.h"
#include "client/source/server/server_tables.h"

namespace mirror {

/// See ServerTables.
struct OdbcTableKind {
  using Known = KnownOdbcTable;
  using Place = OdbcPlace;
  /// The form of PostgreSQL's serves any source whose columns have numbers.
  using Record = PostgresRecord;
  static constexpr char kComputer[] = "the database";
  static constexpr char kWideValues[] = "as a date that is none, or infinity";
  static constexpr char kWideNote[] = "";
  static constexpr bool kKeyMayLackValues = true;

  static Record Parse(std::string_view text) { return ParsePostgresRecord(text); }
  static MarkedColumn<std::int64_t, std::uint32_t> Mark(const OdbcColumn& column);
  static Column WireOf(const OdbcColumn& column, const Place& /*place*/, bool wide);
  static std::vector<std::uint32_t> KeyOf(const OdbcTable& table) { return table.key; }
  static const std::vector<std::string>& GeneratedOf(const OdbcTable& table) { return table.left_out; }
  static std::uint64_t IdOf(const OdbcTable& table) { return table.id; }
  static std::uint64_t IdentityOf(const OdbcTable& table, Record* /*record*/) { return table.identity; }
  static std::string ProblemOf(const OdbcTable& table, const Place& /*place*/, const std::string& problem) {
    return problem.empty() ? table.problem : problem;
  }
  static std::vector<std::string> NotesOf(const OdbcTable& table) { return table.notes; }
};
using OdbcSourceTables = ServerTables<OdbcTableKind>;

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_TABLES_H_
