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

/// Looks how the databases are, for metrics: in the caller's thread, which waits for few seconds whatever
/// they do. What was not looked at in that time is as it was found last. Threads: any.
class StoreLook {
 public:
  using Places = std::vector<std::shared_ptr<PostgresPlace>>;
  /// `younger`: a look that is not as old as this is taken for the present.
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
  std::size_t next_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Of the places; behind them: control.
  Clock::time_point looked_ MIRROR_GUARDED_BY(mutex_);
};

/// Where what is committed in the place is to stand at a standby, too: why no commit there can be told to be
/// kept, for people. Empty: a standby is named, or nobody can tell now. Of Citus the coordinator is asked.
std::string WhyNotReplicated(PostgresPlace& place);
/// Asks whether the place's PostgreSQL has ConnectAs::tables_only; if not, says which version does. Empty: it
/// has it, or it does not answer.
std::string WhyNotTablesOnly(PostgresPlace& place);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_STORE_LOOK_H_
