#include "server/store/postgres/tables/journal_rows.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/value.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/journal/journal_entry.h"
#include "server/journal/key_block.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {
namespace {

constexpr char kTrimming[] = "trimming the journal";

postgres::Value BytesOrNull(OwnWrites& writes, const std::string& bytes) {
  return bytes.empty() ? postgres::Value::Null(postgres::Type::kBytea)
                       : postgres::Value::Bytes(writes.Keep(bytes));
}

/// Appends lsn, lineage, receipt, source_ms, done_ms and row_count.
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

/// The entries that this call removes, or of which it keeps only the heads.
struct Passed {
  std::int64_t through = 0;  ///< Number of the last entry.
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
  if (!passed.ok()) return ToStoreStatus(passed.status(), TableOwner::kOwnTable);
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
  return ToStoreStatus(
      connection.Number(absl::StrCat("SELECT coalesce(max(number), 0) FROM ", names.journal,
                                     " WHERE table_key = $1 AND number = moment AND done_ms IS NOT NULL"),
                        {FoldName(table)}, "looking for a table's last commit"),
      TableOwner::kOwnTable);
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
        // An entry that stays still says when a moment began and ended, but no longer names rows.
        absl::StrCat(
            "UPDATE ", names.journal, " AS j SET operation = ", head,
            ", columns = NULL, row_total = 0, least = NULL, most = NULL, keys = NULL WHERE number <= "
            "$1 AND ",
            stays, " AND operation <> ", head),
        absl::StrCat("DELETE FROM ", names.journal, " AS j WHERE number <= $1 AND NOT (", stays, ")")}) {
    if (gone.ok()) gone = connection.Run(sql, {passed.through}, kTrimming);
  }
  if (!gone.ok()) return ToStoreStatus(gone.status(), TableOwner::kOwnTable);
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
    if (!written.ok()) return ToStoreStatus(written.status(), TableOwner::kOwnTable);
  }
  return static_cast<std::int64_t>(changed.size());
}

namespace {

constexpr char kReadingJournal[] = "reading the journal";
constexpr char kSelected[] =
    "SELECT e.number, e.salt, e.table_name, e.moment, e.operation, e.columns, e.row_total, e.least, e.most, "
    "e.keys, e.cycle, e.seq, e.origin, h.lsn, h.lineage, h.receipt, h.source_ms, h.done_ms, h.row_count, "
    "h.digest";
/// The folded table name of an entry. Somebody may have changed `table_key`, by which heads are found.
constexpr char kOfTable[] = "lower(e.table_name COLLATE \"C\")";
/// Estimated size of an entry without its keys.
constexpr int kEntryBytes = 100;
/// Limits of entries in memory, and of the bytes of their keys. One entry is always allowed.
constexpr std::size_t kEntriesAtOnce = 100;
constexpr std::int64_t kBytesAtOnce = 1 << 20;

std::optional<JournalCommit> CommitOf(const postgres::Rows& rows, int row) {
  constexpr int kDone = 17;
  if (rows.IsNull(row, kDone)) return std::nullopt;
  JournalCommit commit;
  commit.position = {.lsn = {rows.Int(row, 13)}, .lineage = rows.Text(row, 14)};
  commit.receipt = static_cast<std::uint64_t>(rows.Int(row, 15));
  if (!rows.IsNull(row, 16)) commit.source_ms = rows.Int(row, 16);
  commit.done_ms = rows.Int(row, kDone);
  commit.row_count = rows.IsNull(row, 18) ? -1 : rows.Int(row, 18);
  commit.digest = rows.Text(row, 19);
  return commit;
}

JournalEntry EntryOf(const postgres::Rows& rows, int row) {
  JournalEntry entry;
  entry.number = rows.Int(row, 0);
  entry.salt = rows.Int(row, 1);
  entry.table = rows.Text(row, 2);
  entry.moment = rows.Int(row, 3);
  entry.operation = static_cast<JournalOperation>(rows.Int(row, 4));
  if (!rows.IsNull(row, 5)) entry.columns = UnpackColumnList(rows.View(row, 5));
  entry.rows = static_cast<std::uint64_t>(rows.Int(row, 6));
  entry.least = rows.Text(row, 7);
  entry.most = rows.Text(row, 8);
  entry.keys = rows.Text(row, 9);
  entry.cycle = rows.Int(row, 10);
  entry.seq = static_cast<std::uint64_t>(rows.Int(row, 11));
  entry.origin = rows.Text(row, 12);
  entry.commit = CommitOf(rows, row);
  return entry;
}

class PostgresJournalReader final : public JournalReader {
 public:
  PostgresJournalReader(postgres::Connection& connection, const PostgresOwnTables& names)
      : connection_(connection),
        names_(names),
        from_(absl::StrCat(" FROM ", names.journal, " AS e LEFT JOIN ", names.journal,
                           " AS h ON h.number = e.moment WHERE ")) {}

