// Health calls that are left open, at a listener of their own.
#include "server/rpc/listener/held_streams.h"

#include <gmock/gmock.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/method_handler.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/rpc/listener/endpoint.h"
#include "server/rpc/listener/running_calls.h"
#include "tests/endpoint/raw_call.h"
#include "tests/server/rpc/listener/plain_listener.h"
#include "tests/support/processes.h"

namespace mirror::held_streams_test {
namespace {

using testing::HasSubstr;

/// A request without a name.
const std::string kWholeServer, kServing = "\x08\x01", kNotServing = "\x08\x02";
constexpr int kWatchesMax = 64;

/// A service with a method, without which gRPC starts no server.
class AnyService final : public grpc::Service {
 public:
  AnyService() {
    using Raw = grpc::ServerReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;
    using Handler = grpc::internal::TemplatedBidiStreamingHandler<Raw, false>;
    AddMethod(new grpc::internal::RpcServiceMethod(
        "/test.Held/Any", grpc::internal::RpcMethod::BIDI_STREAMING,
        new Handler([](grpc::ServerContext*, Raw*) { return grpc::Status::OK; })));
  }
};

class HeldStreamsTest : public testing::Test {
 protected:
  void SetUp() override { Open(); }

  void Open(RunningCalls* calls = nullptr) {
    Listener::Options options = PlainOptions("Held");
    options.calls = calls;
    listener_ = StartListener(options, &service_);
    ASSERT_NE(listener_, nullptr);
    channel_ = PlainChannel(*listener_);
  }

  std::unique_ptr<OpenCall> Watch() {
    auto watch = std::make_unique<OpenCall>(channel_, kHealthWatchMethod);
    watch->Write(kWholeServer);
    EXPECT_EQ(watch->Read(), kServing);
    return watch;
  }

  AnyService service_;
  std::unique_ptr<Listener> listener_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(HeldStreamsTest, AServerStopsWhateverIsOpen) {
  constexpr int kRounds = 20, kIdle = 30, kAnswered = 30;
  for (int round = 0; round < kRounds; ++round) {
    if (round > 0) Open();
    std::vector<std::unique_ptr<OpenCall>> calls;
    const char* const methods[] = {kHealthWatchMethod, kHealthCheckMethod};
    for (int i = 0; i < kIdle; ++i) calls.push_back(std::make_unique<OpenCall>(channel_, methods[i % 2]));
    for (int i = 0; i < kAnswered; ++i) calls.push_back(Watch());

    const auto begun = std::chrono::steady_clock::now();
    listener_->Stop(std::chrono::system_clock::now() + (round % 2) * kPatience);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, kPatience / 2) << "none of them is waited for";
    listener_.reset();
  }
}

TEST_F(HeldStreamsTest, WhoWatchesIsToldBeforeConnectionsAreClosed) {
  constexpr int kRounds = 20, kWatches = 30;
  for (int round = 0; round < kRounds; ++round) {
    RunningCalls calls;
    Open(&calls);
    std::vector<std::unique_ptr<OpenCall>> watches;
    for (int i = 0; i < kWatches; ++i) watches.push_back(Watch());

    listener_->Stop(std::chrono::system_clock::now() + kPatience);

    for (const auto& watch : watches) ASSERT_EQ(watch->Read(), kNotServing);
    watches.clear();
    listener_.reset();
  }
}

TEST_F(HeldStreamsTest, AnAnswerThatIsNotReadGivesItsPlaceUp) {
  constexpr int kChecksMax = 64;
  grpc::ChannelArguments arguments;
  // An answer has seven bytes, and more are taken when it is read.
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 5);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  channel_ = PlainChannel(*listener_, arguments);
  std::vector<std::unique_ptr<OpenCall>> checks;
  for (int i = 0; i <= kChecksMax; ++i) {
    checks.push_back(std::make_unique<OpenCall>(channel_, kHealthCheckMethod));
    checks.back()->Write(kWholeServer);
  }

  EXPECT_EQ(checks.back()->Read(), kServing) << "all before it have been seen";
  EXPECT_EQ(checks[0]->Read(), std::nullopt);
  EXPECT_EQ(checks[0]->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(checks[1]->Read(), kServing);
}

TEST_F(HeldStreamsTest, WhoWatchesIsToldThatTheServerStops) {
  const std::unique_ptr<OpenCall> watch = Watch();

  listener_->Stop(std::chrono::system_clock::now() + kPatience);

  EXPECT_EQ(watch->Read(), kNotServing);
  EXPECT_TRUE(watch->Finish().ok());
}

TEST_F(HeldStreamsTest, OneMoreThanThereIsRoomForEndsTheOldest) {
  std::vector<std::unique_ptr<OpenCall>> watches;
  for (int i = 0; i <= kWatchesMax; ++i) watches.push_back(Watch());

  EXPECT_EQ(watches[0]->Read(), std::nullopt);
  const grpc::Status ended = watches[0]->Finish();
  EXPECT_EQ(ended.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(ended.error_message(), HasSubstr("the oldest"));
  listener_->Stop(std::chrono::system_clock::now() + kPatience);
  EXPECT_EQ(watches[1]->Read(), kNotServing);
}

TEST_F(HeldStreamsTest, WatchesThatTheirClientsEndedTakeNoRoom) {
  const std::unique_ptr<OpenCall> first = Watch();
  // A check behind each: it is answered when the end of the watch before it has been seen.
  for (int i = 0; i < 3 * kWatchesMax; ++i) {
    Watch().reset();
    OpenCall check(channel_, kHealthCheckMethod);
    check.Write(kWholeServer);
    ASSERT_EQ(check.Read(), kServing);
    ASSERT_TRUE(check.Finish().ok());
  }

  listener_->Stop(std::chrono::system_clock::now() + kPatience);
  EXPECT_EQ(first->Read(), kNotServing);
}

}  // namespace
}  // namespace mirror::held_streams_test
