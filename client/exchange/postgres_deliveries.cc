#include "client/exchange/postgres_deliveries.h"

#include <xxhash.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/pipeline.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "client/exchange/delivery_database.h"
#include "client/exchange/delivery_task.h"
#include "client/exchange/ledger_rows.h"
#include "client/exchange/match_set.h"
#include "client/exchange/postgres_boxes.h"
#include "client/exchange/postgres_exchange_tables.h"
#include "client/exchange/postgres_members.h"
#include "client/exchange/postgres_writer.h"
#include "client/exchange/server_swap.h"
#include "proto/wire/exchange/ledger.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

constexpr char kFilling[] = "filling the inbox";
constexpr char kForgetting[] = "removing the written values of deleted rows from the ledger";
constexpr char kNoting[] = "writing to the ledger";

std::string Named(const std::string& schema, const char* table) {
  return absl::StrCat(QuoteName(schema), ".", QuoteName(table));
}

postgres::Value ValueOrNull(const std::optional<std::string>& text) {
  return text ? postgres::Value(*text) : postgres::Value::Null(postgres::Type::kText);
}

/// Called in the transaction of Fill(), to show more; empty: nothing.
using ShownInPostgres = std::function<absl::Status(const FetchedDeliveries& fetched, std::int64_t now_ms)>;

/// `connection`: may write, and outlives this object. Errors: those of Connection.
class PostgresInbox : public DeliveryInbox {
 public:
  PostgresInbox(postgres::Connection& connection, const std::string& schema, ShownInPostgres shown)
      : connection_(connection),
        exchange_(Named(schema, "_mirror_exchange")),
        inbox_(Named(schema, "_mirror_inbox")),
        ledger_(Named(schema, "_mirror_ledger")),
        shown_(std::move(shown)) {}

  absl::Status Empty() override {
    const absl::StatusOr<std::int64_t> entries =
        connection_.Number(absl::StrCat("SELECT count(*) FROM ", inbox_), {}, "counting the inbox's entries");
    // An idle source is not written to.
    if (!entries.ok() || *entries == 0) return entries.status();
    return connection_.Run(absl::StrCat("DELETE FROM ", inbox_), {}, "emptying the inbox").status();
  }

  absl::Status Fill(const FetchedDeliveries& fetched, std::int64_t now_ms) override {
    std::vector<std::string> bodies;
    bodies.reserve(fetched.deliveries.size());
    postgres::Transaction transaction(connection_);
    postgres::Pipeline pipeline(connection_);
    transaction.Begin(pipeline);
    pipeline.Queue(absl::StrCat("DELETE FROM ", inbox_), {}, kFilling);
    std::int64_t position = 0;
    for (const v1::Delivery& delivery : fetched.deliveries) {
      bodies.push_back(delivery.SerializeAsString());
      pipeline.Queue(
          absl::StrCat("INSERT INTO ", inbox_,
                       " (delivery_id, position, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"),
          {delivery.delivery_id(), ++position, postgres::Value::Bytes(bodies.back())}, kFilling);
    }
    if (fetched.whole) {
      // A ledger row of a further changed row, "<delivery_id>/1", was never refused.
      pipeline.Queue(absl::StrCat("DELETE FROM ", ledger_, " WHERE state = 'REFUSED' AND delivery_id NOT IN ",
                                  "(SELECT delivery_id FROM ", inbox_, ")"),
                     {}, kFilling);
    }
    pipeline.Queue(absl::StrCat("DELETE FROM ", ledger_, " WHERE state = 'APPLIED' AND at < $1"),
                   {now_ms - kLedgerKeptMs}, kFilling);
    // Values written into rows that a delivery deleted since. The ledger still says that they were written.
    pipeline.Queue(
        absl::StrCat("WITH gone AS (SELECT table_name AS t, key AS k, max(number) AS n FROM ", ledger_,
                     " WHERE operation = 'DELETE' AND state = 'APPLIED' GROUP BY table_name, key) UPDATE ",
                     ledger_,
                     " SET wrote = NULL FROM gone WHERE table_name = t AND key = k AND number < n AND "
                     "wrote IS NOT NULL"),
        {}, kFilling);
    if (!shown_) return transaction.Commit(pipeline, kFilling).status();
    absl::Status filled = pipeline.Run().status();
    if (filled.ok()) filled = shown_(fetched, now_ms);
    return filled.ok() ? transaction.Commit(kFilling) : filled;
  }

