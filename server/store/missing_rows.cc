#include "server/store/missing_rows.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"

namespace mirror {

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
