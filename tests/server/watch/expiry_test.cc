#include "server/watch/expiry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "certs/issue.h"
#include "server/store/catalog/sqlite_catalog.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::expiry_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr std::int64_t kDay = 86'400, kNow = 20'833 * kDay + 5;

TEST(ExpiryNotices, NameTheKeyItsEndAndWhatToDo) {
  const std::vector<ExpiryNotice> notices =
      ExpiryNotices(kNow, {{"source-1", KeyKind::kSource, kNow + 12 * kDay},
                           {"source-2", KeyKind::kSource, kNow + 31 * kDay},
                           {"admin/ca.crt", KeyKind::kAdminCa, kNow - kDay}});
  ASSERT_THAT(notices, SizeIs(2));
  EXPECT_EQ(notices[0].severity, Severity::kWarning);
  EXPECT_THAT(notices[0].message, AllOf(HasSubstr("the source's key 'source-1' expires 2027-"),
                                        HasSubstr("in 12 days"), HasSubstr("mirrorctl certs issue-source")));
  EXPECT_EQ(notices[1].severity, Severity::kError);
  EXPECT_THAT(notices[1].message, AllOf(HasSubstr("'admin/ca.crt' expired 2027-"), HasSubstr("1 day ago"),
                                        HasSubstr("issue-operator")));
  EXPECT_THAT(ExpiryNotices(kNow, {}), IsEmpty());
}

TEST(ServerKeysTest, ThePairOfTheDoorForJsonIsOneWhereItHasItsOwn) {
  const TempFolder folder;
  const std::string certificate = folder.path() + "/door.crt";
  ASSERT_THAT(IssueCa({certificate, folder.path() + "/door.key"}, "Door", IssueOptions()), IsOk());
  ServerConfig config;
  config.listen.certificate = folder.path() + "/listener.crt";
  config.http.enabled = true;
  config.http.certificate = certificate;
  const auto kinds = [&] {
    std::vector<KeyKind> found;
    for (const DatedKey& key : ServerKeys(config, {})) found.push_back(key.kind);
    return found;
  };
  EXPECT_THAT(kinds(), ElementsAre(KeyKind::kHttp));
  config.listen.certificate = certificate;
  EXPECT_THAT(kinds(), ElementsAre(KeyKind::kListener));
  config.listen.plaintext = true;
  EXPECT_THAT(kinds(), ElementsAre(KeyKind::kHttp));
  config.http.plaintext = true;
  EXPECT_THAT(kinds(), IsEmpty());
  config.http.plaintext = false;
  config.http.enabled = false;
  EXPECT_THAT(kinds(), IsEmpty());
}

class ExpiryWatchTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = OpenSqliteCatalog(folder_.path());
    ASSERT_THAT(opened, IsOk());
    catalog_ = *std::move(opened);
    events_ = std::make_unique<Events>(*catalog_);
    watch_ = std::make_unique<ExpiryWatch>([this] { return keys_; }, *events_);
  }
  std::size_t Told() { return events_->Last({}, 0, 1'000)->size(); }

  TempFolder folder_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Events> events_;
  std::vector<DatedKey> keys_ = {{"a", KeyKind::kSource, kNow + 2 * kDay - 100},
                                 {"b", KeyKind::kListener, kNow + 99 * kDay}};
  std::unique_ptr<ExpiryWatch> watch_;
};

TEST_F(ExpiryWatchTest, TellsOfAKeyOnceADayHoweverOftenItLooks) {
  watch_->Look(kNow);
  ASSERT_EQ(Told(), 1U);
  EXPECT_EQ(events_->Last({}, 0, 1)->front().kind, "key.expires");
  watch_->Look(kNow + 10);
  watch_->LookDaily(kNow + 20);
  EXPECT_EQ(Told(), 1U);
  // A key that came with a reload is told of at once, and the other one not again.
  keys_.push_back({"c", KeyKind::kSource, kNow + kDay});
  watch_->LookDaily(kNow + 30);
  EXPECT_EQ(Told(), 1U);
  watch_->Look(kNow + 40);
  EXPECT_EQ(Told(), 2U);
  watch_->LookDaily(kNow + kDay);
  EXPECT_EQ(Told(), 4U);
  watch_->LookDaily(kNow + kDay + 100);
  EXPECT_EQ(Told(), 4U);
}

TEST_F(ExpiryWatchTest, SaysOnTheDayItselfThatItIsOver) {
  watch_->Look(kNow + kDay);
  watch_->Look(kNow + 2 * kDay - 50);
  const auto events = *events_->Last({}, 0, 10);
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].severity, Severity::kWarning);
  EXPECT_EQ(events[1].severity, Severity::kError);
}

TEST_F(ExpiryWatchTest, WhatWasRenewedIsNotSpokenOf) {
  watch_->Look(kNow);
  keys_[0].not_after_s = kNow + 800 * kDay;
  watch_->LookDaily(kNow + kDay);
  EXPECT_EQ(Told(), 1U);
}

TEST(ServerKeys, AreThoseOfSourcesListenersAuthoritiesAndTheApplication) {
  const TempFolder folder;
  const auto pair = [&](const std::string& stem) {
    return PairFiles{folder.path() + "/" + stem + ".crt", folder.path() + "/" + stem + ".key"};
  };
  ASSERT_THAT(IssueCa(pair("ca"), "CA", {}), IsOk());
  ASSERT_THAT(IssueServer(pair("server"), pair("ca"), "server", {}, {}), IsOk());
  ASSERT_THAT(IssueServer(pair("admin"), pair("ca"), "admin", {}, {}), IsOk());
  ASSERT_THAT(IssueSigningKey(pair("application-1"), "application-1", Algorithm::kEs256, {}), IsOk());
  ServerConfig config;
  config.listen.certificate = pair("server").certificate;
  config.listen.client_ca = pair("ca").certificate;
  config.admin.certificate = pair("admin").certificate;
  config.admin.client_ca = pair("ca").certificate;
  config.application.key = pair("application-1").key;
  KeyInfo source, application;
  source.key_id = "source-1";
  source.not_after = kNow;
  std::vector<std::string> kinds;
  for (const DatedKey& key : ServerKeys(config, {source, application})) {
    kinds.push_back(std::string(KindName(key.kind)));
    EXPECT_GT(key.not_after_s, 0) << key.name;
  }
  EXPECT_THAT(kinds,
              UnorderedElementsAre("source", "application", "listener", "listener_ca", "admin", "admin_ca"));
  config.listen.plaintext = true;
  EXPECT_THAT(ServerKeys(config, {}), SizeIs(3));
}

}  // namespace
}  // namespace mirror::expiry_test
