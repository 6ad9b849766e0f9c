#include "server/jobs/job_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/server/storages/storages_bench.h"

namespace mirror::job_list_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class JobListTest : public StoragesBench {
 protected:
  JobListTest() {
    Make("Acme");
    AddSource("Acme", "crm");
    Make("Beta");
    Make("Quiet");
    AddJob("Acme", "000000000003", kNow + 3);
    AddJob("Acme--crm", "000000000002", kNow + 2, JobState::kRunning);
    AddJob("Acme--crm", "000000000005", kNow + 5);
    AddJob("Beta", "000000000001", kNow + 1, JobState::kDied);
    AddJob("Beta", "000000000004", kNow + 4);
  }

  /// Their last digits.
  std::vector<std::string> Digits(const JobQuery& query) {
    const absl::StatusOr<JobPage> page = ListImportJobs(*tenants_, query);
    EXPECT_THAT(page, IsOk());
    std::vector<std::string> digits;
    if (!page.ok()) return digits;
    next_ = page->next_page_token;
    for (const ListedJob& listed : page->jobs)
      digits.push_back(listed.job.id.substr(listed.job.id.size() - 1));
    return digits;
  }
  std::string next_;
};

TEST_F(JobListTest, TheNewestOfAllTenantsAreFirst) {
  EXPECT_THAT(Digits({}), ElementsAre("5", "4", "3", "2", "1"));
  EXPECT_EQ(next_, "");
}

TEST_F(JobListTest, PagesFollowEachOther) {
  EXPECT_THAT(Digits({.page_size = 2}), ElementsAre("5", "4"));
  EXPECT_THAT(Digits({.page_size = 2, .page_token = next_}), ElementsAre("3", "2"));
  EXPECT_THAT(Digits({.page_size = 2, .page_token = next_}), ElementsAre("1"));
  EXPECT_EQ(next_, "");
}

TEST_F(JobListTest, JobsOfTheSameMomentAreInOnePageEach) {
  AddJob("Quiet", "000000000007", kNow + 5);
  AddJob("Beta", "000000000008", kNow + 5);
  std::multiset<std::string> seen;
  std::string token;
  do {
    for (const std::string& digit : Digits({.page_size = 1, .page_token = token})) seen.insert(digit);
    token = next_;
  } while (!token.empty());
  EXPECT_THAT(seen, ElementsAre("1", "2", "3", "4", "5", "7", "8"));
}

TEST_F(JobListTest, StorageTenantAndStateAreMeant) {
  EXPECT_THAT(Digits({.storage = "aCME"}), ElementsAre("5", "3", "2"));
  EXPECT_THAT(Digits({.context_id = "acme--CRM"}), ElementsAre("5", "2"));
  EXPECT_THAT(Digits({.storage = "Acme", .context_id = "Beta"}), IsEmpty());
  EXPECT_THAT(Digits({.states = {"RUNNING", "DIED"}}), ElementsAre("2", "1"));
  EXPECT_THAT(Digits({.context_id = "Quiet"}), IsEmpty());
}

TEST_F(JobListTest, WhatIsNotThereIsSaid) {
  EXPECT_THAT(ListImportJobs(*tenants_, {.storage = "Nobody"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("Nobody")));
  EXPECT_THAT(ListImportJobs(*tenants_, {.states = {"running"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("RUNNING")));
  for (const char* token : {"x", "5", "/", "5x/a", "05/a"}) {
    EXPECT_THAT(ListImportJobs(*tenants_, {.page_token = token}),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << token;
  }
}

TEST_F(JobListTest, OnlyTenantsWhoseJobsMayStandInThePageAreOpened) {
  Open();
  EXPECT_THAT(Digits({.page_size = 1}), ElementsAre("5"));
  // The next newest is of another tenant, and is known to be older.
  EXPECT_LE(tenants_->open_count(), 1U);
  EXPECT_THAT(Digits({}), ElementsAre("5", "4", "3", "2", "1"));
  EXPECT_EQ(tenants_->open_count(), 3U);
}

}  // namespace
}  // namespace mirror::job_list_test
