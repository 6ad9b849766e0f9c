#include "server/tenant/history/proven_states.h"

#include <optional>
#include <utility>

#include "server/journal/row_states.h"
#include "server/plan/comparison.h"
#include "server/store/mirror_contents.h"
#include "server/tenant/history/kept_row.h"
#include "server/tenant/history/row_calls.h"

namespace mirror {
namespace {

/// The last entry that tells of another definition, or of a table of this name that is gone; 0: none.
absl::StatusOr<std::int64_t> LastDefinition(Snapshot& snapshot, const std::string& table) {
  std::int64_t last = 0;
  const absl::Status walked =
      snapshot.journal().WalkBack(table, "", [&](const JournalEntry& entry) -> absl::StatusOr<bool> {
        const bool is_change = entry.operation == JournalOperation::kGone ||
                               (entry.operation == JournalOperation::kCompare && !entry.columns.empty());
        if (is_change) last = entry.moment;
        return !is_change;
      });
  if (!walked.ok()) return walked;
  return last;
}

}  // namespace

absl::Status VerifyTable(Snapshot& snapshot, const std::string& table, std::size_t count_max,
                         const GoOn& go_on, const TakeProven& take) {
  const absl::StatusOr<TableHistory> history = FindTableHistory(snapshot, table);
  if (!history.ok()) return history.status();
  const absl::StatusOr<std::int64_t> defined = LastDefinition(snapshot, history->schema.name);
  if (!defined.ok()) return defined.status();
  const std::int64_t first = std::max(history->known_from, *defined);
  std::vector<JournalEntry> commits;
  const absl::Status walked = snapshot.journal().WalkProven(
      history->schema.name, [&](const JournalEntry& entry) -> absl::StatusOr<bool> {
        if (entry.number < first || commits.size() >= count_max) return false;
        commits.push_back(entry);
        commits.back().keys.clear();
        return true;
      });
  if (!walked.ok()) return walked;
  const std::vector<std::uint32_t> columns = PlainColumns(history->schema);
  for (JournalEntry& commit : commits) {
    const absl::StatusOr<RangeDigest> read =
        snapshot.versions().DigestAsOf(*history, commit.number, columns, go_on);
    if (!read.ok()) return read.status();
    ProvenState state;
    state.rows = read->rows;
    state.equal = StateDigest(*read) == commit.commit->digest &&
                  static_cast<std::int64_t>(read->rows) == commit.commit->row_count;
    state.commit = std::move(commit);
    if (absl::Status taken = take(state); !taken.ok()) return taken;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> TablesWithHistory(Snapshot& snapshot) {
  const absl::StatusOr<MirrorContents> contents = snapshot.ReadContents();
  if (!contents.ok()) return contents.status();
  std::vector<std::string> tables;
  for (const TableRecord& record : contents->records) {
    const absl::StatusOr<std::optional<TableHistory>> history = snapshot.versions().ReadHistory(record.table);
    if (!history.ok()) return history.status();
    if (*history) tables.push_back(record.table);
  }
  return tables;
}

}  // namespace mirror
