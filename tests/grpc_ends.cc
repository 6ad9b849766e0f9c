#include <grpc/grpc.h>
#include <gtest/gtest.h>

namespace mirror {
namespace {

/// Waits after the last test until gRPC's threads have ended. When the last channel goes gRPC shuts down in a
/// thread of its own; at the end of the program the thread sanitizer would find that one, and whatever it has
/// not joined yet. Not held from the start: tests that fork must have no thread but their own.
class GrpcEnds : public testing::Environment {
 public:
  void TearDown() override {
    grpc_init();
    grpc_shutdown_blocking();
  }
};

const testing::Environment* const kGrpcEnds = testing::AddGlobalTestEnvironment(new GrpcEnds);

}  // namespace
}  // namespace mirror
