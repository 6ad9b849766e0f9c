#include "server/tenant/row_calls.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/json_rows.h"
#include "server/journal/key_block.h"
#include "server/records/json_row.h"
#include "server/tenant/changes.h"
#include "server/tenant/kept_row.h"

namespace mirror {
namespace {

/// Returns the names of the columns to explain.
std::vector<std::string> ExplainedNames(const TableSchema& kept) {
  std::vector<std::string> names;
  for (const Column& column : kept.columns) {
    if (column.key_position == 0) names.push_back(column.name);
  }
  if (!names.empty()) return names;
  for (const Column& column : kept.columns) names.push_back(column.name);
  return names;
}

/// Finds the values before each of the moments that wrote a column.
absl::Status AddBefore(Snapshot& snapshot, const TableHistory& history, const Key& key,
                       std::vector<ExplainedColumn>* columns) {
  std::multimap<std::int64_t, ExplainedColumn*> wanted;
  std::int64_t oldest = INT64_MAX;
  for (ExplainedColumn& column : *columns) {
    if (!column.writer.entry) continue;
    wanted.emplace(column.writer.entry->moment, &column);
    oldest = std::min(oldest, column.writer.entry->moment);
  }
  if (wanted.empty()) return absl::OkStatus();
  std::size_t seen = 0;
  return snapshot.versions().ReadVersions(
      history, key, [&](const RowVersion& version, RowBlock* row) -> absl::StatusOr<bool> {
        const auto [begin, end] = wanted.equal_range(version.until);
        if (begin != end) {
          const ChangeBatch batch = ViewOf(history.schema, row);
          for (auto one = begin; one != end; ++one) {
            const std::optional<std::uint32_t> index = history.schema.Find(one->second->writer.column);
            const ColumnView* const view = index ? batch.Find(*index) : nullptr;
            if (view == nullptr) continue;
            std::string json;
            AppendJsonValue(history.schema.columns[*index], view->At(0), &json);
            one->second->before = std::move(json);
          }
        }
        const bool is_behind = version.until != 0 && version.until <= oldest;
        return !is_behind && ++seen < kVersionsMax;
      });
}

/// Returns the commit that ended a moment. Absent: trimmed, or not committed yet.
absl::StatusOr<std::optional<JournalEntry>> FindCommitOf(Snapshot& snapshot, const std::string& table,
                                                         std::int64_t moment) {
  if (moment == 0) return std::nullopt;
  AsOf as_of;
  as_of.moment = moment;
  ASSIGN_OR_RETURN(std::vector<JournalEntry> commits, snapshot.journal().FindCommits(table, as_of));
  if (commits.empty() || commits.front().number != moment) return std::nullopt;
  JournalEntry commit = std::move(commits.front());
  commit.keys.clear();
  return commit;
}

}  // namespace

absl::StatusOr<TableHistory> FindTableHistory(Snapshot& snapshot, const std::string& table) {
  ASSIGN_OR_RETURN(const KeptTable found, FindTable(snapshot, table));
  ASSIGN_OR_RETURN(std::optional<TableHistory> history, snapshot.versions().ReadHistory(found.name));
  if (history) return *std::move(history);
  if (found.kept.Key().empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", found.name, "' has no key, so no history can be kept of it. Nothing was read."));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("no history is kept of table '", found.name,
                   "'. Nothing was read. With 'history = true' in a [[tenant.table]] of mirror-server.toml "
                   "a history begins with the table's next commit."));
}

absl::StatusOr<ExplainedRow> ExplainRow(Snapshot& snapshot, const std::string& table,
                                        std::string_view key_text, const JournalRules* rules) {
  ASSIGN_OR_RETURN(const MeantRow meant, FindRow(snapshot, table, key_text));
  std::vector<std::string> key_columns;
  for (const std::uint32_t index : meant.kept.Key()) key_columns.push_back(meant.kept.columns[index].name);
  ExplainedRow row;
  row.table = meant.table;
  row.stands = meant.stands;
  Explanation explanation(ExplainedNames(meant.kept), std::move(key_columns), meant.key);
  RETURN_IF_ERROR(snapshot.journal().WalkBack(
      meant.table, OrderedKey(meant.key.front()),
      [&](const JournalEntry& entry) -> absl::StatusOr<bool> { return explanation.Take(entry); }));
  bool is_explained = false;
  for (const ColumnWriter& writer : explanation.writers()) {
    is_explained |= writer.entry.has_value();
    row.columns.push_back({.writer = writer});
  }
  if (absl::Status has = CheckHasJournal(rules, meant.table); !is_explained && !has.ok()) return has;
  ASSIGN_OR_RETURN(const std::optional<TableHistory> history, snapshot.versions().ReadHistory(meant.table));
  row.has_history = history.has_value();
  if (!history) return row;
  RETURN_IF_ERROR(AddBefore(snapshot, *history, meant.key, &row.columns));
  return row;
}

absl::StatusOr<VersionsOfRow> ReadRowHistory(Snapshot& snapshot, const std::string& table,
                                             std::string_view key_text) {
  ASSIGN_OR_RETURN(const TableHistory history, FindTableHistory(snapshot, table));
  ASSIGN_OR_RETURN(const Key key, ParseTypedKey(history.schema, key_text));
  VersionsOfRow answer;
  answer.table = history.schema.name;
  answer.known_from = history.known_from;
  const JsonRows rows(history.schema, history.schema.AllColumns());
  std::size_t bytes = 0;
  RETURN_IF_ERROR(snapshot.versions().ReadVersions(
      history, key, [&](const RowVersion& version, RowBlock* block) -> absl::StatusOr<bool> {
        if (answer.versions.size() >= kVersionsMax || bytes > kVersionBytesMax) {
          answer.complete = false;
          return false;
        }
        VersionOfRow one{.from = version.from, .until = version.until, .is_insert = version.is_insert};
        rows.Append(ViewOf(history.schema, block).columns, 0, &one.row);
        bytes += one.row.size();
        answer.versions.push_back(std::move(one));
        return true;
      }));
  for (VersionOfRow& version : answer.versions) {
    ASSIGN_OR_RETURN(version.made_by, FindCommitOf(snapshot, answer.table, version.from));
    ASSIGN_OR_RETURN(version.ended_by, FindCommitOf(snapshot, answer.table, version.until));
  }
  return answer;
}

}  // namespace mirror
