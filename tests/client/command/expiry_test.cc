#include "client/command/expiry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "certs/issue.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::expiry_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::int64_t kDay = 86'400, kNow = 20'833 * kDay + 5;

class AgentExpiry : public testing::Test {
 protected:
  PairFiles Files(const std::string& stem) const {
    return {folder_.path() + "/" + stem + ".crt", folder_.path() + "/" + stem + ".key"};
  }
  static IssueOptions For(int days) {
    IssueOptions options;
    options.now_s = kNow;
    options.days = days;
    return options;
  }
  void SetUp() override {
    ASSERT_THAT(IssueCa(Files("ca"), "CA", For(100)), IsOk());
    ASSERT_THAT(IssueClient(Files("client"), Files("ca"), "agent", For(20)), IsOk());
    ASSERT_THAT(IssueSigningKey(Files("application"), "application-1", Algorithm::kEs256, For(25)), IsOk());
    ASSERT_THAT(IssueSigningKey(Files("source-1"), "source-1", Algorithm::kEs256, For(15)), IsOk());
    config_.endpoint.ca = Files("ca").certificate;
    config_.endpoint.certificate = Files("client").certificate;
    config_.identity.application_certificate = Files("application").certificate;
    config_.identity.key = Files("source-1").key;
  }

  const TempFolder folder_;
  AgentConfig config_;
};

TEST_F(AgentExpiry, WarnsOfEachKeyAndCertificateThirtyDaysBefore) {
  EXPECT_THAT(
      ExpiryWarnings(config_, kNow),
      ElementsAre(AllOf(HasSubstr("source-1.crt' expires"), HasSubstr("in 15 days"), HasSubstr("[identity]")),
                  AllOf(HasSubstr("application.crt' expires"), HasSubstr("endpoint's operator")),
                  AllOf(HasSubstr("client.crt' expires"), HasSubstr("issue-client"))));
  EXPECT_THAT(ExpiryWarnings(config_, kNow + 80 * kDay), SizeIs(4));
  EXPECT_THAT(ExpiryWarnings(config_, kNow + 80 * kDay)[2], HasSubstr("ca.crt' expires"));
  EXPECT_THAT(ExpiryWarnings(config_, kNow - 40 * kDay), IsEmpty());
  config_.endpoint.plaintext = true;
  EXPECT_THAT(ExpiryWarnings(config_, kNow), SizeIs(2));
}

TEST_F(AgentExpiry, AProcessThatGoesOnWarnsOnceADay) {
  DailyWarnings warnings;
  EXPECT_THAT(warnings.Due(config_, kNow), SizeIs(3));
  EXPECT_THAT(warnings.Due(config_, kNow + 100), IsEmpty());
  EXPECT_THAT(warnings.Due(config_, kNow + kDay), SizeIs(3));
}

}  // namespace
}  // namespace mirror::expiry_test
