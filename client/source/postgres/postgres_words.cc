#include "client/source/postgres/postgres_words.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/name.h"

namespace mirror {
namespace {

using postgres::Trouble;

std::string Grantee(const std::string& role) {
  const absl::StatusOr<std::string> quoted = postgres::QuotedName(role);
  return quoted.ok() ? *quoted : role;
}

std::string HiddenRows(const std::string& table, const std::string& role) {
  return absl::StrCat("row security is in effect on table '", table, "' for the role '", role,
                      "', so that it may not see all rows. ", kNothingCommitted,
                      ". Let the role see them: ALTER ROLE ", Grantee(role),
                      " BYPASSRLS, or leave the table out with 'skip'");
}

std::string MayNotRead(const std::string& table, const std::string& quoted, const std::string& role) {
  return absl::StrCat("the role '", role, "' may not read table '", table, "'. ", kNothingCommitted,
                      ". Allow it: GRANT SELECT ON ", quoted, " TO ", Grantee(role),
                      ", or leave the table out with 'skip'");
}

}  // namespace

absl::Status StandbyAnswered() {
  return absl::UnavailableError(absl::StrCat(
      "a standby answered at the source's address, which may lack rows of which the log told already. ",
      kNothingCommitted,
      "; the next run tries again. Of several hosts 'target_session_attrs=read-write' in its 'dsn' takes the "
      "one that is written to"));
}

absl::Status ExplainReading(const absl::Status& status, const PostgresTable& table, const std::string& role) {
  switch (postgres::TroubleOf(status)) {
    case Trouble::kUndefined:
    case Trouble::kStalePlan:
      return MovedTable(table.name);
    case Trouble::kLockTimeout:
      return LockedTable(table.name);
    case Trouble::kDenied:
      return absl::PermissionDeniedError(MayNotRead(table.name, table.quoted, role));
    case Trouble::kRowSecurity:
      return absl::PermissionDeniedError(HiddenRows(table.name, role));
    case Trouble::kLost:
    case Trouble::kNotReady:
    case Trouble::kTooMany:
    case Trouble::kNotLetIn:
      return LostWhileReading(table.name, status);
    default:
      break;
  }
  if (status.ok() || postgres::TroubleOf(status) == Trouble::kNone) return status;
  return WhileReading(table.name, status);
}

std::string WhyUnreadable(const PostgresTable& table, const std::string& role) {
  const bool hides = table.hides_rows || std::any_of(table.leaves.begin(), table.leaves.end(),
                                                     [](const auto& leaf) { return leaf.hides_rows; });
  if (hides) return HiddenRows(table.name, role);
  const bool readable = std::all_of(table.columns.begin(), table.columns.end(),
                                    [](const PostgresColumn& column) { return column.readable; });
  return readable ? "" : MayNotRead(table.name, table.quoted, role);
}

}  // namespace mirror
