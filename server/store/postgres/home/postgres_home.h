#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_POSTGRES_HOME_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_POSTGRES_HOME_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/home.h"
#include "server/store/postgres/place/control.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/postgres/postgres_store.h"

namespace mirror {

struct PostgresHomeOptions {
  PostgresStoreOptions store = {};  ///< Options of every mirror; its schema and epoch are set later.
  /// The home for copies, which are files. It has no mirrors. Never null.
  std::shared_ptr<StoreHome> files;
};

/// Opens a home in PostgreSQL. Each mirror is a schema of one place, which the control database names. A new
/// mirror is made in the place with the fewest relations. A mirror that is set aside stays in its place, as
/// schema `mirror_aside_<hash>`. A copy is a file of a file home, and both kinds of home can restore it.
/// Errors: kFailedPrecondition: a mirror is in a place that is not configured; kUnavailable.
absl::StatusOr<std::unique_ptr<StoreHome>> OpenPostgresHome(
    std::shared_ptr<PostgresControl> control, std::vector<std::shared_ptr<PostgresPlace>> places,
    PostgresHomeOptions options);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_POSTGRES_HOME_H_
