#include "server/journal/seen_mark.h"

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

/// Returns the parts that an operator does not change by hand.
std::string WithoutPosition(const SeenMark& mark) {
  return absl::StrCat(mark.cycle, " ", mark.seq, " ", absl::BytesToHexString(mark.schema_hash), " ");
}

}  // namespace

std::string ToText(const SeenMark& mark) {
  return absl::StrCat(WithoutPosition(mark), mark.position.lsn.value, " ",
                      absl::BytesToHexString(mark.position.lineage));
}

bool SawLastWrite(std::string_view text, const SeenMark& now) {
  if (now.position.lsn == Lsn{}) {
    return absl::StartsWith(absl::string_view(text.data(), text.size()), WithoutPosition(now));
  }
  return text == ToText(now);
}

}  // namespace mirror
