#include "client/exchange/mariadb/mariadb_writer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/mariadb/failure.h"
#include "base/db/mariadb/name.h"
#include "base/status_macros.h"
#include "client/exchange/mariadb/mariadb_members.h"
#include "client/source/mariadb/mariadb_types.h"

namespace mirror {
namespace {

constexpr char kWriting[] = "the database refused it";

/// Of Trouble::kOther those where the server takes no change at all, or not now.
constexpr unsigned int kSourceFails[] = {
    1030,  // ER_GET_ERRNO
    1047,  // ER_UNKNOWN_COM_ERROR: of a cluster's node that is not ready
    1180,  // ER_ERROR_DURING_COMMIT
    1206,  // ER_LOCK_TABLE_FULL
    1290,  // ER_OPTION_PREVENTS_STATEMENT: read_only
    1297,  // ER_GET_TEMPORARY_ERRMSG
    1305,  // ER_SP_DOES_NOT_EXIST: the savepoint went with the transaction
    1785,  // ER_GTID_UNSAFE_NON_TRANSACTIONAL_TABLE
    1792,  // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
    1836,  // ER_READ_ONLY_MODE
};
/// Those whose messages repeat a key.
constexpr unsigned int kDuplicates[] = {1022, 1062, 1169, 1557, 1586, 1761, 1762, 1859};
/// Those whose messages are names alone.
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
/// What a program of the application says by SIGNAL.
constexpr unsigned int kSignal = 1644;

template <std::size_t kSize>
bool IsAmong(const unsigned int (&numbers)[kSize], unsigned int number) {
  return std::find(std::begin(numbers), std::end(numbers), number) != std::end(numbers);
}

std::string WordsOfRefusal(unsigned int number, const absl::Status& status) {
  if (IsAmong(kNamesAlone, number)) return std::string(status.message());
  if (IsAmong(kDuplicates, number))
    return absl::StrCat(kWriting, ": a row with the same value of a unique key is there");
  if (number == kSignal) return absl::StrCat(kWriting, ": a trigger of the source forbids it");
  return absl::StrCat(kWriting, " (MariaDB's error ", number, ")");
}

std::string StatementOf(const DeliveryTask& task, const MariadbMember& member) {
  const bool inserts = task.delivery->operation() == v1::OPERATION_INSERT;
  std::vector<std::string> columns, values, sets;
  for (const auto& [column, value] : task.written) {
    // Names that cannot be written are those of tables that are not announced.
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

/// A condition that keeps every row that has these values, and may keep others. Empty: there is none.
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
      // Of no number, and of the library's: it is the connection that fails.
      if (failure.number < 1000 || (failure.number >= 2000 && failure.number < 3000) ||
          (failure.number >= 5000 && failure.number < 6000) || IsAmong(kSourceFails, failure.number))
        return "";
      return WordsOfRefusal(failure.number, status);
    default:
      return absl::IsOutOfRange(status) ? std::string(status.message()) : "";
  }
}

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

absl::Status ReadReferringInMariadb(mariadb::Connection& connection, MariadbMembers& members,
                                    const MariadbMember& member, const RowOf& key, bool deletes,
                                    const std::function<absl::Status(ReachedRow row, bool deletes)>& take) {
  for (const MariadbAction& action : members.actions()) {
    if (action.parent != member.table.log) continue;
    if (deletes ? !action.on_delete : !action.on_update) continue;
    const MariadbMember* const child = members.FindByPlace(action.child);
    if (child == nullptr || child->table.key.empty()) continue;
    const std::vector<std::uint32_t> read = child->table.KeyAnd(child->table.PlainColumns());
    std::vector<std::string> matches;
    for (const auto& [own, referred] : action.columns)
      matches.push_back(absl::StrCat("t.", referred, " = c.", own));
    RETURN_IF_ERROR(ReadMariadbValues(
        connection, members, *child, read,
        absl::StrCat("SELECT ", child->Values(read, "c."), " FROM ", member.Rows(), " JOIN ",
                     child->Rows("c"), " ON ", absl::StrJoin(matches, " AND "), " WHERE ", member.KeyIs(key),
                     " LIMIT ", kReachedRowsMax + 1),
        [&](const RowOf& row) { return take(ToReachedRow(*child, row), deletes && action.deletes); }));
  }
  return absl::OkStatus();
}

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

}  // namespace mirror