  absl::StatusOr<WrittenRows> ReadWrittenRows(std::int64_t now_ms) override {
    const std::string those = absl::StrCat(" FROM ", ledger_, " WHERE wrote IS NOT NULL AND key IS NOT NULL");
    ASSIGN_OR_RETURN(const std::int64_t entries,
                     connection_.Number(absl::StrCat("SELECT count(*)", those), {}, kForgetting));
    WrittenRows written;
    if (entries == 0) return written;
    ASSIGN_OR_RETURN(const postgres::Rows rows,
                     connection_.Query(absl::StrCat("SELECT table_name, delivery_id, key", those,
                                                    " ORDER BY number, delivery_id LIMIT $1 OFFSET $2"),
                                       {kEntriesLookedAt, EntriesPassedOver(entries, now_ms)}, kForgetting));
    for (int row = 0; row < rows.rows(); ++row)
      written[rows.Text(row, 0)].push_back({rows.Text(row, 1), rows.Text(row, 2)});
    return written;
  }

  absl::Status ForgetValuesOfGone(const ServerMember* member, const std::vector<WrittenRow>& rows) override {
    absl::Status forgotten = ForgetEach(static_cast<const PostgresMember*>(member), rows);
    if (postgres::TroubleOf(forgotten) != postgres::Trouble::kUndefined) return forgotten;
    return absl::AbortedError(forgotten.message());
  }

  absl::StatusOr<std::vector<v1::Delivery>> Read() override {
    ASSIGN_OR_RETURN(postgres::RowStream rows,
                     connection_.Stream(absl::StrCat("SELECT body FROM ", inbox_, " ORDER BY position"), {},
                                        "reading the inbox"));
    std::vector<v1::Delivery> deliveries;
    absl::StatusOr<bool> row = rows.Step();
    for (; row.ok() && *row; row = rows.Step()) {
      v1::Delivery delivery;
      if (delivery.ParseFromString(rows.row().Text(0, 0))) deliveries.push_back(std::move(delivery));
    }
    if (!row.ok()) return row.status();
    return deliveries;
  }

  absl::Status Remove(const std::string& delivery_id) override {
    return connection_
        .Run(absl::StrCat("DELETE FROM ", inbox_, " WHERE delivery_id = $1"), {postgres::Value(delivery_id)},
             "removing the delivery from the inbox")
        .status();
  }

  absl::StatusOr<std::optional<v1::Delivery>> Find(const std::string& delivery_id) override {
    ASSIGN_OR_RETURN(const postgres::Rows rows,
                     connection_.Query(absl::StrCat("SELECT body FROM ", inbox_, " WHERE delivery_id = $1"),
                                       {postgres::Value(delivery_id)}, "reading the inbox"));
    v1::Delivery delivery;
    if (rows.rows() == 0 || !delivery.ParseFromString(rows.Text(0, 0))) return std::nullopt;
    return delivery;
  }

  absl::StatusOr<std::optional<LedgerState>> FindInLedger(const std::string& delivery_id) override {
    ASSIGN_OR_RETURN(const postgres::Rows rows,
                     connection_.Query(absl::StrCat("SELECT state = 'APPLIED', attempts, next_at FROM ",
                                                    ledger_, " WHERE delivery_id = $1"),
                                       {postgres::Value(delivery_id)}, "reading the ledger"));
    if (rows.rows() == 0) return std::optional<LedgerState>();
    return LedgerState{rows.Bool(0, 0), rows.Int(0, 1), rows.Int(0, 2)};
  }

  absl::Status WriteLedger(const LedgerRow& row) override {
    postgres::Pipeline pipeline(connection_);
    pipeline.Queue(absl::StrCat("UPDATE ", exchange_, " SET ledger_number = ledger_number + 1"), {}, kNoting);
    const std::optional<std::string> key = row.key.empty() ? std::nullopt : std::optional(row.key);
    pipeline.Queue(
        absl::StrCat("INSERT INTO ", ledger_,
                     " (delivery_id, number, operation, table_name, key, state, wrote, reason, attempts, "
                     "next_at, at) SELECT $1, ledger_number, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM ",
                     exchange_,
                     " ON CONFLICT (delivery_id) DO UPDATE SET number = excluded.number, operation = "
                     "excluded.operation, table_name = excluded.table_name, key = excluded.key, state = "
                     "excluded.state, wrote = excluded.wrote, reason = excluded.reason, attempts = "
                     "excluded.attempts, next_at = excluded.next_at, at = excluded.at"),
        {row.delivery_id, row.operation, row.table_name, ValueOrNull(key), row.reason ? "REFUSED" : "APPLIED",
         ValueOrNull(row.wrote), ValueOrNull(row.reason), row.attempts, row.next_at, row.at},
        kNoting);
    return pipeline.Run().status();
  }

