#ifndef MIRROR_SERVER_CONTROL_LISTS_H_
#define MIRROR_SERVER_CONTROL_LISTS_H_

#include <memory>

#include "server/store/postgres/control/control.h"
#include "server/watch/shared_lists.h"

namespace mirror {

/// What lists of storages and jobs are made of, in the control database. Threads: any.
std::unique_ptr<SharedLists> MakeControlLists(std::shared_ptr<PostgresControl> control);

}  // namespace mirror

#endif  // MIRROR_SERVER_CONTROL_LISTS_H_
