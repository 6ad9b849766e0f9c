#ifndef MIRROR_CLIENT_COMMAND_EXPIRY_H_
#define MIRROR_CLIENT_COMMAND_EXPIRY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "certs/expiry.h"
#include "client/config/config.h"

namespace mirror {

/// Returns the keys and certificates that the agent's configuration names, with their expiry dates.
/// The signing key has the date of a certificate file beside it. Leaves out files that it cannot read.
std::vector<DatedKey> AgentKeys(const AgentConfig& config);

/// Returns a sentence with advice for each of these that has expired, or expires within kExpiryNoticeDays.
std::vector<std::string> ExpiryWarnings(const AgentConfig& config, std::int64_t now_s);

/// Gives these warnings once a day (UTC), for a process that runs for months.
class DailyWarnings {
 public:
  std::vector<std::string> Due(const AgentConfig& config, std::int64_t now_s);

 private:
  std::int64_t day_ = -1;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_EXPIRY_H_
