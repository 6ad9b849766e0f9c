// Connections whose bytes do not pause keep the threads that hand them over.
#include "server/rpc/listener/handover_threads.h"

#include <fcntl.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/method_handler.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/endpoint/raw_call.h"
#include "tests/server/rpc/listener/plain_listener.h"
#include "tests/support/processes.h"
#include "tests/support/raw_http.h"

namespace mirror::handover_threads_test {
namespace {

using Clock = std::chrono::system_clock;

/// A service with a method, without which gRPC starts no server.
class AnyService final : public grpc::Service {
 public:
  AnyService() {
    using Raw = grpc::ServerReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;
    using Handler = grpc::internal::TemplatedBidiStreamingHandler<Raw, false>;
    AddMethod(new grpc::internal::RpcServiceMethod(
        "/test.Handover/Any", grpc::internal::RpcMethod::BIDI_STREAMING,
        new Handler([](grpc::ServerContext*, Raw*) { return grpc::Status::OK; })));
  }
};

/// Speaks HTTP/2 from its first byte on, in frames that say nothing, and makes no pause.
class WithoutPause {
 public:
  explicit WithoutPause(std::uint16_t port) : connection_(port) {
    thread_ = std::thread([this] {
      std::string frames("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\4\0\0\0\0\0", 9));
      const std::string priority("\0\0\5\2\0\0\0\0\3\0\0\0\0\20", 14);
      while (!is_over_ && connection_.Send(frames)) {
        for (frames.clear(); frames.size() < (64 << 10);) frames += priority;
      }
    });
  }
  ~WithoutPause() {
    is_over_ = true;
    thread_.join();
  }
  WithoutPause(const WithoutPause&) = delete;
  WithoutPause& operator=(const WithoutPause&) = delete;

 private:
  RawHttp connection_;
  std::atomic<bool> is_over_ = false;
  std::thread thread_;
};

bool IsOpen(int descriptor) { return fcntl(descriptor, F_GETFD) != -1; }

/// A socket of nobody's.
int NewSocket() { return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }

TEST(HandoverThreadsTest, OneThatHoldsAThreadKeepsNoOtherWaiting) {
  std::promise<void> release;
  std::promise<int> other;
  const int held = NewSocket(), socket = NewSocket();
  const HandoverThreads::Handover handover = [&, let_go = release.get_future().share()](int taken) {
    if (taken == held) {
      let_go.wait();
    } else {
      other.set_value(taken);
    }
    close(taken);
  };
  HandoverThreads threads({handover, handover});
  threads.Take(held);
  threads.Take(socket);
  std::future<int> taken = other.get_future();
  ASSERT_EQ(taken.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(taken.get(), socket);
  EXPECT_FALSE(threads.Stop(Clock::now()));
  release.set_value();
  EXPECT_TRUE(threads.Stop(Clock::now() + kPatience));
}

TEST(HandoverThreadsTest, WhatWaitsAtTheEndAndWhatComesLaterIsClosed) {
  std::promise<void> begun, release;
  const HandoverThreads::Handover handover = [&, let_go = release.get_future().share()](int taken) {
    begun.set_value();
    let_go.wait();
    close(taken);
  };
  HandoverThreads threads({handover});
  threads.Take(NewSocket());
  begun.get_future().wait();
  const int waits = NewSocket(), late = NewSocket();
  threads.Take(waits);
  EXPECT_FALSE(threads.Stop(Clock::now()));
  threads.Take(late);
  EXPECT_FALSE(IsOpen(waits));
  EXPECT_FALSE(IsOpen(late));
  release.set_value();
}

TEST(HandoverThreadsTest, WhoSendsWithoutAPauseKeepsNobodyOutAndNoServerFromItsEnd) {
  // gRPC reads in the thread that hands over only when the first bytes were there early enough.
  constexpr int kRounds = 60, kStops = 5;
  AnyService service;
  for (int stop = 0; stop < kStops; ++stop) {
    const std::unique_ptr<Listener> listener = StartListener(PlainOptions("Handover"), &service);
    ASSERT_NE(listener, nullptr);
    for (int round = 0; round < kRounds / kStops; ++round) {
      const WithoutPause stranger(listener->port());
      ASSERT_THAT(CheckHealth(PlainChannel(*listener)), IsOk()) << "round " << round;
    }
    std::vector<std::unique_ptr<WithoutPause>> strangers;
    for (int i = 0; i < 8; ++i) strangers.push_back(std::make_unique<WithoutPause>(listener->port()));
    const auto begun = Clock::now();
    listener->Stop(begun + kPatience);
    EXPECT_LT(Clock::now() - begun, kPatience / 2);
  }
}

}  // namespace
}  // namespace mirror::handover_threads_test
