#include "client/exchange/mariadb_deliveries.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/mariadb/connection.h"
#include "base/db/mariadb/failure.h"
#include "base/db/mariadb/name.h"
#include "base/status_macros.h"
#include "client/exchange/delivery_database.h"
#include "client/exchange/delivery_task.h"
#include "client/exchange/ledger_rows.h"
#include "client/exchange/mariadb_exchange_tables.h"
#include "client/exchange/mariadb_members.h"
#include "client/exchange/server_swap.h"
#include "client/source/mariadb/mariadb_types.h"

namespace mirror {
namespace {

constexpr char kWriting[] = "the database refused it";

/// Errors among Trouble::kOther after which the server takes no change at all, or not now.
constexpr unsigned int kSourceFails[] = {
    1030,  // ER_GET_ERRNO
    1047,  // ER_UNKNOWN_COM_ERROR: a cluster's node is not ready
    1180,  // ER_ERROR_DURING_COMMIT
    1206,  // ER_LOCK_TABLE_FULL
    1290,  // ER_OPTION_PREVENTS_STATEMENT: read_only
    1297,  // ER_GET_TEMPORARY_ERRMSG
    1305,  // ER_SP_DOES_NOT_EXIST: the savepoint ended with the transaction
    1785,  // ER_GTID_UNSAFE_NON_TRANSACTIONAL_TABLE
    1792,  // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
    1836,  // ER_READ_ONLY_MODE
};
/// Errors whose messages repeat a key.
constexpr unsigned int kDuplicates[] = {1022, 1062, 1169, 1557, 1586, 1761, 1762, 1859};
/// Errors whose messages contain only names.
constexpr unsigned int kNamesAlone[] = {
    1048,  // ER_BAD_NULL_ERROR
    1216,  // ER_NO_REFERENCED_ROW
    1217,  // ER_ROW_IS_REFERENCED
    1265,  // WARN_DATA_TRUNCATED
    1364,  // ER_NO_DEFAULT_FOR_FIELD
    1406,  // ER_DATA_TOO_LONG
    1451,  // ER_ROW_IS_REFERENCED_2
    1452,  // ER_NO_REFERENCED_ROW_2
    4025,  // ER_CONSTRAINT_FAILED
};
/// Error of a program of the application that uses SIGNAL.
constexpr unsigned int kSignal = 1644;

template <std::size_t kSize>
bool IsAmong(const unsigned int (&numbers)[kSize], unsigned int number) {
  return std::find(std::begin(numbers), std::end(numbers), number) != std::end(numbers);
}

std::string WordsOfRefusal(unsigned int number, const absl::Status& status) {
  if (IsAmong(kNamesAlone, number)) return std::string(status.message());
  if (IsAmong(kDuplicates, number))
    return absl::StrCat(kWriting, ": another row has the same value of a unique key");
  if (number == kSignal) return absl::StrCat(kWriting, ": a trigger of the source forbids the change");
  return absl::StrCat(kWriting, " (MariaDB's error ", number, ")");
}

std::string StatementOf(const DeliveryTask& task, const MariadbMember& member) {
  const bool inserts = task.delivery->operation() == v1::OPERATION_INSERT;
  std::vector<std::string> columns, values, sets;
  for (const auto& [column, value] : task.written) {
    // Tables with names that cannot be quoted are not announced.
    columns.push_back(mariadb::QuotedName(member.known->table.columns[column].name).value_or("``"));
    values.push_back(MariadbLiteral(member.known->schema.columns[column], value));
    sets.push_back(absl::StrCat("t.", columns.back(), " = ", values.back()));
  }
  if (inserts) {
    return absl::StrCat("INSERT INTO ", member.known->table.quoted, " (", absl::StrJoin(columns, ", "),
                        ") VALUES (", absl::StrJoin(values, ", "), ") RETURNING ",
                        member.Values(member.table.key, ""));
  }
  const std::string where = absl::StrCat(" WHERE ", member.KeyIs(task.key));
  if (task.delivery->operation() == v1::OPERATION_DELETE)
    return absl::StrCat("DELETE t FROM ", member.Rows(), where);
  return absl::StrCat("UPDATE ", member.Rows(), " SET ", absl::StrJoin(sets, ", "), where);
}

/// Returns a condition that is true for each row with these values, maybe for others. Empty: there is none.
std::string NearSql(const MariadbMember& member, const MatchRule& rule,
                    const std::vector<std::string>& values) {
  std::vector<std::string> terms;
  for (std::size_t i = 0; i < rule.columns.size(); ++i) {
    const MariadbColumn& column = member.known->table.columns[rule.columns[i]];
    const Column& announced = member.known->schema.columns[rule.columns[i]];
    if (rule.normalise[i] != Normalise::kNone || announced.type != Type::kText || column.charset.empty())
      continue;
    terms.push_back(absl::StrCat(MariadbKeyTerm(column, announced), " = ",
                                 MariadbKeyLiteral(column, announced, {Kind::kText, 0, 0, values[i]})));
  }
  return terms.empty() ? "" : absl::StrCat(" WHERE ", absl::StrJoin(terms, " AND "));
}

/// Rolls back at its end what was not committed; if the server does not answer
/// to that, it closes the connection. The connection outlives it. Threads: one.
class MariadbTransaction {
 public:
  explicit MariadbTransaction(mariadb::Connection& connection) : connection_(connection) {}
  ~MariadbTransaction() {
    if (is_open_ && connection_.IsOpen() && !connection_.Execute("ROLLBACK").ok()) connection_.Close();
  }
  MariadbTransaction(const MariadbTransaction&) = delete;
  MariadbTransaction& operator=(const MariadbTransaction&) = delete;

