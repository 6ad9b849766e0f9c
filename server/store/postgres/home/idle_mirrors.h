#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_IDLE_MIRRORS_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_IDLE_MIRRORS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/postgres/place/postgres_place.h"

namespace mirror {

// The tenants of a place in whose rows something is to be seen. Some tenants are asked for at once, and
// nobody waits for it; one that cannot be read is left out.

/// A cycle runs there that noted no progress since `before_ms`.
absl::StatusOr<std::vector<std::string>> FindIdleMirrors(PostgresPlace& place, std::int64_t before_ms);
/// Something waits for hooks.
absl::StatusOr<std::vector<std::string>> FindMirrorsWithHooks(PostgresPlace& place);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_IDLE_MIRRORS_H_
