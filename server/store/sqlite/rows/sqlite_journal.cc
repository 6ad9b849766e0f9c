#include "server/store/sqlite/rows/sqlite_journal.h"

#include <sqlite3.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/journal/journal_entry.h"
#include "server/journal/key_block.h"
#include "server/journal/seen_mark.h"

namespace mirror {
namespace {

constexpr char kJournal[] = "_mirror_journal";

constexpr const char* kTables[] = {
    ("CREATE TABLE _mirror_journal (number INTEGER PRIMARY KEY, salt INTEGER NOT NULL, table_name TEXT NOT "
     "NULL "
     "COLLATE NOCASE, moment INTEGER NOT NULL, operation INTEGER NOT NULL, columns TEXT, row_total INTEGER, "
     "least BLOB, most BLOB, keys BLOB, cycle INTEGER, seq INTEGER, origin TEXT, lsn INTEGER, lineage BLOB, "
     "receipt INTEGER, source_ms INTEGER, done_ms INTEGER, row_count INTEGER, digest BLOB)"),
    "CREATE INDEX _mirror_journal_heads ON _mirror_journal (table_name) WHERE number = moment",
    "CREATE TABLE _mirror_floor (number INTEGER NOT NULL, salt INTEGER NOT NULL)",
    ("CREATE VIEW _mirror_commits AS SELECT number AS moment, table_name, cycle, lsn, lineage, receipt, "
     "source_ms, done_ms, row_count FROM _mirror_journal WHERE number = moment AND done_ms IS NOT NULL")};

class SqliteJournal final : public JournalVerbs {
 public:
  explicit SqliteJournal(SqliteConnection& connection) : connection_(connection) {}

  absl::StatusOr<JournalPlace> ReadPlace(const std::string& table) override {
    JournalPlace place;
    if (!HasOwnTable(connection_, kJournal)) return place;
    ASSIGN_OR_RETURN(
        Query query,
        connection_.Prepare(
            "SELECT coalesce((SELECT max(number) FROM _mirror_journal), 0), coalesce((SELECT CASE WHEN "
            "done_ms "
            "IS NULL THEN number END FROM _mirror_journal WHERE table_name = ?1 AND number = moment ORDER BY "
            "number DESC LIMIT 1), 0)"));
    RETURN_IF_ERROR(query.Bind(1, table).StepToRow());
    place.last = query.Int(0);
    place.open = query.Int(1);
    return place;
  }

  absl::StatusOr<std::optional<std::string>> ReadSeen(const std::string& table) override {
    if (!HasOwnTable(connection_, "_mirror_documents")) return std::nullopt;
    ASSIGN_OR_RETURN(Query query,
                     connection_.Prepare("SELECT text FROM _mirror_documents WHERE kind = ?1 AND id = ?2"));
    const std::string id = FoldName(table);
    ASSIGN_OR_RETURN(const bool row, query.Bind(1, kSeenKind).Bind(2, id).Step());
    return row ? std::optional(query.Text(0)) : std::nullopt;
  }

  absl::StatusOr<std::int64_t> FindLastCommit(const std::string& table) override {
    return HasOwnTable(connection_, kJournal) ? LastCommitOf(connection_, table) : 0;
  }

  absl::Status AddEntry(const JournalEntry& entry) override {
    RETURN_IF_ERROR(Make());
    ASSIGN_OR_RETURN(
        Query query,
        connection_.Prepare(
            "INSERT INTO _mirror_journal (number, salt, table_name, moment, operation, columns, row_total, "
            "least, "
            "most, keys, cycle, seq, origin, lsn, lineage, receipt, source_ms, done_ms, row_count) VALUES "
            "(?1, "
            "?2, "
            "?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)"));
    query.Bind(1, entry.number).Bind(2, entry.salt).Bind(3, entry.table).Bind(4, entry.moment);
    query.Bind(5, static_cast<std::int64_t>(entry.operation));
    const std::string columns = PackColumnList(entry.columns);
    if (entry.columns.empty()) {
      query.BindNull(6);
    } else {
      query.Bind(6, columns);
    }
    query.Bind(7, static_cast<std::int64_t>(entry.rows));
    BindBytes(query, 8, entry.least);
    BindBytes(query, 9, entry.most);
    BindBytes(query, 10, entry.keys);
    query.Bind(11, entry.cycle).Bind(12, static_cast<std::int64_t>(entry.seq)).Bind(13, entry.origin);
    if (entry.commit) BindCommit(query, 14, *entry.commit);
    return query.Run();
  }

