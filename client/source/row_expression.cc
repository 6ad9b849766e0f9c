#include "client/source/row_expression.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/source/sqlite_file.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// What SQLite finds in a statement while it prepares it.
struct Found {
  int selects = 0;
  int selects_allowed = 0;
  std::set<std::string> columns;
  std::string refused;

  int Refuse(std::string why) {
    if (refused.empty()) refused = std::move(why);
    return SQLITE_DENY;
  }
};

int OnFunction(Found* found, std::string_view name) {
  static constexpr std::array<std::string_view, 7> kUnsteady = {
      "random",       "randomblob",   "changes",          "total_changes",
      "current_date", "current_time", "current_timestamp"};
  const bool unsteady = std::any_of(kUnsteady.begin(), kUnsteady.end(),
                                    [&](std::string_view other) { return SameName(other, name); }) ||
                        SameName(name, "last_insert_rowid") || SameName(name, "load_extension") ||
                        absl::StartsWith(std::string(name), "_mirror_");
  if (!unsteady) return SQLITE_OK;
  return found->Refuse(absl::StrCat("the function ", std::string(name), " cannot decide about a row"));
}

int Authorize(void* context, int action, const char*, const char* second, const char*, const char*) {
  auto* const found = static_cast<Found*>(context);
  switch (action) {
    case SQLITE_SELECT:
      if (++found->selects <= found->selects_allowed) return SQLITE_OK;
      return found->Refuse("it holds a SELECT; only the columns of the row itself can decide about it");
    case SQLITE_READ:
      if (second != nullptr && *second != '\0') found->columns.insert(second);
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return OnFunction(found, second == nullptr ? "" : second);
    default:
      return found->Refuse("it does more than to look at a row");
  }
}

absl::Status Prepare(sqlite3* database, const std::string& sql, Found* found, Statement* statement) {
  sqlite3_set_authorizer(database, &Authorize, found);
  sqlite3_stmt* prepared = nullptr;
  const char* tail = nullptr;
  const int code = sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &prepared, &tail);
  *statement = Statement(prepared);
  sqlite3_set_authorizer(database, nullptr, nullptr);
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return absl::UnavailableError(sqlite3_errmsg(database));
  if (!found->refused.empty()) return absl::InvalidArgumentError(found->refused);
  if (code != SQLITE_OK) return absl::InvalidArgumentError(sqlite3_errmsg(database));
  if (tail != sql.data() + sql.size()) return absl::InvalidArgumentError("something follows the expression");
  return absl::OkStatus();
}

}  // namespace

std::string AsTerm(const std::string& expression) {
  // The line ends what may begin with '--'.
  return absl::StrCat("(", expression, "\n)");
}

absl::StatusOr<std::set<std::string>> CheckExpression(sqlite3* database, const std::string& from,
                                                      const std::string& expression) {
  Found plain{.selects_allowed = INT32_MAX};
  Statement statement;
  const std::string head = absl::StrCat("SELECT 1 FROM ", from, " WHERE ");
  if (absl::Status prepared = Prepare(database, head + "1", &plain, &statement); !prepared.ok())
    return prepared;
  // Without the parentheses it does not close what it did not open; with them nothing of it stays open.
  Found found;
  for (const std::string& term : {expression + "\n", AsTerm(expression)}) {
    found = Found{.selects_allowed = plain.selects};
    if (absl::Status prepared = Prepare(database, head + term, &found, &statement); !prepared.ok())
      return prepared;
    if (sqlite3_bind_parameter_count(statement.get()) > 0)
      return absl::InvalidArgumentError("it has a parameter, which nothing fills");
  }
  return found.columns;
}

}  // namespace mirror