  absl::Status Begin(std::string_view doing) {
    absl::Status begun = connection_.Execute("START TRANSACTION", doing);
    is_open_ = begun.ok();
    return begun;
  }
  /// Trouble::kLost: it is unknown whether the transaction was committed.
  absl::Status Commit(std::string_view doing) {
    absl::Status committed = connection_.Execute("COMMIT", doing);
    if (committed.ok()) is_open_ = false;
    return committed;
  }

 private:
  mariadb::Connection& connection_;
  bool is_open_ = false;
};

using mariadb::QuotedBytes;
using mariadb::QuotedText;

constexpr char kFilling[] = "filling the inbox";
constexpr char kForgetting[] = "removing the written values of deleted rows from the ledger";
constexpr char kNoting[] = "writing to the ledger";
/// Maximum of one statement: a server accepts at least a megabyte.
constexpr std::size_t kStatementBytes = 256 * 1024;

std::string TextOrNull(const std::optional<std::string>& text) { return text ? QuotedText(*text) : "NULL"; }

/// `connection`: may write, and outlives this object. Errors: those of Connection.
class MariadbInbox : public DeliveryInbox {
 public:
  explicit MariadbInbox(mariadb::Connection& connection) : connection_(connection) {}

  absl::Status Empty() override {
    const absl::StatusOr<std::int64_t> entries =
        connection_.Number("SELECT COUNT(*) FROM _mirror_inbox", "counting the inbox's entries");
    // An idle source is not written to.
    if (!entries.ok() || *entries == 0) return entries.status();
    return connection_.Execute("DELETE FROM _mirror_inbox", "emptying the inbox");
  }