  absl::Status CloseMoment(std::int64_t moment, const JournalEntry& by) override {
    ASSIGN_OR_RETURN(
        Query query,
        connection_.Prepare(
            "UPDATE _mirror_journal SET lsn = ?1, lineage = ?2, receipt = ?3, source_ms = ?4, done_ms = ?5, "
            "row_count = ?6, cycle = ?7, seq = ?8, origin = ?9 WHERE number = ?10"));
    BindCommit(query, 1, *by.commit);
    query.Bind(7, by.cycle).Bind(8, static_cast<std::int64_t>(by.seq)).Bind(9, by.origin);
    return query.Bind(10, moment).Run();
  }

  absl::Status NoteDigest(const std::string& table, const Position& position, std::int64_t rows,
                          const std::string& digest) override {
    if (!HasOwnTable(connection_, kJournal)) return absl::OkStatus();
    ASSIGN_OR_RETURN(
        Query query,
        connection_.Prepare(
            "UPDATE _mirror_journal SET row_count = ?1, digest = ?2 WHERE number = (SELECT number FROM "
            "_mirror_journal WHERE table_name = ?3 AND number = moment ORDER BY number DESC LIMIT 1) AND "
            "done_ms "
            "IS NOT NULL AND lsn = ?4 AND "
            "lineage = ?5"));
    return query.Bind(1, rows)
        .BindBlob(2, digest)
        .Bind(3, table)
        .Bind(4, position.lsn.value)
        .BindBlob(5, position.lineage)
        .Run();
  }

  absl::Status ForgetKeys(const std::string& table) override {
    if (!HasOwnTable(connection_, kJournal)) return absl::OkStatus();
    ASSIGN_OR_RETURN(
        Query query,
        connection_.Prepare(absl::StrCat(
            "UPDATE _mirror_journal SET operation = ", static_cast<int>(JournalOperation::kCompare),
            ", columns = NULL, least = NULL, most = NULL, keys = NULL WHERE table_name = ?1 AND keys IS "
            "NOT NULL")));
    return query.Bind(1, table).Run();
  }

  absl::StatusOr<std::int64_t> EraseKey(const std::string& table, const Key& key) override {
    std::vector<JournalEntry> changed;
    RETURN_IF_ERROR(MakeSqliteJournalReader(connection_)
                        ->WalkBack(table, OrderedKey(key.front()),
                                   [&](const JournalEntry& entry) -> absl::StatusOr<bool> {
                                     if (std::optional<JournalEntry> rest = WithoutKey(entry, key))
                                       changed.push_back(*std::move(rest));
                                     return true;
                                   }));
    for (const JournalEntry& entry : changed) {
      RETURN_IF_ERROR(WriteAgain(entry));
    }
    return static_cast<std::int64_t>(changed.size());
  }

