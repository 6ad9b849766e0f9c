#include "server/store/sqlite/rows/sqlite_journal.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/journal/journal_entry.h"
#include "server/journal/key_block.h"
#include "server/journal/seen_mark.h"
#include "server/own_records/sqlite_record.h"
#include "server/store/mirror_records.h"

namespace mirror {
namespace {

constexpr char kJournal[] = "_mirror_journal";

constexpr const char* kBesideJournal[] = {
    "CREATE INDEX _mirror_journal_heads ON _mirror_journal (table_name) WHERE number = moment",
    "CREATE TABLE _mirror_floor (number INTEGER NOT NULL, salt INTEGER NOT NULL)",
    ("CREATE VIEW _mirror_commits AS SELECT number AS moment, table_name, cycle, lsn, lineage, receipt, "
     "source_ms, done_ms, row_count FROM _mirror_journal WHERE number = moment AND done_ms IS NOT NULL")};

/// Columns of an entry that are written together, and the UPDATE that writes them.
struct PartOfEntry {
  explicit PartOfEntry(std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
      places.push_back(PlaceOf(JournalTable().columns(), name));
      columns.push_back(JournalTable().columns()[places.back()]);
      absl::StrAppend(&sql, sql.empty() ? "UPDATE _mirror_journal SET " : ", ", std::string(name), " = ?",
                      places.size());
    }
    absl::StrAppend(&sql, " WHERE number = ?", places.size() + 1);
  }
  std::vector<std::size_t> places;
  std::vector<ColumnShape> columns;
  std::string sql;
};

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
    static const std::string sql = JournalTable().InsertSql(kInSqlite);
    ASSIGN_OR_RETURN(Query query, connection_.Prepare(sql));
    return WriteRow(JournalTable(), entry, std::move(query));
  }

  absl::Status CloseMoment(std::int64_t moment, const JournalEntry& by) override {
    static const PartOfEntry commit(
        {"lsn", "lineage", "receipt", "source_ms", "done_ms", "row_count", "cycle", "seq", "origin"});
    return Update(moment, by, commit);
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
    static const PartOfEntry rest({"operation", "row_total", "least", "most", "keys"});
    static const PartOfEntry without_columns({"operation", "row_total", "least", "most", "keys", "columns"});
    for (const JournalEntry& entry : changed) {
      RETURN_IF_ERROR(Update(entry.number, entry, entry.columns.empty() ? without_columns : rest));
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

  /// Writes these columns of `entry` to the row with this number.
  absl::Status Update(std::int64_t number, const JournalEntry& entry, const PartOfEntry& part) {
    const Fields all = JournalTable().Write(entry);
    std::vector<Field> values;
    for (const std::size_t place : part.places) values.push_back(all[place]);
    const Fields written(part.columns, std::move(values));
    ASSIGN_OR_RETURN(Query query, connection_.Prepare(part.sql));
    return BindFields(query, written).Bind(static_cast<int>(written.size()) + 1, number).Run();
  }

  absl::Status Make() {
    if (HasOwnTable(connection_, kJournal)) return absl::OkStatus();
    for (const char* const table : {"VIEW IF EXISTS _mirror_commits", "TABLE IF EXISTS _mirror_floor"}) {
      RETURN_IF_ERROR(connection_.Execute(absl::StrCat("DROP ", table)));
    }
    RETURN_IF_ERROR(connection_.Execute(JournalTable().CreateSql(kInSqlite)));
    for (const char* const sql : kBesideJournal) {
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

/// e: the entry, h: the head of its moment, which has the columns of the commit.
const std::string& SelectSql() {
  static const std::string sql = [] {
    std::string names;
    std::string_view from = "e.";
    for (const ColumnShape& column : JournalTable().columns()) {
      if (column.name == "lsn") from = "h.";
      absl::StrAppend(&names, names.empty() ? "" : ", ", std::string(from), std::string(column.name));
    }
    return absl::StrCat("SELECT ", names,
                        " FROM _mirror_journal AS e LEFT JOIN _mirror_journal AS h ON h.number = e.moment ");
  }();
  return sql;
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
            SelectSql(),
            "WHERE e.number > ?1 AND e.number > coalesce((SELECT number FROM _mirror_floor), 0) AND "
            "e.operation <> ",
            static_cast<int>(JournalOperation::kHead),
            " AND (?2 = '' OR e.table_name = ?2) ORDER BY e.number LIMIT ?3")));
    query.Bind(1, page.after).Bind(2, page.table).Bind(3, static_cast<std::int64_t>(page.entries_max));
    std::uint64_t bytes = 0;
    for (;;) {
      ASSIGN_OR_RETURN(std::optional<JournalEntry> entry, ReadNext(JournalTable(), query));
      if (!entry) return entries;
      bytes += entry->keys.size();
      if (!entries.empty() && bytes > page.bytes_max) return entries;
      entries.push_back(*std::move(entry));
    }
  }

  absl::Status WalkBack(const std::string& table, const std::string& ordered_key,
                        const TakeEntry& take) override {
    if (!IsThere()) return absl::OkStatus();
    ASSIGN_OR_RETURN(
        Query query,
        connection_.Prepare(absl::StrCat(
            SelectSql(),
            "WHERE e.table_name = ?1 AND (e.keys IS NULL OR (e.least <= ?2 AND e.most >= ?2)) AND "
            "e.operation <> ",
            static_cast<int>(JournalOperation::kHead), " ORDER BY e.number DESC")));
    query.Bind(1, table).BindBlob(2, ordered_key);
    return TakeAll(query, take);
  }

  absl::Status WalkProven(const std::string& table, const TakeEntry& take) override {
    if (!IsThere()) return absl::OkStatus();
    ASSIGN_OR_RETURN(
        Query query,
        connection_.Prepare(absl::StrCat(
            SelectSql(),
            "WHERE e.table_name = ?1 AND e.number = e.moment AND e.done_ms IS NOT NULL AND e.digest "
            "IS NOT NULL ORDER BY e.number DESC")));
    query.Bind(1, table);
    return TakeAll(query, take);
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
    if (!IsThere()) return std::vector<JournalEntry>();
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
            SelectSql(), "WHERE e.table_name = ?1 AND e.number = e.moment AND e.done_ms IS NOT NULL AND ",
            fits, " ORDER BY e.number DESC LIMIT ", as_of.lsn ? 3 : 1)));
    query.Bind(1, table).Bind(2, as_of.moment ? *as_of.moment : as_of.lsn ? *as_of.lsn : *as_of.unix_ms);
    return ReadRows(JournalTable(), query);
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
  /// Calls `take` for the rows of `query` until it returns false.
  static absl::Status TakeAll(Query& query, const TakeEntry& take) {
    for (;;) {
      ASSIGN_OR_RETURN(const std::optional<JournalEntry> entry, ReadNext(JournalTable(), query));
      if (!entry) return absl::OkStatus();
      ASSIGN_OR_RETURN(const bool more, take(*entry));
      if (!more) return absl::OkStatus();
    }
  }

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