 private:
  absl::Status ForgetEach(const PostgresMember* member, const std::vector<WrittenRow>& rows) {
    absl::Status forgotten = ForgetTogether(member, rows);
    if (postgres::TroubleOf(forgotten) != postgres::Trouble::kValue) return forgotten;
    // A key that cannot be parsed as one of this table belongs to no row.
    if (rows.size() == 1) return ForgetTogether(nullptr, rows);
    for (const WrittenRow& row : rows) {
      RETURN_IF_ERROR(ForgetEach(member, {row}));
    }
    return absl::OkStatus();
  }

  /// Removes the values of all these rows or of none; null: of all. kValue: a key is not of the table's type.
  absl::Status ForgetTogether(const PostgresMember* member, const std::vector<WrittenRow>& rows) {
    std::string sql =
        absl::StrCat("UPDATE ", ledger_, " SET wrote = NULL WHERE wrote IS NOT NULL AND delivery_id = $1");
    if (member != nullptr) {
      absl::StrAppend(&sql, " AND NOT EXISTS (SELECT FROM ", member->Rows(), " WHERE ", member->KeyIs(2),
                      ")");
    }
    postgres::Pipeline pipeline(connection_);
    std::deque<PostgresTexts> keys;
    for (const WrittenRow& row : rows) {
      std::vector<postgres::Value> values = {postgres::Value(row.delivery_id)};
      if (member != nullptr) {
        const std::optional<RowOf> key = KeyOfText(row.key, member->table);
        if (!key) continue;
        keys.emplace_back().AddKey(*member, *key);
        const std::vector<postgres::Value>& parts = keys.back().values();
        values.insert(values.end(), parts.begin(), parts.end());
      }
      pipeline.Queue(sql, values, kForgetting);
    }
    return pipeline.size() == 0 ? absl::OkStatus() : pipeline.Run().status();
  }

  postgres::Connection& connection_;
  const std::string exchange_, inbox_, ledger_;  ///< With their schema, quoted.
  const ShownInPostgres shown_;                  ///< Empty: nothing.
};

constexpr char kSwapping[] = "applying deliveries together";
constexpr char kUniqueViolation[] = "23505";

/// One row for each column of each constraint, with the operator of its index's
/// operator class. The last column: whether a foreign key refers to the column.
constexpr char kUnique[] =
    "SELECT i.indexrelid, k.number::int8, NOT i.indimmediate, s.nspname::text, o.oprname::text, EXISTS "
    "(SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.confrelid = i.indrelid AND k.number = ANY "
    "(f.confkey)) FROM pg_index i "
    "CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[]) WITH ORDINALITY k(number, class, place) "
    "JOIN pg_opclass l ON l.oid = k.class JOIN pg_amop m ON m.amopfamily = l.opcfamily "
    "AND m.amopstrategy = 3 AND m.amoplefttype = l.opcintype AND m.amoprighttype = l.opcintype "
    "JOIN pg_operator o ON o.oid = m.amopopr JOIN pg_namespace s ON s.oid = o.oprnamespace "
    "WHERE i.indrelid = $1::oid AND i.indisunique AND NOT i.indisprimary AND i.indpred IS NULL AND "
    "i.indexprs IS NULL AND k.place <= i.indnkeyatts ORDER BY i.indexrelid, k.place";

/// Index of the column with this number among the sent columns.
std::optional<std::uint32_t> PlaceOf(const PostgresTable& table, std::int64_t number) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].number == number) return static_cast<std::uint32_t>(i);
  }
  return std::nullopt;
}

/// All results of Find() have this type.
const PostgresMember& Own(const ServerMember& member) { return static_cast<const PostgresMember&>(member); }

/// See SwapDatabase. Threads: one.
class PostgresSwap : public SwapDatabase {
 public:
  /// All of them outlive it. `connection` is the session of `database`.
  PostgresSwap(postgres::Connection& connection, PostgresMembers& members, DeliveryDatabase& database)
      : connection_(connection), members_(members), database_(database) {}

  bool IsTaken(const absl::Status& status) const override {
    return postgres::FailureOf(status).sqlstate == kUniqueViolation;
  }

  absl::Status Begin() override {
    savepoint_.emplace(connection_);
    RETURN_IF_ERROR(savepoint_->Begin(kSwapping));
    return connection_.Execute("SET CONSTRAINTS ALL DEFERRED", kSwapping);
  }

  absl::Status End() override {
    RETURN_IF_ERROR(connection_.Execute("SET CONSTRAINTS ALL IMMEDIATE", "the database refused it"));
    RETURN_IF_ERROR(savepoint_->Release(kSwapping));
    savepoint_.reset();
    return absl::OkStatus();
  }

  absl::Status TakeBack() override {
    RETURN_IF_ERROR(savepoint_->RollBack(kSwapping));
    savepoint_.reset();
    return absl::OkStatus();
  }