  absl::StatusOr<std::int64_t> Trim(std::int64_t through, std::int64_t count_max) override {
    if (!HasOwnTable(connection_, kJournal)) return 0;
    ASSIGN_OR_RETURN(const Passed passed, FindPassed(through, count_max));
    if (passed.count == 0) return 0;
    const bool has_history = HasOwnTable(connection_, "_mirror_history");
    const std::string stays =
        absl::StrCat("number = moment AND (done_ms IS NULL",
                     has_history ? " OR number >= (SELECT h.known_from FROM _mirror_history AS h WHERE "
                                   "h.table_name = _mirror_journal.table_name))"
                                 : ")",
                     " IS TRUE");
    for (const std::string& sql :
         {std::string("DELETE FROM _mirror_floor"),
          std::string("INSERT INTO _mirror_floor SELECT number, salt FROM _mirror_journal WHERE number = ?1"),
          // The heads that stay say when a moment began and ended, but no longer name rows.
          absl::StrCat("UPDATE _mirror_journal SET operation = ", static_cast<int>(JournalOperation::kHead),
                       ", columns = NULL, row_total = 0, least = NULL, most = NULL, keys = NULL WHERE number "
                       "<= ?1 AND ",
                       stays, " AND operation <> ", static_cast<int>(JournalOperation::kHead)),
          absl::StrCat("DELETE FROM _mirror_journal WHERE number <= ?1 AND NOT (", stays, ")")}) {
      ASSIGN_OR_RETURN(Query query, connection_.Prepare(sql));
      if (sql.find("?1") != std::string::npos) query.Bind(1, passed.through);
      RETURN_IF_ERROR(query.Run());
    }
    return passed.count;
  }

 private:
  /// The entries that one call of Trim() passes. It removes them, or keeps only their heads.
  struct Passed {
    std::int64_t through = 0;  ///< The last entry.
    std::int64_t count = 0;
  };

  static void BindBytes(Query& query, int place, const std::string& bytes) {
    if (bytes.empty()) {
      query.BindNull(place);
    } else {
      query.BindBlob(place, bytes);
    }
  }

  absl::Status WriteAgain(const JournalEntry& entry) {
    ASSIGN_OR_RETURN(
        Query query,
        connection_.Prepare(
            "UPDATE _mirror_journal SET operation = ?1, columns = CASE WHEN ?2 THEN NULL ELSE columns END, "
            "row_total = ?3, least = ?4, most = ?5, keys = ?6 WHERE number = ?7"));
    query.Bind(1, static_cast<std::int64_t>(entry.operation));
    query.Bind(2, static_cast<std::int64_t>(entry.columns.empty()));
    query.Bind(3, static_cast<std::int64_t>(entry.rows));
    BindBytes(query, 4, entry.least);
    BindBytes(query, 5, entry.most);
    BindBytes(query, 6, entry.keys);
    return query.Bind(7, entry.number).Run();
  }

  static void BindCommit(Query& query, int place, const JournalCommit& commit) {
    query.Bind(place, commit.position.lsn.value).BindBlob(place + 1, commit.position.lineage);
    query.Bind(place + 2, static_cast<std::int64_t>(commit.receipt));
    if (commit.source_ms) {
      query.Bind(place + 3, *commit.source_ms);
    } else {
      query.BindNull(place + 3);
    }
    query.Bind(place + 4, commit.done_ms).Bind(place + 5, commit.row_count);
  }

