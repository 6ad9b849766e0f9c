// Health calls that are left open, at a listener of their own.
#include "server/rpc/listener/held_streams.h"

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/method_handler.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rpc/listener/endpoint.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror {
namespace {

using testing::HasSubstr;

constexpr char kWatch[] = "/grpc.health.v1.Health/Watch", kCheck[] = "/grpc.health.v1.Health/Check";
const std::string kServing = "\x08\x01", kNotServing = "\x08\x02";
constexpr int kWatchesMax = 64;

/// A call whose headers have left.
class OpenCall {
 public:
  OpenCall(const std::shared_ptr<grpc::Channel>& channel, const char* path) : stub_(channel) {
    context_.set_deadline(std::chrono::system_clock::now() + kPatience);
    call_ = stub_.PrepareCall(&context_, path, &queue_);
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

  /// An empty request, which asks for the whole server.
  void Ask() {
    const grpc::Slice nothing("");
    call_->Write(grpc::ByteBuffer(&nothing, 1), nullptr);
    Next();
  }
  /// "": there is none.
  std::string Read() {
    grpc::ByteBuffer bytes;
    call_->Read(&bytes, nullptr);
    if (!Next()) return "";
    std::vector<grpc::Slice> slices;
    std::string text;
    if (!bytes.Dump(&slices).ok()) return "";
    for (const grpc::Slice& slice : slices)
      text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    return text;
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
    Listener::Options options;
    options.accept.name = "held";
    options.credentials = grpc::InsecureServerCredentials();
    options.service_name = "test.Held";
    options.message_bytes_max = 1 << 20;
    options.threads_max = 16;
    options.memory_bytes_max = 64U << 20;
    auto opened = Listener::Open(options, &service_);
    ASSERT_THAT(opened, IsOk());
    listener_ = *std::move(opened);
    listener_->Start();
    grpc::ChannelArguments own;
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ = grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", listener_->port()),
                                         grpc::InsecureChannelCredentials(), own);
  }

  std::unique_ptr<OpenCall> Watch() {
    auto watch = std::make_unique<OpenCall>(channel_, kWatch);
    watch->Ask();
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
      calls.push_back(std::make_unique<OpenCall>(channel_, i % 2 == 0 ? kWatch : kCheck));
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

  EXPECT_EQ(watches[0]->Read(), "");
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
    check.Ask();
    ASSERT_EQ(check.Read(), kServing);
    ASSERT_TRUE(check.Finish().ok());
  }

  listener_->Stop(std::chrono::system_clock::now() + kPatience);
  EXPECT_EQ(first->Read(), kNotServing);
}

}  // namespace
}  // namespace mirror
