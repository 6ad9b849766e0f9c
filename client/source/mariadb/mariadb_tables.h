#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_TABLES_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_TABLES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/mariadb/mariadb_rows.h"
#include "client/source/mariadb/mariadb_types.h"
#include "client/source/server/server_tables.h"

namespace mirror {

/// See ServerTables.
struct MariadbTableKind {
  using Known = KnownMariadbTable;
  using Place = MariadbSource;
  using Record = MariadbRecord;
  static constexpr char kComputer[] = "MariaDB";
  static constexpr char kWideValues[] = "such as 0000-00-00";
  static constexpr char kWideNote[] = " (such as 0000-00-00)";
  static constexpr bool kKeyMayLackValues = false;

  static Record Parse(std::string_view text) { return ParseMariadbRecord(text); }
  static MarkedColumn<std::string, std::string> Mark(const MariadbColumn& column);
  static Column WireOf(const MariadbColumn& column, const Place& place, bool wide);
  static std::vector<std::uint32_t> KeyOf(const MariadbTable& table);
  static const std::vector<std::string>& GeneratedOf(const MariadbTable& table) { return table.generated; }
  static std::uint64_t IdOf(const MariadbTable& /*table*/) { return 0; }
  static std::uint64_t IdentityOf(const MariadbTable& table, Record* /*record*/) {
    return static_cast<std::uint64_t>(table.created_s);
  }
  static std::string ProblemOf(const MariadbTable& table, const Place& place, const std::string& problem);
  static std::vector<std::string> NotesOf(const MariadbTable& table);
};
using MariadbSourceTables = ServerTables<MariadbTableKind>;

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_TABLES_H_
