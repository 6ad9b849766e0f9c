#ifndef MIRROR_CLIENT_WIRE_CONNECT_H_
#define MIRROR_CLIENT_WIRE_CONNECT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/config/config.h"
#include "client/wire/mirror_client.h"

namespace mirror {

/// What a MirrorClient of any tenant needs; shared by all of them.
struct Connection {
  std::shared_ptr<grpc::Channel> channel;
  Identity identity;
  Patience patience = {};
};

/// Reads the keys that the configuration names. Errors: the file's, with the key of [identity] that named it.
absl::StatusOr<Identity> LoadIdentity(const AgentConfig& config);

/// Reads keys and certificates and makes the channel; nothing is sent yet.
/// Errors: those of LoadIdentity and MakeChannelCredentials.
absl::StatusOr<Connection> Connect(const AgentConfig& config);

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_CONNECT_H_