  absl::Status Fill(const FetchedDeliveries& fetched, std::int64_t now_ms) override {
    MariadbTransaction transaction(connection_);
    RETURN_IF_ERROR(transaction.Begin(kFilling));
    RETURN_IF_ERROR(connection_.Execute("DELETE FROM _mirror_inbox", kFilling));
    RETURN_IF_ERROR(PutIn(fetched));
    RETURN_IF_ERROR(Forget(fetched.whole, now_ms));
    return transaction.Commit(kFilling);
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
    if (!selects.empty()) RETURN_IF_ERROR(FindGone(selects, &gone));
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
        "removing the delivery from the inbox");
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
            "reading the ledger"));
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
      // A ledger row of a further changed row, "<delivery_id>/1", was never refused.
      statements.emplace_back(
          "DELETE FROM _mirror_ledger WHERE state = 'REFUSED' AND delivery_id NOT IN (SELECT delivery_id "
          "FROM _mirror_inbox)");
    }
    statements.push_back(absl::StrCat("DELETE FROM _mirror_ledger WHERE state = 'APPLIED' AND `at` < ",
                                      now_ms - kLedgerKeptMs));
    // Values written into rows that a delivery deleted since. The ledger still says that they were written.
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

  /// Adds the ids, quoted.
  absl::Status FindGone(const std::string& selects, std::vector<std::string>* gone) {
    ASSIGN_OR_RETURN(const mariadb::Rows rows, connection_.Query(selects, kForgetting));
    for (std::size_t row = 0; row < rows.rows(); ++row) gone->push_back(QuotedText(rows.Text(row, 0)));
    return absl::OkStatus();
  }

  mariadb::Connection& connection_;
};

constexpr char kSwapping[] = "applying deliveries together";
/// ER_DUP_KEY, ER_DUP_ENTRY, ER_DUP_UNIQUE, ER_DUP_ENTRY_WITH_KEY_NAME.
constexpr unsigned int kTaken[] = {1022, 1062, 1169, 1586};

/// All results of Find() have this type.
const MariadbMember& Own(const ServerMember& member) { return static_cast<const MariadbMember&>(member); }

std::string QuotedColumn(const MariadbMember& member, std::uint32_t column) {
  // Tables with names that cannot be quoted are not announced.
  return absl::StrCat("t.", mariadb::QuotedName(member.known->table.columns[column].name).value_or("``"));
}

/// All references outlive it. MariaDB has no deferred constraints.
class MariadbSwap : public SwapDatabase {
 public:
  MariadbSwap(mariadb::Connection& connection, MariadbMembers& members)
      : connection_(connection), members_(members) {}
  absl::Status End() override { return absl::OkStatus(); }

  bool IsTaken(const absl::Status& status) const override {
    return std::find(std::begin(kTaken), std::end(kTaken), mariadb::FailureOf(status).number) !=
           std::end(kTaken);
  }

  absl::Status Begin() override { return connection_.Execute("SAVEPOINT _mirror_swap", kSwapping); }

  absl::Status TakeBack() override {
    return connection_.Execute("ROLLBACK TO SAVEPOINT _mirror_swap", kSwapping);
  }

