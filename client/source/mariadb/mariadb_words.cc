#include "client/source/mariadb/mariadb_words.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/db/mariadb/failure.h"

namespace mirror {
namespace {

using mariadb::Trouble;

std::string MayNotReadTable(const MariadbTable& table, const MariadbSource& place) {
  return absl::StrCat("the user ", place.grantee, " may not read all columns of table '", table.name, "'. ",
                      kNothingCommitted, ". Allow it: GRANT SELECT ON ", table.quoted, " TO ", place.grantee,
                      ", or leave the table out with 'skip'");
}

}  // namespace

absl::Status ExplainReading(const absl::Status& status, const MariadbTable& table,
                            const MariadbSource& place) {
  switch (mariadb::TroubleOf(status)) {
    case Trouble::kUndefined:
    case Trouble::kMoved:
      return MovedTable(table.name);
    case Trouble::kLockTimeout:
      return LockedTable(table.name);
    case Trouble::kDenied:
      return absl::PermissionDeniedError(MayNotReadTable(table, place));
    case Trouble::kLost:
    case Trouble::kNotReady:
    case Trouble::kTooMany:
    case Trouble::kNotLetIn:
    case Trouble::kCancelled:
      return LostWhileReading(table.name, status);
    default:
      break;
  }
  if (status.ok() || mariadb::TroubleOf(status) == Trouble::kNone) return status;
  return WhileReading(table.name, status);
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
