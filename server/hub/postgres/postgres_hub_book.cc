#include "server/hub/postgres/postgres_hub_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/hub/postgres/golden_text.h"
#include "server/hub/postgres/hub_apart.h"
#include "server/hub/store/hub_json.h"

namespace mirror {
namespace {

using postgres::Rows;
using postgres::Value;

constexpr int kPage = 500;

constexpr char kRowColumns[] =
    "SELECT row_id, data_source, table_name, key, entity, golden_id, says, changed_ms, touched, read_at, "
    "doomed, unsure, joined_by, former, keys, work FROM @_hub_rows ";
constexpr char kDeliveryColumns[] =
    "SELECT delivery_id, data_source, table_name, operation, key, golden_id, body, needs, number, state, "
    "fresh, coalesce(refused_until, 0), rank, refused_until, refusals, reason FROM @_hub_deliveries ";

Value OrNull(std::optional<std::int64_t> number) {
  return number ? Value(*number) : Value::Null(postgres::Type::kInt8);
}

std::optional<std::int64_t> NumberOrNone(const Rows& rows, int row, int column) {
  if (rows.IsNull(row, column)) return std::nullopt;
  return rows.Int(row, column);
}

absl::StatusOr<MemberRow> TakeRow(const Rows& rows, int at) {
  MemberRow row;
  row.row_id = rows.Int(at, 0);
  row.ref = {rows.Text(at, 1), rows.Text(at, 2), rows.Text(at, 3)};
  row.entity = rows.Text(at, 4);
  row.golden_id = rows.Text(at, 5);
  row.changed_ms = NumberOrNone(rows, at, 7);
  row.touched = rows.Int(at, 8);
  row.read_at = rows.Int(at, 9);
  row.doomed = rows.Bool(at, 10);
  row.unsure = rows.Bool(at, 11);
  row.joined_by = rows.Text(at, 12);
  absl::Status status = TakeSays(rows.View(at, 6), &row);
  if (status.ok()) status = TakeFormer(rows.View(at, 13), &row.former);
  if (status.ok()) status = TakeNames(rows.View(at, 14), &row.indexed);
  if (status.ok()) status = TakeWork(rows.View(at, 15), &row.work);
  if (!status.ok()) return status;
  return row;
}

absl::StatusOr<HubDelivery> DeliveryOf(const Rows& rows, int at) {
  HubDelivery delivery;
  delivery.id = rows.Text(at, 0);
  delivery.data_source = rows.Text(at, 1);
  delivery.table = rows.Text(at, 2);
  delivery.operation = static_cast<HubOperation>(rows.Int(at, 3));
  delivery.key = rows.Text(at, 4);
  delivery.golden_id = rows.Text(at, 5);
  RETURN_IF_ERROR(TakeBody(rows.View(at, 6), &delivery));
  delivery.needs = rows.Int(at, 7);
  delivery.number = rows.Int(at, 8);
  delivery.state = static_cast<DeliveryState>(rows.Int(at, 9));
  delivery.fresh = rows.Bool(at, 10);
  if (!rows.IsNull(at, 13)) {
    delivery.refused = Refusal{rows.Int(at, 13), NumberOrNone(rows, at, 14).value_or(0), rows.Text(at, 15)};
  }
  return delivery;
}

absl::StatusOr<std::vector<MemberRow>> TakeRows(const Rows& rows) {
  std::vector<MemberRow> all;
  for (int row = 0; row < rows.rows(); ++row) {
    ASSIGN_OR_RETURN(MemberRow one, TakeRow(rows, row));
    all.push_back(std::move(one));
  }
  return all;
}

std::vector<RowRef> RefsOf(const Rows& rows) {
  std::vector<RowRef> refs;
  for (int row = 0; row < rows.rows(); ++row) {
    refs.push_back({rows.Text(row, 0), rows.Text(row, 1), rows.Text(row, 2)});
  }
  return refs;
}

/// Parents are made before their children, and go behind them.
std::int64_t RankOf(const HubRules& rules, const HubDelivery& delivery) {
  const HubEntity* const entity = rules.Find(delivery.data_source, delivery.table).entity;
  const std::int64_t place = entity == nullptr ? 0 : entity - rules.entities.data();
  return delivery.operation == HubOperation::kDelete ? -place : place;
}

}  // namespace

absl::Status PostgresHubBook::Finish() {
  absl::Status status = session_.WriteCounts();
  return status.ok() ? session_.Flush() : status;
}

absl::StatusOr<HubState> PostgresHubBook::ReadState() {
  ASSIGN_OR_RETURN(const Rows rows,
                   session_.Query("SELECT time, hold, records, deliveries FROM @_hub_state"));
  if (rows.rows() == 0) return HubState{};
  return HubState{rows.Int(0, 0), rows.Bool(0, 1), rows.Int(0, 2), rows.Int(0, 3)};
}

absl::Status PostgresHubBook::WriteState(const HubState& state) {
  return session_.Write(
      "INSERT INTO @_hub_state VALUES (true, $1, $2, $3, $4) ON CONFLICT (one) DO UPDATE SET time = "
      "excluded.time, hold = excluded.hold, records = excluded.records, deliveries = excluded.deliveries",
      {state.time, state.hold, state.records, state.deliveries});
}

absl::StatusOr<std::map<std::string, HubFeed>> PostgresHubBook::ReadFeeds() {
  std::map<std::string, HubFeed> feeds;
  for (const std::string& name : rules_.data_sources) feeds[name] = {};
  ASSIGN_OR_RETURN(
      const Rows rows,
      session_.Query(
          "SELECT data_source, journal_id, number, token, salt, before_journal_id, before_number, "
          "before_token, "
          "cycle, at, ledger_number, source_older, mirror_older, suspended, own_restore, reread, forgotten, "
          "erased FROM @_hub_feeds"));
  for (int row = 0; row < rows.rows(); ++row) {
    const auto known = feeds.find(rows.Text(row, 0));
    if (known == feeds.end()) continue;  // Of a data source that is no member any more.
    HubFeed& feed = known->second;
    feed.anchor = {rows.Text(row, 1), rows.Int(row, 2), rows.Text(row, 3)};
    feed.salt = NumberOrNone(rows, row, 4);
    if (!rows.IsNull(row, 5)) feed.before = HubAnchor{rows.Text(row, 5), rows.Int(row, 6), rows.Text(row, 7)};
    feed.cycle = rows.Int(row, 8);
    feed.at = rows.Int(row, 9);
    feed.ledger_number = rows.Int(row, 10);
    feed.source_older = rows.Int(row, 11);
    feed.mirror_older = rows.Int(row, 12);
    feed.suspended = NumberOrNone(rows, row, 13);
    feed.own_restore = rows.Bool(row, 14);
    feed.reread = rows.Bool(row, 15);
    feed.forgotten = rows.Int(row, 16);
    feed.erased = rows.Int(row, 17);
  }
  return feeds;
}

absl::Status PostgresHubBook::WriteFeed(const std::string& data_source, const HubFeed& feed) {
  const HubAnchor before = feed.before.value_or(HubAnchor());
  const Value none = Value::Null(postgres::Type::kText);
  return session_.Write(
      "INSERT INTO @_hub_feeds VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
      "$16, $17, $18) ON CONFLICT (data_source) DO UPDATE SET journal_id = excluded.journal_id, number = "
      "excluded.number, token = excluded.token, salt = excluded.salt, before_journal_id = "
      "excluded.before_journal_id, before_number = excluded.before_number, before_token = "
      "excluded.before_token, cycle = excluded.cycle, at = excluded.at, ledger_number = "
      "excluded.ledger_number, source_older = excluded.source_older, mirror_older = excluded.mirror_older, "
      "suspended = excluded.suspended, own_restore = excluded.own_restore, reread = excluded.reread, "
      "forgotten = excluded.forgotten, erased = excluded.erased",
      {session_.Keep(data_source), session_.Keep(feed.anchor.journal_id), feed.anchor.number,
       session_.Keep(feed.anchor.token), OrNull(feed.salt),
       feed.before ? Value(session_.Keep(before.journal_id)) : none,
       feed.before ? Value(before.number) : Value::Null(postgres::Type::kInt8),
       feed.before ? Value(session_.Keep(before.token)) : none, feed.cycle, feed.at, feed.ledger_number,
       feed.source_older, feed.mirror_older, OrNull(feed.suspended), feed.own_restore, feed.reread,
       feed.forgotten, feed.erased});
}

absl::StatusOr<std::optional<MemberRow>> PostgresHubBook::ReadRow(const RowRef& ref) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      session_.Query(absl::StrCat(kRowColumns,
                                  "WHERE data_source = $1 AND table_name = $2 AND hashtextextended(key, 0) = "
                                  "hashtextextended($3 COLLATE \"C\", 0) AND key = $3"),
                     {ref.data_source, ref.table, ref.key}));
  if (rows.rows() == 0) return std::nullopt;
  return TakeRow(rows, 0);
}

