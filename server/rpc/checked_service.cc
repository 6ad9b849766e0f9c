#include "server/rpc/checked_service.h"

#include <google/protobuf/message_lite.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/support/method_handler.h>
#include <grpcpp/support/sync_stream.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "proto/wire/limits.h"
#include "server/rpc/message_check.h"
#include "server/rpc/message_memory.h"
#include "server/rpc/rpc_call.h"
#include "server/rpc/rpc_status.h"
#include "server/rpc/stream_messages.h"
#include "server/source/call_log.h"

namespace mirror {
namespace {

using grpc::internal::RpcMethod;

/// Bytes of each call beside its message: headers, frames, TLS records, the pings between two calls.
constexpr std::uint64_t kBytesAroundCall = 64 << 10;

constexpr std::string_view kService = "/mirror.v1.MirrorClientService/";
/// Returns the call's own name. gRPC keeps the pointer to the whole path, which must be a literal.
const char* NameIn(const char* path) { return path + kService.size(); }

/// Writes the one message of an answer that has one.
template <typename Response, typename Raw>
grpc::Status WithMessage(const grpc::Status& status, const Response& response, Raw* raw) {
  if (status.ok()) raw->Write(response, grpc::WriteOptions().set_last_message());
  return status;
}

}  // namespace

/// Gives back memory after a large message, when much memory is free in pieces.
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

CheckedService::CheckedService(MirrorService& service, Gate& gate, AuthenticatedTraffic& vouched,
                               RunningCalls& calls, std::uint64_t message_bytes_max,
                               const MemoryShare::Limits& memory)
    : service_(service),
      gate_(gate),
      vouched_(vouched),
      calls_(calls),
      memory_(memory),
      refused_bytes_(4 * message_bytes_max) {
  AddAuthenticate();
  AddUnary("/mirror.v1.MirrorClientService/TableSchema", &SourceCalls::TableSchema);
  AddUnary("/mirror.v1.MirrorClientService/RowData", &SourceCalls::RowData);
  AddRowDataStream();
  AddUnary("/mirror.v1.MirrorClientService/Wipe", &SourceCalls::Wipe);
  AddUnary("/mirror.v1.MirrorClientService/ReplicationCompleted", &SourceCalls::ReplicationCompleted);
  AddUnary("/mirror.v1.MirrorClientService/DigestRanges", &SourceCalls::DigestRanges);
  AddServerStream("/mirror.v1.MirrorClientService/ReadRows", &SourceCalls::ReadRows);
  AddServerStream("/mirror.v1.MirrorClientService/FetchDeliveries", &SourceCalls::FetchDeliveries);
  AddUnary("/mirror.v1.MirrorClientService/ReportDeliveries", &SourceCalls::ReportDeliveries);
  AddUnary("/mirror.v1.MirrorClientService/Heartbeat", &SourceCalls::Heartbeat);
}

absl::StatusOr<Caller> CheckedService::Admit(const grpc::ServerContext& context, const char* call) const {
  absl::StatusOr<Caller> caller = AdmitCall(gate_, context);
  if (caller.ok()) {
    vouched_.Vouch(context.peer(), kBytesAroundCall);
    return caller;
  }
  // Other calls see it when they read: gRPC answers this by a wait, which is expensive for a small call.
  if (context.IsCancelled()) {
    vouched_.NoteEmptyCall(context.peer(), 0);
    return absl::CancelledError("its caller cancelled it");
  }
  vouched_.NoteRefusedCall(context.peer());
  CallLog(call).Finish(caller.status()).IgnoreError();
  return caller;
}

absl::Status CheckedService::Receive(grpc::ServerContext& context, const std::string& tenant,
                                     const std::function<bool()>& read) {
  const std::unique_ptr<ArrivingCalls::Place> place = arriving_.Begin(tenant, context.peer(), [&context] {
    grpc_call_cancel_with_status(context.c_call(), GRPC_STATUS_RESOURCE_EXHAUSTED,
                                 "the call's message did not come, and too many other calls wait for theirs. "
                                 "Nothing of it was applied. Send it again.",
                                 nullptr);
  });
  if (place == nullptr) {
    vouched_.NoteEmptyCall(context.peer(), refused_bytes_);
    return absl::ResourceExhaustedError(
        "too many calls of the tenant wait for their messages. Nothing of this one was applied. Wait for "
        "answers before sending more, then send it again.");
  }
  if (read()) return absl::OkStatus();
  // gRPC may have ended it because of its size.
  vouched_.NoteEmptyCall(context.peer(), tenant.empty() ? 0 : refused_bytes_);
  if (context.IsCancelled()) return absl::CancelledError("the call was cancelled");
  return absl::InvalidArgumentError("the call has no message. Nothing was done. Send one.");
}

/// `answer`: handles the request, and writes all messages of the answer.
template <typename Request, typename Raw, typename Answer>
void CheckedService::AddCall(const char* path, bool has_token, Answer answer) {
  using Handler = grpc::internal::TemplatedBidiStreamingHandler<Raw, false>;
  const auto run = [this, name = NameIn(path), has_token, answer](grpc::ServerContext* context, Raw* raw) {
    std::string tenant;
    if (has_token) {
      const absl::StatusOr<Caller> caller = Admit(*context, name);
      if (!caller.ok()) return SourceStatus(caller.status());
      tenant = caller->context_id;
    } else if (context->IsCancelled()) {
      // A stranger's call must not take a place. For other calls the read finds it, with less work.
      vouched_.NoteEmptyCall(context->peer(), 0);
      return grpc::Status::CANCELLED;
    }
    grpc::ByteBuffer bytes;
    const absl::Status received = Receive(*context, tenant, [&] { return raw->Read(&bytes); });
    if (absl::IsCancelled(received)) return grpc::Status::CANCELLED;
    if (!received.ok()) return SourceStatus(CallLog(name).Finish(received));
    if (has_token) vouched_.Vouch(context->peer(), bytes.Length());
    const LargeMessage large(bytes.Length());
    MemoryShare::Part part(memory_, tenant);
    Request request;
    const absl::Status parsed = ParseChecked(&bytes, kMessageEntriesMax, &request,
                                             std::bind_front(&MemoryShare::Part::HoldAtLeast, &part));
    if (!parsed.ok()) return SourceStatus(CallLog(name).Finish(parsed));
    grpc::Status status = answer(context, request, raw);
    // The token of Authenticate is in its message.
    if (!has_token) {
      if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED) {
        vouched_.NoteRefusedCall(context->peer());
      } else {
        vouched_.Vouch(context->peer(), kBytesAroundCall);
      }
    }
    return status;
  };
  AddStream(path, std::make_unique<Handler>(run));
}

