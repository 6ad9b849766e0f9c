#include "server/hub/postgres_hub_book.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "proto/wire/exchange/value_json.h"
#include "proto/wire/table.h"
#include "server/hub/hub_json.h"
#include "server/hub/hub_records.h"
#include "server/hub/hub_session.h"
#include "server/own_records/postgres_record.h"

namespace mirror {

std::optional<std::string> GoldenText(const Literal& value) {
  if (std::holds_alternative<Null>(value)) return std::nullopt;
  if (const auto* text = std::get_if<std::string>(&value)) return ValidUtf8(*text);
  if (const auto* bytes = std::get_if<Bytes>(&value)) {
    return absl::StrCat("\\x", absl::BytesToHexString(bytes->value));
  }
  return ValueJson(value);
}

namespace {

// `_hub_apart`: pairs of records that an operator parted; each pair is there once, the lesser id first.
// Used within the caller's transaction. Errors: those of the session. Threads: one.

absl::Status Forget(HubSession& session, const std::string& golden_id) {
  return session.Write("DELETE FROM @_hub_apart WHERE golden_id = $1 OR other_id = $1",
                       {session.Keep(golden_id)});
}

absl::Status Add(HubSession& session, const std::string& one, const std::string& other) {
  return session.Write("INSERT INTO @_hub_apart VALUES ($1, $2) ON CONFLICT DO NOTHING",
                       {session.Keep(std::min(one, other)), session.Keep(std::max(one, other))});
}

absl::StatusOr<std::set<std::string>> ReadApart(HubSession& session, const std::string& golden_id) {
  ASSIGN_OR_RETURN(
      const postgres::Rows rows,
      session.Query(
          "SELECT other_id FROM @_hub_apart WHERE golden_id = $1 UNION ALL SELECT golden_id FROM @_hub_apart "
          "WHERE "
          "other_id = $1",
          {golden_id}));
  std::set<std::string> ids;
  for (int row = 0; row < rows.rows(); ++row) ids.insert(rows.Text(row, 0));
  return ids;
}

/// Makes these the only records that it is apart from.
absl::Status WriteApart(HubSession& session, const std::string& golden_id,
                        const std::set<std::string>& apart) {
  RETURN_IF_ERROR(Forget(session, golden_id));
  for (const std::string& id : apart) {
    RETURN_IF_ERROR(Add(session, id, golden_id));
  }
  return absl::OkStatus();
}

/// Moves the pairs of one record to the other; the two are not apart any more.
absl::Status MergeApart(HubSession& session, const std::string& gone, const std::string& into) {
  const absl::StatusOr<std::set<std::string>> apart = ReadApart(session, gone);
  if (!apart.ok() || apart->empty()) return apart.status();
  RETURN_IF_ERROR(Forget(session, gone));
  for (const std::string& id : *apart) {
    if (id != into) RETURN_IF_ERROR(Add(session, id, into));
  }
  return absl::OkStatus();
}

using postgres::Rows;

/// A record's id, and those of all records that were merged into it.
constexpr char kAllInPostgres[] =
    "WITH RECURSIVE all_ids(id) AS (SELECT $1::text COLLATE \"C\" UNION SELECT a.golden_id FROM "
    "@golden_alias "
    "AS a JOIN all_ids ON a.into_id = all_ids.id) ";

}  // namespace

absl::StatusOr<std::vector<std::string>> PostgresHubUpkeep::Texts(std::string_view sql,
                                                                  postgres::Values values) {
  ASSIGN_OR_RETURN(const Rows rows, session_.Query(sql, values));
  std::vector<std::string> texts;
  for (int row = 0; row < rows.rows(); ++row) texts.push_back(rows.Text(row, 0));
  return texts;
}

absl::StatusOr<std::vector<RowRef>> PostgresHubUpkeep::DoomedRows() {
  ASSIGN_OR_RETURN(const Rows rows, session_.Query(HubRowRefs().SelectSql(kHubAt, "WHERE doomed")));
  return ReadRows(HubRowRefs(), rows);
}

absl::StatusOr<std::vector<HubUpkeep::Glance>> PostgresHubUpkeep::RowsAfter(std::int64_t row_id) {
  ASSIGN_OR_RETURN(const Rows rows, session_.Query("SELECT row_id, data_source, table_name, key, says FROM "
                                                   "@_hub_rows WHERE row_id > $1 ORDER BY row_id "
                                                   "LIMIT 1000",
                                                   {row_id}));
  std::vector<Glance> glances;
  for (int row = 0; row < rows.rows(); ++row) {
    ASSIGN_OR_RETURN(const bool other, HasOtherWord(rows.View(row, 4)));
    glances.push_back({rows.Int(row, 0), {rows.Text(row, 1), rows.Text(row, 2), rows.Text(row, 3)}, other});
  }
  return glances;
}

absl::StatusOr<std::vector<std::string>> PostgresHubUpkeep::EmptySince(std::int64_t at, std::size_t limit) {
  return Texts("SELECT golden_id FROM @_hub_records WHERE empty_since <= $1 ORDER BY empty_since LIMIT $2",
               {at, static_cast<std::int64_t>(limit)});
}

absl::StatusOr<std::vector<std::string>> PostgresHubUpkeep::RecordsOfOthers() {
  std::set<std::string> names;
  for (const HubEntity& entity : rules_.entities) names.insert(entity.name);
  return Texts(
      "SELECT golden_id FROM @_hub_records WHERE entity NOT IN (SELECT json_array_elements_text($1::json)) "
      "LIMIT 1000",
      {NamesJson(names)});
}

absl::Status PostgresHubUpkeep::ForgetRecord(const GoldenRecord& record) {
  RETURN_IF_ERROR(WriteApart(session_, record.id, {}));
  for (const std::string& hash : record.indexed) {
    RETURN_IF_ERROR(session_.Write(
        "DELETE FROM @_hub_keys WHERE hash = $1 AND entity = $2 AND row_id = 0 AND golden_id = $3",
        {session_.Keep(hash), session_.Keep(record.entity), session_.Keep(record.id)}));
  }
  for (const std::string& sql :
       {absl::StrCat(kAllInPostgres, "DELETE FROM @_hub_issued WHERE golden_id IN (SELECT id FROM all_ids)"),
        absl::StrCat(kAllInPostgres, "DELETE FROM @golden_alias WHERE golden_id IN (SELECT id FROM all_ids)"),
        std::string("DELETE FROM @_hub_records WHERE golden_id = $1")}) {
    RETURN_IF_ERROR(session_.Write(sql, {session_.Keep(record.id)}));
  }
  return session_.WriteAsIs(
      absl::StrCat("DELETE FROM ", schema_.at, QuoteName("golden_" + record.entity), " WHERE golden_id = $1"),
      {session_.Keep(record.id)});
}

absl::Status PostgresHubUpkeep::ForgetIssued(std::int64_t before, std::int64_t now, std::size_t limit) {
  return session_
      .Query(
          "WITH oldest AS (SELECT i.delivery_id, EXISTS (SELECT 1 FROM @_hub_deliveries AS d WHERE "
          "d.delivery_id = i.delivery_id) AS is_open FROM @_hub_issued AS i WHERE i.at < $1 ORDER BY i.at "
          "LIMIT "
          "$3), kept AS (UPDATE @_hub_issued AS i SET at = $2 FROM oldest AS o WHERE o.is_open AND "
          "i.delivery_id = o.delivery_id) DELETE FROM @_hub_issued AS i USING oldest AS o WHERE NOT "
          "o.is_open "
          "AND i.delivery_id = o.delivery_id",
          {before, now, static_cast<std::int64_t>(limit)})
      .status();
}

absl::StatusOr<std::size_t> PostgresHubUpkeep::Thaw(const std::string& golden_id) {
  ASSIGN_OR_RETURN(
      const std::vector<std::string> thawed,
      Texts(
          "UPDATE @_hub_records SET frozen = '[]', turns = NULL, work = coalesce(work, '{}') WHERE frozen <> "
          "'[]' AND ($1 = '' OR golden_id = $1) RETURNING golden_id",
          {golden_id}));
  return thawed.size();
}

namespace {

constexpr int kPage = 500;

}  // namespace

absl::Status PostgresHubBook::Finish() {
  absl::Status status = session_.WriteCounts();
  return status.ok() ? session_.Flush() : status;
}

absl::StatusOr<HubState> PostgresHubBook::ReadState() {
  ASSIGN_OR_RETURN(const Rows rows, session_.Query(HubStates().SelectSql(kHubAt)));
  ASSIGN_OR_RETURN(const std::optional<HubState> state, ReadFirst(HubStates(), rows));
  return state.value_or(HubState{});
}

absl::Status PostgresHubBook::WriteState(const HubState& state) {
  return session_.Upsert(HubStates(), state);
}

absl::StatusOr<std::map<std::string, HubFeed>> PostgresHubBook::ReadFeeds() {
  ASSIGN_OR_RETURN(const Rows rows, session_.Query(HubFeeds().SelectSql(kHubAt)));
  ASSIGN_OR_RETURN(const std::vector<HubFeedRow> feeds, ReadRows(HubFeeds(), rows));
  return FeedsOf(rules_, feeds);
}

absl::Status PostgresHubBook::WriteFeed(const std::string& data_source, const HubFeed& feed) {
  return session_.Upsert(HubFeeds(), {data_source, feed});
}

absl::StatusOr<std::optional<MemberRow>> PostgresHubBook::ReadRow(const RowRef& ref) {
  static const std::string sql =
      HubRows().SelectSql(kHubAt,
                          "WHERE data_source = $1 AND table_name = $2 AND hashtextextended(key, 0) = "
                          "hashtextextended($3 COLLATE \"C\", 0) AND key = $3");
  ASSIGN_OR_RETURN(const Rows rows, session_.Query(sql, {ref.data_source, ref.table, ref.key}));
  return ReadFirst(HubRows(), rows);
}

absl::StatusOr<std::vector<MemberRow>> PostgresHubBook::RowsOf(const std::string& golden_id) {
  static const std::string sql = HubRows().SelectSql(kHubAt, "WHERE golden_id = $1 ORDER BY row_id");
  ASSIGN_OR_RETURN(const Rows rows, session_.Query(sql, {golden_id}));
  return ReadRows(HubRows(), rows);
}

absl::StatusOr<std::vector<RowRef>> PostgresHubBook::UnreadRows(const std::string& data_source,
                                                                const std::string& table,
                                                                std::int64_t read_at) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      session_.Query(HubRowRefs().SelectSql(
                         kHubAt, "WHERE data_source = $1 AND table_name = $2 AND read_at <> $3 LIMIT 10000"),
                     {data_source, table, read_at}));
  return ReadRows(HubRowRefs(), rows);
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
  static const std::string insert = HubRows().InsertSql(kHubAt);
  static const std::string update = HubRows().UpdateSql(kHubAt);
  Fields fields = HubRows().Write(row);
  fields.Set("row_id", row_id);
  fields.Set("keys", NamesJson(keys));
  RETURN_IF_ERROR(session_.Write(made ? insert : update, std::move(fields)));
  if (made) ++session_.CountOf(row.ref.data_source).rows;
  return Index(row.entity, row_id, "", row.indexed, keys);
}