  /// Leaves out indexes over a prefix of a column.
  absl::StatusOr<std::vector<UniqueColumns>> FindUnique(const ServerMember& member) override {
    const MariadbTable& table = Own(member).known->table;
    const std::string database = QuotedText(connection_.dsn().database), name = QuotedText(table.name);
    ASSIGN_OR_RETURN(
        const mariadb::Rows rows,
        connection_.Query(
            absl::StrCat(
                "SELECT s.INDEX_NAME, s.COLUMN_NAME, s.SUB_PART IS NOT NULL, EXISTS (SELECT 1 FROM "
                "information_schema.KEY_COLUMN_USAGE f WHERE f.REFERENCED_TABLE_SCHEMA = ",
                database, " AND f.REFERENCED_TABLE_NAME = ", name,
                " AND f.REFERENCED_COLUMN_NAME = s.COLUMN_NAME) FROM information_schema.STATISTICS s "
                "WHERE s.TABLE_SCHEMA = ",
                database, " AND s.TABLE_NAME = ", name,
                " AND s.NON_UNIQUE = 0 AND s.INDEX_NAME <> 'PRIMARY' ORDER BY BINARY s.INDEX_NAME, "
                "s.SEQ_IN_INDEX"),
            kSwapping));
    std::vector<UniqueColumns> found;
    bool is_known = false;
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      if (row == 0 || rows.Text(row, 0) != rows.Text(row - 1, 0)) {
        if (row > 0 && !is_known) found.pop_back();
        found.emplace_back();
        is_known = true;
      }
      const std::optional<std::size_t> place = table.PlaceOf(rows.Text(row, 1));
      is_known = is_known && place && !rows.Bool(row, 2);
      if (!place) continue;
      const auto column = static_cast<std::uint32_t>(*place);
      found.back().columns.push_back(column);
      if (rows.Bool(row, 3)) found.back().referred.insert(column);
    }
    if (!found.empty() && !is_known) found.pop_back();
    return found;
  }

  absl::StatusOr<std::vector<RowOf>> FindKeys(const ServerMember& member, const UniqueColumns& unique,
                                              const RowOf& values) override {
    const MariadbMember& own = Own(member);
    std::vector<std::string> terms;
    for (std::size_t i = 0; i < unique.columns.size(); ++i) {
      const std::uint32_t column = unique.columns[i];
      // Compares with the column's own collation.
      terms.push_back(absl::StrCat(QuotedColumn(own, column), " = ",
                                   MariadbLiteral(own.known->schema.columns[column], values[i])));
    }
    std::vector<RowOf> keys;
    RETURN_IF_ERROR(
        ReadMariadbValues(connection_, members_, own, own.table.key,
                          absl::StrCat("SELECT ", own.Values(own.table.key), " FROM ", own.Rows(), " WHERE ",
                                       absl::StrJoin(terms, " AND "), " LIMIT ", ServerSwap::kRowsMax + 1),
                          [&](RowOf key) {
                            keys.push_back(std::move(key));
                            return absl::OkStatus();
                          }));
    return keys;
  }

  absl::StatusOr<bool> SetToNull(const DeliveryTask& task, const ServerMember& member,
                                 const std::set<std::uint32_t>& columns) override {
    const MariadbMember& own = Own(member);
    std::vector<std::string> sets;
    for (const std::uint32_t column : columns)
      sets.push_back(absl::StrCat(QuotedColumn(own, column), " = NULL"));
    ASSIGN_OR_RETURN(const std::int64_t before, CountWritten());
    RETURN_IF_ERROR(
        connection_.Execute(absl::StrCat("UPDATE ", own.Rows(), " SET ", absl::StrJoin(sets, ", "), " WHERE ",
                                         own.KeyIs(task.key)),
                            kSwapping));
    ASSIGN_OR_RETURN(const std::int64_t behind, CountWritten());
    return behind - before == 1;
  }

 private:
  /// Returns the number of rows that statements of this session wrote, those of triggers included.
  absl::StatusOr<std::int64_t> CountWritten() {
    ASSIGN_OR_RETURN(const mariadb::Rows rows,
                     connection_.Query("SHOW SESSION STATUS WHERE Variable_name IN ('Handler_write', "
                                       "'Handler_update', 'Handler_delete')",
                                       kSwapping));
    std::int64_t written = 0;
    for (std::size_t row = 0; row < rows.rows(); ++row) written += rows.Int(row, 1);
    return written;
  }

  mariadb::Connection& connection_;
  MariadbMembers& members_;
};

/// See DeliveryDatabase::Write().
absl::Status WriteMariadbRow(mariadb::Connection& connection, MariadbMembers& members,
                             const DeliveryTask& task, const MariadbMember& member, RowOf* key) {
  const std::string sql = StatementOf(task, member);
  if (task.delivery->operation() != v1::OPERATION_INSERT) return connection.Execute(sql, kWriting);
  return ReadMariadbValues(
      connection, members, member, member.table.key, sql,
      [&](RowOf row) {
        *key = std::move(row);
        return absl::OkStatus();
      },
      kWriting);
}