  absl::Status Make() {
    if (HasOwnTable(connection_, kJournal)) return absl::OkStatus();
    for (const char* const table : {"VIEW IF EXISTS _mirror_commits", "TABLE IF EXISTS _mirror_floor"}) {
      RETURN_IF_ERROR(connection_.Execute(absl::StrCat("DROP ", table)));
    }
    for (const char* const sql : kTables) {
      RETURN_IF_ERROR(connection_.Execute(sql));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Passed> FindPassed(std::int64_t through, std::int64_t count_max) {
    ASSIGN_OR_RETURN(
        Query query,
        connection_.Prepare(
            "SELECT coalesce(max(number), 0), count(*) FROM (SELECT number FROM _mirror_journal WHERE number "
            "<= "
            "?1 AND "
            "number "
            "> coalesce((SELECT number FROM _mirror_floor), 0) AND number < (SELECT max(number) FROM "
            "_mirror_journal) ORDER BY number LIMIT ?2)"));
    RETURN_IF_ERROR(query.Bind(1, through).Bind(2, count_max).StepToRow());
    return Passed{query.Int(0), query.Int(1)};
  }

  SqliteConnection& connection_;
};

}  // namespace

std::unique_ptr<JournalVerbs> MakeSqliteJournal(SqliteConnection& connection) {
  return std::make_unique<SqliteJournal>(connection);
}

bool HasOwnTable(SqliteConnection& connection, const std::string& name) {
  return sqlite3_table_column_metadata(connection.handle(), "main", name.c_str(), nullptr, nullptr, nullptr,
                                       nullptr, nullptr, nullptr) == SQLITE_OK;
}

namespace {

/// Bytes of an entry beside its keys, roughly.
constexpr int kEntryBytes = 100;

/// e: the entry, h: the head of its moment.
constexpr char kSelect[] =
    "SELECT e.number, e.salt, e.table_name, e.moment, e.operation, e.columns, e.row_total, e.least, e.most, "
    "e.keys, e.cycle, e.seq, e.origin, h.lsn, h.lineage, h.receipt, h.source_ms, h.done_ms, h.row_count, "
    "h.digest FROM _mirror_journal AS e LEFT JOIN _mirror_journal AS h ON h.number = e.moment ";

std::optional<JournalCommit> CommitOf(const Query& row) {
  constexpr int kDone = 17;
  if (row.IsNull(kDone)) return std::nullopt;
  JournalCommit commit;
  commit.position = {.lsn = {row.Int(13)}, .lineage = row.Text(14)};
  commit.receipt = static_cast<std::uint64_t>(row.Int(15));
  if (!row.IsNull(16)) commit.source_ms = row.Int(16);
  commit.done_ms = row.Int(kDone);
  commit.row_count = row.IsNull(18) ? -1 : row.Int(18);
  commit.digest = row.Text(19);
  return commit;
}

JournalEntry EntryOf(const Query& row) {
  JournalEntry entry;
  entry.number = row.Int(0);
  entry.salt = row.Int(1);
  entry.table = row.Text(2);
  entry.moment = row.Int(3);
  entry.operation = static_cast<JournalOperation>(row.Int(4));
  if (!row.IsNull(5)) entry.columns = UnpackColumnList(row.View(5));
  entry.rows = static_cast<std::uint64_t>(row.Int(6));
  entry.least = row.Text(7);
  entry.most = row.Text(8);
  entry.keys = row.Text(9);
  entry.cycle = row.Int(10);
  entry.seq = static_cast<std::uint64_t>(row.Int(11));
  entry.origin = row.Text(12);
  entry.commit = CommitOf(row);
  return entry;
}

class SqliteJournalReader final : public JournalReader {
 public:
  explicit SqliteJournalReader(SqliteConnection& connection) : connection_(connection) {}

  absl::StatusOr<JournalBounds> ReadBounds() override {
    JournalBounds bounds;
    if (!IsThere()) return bounds;
    ASSIGN_OR_RETURN(
        Query query,
        connection_.Prepare(
            "SELECT number, salt, 1 FROM _mirror_floor UNION ALL SELECT * FROM (SELECT number, salt, 2 FROM "
            "_mirror_journal ORDER BY number DESC LIMIT 1)"));
    absl::StatusOr<bool> row = query.Step();
    for (; row.ok() && *row; row = query.Step()) {
      (query.Int(2) == 1 ? bounds.floor : bounds.last) = {query.Int(0), query.Int(1)};
    }
    if (!row.ok()) return row.status();
    return bounds;
  }