absl::Status PostgresHubBook::RemoveRow(const MemberRow& row) {
  RETURN_IF_ERROR(session_.Write("DELETE FROM @_hub_rows WHERE row_id = $1", {row.row_id}));
  --session_.CountOf(row.ref.data_source).rows;
  return Index(row.entity, row.row_id, "", row.indexed, {});
}

absl::StatusOr<std::optional<GoldenRecord>> PostgresHubBook::ReadRecord(const std::string& id) {
  static const std::string sql = HubRecords().SelectSql(kHubAt, "WHERE golden_id = $1");
  ASSIGN_OR_RETURN(const Rows rows, session_.Query(sql, {id}));
  ASSIGN_OR_RETURN(std::optional<GoldenRecord> record, ReadFirst(HubRecords(), rows));
  if (!record) return record;
  ASSIGN_OR_RETURN(record->apart, ReadApart(session_, id));
  return record;
}

absl::Status PostgresHubBook::WriteRecord(const GoldenRecord& record, const KeyHashes& keys) {
  static const std::string sql = HubRecords().UpsertSql(kHubAt);
  Fields fields = HubRecords().Write(record);
  fields.Set("keys", NamesJson(keys));
  work_.Note(record.id, !fields.Of("work").is_null());
  RETURN_IF_ERROR(session_.Write(sql, std::move(fields)));
  RETURN_IF_ERROR(Index(record.entity, 0, record.id, record.indexed, keys));
  RETURN_IF_ERROR(WriteApart(session_, record.id, record.apart));
  return record.work.touched ? absl::OkStatus() : WriteAttributes(record);
}

