#include "base/nonce.h"

#include <gtest/gtest.h>

#include <string>

namespace mirror::nonce_test {
namespace {

TEST(SecretTest, OnlyTheWholeSecretIsTheSame) {
  const std::string secret = NewToken();
  EXPECT_TRUE(IsSameSecret(secret, std::string(secret)));
  EXPECT_TRUE(IsSameSecret("", ""));
  for (std::size_t i = 0; i < secret.size(); ++i) {
    std::string other = secret;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_FALSE(IsSameSecret(secret, other)) << i;
  }
  EXPECT_FALSE(IsSameSecret(secret, secret + "0"));
  EXPECT_FALSE(IsSameSecret(secret, secret.substr(1)));
  EXPECT_FALSE(IsSameSecret(secret, ""));
}

}  // namespace
}  // namespace mirror::nonce_test