/// See DeliveryDatabase::ReadReferring().
absl::Status ReadReferringInMariadb(mariadb::Connection& connection, MariadbMembers& members,
                                    const MariadbMember& member, const RowOf& key, bool deletes,
                                    const std::function<absl::Status(ReachedRow row, bool deletes)>& take) {
  return members.ForEachChild(member, deletes, [&](const MariadbMember& child, const ServerAction& action) {
    const std::vector<std::uint32_t> read = child.table.KeyAnd(child.table.PlainColumns());
    return ReadMariadbValues(
        connection, members, child, read,
        absl::StrCat("SELECT ", child.Values(read, "c."), " FROM ", member.Rows(), " JOIN ", child.Rows("c"),
                     " ON ", action.matches, " WHERE ", member.KeyIs(key), " LIMIT ", kReachedRowsMax + 1),
        [&](const RowOf& row) { return take(ToReachedRow(child, row), deletes && action.deletes); });
  });
}

/// See DeliveryDatabase::FindMatch(). Reads values as the reader does and normalises them here,
/// so that they equal the hub's. It reads all rows. But if the rule compares a text without
/// normalising it, it reads only the rows that the column's collation finds equal, by an index
/// if there is one. All rows read are locked, and no matching row can be added before the
/// transaction ends.
absl::StatusOr<std::optional<RowOf>> FindMariadbMatch(mariadb::Connection& connection,
                                                      MariadbMembers& members, const MariadbMember& member,
                                                      const MatchRule& rule,
                                                      const std::vector<std::string>& values) {
  const std::vector<std::uint32_t> read = member.table.KeyAnd(rule.columns);
  const std::size_t parts = member.table.key.size();
  std::optional<RowOf> found;
  RETURN_IF_ERROR(ReadMariadbValues(
      connection, members, member, read,
      absl::StrCat("SELECT ", member.Values(read), " FROM ", member.Rows(), NearSql(member, rule, values)),
      [&](RowOf row) {
        if (!found && rule.Normalised(row, parts) == values)
          found.emplace(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(parts));
        return absl::OkStatus();
      }));
  return found;
}

constexpr char kImporting[] = "importing a delivery";

class MariadbDatabase : public DeliveryDatabase {
 public:
  explicit MariadbDatabase(const MariadbDeliveriesOptions& options)
      : access_(options.access), rules_(options.rules), members_(options.members, rules_) {}

  absl::Status Connect() override {
    if (connection_ != nullptr && connection_->IsAlive()) return absl::OkStatus();
    Disconnect();
    ASSIGN_OR_RETURN(connection_, mariadb::Connection::Open(ConnectToChange(access_)));
    inbox_ = std::make_unique<MariadbInbox>(*connection_);
    swap_ = std::make_unique<MariadbSwap>(*connection_, members_);
    return absl::OkStatus();
  }
  void Disconnect() override {
    transaction_.reset();
    swap_.reset();
    inbox_.reset();
    connection_.reset();
  }

  DeliveryInbox& inbox() override { return *inbox_; }

  absl::Status Look() override { return members_.Look(*connection_); }
  const ServerMember* Find(const std::string& sent_name) const override { return members_.Find(sent_name); }

  absl::Status Begin(bool /*inserts*/) override {
    transaction_.emplace(*connection_);
    RETURN_IF_ERROR(transaction_->Begin(kImporting));
    return connection_->Execute("SAVEPOINT _mirror_import", kImporting);
  }
  absl::Status TakeBack() override {
    return connection_->Execute("ROLLBACK TO SAVEPOINT _mirror_import", kImporting);
  }
  absl::Status Commit() override {
    absl::Status committed = transaction_->Commit(kImporting);
    if (committed.ok()) transaction_.reset();
    return committed;
  }
  void RollBack() override { transaction_.reset(); }

