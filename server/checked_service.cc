#include "server/checked_service.h"

#include <google/protobuf/message_lite.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/support/method_handler.h>
#include <grpcpp/support/sync_stream.h>

#include <string>
#include <string_view>
#include <utility>

#include "proto/wire/limits.h"
#include "server/call_log.h"
#include "server/message_check.h"
#include "server/message_memory.h"
#include "server/source_words.h"

namespace mirror {
namespace {

using grpc::internal::RpcMethod;

/// What comes with each message: headers, frames, TLS records, the pings between two calls.
constexpr std::uint64_t kBytesAroundCall = 64 << 10, kBytesAroundMessage = 1 << 10;

constexpr std::string_view kService = "/mirror.v1.MirrorClientService/";
/// The call's own name. gRPC keeps the pointer to the whole path, so that has to be a literal.
const char* NameIn(const char* path) { return path + kService.size(); }

}  // namespace

/// The end of a large message is when much memory lies about in pieces.
class LargeMessage {
 public:
  explicit LargeMessage(std::size_t bytes) : large_(bytes > kKeptPieceBytes) {}
  ~LargeMessage() {
    if (large_) GiveBackMessageMemory();
  }
  LargeMessage(const LargeMessage&) = delete;
  LargeMessage& operator=(const LargeMessage&) = delete;

 private:
  const bool large_;
};

/// A RowDataStream whose messages come as bytes.
class CheckedService::Stream final : public RowStreamEnds {
 public:
  using Raw = grpc::ServerReaderWriter<v1::RowDataResponse, grpc::ByteBuffer>;
  Stream(Raw* raw, VouchedBytes& vouched, std::string peer)
      : raw_(raw), vouched_(vouched), peer_(std::move(peer)) {}

  bool Read(v1::RowDataRequest* request) override {
    grpc::ByteBuffer bytes;
    if (!fault_.ok() || !raw_->Read(&bytes)) return false;
    empty_ = false;
    vouched_.Vouch(peer_, bytes.Length() + kBytesAroundMessage);
    fault_ = ParseChecked(&bytes, kMessageEntriesMax, request);
    return fault_.ok();
  }
  bool Write(const v1::RowDataResponse& response) override { return raw_->Write(response); }
  absl::Status fault() const override { return fault_; }
  /// No message came.
  bool empty() const { return empty_; }