absl::StatusOr<std::vector<MemberRow>> PostgresHubBook::RowsOf(const std::string& golden_id) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      session_.Query(absl::StrCat(kRowColumns, "WHERE golden_id = $1 ORDER BY row_id"), {golden_id}));
  return TakeRows(rows);
}

absl::StatusOr<std::vector<RowRef>> PostgresHubBook::UnreadRows(const std::string& data_source,
                                                                const std::string& table,
                                                                std::int64_t read_at) {
  ASSIGN_OR_RETURN(const Rows rows, session_.Query("SELECT data_source, table_name, key FROM @_hub_rows "
                                                   "WHERE data_source = $1 AND table_name = $2 AND "
                                                   "read_at <> $3 LIMIT 10000",
                                                   {data_source, table, read_at}));
  return RefsOf(rows);
}

absl::Status PostgresHubBook::Index(const std::string& entity, std::int64_t row_id,
                                    const std::string& golden_id, const KeyHashes& was,
                                    const KeyHashes& keys) {
  for (const std::string& hash : keys) {
    if (was.count(hash) > 0) continue;
    RETURN_IF_ERROR(
        session_.Write("INSERT INTO @_hub_keys VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                       {session_.Keep(hash), session_.Keep(entity), row_id, session_.Keep(golden_id)}));
  }
  for (const std::string& hash : was) {
    if (keys.count(hash) > 0) continue;
    RETURN_IF_ERROR(session_.Write(
        "DELETE FROM @_hub_keys WHERE hash = $1 AND entity = $2 AND row_id = $3 AND golden_id = $4",
        {session_.Keep(hash), session_.Keep(entity), row_id, session_.Keep(golden_id)}));
  }
  return absl::OkStatus();
}

absl::Status PostgresHubBook::WriteRow(const MemberRow& row, const KeyHashes& keys) {
  std::int64_t row_id = row.row_id;
  const bool made = row_id == 0;
  if (made && last_row_id_ < 0) {
    ASSIGN_OR_RETURN(const Rows last, session_.Query("SELECT coalesce(max(row_id), 0) FROM @_hub_rows"));
    last_row_id_ = last.Int(0, 0);
  }
  if (made) row_id = ++last_row_id_;
  RETURN_IF_ERROR(session_.Write(
      made ? "INSERT INTO @_hub_rows VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
             "$14, $15, $16)"
           : "UPDATE @_hub_rows SET data_source = $2, table_name = $3, key = $4, entity = $5, "
             "golden_id = $6, says = $7, changed_ms = $8, touched = $9, read_at = $10, doomed = $11, "
             "unsure = $12, joined_by = $13, former = $14, keys = $15, work = $16 WHERE row_id = $1",
      {row_id, session_.Keep(row.ref.data_source), session_.Keep(row.ref.table), session_.Keep(row.ref.key),
       session_.Keep(row.entity), session_.KeepOrNull(row.golden_id), session_.Keep(SaysJson(row)),
       OrNull(row.changed_ms), row.touched, row.read_at, row.doomed, row.unsure, session_.Keep(row.joined_by),
       session_.KeepOrNull(FormerJson(row.former)), session_.Keep(NamesJson(keys)),
       session_.KeepOrNull(WorkJson(row.work))}));
  if (made) ++session_.CountOf(row.ref.data_source).rows;
  return Index(row.entity, row_id, "", row.indexed, keys);
}

absl::Status PostgresHubBook::RemoveRow(const MemberRow& row) {
  RETURN_IF_ERROR(session_.Write("DELETE FROM @_hub_rows WHERE row_id = $1", {row.row_id}));
  --session_.CountOf(row.ref.data_source).rows;
  return Index(row.entity, row.row_id, "", row.indexed, {});
}

absl::StatusOr<std::optional<GoldenRecord>> PostgresHubBook::ReadRecord(const std::string& id) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      session_.Query(
          "SELECT entity, number, says, had, frozen, turns, keys, work, empty_since FROM @_hub_records WHERE "
          "golden_id = $1",
          {id}));
  if (rows.rows() == 0) return std::nullopt;
  GoldenRecord record;
  record.id = id;
  record.entity = rows.Text(0, 0);
  record.number = rows.Int(0, 1);
  absl::Status status = TakeValues(rows.View(0, 2), &record);
  if (status.ok()) status = TakeNames(rows.View(0, 3), &record.had);
  if (status.ok()) status = TakeNames(rows.View(0, 4), &record.frozen);
  if (status.ok()) status = TakeTurns(rows.View(0, 5), &record);
  if (status.ok()) status = TakeNames(rows.View(0, 6), &record.indexed);
  if (status.ok()) status = TakeWork(rows.View(0, 7), &record.work);
  record.empty_since = NumberOrNone(rows, 0, 8);
  if (!status.ok()) return status;
  ASSIGN_OR_RETURN(std::set<std::string> apart, ReadApart(session_, id));
  record.apart = std::move(apart);
  return record;
}

