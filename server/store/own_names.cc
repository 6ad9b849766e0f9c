#include "server/store/own_names.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/reserved_name.h"

namespace mirror {

absl::Status CheckNotOwnName(const std::string& table, const std::string& context_id) {
  const std::string folded = FoldName(table);
  if (absl::StartsWith(folded, "_mirror_") && folded != kLedgerName) {
    return NotUnderThisName(table, "names that begin with '_mirror_' are the mirror's own");
  }
  if (folded == FoldName(context_id + "_mirroring")) {
    return NotUnderThisName(table, "it is the name of the mirror's metadata table");
  }
  return absl::OkStatus();
}

absl::Status NotUnderThisName(const std::string& table, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("table '", table,
                                                 "' cannot be mirrored under its name: ", std::string(why),
                                                 ". Leave it out at the source, or rename it there."));
}

}  // namespace mirror
