#ifndef MIRROR_SERVER_RPC_LISTENER_REFLECTION_SERVICE_H_
#define MIRROR_SERVER_RPC_LISTENER_REFLECTION_SERVICE_H_

#include <string>

#include "server/rpc/listener/held_streams.h"

namespace mirror {

/// grpc.reflection.v1alpha.ServerReflection for the one service of a port: which calls there are, and the
/// .proto files as descriptors. gRPC's own keeps a handler's thread for each stream, from anybody.
/// Threads: any.
class ReflectionService final : public HeldService {
 public:
  /// `service`: "mirror.v1.MirrorAdmin".
  explicit ReflectionService(std::string service);
  ~ReflectionService() override;

  void EndAll() override { streams_.Close(); }

 private:
  class Stream;
  const std::string service_;
  HeldStreams streams_;
};

/// ServerReflectionResponse for a ServerReflectionRequest, both as bytes. Empty: it is none.
std::string ReflectionAnswer(const std::string& service, const std::string& request);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_REFLECTION_SERVICE_H_
