#ifndef MIRROR_CLIENT_COMMAND_EXPIRY_H_
#define MIRROR_CLIENT_COMMAND_EXPIRY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "certs/expiry.h"
#include "client/config/config.h"

namespace mirror {

/// The keys and certificates that the agent's configuration names, with their ends; the signing key's where
/// its certificate lies beside it. A file that cannot be read is left out.
std::vector<DatedKey> AgentKeys(const AgentConfig& config);

/// Sentences about those that have expired or will within kExpiryNoticeDays, each with what to do.
std::vector<std::string> ExpiryWarnings(const AgentConfig& config, std::int64_t now_s);

/// For a process that goes on for months: the same, once in a day (UTC).
class DailyWarnings {
 public:
  std::vector<std::string> Due(const AgentConfig& config, std::int64_t now_s);

 private:
  std::int64_t day_ = -1;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_COMMAND_EXPIRY_H_
