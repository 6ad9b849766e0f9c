#ifndef MIRROR_SERVER_STORE_STORE_STATE_H_
#define MIRROR_SERVER_STORE_STORE_STATE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mirror {

/// Connections for one use. `free`: connections that may still be opened.
struct PoolState {
  std::string use;
  std::size_t used = 0, idle = 0, free = 0;
  std::uint64_t refused = 0;  ///< Requests since the start that did not get a connection in time.
};

/// A database that holds mirrors.
struct PlaceState {
  std::string name;
  bool is_up = true;
  std::vector<PoolState> pools;
  std::optional<std::int64_t> standbys;  ///< Number of standbys that a commit may wait for; absent: it may
                                         ///< not be read.
  /// Bytes of log that the slowest standby has not written to its disk yet; 0: none.
  std::optional<std::int64_t> standby_lag_bytes;
  std::optional<std::int64_t> relations;  ///< In the whole database; estimated for a large one.
};

/// The state of the databases that hold the mirrors.
struct StoreState {
  std::vector<PlaceState> places;
  bool is_control_up = true;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STORE_STATE_H_
