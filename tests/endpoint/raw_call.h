#ifndef MIRROR_TESTS_ENDPOINT_RAW_CALL_H_
#define MIRROR_TESTS_ENDPOINT_RAW_CALL_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/support/processes.h"

namespace mirror {

/// A call whose messages we have no classes for: bytes go, bytes come. Its headers have left; what more is to
/// go or come is asked for. It is cancelled with this.
class OpenCall {
 public:
  OpenCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& method) : stub_(channel) {
    context_.set_deadline(std::chrono::system_clock::now() + kPatience);
    call_ = stub_.PrepareCall(&context_, method, &queue_);
    call_->StartCall(nullptr);
    Next();
  }
  ~OpenCall() {
    if (!finished_) {
      context_.TryCancel();
      Finish();
    }
    queue_.Shutdown();
    while (Next()) {
    }
  }
  OpenCall(const OpenCall&) = delete;
  OpenCall& operator=(const OpenCall&) = delete;

  bool Write(const std::string& message) {
    const grpc::Slice slice(message);
    call_->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    return Next();
  }
  void WritesDone() {
    call_->WritesDone(nullptr);
    Next();
  }
  /// Absent: there is none more.
  std::optional<std::string> Read() {
    grpc::ByteBuffer received;
    call_->Read(&received, nullptr);
    std::vector<grpc::Slice> slices;
    if (!Next() || !received.Dump(&slices).ok()) return std::nullopt;
    std::string message;
    for (const grpc::Slice& part : slices) {
      message.append(reinterpret_cast<const char*>(part.begin()), part.size());
    }
    return message;
  }
  grpc::Status Finish() {
    finished_ = true;
    grpc::Status status;
    call_->Finish(&status, nullptr);
    Next();
    return status;
  }

 private:
  bool Next() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  bool finished_ = false;
};

/// One message each way.
inline absl::StatusOr<std::string> RawCall(const std::shared_ptr<grpc::Channel>& channel,
                                           const std::string& method, const std::string& message) {
  OpenCall call(channel, method);
  std::string answer;
  if (call.Write(message)) {
    answer = call.Read().value_or("");
    call.WritesDone();
  }
  const grpc::Status status = call.Finish();
  if (!status.ok()) {
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  }
  return answer;
}

inline constexpr char kReflectionMethod[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
inline constexpr char kHealthCheckMethod[] = "/grpc.health.v1.Health/Check";
inline constexpr char kHealthWatchMethod[] = "/grpc.health.v1.Health/Watch";

/// grpc.health.v1: OK when the whole server says SERVING.
inline absl::Status CheckHealth(const std::shared_ptr<grpc::Channel>& channel) {
  const absl::StatusOr<std::string> answer = RawCall(channel, kHealthCheckMethod, "");
  if (!answer.ok()) return answer.status();
  return *answer == "\x08\x01" ? absl::OkStatus() : absl::InternalError("not SERVING");
}

/// grpc.reflection.v1alpha: the answer to list_services, as bytes; service names stand in it as they are.
inline absl::StatusOr<std::string> ListServices(const std::shared_ptr<grpc::Channel>& channel) {
  return RawCall(channel, kReflectionMethod, "\x3a\x01*");
}

}  // namespace mirror

#endif  // MIRROR_TESTS_ENDPOINT_RAW_CALL_H_
