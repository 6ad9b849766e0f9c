#ifndef MIRROR_SERVER_RPC_STREAM_MESSAGES_H_
#define MIRROR_SERVER_RPC_STREAM_MESSAGES_H_

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/sync_stream.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "mirror/v1/mirror_client.pb.h"
#include "server/rpc/listener/authenticated_traffic.h"
#include "server/source/memory_share.h"

namespace mirror {

/// The messages of a RowDataStream, which arrive as bytes: reads each one, reserves memory for it, and parses
/// it. Threads: one reads, one writes.
class StreamMessages {
 public:
  using Raw = grpc::ServerReaderWriter<v1::RowDataResponse, grpc::ByteBuffer>;

  /// The references must outlive this object. `tenant`: the tenant whose share of memory is used.
  StreamMessages(Raw* raw, AuthenticatedTraffic& vouched, MemoryShare& memory, std::string peer,
                 std::string tenant)
      : raw_(raw), vouched_(vouched), memory_(memory), peer_(std::move(peer)), tenant_(std::move(tenant)) {}

  /// Reads the next message; blocks. Returns false if there are no more messages, the call was cancelled, or
  /// the message was refused: see fault(). `room` counts the memory of `request`. Each read into the same
  /// `request` uses the same `room`; both are freed together.
  bool Read(v1::RowDataRequest* request, std::shared_ptr<void>* room);
  bool Write(const v1::RowDataResponse& response) { return raw_->Write(response); }
  /// Returns why the last message was refused. Called after the last read.
  absl::Status fault() const { return fault_; }
  /// Returns whether no message came.
  bool empty() const { return empty_; }

 private:
  Raw* const raw_;
  AuthenticatedTraffic& vouched_;
  MemoryShare& memory_;
  const std::string peer_, tenant_;
  absl::Status fault_;
  bool empty_ = true;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_STREAM_MESSAGES_H_
