#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_NEW_MIRROR_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_NEW_MIRROR_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/store.h"

namespace mirror {

/// Suffixes of the two files of a mirror while it is being built. The claim has the data that must survive
/// the process before the first row: issuer, environment, cycle, nonces. A loss of power may lose them, see
/// SqliteOptions::claims_wait. The other file has the rows, which a crash may lose.
inline constexpr char kClaimSuffix[] = ".claim";
inline constexpr char kBuildingSuffix[] = ".building";

/// Opens a mirror that has no file yet. It writes the rows into `<path>.building`, without a journal on disk
/// and without syncs. No one else sees them. The plan that ends the cycle, for any reason, syncs this file
/// and gives it its name. From then on it is a normal mirror. After a crash the next opening discards what
/// was built: no cycle runs then, and the claim still names the mirror's owner. `place` is released when
/// nothing is being built any more. Any error of the disk while the mirror is built ends the cycle, too. Then
/// WhyStale() returns kReplaced.
absl::StatusOr<std::unique_ptr<Store>> OpenNewMirror(const std::string& path, const std::string& context_id,
                                                     const SqliteOptions& options,
                                                     std::shared_ptr<void> place);

/// Begins a mirror without a cycle, owned by `owner`. The claim is on disk on return.
absl::Status ClaimNewMirror(const std::string& path, const std::string& context_id, const TenantRecord& owner,
                            std::int64_t now_ms);

/// Removes the claim and the built file, after the mirror was built or given up.
void RemoveNewMirror(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_NEW_MIRROR_H_