absl::Status PostgresHubBook::WriteRecord(const GoldenRecord& record, const KeyHashes& keys) {
  const std::string work = WorkJson(record.work);
  work_.Note(record.id, !work.empty());
  absl::Status status = session_.Write(
      "INSERT INTO @_hub_records VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (golden_id) DO "
      "UPDATE SET entity = excluded.entity, number = excluded.number, says = excluded.says, had = "
      "excluded.had, frozen = excluded.frozen, turns = excluded.turns, keys = excluded.keys, work = "
      "excluded.work, empty_since = excluded.empty_since",
      {session_.Keep(record.id), session_.Keep(record.entity), record.number,
       session_.Keep(ValuesJson(record)), session_.Keep(NamesJson(record.had)),
       session_.Keep(NamesJson(record.frozen)), session_.KeepOrNull(TurnsJson(record)),
       session_.Keep(NamesJson(keys)), session_.KeepOrNull(work), OrNull(record.empty_since)});
  if (status.ok()) status = Index(record.entity, 0, record.id, record.indexed, keys);
  if (status.ok()) status = WriteApart(session_, record.id, record.apart);
  return status.ok() && !record.work.touched ? WriteAttributes(record) : status;
}

/// What partners read: one row a record, its attributes as columns.
absl::Status PostgresHubBook::WriteAttributes(const GoldenRecord& record) {
  const std::vector<std::string> attributes = AttributesOf(*rules_.FindEntity(record.entity));
  std::string& sql = golden_sql_[record.entity];
  if (sql.empty()) {
    std::string names, places, sets = "golden_id = excluded.golden_id";
    int place = 1;
    for (const std::string& attribute : attributes) {
      absl::StrAppend(&names, ", ", QuoteName(attribute));
      absl::StrAppend(&places, ", $", ++place);
      absl::StrAppend(&sets, ", ", QuoteName(attribute), " = excluded.", QuoteName(attribute));
    }
    sql = absl::StrCat("INSERT INTO ", schema_.at, QuoteName("golden_" + record.entity), "(golden_id", names,
                       ") VALUES ($1", places, ") ON CONFLICT (golden_id) DO UPDATE SET ", sets);
  }
  std::vector<Value> values = {session_.Keep(record.id)};
  for (const std::string& attribute : attributes) {
    const auto given = record.values.find(attribute);
    std::optional<std::string> text;
    if (given != record.values.end()) text = GoldenText(given->second.value);
    values.push_back(text ? Value(session_.Keep(*std::move(text))) : Value::Null(postgres::Type::kText));
  }
  return session_.WriteAsIs(sql, values);
}