  absl::StatusOr<std::optional<std::int64_t>> ReadSalt(std::int64_t number) override {
    if (!IsThere()) return std::nullopt;
    ASSIGN_OR_RETURN(Query query, connection_.Prepare("SELECT salt FROM _mirror_journal WHERE number = ?1 "
                                                      "UNION ALL SELECT salt FROM _mirror_floor WHERE "
                                                      "number = ?1 LIMIT 1"));
    ASSIGN_OR_RETURN(const bool row, query.Bind(1, number).Step());
    return row ? std::optional(query.Int(0)) : std::nullopt;
  }

  absl::StatusOr<std::vector<JournalEntry>> ReadAfter(const JournalPage& page) override {
    std::vector<JournalEntry> entries;
    if (!IsThere()) return entries;
    ASSIGN_OR_RETURN(
        Query query,
        connection_.Prepare(absl::StrCat(
            kSelect,
            "WHERE e.number > ?1 AND e.number > coalesce((SELECT number FROM _mirror_floor), 0) AND "
            "e.operation <> ",
            static_cast<int>(JournalOperation::kHead),
            " AND (?2 = '' OR e.table_name = ?2) ORDER BY e.number LIMIT ?3")));
    query.Bind(1, page.after).Bind(2, page.table).Bind(3, static_cast<std::int64_t>(page.entries_max));
    std::uint64_t bytes = 0;
    absl::StatusOr<bool> row = query.Step();
    for (; row.ok() && *row; row = query.Step()) {
      JournalEntry entry = EntryOf(query);
      bytes += entry.keys.size();
      if (!entries.empty() && bytes > page.bytes_max) break;
      entries.push_back(std::move(entry));
    }
    if (!row.ok()) return row.status();
    return entries;
  }

  absl::Status WalkBack(const std::string& table, const std::string& ordered_key,
                        const TakeEntry& take) override {
    if (!IsThere()) return absl::OkStatus();
    ASSIGN_OR_RETURN(
        Query query,
        connection_.Prepare(absl::StrCat(
            kSelect,
            "WHERE e.table_name = ?1 AND (e.keys IS NULL OR (e.least <= ?2 AND e.most >= ?2)) AND "
            "e.operation <> ",
            static_cast<int>(JournalOperation::kHead), " ORDER BY e.number DESC")));
    query.Bind(1, table).BindBlob(2, ordered_key);
    absl::StatusOr<bool> row = query.Step();
    for (; row.ok() && *row; row = query.Step()) {
      ASSIGN_OR_RETURN(const bool more, take(EntryOf(query)));
      if (!more) return absl::OkStatus();
    }
    return row.status();
  }

  absl::Status WalkProven(const std::string& table, const TakeEntry& take) override {
    if (!IsThere()) return absl::OkStatus();
    ASSIGN_OR_RETURN(
        Query query,
        connection_.Prepare(absl::StrCat(
            kSelect,
            "WHERE e.table_name = ?1 AND e.number = e.moment AND e.done_ms IS NOT NULL AND e.digest "
            "IS NOT NULL ORDER BY e.number DESC")));
    query.Bind(1, table);
    absl::StatusOr<bool> row = query.Step();
    for (; row.ok() && *row; row = query.Step()) {
      ASSIGN_OR_RETURN(const bool more, take(EntryOf(query)));
      if (!more) return absl::OkStatus();
    }
    return row.status();
  }

  absl::StatusOr<std::int64_t> CountEntries(const std::string& table) override {
    if (!IsThere()) return 0;
    ASSIGN_OR_RETURN(
        Query query,
        connection_.Prepare(absl::StrCat(
            "SELECT count(*) FROM _mirror_journal WHERE table_name = ?1 AND number > coalesce((SELECT "
            "number FROM _mirror_floor), 0) AND operation <> ",
            static_cast<int>(JournalOperation::kHead))));
    RETURN_IF_ERROR(query.Bind(1, table).StepToRow());
    return query.Int(0);
  }

