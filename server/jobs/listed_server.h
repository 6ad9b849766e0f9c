#ifndef MIRROR_SERVER_JOBS_LISTED_SERVER_H_
#define MIRROR_SERVER_JOBS_LISTED_SERVER_H_

#include <cstdint>
#include <string>
#include <vector>

namespace mirror {

/// A server as shown to operators.
struct ListedServer {
  std::string server_id;  ///< Of one start; empty: it shares nothing with other servers.
  std::string host;
  std::string address, admin_address;
  std::string version;
  std::string rules;  ///< A hash of the settings that must be the same on all of them.
  std::int64_t clock_ahead_ms = 0;
  std::int64_t started_ms = 0;
  std::int64_t silent_ms = 0;  ///< Since its last sign of life.
  std::vector<std::string> duties = {};
  /// Places that it does not serve, since they did not answer at its start, or something is wrong there.
  std::vector<std::string> closed_places = {};  ///< Only for the server that was asked.
  bool here = false;                            ///< This server was asked.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_LISTED_SERVER_H_