absl::Status PostgresHubBook::MergeRecord(const GoldenRecord& gone, const std::string& into) {
  work_.Note(gone.id, false);
  absl::Status status =
      session_.Write("DELETE FROM @_hub_records WHERE golden_id = $1", {session_.Keep(gone.id)});
  if (!status.ok()) return status;
  status = session_.WriteAsIs(
      absl::StrCat("DELETE FROM ", schema_.at, QuoteName("golden_" + gone.entity), " WHERE golden_id = $1"),
      {session_.Keep(gone.id)});
  if (!status.ok()) return status;
  status = Index(gone.entity, 0, gone.id, gone.indexed, {});
  if (!status.ok()) return status;
  if (status = MergeApart(session_, gone.id, into); !status.ok()) return status;
  return session_.Write(
      "INSERT INTO @golden_alias VALUES ($1, $2) ON CONFLICT (golden_id) DO UPDATE SET into_id = "
      "excluded.into_id",
      {session_.Keep(gone.id), session_.Keep(into)});
}

absl::StatusOr<std::string> PostgresHubBook::Alive(const std::string& golden_id) {
  std::string id = golden_id;
  for (;;) {
    ASSIGN_OR_RETURN(const Rows merged,
                     session_.Query("SELECT into_id FROM @golden_alias WHERE golden_id = $1", {id}));
    if (merged.rows() == 0) break;
    id = merged.Text(0, 0);
  }
  ASSIGN_OR_RETURN(const Rows record,
                   session_.Query("SELECT 1 FROM @_hub_records WHERE golden_id = $1", {id}));
  return record.rows() == 1 ? id : std::string();
}

