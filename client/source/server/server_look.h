#ifndef MIRROR_CLIENT_SOURCE_SERVER_SERVER_LOOK_H_
#define MIRROR_CLIENT_SOURCE_SERVER_SERVER_LOOK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "certs/keyed_hash.h"
#include "client/source/steps/table_steps.h"
#include "proto/wire/table.h"

namespace mirror {

/// A value that does not match its column's announcement.
struct Misfit {
  std::size_t column = 0;  ///< Index among the decoded columns, or in the table's schema.
  bool is_null = false;    ///< NULL though announced NOT NULL; false: the value does not fit the type.
};

/// A table of a look, with its catalog entry and its announcement.
template <typename T>
struct KnownServerTable {
  using Table = T;

  Table table = {};
  /// The columns of `table` in that order, as they are in the source.
  TableSchema schema = {};
  TableSchema given = {};  ///< The same as announced: hashed and masked columns are texts.
  /// Absent: the rows are sent as the source has them. The look holds the key for hashing.
  std::optional<TableSteps> steps = {};

  /// Whether a column is hashed or masked.
  bool Turns(std::uint32_t column) const {
    return steps && steps->TurnOf(schema.columns[column].name).rule != Rule::kPlain;
  }
  /// Returns the columns in the form that `where` sees. The class of a kind of server may hide this function.
  TableSchema ForSteps() const { return schema; }
  /// Returns the columns to read for `asked`: with steps all of them.
  std::vector<std::uint32_t> ToRead(const std::vector<std::uint32_t>& asked) const {
    return steps ? schema.AllColumns() : asked;
  }
  std::vector<Column> Announced(const std::vector<std::uint32_t>& columns) const {
    std::vector<Column> announced;
    for (const std::uint32_t column : columns) announced.push_back(schema.columns[column]);
    return announced;
  }
};

/// State that all readers of one look share. `K`: a KnownServerTable.
template <typename S, typename P, typename K>
struct ServerLook {
  using Sessions = S;
  using Place = P;
  using Known = K;

  std::shared_ptr<Sessions> sessions = {};
  Place place = {};                         ///< The server's description of its database.
  const TenantHashKey* hash_key = nullptr;  ///< Null: there is none. Must outlive the look.
  bool is_over = false;                     ///< A newer look exists.
  /// Records that values of these columns (indexes of the table's schema) do not match their announcement.
  std::function<void(const Known& table, const std::vector<Misfit>& misfits)> keep = {};
  /// Receives the snapshot, as text, of each transaction that reads rows. Empty: it is not needed.
  std::function<void(const Known& table, const std::string& snapshot)> note_snapshot = {};
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_SERVER_LOOK_H_
