#ifndef MIRROR_SERVER_RELOADER_H_
#define MIRROR_SERVER_RELOADER_H_

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/config/config.h"
#include "server/rpc/gate.h"
#include "server/watch/events.h"

namespace mirror {

/// SIGHUP and ReloadKeys: keys, [application], [tokens], [[issuer]], [log], the indexes of [[tenant]] and
/// [[hub]] are read again; what cannot be read leaves all as it was. Threads: any.
class Reloader {
 public:
  /// The rest of what is taken of a configuration without a restart. Gives the sections that need one after
  /// all.
  using Apply = std::function<std::vector<std::string>(const ServerConfig&)>;
  /// `gate` and `events` must outlive it.
  Reloader(const ServerConfig& started_with, Gate& gate, Apply apply, Events& events)
      : started_with_(started_with),
        gate_(gate),
        apply_(std::move(apply)),
        events_(events),
        in_force_(started_with) {}

  /// The number of keys. It says itself, as an event, how it went.
  absl::StatusOr<std::size_t> Run();
  /// Keys as they were read last, listeners as they were started.
  ServerConfig in_force();

 private:
  absl::StatusOr<std::size_t> Read() MIRROR_REQUIRES(mutex_);

  const ServerConfig started_with_;  ///< As the file had it.
  Gate& gate_;
  const Apply apply_;
  Events& events_;
  Mutex mutex_;
  ServerConfig in_force_ MIRROR_GUARDED_BY(mutex_);
  /// Sections that a restart would set otherwise.
  std::vector<std::string> changed_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RELOADER_H_
