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
  PostgresStoreOptions store = {};  ///< For every mirror, but for its schema and epoch.
  /// Copies are files of this home, in which no mirror stands. Never null.
  std::shared_ptr<StoreHome> files;
};

/// A home in PostgreSQL: each mirror is a schema of one of the places, and the control database says of
/// which. A new one is made where there are the fewest relations. What is set aside stays in its place, in a
/// schema `mirror_aside_<hash>`. A copy is a file that a home of files makes, and it becomes a mirror in
/// either. Errors: kFailedPrecondition: a mirror stands in a place that is none of these; kUnavailable.
absl::StatusOr<std::unique_ptr<StoreHome>> OpenPostgresHome(
    std::shared_ptr<PostgresControl> control, std::vector<std::shared_ptr<PostgresPlace>> places,
    PostgresHomeOptions options);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_POSTGRES_HOME_H_
