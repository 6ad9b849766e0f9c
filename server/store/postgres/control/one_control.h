#ifndef MIRROR_SERVER_STORE_POSTGRES_CONTROL_ONE_CONTROL_H_
#define MIRROR_SERVER_STORE_POSTGRES_CONTROL_ONE_CONTROL_H_

#include <string>

#include "absl/status/status.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/control/control.h"
#include "server/store/postgres/place/postgres_place.h"

// A place belongs to the servers of one control database: those of two would each make, number and move its
// mirrors by themselves. Sessions in a place are named after the control database, so that servers of another
// one are seen while they run. One that is lost, and made anew elsewhere, keeps nobody from the places: by
// then no server of the former runs.

namespace mirror {

/// How sessions of this control database's servers are named: "mirror-server 1a2b3c4d". "mirror-server": that
/// cannot be told now, and says nothing.
std::string SessionNameOf(const ControlOptions& options);

/// `connection`: one of the place's own. Errors: kFailedPrecondition: servers of another control database
/// have sessions in the place, and still had after two seconds. Where that cannot be asked: OK.
absl::Status CheckOneControl(postgres::Connection& connection, const PlaceOptions& place);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_CONTROL_ONE_CONTROL_H_
