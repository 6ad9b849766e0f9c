#ifndef MIRROR_SERVER_WATCH_EXPIRY_H_
#define MIRROR_SERVER_WATCH_EXPIRY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "certs/expiry.h"
#include "certs/key_ring.h"
#include "server/config/config.h"
#include "server/watch/events.h"

namespace mirror {

/// Returns every key and certificate that the server knows, with its expiry: those of the sources (`sources`,
/// see Gate::keys()), of both listeners and of their client authorities. Also the application's, if the
/// certificate is next to its key. Leaves out files that cannot be read.
std::vector<DatedKey> ServerKeys(const ServerConfig& config, const std::vector<KeyInfo>& sources);

/// The message about one key.
struct ExpiryNotice {
  DatedKey key;
  Severity severity = Severity::kWarning;
  std::string message;
};
/// Returns a notice for each of `keys` that has expired or expires within kExpiryNoticeDays.
std::vector<ExpiryNotice> ExpiryNotices(std::int64_t now_s, const std::vector<DatedKey>& keys);

/// Adds an event `key.expires` for each key that expires: once a day (UTC), however often it checks, and
/// again after a restart. Threads: any.
class ExpiryWatch {
 public:
  using Keys = std::function<std::vector<DatedKey>()>;
  /// `events` must outlive this object.
  ExpiryWatch(Keys keys, Events& events) : keys_(std::move(keys)), events_(events) {}

  void Look(std::int64_t now_s);
  /// Calls Look() if the day differs from that of the last Look().
  void LookDaily(std::int64_t now_s);
  std::vector<DatedKey> keys() const { return keys_(); }

 private:
  const Keys keys_;
  Events& events_;
  Mutex mutex_;
  std::int64_t day_ MIRROR_GUARDED_BY(mutex_) = -1;  ///< Day of the last Look().
  /// Day on which a notice was given; by key and severity.
  std::map<std::string, std::int64_t> told_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_EXPIRY_H_