  /// DEFERRABLE constraints are deferred until End().
  bool is_open() const { return savepoint_.has_value(); }
  /// To be called when the transaction has ended.
  void Forget() { savepoint_.reset(); }

  absl::StatusOr<std::vector<UniqueColumns>> FindUnique(const ServerMember& member) override {
    const PostgresTable& table = Own(member).known->table;
    ASSIGN_OR_RETURN(const postgres::Rows rows,
                     connection_.Query(kUnique, {static_cast<std::int64_t>(table.oid)}, kSwapping));
    std::vector<UniqueColumns> all;
    std::set<std::size_t> unknown;
    for (int row = 0; row < rows.rows(); ++row) {
      if (row == 0 || rows.Int(row, 0) != rows.Int(row - 1, 0)) all.emplace_back().waits = rows.Bool(row, 2);
      UniqueColumns& unique = all.back();
      const std::optional<std::uint32_t> column = PlaceOf(table, rows.Int(row, 1));
      if (!column) {
        // A computed column, which is not sent.
        unknown.insert(all.size() - 1);
        continue;
      }
      ASSIGN_OR_RETURN(const std::string schema, postgres::QuotedName(rows.View(row, 3)));
      unique.columns.push_back(*column);
      unique.operators.push_back(absl::StrCat("OPERATOR(", schema, ".", rows.Text(row, 4), ")"));
      if (rows.Bool(row, 5)) unique.referred.insert(*column);
    }
    std::vector<UniqueColumns> found;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!unknown.contains(i)) found.push_back(std::move(all[i]));
    }
    return found;
  }

  absl::StatusOr<std::vector<RowOf>> FindKeys(const ServerMember& member, const UniqueColumns& unique,
                                              const RowOf& values) override {
    const PostgresMember& own = Own(member);
    PostgresTexts bound;
    std::vector<std::string> terms;
    for (std::size_t i = 0; i < unique.columns.size(); ++i) {
      const PostgresColumn& column = own.known->table.columns[unique.columns[i]];
      bound.Add(column, values[i]);
      terms.push_back(absl::StrCat("t.", QuoteName(column.name), " ", unique.operators[i], " $", i + 1,
                                   "::", column.type_name));
    }
    std::vector<RowOf> keys;
    RETURN_IF_ERROR(
        ReadPostgresValues(connection_, members_, own, own.table.key,
                           absl::StrCat("SELECT ", own.Values(own.table.key), " FROM ", own.Rows(), " WHERE ",
                                        absl::StrJoin(terms, " AND "), " LIMIT ", ServerSwap::kRowsMax + 1),
                           bound, [&](RowOf key) {
                             keys.push_back(std::move(key));
                             return absl::OkStatus();
                           }));
    return keys;
  }

  absl::StatusOr<bool> SetToNull(const DeliveryTask& task, const ServerMember& member,
                                 const std::set<std::uint32_t>& columns) override {
    const PostgresMember& own = Own(member);
    std::vector<std::string> sets;
    for (const std::uint32_t column : columns)
      sets.push_back(absl::StrCat(QuoteName(own.known->table.columns[column].name), " = NULL"));
    PostgresTexts bound;
    bound.AddKey(own, task.key);
    RETURN_IF_ERROR(database_.BeginTriggered());
    ASSIGN_OR_RETURN(const std::int64_t rows,
                     connection_.Run(absl::StrCat("UPDATE ", own.Rows(), " SET ", absl::StrJoin(sets, ", "),
                                                  " WHERE ", own.KeyIs(1)),
                                     bound.values(), kSwapping));
    ASSIGN_OR_RETURN(const std::vector<TriggeredRow> others,
                     database_.FindTriggered({{own.table.log, KeyText(task.key)}}));
    return rows == 1 && others.empty();
  }

 private:
  postgres::Connection& connection_;
  PostgresMembers& members_;
  DeliveryDatabase& database_;
  std::optional<postgres::Savepoint> savepoint_;  ///< From Begin() to End().
};

constexpr char kAskingForChanges[] = "finding the rows that triggers changed";

/// In SQL: whether the transaction with this number, or a subtransaction, wrote or deleted
/// a row t. No visible row of another transaction has such a number, because the number
/// was assigned after the snapshot. Numbers wrap around, but the transaction is short.
std::string IsOfTransaction(const char* column, const std::string& number) {
  return absl::StrCat("((t.", column, "::text::int8 - ", number, ") & 4294967295) < 16777216 AND t.", column,
                      "::text <> '0'");
}

