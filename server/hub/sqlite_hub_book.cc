#include "server/hub/sqlite_hub_book.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/db/sqlite/statement.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/hub/hub_json.h"
#include "server/hub/hub_records.h"
#include "server/own_records/sqlite_record.h"

namespace mirror {
namespace {

/// `_hub_apart`: pairs of records that an operator parted; each pair is there once, the lesser id first. Used
/// within the caller's transaction. Errors: those of the hub's file. Threads: one.
class HubApart {
 public:
  /// `statements` must outlive it.
  explicit HubApart(sqlite::StatementCache& statements) : statements_(statements) {}

  absl::StatusOr<std::set<std::string>> Of(const std::string& golden_id);
  /// Makes these the only records that it is apart from.
  absl::Status Write(const std::string& golden_id, const std::set<std::string>& apart);
  /// Moves the pairs of one record to the other; the two are not apart any more.
  absl::Status Merge(const std::string& gone, const std::string& into);

 private:
  sqlite::Statement Prepare(const std::string& sql) { return statements_.Prepare(sql, "the hub's file"); }
  absl::Status Forget(const std::string& golden_id);
  absl::Status Add(const std::string& one, const std::string& other);

  sqlite::StatementCache& statements_;
};

absl::StatusOr<std::set<std::string>> HubApart::Of(const std::string& golden_id) {
  sqlite::Statement read = Prepare(
      "SELECT other_id FROM _hub_apart WHERE golden_id = ?1 UNION ALL SELECT golden_id FROM _hub_apart WHERE "
      "other_id = ?1");
  ASSIGN_OR_RETURN(std::vector<std::string> ids, read.With(golden_id).Texts());
  return std::set<std::string>(ids.begin(), ids.end());
}

absl::Status HubApart::Write(const std::string& golden_id, const std::set<std::string>& apart) {
  RETURN_IF_ERROR(Forget(golden_id));
  for (const std::string& id : apart) {
    RETURN_IF_ERROR(Add(id, golden_id));
  }
  return absl::OkStatus();
}

absl::Status HubApart::Merge(const std::string& gone, const std::string& into) {
  ASSIGN_OR_RETURN(const std::set<std::string> apart, Of(gone));
  RETURN_IF_ERROR(Forget(gone));
  for (const std::string& id : apart) {
    if (id != into) RETURN_IF_ERROR(Add(id, into));
  }
  return absl::OkStatus();
}

absl::Status HubApart::Forget(const std::string& golden_id) {
  return Prepare("DELETE FROM _hub_apart WHERE golden_id = ?1 OR other_id = ?1").With(golden_id).Run();
}

absl::Status HubApart::Add(const std::string& one, const std::string& other) {
  return Prepare("INSERT OR IGNORE INTO _hub_apart VALUES (?, ?)")
      .With(std::min(one, other), std::max(one, other))
      .Run();
}

/// A record's id, and those of all records that were merged into it.
constexpr char kAllInSqlite[] =
    "WITH RECURSIVE all_ids(id) AS (SELECT ?1 UNION SELECT a.golden_id FROM golden_alias AS a JOIN all_ids "
    "ON "
    "a.into_id = all_ids.id) ";

}  // namespace

absl::StatusOr<std::vector<RowRef>> SqliteHubUpkeep::DoomedRows() {
  sqlite::Statement read = Prepare(HubRowRefs().SelectSql(kInSqlite, "WHERE doomed = 1"));
  return ReadRows(HubRowRefs(), read);
}

absl::StatusOr<std::vector<HubUpkeep::Glance>> SqliteHubUpkeep::RowsAfter(std::int64_t row_id) {
  sqlite::Statement read = Prepare(
      "SELECT row_id, data_source, table_name, key, says FROM _hub_rows WHERE row_id > ? ORDER BY row_id "
      "LIMIT "
      "1000");
  read.With(row_id);
  std::vector<Glance> glances;
  for (;;) {
    ASSIGN_OR_RETURN(bool more, read.Step());
    if (!more) return glances;
    ASSIGN_OR_RETURN(const bool other, HasOtherWord(read.View(4)));
    glances.push_back({read.Int(0), {read.Text(1), read.Text(2), read.Text(3)}, other});
  }
}

absl::StatusOr<std::vector<std::string>> SqliteHubUpkeep::EmptySince(std::int64_t at, std::size_t limit) {
  return Prepare("SELECT golden_id FROM _hub_records WHERE empty_since <= ? ORDER BY empty_since LIMIT ?")
      .With(at, limit)
      .Texts();
}

absl::StatusOr<std::vector<std::string>> SqliteHubUpkeep::RecordsOfOthers() {
  std::set<std::string> names;
  for (const HubEntity& entity : rules_.entities) names.insert(entity.name);
  return Prepare(
             "SELECT golden_id FROM _hub_records WHERE entity NOT IN (SELECT value FROM json_each(?)) LIMIT "
             "1000")
      .With(NamesJson(names))
      .Texts();
}

absl::Status SqliteHubUpkeep::ForgetRecord(const GoldenRecord& record) {
  RETURN_IF_ERROR(HubApart(statements_).Write(record.id, {}));
  for (const std::string& hash : record.indexed) {
    RETURN_IF_ERROR(
        Prepare("DELETE FROM _hub_keys WHERE hash = ? AND entity = ? AND row_id = 0 AND golden_id = ?")
            .With(hash, record.entity, record.id)
            .Run());
  }
  for (const std::string& sql :
       {absl::StrCat(kAllInSqlite, "DELETE FROM _hub_issued WHERE golden_id IN (SELECT id FROM all_ids)"),
        absl::StrCat(kAllInSqlite, "DELETE FROM golden_alias WHERE golden_id IN (SELECT id FROM all_ids)"),
        absl::StrCat("DELETE FROM ", QuoteName("golden_" + record.entity), " WHERE golden_id = ?1"),
        std::string("DELETE FROM _hub_records WHERE golden_id = ?1")}) {
    RETURN_IF_ERROR(Prepare(sql).With(record.id).Run());
  }
  return absl::OkStatus();
}

absl::Status SqliteHubUpkeep::ForgetIssued(std::int64_t before, std::int64_t now, std::size_t limit) {
  ASSIGN_OR_RETURN(std::vector<std::string> ids,
                   Prepare("SELECT delivery_id FROM _hub_issued WHERE at < ? ORDER BY at LIMIT ?")
                       .With(before, limit)
                       .Texts());
  for (const std::string& id : ids) {
    RETURN_IF_ERROR(
        Prepare(
            "UPDATE _hub_issued SET at = ?2 WHERE delivery_id = ?1 AND EXISTS (SELECT 1 FROM _hub_deliveries "
            "WHERE delivery_id = ?1)")
            .With(id, now)
            .Run());
    RETURN_IF_ERROR(
        Prepare("DELETE FROM _hub_issued WHERE delivery_id = ?1 AND at < ?2").With(id, before).Run());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> SqliteHubUpkeep::Thaw(const std::string& golden_id) {
  ASSIGN_OR_RETURN(
      const std::vector<std::string> thawed,
      Prepare(
          "UPDATE _hub_records SET frozen = '[]', turns = NULL, work = coalesce(work, '{}') WHERE frozen <> "
          "'[]' AND (?1 = '' OR golden_id = ?1) RETURNING golden_id")
          .With(golden_id)
          .Texts());
  return thawed.size();
}

namespace {

void BindLiteral(sqlite::Statement& statement, int place, const Literal& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    statement.Bind(place, *integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    statement.Bind(place, *real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    statement.Bind(place, std::string_view(*text));
  } else if (const auto* bytes = std::get_if<Bytes>(&value)) {
    statement.BindBlob(place, bytes->value);
  } else {
    statement.BindNull(place);
  }
}

absl::Status CountIn(sqlite::StatementCache& statements, const std::string& data_source, const char* what,
                     int by) {
  sqlite::Statement change = statements.Prepare(
      absl::StrCat("UPDATE _hub_counts SET ", what, " = ", what, " + ? WHERE data_source = ? RETURNING 1"),
      "the hub's file");
  const absl::StatusOr<bool> known = change.With(by, data_source).Step();
  change.Reset();
  if (!known.ok() || *known) return known.status();
  RETURN_IF_ERROR(statements.Prepare("INSERT INTO _hub_counts VALUES (?, 0, 0, 0)", "the hub's file")
                      .With(data_source)
                      .Run());
  return CountIn(statements, data_source, what, by);
}

template <typename Row>
absl::Status Upsert(sqlite::StatementCache& statements, const Record<Row>& record, const Row& row) {
  return WriteRow(record, row, statements.Prepare(record.UpsertSql(kInSqlite), "the hub's file"));
}

absl::Status TakeEach(sqlite::Statement& read, const HubBook::TakeOne& take) {
  for (;;) {
    ASSIGN_OR_RETURN(std::optional<HubDelivery> delivery, ReadNext(HubDeliveries(), read));
    if (!delivery) return absl::OkStatus();
    const absl::StatusOr<bool> more = take(*std::move(delivery));
    if (!more.ok() || !*more) return more.status();
  }
}

const char* CounterOf(const HubDelivery& delivery) {
  return delivery.operation == HubOperation::kInsert ? "inserts" : "writes";
}

}  // namespace

absl::StatusOr<HubState> SqliteHubBook::ReadState() {
  sqlite::Statement read = Prepare(HubStates().SelectSql(kInSqlite));
  ASSIGN_OR_RETURN(const std::optional<HubState> state, ReadNext(HubStates(), read));
  return state.value_or(HubState{});
}

absl::Status SqliteHubBook::WriteState(const HubState& state) {
  return Upsert(statements_, HubStates(), state);
}

absl::StatusOr<std::map<std::string, HubFeed>> SqliteHubBook::ReadFeeds() {
  sqlite::Statement read = Prepare(HubFeeds().SelectSql(kInSqlite));
  ASSIGN_OR_RETURN(const std::vector<HubFeedRow> rows, ReadRows(HubFeeds(), read));
  return FeedsOf(rules_, rows);
}

absl::Status SqliteHubBook::WriteFeed(const std::string& data_source, const HubFeed& feed) {
  return Upsert(statements_, HubFeeds(), {data_source, feed});
}

absl::StatusOr<std::optional<MemberRow>> SqliteHubBook::ReadRow(const RowRef& ref) {
  static const std::string sql =
      HubRows().SelectSql(kInSqlite, "WHERE data_source = ? AND table_name = ? AND key = ?");
  sqlite::Statement read = Prepare(sql);
  return ReadNext(HubRows(), read.With(ref.data_source, ref.table, ref.key));
}

absl::StatusOr<std::vector<MemberRow>> SqliteHubBook::RowsOf(const std::string& golden_id) {
  static const std::string sql = HubRows().SelectSql(kInSqlite, "WHERE golden_id = ?");
  sqlite::Statement read = Prepare(sql);
  return ReadRows(HubRows(), read.With(golden_id));
}

absl::StatusOr<std::vector<RowRef>> SqliteHubBook::UnreadRows(const std::string& data_source,
                                                              const std::string& table,
                                                              std::int64_t read_at) {
  sqlite::Statement read = Prepare(HubRowRefs().SelectSql(
      kInSqlite, "WHERE data_source = ? AND table_name = ? AND read_at <> ? LIMIT 10000"));
  return ReadRows(HubRowRefs(), read.With(data_source, table, read_at));
}

absl::Status SqliteHubBook::Index(const std::string& entity, std::int64_t row_id,
                                  const std::string& golden_id, const KeyHashes& was, const KeyHashes& keys) {
  for (const std::string& hash : keys) {
    if (was.count(hash) > 0) continue;
    RETURN_IF_ERROR(Prepare("INSERT OR IGNORE INTO _hub_keys VALUES (?, ?, ?, ?)")
                        .With(hash, entity, row_id, golden_id)
                        .Run());
  }
  for (const std::string& hash : was) {
    if (keys.count(hash) > 0) continue;
    RETURN_IF_ERROR(
        Prepare("DELETE FROM _hub_keys WHERE hash = ? AND entity = ? AND row_id = ? AND golden_id = ?")
            .With(hash, entity, row_id, golden_id)
            .Run());
  }
  return absl::OkStatus();
}

absl::Status SqliteHubBook::WriteRow(const MemberRow& row, const KeyHashes& keys) {
  const bool made = row.row_id == 0;
  static const std::string insert = HubRows().InsertSql(kInSqlite);
  static const std::string update = HubRows().UpdateSql(kInSqlite);
  Fields fields = HubRows().Write(row);
  if (made) fields.Set("row_id", Field());
  fields.Set("keys", NamesJson(keys));
  sqlite::Statement write = Prepare(made ? insert : update);
  RETURN_IF_ERROR(BindFields(write, fields).Run());
  const std::int64_t row_id = made ? connection_.LastRowid() : row.row_id;
  if (made) RETURN_IF_ERROR(CountIn(statements_, row.ref.data_source, "rows", 1));
  return Index(row.entity, row_id, "", row.indexed, keys);
}

absl::Status SqliteHubBook::RemoveRow(const MemberRow& row) {
  RETURN_IF_ERROR(Prepare("DELETE FROM _hub_rows WHERE row_id = ?").With(row.row_id).Run());
  RETURN_IF_ERROR(CountIn(statements_, row.ref.data_source, "rows", -1));
  return Index(row.entity, row.row_id, "", row.indexed, {});
}

absl::StatusOr<std::optional<GoldenRecord>> SqliteHubBook::ReadRecord(const std::string& id) {
  static const std::string sql = HubRecords().SelectSql(kInSqlite, "WHERE golden_id = ?");
  sqlite::Statement read = Prepare(sql);
  ASSIGN_OR_RETURN(std::optional<GoldenRecord> record, ReadNext(HubRecords(), read.With(id)));
  if (!record) return record;
  ASSIGN_OR_RETURN(record->apart, HubApart(statements_).Of(id));
  return record;
}

absl::Status SqliteHubBook::WriteRecord(const GoldenRecord& record, const KeyHashes& keys) {
  static const std::string sql = HubRecords().UpsertSql(kInSqlite);
  Fields fields = HubRecords().Write(record);
  fields.Set("keys", NamesJson(keys));
  sqlite::Statement write = Prepare(sql);
  RETURN_IF_ERROR(BindFields(write, fields).Run());
  RETURN_IF_ERROR(Index(record.entity, 0, record.id, record.indexed, keys));
  RETURN_IF_ERROR(HubApart(statements_).Write(record.id, record.apart));
  return record.work.touched ? absl::OkStatus() : WriteAttributes(record);
}

/// Writes the table that partners read: one row a record, its attributes as columns.
absl::Status SqliteHubBook::WriteAttributes(const GoldenRecord& record) {
  const std::vector<std::string> attributes = AttributesOf(*rules_.FindEntity(record.entity));
  std::string& sql = golden_sql_[record.entity];
  if (sql.empty()) {
    std::string names, places;
    for (const std::string& attribute : attributes) {
      absl::StrAppend(&names, ", ", QuoteName(attribute));
      places.append(", ?");
    }
    sql = absl::StrCat("INSERT OR REPLACE INTO ", QuoteName("golden_" + record.entity), "(golden_id", names,
                       ") VALUES (?", places, ")");
  }
  sqlite::Statement write = Prepare(sql);
  write.Bind(1, record.id);
  const Literal none = Null{};
  int place = 1;
  for (const std::string& attribute : attributes) {
    const auto given = record.values.find(attribute);
    // Bound values must live until the statement was run.
    BindLiteral(write, ++place, given == record.values.end() ? none : given->second.value);
  }
  return write.Run();
}

absl::Status SqliteHubBook::MergeRecord(const GoldenRecord& gone, const std::string& into) {
  RETURN_IF_ERROR(Prepare("DELETE FROM _hub_records WHERE golden_id = ?").With(gone.id).Run());
  RETURN_IF_ERROR(
      Prepare(absl::StrCat("DELETE FROM ", QuoteName("golden_" + gone.entity), " WHERE golden_id = ?"))
          .With(gone.id)
          .Run());
  RETURN_IF_ERROR(Index(gone.entity, 0, gone.id, gone.indexed, {}));
  RETURN_IF_ERROR(Upsert(statements_, HubAliases(), {gone.id, into}));
  return HubApart(statements_).Merge(gone.id, into);
}

absl::StatusOr<std::string> SqliteHubBook::Alive(const std::string& golden_id) {
  std::string id = golden_id;
  for (;;) {
    sqlite::Statement alias = Prepare("SELECT into_id FROM golden_alias WHERE golden_id = ?");
    ASSIGN_OR_RETURN(bool merged, alias.With(id).Step());
    if (!merged) break;
    id = alias.Text(0);
  }
  sqlite::Statement record = Prepare("SELECT 1 FROM _hub_records WHERE golden_id = ?");
  ASSIGN_OR_RETURN(bool there, record.With(id).Step());
  return there ? id : std::string();
}

absl::StatusOr<std::string> SqliteHubBook::IssuedFor(const std::string& delivery_id) {
  sqlite::Statement read = Prepare("SELECT golden_id FROM _hub_issued WHERE delivery_id = ?");
  ASSIGN_OR_RETURN(bool there, read.With(delivery_id).Step());
  return there ? read.Text(0) : std::string();
}

absl::Status SqliteHubBook::WriteIssued(const std::string& delivery_id, const std::string& golden_id,
                                        std::int64_t at) {
  return Upsert(statements_, HubIssued(), {delivery_id, golden_id, at});
}

absl::StatusOr<KeyOwners> SqliteHubBook::FoundBy(const std::string& entity, const std::string& hash) {
  sqlite::Statement read = Prepare(
      "SELECT k.golden_id, r.data_source, r.table_name, r.key FROM _hub_keys AS k LEFT JOIN _hub_rows AS r "
      "ON "
      "r.row_id = k.row_id AND k.row_id <> 0 WHERE k.hash = ? AND k.entity = ?");
  read.With(hash, entity);
  KeyOwners owners;
  for (;;) {
    ASSIGN_OR_RETURN(bool more, read.Step());
    if (!more) return owners;
    if (read.IsNull(1)) {
      owners.records.push_back(read.Text(0));
    } else {
      owners.rows.push_back({read.Text(1), read.Text(2), read.Text(3)});
    }
  }
}

absl::StatusOr<HubWork> SqliteHubBook::NextWork() {
  HubWork work;
  sqlite::Statement record = Prepare("SELECT golden_id FROM _hub_records WHERE work IS NOT NULL LIMIT 1");
  ASSIGN_OR_RETURN(const bool there, record.Step());
  if (there) {
    work.golden_id = record.Text(0);
    return work;
  }
  sqlite::Statement row =
      Prepare(HubRowRefs().SelectSql(kInSqlite, "WHERE golden_id IS NULL ORDER BY row_id LIMIT 1"));
  ASSIGN_OR_RETURN(work.row, ReadNext(HubRowRefs(), row));
  return work;
}

absl::StatusOr<std::vector<HubDelivery>> SqliteHubBook::DeliveriesOf(const std::string& golden_id) {
  static const std::string sql = HubDeliveries().SelectSql(kInSqlite, "WHERE golden_id = ?");
  sqlite::Statement read = Prepare(sql);
  return ReadRows(HubDeliveries(), read.With(golden_id));
}

absl::Status SqliteHubBook::ReadOpen(const std::string& data_source, const TakeOne& take) {
  sqlite::Statement read = Prepare(HubDeliveries().SelectSql(
      kInSqlite,
      "WHERE data_source = ? AND state = 1 ORDER BY coalesce(refused_until, 0), operation, rank, number"));
  return TakeEach(read.With(data_source), take);
}

absl::Status SqliteHubBook::WriteDelivery(const HubDelivery& delivery) {
  sqlite::Statement change = Prepare("UPDATE _hub_deliveries SET needs = ? WHERE delivery_id = ?");
  absl::Status status = change.With(delivery.needs, delivery.id).Run();
  if (!status.ok() || connection_.Changes() > 0) return status;
  static const std::string sql = HubDeliveries().InsertSql(kInSqlite);
  Fields fields = HubDeliveries().Write(delivery);
  fields.Set("rank", RankOf(rules_, delivery));
  sqlite::Statement write = Prepare(sql);
  if (status = BindFields(write, fields).Run(); !status.ok()) return status;
  return CountIn(statements_, delivery.data_source, CounterOf(delivery), 1);
}

absl::Status SqliteHubBook::RemoveDelivery(const HubDelivery& delivery) {
  RETURN_IF_ERROR(Prepare("DELETE FROM _hub_deliveries WHERE delivery_id = ?").With(delivery.id).Run());
  return CountIn(statements_, delivery.data_source, CounterOf(delivery), -1);
}

absl::Status SqliteHubBook::NoteRefused(const std::string& delivery_id, const Refusal& refusal) {
  return Prepare(
             "UPDATE _hub_deliveries SET refused_until = ?, refusals = ?, reason = ? WHERE delivery_id = ?")
      .With(refusal.until, refusal.attempts, refusal.reason, delivery_id)
      .Run();
}

absl::StatusOr<std::map<std::string, HubCounts>> SqliteHubBook::CountAll() {
  std::map<std::string, HubCounts> counts;
  // Deliveries that an operator dropped write nothing.
  sqlite::Statement read = Prepare(
      "SELECT data_source, rows, writes - (SELECT count(*) FROM _hub_deliveries AS d WHERE d.state = 3 AND "
      "d.data_source = c.data_source AND d.operation <> 1), inserts - (SELECT count(*) FROM _hub_deliveries "
      "AS d "
      "WHERE d.state = 3 AND d.data_source = c.data_source AND d.operation = 1) FROM _hub_counts AS c");
  sqlite::Statement fresh = Prepare(
      "SELECT count(*) FILTER (WHERE operation <> 1), count(*) FILTER (WHERE operation = 1) FROM "
      "_hub_deliveries "
      "WHERE data_source = ? AND fresh = 1");
  for (;;) {
    ASSIGN_OR_RETURN(bool more, read.Step());
    if (!more) return counts;
    HubCounts& count = counts[read.Text(0)];
    count.rows = static_cast<std::uint64_t>(read.Int(1));
    count.writes = static_cast<std::uint64_t>(read.Int(2));
    count.inserts = static_cast<std::uint64_t>(read.Int(3));
    RETURN_IF_ERROR(fresh.With(read.Text(0)).StepToRow());
    count.fresh_writes = static_cast<std::uint64_t>(fresh.Int(0));
    count.fresh_inserts = static_cast<std::uint64_t>(fresh.Int(1));
    fresh.Reset();
  }
}

absl::Status SqliteHubBook::ReadDeliveries(Which which, const TakeOne& take) {
  const char* const are = which == Which::kFresh     ? "fresh = 1"
                          : which == Which::kHeld    ? "state = 2"
                          : which == Which::kDropped ? "state = 3"
                                                     : "state = 1 AND refused_until IS NOT NULL";
  sqlite::Statement read =
      Prepare(absl::StrCat(HubDeliveries().SelectSql(kInSqlite), "WHERE ", are, " ORDER BY number"));
  return TakeEach(read, take);
}

absl::Status SqliteHubBook::HoldFresh(const std::string& data_source, bool inserts) {
  return Prepare(absl::StrCat("UPDATE _hub_deliveries SET state = 2 WHERE data_source = ? AND fresh = 1 AND "
                              "state = 1 AND operation ",
                              inserts ? "= 1" : "<> 1"))
      .With(data_source)
      .Run();
}

absl::Status SqliteHubBook::EndFresh() {
  return Prepare("UPDATE _hub_deliveries SET fresh = 0 WHERE fresh = 1").Run();
}

}  // namespace mirror
