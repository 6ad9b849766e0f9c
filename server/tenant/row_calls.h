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

// What journal and history know of one row, over one snapshot. Errors beside those that are named: the
// snapshot's. Threads: those of the snapshot.

namespace mirror {

/// Of one row, the newest ones.
inline constexpr std::size_t kVersionsMax = 1'000;
inline constexpr std::size_t kVersionBytesMax = 4 << 20;

struct ExplainedColumn {
  ColumnWriter writer;
  /// What stood there before, as JSON; absent: not known, or no row stood.
  std::optional<std::string> before = std::nullopt;
};

struct ExplainedRow {
  std::string table;
  bool stands = false;  ///< There is such a row now.
  bool has_history = false;
  std::vector<ExplainedColumn> columns;  ///< Those of the key are left out, unless there are no others.
};

/// `key`: as ParseTypedKey() takes it. `rules`: of the tenant; null: it has no journal. Errors: kNotFound:
/// there is no such table; those of ParseTypedKey(); kFailedPrecondition: no journal is kept of it, and of
/// what was kept before nothing tells of the row.
absl::StatusOr<ExplainedRow> ExplainRow(Snapshot& snapshot, const std::string& table, std::string_view key,
                                        const JournalRules* rules);

struct VersionOfRow {
  std::int64_t from = 0, until = 0;  ///< See RowVersion.
  bool is_insert = false;
  /// Of the moments; absent: trimmed, or none has ended it yet.
  std::optional<JournalEntry> made_by = std::nullopt, ended_by = std::nullopt;
  std::string row;  ///< A JSON object, see JsonRows.
};

struct VersionsOfRow {
  std::string table;
  std::int64_t known_from = 0;
  std::vector<VersionOfRow> versions;  ///< The newest first.
  bool complete = true;                ///< There are no more.
};

/// Errors: kNotFound, those of ParseTypedKey(); kFailedPrecondition: the table has no history.
absl::StatusOr<VersionsOfRow> ReadRowHistory(Snapshot& snapshot, const std::string& table,
                                             std::string_view key);

/// The table's history. Errors: kNotFound, kFailedPrecondition: the same.
absl::StatusOr<TableHistory> FindTableHistory(Snapshot& snapshot, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_ROW_CALLS_H_
