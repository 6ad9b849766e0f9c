// Sources on a machine whose handlers begin late: whatever they send until then is a stranger's.

#include <dirent.h>
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/method_handler.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/listener/authenticated_traffic.h"
#include "server/rpc/listener/endpoint.h"
#include "server/rpc/listener/tcp_traffic.h"
#include "tests/server/rpc/listener/plain_listener.h"

namespace mirror::late_handlers_test {
namespace {

constexpr char kPath[] = "/test.Late/Take";
constexpr std::chrono::seconds kPatience(60);

/// A call whose handler begins when the test says so, vouches for its connection and takes one message.
class LateService final : public grpc::Service {
 public:
  explicit LateService(AuthenticatedTraffic& vouched) {
    using Raw = grpc::ServerReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;
    using Handler = grpc::internal::TemplatedBidiStreamingHandler<Raw, false>;
    AddMethod(new grpc::internal::RpcServiceMethod(
        kPath, grpc::internal::RpcMethod::BIDI_STREAMING,
        new Handler([this, &vouched](grpc::ServerContext* context, Raw* raw) {
          WaitToBegin();
          vouched.Vouch(context->peer(), 1 << 10);
          grpc::ByteBuffer message;
          if (!raw->Read(&message)) return grpc::Status::CANCELLED;
          vouched.Vouch(context->peer(), message.Length());
          raw->Write(grpc::ByteBuffer(nullptr, 0));
          return grpc::Status::OK;
        })));
  }

  void Begin() {
    const std::lock_guard lock(mutex_);
    begun_ = true;
    changed_.notify_all();
  }

 private:
  void WaitToBegin() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [this] { return begun_; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool begun_ = false;
};

/// What the connection of this process that received most has received.
std::uint64_t MostReceived() {
  std::uint64_t most = 0;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), closedir);
  while (const dirent* const entry = readdir(folder.get())) {
    if (const auto traffic = TrafficOf(std::atoi(entry->d_name))) most = std::max(most, traffic->received);
  }
  return most;
}

class LateHandlersTest : public testing::Test {
 protected:
  void SetUp() override {
    Listener::Options options = PlainOptions("Late");
    options.accept.unvouched = UnvouchedLimits({}, false, &vouched_);
    options.message_bytes_max = 17 << 20;
    listener_ = StartListener(options, &service_);
    ASSERT_NE(listener_, nullptr);
    stub_ =
        std::make_unique<grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer>>(grpc::CreateChannel(
            absl::StrCat("127.0.0.1:", listener_->port()), grpc::InsecureChannelCredentials()));
  }

  /// Makes as many calls at once on one new connection, with a message each.
  void Call(int calls, std::size_t message_bytes) {
    const grpc::Slice slice(std::string(message_bytes, 'x'));
    message_ = grpc::ByteBuffer(&slice, 1);
    calls_.resize(static_cast<std::size_t>(calls));
    for (OneCall& call : calls_) Start(kPath, &message_, &call);
  }

  /// Nothing tells that all has come which the sender may send: this many bytes did, and what was on its way
  /// in either direction has arrived when calls behind it were answered a few times.
  void WaitUntilReceived(std::uint64_t bytes) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (MostReceived() < bytes && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    const grpc::ByteBuffer nothing(nullptr, 0);
    for (int i = 0; i < 30; ++i) {
      OneCall health;
      Start("/grpc.health.v1.Health/Check", &nothing, &health);
      EXPECT_TRUE(Wait(health).ok());
    }
    EXPECT_GE(MostReceived(), bytes);
  }

  void BeginAndExpectAllServed() {
    service_.Begin();
    for (OneCall& call : calls_) {
      const grpc::Status status = Wait(call);
      EXPECT_TRUE(status.ok()) << status.error_message();
    }
  }

  struct OneCall {
    grpc::ClientContext context;
    grpc::ByteBuffer answer;
    grpc::Status status;
    bool done = false;
  };

  void Start(const char* path, const grpc::ByteBuffer* message, OneCall* call) {
    call->context.set_deadline(std::chrono::system_clock::now() + 2 * kPatience);
    stub_->UnaryCall(&call->context, path, {}, message, &call->answer, [this, call](grpc::Status status) {
      const std::lock_guard lock(mutex_);
      call->status = std::move(status);
      call->done = true;
      changed_.notify_all();
    });
  }
  grpc::Status Wait(const OneCall& call) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return call.done; });
    return call.status;
  }

  AuthenticatedTraffic vouched_;
  LateService service_{vouched_};
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer>> stub_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<OneCall> calls_;
  grpc::ByteBuffer message_;
};

TEST_F(LateHandlersTest, OfALargeMessageNoMoreComesThanAStrangerMaySend) {
  Call(1, 16 << 20);
  WaitUntilReceived(60 << 10);
  EXPECT_LE(MostReceived(), 128U << 10);
  BeginAndExpectAllServed();
}

TEST_F(LateHandlersTest, ManyLargeMessagesAtOnceOfOneSourceAreServed) {
  Call(24, 2 << 20);
  WaitUntilReceived(24 * (60 << 10));
  BeginAndExpectAllServed();
}

}  // namespace
}  // namespace mirror::late_handlers_test
