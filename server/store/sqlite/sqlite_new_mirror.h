#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_NEW_MIRROR_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_NEW_MIRROR_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/store.h"

namespace mirror {

/// Suffixes of files beside a mirror's file while it is being built. The claim is data that must survive
/// the process before the first row (issuer, environment, cycle, nonces; a loss of power may take it, see
/// SqliteOptions::claims_wait). The other file has the rows, which a crash may lose.
inline constexpr char kClaimSuffix[] = ".claim";
inline constexpr char kBuildingSuffix[] = ".building";

/// Opens a mirror that has no file yet. Its rows are written into `<path>.building` without a journal and
/// syncs on disk, and no one else sees them. The plan that ends its cycle, in whatever way, puts the file
/// on disk under its name; from then on it is a normal mirror. The remains of a crash are discarded at the
/// next opening: no cycle runs then, and the claim still names the mirror's owner. `place` is released when
/// nothing is being built any more. Any error of the disk meanwhile ends the cycle in the same way:
/// WhyStale() reports it.
absl::StatusOr<std::unique_ptr<Store>> OpenNewMirror(const std::string& path, const std::string& context_id,
                                                     const SqliteOptions& options,
                                                     std::shared_ptr<void> place);

/// Begins a mirror owned by `owner`, without a cycle; on disk when it returns.
absl::Status ClaimNewMirror(const std::string& path, const std::string& context_id, const TenantRecord& owner,
                            std::int64_t now_ms);

/// Removes the remains of a mirror that was built, or is not wanted.
void RemoveNewMirror(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_NEW_MIRROR_H_
