#include "server/store/missing_rows.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"

namespace mirror {

absl::Status RowsMissing(const TableSchema& schema, const ChangeBatch& batch, RowsWritten* written) {
  std::sort(written->missing_rows.begin(), written->missing_rows.end());
  const std::size_t count = written->missing_rows.size();
  if (count == 0) {
    // Every key exists. Some object prevents the change of its row, or the row was missing only for a moment.
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", schema.name, "': the database changed fewer rows than batch ", batch.seq,
        " has, although all of them exist: a rule, a trigger or a policy that somebody added to the table "
        "keeps rows from being changed. Nothing of it was applied. Drop what was added; the next cycle sends "
        "the rows again."));
  }
  if (written->more_missing) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", schema.name, "': more than ", Counted(count, "row"), " of batch ", batch.seq,
        " are not in the mirror. Nothing of it was applied; the table's LSN is -1, and it accepts no more "
        "batches in this cycle. The next cycle populates it."));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("table '", schema.name, "': ", Counted(count, "row"), " of batch ", batch.seq,
                   count == 1 ? " is" : " are",
                   " not in the mirror. Nothing of it was applied. Send the same batch without ",
                   count == 1 ? "it, then that row" : "them, then those rows", " as INSERT."));
}

}  // namespace mirror