  absl::Status LockTable(const ServerMember& member, bool writes) override;
  absl::StatusOr<std::optional<RowOf>> ReadRow(const ServerMember& member, const RowOf& key,
                                               const std::vector<std::uint32_t>& columns,
                                               bool locks) override {
    return ReadMariadbRow(*connection_, members_, Own(member), key, columns, locks);
  }
  absl::StatusOr<std::optional<RowOf>> FindMatch(const ServerMember& member, const MatchRule& rule,
                                                 const std::vector<std::string>& values) override {
    return FindMariadbMatch(*connection_, members_, Own(member), rule, values);
  }
  absl::Status ReadReferring(const ServerMember& member, const RowOf& key, bool deletes,
                             const std::function<absl::Status(ReachedRow row, bool deletes)>& take) override {
    return ReadReferringInMariadb(*connection_, members_, Own(member), key, deletes, take);
  }
  /// No trigger of MariaDB suppresses a statement without an error.
  absl::StatusOr<bool> Write(const DeliveryTask& task, const ServerMember& member, RowOf* key) override {
    RETURN_IF_ERROR(WriteMariadbRow(*connection_, members_, task, Own(member), key));
    return true;
  }
  /// An update that changes no value has no entry in the binlog.
  absl::Status NoteConflict(const ServerMember& member, const RowOf& key) override {
    return connection_->Execute(
        absl::StrCat("INSERT INTO _mirror_conflicts (table_name, `key`) VALUES (",
                     mariadb::QuotedText(member.table.name()), ", ", mariadb::QuotedText(KeyText(key)), ")"),
        "recording the row for the next push");
  }

  SwapDatabase* swaps() override { return swap_.get(); }

  Fate FateOf(const absl::Status& status) const override {
    if (mariadb::TroubleOf(status) == mariadb::Trouble::kLost) return Fate::kUnknown;
    return absl::IsAborted(status) ? Fate::kAgain : Fate::kEnds;
  }
  std::string Refusal(const absl::Status& status) const override { return MariadbRefusal(status); }

 private:
  const MariadbAccess access_;
  const ExchangeRules rules_;
  MariadbMembers members_;
  std::unique_ptr<mariadb::Connection> connection_;  ///< Null: not connected yet.
  std::unique_ptr<DeliveryInbox> inbox_;             ///< Uses `connection_`.
  std::unique_ptr<SwapDatabase> swap_;               ///< Uses `connection_`.
  std::optional<MariadbTransaction> transaction_;
};

absl::Status MariadbDatabase::LockTable(const ServerMember& member, bool /*writes*/) {
  const MariadbTable& table = Own(member).known->table;
  RETURN_IF_ERROR(connection_->Execute(absl::StrCat("SELECT 1 FROM ", table.quoted, " LIMIT 0"),
                                       absl::StrCat("locking table '", table.name, "'")));
  ASSIGN_OR_RETURN(const bool same, MariadbMembers::IsAsLooked(*connection_, Own(member)));
  if (same) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("table '", table.name, "' was altered during the import"));
}

}  // namespace

std::string MariadbRefusal(const absl::Status& status) {
  const mariadb::Failure failure = mariadb::FailureOf(status);
  switch (failure.trouble) {
    case mariadb::Trouble::kUndefined:
    case mariadb::Trouble::kDenied:
    case mariadb::Trouble::kValue:
    case mariadb::Trouble::kTooLarge:
      return std::string(status.message());
    case mariadb::Trouble::kOther:
      // No server error, or one of the client library: the connection failed.
      if (failure.number < 1000 || (failure.number >= 2000 && failure.number < 3000) ||
          (failure.number >= 5000 && failure.number < 6000) || IsAmong(kSourceFails, failure.number))
        return "";
      return WordsOfRefusal(failure.number, status);
    default:
      return absl::IsOutOfRange(status) ? std::string(status.message()) : "";
  }
}

MariadbDeliveries::MariadbDeliveries(const MariadbDeliveriesOptions& options)
    : ServerDeliveries(std::make_unique<MariadbDatabase>(options), options.rules, options.clock),
      access_(options.access) {}

absl::Status MariadbDeliveries::Check() const {
  ASSIGN_OR_RETURN(const auto connection, mariadb::Connection::Open(ConnectToChange(access_)));
  return CheckMariadbExchange(*connection);
}

}  // namespace mirror
