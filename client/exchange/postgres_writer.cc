#include "client/exchange/postgres_writer.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "client/exchange/postgres_members.h"

namespace mirror {
namespace {

constexpr char kWriting[] = "the database refused it";

/// Returns the statement of a task, without its RETURNING.
std::string StatementOf(const DeliveryTask& task, const PostgresMember& member, PostgresTexts* bound) {
  std::vector<std::string> columns, places, sets;
  for (const auto& [column, value] : task.written) {
    const PostgresColumn& own = member.known->table.columns[column];
    bound->Add(own, value);
    columns.push_back(QuoteName(own.name));
    places.push_back(absl::StrCat("$", columns.size(), "::", own.type_name));
    sets.push_back(absl::StrCat(columns.back(), " = ", places.back()));
  }
  if (task.delivery->operation() == v1::OPERATION_INSERT) {
    return absl::StrCat("INSERT INTO ", member.known->table.quoted, " AS t",
                        columns.empty() ? " DEFAULT VALUES"
                                        : absl::StrCat(" (", absl::StrJoin(columns, ", "), ") VALUES (",
                                                       absl::StrJoin(places, ", "), ")"));
  }
  const std::string where = absl::StrCat(" WHERE ", member.KeyIs(static_cast<int>(columns.size()) + 1));
  bound->AddKey(member, task.key);
  if (task.delivery->operation() == v1::OPERATION_DELETE)
    return absl::StrCat("DELETE FROM ", member.Rows(), where);
  return absl::StrCat("UPDATE ", member.Rows(), " SET ", absl::StrJoin(sets, ", "), where);
}

}  // namespace

std::string PostgresRefusal(const absl::Status& status) {
  const postgres::Failure failure = postgres::FailureOf(status);
  switch (failure.trouble) {
    case postgres::Trouble::kConstraint:
    case postgres::Trouble::kDependent:
    case postgres::Trouble::kUnsupported:
    case postgres::Trouble::kUndefined:
    case postgres::Trouble::kExists:
    case postgres::Trouble::kDenied:
    case postgres::Trouble::kValue:
    case postgres::Trouble::kTooLarge:
    case postgres::Trouble::kRowSecurity:
      return std::string(status.message());
    case postgres::Trouble::kOther:
      // Also messages of triggers. With code XX the server itself failed.
      return failure.sqlstate.empty() || failure.sqlstate.starts_with("XX") ? ""
                                                                            : std::string(status.message());
    default:
      return absl::IsOutOfRange(status) ? std::string(status.message()) : "";
  }
}

/// False: it changed no row.
absl::StatusOr<bool> WritePostgresRow(postgres::Connection& connection, PostgresMembers& members,
                                      const DeliveryTask& task, const PostgresMember& member, bool checks,
                                      RowOf* key) {
  PostgresTexts bound;
  const std::string sql = StatementOf(task, member, &bound);
  bool there = false;
  if (task.delivery->operation() == v1::OPERATION_INSERT) {
    const std::vector<std::uint32_t>& columns = member.table.key;
    RETURN_IF_ERROR(ReadPostgresValues(
        connection, members, member, columns, absl::StrCat(sql, " RETURNING ", member.Values(columns)), bound,
        [&](RowOf row) {
          *key = std::move(row);
          there = true;
          return absl::OkStatus();
        },
        kWriting));
  } else {
    ASSIGN_OR_RETURN(const std::int64_t rows, connection.Run(sql, bound.values(), kWriting));
    there = rows == 1;
  }
  // Deferred constraints would otherwise fail at the commit, with all notes in the ledger.
  if (checks) RETURN_IF_ERROR(connection.Execute("SET CONSTRAINTS ALL IMMEDIATE", kWriting));
  return there;
}

absl::Status ReadReferringInPostgres(postgres::Connection& connection, PostgresMembers& members,
                                     const PostgresMember& member, const RowOf& key, bool deletes,
                                     const std::function<absl::Status(ReachedRow row, bool deletes)>& take) {
  return members.ForEachChild(member, deletes, [&](const PostgresMember& child, const ServerAction& action) {
    const std::vector<std::uint32_t> read = child.table.KeyAnd(child.table.PlainColumns());
    PostgresTexts bound;
    bound.AddKey(member, key);
    return ReadPostgresValues(
        connection, members, child, read,
        absl::StrCat("SELECT ", child.Values(read), " FROM ", child.Rows(), " JOIN ", member.Rows("p"),
                     " ON ", action.matches, " WHERE ", member.KeyIs(1, "p"), " LIMIT ", kReachedRowsMax + 1),
        bound, [&](const RowOf& row) { return take(ToReachedRow(child, row), deletes && action.deletes); });
  });
}

absl::Status NotePostgresConflict(postgres::Connection& connection, const PostgresMember& member,
                                  const RowOf& key) {
  constexpr char kLogging[] = "recording the row in the log";
  // Not a column of the key, which PostgreSQL may generate.
  const std::vector<std::uint32_t>& parts = member.table.key;
  std::uint32_t index = 0;
  while (std::find(parts.begin(), parts.end(), index) != parts.end()) ++index;
  if (index == member.known->table.columns.size()) index = parts.front();
  const std::string column = QuoteName(member.known->table.columns[index].name);
  PostgresTexts bound;
  bound.AddKey(member, key);
  postgres::Savepoint savepoint(connection);
  RETURN_IF_ERROR(savepoint.Begin(kLogging));
  const absl::StatusOr<std::int64_t> noted = connection.Run(
      absl::StrCat("UPDATE ", member.Rows(), " SET ", column, " = t.", column, " WHERE ", member.KeyIs(1)),
      bound.values(), kLogging);
  if (!noted.ok() && PostgresRefusal(noted.status()).empty()) return noted.status();
  return noted.ok() ? savepoint.Release(kLogging) : savepoint.RollBack(kLogging);
}

}  // namespace mirror
