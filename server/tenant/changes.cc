#include "server/tenant/changes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/json_writer.h"
#include "base/status_macros.h"
#include "server/records/json_row.h"

namespace mirror {
namespace {

constexpr char kTokenPayload[] = "mirror/journal-token";
constexpr char kNow[] = "now";

absl::Status Lost(const JournalBounds& bounds) {
  const std::string go_on = ToString(bounds.last);
  absl::Status status = absl::OutOfRangeError(absl::StrCat(
      "the journal does not reach back to this token, or the mirror was restored since: compare all, then "
      "continue from ",
      go_on));
  status.SetPayload(kTokenPayload, absl::Cord(go_on));
  return status;
}

/// Returns the number of the entry after which the page begins.
absl::StatusOr<std::int64_t> BeginOf(Snapshot& snapshot, const std::string& since,
                                     const JournalBounds& bounds) {
  if (since.empty()) return bounds.floor.number;
  if (since == kNow) return bounds.last.number;
  ASSIGN_OR_RETURN(const JournalToken token, ParseJournalToken(since));
  // Heads may be below the floor, with gaps after them.
  if (token.number < bounds.floor.number) return Lost(bounds);
  if (token.number == 0) return 0;
  ASSIGN_OR_RETURN(const std::optional<std::int64_t> salt, snapshot.journal().ReadSalt(token.number));
  if (!salt || *salt != token.salt) return Lost(bounds);
  return token.number;
}

/// Returns the name in the journal's spelling.
absl::StatusOr<std::string> FindFollowedTable(Snapshot& snapshot, const std::string& asked,
                                              const JournalRules* rules) {
  ASSIGN_OR_RETURN(const std::optional<TableRecord> record, snapshot.ReadTable(asked));
  if (record) {
    const std::string& table = record->table;
    RETURN_IF_ERROR(CheckHasJournal(rules, table));
    return table;
  }
  // A table that was dropped may have had this spelling.
  ASSIGN_OR_RETURN(const std::vector<JournalEntry> left,
                   snapshot.journal().ReadAfter({.table = asked, .entries_max = 1}));
  if (!left.empty()) return asked;
  return absl::NotFoundError(absl::StrCat("there is no table '", asked,
                                          "', and the journal has no entry of that name. Nothing was read."));
}

Change ChangeOf(JournalEntry entry) {
  Change change;
  if (!entry.keys.empty()) {
    absl::StatusOr<KeyBlock> keys = UnpackKeys(entry.keys);
    if (keys.ok()) {
      change.keys = *std::move(keys);
    } else {
      entry.operation = JournalOperation::kCompare;
      entry.columns.clear();
    }
  }
  entry.keys.clear();
  entry.least.clear();
  entry.most.clear();
  change.entry = std::move(entry);
  return change;
}

void NumberOrNull(std::string_view name, std::int64_t number, bool is_known, JsonWriter* json) {
  json->Key(name);
  if (is_known) {
    json->Number(number);
  } else {
    json->Null();
  }
}

}  // namespace

absl::StatusOr<ChangesPage> ReadChanges(Snapshot& snapshot, const AskedChanges& asked,
                                        const JournalRules* rules) {
  ASSIGN_OR_RETURN(const JournalBounds bounds, snapshot.journal().ReadBounds());
  JournalPage page;
  if (!asked.table.empty()) {
    ASSIGN_OR_RETURN(page.table, FindFollowedTable(snapshot, asked.table, rules));
  }
  ASSIGN_OR_RETURN(page.after, BeginOf(snapshot, asked.since, bounds));
  page.entries_max = std::clamp<std::size_t>(asked.count_max, 1, kChangesPerPageMax);
  page.bytes_max = kChangeKeysBytesMax;
  absl::StatusOr<std::vector<JournalEntry>> entries = snapshot.journal().ReadAfter(page);
  if (!entries.ok()) return entries.status();
  ChangesPage answer;
  JournalToken next;
  for (JournalEntry& entry : *entries) {
    next = {.number = entry.number, .salt = entry.salt};
    answer.changes.push_back(ChangeOf(std::move(entry)));
  }
  if (!answer.changes.empty()) {
    page.after = next.number;
    page.entries_max = 1;
    entries = snapshot.journal().ReadAfter(page);
    if (!entries.ok()) return entries.status();
  }
  answer.complete = answer.changes.empty() || entries->empty();
  // Skip also entries that were not asked for: a token that stays back would fall below the floor.
  answer.next = ToString(answer.complete ? bounds.last : next);
  return answer;
}

absl::Status CheckHasJournal(const JournalRules* rules, const std::string& table) {
  if (rules != nullptr && rules->Of(table).journal) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("no journal is kept of table '", table,
                   "'. Nothing was read. With 'journal = \"keys\"' in a [[tenant.table]] of "
                   "mirror-server.toml a journal begins with the table's next write."));
}

std::optional<std::string> TokenToGoOn(const absl::Status& status) {
  const absl::optional<absl::Cord> token = status.GetPayload(kTokenPayload);
  if (!token) return std::nullopt;
  return std::string(*token);
}

void AppendChangeJson(const Change& change, bool with_keys, std::string* json) {
  const JournalEntry& entry = change.entry;
  JsonWriter writer;
  writer.Begin('{')
      .Key("number")
      .Number(entry.number)
      .Member("token", ToString(JournalToken{.number = entry.number, .salt = entry.salt}))
      .Member("table", entry.table)
      .Member("operation", ToString(entry.operation))
      .Key("moment")
      .Number(entry.moment)
      .Member("rows", entry.rows);
  writer.Key("keyColumns");
  if (with_keys && change.keys) {
    writer.Begin('[');
    for (const Column& column : change.keys->columns) writer.String(column.name);
    writer.End(']').Key("keys").Begin('[');
    std::string key;
    for (const Key& one : change.keys->keys) {
      key.clear();
      AppendJsonKey(change.keys->columns, one, &key);
      writer.Raw(key);
    }
    writer.End(']');
  } else {
    writer.Null().Key("keys").Null();
  }
  writer.Key("columns");
  if (entry.columns.empty()) {
    writer.Null();
  } else {
    writer.Begin('[');
    for (const std::string& column : entry.columns) writer.String(column);
    writer.End(']');
  }
  const bool is_over = entry.commit.has_value();
  const JournalCommit commit = entry.commit.value_or(JournalCommit());
  NumberOrNull("cycle", entry.cycle, entry.cycle != 0, &writer);
  NumberOrNull("seq", static_cast<std::int64_t>(entry.seq), entry.cycle != 0, &writer);
  NumberOrNull("lsn", commit.position.lsn.value, is_over, &writer);
  NumberOrNull("receipt", static_cast<std::int64_t>(commit.receipt), commit.receipt != 0, &writer);
  NumberOrNull("sourceTime", commit.source_ms.value_or(0), commit.source_ms.has_value(), &writer);
  NumberOrNull("time", commit.done_ms, is_over, &writer);
  writer.Member("origin", entry.origin).End('}');
  json->append(writer.Take());
}

}  // namespace mirror