absl::StatusOr<std::string> PostgresHubBook::IssuedFor(const std::string& delivery_id) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      session_.Query("SELECT golden_id FROM @_hub_issued WHERE delivery_id = $1", {delivery_id}));
  return rows.rows() == 1 ? rows.Text(0, 0) : std::string();
}

absl::Status PostgresHubBook::WriteIssued(const std::string& delivery_id, const std::string& golden_id,
                                          std::int64_t at) {
  return session_.Write(
      "INSERT INTO @_hub_issued VALUES ($1, $2, $3) ON CONFLICT (delivery_id) DO UPDATE SET golden_id = "
      "excluded.golden_id, at = excluded.at",
      {session_.Keep(delivery_id), session_.Keep(golden_id), at});
}

absl::StatusOr<KeyOwners> PostgresHubBook::FoundBy(const std::string& entity, const std::string& hash) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      session_.Query(
          "SELECT k.golden_id, r.data_source, r.table_name, r.key FROM @_hub_keys AS k LEFT JOIN @_hub_rows "
          "AS r "
          "ON r.row_id = k.row_id AND k.row_id <> 0 WHERE k.hash = $1 AND k.entity = $2 ORDER BY k.row_id, "
          "k.golden_id",
          {hash, entity}));
  KeyOwners owners;
  for (int row = 0; row < rows.rows(); ++row) {
    if (rows.IsNull(row, 1)) {
      owners.records.push_back(rows.Text(row, 0));
    } else {
      owners.rows.push_back({rows.Text(row, 1), rows.Text(row, 2), rows.Text(row, 3)});
    }
  }
  return owners;
}

absl::StatusOr<HubWork> PostgresHubBook::NextWork() {
  HubWork work;
  ASSIGN_OR_RETURN(std::optional<std::string> record, work_.NextRecord());
  if (record) {
    work.golden_id = *std::move(record);
    return work;
  }
  ASSIGN_OR_RETURN(std::optional<RowRef> row, work_.NextRow());
  work.row = std::move(row);
  return work;
}

absl::StatusOr<std::vector<HubDelivery>> PostgresHubBook::DeliveriesOf(const std::string& golden_id) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      session_.Query(absl::StrCat(kDeliveryColumns, "WHERE golden_id = $1 ORDER BY number"), {golden_id}));
  std::vector<HubDelivery> deliveries;
  for (int row = 0; row < rows.rows(); ++row) {
    ASSIGN_OR_RETURN(HubDelivery delivery, DeliveryOf(rows, row));
    deliveries.push_back(std::move(delivery));
  }
  return deliveries;
}

absl::Status PostgresHubBook::ReadOpen(const std::string& data_source, const TakeOne& take) {
  const std::string sql = absl::StrCat(
      kDeliveryColumns,
      "WHERE data_source = $1 AND state = 1 AND (coalesce(refused_until, 0), operation, rank, number) > ($2, "
      "$3, $4, $5) ORDER BY coalesce(refused_until, 0), operation, rank, number LIMIT $6");
  // By pages, since what takes them reads, too.
  for (std::int64_t until = -1, operation = 0, rank = 0, number = 0;;) {
    ASSIGN_OR_RETURN(const Rows rows,
                     session_.Query(sql, {data_source, until, operation, rank, number, kPage}));
    for (int row = 0; row < rows.rows(); ++row) {
      ASSIGN_OR_RETURN(HubDelivery delivery, DeliveryOf(rows, row));
      const absl::StatusOr<bool> more = take(std::move(delivery));
      if (!more.ok() || !*more) return more.status();
    }
    if (rows.rows() < kPage) return absl::OkStatus();
    const int last = rows.rows() - 1;
    operation = rows.Int(last, 3);
    number = rows.Int(last, 8);
    until = rows.Int(last, 11);
    rank = rows.Int(last, 12);
  }
}

