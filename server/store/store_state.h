#ifndef MIRROR_SERVER_STORE_STORE_STATE_H_
#define MIRROR_SERVER_STORE_STORE_STATE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mirror {

/// Connections for one use: those that may still be opened are free.
struct PoolState {
  std::string use;
  std::size_t used = 0, idle = 0, free = 0;
  std::uint64_t refused = 0;  ///< Callers that got none in time, since the start.
};

/// A database that holds mirrors.
struct PlaceState {
  std::string name;
  bool is_up = true;
  std::vector<PoolState> pools;
  std::optional<std::int64_t> standbys;  ///< Whose disk a commit waits for, or may; absent: nobody may say.
  /// Log that the standby which is furthest behind has not on its disk; 0: there is none.
  std::optional<std::int64_t> standby_lag_bytes;
  std::optional<std::int64_t> relations;  ///< Of the whole database; of a large one estimated.
};

/// What is known of the databases that the mirrors stand in.
struct StoreState {
  std::vector<PlaceState> places;
  bool is_control_up = true;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STORE_STATE_H_
