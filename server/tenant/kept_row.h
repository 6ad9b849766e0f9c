#ifndef MIRROR_SERVER_TENANT_KEPT_ROW_H_
#define MIRROR_SERVER_TENANT_KEPT_ROW_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"
#include "server/store/snapshot.h"

// Reads one row that a person names, in one snapshot. Every call can also fail with the snapshot's errors.

namespace mirror {

/// Parses a key as a person types it: a JSON array, or values in SQL form, such as "17", "'Ada', 3" or
/// "x'00ff'". The quotes may be omitted if the key has one column. Errors: kInvalidArgument: the message
/// names the number and the types of the key's columns. It never repeats the typed text.
absl::StatusOr<Key> ParseTypedKey(const TableSchema& table, std::string_view text);

struct KeptTable {
  std::string name;  ///< In the stored spelling.
  TableSchema kept;
};
/// Finds a table by name, in any case. Errors: kNotFound: there is no such table.
absl::StatusOr<KeptTable> FindTable(Snapshot& snapshot, const std::string& table);

struct MeantRow {
  std::string table;  ///< In the stored spelling.
  TableSchema kept;
  Key key;
  bool stands = false;   ///< The row exists at present.
  bool is_left = false;  ///< The source deleted the row, but it is still in the table.
};

/// Finds the row that `key` names; see ParseTypedKey(). Errors: kNotFound: there is no such table; those of
/// ParseTypedKey().
absl::StatusOr<MeantRow> FindRow(Snapshot& snapshot, const std::string& table, std::string_view key);

/// Number of things that the mirror keeps about a row outside of its table.
struct KeptOfRow {
  std::int64_t versions = 0;  ///< Versions that are no longer current.
  std::int64_t entries = 0;   ///< Journal entries with its key.
};
absl::StatusOr<KeptOfRow> CountKeptOfRow(Snapshot& snapshot, const MeantRow& row);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_KEPT_ROW_H_
