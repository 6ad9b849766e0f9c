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

// Dry runs: count what an operator's act would do to a tenant. The same code as for the act makes the plan.
// Then the consequences are counted in one snapshot, without the tenant's lock. A dry run changes nothing: it
// ends no cycle and adds no event. Errors: those of the act; kCancelled: `go_on` returned false. For a
// deletion, or a reset of all tables, of a mirror that cannot be read: the error of reading it.

namespace mirror {

/// Options of a dry run.
struct DryRun {
  bool with_keys = false;
  GoOn go_on = [] { return true; };
};

absl::StatusOr<Consequences> WouldInvalidate(Tenant& tenant, const std::vector<std::string>& tables,
                                             std::int64_t now_ms, const DryRun& how);
/// With an empty `tables`: a dry run of ResetMirror().
absl::StatusOr<Consequences> WouldReset(Tenant& tenant, const std::vector<std::string>& tables,
                                        std::int64_t now_ms, const DryRun& how);
absl::StatusOr<Consequences> WouldDelete(Tenant& tenant, const DryRun& how);
absl::StatusOr<Consequences> WouldAcceptSource(Tenant& tenant, std::int64_t now_ms, const DryRun& how);
absl::StatusOr<Consequences> WouldCommitHold(Tenant& tenant, std::uint64_t hold_id, std::int64_t now_ms,
                                             const DryRun& how);
absl::StatusOr<Consequences> WouldErase(Tenant& tenant, const AskedErasure& asked, std::int64_t now_ms,
                                        const DryRun& how);
/// A dry run of RestoreMirror(). `quick`: see CountRestored().
absl::StatusOr<Consequences> WouldRestore(Tenants& tenants, const std::string& context_id,
                                          const std::string& path, bool quick, const DryRun& how);

/// See AnnouncedLoss in mirror_client.proto.
struct AnnouncedLoss {
  std::string table;
  bool retired = false;
  std::int64_t rows = 0;
  std::vector<std::string> columns = {};
  std::uint64_t values = 0;
  bool held = false;
};
/// Lists, by name, the tables and columns that an announcement would delete. Errors: those of its snapshot.
absl::StatusOr<std::vector<AnnouncedLoss>> CountLosses(const LookedAnnouncement& looked, const GoOn& go_on);

/// Returns the act of RestoreMirror() with this copy, for the act's token. Another copy gives another act.
absl::StatusOr<Act> RestoreAct(const std::string& path, Store& copy);

/// Returns the error for a token that is stale: it says what the act would do now. `now`: a new dry run of
/// the act.
absl::Status StaleWords(const absl::StatusOr<Consequences>& now);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_DRY_RUN_H_