/// Reads keys of the rows for which the condition holds.
absl::Status ReadKeys(postgres::Connection& connection, PostgresMembers& members,
                      const PostgresMember& member, const std::string& condition,
                      std::map<std::string, RowOf>* keys) {
  return ReadPostgresValues(
      connection, members, member, member.table.key,
      absl::StrCat("SELECT ", member.Values(member.table.key), " FROM ", member.Rows(), " WHERE ", condition,
                   " LIMIT ", kReachedRowsMax + 1),
      {}, [&](RowOf key) {
        std::string name = KeyText(key);
        keys->try_emplace(std::move(name), std::move(key));
        if (keys->size() <= kReachedRowsMax) return absl::OkStatus();
        return absl::OutOfRangeError(
            absl::StrCat("triggers of the source would change more than ", kReachedRowsMax, " other rows"));
      });
}

bool AreSame(const std::optional<RowOf>& one, const std::optional<RowOf>& other) {
  return one.has_value() == other.has_value() && (!one || KeyText(*one) == KeyText(*other));
}

/// Finds the rows of sent tables that triggers changed in a transaction: those that it changed beside
/// the known ones. The server counts the changes in each table; a table with more changes than are
/// known is read to its end. Finds nothing if the server does not count (`track_counts` off), and
/// nothing in tables without a key.
///
/// Errors: those of ReadPostgresValues(); kOutOfRange: more than kReachedRowsMax. Threads: one.
class PostgresTriggered {
 public:
  /// A second session, which sees the rows as they were before the transaction.
  using Beside = std::function<absl::StatusOr<postgres::Connection*>()>;
  /// `connection` and `members` outlive it.
  PostgresTriggered(postgres::Connection& connection, PostgresMembers& members, Beside beside)
      : connection_(connection), members_(members), beside_(std::move(beside)) {}

  /// To be called in the transaction, after its snapshot and before its first change.
  absl::Status Begin() {
    ASSIGN_OR_RETURN(before_, Count());
    return absl::OkStatus();
  }

  /// To be called after the last change. Leaves out `known` rows, each of which was changed once.
  absl::StatusOr<std::vector<TriggeredRow>> Find(const RowNames& known) {
    ASSIGN_OR_RETURN(const auto counts, Count());
    std::map<std::int64_t, std::int64_t> explained;
    for (const auto& [oid, key] : known) ++explained[oid];
    std::vector<TriggeredRow> rows;
    for (const auto& [oid, count] : counts) {
      const Counts& before = before_[oid];
      if (count.all - before.all <= explained[oid]) continue;
      const PostgresMember* const member = members_.FindByLog(oid);
      RETURN_IF_ERROR(FindIn(*member, count.of_old > before.of_old, known, &rows));
    }
    return rows;
  }

 private:
  struct Counts {
    std::int64_t all = 0;
    std::int64_t of_old = 0;  ///< Updates and deletes among these.
  };
  absl::StatusOr<std::map<std::int64_t, Counts>> Count() {
    std::map<std::int64_t, Counts> counts;
    std::vector<std::string> oids;
    for (const PostgresMember* const member : members_.Sent()) {
      if (!member->table.key.empty() && member->table.name() != kLedgerTable)
        oids.push_back(absl::StrCat(member->known->table.oid));
    }
    if (oids.empty()) return counts;
    ASSIGN_OR_RETURN(
        const postgres::Rows rows,
        connection_.Query(
            absl::StrCat(
                "SELECT m.oid::int8, sum(pg_stat_get_xact_tuples_inserted(r.oid))::int8, "
                "sum(pg_stat_get_xact_tuples_updated(r.oid) + pg_stat_get_xact_tuples_deleted(r.oid))::int8 "
                "FROM unnest('{",
                absl::StrJoin(oids, ","),
                "}'::oid[]) m(oid) CROSS JOIN LATERAL (SELECT m.oid UNION SELECT relid FROM "
                "pg_partition_tree(m.oid::regclass)) r(oid) GROUP BY 1"),
            {}, kAskingForChanges));
    for (int row = 0; row < rows.rows(); ++row)
      counts[rows.Int(row, 0)] = {rows.Int(row, 1) + rows.Int(row, 2), rows.Int(row, 2)};
    return counts;
  }