absl::Status PostgresHubBook::ReadDeliveries(Which which, const TakeOne& take) {
  const char* const are = which == Which::kFresh     ? "fresh"
                          : which == Which::kHeld    ? "state = 2"
                          : which == Which::kDropped ? "state = 3"
                                                     : "state = 1 AND refused_until IS NOT NULL";
  const std::string sql =
      absl::StrCat(kDeliveryColumns, "WHERE ", are, " AND number > $1 ORDER BY number LIMIT $2");
  for (std::int64_t number = -1;;) {
    ASSIGN_OR_RETURN(const Rows rows, session_.Query(sql, {number, kPage}));
    for (int row = 0; row < rows.rows(); ++row) {
      ASSIGN_OR_RETURN(HubDelivery delivery, DeliveryOf(rows, row));
      number = delivery.number;
      const absl::StatusOr<bool> more = take(std::move(delivery));
      if (!more.ok() || !*more) return more.status();
    }
    if (rows.rows() < kPage) return absl::OkStatus();
  }
}

absl::Status PostgresHubBook::WriteDelivery(const HubDelivery& delivery) {
  const std::string body = BodyJson(delivery);
  ASSIGN_OR_RETURN(
      const Rows rows,
      session_.Query("INSERT INTO @_hub_deliveries VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
                     "$12, NULL, NULL, "
                     "NULL) "
                     "ON CONFLICT (delivery_id) DO UPDATE SET needs = excluded.needs RETURNING xmax = 0",
                     {delivery.id, delivery.data_source, delivery.table, static_cast<int>(delivery.operation),
                      delivery.key, delivery.golden_id, body, delivery.needs, delivery.number,
                      static_cast<int>(delivery.state), delivery.fresh, RankOf(rules_, delivery)}));
  if (!rows.Bool(0, 0)) return absl::OkStatus();
  HubSession::Delta& delta = session_.CountOf(delivery.data_source);
  ++(delivery.operation == HubOperation::kInsert ? delta.inserts : delta.writes);
  return absl::OkStatus();
}

absl::Status PostgresHubBook::RemoveDelivery(const HubDelivery& delivery) {
  HubSession::Delta& delta = session_.CountOf(delivery.data_source);
  --(delivery.operation == HubOperation::kInsert ? delta.inserts : delta.writes);
  return session_.Write("DELETE FROM @_hub_deliveries WHERE delivery_id = $1", {session_.Keep(delivery.id)});
}

absl::Status PostgresHubBook::NoteRefused(const std::string& delivery_id, const Refusal& refusal) {
  return session_.Write(
      "UPDATE @_hub_deliveries SET refused_until = $1, refusals = $2, reason = $3 WHERE delivery_id = $4",
      {refusal.until, refusal.attempts, session_.Keep(TextForPostgres(refusal.reason)),
       session_.Keep(delivery_id)});
}

absl::StatusOr<std::map<std::string, HubCounts>> PostgresHubBook::CountAll() {
  RETURN_IF_ERROR(session_.WriteCounts());
  const absl::StatusOr<Rows> rows = session_.Query(
      // Those that an operator dropped write nothing.
      "SELECT data_source, rows, writes - (SELECT count(*) FROM @_hub_deliveries AS d WHERE state = 3 AND "
      "d.data_source = c.data_source AND operation <> 1), inserts - (SELECT count(*) FROM @_hub_deliveries "
      "AS d "
      "WHERE state = 3 AND d.data_source = c.data_source AND operation = 1), (SELECT count(*) FROM "
      "@_hub_deliveries AS d WHERE fresh "
      "AND "
      "d.data_source = c.data_source AND operation <> 1), (SELECT count(*) FROM @_hub_deliveries AS d WHERE "
      "fresh AND d.data_source = c.data_source AND operation = 1) FROM @_hub_counts AS c");
  if (!rows.ok()) return rows.status();
  std::map<std::string, HubCounts> counts;
  const auto at = [&](int row, int column) { return static_cast<std::uint64_t>(rows->Int(row, column)); };
  for (int row = 0; row < rows->rows(); ++row) {
    counts[rows->Text(row, 0)] = {.rows = at(row, 1),
                                  .writes = at(row, 2),
                                  .inserts = at(row, 3),
                                  .fresh_writes = at(row, 4),
                                  .fresh_inserts = at(row, 5)};
  }
  return counts;
}

absl::Status PostgresHubBook::HoldFresh(const std::string& data_source, bool inserts) {
  return session_.Write(
      absl::StrCat("UPDATE @_hub_deliveries SET state = 2 WHERE data_source = $1 AND fresh AND state = "
                   "1 AND operation ",
                   inserts ? "= 1" : "<> 1"),
      {session_.Keep(data_source)});
}

absl::Status PostgresHubBook::EndFresh() {
  return session_.Write("UPDATE @_hub_deliveries SET fresh = false WHERE fresh", {});
}

}  // namespace mirror
