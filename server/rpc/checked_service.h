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
#include "server/rpc/listener/authenticated_traffic.h"
#include "server/rpc/listener/running_calls.h"
#include "server/rpc/mirror_service.h"
#include "server/source/gate.h"
#include "server/source/memory_share.h"
#include "server/source/source_calls.h"

namespace mirror {

/// MirrorClientService as registered with gRPC. It checks the token when a call's headers have come, and then
/// reads the message as bytes. It passes the message to MirrorService only if there is room for its size in
/// memory (message_check, memory_share). gRPC's own handlers would receive and parse messages of strangers,
/// too, and would take a broken message of a stream for the stream's end. Its references must outlive it.
/// Threads: gRPC's.
class CheckedService final : public grpc::Service {
 public:
  CheckedService(MirrorService& service, Gate& gate, AuthenticatedTraffic& vouched, RunningCalls& calls,
                 std::uint64_t message_bytes_max, const MemoryShare::Limits& memory);

 private:
  /// Checks that the call has a valid token, before its message is read. Then its connection counts as a
  /// source's. Errors: those of the gate; kCancelled: there is no valid token, and the caller cancelled the
  /// call before its handler began.
  absl::StatusOr<Caller> Admit(const grpc::ServerContext& context, const char* call) const;
  /// Waits for the message of a call of `tenant`; empty: the call has no token yet. Errors: kInvalidArgument:
  /// the call ended without a message; kCancelled: the caller cancelled the call, or other calls took its
  /// place.
  absl::Status Receive(grpc::ServerContext& context, const std::string& tenant,
                       const std::function<bool()>& read);
  /// Registers a call with one request message, and one answer message or a stream of them. `path`: a string
  /// literal.
  template <typename Request, typename Raw, typename Answer>
  void AddCall(const char* path, bool has_token, Answer answer);
  void AddAuthenticate();
  /// Register calls that have the token in their headers.
  template <typename Request, typename Response>
  void AddUnary(const char* path, absl::Status (SourceCalls::*handle)(SourceCall&, Request&, Response*));
  template <typename Request, typename Response>
  void AddServerStream(const char* path,
                       absl::Status (SourceCalls::*handle)(SourceCall&, const Request&,
                                                           const std::function<bool(const Response&)>&));
  void AddRowDataStream();
  /// Registers a stream. All calls are registered as streams, because the handlers of streams begin when the
  /// headers have come.
  void AddStream(const char* path, std::unique_ptr<grpc::internal::MethodHandler> handler);

  MirrorService& service_;
  Gate& gate_;
  AuthenticatedTraffic& vouched_;
  RunningCalls& calls_;
  MemoryShare memory_;
  ArrivingCalls arriving_{ArrivingCalls::Limits{}};
  /// Maximum bytes of a message that gRPC refused for its size; its memory is free after the call ended.
  const std::uint64_t refused_bytes_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_CHECKED_SERVICE_H_
