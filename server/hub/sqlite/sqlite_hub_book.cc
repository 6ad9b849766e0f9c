#include "server/hub/sqlite/sqlite_hub_book.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/hub/sqlite/hub_apart.h"
#include "server/hub/store/hub_json.h"

namespace mirror {
namespace {

constexpr char kRowColumns[] =
    "row_id, data_source, table_name, key, entity, golden_id, says, changed_ms, touched, read_at, doomed, "
    "unsure, "
    "joined_by, former, keys, work FROM _hub_rows ";

constexpr char kDeliveryColumns[] =
    "delivery_id, data_source, table_name, operation, key, golden_id, body, needs, number, state, fresh, "
    "refused_until, refusals, reason FROM _hub_deliveries ";

std::optional<std::int64_t> NumberOrNone(const sqlite::Statement& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.Int(column);
}

absl::StatusOr<MemberRow> TakeRow(const sqlite::Statement& at) {
  MemberRow row;
  row.row_id = at.Int(0);
  row.ref = {at.Text(1), at.Text(2), at.Text(3)};
  row.entity = at.Text(4);
  row.golden_id = at.Text(5);
  row.changed_ms = NumberOrNone(at, 7);
  row.touched = at.Int(8);
  row.read_at = at.Int(9);
  row.doomed = at.Int(10) != 0;
  row.unsure = at.Int(11) != 0;
  row.joined_by = at.Text(12);
  absl::Status status = TakeSays(at.View(6), &row);
  if (status.ok()) status = TakeFormer(at.View(13), &row.former);
  if (status.ok()) status = TakeNames(at.View(14), &row.indexed);
  if (status.ok()) status = TakeWork(at.View(15), &row.work);
  if (!status.ok()) return status;
  return row;
}

template <typename One>
absl::StatusOr<std::vector<One>> TakeAll(sqlite::Statement& read,
                                         absl::StatusOr<One> (*take)(const sqlite::Statement&)) {
  std::vector<One> all;
  for (;;) {
    ASSIGN_OR_RETURN(bool more, read.Step());
    if (!more) return all;
    ASSIGN_OR_RETURN(One one, take(read));
    all.push_back(std::move(one));
  }
}

void BindOrNull(sqlite::Statement& statement, int place, std::string text) {
  if (text.empty()) {
    statement.BindNull(place);
  } else {
    statement.Bind(place, std::move(text));
  }
}

void BindOrNull(sqlite::Statement& statement, int place, std::optional<std::int64_t> number) {
  if (number) {
    statement.Bind(place, *number);
  } else {
    statement.BindNull(place);
  }
}

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

absl::StatusOr<std::vector<RowRef>> Refs(sqlite::Statement statement) {
  std::vector<RowRef> refs;
  for (;;) {
    ASSIGN_OR_RETURN(bool more, statement.Step());
    if (!more) return refs;
    refs.push_back({statement.Text(0), statement.Text(1), statement.Text(2)});
  }
}

/// From a row of kDeliveryColumns.
absl::StatusOr<HubDelivery> DeliveryOf(const sqlite::Statement& row) {
  HubDelivery delivery;
  delivery.id = row.Text(0);
  delivery.data_source = row.Text(1);
  delivery.table = row.Text(2);
  delivery.operation = static_cast<HubOperation>(row.Int(3));
  delivery.key = row.Text(4);
  delivery.golden_id = row.Text(5);
  RETURN_IF_ERROR(TakeBody(row.View(6), &delivery));
  delivery.needs = row.Int(7);
  delivery.number = row.Int(8);
  delivery.state = static_cast<DeliveryState>(row.Int(9));
  delivery.fresh = row.Int(10) != 0;
  if (!row.IsNull(11)) delivery.refused = Refusal{row.Int(11), row.Int(12), row.Text(13)};
  return delivery;
}

/// Parents are made before their children, and go behind them.
std::int64_t RankOf(const HubRules& rules, const HubDelivery& delivery) {
  const HubEntity* const entity = rules.Find(delivery.data_source, delivery.table).entity;
  const std::int64_t place = entity == nullptr ? 0 : entity - rules.entities.data();
  return delivery.operation == HubOperation::kDelete ? -place : place;
}

absl::Status CountIn(sqlite::StatementCache& statements, const std::string& data_source, const char* what,
                     int by) {
  sqlite::Statement change = statements.Prepare(
      absl::StrCat("UPDATE _hub_counts SET ", what, " = ", what, " + ? WHERE data_source = ? RETURNING 1"),
      "the hub's file");
  const absl::StatusOr<bool> known = change.With(by, data_source).Step();
  change.Reset();
  if (!known.ok() || *known) return known.status();
  absl::Status status = statements.Prepare("INSERT INTO _hub_counts VALUES (?, 0, 0, 0)", "the hub's file")
                            .With(data_source)
                            .Run();
  return status.ok() ? CountIn(statements, data_source, what, by) : status;
}

const char* CounterOf(const HubDelivery& delivery) {
  return delivery.operation == HubOperation::kInsert ? "inserts" : "writes";
}

}  // namespace

absl::StatusOr<HubState> SqliteHubBook::ReadState() {
  sqlite::Statement read = Prepare("SELECT time, hold, records, deliveries FROM _hub_state");
  ASSIGN_OR_RETURN(bool there, read.Step());
  if (!there) return HubState{};
  return HubState{read.Int(0), read.Int(1) != 0, read.Int(2), read.Int(3)};
}

absl::Status SqliteHubBook::WriteState(const HubState& state) {
  return Prepare("INSERT OR REPLACE INTO _hub_state VALUES (1, ?, ?, ?, ?)")
      .With(state.time, int{state.hold}, state.records, state.deliveries)
      .Run();
}

absl::StatusOr<std::map<std::string, HubFeed>> SqliteHubBook::ReadFeeds() {
  std::map<std::string, HubFeed> feeds;
  for (const std::string& name : rules_.data_sources) feeds[name] = {};
  sqlite::Statement read = Prepare(
      "SELECT data_source, journal_id, number, token, salt, before_journal_id, before_number, before_token, "
      "cycle, "
      "at, ledger_number, source_older, mirror_older, suspended, own_restore, reread, forgotten, erased FROM "
      "_hub_feeds");
  for (;;) {
    ASSIGN_OR_RETURN(bool more, read.Step());
    if (!more) return feeds;
    const auto feed = feeds.find(read.Text(0));
    if (feed == feeds.end()) continue;  // Of a data source that is no member any more.
    feed->second.anchor = {read.Text(1), read.Int(2), read.Text(3)};
    feed->second.salt = NumberOrNone(read, 4);
    if (!read.IsNull(5)) feed->second.before = HubAnchor{read.Text(5), read.Int(6), read.Text(7)};
    feed->second.cycle = read.Int(8);
    feed->second.at = read.Int(9);
    feed->second.ledger_number = read.Int(10);
    feed->second.source_older = read.Int(11);
    feed->second.mirror_older = read.Int(12);
    feed->second.suspended = NumberOrNone(read, 13);
    feed->second.own_restore = read.Int(14) != 0;
    feed->second.reread = read.Int(15) != 0;
    feed->second.forgotten = read.Int(16);
    feed->second.erased = read.Int(17);
  }
}

absl::Status SqliteHubBook::WriteFeed(const std::string& data_source, const HubFeed& feed) {
  sqlite::Statement write =
      Prepare("INSERT OR REPLACE INTO _hub_feeds VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  write.With(data_source, feed.anchor.journal_id, feed.anchor.number, feed.anchor.token);
  BindOrNull(write, 5, feed.salt);
  if (feed.before) {
    write.Bind(6, feed.before->journal_id).Bind(7, feed.before->number).Bind(8, feed.before->token);
  }
  write.Bind(9, feed.cycle).Bind(10, feed.at).Bind(11, feed.ledger_number);
  write.Bind(12, feed.source_older).Bind(13, feed.mirror_older);
  BindOrNull(write, 14, feed.suspended);
  write.Bind(15, int{feed.own_restore}).Bind(16, int{feed.reread});
  return write.Bind(17, feed.forgotten).Bind(18, feed.erased).Run();
}

absl::StatusOr<std::optional<MemberRow>> SqliteHubBook::ReadRow(const RowRef& ref) {
  sqlite::Statement read =
      Prepare(absl::StrCat("SELECT ", kRowColumns, "WHERE data_source = ? AND table_name = ? AND key = ?"));
  ASSIGN_OR_RETURN(bool there, read.With(ref.data_source, ref.table, ref.key).Step());
  if (!there) return std::nullopt;
  return TakeRow(read);
}

absl::StatusOr<std::vector<MemberRow>> SqliteHubBook::RowsOf(const std::string& golden_id) {
  sqlite::Statement read = Prepare(absl::StrCat("SELECT ", kRowColumns, "WHERE golden_id = ?"));
  read.With(golden_id);
  return TakeAll(read, TakeRow);
}

absl::StatusOr<std::vector<RowRef>> SqliteHubBook::UnreadRows(const std::string& data_source,
                                                              const std::string& table,
                                                              std::int64_t read_at) {
  sqlite::Statement read = Prepare(
      "SELECT data_source, table_name, key FROM _hub_rows WHERE data_source = ? AND table_name = ? AND "
      "read_at <> ? LIMIT 10000");
  read.With(data_source, table, read_at);
  return Refs(std::move(read));
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
  sqlite::Statement write =
      made ? Prepare("INSERT INTO _hub_rows VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")
           : Prepare(
                 "UPDATE _hub_rows SET data_source=?, table_name=?, key=?, entity=?, golden_id=?, says=?, "
                 "changed_ms=?, touched=?, read_at=?, doomed=?, unsure=?, joined_by=?, former=?, keys=?, "
                 "work=? WHERE row_id=?");
  write.With(row.ref.data_source, row.ref.table, row.ref.key, row.entity);
  BindOrNull(write, 5, row.golden_id);
  write.Bind(6, SaysJson(row));
  BindOrNull(write, 7, row.changed_ms);
  write.Bind(8, row.touched).Bind(9, row.read_at).Bind(10, int{row.doomed}).Bind(11, int{row.unsure});
  write.Bind(12, row.joined_by);
  BindOrNull(write, 13, FormerJson(row.former));
  write.Bind(14, NamesJson(keys));
  BindOrNull(write, 15, WorkJson(row.work));
  if (!made) write.Bind(16, row.row_id);
  absl::Status status = write.Run();
  const std::int64_t row_id = made ? connection_.LastRowid() : row.row_id;
  if (status.ok() && made) status = CountIn(statements_, row.ref.data_source, "rows", 1);
  if (!status.ok()) return status;
  return Index(row.entity, row_id, "", row.indexed, keys);
}

absl::Status SqliteHubBook::RemoveRow(const MemberRow& row) {
  absl::Status status = Prepare("DELETE FROM _hub_rows WHERE row_id = ?").With(row.row_id).Run();
  if (status.ok()) status = CountIn(statements_, row.ref.data_source, "rows", -1);
  if (!status.ok()) return status;
  return Index(row.entity, row.row_id, "", row.indexed, {});
}

absl::StatusOr<std::optional<GoldenRecord>> SqliteHubBook::ReadRecord(const std::string& id) {
  sqlite::Statement read = Prepare(
      "SELECT entity, number, says, had, frozen, turns, keys, work, empty_since FROM _hub_records WHERE "
      "golden_id = ?");
  ASSIGN_OR_RETURN(bool there, read.With(id).Step());
  if (!there) return std::nullopt;
  GoldenRecord record;
  record.id = id;
  record.entity = read.Text(0);
  record.number = read.Int(1);
  absl::Status status = TakeValues(read.View(2), &record);
  if (status.ok()) status = TakeNames(read.View(3), &record.had);
  if (status.ok()) status = TakeNames(read.View(4), &record.frozen);
  if (status.ok()) status = TakeTurns(read.View(5), &record);
  if (status.ok()) status = TakeNames(read.View(6), &record.indexed);
  if (status.ok()) status = TakeWork(read.View(7), &record.work);
  record.empty_since = NumberOrNone(read, 8);
  if (!status.ok()) return status;
  ASSIGN_OR_RETURN(std::set<std::string> apart, HubApart(statements_).Of(id));
  record.apart = std::move(apart);
  return record;
}

absl::Status SqliteHubBook::WriteRecord(const GoldenRecord& record, const KeyHashes& keys) {
  sqlite::Statement write = Prepare("INSERT OR REPLACE INTO _hub_records VALUES (?,?,?,?,?,?,?,?,?,?)");
  write.With(record.id, record.entity, record.number, ValuesJson(record), NamesJson(record.had),
             NamesJson(record.frozen));
  BindOrNull(write, 7, TurnsJson(record));
  write.Bind(8, NamesJson(keys));
  BindOrNull(write, 9, WorkJson(record.work));
  BindOrNull(write, 10, record.empty_since);
  absl::Status status = write.Run();
  if (status.ok()) status = Index(record.entity, 0, record.id, record.indexed, keys);
  if (status.ok()) status = HubApart(statements_).Write(record.id, record.apart);
  return status.ok() && !record.work.touched ? WriteAttributes(record) : status;
}

/// What partners read: one row a record, its attributes as columns.
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
    // What is bound lives until the statement was run.
    BindLiteral(write, ++place, given == record.values.end() ? none : given->second.value);
  }
  return write.Run();
}

