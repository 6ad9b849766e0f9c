#include "client/source/source_log.h"

#include "absl/strings/cord.h"

namespace mirror {
namespace {

constexpr char kPayload[] = "mirror.source/needs-install";

}  // namespace

absl::Status NeedsInstall(absl::Status status) {
  status.SetPayload(kPayload, absl::Cord());
  return status;
}

bool IsNeedsInstall(const absl::Status& status) { return status.GetPayload(kPayload).has_value(); }

}  // namespace mirror
