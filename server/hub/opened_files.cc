#include "server/hub/opened_files.h"

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

absl::Status ClosedError(const HubRules& rules) {
  return absl::UnavailableError(
      absl::StrCat("the rules of hub '", rules.storage, "' were just changed. Nothing was done. Try again."));
}

}  // namespace

/// Both at once: an opening writes, and would wait for a derivation.
absl::Status OpenedFiles::Open() {
  if (closed_) return ClosedError(rules_);
  if (to_derive_ != nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::unique_ptr<HubFile> to_derive, files_.open(rules_));
  ASSIGN_OR_RETURN(std::unique_ptr<HubFile> to_look, files_.open(rules_));
  to_derive_ = std::move(to_derive);
  to_look_ = std::move(to_look);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<HubFile>> OpenedFiles::ToDerive() {
  const MutexLock lock(mutex_);
  RETURN_IF_ERROR(Open());
  return to_derive_;
}

absl::StatusOr<std::shared_ptr<HubFile>> OpenedFiles::ToLook() {
  const MutexLock lock(mutex_);
  RETURN_IF_ERROR(Open());
  return to_look_;
}

void OpenedFiles::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  to_derive_.reset();
  to_look_.reset();
}

absl::Status OpenedFiles::Remove() {
  const MutexLock lock(mutex_);
  if (closed_) return ClosedError(rules_);  // The file is another's by now.
  to_derive_.reset();
  to_look_.reset();
  return files_.remove(rules_);
}

}  // namespace mirror