void CheckedService::AddAuthenticate() {
  using Raw = grpc::ServerReaderWriter<v1::AuthenticateResponse, grpc::ByteBuffer>;
  AddCall<v1::AuthenticateRequest, Raw>(
      "/mirror.v1.MirrorClientService/Authenticate", false,
      [this](grpc::ServerContext* context, const v1::AuthenticateRequest& request, Raw* raw) {
        v1::AuthenticateResponse response;
        return WithMessage(service_.Authenticate(*context, request, &response), response, raw);
      });
}

template <typename Request, typename Response>
void CheckedService::AddUnary(const char* path,
                              absl::Status (SourceCalls::*handle)(SourceCall&, Request&, Response*)) {
  using Raw = grpc::ServerReaderWriter<Response, grpc::ByteBuffer>;
  AddCall<std::remove_const_t<Request>, Raw>(
      path, true,
      [this, name = NameIn(path), handle](grpc::ServerContext* context, Request& request, Raw* raw) {
        Response response;
        const auto work = [&](SourceCalls& calls, SourceCall& call) {
          return (calls.*handle)(call, request, &response);
        };
        return WithMessage(service_.Serve(name, *context, work), response, raw);
      });
}

template <typename Request, typename Response>
void CheckedService::AddServerStream(
    const char* path, absl::Status (SourceCalls::*handle)(SourceCall&, const Request&,
                                                          const std::function<bool(const Response&)>&)) {
  using Raw = grpc::ServerReaderWriter<Response, grpc::ByteBuffer>;
  AddCall<Request, Raw>(
      path, true,
      [this, name = NameIn(path), handle](grpc::ServerContext* context, const Request& request, Raw* raw) {
        return service_.Serve(name, *context, [&](SourceCalls& calls, SourceCall& call) {
          return (calls.*handle)(call, request,
                                 [raw](const Response& message) { return raw->Write(message); });
        });
      });
}

void CheckedService::AddRowDataStream() {
  using Handler = grpc::internal::TemplatedBidiStreamingHandler<StreamMessages::Raw, false>;
  static constexpr char kPath[] = "/mirror.v1.MirrorClientService/RowDataStream";
  const auto run = [this, name = NameIn(kPath)](grpc::ServerContext* context, StreamMessages::Raw* raw) {
    const absl::StatusOr<Caller> caller = Admit(*context, name);
    if (!caller.ok()) return SourceStatus(caller.status());
    StreamMessages messages(raw, vouched_, memory_, context->peer(), caller->context_id);
    const grpc::Status status = service_.RowDataStream(context, *caller, &messages);
    // A message over the limit never comes here, and was dropped with the stream.
    if (messages.empty()) {
      vouched_.NoteEmptyCall(context->peer(), refused_bytes_);
    } else {
      vouched_.Vouch(context->peer(), refused_bytes_);
    }
    return status;
  };
  AddStream(kPath, std::make_unique<Handler>(run));
}

void CheckedService::AddStream(const char* path, std::unique_ptr<grpc::internal::MethodHandler> handler) {
  // gRPC takes ownership of both.
  AddMethod(new grpc::internal::RpcServiceMethod(path, RpcMethod::BIDI_STREAMING,
                                                 calls_.Counted(std::move(handler)).release()));
}

}  // namespace mirror
