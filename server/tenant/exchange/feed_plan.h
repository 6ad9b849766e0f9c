#ifndef MIRROR_SERVER_TENANT_EXCHANGE_FEED_PLAN_H_
#define MIRROR_SERVER_TENANT_EXCHANGE_FEED_PLAN_H_

#include "absl/status/status.h"
#include "server/plan/announce_plan.h"
#include "server/tenant/mirror/mirror.h"

namespace mirror {

/// Plans an announcement, and of a mirror that a hub reads notes which of its tables went, came back or are
/// others by now. Errors: those of the store.
absl::Status PlanWithFeed(Mirror& mirror, const AnnounceRequest& request, const AnnounceView& view,
                          AnnouncePlan* planned) MIRROR_REQUIRES(mirror.mutex());

/// Whether the configuration has a hub that reads the mirror.
bool IsOfHub(const Mirror& mirror);
/// An announcement forgets the notes that were taken before it. Keeps the one that says that the source keeps
/// notes of its cycles.
absl::Status KeepExchangeNote(Mirror& mirror, Plan* plan) MIRROR_REQUIRES(mirror.mutex());

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_EXCHANGE_FEED_PLAN_H_
