#ifndef MIRROR_CLIENT_SOURCE_SERVER_SERVER_LOOK_H_
#define MIRROR_CLIENT_SOURCE_SERVER_SERVER_LOOK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "certs/keyed_hash.h"
#include "client/source/steps/table_steps.h"
#include "proto/wire/table.h"

namespace mirror {

/// A value that is not as its column was announced.
struct Misfit {
  std::size_t column = 0;  ///< Among those that are decoded, or of the table's schema.
  bool is_null = false;    ///< There is none, and each row was to have one; else it does not fit the type.
};

/// A table of a look: as the catalogs have it, and as it is announced.
template <typename T>
struct KnownServerTable {
  using Table = T;

  Table table = {};
  /// Its columns are those of `table`, in that order; as they are in the source.
  TableSchema schema = {};
  TableSchema given = {};  ///< The same as it is announced: hashed and masked columns are texts.
  /// Absent: its rows are those of the source. The key of their hashes is the look's.
  std::optional<TableSteps> steps = {};

  /// A column is hashed or masked.
  bool Turns(std::uint32_t column) const {
    return steps && steps->TurnOf(schema.columns[column].name).rule != Rule::kPlain;
  }
  /// As its `where` has its columns; a kind of server may hide it with its own.
  TableSchema ForSteps() const { return schema; }
  /// What has to be read for these columns: with steps all.
  std::vector<std::uint32_t> ToRead(const std::vector<std::uint32_t>& asked) const {
    if (!steps) return asked;
    std::vector<std::uint32_t> all(schema.columns.size());
    std::iota(all.begin(), all.end(), 0U);
    return all;
  }
  std::vector<Column> Announced(const std::vector<std::uint32_t>& columns) const {
    std::vector<Column> announced;
    for (const std::uint32_t column : columns) announced.push_back(schema.columns[column]);
    return announced;
  }
};

/// What the readers of one look share. `K`: a KnownServerTable.
template <typename S, typename P, typename K>
struct ServerLook {
  using Sessions = S;
  using Place = P;
  using Known = K;

  std::shared_ptr<Sessions> sessions = {};
  Place place = {};                         ///< What the server says of its database.
  const TenantHashKey* hash_key = nullptr;  ///< Null: there is none. Outlives the look.
  bool is_over = false;                     ///< There is a newer one.
  /// Keeps that values of these columns (indexes of the table's schema) are not as they were announced.
  std::function<void(const Known& table, const std::vector<Misfit>& misfits)> keep = {};
  /// Takes the snapshot of each transaction that reads rows, as text. Empty: nobody asks for it.
  std::function<void(const Known& table, const std::string& snapshot)> note_snapshot = {};
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_SERVER_LOOK_H_
