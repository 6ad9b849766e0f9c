#include "server/store/sqlite/rows/sqlite_refusals.h"

#include <sqlite3.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"

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

absl::Status RowsMissing(const TableSchema& schema, const ChangeBatch& batch, RowsWritten* written) {
  std::sort(written->missing_rows.begin(), written->missing_rows.end());
  const std::size_t count = written->missing_rows.size();
  if (written->more_missing) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", schema.name, "': more than ", Counted(count, "row"), " of batch ", batch.seq,
        " are not in the mirror. Nothing of it was applied; the table's LSN is -1 and it takes nothing "
        "more in this cycle. The next cycle populates it."));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("table '", schema.name, "': ", Counted(count, "row"), " of batch ", batch.seq,
                   count == 1 ? " is" : " are",
                   " not in the mirror. Nothing of it was applied. Send the same batch without ",
                   count == 1 ? "it, then that row" : "them, then those rows", " as INSERT."));
}

}  // namespace mirror
