#ifndef MIRROR_SERVER_TENANT_MIRROR_LOGS_LEFT_H_
#define MIRROR_SERVER_TENANT_MIRROR_LOGS_LEFT_H_

#include <memory>
#include <thread>
#include <vector>

#include "server/store/home.h"
#include "server/tenant/mirror/mirror.h"

namespace mirror {

/// Takes what a kill left outside of mirrors' files into these, in a thread of its own: a thousand of them
/// take seconds, and the first call for a tenant does it for its own. What keeps one from that is met again,
/// and told, by that call. Ended with this, between two mirrors.
class LogsLeft {
 public:
  /// `home` outlives it. Where the system gives no thread, all is done when it returns.
  LogsLeft(StoreHome& home, std::vector<std::shared_ptr<Mirror>> mirrors);

 private:
  std::jthread thread_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_LOGS_LEFT_H_
