#include <grpc/grpc.h>
#include <gtest/gtest.h>

namespace mirror {
namespace {

/// Holds gRPC from before the first test to after the last one, and then waits until its threads have ended.
/// When the last channel goes gRPC shuts down in a thread of its own; at the end of the program the thread
/// sanitizer would find that one, and whatever it has not joined yet.
class GrpcEnds : public testing::Environment {
 public:
  void SetUp() override { grpc_init(); }
  void TearDown() override { grpc_shutdown_blocking(); }
};

const testing::Environment* const kGrpcEnds = testing::AddGlobalTestEnvironment(new GrpcEnds);

}  // namespace
}  // namespace mirror
