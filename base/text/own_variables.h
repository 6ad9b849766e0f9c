#ifndef MIRROR_BASE_TEXT_OWN_VARIABLES_H_
#define MIRROR_BASE_TEXT_OWN_VARIABLES_H_

#include <string>
#include <vector>

namespace mirror {

/// Returns the variables that every configuration ignores. These are other variables of this project, and
/// those that Kubernetes and Docker links make for a service whose name is "mirror" or begins with "mirror-".
inline std::vector<std::string> OwnVariables() {
  return {"MIRROR_CONTEXT_ID",   "MIRROR_EVENT",                             // Set for a hook's program.
          "MIRROR_CRASH_AT",                                                 // base/crash_point
          "MIRROR_CLOCK_SHIFT",  "MIRROR_DISK_*",        "MIRROR_SLOW_*",    // tests/shims
          "MIRROR_TEST_*",       "MIRROR_TORTURE_BUILD",                     // tests
          "MIRROR_AGENT_CONFIG", "MIRROR_SERVER_CONFIG",                     // base/text/find_config
          "MIRROR_FUZZ",         "MIRROR_SANITIZED",     "MIRROR_WARNINGS",  // Set by the build.
          "MIRROR_PORT",         "MIRROR_SERVER_PORT",   "MIRROR_AGENT_PORT",    "MIRROR_POSTGRES_PORT",
          "MIRROR_*PORT_*_TCP*", "MIRROR_*SERVICE_HOST", "MIRROR_*SERVICE_PORT*"};
}

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_OWN_VARIABLES_H_
