#ifndef MIRROR_TESTS_ENDPOINT_RAW_CALL_H_
#define MIRROR_TESTS_ENDPOINT_RAW_CALL_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/support/processes.h"

namespace mirror {

/// One message each way by a call whose messages we have no classes for: bytes go, bytes come.
inline absl::StatusOr<std::string> RawCall(const std::shared_ptr<grpc::Channel>& channel,
                                           const std::string& method, const std::string& message) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto next = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  std::string answer;
  if (next()) {
    const grpc::Slice slice(message);
    call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    const bool written = next();
    grpc::ByteBuffer received;
    if (written) {
      call->Read(&received, nullptr);
      std::vector<grpc::Slice> slices;
      if (next() && received.Dump(&slices).ok()) {
        for (const grpc::Slice& part : slices) {
          answer.append(reinterpret_cast<const char*>(part.begin()), part.size());
        }
      }
      call->WritesDone(nullptr);
      next();
    }
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  next();
  queue.Shutdown();
  while (next()) {
  }
  if (!status.ok()) {
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  }
  return answer;
}

/// A call whose headers go out, and then nothing.
class IdleStream {
 public:
  IdleStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method) : stub_(channel) {
    context_.set_deadline(std::chrono::system_clock::now() + kPatience);
    call_ = stub_.PrepareCall(&context_, method, &queue_);
    call_->StartCall(nullptr);
    Next();
  }
  ~IdleStream() {
    context_.TryCancel();
    grpc::Status status;
    call_->Finish(&status, nullptr);
    Next();
    queue_.Shutdown();
    while (Next()) {
    }
  }
  IdleStream(const IdleStream&) = delete;
  IdleStream& operator=(const IdleStream&) = delete;

 private:
  bool Next() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok);
  }

  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

inline constexpr char kReflectionMethod[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
inline constexpr char kHealthWatchMethod[] = "/grpc.health.v1.Health/Watch";

/// grpc.health.v1: OK when the whole server says SERVING.
inline absl::Status CheckHealth(const std::shared_ptr<grpc::Channel>& channel) {
  const absl::StatusOr<std::string> answer = RawCall(channel, "/grpc.health.v1.Health/Check", "");
  if (!answer.ok()) return answer.status();
  return *answer == "\x08\x01" ? absl::OkStatus() : absl::InternalError("not SERVING");
}

/// grpc.reflection.v1alpha: the answer to list_services, as bytes; service names stand in it as they are.
inline absl::StatusOr<std::string> ListServices(const std::shared_ptr<grpc::Channel>& channel) {
  return RawCall(channel, kReflectionMethod, "\x3a\x01*");
}

}  // namespace mirror

#endif  // MIRROR_TESTS_ENDPOINT_RAW_CALL_H_
