#include "server/store/sqlite/history/sqlite_journal_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/journal/journal_entry.h"
#include "server/store/sqlite/history/sqlite_journal.h"

namespace mirror {
namespace {

/// What an entry weighs beside its keys, roughly.
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
    // Where the LSN passed twice, as behind a restore of the source, two commits are the last one before it.
    // How far LSNs went behind the last commit before that restore nobody knows.
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
