#include "client/source/odbc/odbc_words.h"

#include "absl/strings/str_cat.h"
#include "base/db/odbc/failure.h"

namespace mirror {
namespace {

using OdbcTrouble = odbc::Trouble;

}  // namespace

absl::Status WrittenOdbcTable(const std::string& table) {
  return absl::AbortedError(absl::StrCat("somebody wrote to the source while table '", table,
                                         "' was read, whose pages are so of several moments"));
}

absl::Status ExplainOdbcReading(const absl::Status& status, const std::string& table,
                                const std::string& user) {
  const OdbcTrouble trouble = odbc::TroubleOf(status);
  switch (trouble) {
    case OdbcTrouble::kNone:
      return status;
    case OdbcTrouble::kUndefined:
      return MovedTable(table);
    case OdbcTrouble::kLocked:
      return absl::UnavailableError(absl::StrCat("table '", table, "' is locked by somebody else. ",
                                                 kNothingCommitted,
                                                 "; the next run reads it, when that is over"));
    case OdbcTrouble::kDenied:
      return absl::PermissionDeniedError(absl::StrCat(
          "the user '", user, "' may not read table '", table, "': ", std::string(status.message()), ". ",
          kNothingCommitted, ". Give it the right to SELECT, or leave the table out with 'skip'"));
    case OdbcTrouble::kLost:
    case OdbcTrouble::kTimedOut:
    case OdbcTrouble::kNotReached:
    case OdbcTrouble::kNotLetIn:
      return LostWhileReading(table, status);
    default:
      break;
  }
  return WhileReading(table, status);
}

}  // namespace mirror