  absl::Status FindIn(const PostgresMember& member, bool changed_old, const RowNames& known,
                      std::vector<TriggeredRow>* rows) {
    ASSIGN_OR_RETURN(
        const std::int64_t number,
        connection_.Number("SELECT pg_current_xact_id()::xid::text::int8", {}, kAskingForChanges));
    ASSIGN_OR_RETURN(postgres::Connection* const beside, beside_());
    std::map<std::string, RowOf> keys;
    absl::Status read =
        ReadKeys(connection_, members_, member, IsOfTransaction("xmin", absl::StrCat(number)), &keys);
    // Other sessions see deleted rows as long as the transaction lasts.
    if (read.ok() && changed_old)
      read = ReadKeys(*beside, members_, member, IsOfTransaction("xmax", absl::StrCat(number)), &keys);
    if (!read.ok()) return read;
    const std::vector<std::uint32_t> columns = member.table.PlainColumns();
    for (auto& [name, key] : keys) {
      if (known.contains({member.table.log, name})) continue;
      ASSIGN_OR_RETURN(std::optional<RowOf> before,
                       ReadPostgresRow(*beside, members_, member, key, columns, /*locks=*/false));
      ASSIGN_OR_RETURN(std::optional<RowOf> now,
                       ReadPostgresRow(connection_, members_, member, key, columns, /*locks=*/false));
      if (AreSame(before, now)) continue;
      rows->push_back({&member, std::move(key), std::move(before), std::move(now)});
    }
    return absl::OkStatus();
  }

  postgres::Connection& connection_;
  PostgresMembers& members_;
  const Beside beside_;
  /// Counts at Begin(). They may be above 0: a session counts since its last report to the statistics.
  std::map<std::int64_t, Counts> before_;
};

/// Counterpart of MatchSet for a PostgreSQL table. Reads values like the reader and
/// normalises them here, so that they equal the hub's. Make() scans all rows. After that
/// it reads, by their xmin, only rows of transactions that the scan did not see finished.
///
/// Memory: some 50 bytes a row. Errors: those of ReadPostgresValues(). Threads: one.
class PostgresMatchSet {
 public:
  /// Scans all rows, in a transaction of its own. `member` outlives the result.
  static absl::StatusOr<PostgresMatchSet> Make(postgres::Connection& connection, PostgresMembers& members,
                                               const PostgresMember& member, const MatchRule& rule) {
    PostgresMatchSet set(member, rule);
    postgres::Transaction look(connection);
    RETURN_IF_ERROR(look.Begin({.repeatable_read = true, .read_only = true}));
    // The scan takes as long as the table is large.
    RETURN_IF_ERROR(connection.Execute("SET LOCAL statement_timeout TO 0"));
    ASSIGN_OR_RETURN(const postgres::Rows seen,
                     connection.Query("SELECT pg_snapshot_xmin(pg_current_snapshot())::xid::text", {},
                                      "asking for the snapshot of the transaction"));
    set.seen_ = seen.Text(0, 0);
    RETURN_IF_ERROR(set.Add(connection, members, "", {}));
    RETURN_IF_ERROR(look.RollBack());
    return set;
  }

  /// Adds rows that were written since. Call it, and Find(), in a serializable transaction.
  absl::Status CatchUp(postgres::Connection& connection, PostgresMembers& members) {
    return Add(connection, members, absl::StrCat(" WHERE age(t.xmin) <= age('", seen_, "'::xid)"), {});
  }

  /// `values`: normalised. Returns the key of a matching row; absent: there is none.
  absl::StatusOr<std::optional<RowOf>> Find(postgres::Connection& connection, PostgresMembers& members,
                                            const std::vector<std::string>& values) {
    std::optional<RowOf> found;
    // The hash may be of a deleted row.
    if (!hashes_.contains(HashOf(values))) return found;
    const std::vector<std::uint32_t> read = member_->table.KeyAnd(rule_.columns);
    const std::size_t parts = member_->table.key.size();
    RETURN_IF_ERROR(ReadPostgresValues(
        connection, members, *member_, read,
        absl::StrCat("SELECT ", member_->Values(read), " FROM ", member_->Rows()), {}, [&](RowOf row) {
          if (!found && rule_.Normalised(row, parts) == values)
            found.emplace(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(parts));
          return absl::OkStatus();
        }));
    return found;
  }

 private:
  PostgresMatchSet(const PostgresMember& member, MatchRule rule) : member_(&member), rule_(std::move(rule)) {}
  static std::uint64_t HashOf(const std::vector<std::string>& values) {
    std::string joined;
    for (const std::string& value : values) absl::StrAppend(&joined, value.size(), ":", value);
    return XXH3_64bits(joined.data(), joined.size());
  }

  absl::Status Add(postgres::Connection& connection, PostgresMembers& members, const std::string& where,
                   const PostgresTexts& bound) {
    return ReadPostgresValues(
        connection, members, *member_, rule_.columns,
        absl::StrCat("SELECT ", member_->Values(rule_.columns), " FROM ", member_->Rows(), where), bound,
        [this](RowOf row) {
          if (const auto values = rule_.Normalised(row)) hashes_.insert(HashOf(*values));
          return absl::OkStatus();
        });
  }

