#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_NEW_MIRROR_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_NEW_MIRROR_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/store.h"

namespace mirror {

/// Beside a mirror's file while it is being made: what outlives the process before its first row (issuer,
/// environment, cycle, nonces; a loss of power may take it, see SqliteOptions::claims_wait), and the rows,
/// which a crash may lose.
inline constexpr char kClaimSuffix[] = ".claim";
inline constexpr char kBuildingSuffix[] = ".building";

/// A mirror that has no file yet. Its rows are written into `<path>.building` without journal and syncs on
/// disk, and nobody else sees them; the plan that ends its cycle, whatever ends it, puts the file on disk and
/// gives it its name, and from then on it is as any other. What a crash leaves is thrown away when it is
/// opened again: no cycle runs then, and the claim still knows whose mirror it is.
/// `place` is let go of when nothing is built any more.
/// Any trouble with the disk meanwhile ends the cycle in the same way: WhyStale() says so.
absl::StatusOr<std::unique_ptr<Store>> OpenNewMirror(const std::string& path, const std::string& context_id,
                                                     const SqliteOptions& options,
                                                     std::shared_ptr<void> place);

/// Begins one that is `owner`'s, without a cycle, on disk when it returns.
absl::Status ClaimNewMirror(const std::string& path, const std::string& context_id, const TenantRecord& owner,
                            std::int64_t now_ms);

/// What is left of one that was built, or is not wanted.
void RemoveNewMirror(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_NEW_MIRROR_H_
