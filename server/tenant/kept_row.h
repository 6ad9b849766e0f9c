#ifndef MIRROR_SERVER_TENANT_KEPT_ROW_H_
#define MIRROR_SERVER_TENANT_KEPT_ROW_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"
#include "server/store/snapshot.h"

// One row that a person means, over one snapshot. Errors beside those that are named: the snapshot's.

namespace mirror {

/// A key as a person types it: values as SQL has them, "17", "'Ada', 3", "x'00ff'", or a JSON array of them;
/// the quotes may be left out of the only column. Errors: kInvalidArgument, which says how many columns of
/// which types the key has, and never what was typed.
absl::StatusOr<Key> ParseTypedKey(const TableSchema& table, std::string_view text);

struct KeptTable {
  std::string name;  ///< In its own spelling.
  TableSchema kept;
};
/// Errors: kNotFound: there is no such table.
absl::StatusOr<KeptTable> FindTable(Snapshot& snapshot, const std::string& table);

struct MeantRow {
  std::string table;  ///< In its own spelling.
  TableSchema kept;
  Key key;
  bool stands = false;   ///< There is such a row now.
  bool is_left = false;  ///< It went at the source, and its table has it nevertheless.
};

/// `key`: as ParseTypedKey() takes it. Errors: kNotFound: there is no such table; those of ParseTypedKey().
absl::StatusOr<MeantRow> FindRow(Snapshot& snapshot, const std::string& table, std::string_view key);

/// What is kept of a row beside the table.
struct KeptOfRow {
  std::int64_t versions = 0;  ///< That ended.
  std::int64_t entries = 0;   ///< Of the journal, that name it.
};
absl::StatusOr<KeptOfRow> CountKeptOfRow(Snapshot& snapshot, const MeantRow& row);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_KEPT_ROW_H_
