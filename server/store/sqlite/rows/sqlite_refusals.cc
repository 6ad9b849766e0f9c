#include "server/store/sqlite/rows/sqlite_refusals.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"

namespace mirror {

absl::Status RefusedRow(SqliteConnection& connection, const std::string& target, const TableSchema& schema,
                        int code, std::uint32_t row) {
  const std::string place = absl::StrCat("table '", schema.name, "', row ", row);
  if ((code & 0xff) != SQLITE_CONSTRAINT) return connection.ToStatus(code, place);
  std::string indexes;
  if (absl::StatusOr<Query> query = connection.Prepare(
          "SELECT name FROM temp.pragma_index_list(?1) WHERE \"unique\" = 1 AND origin = 'c'");
      query.ok()) {
    query->Bind(1, std::string_view(target));
    for (absl::StatusOr<bool> found = query->Step(); found.ok() && *found; found = query->Step()) {
      absl::StrAppend(&indexes, indexes.empty() ? "'" : "' or '", query->Text(0));
    }
  }
  return absl::FailedPreconditionError(
      absl::StrCat(place, ": ",
                   indexes.empty() ? std::string("a constraint refuses it")
                                   : absl::StrCat("the partner's unique index ", indexes, "' refuses it"),
                   ". Nothing of this batch was applied. ",
                   indexes.empty() ? "Somebody added it to the table: drop it, or let 'mirrorctl invalidate' "
                                     "make the table anew without it."
                                   : "The source's rows need not be unique there: drop that index."));
}

}  // namespace mirror