absl::Status SqliteHubBook::MergeRecord(const GoldenRecord& gone, const std::string& into) {
  absl::Status status = Prepare("DELETE FROM _hub_records WHERE golden_id = ?").With(gone.id).Run();
  if (status.ok()) {
    status = Prepare(absl::StrCat("DELETE FROM ", QuoteName("golden_" + gone.entity), " WHERE golden_id = ?"))
                 .With(gone.id)
                 .Run();
  }
  if (status.ok()) status = Index(gone.entity, 0, gone.id, gone.indexed, {});
  if (status.ok())
    status = Prepare("INSERT OR REPLACE INTO golden_alias VALUES (?, ?)").With(gone.id, into).Run();
  return status.ok() ? HubApart(statements_).Merge(gone.id, into) : status;
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
  return Prepare("INSERT OR REPLACE INTO _hub_issued VALUES (?, ?, ?)")
      .With(delivery_id, golden_id, at)
      .Run();
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
  absl::StatusOr<bool> there = record.Step();
  if (!there.ok()) return there.status();
  if (*there) {
    work.golden_id = record.Text(0);
    return work;
  }
  sqlite::Statement row = Prepare(
      "SELECT data_source, table_name, key FROM _hub_rows WHERE golden_id IS NULL ORDER BY row_id LIMIT 1");
  there = row.Step();
  if (!there.ok()) return there.status();
  if (*there) work.row = RowRef{row.Text(0), row.Text(1), row.Text(2)};
  return work;
}

