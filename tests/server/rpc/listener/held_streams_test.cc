// Health calls that are left open, at a listener of their own.
#include "server/rpc/listener/held_streams.h"

#include <gmock/gmock.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/method_handler.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/rpc/listener/endpoint.h"
#include "tests/endpoint/raw_call.h"
#include "tests/server/rpc/listener/plain_listener.h"
#include "tests/support/processes.h"

namespace mirror {
namespace {

using testing::HasSubstr;

constexpr char kCheck[] = "/grpc.health.v1.Health/Check";
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

  void Open() {
    listener_ = StartListener(PlainOptions("Held"), &service_);
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
    for (int i = 0; i < kIdle; ++i) {
      calls.push_back(std::make_unique<OpenCall>(channel_, i % 2 == 0 ? kHealthWatchMethod : kCheck));
    }
    for (int i = 0; i < kAnswered; ++i) calls.push_back(Watch());

    listener_->Stop(std::chrono::system_clock::now());
    listener_.reset();
  }
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
    OpenCall check(channel_, kCheck);
    check.Write(kWholeServer);
    ASSERT_EQ(check.Read(), kServing);
    ASSERT_TRUE(check.Finish().ok());
  }

  listener_->Stop(std::chrono::system_clock::now() + kPatience);
  EXPECT_EQ(first->Read(), kNotServing);
}

}  // namespace
}  // namespace mirror
