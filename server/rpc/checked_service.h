#ifndef MIRROR_SERVER_RPC_CHECKED_SERVICE_H_
#define MIRROR_SERVER_RPC_CHECKED_SERVICE_H_

#include <google/protobuf/message.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/rpc/listener/arriving_calls.h"
#include "server/rpc/listener/running_calls.h"
#include "server/rpc/listener/vouched_bytes.h"
#include "server/rpc/mirror_service.h"
#include "server/source/gate.h"
#include "server/source/memory_share.h"
#include "server/source/source_calls.h"

namespace mirror {

/// MirrorClientService as gRPC gets it: asks for the token when a call's headers have come, then reads its
/// message as bytes, and shows it to MirrorService only when what it becomes in memory has room
/// (message_check, memory_share). gRPC's own handlers would receive and parse whatever a stranger sends, and
/// would take a stream's broken message for its end. Its references must outlive it. Threads: gRPC's.
class CheckedService final : public grpc::Service {
 public:
  CheckedService(MirrorService& service, Gate& gate, VouchedBytes& vouched, RunningCalls& calls,
                 std::uint64_t message_bytes_max, const MemoryShare::Limits& memory);

 private:
  /// Whether the call has a good token, before its message is read; then its connection is a source's.
  /// kCancelled: it has none, and its caller took it back before its handler began.
  absl::StatusOr<Caller> Admit(const grpc::ServerContext& context, const char* call) const;
  /// Waits for the message of a call of `tenant` ("": without a token yet). kInvalidArgument: it ended
  /// without one; kCancelled: its caller took it back, or others took its place.
  absl::Status Receive(grpc::ServerContext& context, const std::string& tenant,
                       const std::function<bool()>& read);
  /// Registers a call with one message in, and one or a stream of them out. `path` is a literal.
  template <typename Request, typename Raw, typename Answer>
  void AddCall(const char* path, bool has_token, Answer answer);
  void AddAuthenticate();
  /// What is registered by these has its token in its headers.
  template <typename Request, typename Response>
  void AddUnary(const char* path, absl::Status (SourceCalls::*handle)(SourceCall&, Request&, Response*));
  template <typename Request, typename Response>
  void AddServerStream(const char* path,
                       absl::Status (SourceCalls::*handle)(SourceCall&, const Request&,
                                                           const std::function<bool(const Response&)>&));
  void AddRowDataStream();
  /// All are streams, whose handlers begin with the headers.
  void AddStream(const char* path, std::unique_ptr<grpc::internal::MethodHandler> handler);

  MirrorService& service_;
  Gate& gate_;
  VouchedBytes& vouched_;
  RunningCalls& calls_;
  MemoryShare memory_;
  ArrivingCalls arriving_{ArrivingCalls::Limits{}};
  /// What a message that gRPC refused by its size may have had; it is gone when its call has ended.
  const std::uint64_t refused_bytes_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_CHECKED_SERVICE_H_
