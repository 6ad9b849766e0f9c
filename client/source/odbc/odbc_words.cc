#include "client/source/odbc/odbc_words.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/db/odbc/failure.h"

namespace mirror {
namespace {

using OdbcTrouble = odbc::Trouble;
constexpr char kNoneCommitted[] = "Nothing of the table is committed";

}  // namespace

absl::Status MovedOdbcTable(const std::string& table) {
  return absl::AbortedError(absl::StrCat("table '", table, "' is not any more as it was looked at"));
}

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
      return MovedOdbcTable(table);
    case OdbcTrouble::kLocked:
      return absl::UnavailableError(absl::StrCat("table '", table, "' is locked by somebody else. ",
                                                 kNoneCommitted,
                                                 "; the next run reads it, when that is over"));
    case OdbcTrouble::kDenied:
      return absl::PermissionDeniedError(absl::StrCat(
          "the user '", user, "' may not read table '", table, "': ", std::string(status.message()), ". ",
          kNoneCommitted, ". Give it the right to SELECT, or leave the table out with 'skip'"));
    case OdbcTrouble::kLost:
    case OdbcTrouble::kTimedOut:
    case OdbcTrouble::kNotReached:
    case OdbcTrouble::kNotLetIn:
      return absl::UnavailableError(absl::StrCat("reading table '", table,
                                                 "': ", std::string(status.message()), ". ", kNoneCommitted,
                                                 "; the next run reads it from the beginning"));
    default:
      break;
  }
  absl::Status explained(status.code(),
                         absl::StrCat("reading table '", table, "': ", std::string(status.message())));
  // What it means, see odbc::TroubleOf().
  status.ForEachPayload([&explained](absl::string_view name, const absl::Cord& payload) {
    explained.SetPayload(name, payload);
  });
  return explained;
}

}  // namespace mirror