  const PostgresMember* member_;
  MatchRule rule_;
  std::string seen_;  ///< The oldest transaction that the scan did not see finished.
  std::unordered_set<std::uint64_t> hashes_;
};

constexpr char kImporting[] = "importing a delivery";

/// A session that sees the rows as they were before the transaction of another session. Threads: one.
class BesideSession {
 public:
  explicit BesideSession(PostgresAccess access) : access_(std::move(access)) {}
  /// Opens the session if it is not open. Errors: those of Connection::Open().
  absl::StatusOr<postgres::Connection*> Get() {
    if (connection_ == nullptr || !connection_->IsOpen()) {
      ASSIGN_OR_RETURN(connection_, postgres::Connection::Open(ConnectToSource(access_)));
    }
    return connection_.get();
  }
  void End() { connection_.reset(); }

 private:
  const PostgresAccess access_;
  std::unique_ptr<postgres::Connection> connection_;  ///< Null: not connected.
};

class PostgresDatabase : public DeliveryDatabase {
 public:
  explicit PostgresDatabase(const PostgresDeliveriesOptions& options)
      : access_(options.access),
        rules_(options.rules),
        schema_(options.members.schema),
        layout_(options.layout),
        beside_(options.access),
        members_(options.members, rules_),
        box_members_(options.members, rules_) {}

  absl::Status Connect() override {
    if (connection_ != nullptr && connection_->IsOpen()) return absl::OkStatus();
    Disconnect();
    ASSIGN_OR_RETURN(connection_, postgres::Connection::Open(ConnectToChange(access_)));
    swap_.emplace(*connection_, members_, *this);
    boxes_.emplace(*connection_, box_members_, schema_);
    if (layout_) shown_ = layout_(*boxes_);
    ShownInPostgres told;
    if (shown_ != nullptr) {
      told = [this](const FetchedDeliveries& fetched, std::int64_t now_ms) {
        absl::Status filled = shown_->Filled(fetched, now_ms);
        return filled.ok() ? boxes_->Flush() : filled;
      };
    }
    inbox_ = std::make_unique<PostgresInbox>(*connection_, schema_, std::move(told));
    return absl::OkStatus();
  }
  void Disconnect() override {
    sets_.clear();
    shown_.reset();
    boxes_.reset();
    swap_.reset();
    inbox_.reset();
    connection_.reset();
    beside_.End();
  }

  DeliveryInbox& inbox() override { return *inbox_; }

  absl::Status Look() override {
    sets_.clear();
    return members_.Look(*connection_);
  }
  const ServerMember* Find(const std::string& sent_name) const override { return members_.Find(sent_name); }
  absl::Status PrepareMatch(const ServerMember& member, const MatchRule& rule) override;

  absl::Status Begin(bool inserts) override {
    transaction_.emplace(*connection_);
    absl::Status begun = transaction_->Begin({.repeatable_read = true, .serializable = inserts}, kImporting);
    // Before the savepoint: a rollback to it does not undo these settings.
    if (begun.ok() && shown_ != nullptr) begun = shown_->Importing();
    if (!begun.ok()) return begun;
    savepoint_.emplace(*connection_);
    return savepoint_->Begin(kImporting);
  }
  absl::Status TakeBack() override {
    absl::Status back = savepoint_->RollBack(kImporting);
    if (back.ok()) savepoint_.reset();
    return back;
  }
  absl::Status Commit() override {
    if (savepoint_) {
      RETURN_IF_ERROR(savepoint_->Release(kImporting));
      savepoint_.reset();
    }
    absl::Status committed = transaction_->Commit(kImporting);
    if (committed.ok()) transaction_.reset();
    return committed;
  }
  void RollBack() override {
    if (swap_) swap_->Forget();
    savepoint_.reset();
    transaction_.reset();
  }

  absl::Status LockTable(const ServerMember& member, bool writes) override;
  absl::StatusOr<std::optional<RowOf>> ReadRow(const ServerMember& member, const RowOf& key,
                                               const std::vector<std::uint32_t>& columns,
                                               bool locks) override {
    return ReadPostgresRow(*connection_, members_, Own(member), key, columns, locks);
  }
  absl::StatusOr<std::optional<RowOf>> FindMatch(const ServerMember& member, const MatchRule& rule,
                                                 const std::vector<std::string>& values) override;
  absl::Status ReadReferring(const ServerMember& member, const RowOf& key, bool deletes,
                             const std::function<absl::Status(ReachedRow row, bool deletes)>& take) override {
    return ReadReferringInPostgres(*connection_, members_, Own(member), key, deletes, take);
  }
  absl::Status BeginTriggered() override {
    triggered_.emplace(*connection_, members_, [this] { return beside_.Get(); });
    return triggered_->Begin();
  }
  absl::StatusOr<std::vector<TriggeredRow>> FindTriggered(const RowNames& known) override {
    return triggered_->Find(known);
  }
  absl::StatusOr<bool> Write(const DeliveryTask& task, const ServerMember& member, RowOf* key) override {
    return WritePostgresRow(*connection_, members_, task, Own(member), /*checks=*/!swap_->is_open(), key);
  }
  absl::Status NoteConflict(const ServerMember& member, const RowOf& key) override {
    return NotePostgresConflict(*connection_, Own(member), key);
  }

