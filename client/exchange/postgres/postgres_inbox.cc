#include "client/exchange/postgres/postgres_inbox.h"

#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/pipeline.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "client/exchange/ledger_rows.h"
#include "client/exchange/postgres/postgres_members.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

constexpr char kFilling[] = "filling the inbox";
constexpr char kForgetting[] = "forgetting what was written into rows that are gone";
constexpr char kNoting[] = "noting it in the ledger";

std::string Named(const std::string& schema, const char* table) {
  return absl::StrCat(QuoteName(schema), ".", QuoteName(table));
}

postgres::Value ValueOrNull(const std::optional<std::string>& text) {
  return text ? postgres::Value(*text) : postgres::Value::Null(postgres::Type::kText);
}

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
        connection_.Number(absl::StrCat("SELECT count(*) FROM ", inbox_), {}, "looking into the inbox");
    // A source that rests is not written to.
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
      // A row beside another's, "<delivery_id>/1", was never refused.
      pipeline.Queue(absl::StrCat("DELETE FROM ", ledger_, " WHERE state = 'REFUSED' AND delivery_id NOT IN ",
                                  "(SELECT delivery_id FROM ", inbox_, ")"),
                     {}, kFilling);
    }
    pipeline.Queue(absl::StrCat("DELETE FROM ", ledger_, " WHERE state = 'APPLIED' AND at < $1"),
                   {now_ms - kLedgerKeptMs}, kFilling);
    // What was written into a row that a delivery removed since. That the row was there stays told.
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
             "taking it out of the inbox")
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
                                       {postgres::Value(delivery_id)}, "looking into the ledger"));
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
    // A key that cannot be read as one of this table is none of its rows'.
    if (rows.size() == 1) return ForgetTogether(nullptr, rows);
    for (const WrittenRow& row : rows) {
      RETURN_IF_ERROR(ForgetEach(member, {row}));
    }
    return absl::OkStatus();
  }

  /// Of all of these or of none; null: of all. kValue: one has a key that is none of the table's type.
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

}  // namespace

std::unique_ptr<DeliveryInbox> MakePostgresInbox(postgres::Connection& connection, const std::string& schema,
                                                 ShownInPostgres shown) {
  return std::make_unique<PostgresInbox>(connection, schema, std::move(shown));
}

}  // namespace mirror
