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

// Reads what journal and history know about one row, over one snapshot. Errors
// besides those that are named: the snapshot's. Threads: those of the snapshot.

namespace mirror {

/// Limits for the versions of one row; the newest ones are kept.
inline constexpr std::size_t kVersionsMax = 1'000;
inline constexpr std::size_t kVersionBytesMax = 4 << 20;

struct ExplainedColumn {
  ColumnWriter writer;
  /// The value before, as JSON; absent: unknown, or there was no row.
  std::optional<std::string> before = std::nullopt;
};

struct ExplainedRow {
  std::string table;
  bool stands = false;  ///< The row exists now.
  bool has_history = false;
  std::vector<ExplainedColumn> columns;  ///< Without the key's columns, unless there are no others.
};

/// `key`: as for ParseTypedKey(). `rules`: of the tenant; null: it has no journal.
/// Errors: kNotFound: no such table; those of ParseTypedKey(); kFailedPrecondition:
/// the table has no journal, and no older entry mentions the row.
absl::StatusOr<ExplainedRow> ExplainRow(Snapshot& snapshot, const std::string& table, std::string_view key,
                                        const JournalRules* rules);

struct VersionOfRow {
  std::int64_t from = 0, until = 0;  ///< See RowVersion.
  bool is_insert = false;
  /// Journal entries of the two moments; absent: trimmed, or not ended yet.
  std::optional<JournalEntry> made_by = std::nullopt, ended_by = std::nullopt;
  std::string row;  ///< A JSON object, see JsonRows.
};

struct VersionsOfRow {
  std::string table;
  std::int64_t known_from = 0;
  std::vector<VersionOfRow> versions;  ///< Newest first.
  bool complete = true;                ///< There are no more versions.
};

/// Errors: kNotFound, those of ParseTypedKey(); kFailedPrecondition: the table has no history.
absl::StatusOr<VersionsOfRow> ReadRowHistory(Snapshot& snapshot, const std::string& table,
                                             std::string_view key);

/// Finds the table's history. Errors: kNotFound, kFailedPrecondition: as above.
absl::StatusOr<TableHistory> FindTableHistory(Snapshot& snapshot, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_ROW_CALLS_H_
