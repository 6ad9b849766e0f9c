#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOGGED_ROWS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOGGED_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/source/postgres/pgoutput.h"
#include "client/source/server/staged_row.h"

namespace mirror {

/// The form of the rows of a table, or of a leaf of a partitioned one, in the log, and their staged part.
struct StreamedTable {
  struct Column {
    std::string name;
    std::uint32_t type = 0;
    std::int32_t modifier = -1;
    std::int64_t number = 0;  ///< pg_attribute.attnum of the staged table's column.
    friend bool operator==(const Column&, const Column&) = default;
  };
  std::int64_t table = 0;        ///< Number in the stage.
  std::vector<Column> columns;   ///< In the relation's order.
  std::vector<std::size_t> key;  ///< Places of the key's columns there, in the key's order.
  std::int64_t floor = 0;        ///< Changes committed up to this LSN are not staged.

  /// Whether the relation describes the table's rows in this form.
  bool Fits(const pgoutput::Relation& relation) const;
};
/// By the oid of the rows in the log.
using StreamedTables = std::map<std::uint32_t, StreamedTable>;

// Convert a row of the log to a change for the stage. Absent: the log does not identify the row.

std::optional<LoggedChange> ToLogged(const StreamedTable& table, const pgoutput::Insert& insert);
std::optional<LoggedChange> ToLogged(const StreamedTable& table, const pgoutput::Update& update);
std::optional<LoggedChange> ToLogged(const StreamedTable& table, const pgoutput::Delete& deleted);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOGGED_ROWS_H_
