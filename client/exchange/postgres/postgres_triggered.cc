#include "client/exchange/postgres/postgres_triggered.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "client/exchange/delivery_task.h"
#include "client/exchange/postgres/postgres_values.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {
namespace {

constexpr char kAskingForChanges[] = "asking what triggers changed";

/// Of a row t, that the transaction with this number, or a part of it, wrote it or took it away. No other
/// one's rows are seen with such a number: it was given behind the snapshot. Numbers go round, and the
/// transaction is short.
std::string IsOfTransaction(const char* column, const std::string& number) {
  return absl::StrCat("((t.", column, "::text::int8 - ", number, ") & 4294967295) < 16777216 AND t.", column,
                      "::text <> '0'");
}

/// Keys of the rows for which the condition holds.
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

}  // namespace

absl::StatusOr<std::map<std::int64_t, PostgresTriggered::Counts>> PostgresTriggered::Count() {
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

absl::Status PostgresTriggered::Begin() {
  ASSIGN_OR_RETURN(before_, Count());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TriggeredRow>> PostgresTriggered::Find(const RowNames& known) {
  ASSIGN_OR_RETURN(const auto counts, Count());
  std::map<std::int64_t, std::int64_t> explained;
  for (const auto& [oid, key] : known) ++explained[oid];
  std::vector<TriggeredRow> rows;
  for (const auto& [oid, count] : counts) {
    const Counts& before = before_[oid];
    if (count.all - before.all <= explained[oid]) continue;
    const PostgresMember* const member = members_.FindByOid(static_cast<std::uint32_t>(oid));
    RETURN_IF_ERROR(FindIn(*member, count.of_old > before.of_old, known, &rows));
  }
  return rows;
}

absl::Status PostgresTriggered::FindIn(const PostgresMember& member, bool changed_old, const RowNames& known,
                                       std::vector<TriggeredRow>* rows) {
  ASSIGN_OR_RETURN(const std::int64_t number,
                   connection_.Number("SELECT pg_current_xact_id()::xid::text::int8", {}, kAskingForChanges));
  ASSIGN_OR_RETURN(postgres::Connection* const beside, beside_());
  std::map<std::string, RowOf> keys;
  absl::Status read =
      ReadKeys(connection_, members_, member, IsOfTransaction("xmin", absl::StrCat(number)), &keys);
  // What is gone others see, as long as the transaction lasts.
  if (read.ok() && changed_old)
    read = ReadKeys(*beside, members_, member, IsOfTransaction("xmax", absl::StrCat(number)), &keys);
  if (!read.ok()) return read;
  const std::vector<std::uint32_t> columns = member.table.PlainColumns();
  for (auto& [name, key] : keys) {
    if (known.contains({member.table.log, name})) continue;
    absl::StatusOr<std::optional<RowOf>> before =
        ReadPostgresRow(*beside, members_, member, key, columns, /*locks=*/false);
    if (!before.ok()) return before.status();
    absl::StatusOr<std::optional<RowOf>> now =
        ReadPostgresRow(connection_, members_, member, key, columns, /*locks=*/false);
    if (!now.ok()) return now.status();
    if (AreSame(*before, *now)) continue;
    rows->push_back({&member, std::move(key), *std::move(before), *std::move(now)});
  }
  return absl::OkStatus();
}

}  // namespace mirror
