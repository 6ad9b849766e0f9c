#include "server/store/postgres/history/journal_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/journal/journal_entry.h"
#include "server/store/postgres/place/place_words.h"

namespace mirror {
namespace {

constexpr char kReadingJournal[] = "reading the journal";
constexpr char kSelected[] =
    "SELECT e.number, e.salt, e.table_name, e.moment, e.operation, e.columns, e.row_total, e.least, e.most, "
    "e.keys, e.cycle, e.seq, e.origin, h.lsn, h.lineage, h.receipt, h.source_ms, h.done_ms, h.row_count, "
    "h.digest";
/// The table of an entry, as FoldName() says it. `table_key`, by which heads are found, may have been edited.
constexpr char kOfTable[] = "lower(e.table_name COLLATE \"C\")";
/// What an entry weighs beside its keys, roughly.
constexpr int kEntryBytes = 100;
/// Entries in memory at once, and bytes of their keys; one entry is in any case.
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
    for (std::int64_t before = INT64_MAX;;) {
      ASSIGN_OR_RETURN(const auto rows, Query(sql, {before, key, postgres::Value::Bytes(ordered_key)}));
      for (int row = 0; row < rows.rows(); ++row) {
        JournalEntry entry = EntryOf(rows, row);
        before = entry.number;
        ASSIGN_OR_RETURN(const bool more, take(entry));
        if (!more) return absl::OkStatus();
      }
      if (rows.rows() == 0) return absl::OkStatus();
    }
  }

  absl::Status WalkProven(const std::string& table, const TakeEntry& take) override {
    const absl::StatusOr<bool> there = IsThere();
    if (!there.ok() || !*there) return there.status();
    const std::string sql = PageSql(
        "e.number < $1 AND e.table_key = $2 AND e.number = e.moment AND e.done_ms IS NOT NULL AND e.digest "
        "IS NOT NULL",
        " DESC");
    const std::string key = FoldName(table);
    for (std::int64_t before = INT64_MAX;;) {
      ASSIGN_OR_RETURN(const auto rows, Query(sql, {before, key}));
      for (int row = 0; row < rows.rows(); ++row) {
        JournalEntry entry = EntryOf(rows, row);
        before = entry.number;
        ASSIGN_OR_RETURN(const bool more, take(entry));
        if (!more) return absl::OkStatus();
      }
      if (rows.rows() == 0) return absl::OkStatus();
    }
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
    // Where the LSN passed twice, as behind a restore of the source, two commits are the last one before it.
    // How far LSNs went behind the last commit before that restore nobody knows.
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
  /// Some of those entries, and one at least where there are any. `order`: " DESC", or empty.
  std::string PageSql(const std::string& which, const char* order) const {
    return absl::StrCat("SELECT * FROM (", kSelected,
                        ", sum(coalesce(octet_length(e.keys), 0)) OVER (ORDER BY e.number", order,
                        ") AS so_far", from_, which, " ORDER BY e.number", order, " LIMIT ", kEntriesAtOnce,
                        ") AS page WHERE so_far - coalesce(octet_length(keys), 0) < ", kBytesAtOnce,
                        " ORDER BY number", order);
  }
  absl::StatusOr<postgres::Rows> Query(const std::string& sql, postgres::Values values) {
    absl::StatusOr<postgres::Rows> rows = connection_.Query(sql, values, kReadingJournal);
    if (!rows.ok()) return InStoreWords(rows.status(), Touched::kOwnTable);
    return rows;
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