  absl::StatusOr<JournalBounds> ReadBounds() override {
    JournalBounds bounds;
    const absl::StatusOr<bool> there = IsThere();
    if (!there.ok() || !*there) return there.ok() ? absl::StatusOr<JournalBounds>(bounds) : there.status();
    ASSIGN_OR_RETURN(const auto rows,
                     Query(absl::StrCat("SELECT number, salt, 1::bigint FROM ", names_.floor,
                                        " UNION ALL SELECT * FROM (SELECT number, salt, 2::bigint FROM ",
                                        names_.journal, " ORDER BY number DESC LIMIT 1) AS newest"),
                           {}));
    for (int row = 0; row < rows.rows(); ++row) {
      (rows.Int(row, 2) == 1 ? bounds.floor : bounds.last) = {rows.Int(row, 0), rows.Int(row, 1)};
    }
    return bounds;
  }

  absl::StatusOr<std::optional<std::int64_t>> ReadSalt(std::int64_t number) override {
    std::optional<std::int64_t> salt;
    ASSIGN_OR_RETURN(const bool there, IsThere());
    if (!there) return salt;
    ASSIGN_OR_RETURN(const auto rows,
                     Query(absl::StrCat("SELECT salt FROM ", names_.journal, " WHERE number = $1 UNION ALL ",
                                        "SELECT salt FROM ", names_.floor, " WHERE number = $1 LIMIT 1"),
                           {number}));
    if (rows.rows() != 0) salt = rows.Int(0, 0);
    return salt;
  }

  absl::StatusOr<std::vector<JournalEntry>> ReadAfter(const JournalPage& page) override {
    std::vector<JournalEntry> entries;
    ASSIGN_OR_RETURN(const bool there, IsThere());
    if (!there) return entries;
    const std::string sql =
        PageSql(absl::StrCat("e.number > $1 AND e.number > coalesce((SELECT max(number) FROM ", names_.floor,
                             "), 0) AND e.operation <> ", static_cast<int>(JournalOperation::kHead),
                             " AND ($2 = '' OR ", kOfTable, " = $2)"),
                "");
    const std::string key = FoldName(page.table);
    std::uint64_t bytes = 0;
    std::int64_t after = page.after;
    while (entries.size() < page.entries_max) {
      ASSIGN_OR_RETURN(const auto rows, Query(sql, {after, key}));
      for (int row = 0; row < rows.rows() && entries.size() < page.entries_max; ++row) {
        JournalEntry entry = EntryOf(rows, row);
        bytes += entry.keys.size();
        if (!entries.empty() && bytes > page.bytes_max) return entries;
        after = entry.number;
        entries.push_back(std::move(entry));
      }
      if (rows.rows() == 0) break;
    }
    return entries;
  }

  absl::Status WalkBack(const std::string& table, const std::string& ordered_key,
                        const TakeEntry& take) override {
    const absl::StatusOr<bool> there = IsThere();
    if (!there.ok() || !*there) return there.status();
    const std::string sql = PageSql(absl::StrCat("e.number < $1 AND ", kOfTable,
                                                 " = $2 AND (e.keys IS NULL OR (e.least <= $3 AND "
                                                 "e.most >= $3)) AND e.operation <> ",
                                                 static_cast<int>(JournalOperation::kHead)),
                                    " DESC");
    const std::string key = FoldName(table);
    return WalkDown(
        [&](std::int64_t before) {
          return Query(sql, {before, key, postgres::Value::Bytes(ordered_key)});
        },
        take);
  }

  absl::Status WalkProven(const std::string& table, const TakeEntry& take) override {
    const absl::StatusOr<bool> there = IsThere();
    if (!there.ok() || !*there) return there.status();
    const std::string sql = PageSql(
        "e.number < $1 AND e.table_key = $2 AND e.number = e.moment AND e.done_ms IS NOT NULL AND e.digest "
        "IS NOT NULL",
        " DESC");
    const std::string key = FoldName(table);
    return WalkDown([&](std::int64_t before) { return Query(sql, {before, key}); }, take);
  }

  absl::StatusOr<std::int64_t> CountEntries(const std::string& table) override {
    ASSIGN_OR_RETURN(const bool there, IsThere());
    if (!there) return 0;
    const std::string key = FoldName(table);
    ASSIGN_OR_RETURN(const auto rows,
                     Query(absl::StrCat("SELECT count(*) FROM ", names_.journal, " AS e WHERE ", kOfTable,
                                        " = $1 AND number > coalesce((SELECT max(number) FROM ", names_.floor,
                                        "), 0) AND operation <> ", static_cast<int>(JournalOperation::kHead)),
                           {key}));
    return rows.Int(0, 0);
  }

