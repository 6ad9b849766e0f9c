#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_STORE_LOOK_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_STORE_LOOK_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "server/store/postgres/place/control.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/store_state.h"

namespace mirror {

/// Reads the state of the databases for metrics, in the caller's thread. Waits a few seconds at most. A
/// database that was not read in that time keeps its last known state. Threads: any.
class StoreLook {
 public:
  using Places = std::vector<std::shared_ptr<PostgresPlace>>;
  /// `younger`: a result that is younger than this is returned again.
  StoreLook(std::shared_ptr<PostgresControl> control, Places places,
            std::chrono::milliseconds younger = std::chrono::seconds(10));

  StoreState Look() MIRROR_EXCLUDES(mutex_);

 private:
  using Clock = std::chrono::steady_clock;
  void LookAtNext() MIRROR_REQUIRES(mutex_);

  const std::shared_ptr<PostgresControl> control_;
  const Places places_;
  const std::chrono::milliseconds younger_;
  Mutex mutex_;
  StoreState state_ MIRROR_GUARDED_BY(mutex_);
  std::size_t next_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Next place; after the last: the control database.
  Clock::time_point looked_ MIRROR_GUARDED_BY(mutex_);
};

/// Returns why the place cannot promise that commits are durable if a standby must have them too, as text for
/// people. Empty: a standby is named, or this cannot be determined now. On Citus it asks the coordinator.
std::string WhyNotReplicated(PostgresPlace& place);
/// Returns which PostgreSQL version is needed if that of the place lacks ConnectAs::tables_only. Empty: it
/// has it, or does not answer.
std::string WhyNotTablesOnly(PostgresPlace& place);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_STORE_LOOK_H_