  absl::Status ShowImported(const v1::Delivery& delivery, const ImportResult& result,
                            std::int64_t now_ms) override {
    if (shown_ == nullptr) return absl::OkStatus();
    absl::Status told = shown_->Imported(delivery, result, now_ms);
    return told.ok() ? boxes_->Flush() : told;
  }
  BoxSource* boxes() override { return boxes_ ? &*boxes_ : nullptr; }
  SwapDatabase* swaps() override { return &*swap_; }

  Fate FateOf(const absl::Status& status) const override {
    switch (postgres::TroubleOf(status)) {
      case postgres::Trouble::kCommitUnknown:
        return Fate::kUnknown;
      case postgres::Trouble::kNotReplicated:
        return Fate::kUnsafe;
      default:
        return absl::IsAborted(status) ? Fate::kAgain : Fate::kEnds;
    }
  }
  std::string Refusal(const absl::Status& status) const override { return PostgresRefusal(status); }

 private:
  const PostgresAccess access_;
  const ExchangeRules rules_;
  const std::string schema_;
  const MakeInboxLayout layout_;
  BesideSession beside_;  ///< See PostgresTriggered.
  PostgresMembers members_;
  PostgresMembers box_members_;  ///< Only the boxes read this catalog, whenever they have to.
  std::unique_ptr<postgres::Connection> connection_;  ///< Null: not connected yet.
  std::unique_ptr<DeliveryInbox> inbox_;              ///< Uses `connection_`.
  std::optional<PostgresSwap> swap_;                  ///< Uses `connection_`.
  std::optional<PostgresBoxes> boxes_;                ///< Uses `connection_`.
  std::unique_ptr<InboxLayout> shown_;                ///< Uses `boxes_`; null: nothing is shown.
  std::map<std::pair<std::int64_t, MatchRule>, PostgresMatchSet> sets_;  ///< By the table's oid.
  std::optional<PostgresTriggered> triggered_;                           ///< State for the present delivery.
  std::optional<postgres::Transaction> transaction_;
  std::optional<postgres::Savepoint> savepoint_;  ///< Inside `transaction_`.
};

absl::Status PostgresDatabase::PrepareMatch(const ServerMember& member, const MatchRule& rule) {
  const std::pair name(member.table.log, rule);
  if (sets_.contains(name)) return absl::OkStatus();
  ASSIGN_OR_RETURN(PostgresMatchSet made, PostgresMatchSet::Make(*connection_, members_, Own(member), rule));
  sets_.emplace(name, std::move(made));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<RowOf>> PostgresDatabase::FindMatch(const ServerMember& member,
                                                                 const MatchRule& rule,
                                                                 const std::vector<std::string>& values) {
  const auto set = sets_.find({member.table.log, rule});
  // PrepareMatch() failed, and the same statement reports why.
  if (set == sets_.end()) return absl::AbortedError("the table's rows were not searched");
  RETURN_IF_ERROR(set->second.CatchUp(*connection_, members_));
  return set->second.Find(*connection_, members_, values);
}

absl::Status PostgresDatabase::LockTable(const ServerMember& member, bool writes) {
  RETURN_IF_ERROR(
      connection_->Execute(absl::StrCat("LOCK TABLE ", Own(member).known->table.Lockable(), " IN ",
                                        writes ? "ROW EXCLUSIVE" : "ACCESS SHARE", " MODE"),
                           absl::StrCat("locking table '", member.table.name(), "'")));
  ASSIGN_OR_RETURN(const bool same, members_.IsAsLooked(*connection_, Own(member)));
  if (same) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("table '", member.table.name(), "' was altered during the import"));
}

}  // namespace

PostgresDeliveries::PostgresDeliveries(const PostgresDeliveriesOptions& options)
    : ServerDeliveries(std::make_unique<PostgresDatabase>(options), options.rules, options.clock),
      access_(options.access),
      schema_(options.members.schema) {}

absl::Status PostgresDeliveries::Check() const {
  ASSIGN_OR_RETURN(const auto connection, postgres::Connection::Open(ConnectToChange(access_)));
  return CheckPostgresExchange(*connection, schema_);
}

}  // namespace mirror
