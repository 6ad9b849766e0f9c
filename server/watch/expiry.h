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

/// Every key and certificate that the server knows, with its end: the sources' (`sources`, see Gate::keys()),
/// both listeners', the authorities of their clients, the application's where its certificate lies beside its
/// key. A file that cannot be read is left out.
std::vector<DatedKey> ServerKeys(const ServerConfig& config, const std::vector<KeyInfo>& sources);

/// What is said of one key.
struct ExpiryNotice {
  DatedKey key;
  Severity severity = Severity::kWarning;
  std::string message;
};
/// Those of `keys` that have expired or will within kExpiryNoticeDays.
std::vector<ExpiryNotice> ExpiryNotices(std::int64_t now_s, const std::vector<DatedKey>& keys);

/// Tells of keys that expire as events `key.expires`, each once in a day (UTC) however often it is looked.
/// A restart tells again. Threads: any.
class ExpiryWatch {
 public:
  using Keys = std::function<std::vector<DatedKey>()>;
  /// `events` outlives it.
  ExpiryWatch(Keys keys, Events& events) : keys_(std::move(keys)), events_(events) {}

  void Look(std::int64_t now_s);
  /// Looks when the day is another one than at the last look.
  void LookDaily(std::int64_t now_s);
  std::vector<DatedKey> keys() const { return keys_(); }

 private:
  const Keys keys_;
  Events& events_;
  Mutex mutex_;
  std::int64_t day_ MIRROR_GUARDED_BY(mutex_) = -1;  ///< Of the last look.
  /// The day on which something was told; by key and severity.
  std::map<std::string, std::int64_t> told_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_EXPIRY_H_