/// Writes the table that partners read: one row a record, its attributes as columns.
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
  std::vector<postgres::Value> values = {session_.Keep(record.id)};
  for (const std::string& attribute : attributes) {
    const auto given = record.values.find(attribute);
    std::optional<std::string> text;
    if (given != record.values.end()) text = GoldenText(given->second.value);
    values.push_back(text ? postgres::Value(session_.Keep(*std::move(text)))
                          : postgres::Value::Null(postgres::Type::kText));
  }
  return session_.WriteAsIs(sql, values);
}

absl::Status PostgresHubBook::MergeRecord(const GoldenRecord& gone, const std::string& into) {
  work_.Note(gone.id, false);
  RETURN_IF_ERROR(session_.Write("DELETE FROM @_hub_records WHERE golden_id = $1", {session_.Keep(gone.id)}));
  RETURN_IF_ERROR(session_.WriteAsIs(
      absl::StrCat("DELETE FROM ", schema_.at, QuoteName("golden_" + gone.entity), " WHERE golden_id = $1"),
      {session_.Keep(gone.id)}));
  RETURN_IF_ERROR(Index(gone.entity, 0, gone.id, gone.indexed, {}));
  RETURN_IF_ERROR(MergeApart(session_, gone.id, into));
  return session_.Upsert(HubAliases(), {gone.id, into});
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
  return session_.Upsert(HubIssued(), {delivery_id, golden_id, at});
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
  ASSIGN_OR_RETURN(work.row, work_.NextRow());
  return work;
}

