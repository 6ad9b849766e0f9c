#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOGGED_ROWS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOGGED_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/postgres/pgoutput.h"
#include "client/source/server/staged_row.h"

namespace mirror {

/// How the rows of a table, or of a leaf of a partitioned one, stand in the log, and what is staged of them.
struct StreamedTable {
  struct Column {
    std::string name;
    std::uint32_t type = 0;
    std::int32_t modifier = -1;
    std::int64_t number = 0;  ///< pg_attribute.attnum of the staged table's column.
    friend bool operator==(const Column&, const Column&) = default;
  };
  std::int64_t table = 0;        ///< In the stage.
  std::vector<Column> columns;   ///< In the order of the relation's.
  std::vector<std::size_t> key;  ///< Places of the key's columns there, in the key's order.
  std::int64_t floor = 0;        ///< What was committed up to here is not staged.

  /// Whether the log writes the table's rows so.
  bool Fits(const pgoutput::Relation& relation) const;
};
/// By the oid under which they stand in the log.
using StreamedTables = std::map<std::uint32_t, StreamedTable>;

// What the log says of a row as the stage takes it. Absent: it does not say which row it is.

std::optional<LoggedChange> ToLogged(const StreamedTable& table, const pgoutput::Insert& insert);
std::optional<LoggedChange> ToLogged(const StreamedTable& table, const pgoutput::Update& update);
std::optional<LoggedChange> ToLogged(const StreamedTable& table, const pgoutput::Delete& deleted);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOGGED_ROWS_H_