 private:
  Raw* const raw_;
  VouchedBytes& vouched_;
  const std::string peer_;
  absl::Status fault_;
  bool empty_ = true;
};

CheckedService::CheckedService(MirrorService& service, Gate& gate, VouchedBytes& vouched,
                               std::uint64_t message_bytes_max)
    : service_(service), gate_(gate), vouched_(vouched), refused_bytes_(4 * message_bytes_max) {
  AddUnary<v1::AuthenticateRequest, v1::AuthenticateResponse>("/mirror.v1.MirrorClientService/Authenticate",
                                                              false, &MirrorService::Authenticate);
  AddUnary<v1::TableSchemaRequest, v1::TableSchemaResponse>("/mirror.v1.MirrorClientService/TableSchema",
                                                            true, &MirrorService::TableSchema);
  AddUnary<v1::RowDataRequest, v1::RowDataResponse>("/mirror.v1.MirrorClientService/RowData", true,
                                                    &MirrorService::RowData);
  AddRowDataStream();
  AddUnary<v1::WipeRequest, v1::WipeResponse>("/mirror.v1.MirrorClientService/Wipe", true,
                                              &MirrorService::Wipe);
  AddUnary<v1::ReplicationCompletedRequest, v1::ReplicationCompletedResponse>(
      "/mirror.v1.MirrorClientService/ReplicationCompleted", true, &MirrorService::ReplicationCompleted);
  AddUnary<v1::DigestRangesRequest, v1::DigestRangesResponse>("/mirror.v1.MirrorClientService/DigestRanges",
                                                              true, &MirrorService::DigestRanges);
  AddServerStream<v1::ReadRowsRequest, v1::ReadRowsResponse>("/mirror.v1.MirrorClientService/ReadRows",
                                                             &MirrorService::ReadRows);
}

absl::Status CheckedService::Admit(const grpc::ServerContext& context, const char* call) const {
  const absl::Status admitted = gate_.Admit(context).status();
  if (!admitted.ok()) CallLog(call).Finish(admitted);
  return admitted;
}

bool CheckedService::TakenBack(const grpc::ServerContext& context, const grpc::ByteBuffer& bytes) const {
  if (bytes.Valid()) return false;
  // gRPC may have ended it because of its size.
  vouched_.NoteEmptyCall(context.peer(), gate_.Admit(context).ok() ? refused_bytes_ : 0);
  return context.IsCancelled();
}

absl::Status CheckedService::Read(const grpc::ServerContext& context, const grpc::ByteBuffer* bytes,
                                  google::protobuf::Message* request, bool vouched) const {
  // gRPC hands its own object over as constant; once read, the bytes need not stand in memory a second time.
  auto* const received = const_cast<grpc::ByteBuffer*>(bytes);
  if (vouched && received->Valid()) vouched_.Vouch(context.peer(), received->Length() + kBytesAroundCall);
  return ParseChecked(received, kMessageEntriesMax, request);
}

template <typename Request, typename Response, typename Handle>
void CheckedService::AddUnary(const char* path, bool has_token, Handle handle) {
  using Handler = grpc::internal::RpcMethodHandler<CheckedService, grpc::ByteBuffer, Response,
                                                   grpc::ByteBuffer, google::protobuf::MessageLite>;
  const auto run = [name = NameIn(path), has_token, handle](
                       CheckedService* self, grpc::ServerContext* context, const grpc::ByteBuffer* bytes,
                       Response* response) {
    if (self->TakenBack(*context, *bytes)) return grpc::Status::CANCELLED;
    if (has_token) {
      if (const absl::Status admitted = self->Admit(*context, name); !admitted.ok())
        return SourceStatus(admitted);
    }
    const LargeMessage large(bytes->Length());
    Request request;
    if (const absl::Status read = self->Read(*context, bytes, &request, has_token); !read.ok()) {
      return CallLog(name).Finish(read);
    }
    const grpc::Status status = (self->service_.*handle)(context, &request, response);
    // Authenticate's token is in its message.
    if (!has_token && status.ok()) self->vouched_.Vouch(context->peer(), kBytesAroundCall);
    return status;
  };
  AddMethod(new grpc::internal::RpcServiceMethod(path, RpcMethod::NORMAL_RPC, new Handler(run, this)));
}

template <typename Request, typename Response, typename Handle>
void CheckedService::AddServerStream(const char* path, Handle handle) {
  using Handler = grpc::internal::ServerStreamingHandler<CheckedService, grpc::ByteBuffer, Response>;
  const auto run = [name = NameIn(path), handle](CheckedService* self, grpc::ServerContext* context,
                                                 const grpc::ByteBuffer* bytes,
                                                 grpc::ServerWriter<Response>* writer) {
    if (self->TakenBack(*context, *bytes)) return grpc::Status::CANCELLED;
    if (const absl::Status admitted = self->Admit(*context, name); !admitted.ok())
      return SourceStatus(admitted);
    Request request;
    if (const absl::Status read = self->Read(*context, bytes, &request, true); !read.ok()) {
      return CallLog(name).Finish(read);
    }
    return (self->service_.*handle)(context, &request, writer);
  };
  AddMethod(new grpc::internal::RpcServiceMethod(path, RpcMethod::SERVER_STREAMING, new Handler(run, this)));
}

void CheckedService::AddRowDataStream() {
  using Handler = grpc::internal::TemplatedBidiStreamingHandler<Stream::Raw, false>;
  const auto run = [this](grpc::ServerContext* context, Stream::Raw* raw) {
    Stream stream(raw, vouched_, context->peer());
    const grpc::Status status = service_.RowDataStream(context, &stream);
    // A message over the limit never comes as far as here, and was dropped with the stream.
    const std::uint64_t dropped = gate_.Admit(*context).ok() ? refused_bytes_ : 0;
    if (stream.empty()) {
      vouched_.NoteEmptyCall(context->peer(), dropped);
    } else {
      vouched_.Vouch(context->peer(), dropped);
    }
    return status;
  };
  AddMethod(new grpc::internal::RpcServiceMethod("/mirror.v1.MirrorClientService/RowDataStream",
                                                 RpcMethod::BIDI_STREAMING, new Handler(run)));
}

}  // namespace mirror
