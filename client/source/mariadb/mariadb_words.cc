#include "client/source/mariadb/mariadb_words.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/db/mariadb/failure.h"

namespace mirror {
namespace {

using mariadb::Trouble;

constexpr char kNothingIsSent[] = "Nothing of the table is committed";

std::string MayNotReadTable(const MariadbTable& table, const MariadbSource& place) {
  return absl::StrCat("the user ", place.grantee, " may not read all columns of table '", table.name, "'. ",
                      kNothingIsSent, ". Allow it: GRANT SELECT ON ", table.quoted, " TO ", place.grantee,
                      ", or leave the table out with 'skip'");
}

}  // namespace

absl::Status MovedMariadbTable(const std::string& table) {
  return absl::AbortedError(absl::StrCat("table '", table, "' is not any more as it was looked at"));
}

absl::Status LeftToMariadbOthers(const std::string& table) {
  return absl::UnavailableError(absl::StrCat("reading table '", table,
                                             "' was broken off, since somebody waits to change it, and its "
                                             "writers behind him. ",
                                             kNothingIsSent, "; the next run reads it from the beginning"));
}

absl::Status ExplainReading(const absl::Status& status, const MariadbTable& table,
                            const MariadbSource& place) {
  switch (mariadb::TroubleOf(status)) {
    case Trouble::kUndefined:
    case Trouble::kMoved:
      return MovedMariadbTable(table.name);
    case Trouble::kLockTimeout:
      return absl::UnavailableError(absl::StrCat("table '", table.name,
                                                 "' is locked by somebody who changes it. ", kNothingIsSent,
                                                 "; the next run reads it, when that is over"));
    case Trouble::kDenied:
      return absl::PermissionDeniedError(MayNotReadTable(table, place));
    case Trouble::kLost:
    case Trouble::kNotReady:
    case Trouble::kTooMany:
    case Trouble::kNotLetIn:
    case Trouble::kCancelled:
      return absl::UnavailableError(absl::StrCat("reading table '", table.name,
                                                 "': ", std::string(status.message()), ". ", kNothingIsSent,
                                                 "; the next run reads it from the beginning"));
    default:
      break;
  }
  if (status.ok() || mariadb::TroubleOf(status) == Trouble::kNone) return status;
  absl::Status explained(status.code(),
                         absl::StrCat("reading table '", table.name, "': ", std::string(status.message())));
  // What it means, see mariadb::TroubleOf().
  status.ForEachPayload([&explained](absl::string_view name, const absl::Cord& payload) {
    explained.SetPayload(name, payload);
  });
  return explained;
}

std::string WhyUnreadable(const MariadbTable& table, const MariadbSource& place) {
  if (table.engine.empty()) {
    return absl::StrCat("the server cannot open table '", table.name,
                        "'. Nothing of it is sent: look at it there with CHECK TABLE ", table.quoted,
                        ", or leave it out with 'skip'");
  }
  const bool readable = std::all_of(table.columns.begin(), table.columns.end(),
                                    [](const MariadbColumn& column) { return column.readable; });
  return readable && !table.has_gaps ? "" : MayNotReadTable(table, place);
}

}  // namespace mirror
