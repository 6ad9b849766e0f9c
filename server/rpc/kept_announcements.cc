#include "server/rpc/kept_announcements.h"

#include <utility>

#include "base/folded_name.h"

namespace mirror {

void KeptAnnouncements::Keep(const std::string& context_id, const std::string& sha256,
                             v1::TableSchemaRequest announcement) {
  Kept kept;
  kept.tenant = FoldName(context_id);
  kept.sha256 = sha256;
  kept.bytes = announcement.SpaceUsedLong();
  kept.announcement = std::make_shared<const v1::TableSchemaRequest>(std::move(announcement));
  const MutexLock lock(mutex_);
  Forget(kept.tenant);
  if (kept.bytes > limits_.each_bytes) return;
  bytes_ += kept.bytes;
  kept_.push_front(std::move(kept));
  places_[kept_.front().tenant] = kept_.begin();
  while (bytes_ > limits_.all_bytes) Forget(std::string(kept_.back().tenant));
}

std::shared_ptr<const v1::TableSchemaRequest> KeptAnnouncements::Find(const std::string& context_id,
                                                                      const std::string& sha256) {
  const MutexLock lock(mutex_);
  const auto found = places_.find(FoldName(context_id));
  if (found == places_.end() || found->second->sha256 != sha256) return nullptr;
  kept_.splice(kept_.begin(), kept_, found->second);
  return found->second->announcement;
}

void KeptAnnouncements::Forget(const std::string& tenant) {
  const auto found = places_.find(tenant);
  if (found == places_.end()) return;
  bytes_ -= found->second->bytes;
  kept_.erase(found->second);
  places_.erase(found);
}

}  // namespace mirror
