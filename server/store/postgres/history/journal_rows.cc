#include "server/store/postgres/history/journal_rows.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/value.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/journal/journal_entry.h"
#include "server/journal/key_block.h"
#include "server/store/postgres/history/journal_reader.h"
#include "server/store/postgres/place/place_words.h"

namespace mirror {
namespace {

constexpr char kTrimming[] = "trimming the journal";

postgres::Value BytesOrNull(OwnWrites& writes, const std::string& bytes) {
  return bytes.empty() ? postgres::Value::Null(postgres::Type::kBytea)
                       : postgres::Value::Bytes(writes.Keep(bytes));
}

/// lsn, lineage, receipt, source_ms, done_ms, row_count.
void AddCommit(OwnWrites& writes, const JournalCommit& commit, std::vector<postgres::Value>* values) {
  values->emplace_back(commit.position.lsn.value);
  values->push_back(postgres::Value::Bytes(writes.Keep(commit.position.lineage)));
  values->emplace_back(static_cast<std::int64_t>(commit.receipt));
  values->push_back(commit.source_ms ? postgres::Value(*commit.source_ms)
                                     : postgres::Value::Null(postgres::Type::kInt8));
  values->emplace_back(commit.done_ms);
  values->emplace_back(commit.row_count);
}

void NoteLast(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t last) {
  std::string number;
  postgres::AppendNumber(number, last);
  PutState(writes, names, StateKind::kJournal, {"", 0, std::move(number)});
}

/// What goes this time.
struct Passed {
  std::int64_t through = 0;  ///< The last entry.
  std::int64_t count = 0;
};

absl::StatusOr<Passed> FindPassed(postgres::Connection& connection, const PostgresOwnTables& names,
                                  std::int64_t through, std::int64_t count_max) {
  const auto passed = connection.Query(
      absl::StrCat("SELECT coalesce(max(number), 0), count(*) FROM (SELECT number FROM ", names.journal,
                   " WHERE number <= $1 AND number > coalesce((SELECT max(number) FROM ", names.floor,
                   "), 0) AND number < (SELECT max(number) FROM ", names.journal,
                   ") ORDER BY number LIMIT $2) AS oldest"),
      {through, count_max}, kTrimming);
  if (!passed.ok()) return InStoreWords(passed.status(), Touched::kOwnTable);
  return Passed{passed->Int(0, 0), passed->Int(0, 1)};
}

}  // namespace

JournalPlace JournalPlaceOf(const std::vector<StateRow>& state, const std::string& table) {
  const std::string key = FoldName(table);
  JournalPlace place;
  for (const StateRow& row : state) {
    if (row.table_key.empty()) place.last = postgres::ReadInt(row.bytes());
    if (row.table_key == key) place.open = row.number;
  }
  return place;
}

std::string SeenSql(const PostgresOwnTables& names, bool of_tables) {
  return absl::StrCat("SELECT id, text FROM ", names.documents, " WHERE kind = '", kSeenKind, "'",
                      of_tables ? " AND id = ANY ($1)" : "");
}

void InsertEntry(OwnWrites& writes, const PostgresOwnTables& names, const JournalEntry& entry) {
  const std::string key = FoldName(entry.table);
  std::vector<postgres::Value> values = {entry.number,
                                         entry.salt,
                                         writes.Keep(key),
                                         writes.Keep(entry.table),
                                         entry.moment,
                                         static_cast<std::int64_t>(entry.operation),
                                         entry.columns.empty()
                                             ? postgres::Value::Null(postgres::Type::kText)
                                             : postgres::Value(writes.Keep(PackColumnList(entry.columns))),
                                         static_cast<std::int64_t>(entry.rows),
                                         BytesOrNull(writes, entry.least),
                                         BytesOrNull(writes, entry.most),
                                         BytesOrNull(writes, entry.keys),
                                         entry.cycle,
                                         static_cast<std::int64_t>(entry.seq),
                                         writes.Keep(entry.origin)};
  std::string columns, bound;
  if (entry.commit) {
    AddCommit(writes, *entry.commit, &values);
    columns = ", lsn, lineage, receipt, source_ms, done_ms, row_count";
    bound = ", $15, $16, $17, $18, $19, $20";
  }
  writes.Add(absl::StrCat("INSERT INTO ", names.journal,
                          " (number, salt, table_key, table_name, moment, operation, columns, row_total, "
                          "least, most, keys, cycle, seq, origin",
                          columns, ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14",
                          bound, ")"),
             std::move(values));
  NoteLast(writes, names, entry.number);
  if (entry.moment == entry.number && !entry.commit) {
    PutState(writes, names, StateKind::kJournal, {key, entry.number, std::nullopt});
  }
}

void CloseMoment(OwnWrites& writes, const PostgresOwnTables& names, const std::vector<StateRow>& state,
                 std::int64_t moment, const JournalEntry& by) {
  std::vector<postgres::Value> values;
  AddCommit(writes, *by.commit, &values);
  for (const std::int64_t number : {by.cycle, static_cast<std::int64_t>(by.seq), moment})
    values.emplace_back(number);
  values.emplace_back(writes.Keep(by.origin));
  writes.Add(
      absl::StrCat("UPDATE ", names.journal,
                   " SET lsn = $1, lineage = $2, receipt = $3, source_ms = $4, done_ms = $5, row_count "
                   "= $6, cycle = $7, seq = $8, origin = $10 WHERE number = $9"),
      std::move(values));
  for (const StateRow& row : state) {
    if (row.table_key.empty() || row.number != moment) continue;
    RemoveState(writes, names, StateKind::kJournal, row.table_key);
  }
}

void WriteDigest(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table,
                 const Position& position, std::int64_t rows, const std::string& digest) {
  writes.Add(
      absl::StrCat("UPDATE ", names.journal,
                   " SET row_count = $1, digest = $2 WHERE number = (SELECT number FROM ", names.journal,
                   " WHERE table_key = $3 AND number = moment ORDER BY number DESC LIMIT 1) AND "
                   "done_ms IS NOT NULL AND lsn = $4 AND lineage = $5"),
      {rows, postgres::Value::Bytes(writes.Keep(digest)), writes.Keep(FoldName(table)), position.lsn.value,
       postgres::Value::Bytes(writes.Keep(position.lineage))});
}

absl::StatusOr<std::int64_t> LastCommitOf(postgres::Connection& connection, const PostgresOwnTables& names,
                                          const std::string& table) {
  absl::StatusOr<std::int64_t> last =
      connection.Number(absl::StrCat("SELECT coalesce(max(number), 0) FROM ", names.journal,
                                     " WHERE table_key = $1 AND number = moment AND done_ms IS NOT NULL"),
                        {FoldName(table)}, "looking for a table's last commit");
  if (!last.ok()) return InStoreWords(last.status(), Touched::kOwnTable);
  return last;
}

absl::StatusOr<std::int64_t> TrimJournal(postgres::Connection& connection, const PostgresOwnTables& names,
                                         bool has_history, std::int64_t through, std::int64_t count_max) {
  ASSIGN_OR_RETURN(const Passed passed, FindPassed(connection, names, through, count_max));
  if (passed.count == 0) return 0;
  const std::string of_history =
      has_history ? absl::StrCat(" OR number >= (SELECT min(h.known_from) FROM ", names.history,
                                 " AS h WHERE lower(h.table_name COLLATE \"C\") = j.table_key)")
                  : "";
  const std::string stays = absl::StrCat("number = moment AND (done_ms IS NULL", of_history, ") IS TRUE");
  const int head = static_cast<int>(JournalOperation::kHead);
  absl::StatusOr<std::int64_t> gone =
      connection.Run(absl::StrCat("DELETE FROM ", names.floor), {}, kTrimming);
  for (const std::string& sql :
       {absl::StrCat("INSERT INTO ", names.floor, " SELECT number, salt FROM ", names.journal,
                     " WHERE number = $1"),
        // What stays says when a moment began and ended, and no more which rows it was about.
        absl::StrCat(
            "UPDATE ", names.journal, " AS j SET operation = ", head,
            ", columns = NULL, row_total = 0, least = NULL, most = NULL, keys = NULL WHERE number <= "
            "$1 AND ",
            stays, " AND operation <> ", head),
        absl::StrCat("DELETE FROM ", names.journal, " AS j WHERE number <= $1 AND NOT (", stays, ")")}) {
    if (gone.ok()) gone = connection.Run(sql, {passed.through}, kTrimming);
  }
  if (!gone.ok()) return InStoreWords(gone.status(), Touched::kOwnTable);
  return passed.count;
}

void ForgetJournalKeys(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table) {
  writes.Add(absl::StrCat(
                 "UPDATE ", names.journal, " SET operation = ", static_cast<int>(JournalOperation::kCompare),
                 ", columns = NULL, least = NULL, most = NULL, keys = NULL WHERE lower(table_name COLLATE "
                 "\"C\") = $1 AND keys IS NOT NULL"),
             {writes.Keep(FoldName(table))});
}

absl::StatusOr<std::int64_t> EraseJournalKey(postgres::Connection& connection, const PostgresOwnTables& names,
                                             const std::string& table, const Key& key) {
  std::vector<JournalEntry> changed;
  RETURN_IF_ERROR(
      MakePostgresJournalReader(connection, names)
          ->WalkBack(table, OrderedKey(key.front()), [&](const JournalEntry& entry) -> absl::StatusOr<bool> {
            if (std::optional<JournalEntry> rest = WithoutKey(entry, key))
              changed.push_back(*std::move(rest));
            return true;
          }));
  const auto bytes = [](const std::string& value) {
    return value.empty() ? postgres::Value::Null(postgres::Type::kBytea) : postgres::Value::Bytes(value);
  };
  for (const JournalEntry& entry : changed) {
    const absl::StatusOr<std::int64_t> written =
        connection.Run(absl::StrCat("UPDATE ", names.journal, " SET operation = $1, ",
                                    entry.columns.empty() ? "columns = NULL, " : "",
                                    "row_total = $2, least = $3, most = $4, keys = $5 WHERE number = $6"),
                       {static_cast<std::int64_t>(entry.operation), static_cast<std::int64_t>(entry.rows),
                        bytes(entry.least), bytes(entry.most), bytes(entry.keys), entry.number},
                       "removing a key from the journal");
    if (!written.ok()) return InStoreWords(written.status(), Touched::kOwnTable);
  }
  return static_cast<std::int64_t>(changed.size());
}

}  // namespace mirror
