#include "client/source/steps/row_expression.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// SQLite does not tell of each SELECT in a statement: some become a look into an index.
bool HoldsSelect(std::string_view sql) {
  std::string word;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    const char c = sql[i];
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_') {
      word += c;
      continue;
    }
    if (SameName(word, "select")) return true;
    word.clear();
    // What is quoted is no word.
    if (c == '\'' || c == '"' || c == '`' || c == '[') {
      i = std::min(sql.find(c == '[' ? ']' : c, i + 1), sql.size() - 1);
    } else if (sql.substr(i, 2) == "--") {
      i = std::min(sql.find('\n', i), sql.size() - 1);
    } else if (sql.substr(i, 2) == "/*") {
      i = std::min(sql.find("*/", i + 2), sql.size() - 2) + 1;
    }
  }
  return SameName(word, "select");
}

/// What SQLite finds in a statement while it prepares it.
struct Found {
  std::string table;
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
  static constexpr std::array<std::string_view, 9> kUnsteady = {
      "random",       "randomblob",        "changes",           "total_changes", "current_date",
      "current_time", "current_timestamp", "last_insert_rowid", "load_extension"};
  const bool unsteady = absl::StartsWith(std::string(name), "_mirror_") ||
                        std::any_of(kUnsteady.begin(), kUnsteady.end(),
                                    [&](std::string_view other) { return SameName(other, name); });
  if (!unsteady) return SQLITE_OK;
  return found->Refuse(absl::StrCat("the function ", std::string(name), " is not allowed"));
}

int Authorize(void* context, int action, const char* first, const char* second, const char*, const char*) {
  auto* const found = static_cast<Found*>(context);
  switch (action) {
    case SQLITE_SELECT:
      if (++found->selects <= found->selects_allowed) return SQLITE_OK;
      return found->Refuse("it uses more than the columns of the row itself");
    case SQLITE_READ:
      if (!SameName(first, found->table))
        return found->Refuse("it reads another table; only the columns of the row itself may be used");
      if (second != nullptr && *second != '\0') found->columns.insert(second);
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return OnFunction(found, second == nullptr ? "" : second);
    default:
      return found->Refuse("it does more than read a row");
  }
}

absl::Status Prepare(sqlite3* database, const std::string& sql, Found* found) {
  sqlite3_set_authorizer(database, &Authorize, found);
  sqlite3_stmt* prepared = nullptr;
  const char* tail = nullptr;
  const int code = sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &prepared, &tail);
  const int parameters = sqlite3_bind_parameter_count(prepared);
  sqlite3_finalize(prepared);
  sqlite3_set_authorizer(database, nullptr, nullptr);
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return absl::UnavailableError(sqlite3_errmsg(database));
  if (!found->refused.empty()) return absl::InvalidArgumentError(found->refused);
  if (code != SQLITE_OK) return absl::InvalidArgumentError(sqlite3_errmsg(database));
  if (tail != sql.data() + sql.size()) return absl::InvalidArgumentError("something follows the expression");
  if (parameters > 0) return absl::InvalidArgumentError("it has a parameter, and nothing gives it a value");
  return absl::OkStatus();
}

}  // namespace

std::string AsTerm(const std::string& expression) {
  // The line ends what may begin with '--'.
  return absl::StrCat("(", expression, "\n)");
}

absl::StatusOr<std::set<std::string>> CheckExpression(sqlite3* database, const std::string& from,
                                                      const std::string& table,
                                                      const std::string& expression) {
  if (HoldsSelect(expression)) {
    return absl::InvalidArgumentError("it holds a SELECT; only the columns of the row itself may be used");
  }
  Found plain{.table = table, .selects_allowed = INT32_MAX};
  const std::string head = absl::StrCat("SELECT 1 FROM ", from, " WHERE ");
  RETURN_IF_ERROR(Prepare(database, head + "1", &plain));
  // Without the parentheses it does not close what it did not open; with them nothing of it stays open.
  Found found;
  for (const std::string& term : {expression + "\n", AsTerm(expression)}) {
    found = Found{.table = table, .selects_allowed = plain.selects};
    RETURN_IF_ERROR(Prepare(database, head + term, &found));
  }
  return found.columns;
}

}  // namespace mirror
