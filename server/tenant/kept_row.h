#ifndef MIRROR_SERVER_TENANT_KEPT_ROW_H_
#define MIRROR_SERVER_TENANT_KEPT_ROW_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"
#include "server/store/snapshot.h"

// Reads one row that a person names, over one snapshot. Errors besides those that are named: the snapshot's.

namespace mirror {

/// Parses a key as a person types it: values in SQL form, "17", "'Ada', 3", "x'00ff'", or a
/// JSON array. The quotes may be omitted if the key has one column. Errors: kInvalidArgument:
/// names the number and types of the key's columns, and never repeats the typed text.
absl::StatusOr<Key> ParseTypedKey(const TableSchema& table, std::string_view text);

struct KeptTable {
  std::string name;  ///< In its stored spelling.
  TableSchema kept;
};
/// Errors: kNotFound: no such table.
absl::StatusOr<KeptTable> FindTable(Snapshot& snapshot, const std::string& table);

struct MeantRow {
  std::string table;  ///< In its stored spelling.
  TableSchema kept;
  Key key;
  bool stands = false;   ///< The row exists now.
  bool is_left = false;  ///< Deleted at the source, but still in the table.
};

/// `key`: as for ParseTypedKey(). Errors: kNotFound: no such table; those of ParseTypedKey().
absl::StatusOr<MeantRow> FindRow(Snapshot& snapshot, const std::string& table, std::string_view key);

/// Data kept about a row outside of its table.
struct KeptOfRow {
  std::int64_t versions = 0;  ///< Versions that ended.
  std::int64_t entries = 0;   ///< Journal entries with its key.
};
absl::StatusOr<KeptOfRow> CountKeptOfRow(Snapshot& snapshot, const MeantRow& row);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_KEPT_ROW_H_