absl::StatusOr<std::vector<HubDelivery>> PostgresHubBook::DeliveriesOf(const std::string& golden_id) {
  static const std::string sql = HubDeliveries().SelectSql(kHubAt, "WHERE golden_id = $1 ORDER BY number");
  ASSIGN_OR_RETURN(const Rows rows, session_.Query(sql, {golden_id}));
  return ReadRows(HubDeliveries(), rows);
}

absl::Status PostgresHubBook::ReadOpen(const std::string& data_source, const TakeOne& take) {
  static const std::string sql = HubDeliveries().SelectSql(
      kHubAt,
      "WHERE data_source = $1 AND state = 1 AND (coalesce(refused_until, 0), operation, rank, number) "
      "> ($2, $3, $4, $5) ORDER BY coalesce(refused_until, 0), operation, rank, number LIMIT $6");
  // Reads by pages, since `take` reads, too.
  for (std::int64_t until = -1, operation = 0, rank = 0, number = 0;;) {
    ASSIGN_OR_RETURN(const Rows rows,
                     session_.Query(sql, {data_source, until, operation, rank, number, kPage}));
    for (int row = 0; row < rows.rows(); ++row) {
      ASSIGN_OR_RETURN(HubDelivery delivery, mirror::ReadRow(HubDeliveries(), rows, row));
      const absl::StatusOr<bool> more = take(std::move(delivery));
      if (!more.ok() || !*more) return more.status();
    }
    if (rows.rows() < kPage) return absl::OkStatus();
    const auto in_last = [&](std::string_view column) {
      return rows.Int(kPage - 1, static_cast<int>(PlaceOf(HubDeliveries().columns(), column)));
    };
    until = in_last("refused_until");
    operation = in_last("operation");
    rank = in_last("rank");
    number = in_last("number");
  }
}

absl::Status PostgresHubBook::ReadDeliveries(Which which, const TakeOne& take) {
  const char* const are = which == Which::kFresh     ? "fresh"
                          : which == Which::kHeld    ? "state = 2"
                          : which == Which::kDropped ? "state = 3"
                                                     : "state = 1 AND refused_until IS NOT NULL";
  const std::string sql = HubDeliveries().SelectSql(
      kHubAt, absl::StrCat("WHERE ", are, " AND number > $1 ORDER BY number LIMIT $2"));
  for (std::int64_t number = -1;;) {
    ASSIGN_OR_RETURN(const Rows rows, session_.Query(sql, {number, kPage}));
    for (int row = 0; row < rows.rows(); ++row) {
      ASSIGN_OR_RETURN(HubDelivery delivery, mirror::ReadRow(HubDeliveries(), rows, row));
      number = delivery.number;
      const absl::StatusOr<bool> more = take(std::move(delivery));
      if (!more.ok() || !*more) return more.status();
    }
    if (rows.rows() < kPage) return absl::OkStatus();
  }
}

absl::Status PostgresHubBook::WriteDelivery(const HubDelivery& delivery) {
  static const std::string sql =
      HubDeliveries().InsertSql(kHubAt) +
      " ON CONFLICT (delivery_id) DO UPDATE SET needs = excluded.needs RETURNING xmax = 0";
  Fields fields = HubDeliveries().Write(delivery);
  fields.Set("rank", RankOf(rules_, delivery));
  ASSIGN_OR_RETURN(const Rows rows, session_.Query(sql, ValuesOf(fields)));
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
      {refusal.until, refusal.attempts, session_.Keep(ValidUtf8(refusal.reason)),
       session_.Keep(delivery_id)});
}

absl::StatusOr<std::map<std::string, HubCounts>> PostgresHubBook::CountAll() {
  RETURN_IF_ERROR(session_.WriteCounts());
  const absl::StatusOr<Rows> rows = session_.Query(
      // Deliveries that an operator dropped write nothing.
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
