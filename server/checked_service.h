#ifndef MIRROR_SERVER_CHECKED_SERVICE_H_
#define MIRROR_SERVER_CHECKED_SERVICE_H_

#include <google/protobuf/message.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <cstdint>

#include "absl/status/status.h"
#include "server/gate.h"
#include "server/mirror_service.h"
#include "server/vouched_bytes.h"

namespace mirror {

/// MirrorClientService as gRPC gets it: takes each message as bytes, and shows it to MirrorService only when
/// its token is good and its size in memory bounded (message_check). gRPC's own handlers would parse whatever
/// a stranger sends, and would take a stream's broken message for its end. Its references must outlive it.
/// Threads: gRPC's.
class CheckedService final : public grpc::Service {
 public:
  CheckedService(MirrorService& service, Gate& gate, VouchedBytes& vouched, std::uint64_t message_bytes_max);

 private:
  class Stream;

  /// Before a message is read: whether the call has a good token.
  absl::Status Admit(const grpc::ServerContext& context, const char* call) const;
  /// A call that its caller ended before its message came.
  bool TakenBack(const grpc::ServerContext& context, const grpc::ByteBuffer& bytes) const;
  /// `vouched`: a good token came with it.
  absl::Status Read(const grpc::ServerContext& context, const grpc::ByteBuffer* bytes,
                    google::protobuf::Message* request, bool vouched) const;
  /// Registers a call with one message in, and one or a stream of them out. `path` is a literal.
  template <typename Request, typename Response, typename Handle>
  void AddUnary(const char* path, bool has_token, Handle handle);
  template <typename Request, typename Response, typename Handle>
  void AddServerStream(const char* path, Handle handle);
  void AddRowDataStream();

  MirrorService& service_;
  Gate& gate_;
  VouchedBytes& vouched_;
  /// What a message that gRPC refused by its size may have had; it is gone when its call has ended.
  const std::uint64_t refused_bytes_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_CHECKED_SERVICE_H_
