#ifndef MIRROR_SERVER_TENANT_DRY_RUN_H_
#define MIRROR_SERVER_TENANT_DRY_RUN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/count_mirror.h"
#include "server/store/snapshot.h"
#include "server/tenant/tenants.h"

// Dry runs: what an operator's act would do to a tenant, planned by what acts, counted in one snapshot behind
// it, without the tenant's lock. Nothing is changed: no cycle ends, nothing is told. Errors: those of the
// act, kCancelled when `go_on` says so, and of a reset of all or a deletion of a mirror that cannot be read
// those of reading it.

namespace mirror {

/// How a dry run looks.
struct DryRun {
  bool with_keys = false;
  GoOn go_on = [] { return true; };
};

absl::StatusOr<Consequences> WouldInvalidate(Tenant& tenant, const std::vector<std::string>& tables,
                                             std::int64_t now_ms, const DryRun& how);
/// Without tables: of ResetMirror().
absl::StatusOr<Consequences> WouldReset(Tenant& tenant, const std::vector<std::string>& tables,
                                        std::int64_t now_ms, const DryRun& how);
absl::StatusOr<Consequences> WouldDelete(Tenant& tenant, const DryRun& how);
absl::StatusOr<Consequences> WouldAcceptSource(Tenant& tenant, std::int64_t now_ms, const DryRun& how);
absl::StatusOr<Consequences> WouldCommitHold(Tenant& tenant, std::uint64_t hold_id, std::int64_t now_ms,
                                             const DryRun& how);
absl::StatusOr<Consequences> WouldErase(Tenant& tenant, const AskedErasure& asked, std::int64_t now_ms,
                                        const DryRun& how);
/// Of RestoreMirror(). `quick`: see CountRestored().
absl::StatusOr<Consequences> WouldRestore(Tenants& tenants, const std::string& context_id,
                                          const std::string& path, bool quick, const DryRun& how);

/// AnnouncedLoss in mirror_client.proto.
struct AnnouncedLoss {
  std::string table;
  bool retired = false;
  std::int64_t rows = 0;
  std::vector<std::string> columns = {};
  std::uint64_t values = 0;
  bool held = false;
};
/// What would go with an announcement, by name. Errors: those of its snapshot.
absl::StatusOr<std::vector<AnnouncedLoss>> CountLosses(const LookedAnnouncement& looked, const GoOn& go_on);

/// What an act of RestoreMirror() with this copy is called, for its token: another copy gives another one.
absl::StatusOr<Act> RestoreAct(const std::string& path, Store& copy);

/// For who is told that a token is stale: what the act would do by now. `now`: of a dry run of the same act.
absl::Status StaleWords(const absl::StatusOr<Consequences>& now);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_DRY_RUN_H_
