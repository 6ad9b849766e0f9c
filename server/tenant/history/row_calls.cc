#include "server/tenant/history/row_calls.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/json/json_rows.h"
#include "server/journal/key_block.h"
#include "server/records/json_row.h"
#include "server/tenant/history/changes.h"
#include "server/tenant/history/kept_row.h"
#include "server/tenant/history/typed_key.h"

namespace mirror {
namespace {

std::vector<std::uint32_t> AllColumnsOf(const TableSchema& table) {
  std::vector<std::uint32_t> all(table.columns.size());
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

/// Names of the columns that are explained.
std::vector<std::string> ExplainedNames(const TableSchema& kept) {
  std::vector<std::string> names;
  for (const Column& column : kept.columns) {
    if (column.key_position == 0) names.push_back(column.name);
  }
  if (!names.empty()) return names;
  for (const Column& column : kept.columns) names.push_back(column.name);
  return names;
}

/// What stood before each of the moments that wrote a column.
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

/// The commit that ended a moment. Absent: there is none any more, or not yet.
absl::StatusOr<std::optional<JournalEntry>> FindCommitOf(Snapshot& snapshot, const std::string& table,
                                                         std::int64_t moment) {
  if (moment == 0) return std::nullopt;
  AsOf as_of;
  as_of.moment = moment;
  absl::StatusOr<std::vector<JournalEntry>> commits = snapshot.journal().FindCommits(table, as_of);
  if (!commits.ok()) return commits.status();
  if (commits->empty() || commits->front().number != moment) return std::nullopt;
  JournalEntry commit = std::move(commits->front());
  commit.keys.clear();
  return commit;
}

}  // namespace

absl::StatusOr<TableHistory> FindTableHistory(Snapshot& snapshot, const std::string& table) {
  const absl::StatusOr<KeptTable> found = FindTable(snapshot, table);
  if (!found.ok()) return found.status();
  absl::StatusOr<std::optional<TableHistory>> history = snapshot.versions().ReadHistory(found->name);
  if (!history.ok()) return history.status();
  if (*history) return **std::move(history);
  if (found->kept.Key().empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", found->name, "' has no key, so no history can be kept of it. Nothing was read."));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("no history is kept of table '", found->name,
                   "'. Nothing was read. 'history = true' in a [[tenant.table]] of mirror-server.toml begins "
                   "one with the table's next commit."));
}

absl::StatusOr<ExplainedRow> ExplainRow(Snapshot& snapshot, const std::string& table,
                                        std::string_view key_text, const JournalRules* rules) {
  const absl::StatusOr<MeantRow> meant = FindRow(snapshot, table, key_text);
  if (!meant.ok()) return meant.status();
  std::vector<std::string> key_columns;
  for (const std::uint32_t index : meant->kept.Key()) key_columns.push_back(meant->kept.columns[index].name);
  ExplainedRow row;
  row.table = meant->table;
  row.stands = meant->stands;
  Explanation explanation(ExplainedNames(meant->kept), std::move(key_columns), meant->key);
  const absl::Status walked = snapshot.journal().WalkBack(
      meant->table, OrderedKey(meant->key.front()),
      [&](const JournalEntry& entry) -> absl::StatusOr<bool> { return explanation.Take(entry); });
  if (!walked.ok()) return walked;
  bool is_explained = false;
  for (const ColumnWriter& writer : explanation.writers()) {
    is_explained |= writer.entry.has_value();
    row.columns.push_back({.writer = writer});
  }
  if (absl::Status has = CheckHasJournal(rules, meant->table); !is_explained && !has.ok()) return has;
  const absl::StatusOr<std::optional<TableHistory>> history = snapshot.versions().ReadHistory(meant->table);
  if (!history.ok()) return history.status();
  row.has_history = history->has_value();
  if (!*history) return row;
  if (absl::Status before = AddBefore(snapshot, **history, meant->key, &row.columns); !before.ok())
    return before;
  return row;
}

absl::StatusOr<VersionsOfRow> ReadRowHistory(Snapshot& snapshot, const std::string& table,
                                             std::string_view key_text) {
  const absl::StatusOr<TableHistory> history = FindTableHistory(snapshot, table);
  if (!history.ok()) return history.status();
  const absl::StatusOr<Key> key = ParseTypedKey(history->schema, key_text);
  if (!key.ok()) return key.status();
  VersionsOfRow answer;
  answer.table = history->schema.name;
  answer.known_from = history->known_from;
  const JsonRows rows(history->schema, AllColumnsOf(history->schema));
  std::size_t bytes = 0;
  const absl::Status read = snapshot.versions().ReadVersions(
      *history, *key, [&](const RowVersion& version, RowBlock* block) -> absl::StatusOr<bool> {
        if (answer.versions.size() >= kVersionsMax || bytes > kVersionBytesMax) {
          answer.complete = false;
          return false;
        }
        VersionOfRow one{.from = version.from, .until = version.until, .is_insert = version.is_insert};
        rows.Append(ViewOf(history->schema, block).columns, 0, &one.row);
        bytes += one.row.size();
        answer.versions.push_back(std::move(one));
        return true;
      });
  if (!read.ok()) return read;
  for (VersionOfRow& version : answer.versions) {
    absl::StatusOr<std::optional<JournalEntry>> made = FindCommitOf(snapshot, answer.table, version.from);
    if (!made.ok()) return made.status();
    version.made_by = *std::move(made);
    absl::StatusOr<std::optional<JournalEntry>> ended = FindCommitOf(snapshot, answer.table, version.until);
    if (!ended.ok()) return ended.status();
    version.ended_by = *std::move(ended);
  }
  return answer;
}

}  // namespace mirror