  absl::StatusOr<std::vector<JournalEntry>> FindCommits(const std::string& table,
                                                        const AsOf& as_of) override {
    std::vector<JournalEntry> commits;
    ASSIGN_OR_RETURN(const bool there, IsThere());
    if (!there) return commits;
    // After a restore of the source an LSN can occur twice. Then two commits are the last one at or before
    // it. The highest LSN that was reached after the last commit before that restore is unknown.
    const std::string by_lsn = absl::StrCat(
        "e.number IN (SELECT number FROM (SELECT number, lsn, lead(lsn) OVER (ORDER BY number) AS "
        "next FROM ",
        names_.journal,
        " WHERE table_key = $1 AND number = moment AND done_ms IS NOT NULL) AS each_commit WHERE "
        "lsn <= $2 AND (next IS NULL OR next > $2 OR (next < lsn AND lsn = $2)))");
    const std::string fits = as_of.moment ? "e.number <= $2"
                             : as_of.lsn  ? by_lsn
                                          : "coalesce(e.source_ms, e.done_ms) <= $2";
    const std::string key = FoldName(table);
    ASSIGN_OR_RETURN(
        const auto rows,
        Query(absl::StrCat(kSelected, from_,
                           "e.table_key = $1 AND e.number = e.moment AND e.done_ms IS NOT NULL AND ", fits,
                           " ORDER BY e.number DESC LIMIT ", as_of.lsn ? 3 : 1),
              {key, as_of.moment ? *as_of.moment
                    : as_of.lsn  ? *as_of.lsn
                                 : *as_of.unix_ms}));
    for (int row = 0; row < rows.rows(); ++row) commits.push_back(EntryOf(rows, row));
    return commits;
  }

  absl::StatusOr<std::int64_t> FindTrim(const OldCommits& old, std::uint64_t bytes_max) override {
    ASSIGN_OR_RETURN(const bool there, IsThere());
    if (!there) return 0;
    ASSIGN_OR_RETURN(const auto rows,
                     Query(absl::StrCat("SELECT greatest((", LastOldSql(names_, "true"),
                                        "), coalesce((SELECT max(number) FROM (SELECT "
                                        "number, sum(coalesce(octet_length(keys), 0) + ",
                                        kEntryBytes, ") OVER (ORDER BY number DESC) AS kept FROM ",
                                        names_.journal, ") AS each_entry WHERE kept > $3), 0))"),
                           {old.before_ms, old.now_ms,
                            static_cast<std::int64_t>(std::min<std::uint64_t>(bytes_max, INT64_MAX))}));
    return rows.Int(0, 0);
  }

 private:
  /// Passes entries to `take`, newest first, until it returns false. `read`: reads a page of entries with
  /// numbers below the given one. An empty page is the end.
  template <typename ReadPage>
  absl::Status WalkDown(const ReadPage& read, const TakeEntry& take) {
    for (std::int64_t before = INT64_MAX;;) {
      ASSIGN_OR_RETURN(const auto rows, read(before));
      for (int row = 0; row < rows.rows(); ++row) {
        JournalEntry entry = EntryOf(rows, row);
        before = entry.number;
        ASSIGN_OR_RETURN(const bool more, take(entry));
        if (!more) return absl::OkStatus();
      }
      if (rows.rows() == 0) return absl::OkStatus();
    }
  }
  /// Returns SQL that selects some of those entries, and at least one if there are any. `order`: " DESC", or
  /// empty.
  std::string PageSql(const std::string& which, const char* order) const {
    return absl::StrCat("SELECT * FROM (", kSelected,
                        ", sum(coalesce(octet_length(e.keys), 0)) OVER (ORDER BY e.number", order,
                        ") AS so_far", from_, which, " ORDER BY e.number", order, " LIMIT ", kEntriesAtOnce,
                        ") AS page WHERE so_far - coalesce(octet_length(keys), 0) < ", kBytesAtOnce,
                        " ORDER BY number", order);
  }
  absl::StatusOr<postgres::Rows> Query(const std::string& sql, postgres::Values values) {
    return ToStoreStatus(connection_.Query(sql, values, kReadingJournal), TableOwner::kOwnTable);
  }
  absl::StatusOr<bool> IsThere() {
    if (is_there_) return true;
    ASSIGN_OR_RETURN(const auto there, Query("SELECT to_regclass($1) IS NOT NULL", {names_.journal}));
    is_there_ = there.Bool(0, 0);
    return is_there_;
  }

  postgres::Connection& connection_;
  const PostgresOwnTables& names_;
  const std::string from_;
  bool is_there_ = false;
};

}  // namespace

std::string LastOldSql(const PostgresOwnTables& names, const std::string& which) {
  const std::string heads =
      absl::StrCat("FROM ", names.journal, " WHERE ", which, " AND number = moment AND done_ms ");
  return absl::StrCat("SELECT coalesce(max(number), 0) ", heads,
                      "< $1 AND number < coalesce((SELECT min(number) ", heads, "BETWEEN $1 AND $2), ",
                      INT64_MAX, ")");
}

std::unique_ptr<JournalReader> MakePostgresJournalReader(postgres::Connection& connection,
                                                         const PostgresOwnTables& names) {
  return std::make_unique<PostgresJournalReader>(connection, names);
}

}  // namespace mirror
