#include "server/rpc/rpc_status.h"
#include "base/cut_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/utf8.h"
#include "server/source/encode_outcome.h"

namespace mirror::rpc_status_test {
namespace {

using testing::EndsWith;
using testing::SizeIs;

struct Case {
  absl::StatusCode from;
  grpc::StatusCode to;
};

class RpcStatusTest : public testing::TestWithParam<Case> {};

TEST_P(RpcStatusTest, KeepsTheCodeButForASeenNonce) {
  const absl::Status status(GetParam().from, "why");

  const grpc::Status answer = ToRpcStatus(status);

  EXPECT_EQ(answer.error_code(), GetParam().to);
  EXPECT_EQ(answer.error_message(), "why");
  BatchOutcome outcome;
  outcome.status = status;
  v1::BatchResult result;
  EncodeOutcome(outcome, &result);
  EXPECT_EQ(result.code(), GetParam().to) << "a batch's own result";
}

INSTANTIATE_TEST_SUITE_P(RpcStatus, RpcStatusTest,
                         testing::Values(Case{absl::StatusCode::kCancelled, grpc::CANCELLED},
                                         Case{absl::StatusCode::kUnknown, grpc::UNKNOWN},
                                         Case{absl::StatusCode::kInvalidArgument, grpc::INVALID_ARGUMENT},
                                         Case{absl::StatusCode::kDeadlineExceeded, grpc::DEADLINE_EXCEEDED},
                                         Case{absl::StatusCode::kNotFound, grpc::NOT_FOUND},
                                         Case{absl::StatusCode::kAlreadyExists, grpc::ALREADY_EXISTS},
                                         Case{absl::StatusCode::kPermissionDenied, grpc::PERMISSION_DENIED},
                                         Case{absl::StatusCode::kResourceExhausted, grpc::RESOURCE_EXHAUSTED},
                                         Case{absl::StatusCode::kFailedPrecondition,
                                              grpc::FAILED_PRECONDITION},
                                         Case{absl::StatusCode::kAborted, grpc::ABORTED},
                                         Case{absl::StatusCode::kOutOfRange, grpc::OUT_OF_RANGE},
                                         Case{absl::StatusCode::kUnimplemented, grpc::UNIMPLEMENTED},
                                         Case{absl::StatusCode::kInternal, grpc::INTERNAL},
                                         Case{absl::StatusCode::kUnavailable, grpc::UNAVAILABLE},
                                         Case{absl::StatusCode::kDataLoss, grpc::DATA_LOSS},
                                         Case{absl::StatusCode::kUnauthenticated, grpc::UNAUTHENTICATED}),
                         [](const auto& test) { return absl::StatusCodeToString(test.param.from); });

TEST(RpcStatusTest, OkStaysOk) { EXPECT_TRUE(ToRpcStatus(absl::OkStatus()).ok()); }

TEST(CutMessageTest, ShortMessageStaysWhole) {
  EXPECT_EQ(CutMessage("all of it"), "all of it");
  EXPECT_EQ(CutMessage(std::string(kMessageBytesMax, 'x')), std::string(kMessageBytesMax, 'x'));
}

TEST(CutMessageTest, LongMessageIsCutAndMarked) {
  const std::string cut = CutMessage(std::string(kMessageBytesMax + 1, 'x'));

  EXPECT_THAT(cut, SizeIs(kMessageBytesMax));
  EXPECT_THAT(cut, EndsWith("x ..."));
}

TEST(CutMessageTest, IsCutBetweenCharactersAndCountedAsGrpcWritesThem) {
  std::string text;
  for (int i = 0; i < 2'000; ++i) text += "\xF0\x9F\x98\x80";  // 12 bytes each on the wire.

  for (std::size_t bytes_max = 20; bytes_max < 60; ++bytes_max) {
    const std::string cut = CutMessage(text, bytes_max);
    EXPECT_TRUE(CountUtf8(cut)) << bytes_max;
    EXPECT_LE((cut.size() - 4) * 3 + 4, bytes_max);
  }
}

}  // namespace
}  // namespace mirror::rpc_status_test
