#include "server/source/memory_share.h"

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

absl::Status TooMuch(const std::string& whose, std::uint64_t bytes, std::uint64_t most) {
  return absl::ResourceExhaustedError(absl::StrCat(
      whose, "'s unanswered messages would take ", bytes, " bytes more when decoded; the limit is ", most,
      ". Nothing of this was applied; what was acknowledged stays. Wait for answers before sending "
      "more, then send it again."));
}

}  // namespace

absl::Status MemoryShare::Part::Hold(std::uint64_t bytes) {
  const MutexLock lock(owner_.mutex_);
  const auto found = owner_.tenants_.find(tenant_);
  const std::uint64_t others = (found == owner_.tenants_.end() ? 0 : found->second) - bytes_;
  const std::uint64_t rest = owner_.bytes_ - bytes_;
  if (bytes > bytes_ && others > 0 && others + bytes > owner_.limits_.tenant_max)
    return TooMuch("the tenant", others + bytes, owner_.limits_.tenant_max);
  if (bytes > bytes_ && rest > 0 && rest + bytes > owner_.limits_.all_max)
    return TooMuch("the endpoint", rest + bytes, owner_.limits_.all_max);
  if (others + bytes == 0) {
    owner_.tenants_.erase(tenant_);
  } else {
    owner_.tenants_[tenant_] = others + bytes;
  }
  owner_.bytes_ = rest + bytes;
  bytes_ = bytes;
  return absl::OkStatus();
}

MemoryShare::Part::~Part() { Hold(0).IgnoreError(); }

std::uint64_t MemoryShare::bytes() {
  const MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace mirror
