#include "server/plan/gone_words.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

constexpr char kGonePayload[] = "mirror.plan/gone";

}  // namespace

absl::Status OfGone(const std::string& context_id, absl::Status status) {
  status.SetPayload(kGonePayload, absl::Cord(context_id));
  return status;
}

absl::Status IsGoneFromCycle(const std::string& context_id) {
  return OfGone(context_id, absl::AbortedError(absl::StrCat(
                                "the mirror of '", context_id,
                                "' is gone. Nothing was applied. Begin a new cycle with Authenticate.")));
}

absl::Status InRecordsWords(const absl::Status& status) {
  const auto gone = status.GetPayload(kGonePayload);
  if (!gone) return status;
  return absl::NotFoundError(
      absl::StrCat("'", std::string(*gone), "' was deleted, or is being deleted. Nothing was done."));
}

}  // namespace mirror