absl::StatusOr<std::vector<HubDelivery>> SqliteHubBook::DeliveriesOf(const std::string& golden_id) {
  sqlite::Statement read = Prepare(absl::StrCat("SELECT ", kDeliveryColumns, "WHERE golden_id = ?"));
  read.With(golden_id);
  return TakeAll(read, DeliveryOf);
}

absl::Status SqliteHubBook::ReadOpen(const std::string& data_source, const TakeOne& take) {
  sqlite::Statement read =
      Prepare(absl::StrCat("SELECT ", kDeliveryColumns,
                           "WHERE data_source = ? AND state = 1 "
                           "ORDER BY coalesce(refused_until, 0), operation, rank, number"));
  read.With(data_source);
  for (;;) {
    absl::StatusOr<bool> more = read.Step();
    if (!more.ok() || !*more) return more.status();
    ASSIGN_OR_RETURN(HubDelivery delivery, DeliveryOf(read));
    more = take(std::move(delivery));
    if (!more.ok() || !*more) return more.status();
  }
}

absl::Status SqliteHubBook::WriteDelivery(const HubDelivery& delivery) {
  sqlite::Statement change = Prepare("UPDATE _hub_deliveries SET needs = ? WHERE delivery_id = ?");
  absl::Status status = change.With(delivery.needs, delivery.id).Run();
  if (!status.ok() || connection_.Changes() > 0) return status;
  sqlite::Statement write =
      Prepare("INSERT INTO _hub_deliveries VALUES (?,?,?,?,?,?,?,?,?,?,?,?,NULL,NULL,NULL)");
  write.With(delivery.id, delivery.data_source, delivery.table, static_cast<int>(delivery.operation),
             delivery.key, delivery.golden_id, BodyJson(delivery), delivery.needs, delivery.number,
             static_cast<int>(delivery.state), int{delivery.fresh}, RankOf(rules_, delivery));
  if (status = write.Run(); !status.ok()) return status;
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
  // Those that an operator dropped write nothing.
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
      Prepare(absl::StrCat("SELECT ", kDeliveryColumns, "WHERE ", are, " ORDER BY number"));
  for (;;) {
    absl::StatusOr<bool> more = read.Step();
    if (!more.ok() || !*more) return more.status();
    ASSIGN_OR_RETURN(HubDelivery delivery, DeliveryOf(read));
    more = take(std::move(delivery));
    if (!more.ok() || !*more) return more.status();
  }
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
