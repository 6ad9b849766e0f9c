#include "client/exchange/mariadb/mariadb_inbox.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/mariadb/name.h"
#include "base/status_macros.h"
#include "client/exchange/forget_gone.h"
#include "client/exchange/mariadb/mariadb_members.h"
#include "client/exchange/mariadb/mariadb_transaction.h"

namespace mirror {
namespace {

using mariadb::QuotedBytes;
using mariadb::QuotedText;

constexpr char kFilling[] = "filling the inbox";
constexpr char kForgetting[] = "forgetting what was written into rows that are gone";
constexpr char kNoting[] = "noting it in the ledger";
/// Of one statement: a server takes a megabyte at least.
constexpr std::size_t kStatementBytes = 256 * 1024;

std::string TextOrNull(const std::optional<std::string>& text) { return text ? QuotedText(*text) : "NULL"; }

class MariadbInbox : public DeliveryInbox {
 public:
  explicit MariadbInbox(mariadb::Connection& connection) : connection_(connection) {}

  absl::Status Empty() override {
    const absl::StatusOr<std::int64_t> entries =
        connection_.Number("SELECT COUNT(*) FROM _mirror_inbox", "looking into the inbox");
    // A source that rests is not written to.
    if (!entries.ok() || *entries == 0) return entries.status();
    return connection_.Execute("DELETE FROM _mirror_inbox", "emptying the inbox");
  }

  absl::Status Fill(const FetchedDeliveries& fetched, std::int64_t now_ms) override {
    MariadbTransaction transaction(connection_);
    RETURN_IF_ERROR(transaction.Begin(kFilling));
    absl::Status filled = connection_.Execute("DELETE FROM _mirror_inbox", kFilling);
    if (filled.ok()) filled = PutIn(fetched);
    if (filled.ok()) filled = Forget(fetched.whole, now_ms);
    return filled.ok() ? transaction.Commit(kFilling) : filled;
  }

  absl::StatusOr<WrittenRows> ReadWrittenRows(std::int64_t now_ms) override {
    constexpr char kThose[] = " FROM _mirror_ledger WHERE wrote IS NOT NULL AND `key` IS NOT NULL";
    ASSIGN_OR_RETURN(const std::int64_t entries,
                     connection_.Number(absl::StrCat("SELECT COUNT(*)", kThose), kForgetting));
    WrittenRows written;
    if (entries == 0) return written;
    ASSIGN_OR_RETURN(const mariadb::Rows rows,
                     connection_.Query(absl::StrCat("SELECT table_name, delivery_id, `key`", kThose,
                                                    " ORDER BY number, delivery_id LIMIT ", kEntriesLookedAt,
                                                    " OFFSET ", EntriesPassedOver(entries, now_ms)),
                                       kForgetting));
    for (std::size_t row = 0; row < rows.rows(); ++row)
      written[rows.Text(row, 0)].push_back({rows.Text(row, 1), rows.Text(row, 2)});
    return written;
  }

  absl::Status ForgetValuesOfGone(const ServerMember* of_table,
                                  const std::vector<WrittenRow>& rows) override {
    const auto* const member = static_cast<const MariadbMember*>(of_table);
    std::vector<std::string> gone;
    std::string selects;
    for (const WrittenRow& row : rows) {
      if (member == nullptr) {
        gone.push_back(QuotedText(row.delivery_id));
        continue;
      }
      const std::optional<RowOf> key = KeyOfText(row.key, member->table);
      if (!key) continue;
      absl::StrAppend(&selects, selects.empty() ? "" : " UNION ALL ", "SELECT ", QuotedText(row.delivery_id),
                      " FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM ", member->Rows(), " WHERE ",
                      member->KeyIs(*key), ")");
      if (selects.size() < kStatementBytes) continue;
      RETURN_IF_ERROR(FindGone(std::exchange(selects, ""), &gone));
    }
    if (!selects.empty()) {
      RETURN_IF_ERROR(FindGone(selects, &gone));
    }
    if (gone.empty()) return absl::OkStatus();
    return connection_.Execute(absl::StrCat("UPDATE _mirror_ledger SET wrote = NULL WHERE delivery_id IN (",
                                            absl::StrJoin(gone, ", "), ")"),
                               kForgetting);
  }

  absl::StatusOr<std::vector<v1::Delivery>> Read() override {
    ASSIGN_OR_RETURN(
        mariadb::RowStream rows,
        connection_.Stream("SELECT body FROM _mirror_inbox ORDER BY position", "reading the inbox"));
    std::vector<v1::Delivery> deliveries;
    absl::StatusOr<bool> row = rows.Step();
    for (; row.ok() && *row; row = rows.Step()) {
      v1::Delivery delivery;
      if (delivery.ParseFromString(std::string(rows.fields()[0]))) deliveries.push_back(std::move(delivery));
    }
    if (!row.ok()) return row.status();
    return deliveries;
  }

  absl::Status Remove(const std::string& delivery_id) override {
    return connection_.Execute(
        absl::StrCat("DELETE FROM _mirror_inbox WHERE delivery_id = ", QuotedText(delivery_id)),
        "taking it out of the inbox");
  }

