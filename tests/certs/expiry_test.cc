#include "certs/expiry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "certs/issue.h"
#include "certs/key.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::expiry_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::int64_t kDay = 86'400, kNow = 1'800'000'000;

struct Case {
  std::string name;
  std::int64_t not_after;
  Expiry expiry;
  std::string words;
};
class ExpiryTest : public testing::TestWithParam<Case> {};

TEST_P(ExpiryTest, IsJudgedThirtyDaysBefore) {
  const Case& test = GetParam();
  EXPECT_EQ(ExpiryAt(test.not_after, kNow), test.expiry);
  EXPECT_THAT(ExpiryWords(test.not_after, kNow), HasSubstr(test.words));
}

INSTANTIATE_TEST_SUITE_P(
    Certs, ExpiryTest,
    testing::Values(Case{"Far", kNow + 31 * kDay, Expiry::kFar, "expires 2027-02-15T08:00:00Z, in 31 days"},
                    Case{"JustFar", kNow + 30 * kDay + 1, Expiry::kFar, "in 30 days"},
                    Case{"Soon", kNow + 30 * kDay, Expiry::kSoon, "in 30 days"},
                    Case{"Tomorrow", kNow + kDay, Expiry::kSoon, "in 1 day"},
                    Case{"ThisSecond", kNow, Expiry::kSoon, "in 0 days"},
                    Case{"Over", kNow - 1, Expiry::kOver, "expired 2027-01-15T07:59:59Z, 0 days ago"},
                    Case{"LongOver", kNow - 3 * kDay, Expiry::kOver, "3 days ago"}),
    [](const auto& test) { return test.param.name; });

TEST(Expiry, EachKindHasANameOfItsOwnAndSaysWhatRenewsIt) {
  for (int i = 0; i <= static_cast<int>(KeyKind::kClient); ++i) {
    const auto kind = static_cast<KeyKind>(i);
    EXPECT_EQ(KindNamed(KindName(kind)), kind);
    EXPECT_FALSE(Renewal(kind).empty());
  }
}

TEST(Expiry, AKindOfANewerVersionCountsAsASourcesKey) {
  EXPECT_EQ(KindNamed("kind of a newer version"), KeyKind::kSource);
  EXPECT_EQ(KindNamed(""), KeyKind::kSource);
}

TEST(Expiry, EveryCertificateOfAFileIsLookedAt) {
  const TempFolder folder;
  IssueOptions options;
  options.now_s = kNow;
  const auto pair = [&](const std::string& name) {
    return PairFiles{folder.path() + "/" + name + ".crt", folder.path() + "/" + name + ".key"};
  };
  options.days = 10;
  ASSERT_THAT(IssueCa(pair("old"), "Old CA", options), IsOk());
  options.days = 100;
  ASSERT_THAT(IssueCa(pair("new"), "New CA", options), IsOk());
  const std::string both = folder.path() + "/both.crt";
  WriteFileText(both, ReadFileText(pair("old").certificate) + ReadFileText(pair("new").certificate));

  std::vector<DatedKey> keys;
  AddCertificates(both, KeyKind::kAdminCa, &keys);
  ASSERT_THAT(keys, SizeIs(2));
  EXPECT_THAT(keys[0].name, HasSubstr(both + " (CN=Old CA"));
  EXPECT_EQ(keys[0].not_after_s, kNow + 10 * kDay);
  EXPECT_EQ(keys[1].not_after_s, kNow + 100 * kDay);
  // What cannot be read is somebody else's complaint.
  AddCertificates(folder.path() + "/none.crt", KeyKind::kAdminCa, &keys);
  AddCertificates("", KeyKind::kAdminCa, &keys);
  EXPECT_THAT(keys, SizeIs(2));
  EXPECT_EQ(CertificateBeside("a/source-1.key"), "a/source-1.crt");
}

TEST(Expiry, ACertificateTellsItsUris) {
  const TempFolder folder;
  const PairFiles ca = {folder.path() + "/ca.crt", folder.path() + "/ca.key"};
  const PairFiles files = {folder.path() + "/eve.crt", folder.path() + "/eve.key"};
  ASSERT_THAT(IssueCa(ca, "CA", {}), IsOk());
  ASSERT_THAT(IssueAdmin(files, ca, "eve", Role::kViewer, {}), IsOk());
  EXPECT_THAT(ReadCertificateInfo(files.certificate)->uris, ElementsAre("mirror:role:viewer"));
  EXPECT_THAT(ReadCertificateInfo(ca.certificate)->uris, IsEmpty());
}

}  // namespace
}  // namespace mirror::expiry_test
