#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_POSTGRES_HOME_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_POSTGRES_HOME_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/home.h"
#include "server/store/postgres/control/control.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/postgres/postgres_store.h"

namespace mirror {

/// A home in PostgreSQL: each mirror is a schema of one of the places, and the control database says of
/// which. A new one is made where there are the fewest relations. What is set aside stays in its place, in a
/// schema `mirror_aside_<hash>`. `store`: for every mirror, but for its schema and epoch. Errors:
/// kFailedPrecondition: a mirror stands in a place that is none of these; kUnavailable.
absl::StatusOr<std::unique_ptr<StoreHome>> OpenPostgresHome(
    std::shared_ptr<PostgresControl> control, std::vector<std::shared_ptr<PostgresPlace>> places,
    const PostgresStoreOptions& store);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_POSTGRES_HOME_H_
