#include "server/source/asked_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace mirror::asked_tokens_test {
namespace {

Caller With(const std::string& context_id, const std::string& nonce, std::int64_t expires_ms) {
  Caller caller;
  caller.context_id = context_id;
  caller.nonce = nonce;
  caller.expires_ms = expires_ms;
  return caller;
}

TEST(AskedTokensTest, ANonceIsGoodOnceForEachTenant) {
  AskedTokens asked;
  EXPECT_THAT(asked.Add(With("a", "n", 100), 1), IsOk());
  EXPECT_THAT(asked.Add(With("a", "n", 100), 1), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(asked.Add(With("b", "n", 100), 1), IsOk());
}

TEST(AskedTokensTest, WhenItIsFullNothingIsForgottenBeforeItsEnd) {
  AskedTokens asked(2);
  EXPECT_THAT(asked.Add(With("a", "n1", 100), 1), IsOk());
  EXPECT_THAT(asked.Add(With("a", "n2", 200), 1), IsOk());
  EXPECT_THAT(asked.Add(With("a", "n3", 300), 100), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(asked.Add(With("a", "n1", 100), 100), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(asked.Add(With("a", "n3", 300), 101), IsOk());
  EXPECT_THAT(asked.Add(With("a", "n2", 200), 101), StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST(AskedTokensTest, OneTenantLeavesRoomForTheOthers) {
  AskedTokens asked(4, 2);
  EXPECT_THAT(asked.Add(With("a", "n1", 100), 1), IsOk());
  EXPECT_THAT(asked.Add(With("A", "n2", 100), 1), IsOk());
  EXPECT_THAT(asked.Add(With("a", "n3", 100), 1), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(asked.Add(With("b", "n1", 200), 1), IsOk());
  EXPECT_THAT(asked.Add(With("c", "n1", 200), 1), IsOk());
  EXPECT_THAT(asked.Add(With("d", "n1", 200), 1), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(asked.Add(With("d", "n1", 200), 101), IsOk()) << "those of 'a' have ended";
}

}  // namespace
}  // namespace mirror::asked_tokens_test
