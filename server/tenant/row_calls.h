#ifndef MIRROR_SERVER_TENANT_ROW_CALLS_H_
#define MIRROR_SERVER_TENANT_ROW_CALLS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/journal/explanation.h"
#include "server/journal/journal_rules.h"
#include "server/store/snapshot.h"

// Reads what journal and history know about one row, in one snapshot. Every call can also fail with the
// snapshot's errors. Threads: those of the snapshot.

namespace mirror {

/// Maximum number and bytes of the versions of one row; older ones are left out.
inline constexpr std::size_t kVersionsMax = 1'000;
inline constexpr std::size_t kVersionBytesMax = 4 << 20;

struct ExplainedColumn {
  ColumnWriter writer;
  /// The value before the change, as JSON. Absent: not known, or the row did not exist.
  std::optional<std::string> before = std::nullopt;
};

struct ExplainedRow {
  std::string table;
  bool stands = false;  ///< The row exists at present.
  bool has_history = false;
  std::vector<ExplainedColumn> columns;  ///< Without key columns, unless the table has no others.
};

/// Explains a row. `key`: see ParseTypedKey(). `rules`: the tenant's; null: it has no journal. Errors:
/// kNotFound: no such table; those of ParseTypedKey(); kFailedPrecondition: the table has no journal, and no
/// older entry names the row.
absl::StatusOr<ExplainedRow> ExplainRow(Snapshot& snapshot, const std::string& table, std::string_view key,
                                        const JournalRules* rules);

struct VersionOfRow {
  std::int64_t from = 0, until = 0;  ///< See RowVersion.
  bool is_insert = false;
  /// Journal entries of the two moments. Absent: the entry was trimmed, or the version is still current.
  std::optional<JournalEntry> made_by = std::nullopt, ended_by = std::nullopt;
  std::string row;  ///< A JSON object, see JsonRows.
};

struct VersionsOfRow {
  std::string table;
  std::int64_t known_from = 0;
  std::vector<VersionOfRow> versions;  ///< Newest first.
  bool complete = true;                ///< There are no more versions.
};

/// Reads the versions of a row. Errors: kNotFound; those of ParseTypedKey(); kFailedPrecondition: the table
/// has no history.
absl::StatusOr<VersionsOfRow> ReadRowHistory(Snapshot& snapshot, const std::string& table,
                                             std::string_view key);

/// Finds the table's history. Errors: kNotFound, kFailedPrecondition: as above.
absl::StatusOr<TableHistory> FindTableHistory(Snapshot& snapshot, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_ROW_CALLS_H_