  absl::StatusOr<std::optional<v1::Delivery>> Find(const std::string& delivery_id) override {
    ASSIGN_OR_RETURN(const mariadb::Rows rows,
                     connection_.Query(absl::StrCat("SELECT body FROM _mirror_inbox WHERE delivery_id = ",
                                                    QuotedText(delivery_id)),
                                       "reading the inbox"));
    v1::Delivery delivery;
    if (rows.rows() == 0 || !delivery.ParseFromString(rows.Text(0, 0))) return std::nullopt;
    return delivery;
  }

  absl::StatusOr<std::optional<LedgerState>> FindInLedger(const std::string& delivery_id) override {
    ASSIGN_OR_RETURN(
        const mariadb::Rows rows,
        connection_.Query(
            absl::StrCat(
                "SELECT state = 'APPLIED', attempts, next_at FROM _mirror_ledger WHERE delivery_id = ",
                QuotedText(delivery_id)),
            "looking into the ledger"));
    if (rows.rows() == 0) return std::optional<LedgerState>();
    return LedgerState{rows.Bool(0, 0), rows.Int(0, 1), rows.Int(0, 2)};
  }

  absl::Status WriteLedger(const LedgerRow& row) override {
    RETURN_IF_ERROR(
        connection_.Execute("UPDATE _mirror_exchange SET ledger_number = ledger_number + 1", kNoting));
    const std::optional<std::string> key = row.key.empty() ? std::nullopt : std::optional(row.key);
    std::vector<std::string> sets;
    for (const char* const column : {"number", "operation", "table_name", "`key`", "state", "wrote", "reason",
                                     "attempts", "next_at", "`at`"}) {
      sets.push_back(absl::StrCat(column, " = VALUES(", column, ")"));
    }
    return connection_.Execute(
        absl::StrCat("INSERT INTO _mirror_ledger (delivery_id, number, operation, table_name, `key`, state, "
                     "wrote, reason, attempts, next_at, `at`) SELECT ",
                     QuotedText(row.delivery_id), ", ledger_number, ", QuotedText(row.operation), ", ",
                     QuotedText(row.table_name), ", ", TextOrNull(key), ", ",
                     row.reason ? "'REFUSED'" : "'APPLIED'", ", ", TextOrNull(row.wrote), ", ",
                     TextOrNull(row.reason), ", ", row.attempts, ", ", row.next_at, ", ", row.at,
                     " FROM _mirror_exchange ON DUPLICATE KEY UPDATE ", absl::StrJoin(sets, ", ")),
        kNoting);
  }

 private:
  absl::Status PutIn(const FetchedDeliveries& fetched) {
    std::string rows;
    const auto put = [&]() {
      if (rows.empty()) return absl::OkStatus();
      return connection_.Execute(
          absl::StrCat("INSERT INTO _mirror_inbox (delivery_id, position, body) VALUES ",
                       std::exchange(rows, ""), " ON DUPLICATE KEY UPDATE position = position"),
          kFilling);
    };
    std::int64_t position = 0;
    for (const v1::Delivery& delivery : fetched.deliveries) {
      absl::StrAppend(&rows, rows.empty() ? "" : ", ", "(", QuotedText(delivery.delivery_id()), ", ",
                      ++position, ", ", QuotedBytes(delivery.SerializeAsString()), ")");
      if (rows.size() < kStatementBytes) continue;
      RETURN_IF_ERROR(put());
    }
    return put();
  }

  absl::Status Forget(bool whole, std::int64_t now_ms) {
    std::vector<std::string> statements;
    if (whole) {
      // A row beside another's, "<delivery_id>/1", was never refused.
      statements.emplace_back(
          "DELETE FROM _mirror_ledger WHERE state = 'REFUSED' AND delivery_id NOT IN (SELECT delivery_id "
          "FROM _mirror_inbox)");
    }
    statements.push_back(absl::StrCat("DELETE FROM _mirror_ledger WHERE state = 'APPLIED' AND `at` < ",
                                      now_ms - kLedgerKeptMs));
    // What was written into a row that a delivery removed since. That the row was there stays told.
    statements.emplace_back(
        "UPDATE _mirror_ledger AS l JOIN (SELECT table_name, `key`, MAX(number) AS number FROM "
        "_mirror_ledger "
        "WHERE operation = 'DELETE' AND state = 'APPLIED' GROUP BY table_name, `key`) AS gone ON "
        "l.table_name "
        "= gone.table_name AND l.`key` = gone.`key` AND l.number < gone.number SET l.wrote = NULL WHERE "
        "l.wrote IS NOT NULL");
    for (const std::string& sql : statements) {
      RETURN_IF_ERROR(connection_.Execute(sql, kFilling));
    }
    return absl::OkStatus();
  }

  /// Adds ids, quoted.
  absl::Status FindGone(const std::string& selects, std::vector<std::string>* gone) {
    ASSIGN_OR_RETURN(const mariadb::Rows rows, connection_.Query(selects, kForgetting));
    for (std::size_t row = 0; row < rows.rows(); ++row) gone->push_back(QuotedText(rows.Text(row, 0)));
    return absl::OkStatus();
  }

  mariadb::Connection& connection_;
};

}  // namespace

std::unique_ptr<DeliveryInbox> MakeMariadbInbox(mariadb::Connection& connection) {
  return std::make_unique<MariadbInbox>(connection);
}

}  // namespace mirror
