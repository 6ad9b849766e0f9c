// What calls end with that are made, or run, while a listener stops.

#include "server/rpc/listener/running_calls.h"

#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/method_handler.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/rpc/listener/endpoint.h"
#include "tests/endpoint/raw_call.h"
#include "tests/server/rpc/listener/plain_listener.h"
#include "tests/support/status_matchers.h"

namespace mirror::running_calls_test {
namespace {

using testing::HasSubstr;

constexpr char kAtOnce[] = "/test.Stops/AtOnce", kHeld[] = "/test.Stops/Held";

/// Gives each message back: at once, or when the test says so.
class EchoService final : public grpc::Service {
 public:
  explicit EchoService(RunningCalls& calls) {
    Add(calls, kAtOnce, /*holds=*/false);
    Add(calls, kHeld, /*holds=*/true);
  }

  void WaitUntilDone(int calls) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_ >= calls; });
  }
  void WaitUntilHeld() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return held_; });
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }
  int done() {
    const std::lock_guard lock(mutex_);
    return done_;
  }

 private:
  void Add(RunningCalls& calls, const char* path, bool holds) {
    using Raw = grpc::ServerReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;
    using Handler = grpc::internal::TemplatedBidiStreamingHandler<Raw, false>;
    auto handler = std::make_unique<Handler>([this, holds](grpc::ServerContext*, Raw* raw) {
      grpc::ByteBuffer message;
      if (!raw->Read(&message)) return grpc::Status::CANCELLED;
      Do(holds);
      raw->Write(message, grpc::WriteOptions().set_last_message());
      return grpc::Status::OK;
    });
    AddMethod(new grpc::internal::RpcServiceMethod(path, grpc::internal::RpcMethod::BIDI_STREAMING,
                                                   calls.Counted(std::move(handler)).release()));
  }
  void Do(bool holds) {
    std::unique_lock lock(mutex_);
    if (holds) {
      held_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return released_; });
    }
    ++done_;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false, released_ = false;
  int done_ = 0;
};

class StoppingListenerTest : public testing::Test {
 protected:
  void SetUp() override {
    Listener::Options options = PlainOptions("Stops");
    options.calls = &calls_;
    listener_ = StartListener(options, &service_);
    ASSERT_NE(listener_, nullptr);
  }
  std::shared_ptr<grpc::Channel> Channel() const { return PlainChannel(*listener_); }
  void Stop() { listener_->Stop(std::chrono::system_clock::now() + std::chrono::minutes(1)); }

  RunningCalls calls_;
  EchoService service_{calls_};
  std::unique_ptr<Listener> listener_;
};

TEST_F(StoppingListenerTest, NoCallIsCancelledAndWhatWasDoneIsAnswered) {
  constexpr std::size_t kSources = 16;
  std::atomic<int> answered = 0;
  std::vector<absl::Status> ends(kSources);
  std::vector<std::thread> sources;
  for (absl::Status& end : ends) {
    sources.emplace_back([&] {
      const auto channel = Channel();
      for (;; ++answered) {
        end = RawCall(channel, kAtOnce, "x").status();
        if (!end.ok()) return;
      }
    });
  }
  service_.WaitUntilDone(500);
  Stop();
  for (std::thread& source : sources) source.join();
  for (const absl::Status& end : ends) EXPECT_THAT(end, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(answered, service_.done());
}

TEST_F(StoppingListenerTest, ACallThatRunsIsWaitedForWhileAnotherOneIsRefused) {
  const auto channel = Channel();
  absl::StatusOr<std::string> held;
  std::thread working([&] { held = RawCall(channel, kHeld, "x"); });
  service_.WaitUntilHeld();
  std::thread stopping([this] { Stop(); });
  absl::StatusOr<std::string> other;
  do {
    other = RawCall(channel, kAtOnce, "y");
  } while (other.ok());
  EXPECT_THAT(other, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("this server stops")));
  service_.Release();
  working.join();
  stopping.join();
  EXPECT_THAT(held, IsOkAndHolds("x"));
}

}  // namespace
}  // namespace mirror::running_calls_test
