#ifndef MIRROR_CLIENT_WIRE_CONNECT_H_
#define MIRROR_CLIENT_WIRE_CONNECT_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "client/config/config.h"
#include "client/wire/mirror_client.h"

namespace mirror {

/// The channel to the endpoint, for callers that use it repeatedly. Threads: any.
class Line {
 public:
  using Open = std::function<std::shared_ptr<grpc::Channel>()>;

  explicit Line(Open open) : open_(std::move(open)), channel_(open_()) {}

  /// Returns the channel for the calls of one run. After a failed attempt to connect it makes a new
  /// channel. On the old one gRPC rejects calls until it is connected, and it retries only while a caller
  /// waits. No caller waits between runs, so gRPC would notice for minutes no endpoint that has recovered.
  std::shared_ptr<grpc::Channel> Channel() MIRROR_EXCLUDES(mutex_);

 private:
  const Open open_;
  Mutex mutex_;
  std::shared_ptr<grpc::Channel> channel_ MIRROR_GUARDED_BY(mutex_);
};

/// Data that a MirrorClient of any tenant needs; shared by all of them.
struct Connection {
  std::shared_ptr<Line> line;
  Identity identity;
  Patience patience = {};
};

/// Reads the keys that the configuration names. Errors: the file's, with the key of [identity] that named it.
absl::StatusOr<Identity> LoadIdentity(const AgentConfig& config);

/// Reads keys and certificates and makes the channel; sends nothing yet.
/// Errors: those of LoadIdentity and MakeChannelCredentials.
absl::StatusOr<Connection> Connect(const AgentConfig& config);

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_CONNECT_H_
