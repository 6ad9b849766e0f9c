#include "server/tenant/proven_states.h"

#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "server/journal/row_states.h"
#include "server/plan/comparison.h"
#include "server/store/mirror_contents.h"
#include "server/tenant/kept_row.h"
#include "server/tenant/row_calls.h"

namespace mirror {
namespace {

/// Returns the moment of the last definition change or drop of a table with this name; 0: none.
absl::StatusOr<std::int64_t> LastDefinition(Snapshot& snapshot, const std::string& table) {
  std::int64_t last = 0;
  RETURN_IF_ERROR(
      snapshot.journal().WalkBack(table, "", [&](const JournalEntry& entry) -> absl::StatusOr<bool> {
        const bool is_change = entry.operation == JournalOperation::kGone ||
                               (entry.operation == JournalOperation::kCompare && !entry.columns.empty());
        if (is_change) last = entry.moment;
        return !is_change;
      }));
  return last;
}

}  // namespace

absl::Status VerifyTable(Snapshot& snapshot, const std::string& table, std::size_t count_max,
                         const GoOn& go_on, const TakeProven& take) {
  ASSIGN_OR_RETURN(const TableHistory history, FindTableHistory(snapshot, table));
  ASSIGN_OR_RETURN(const std::int64_t defined, LastDefinition(snapshot, history.schema.name));
  const std::int64_t first = std::max(history.known_from, defined);
  std::vector<JournalEntry> commits;
  RETURN_IF_ERROR(snapshot.journal().WalkProven(history.schema.name,
                                                [&](const JournalEntry& entry) -> absl::StatusOr<bool> {
                                                  if (entry.number < first || commits.size() >= count_max)
                                                    return false;
                                                  commits.push_back(entry);
                                                  commits.back().keys.clear();
                                                  return true;
                                                }));
  const std::vector<std::uint32_t> columns = PlainColumns(history.schema);
  for (JournalEntry& commit : commits) {
    ASSIGN_OR_RETURN(const RangeDigest read,
                     snapshot.versions().DigestAsOf(history, commit.number, columns, go_on));
    ProvenState state;
    state.rows = read.rows;
    state.equal = StateDigest(read) == commit.commit->digest &&
                  static_cast<std::int64_t>(read.rows) == commit.commit->row_count;
    state.commit = std::move(commit);
    RETURN_IF_ERROR(take(state));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> TablesWithHistory(Snapshot& snapshot) {
  ASSIGN_OR_RETURN(const MirrorContents contents, snapshot.ReadContents());
  std::vector<std::string> tables;
  for (const TableRecord& record : contents.records) {
    ASSIGN_OR_RETURN(const std::optional<TableHistory> history,
                     snapshot.versions().ReadHistory(record.table));
    if (history) tables.push_back(record.table);
  }
  return tables;
}

}  // namespace mirror
