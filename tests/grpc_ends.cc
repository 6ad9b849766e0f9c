#include <grpc/grpc.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace mirror {
namespace {

/// Waits after the last test until gRPC's threads have ended: at the end of the program the thread sanitizer
/// would report one that is not joined yet. When the last channel goes, gRPC shuts down in a thread of its
/// own, and a connection that was being made keeps it up for a moment longer. Not held from the start: tests
/// that fork must have no thread but their own.
class GrpcEnds : public testing::Environment {
 public:
  void TearDown() override {
    grpc_init();
    grpc_shutdown_blocking();
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (grpc_is_initialized() != 0) {
      ASSERT_LT(std::chrono::steady_clock::now(), until)
          << "a test left a channel or a server of gRPC behind";
      std::this_thread::yield();
    }
  }
};

const testing::Environment* const kGrpcEnds = testing::AddGlobalTestEnvironment(new GrpcEnds);

}  // namespace
}  // namespace mirror