  absl::StatusOr<std::vector<JournalEntry>> FindCommits(const std::string& table,
                                                        const AsOf& as_of) override {
    std::vector<JournalEntry> commits;
    if (!IsThere()) return commits;
    // If an LSN occurs twice, as after a restore of the source, two commits are the last at or before it. The
    // highest LSN after the last commit before that restore is unknown.
    const std::string fits = as_of.moment ? "e.number <= ?2"
                             : as_of.lsn  ? "e.number IN (SELECT number FROM (SELECT number, lsn, lead(lsn) "
                                            "OVER (ORDER BY number) AS next FROM "
                                            "_mirror_journal WHERE table_name = ?1 AND number = moment AND "
                                            "done_ms IS NOT NULL) WHERE lsn <= "
                                            "?2 AND (next IS NULL OR next > ?2 OR (next < lsn AND lsn = ?2)))"
                                          : "coalesce(e.source_ms, e.done_ms) <= ?2";
    ASSIGN_OR_RETURN(
        Query query,
        connection_.Prepare(absl::StrCat(
            kSelect, "WHERE e.table_name = ?1 AND e.number = e.moment AND e.done_ms IS NOT NULL AND ", fits,
            " ORDER BY e.number DESC LIMIT ", as_of.lsn ? 3 : 1)));
    query.Bind(1, table).Bind(2, as_of.moment ? *as_of.moment : as_of.lsn ? *as_of.lsn : *as_of.unix_ms);
    absl::StatusOr<bool> row = query.Step();
    for (; row.ok() && *row; row = query.Step()) commits.push_back(EntryOf(query));
    if (!row.ok()) return row.status();
    return commits;
  }

  absl::StatusOr<std::int64_t> FindTrim(const OldCommits& old, std::uint64_t bytes_max) override {
    if (!IsThere()) return 0;
    const absl::StatusOr<std::int64_t> through = FindLastOld(connection_, "", old);
    if (!through.ok()) return through;
    ASSIGN_OR_RETURN(
        Query over,
        connection_.Prepare(absl::StrCat(
            "SELECT coalesce(max(number), 0) FROM (SELECT number, sum(coalesce(length(keys), 0) + ",
            kEntryBytes, ") OVER (ORDER BY number DESC) AS kept FROM _mirror_journal) WHERE kept > ?1")));
    const auto bytes = static_cast<std::int64_t>(std::min<std::uint64_t>(bytes_max, INT64_MAX));
    RETURN_IF_ERROR(over.Bind(1, bytes).StepToRow());
    return std::max(*through, over.Int(0));
  }

 private:
  bool IsThere() { return HasOwnTable(connection_, "_mirror_journal"); }

  SqliteConnection& connection_;
};

}  // namespace

absl::StatusOr<std::int64_t> LastCommitOf(SqliteConnection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "SELECT coalesce((SELECT number FROM _mirror_journal WHERE table_name = ?1 AND number = moment AND "
          "done_ms IS NOT NULL ORDER BY number DESC LIMIT 1), 0)"));
  RETURN_IF_ERROR(query.Bind(1, table).StepToRow());
  return query.Int(0);
}

absl::StatusOr<std::int64_t> FindLastOld(SqliteConnection& connection, const std::string& table,
                                         const OldCommits& old) {
  const std::string heads =
      absl::StrCat("FROM _mirror_journal WHERE ", table.empty() ? "?1 = ''" : "table_name = ?1",
                   " AND number = moment AND done_ms ");
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare(absl::StrCat("SELECT coalesce(max(number), 0) ", heads,
                                                   "< ?2 AND number < coalesce((SELECT min(number) ", heads,
                                                   "BETWEEN ?2 AND ?3), ", INT64_MAX, ")")));
  query.Bind(1, table).Bind(2, old.before_ms).Bind(3, old.now_ms);
  RETURN_IF_ERROR(query.StepToRow());
  return query.Int(0);
}

std::unique_ptr<JournalReader> MakeSqliteJournalReader(SqliteConnection& connection) {
  return std::make_unique<SqliteJournalReader>(connection);
}

}  // namespace mirror
