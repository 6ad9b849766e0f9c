#include "certs/keyed_hash.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::keyed_hash_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Hex(const TenantHashKey& key, char kind, const std::string& value) {
  KeyedHash hash(key);
  std::string out;
  EXPECT_TRUE(hash.AppendHex(kind, value, &out));
  return out;
}

const std::string kSecret(32, 'k');

// The figures are Python's: hmac.new(hmac.new(b"k" * 32, b"mirror column hash\nCust", sha256).digest(),
// b"tada@example.org", sha256).
TEST(KeyedHashTest, IsHmacSha256UnderTheTenantsKey) {
  EXPECT_EQ(Hex(TenantHashKey(kSecret, "Cust"), 't', "ada@example.org"),
            "1a04aa01ff7355a587263e52b84bc1d93ede6827c376fe874e5466a999d30730");
  EXPECT_EQ(Hex(TenantHashKey(kSecret, "Cust"), 't', ""),
            "1eb9d5cf28d3df8920af5fb8629746ef433dd0908b7d12b8793b55e08eda8f89");
}

TEST(KeyedHashTest, OneAfterTheOtherGivesWhatEachGivesAlone) {
  const TenantHashKey key(kSecret, "Cust");
  KeyedHash hash(key);
  std::string out;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(hash.AppendHex('t', "ada@example.org", &out));
  const std::string one = Hex(key, 't', "ada@example.org");
  EXPECT_EQ(out, one + one + one);
}

TEST(KeyedHashTest, KindTenantAndSecretMakeAnotherHash) {
  const std::string one = Hex(TenantHashKey(kSecret, "Cust"), 't', "5");
  EXPECT_NE(Hex(TenantHashKey(kSecret, "Cust"), 'b', "5"), one);
  EXPECT_NE(Hex(TenantHashKey(kSecret, "Cust2"), 't', "5"), one);
  EXPECT_NE(Hex(TenantHashKey(kSecret + "x", "Cust"), 't', "5"), one);
  EXPECT_NE(TenantHashKey(kSecret + "x", "Cust").fingerprint(), TenantHashKey(kSecret, "Cust").fingerprint());
}

TEST(KeyedHashTest, ASecretIsReadWithoutItsLineEndAndOnlyWhenNobodyElseMay) {
  const TempFolder folder;
  const std::string path = folder.path() + "/columns.key";
  std::ofstream(path) << kSecret << "\n";
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  EXPECT_THAT(ReadHashSecret(path), IsOkAndHolds(kSecret));
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  EXPECT_THAT(ReadHashSecret(path), StatusIs(absl::StatusCode::kPermissionDenied,
                                             AllOf(HasSubstr("'hash_key'"), HasSubstr("openssl rand"))));
  EXPECT_THAT(ReadHashSecret(path + ".none"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("openssl rand")));
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  std::ofstream(path) << "short\n";
  EXPECT_THAT(ReadHashSecret(path), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("openssl rand")));
  EXPECT_NE(NewHashSecret().value(), NewHashSecret().value());
}

}  // namespace
}  // namespace mirror::keyed_hash_test
