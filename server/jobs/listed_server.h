#ifndef MIRROR_SERVER_JOBS_LISTED_SERVER_H_
#define MIRROR_SERVER_JOBS_LISTED_SERVER_H_

#include <cstdint>
#include <string>
#include <vector>

namespace mirror {

/// A server, as operators are shown it.
struct ListedServer {
  std::string server_id;  ///< Of one start; empty: it shares nothing with others.
  std::string host;
  std::string address, admin_address;
  std::string version;
  std::string rules;  ///< A hash of what has to be configured alike on all of them.
  std::int64_t clock_ahead_ms = 0;
  std::int64_t started_ms = 0;
  std::int64_t silent_ms = 0;  ///< Since it was heard of last.
  std::vector<std::string> duties = {};
  /// Places that it does not serve from, since they did not answer at its start, or something is wrong there.
  std::vector<std::string> closed_places = {};  ///< Of the one that was asked alone.
  bool here = false;                            ///< It is the one that was asked.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_LISTED_SERVER_H_
