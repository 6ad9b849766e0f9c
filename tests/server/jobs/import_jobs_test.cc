#include "server/jobs/import_jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/storages/storages.h"
#include "server/store/sqlite/sqlite_home.h"
#include "tests/server/tenant/tenant_bench.h"

// Import jobs as several servers see them; those that run are tests/python/imports_test.py's.

namespace mirror::import_jobs_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kHere[] = "aaaaaaaaaaaa", kThere[] = "bbbbbbbbbbbb";

/// What the control database would say.
class SaidServers final : public JobServers {
 public:
  const std::string& here() const override { return here_; }
  absl::StatusOr<std::optional<Server>> Find(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    const auto found = servers.find(name);
    return found == servers.end() ? std::optional<Server>() : std::optional(found->second);
  }
  absl::Status List(const std::string& job) override {
    const std::lock_guard lock(mutex_);
    listed.insert(job);
    return absl::OkStatus();
  }
  absl::Status Unlist(const std::string& job) override {
    const std::lock_guard lock(mutex_);
    listed.erase(job);
    return absl::OkStatus();
  }
  absl::Status ListOnly(const std::vector<std::string>& jobs) override {
    const std::lock_guard lock(mutex_);
    listed = std::set<std::string>(jobs.begin(), jobs.end());
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> FindListed() override {
    const std::lock_guard lock(mutex_);
    return std::vector<std::string>(listed.begin(), listed.end());
  }
  absl::StatusOr<std::vector<std::string>> FindOrphans(std::chrono::milliseconds) override { return orphans; }

  std::map<std::string, Server> servers;
  std::set<std::string> listed;
  std::vector<std::string> orphans;

 private:
  const std::string here_ = kHere;
  std::mutex mutex_;
};

class ImportJobsTest : public testing::Test {
 protected:
  ImportJobsTest() : events_(catalog_) {
    spdlog::set_level(spdlog::level::off);
    Open();
  }
  void Open() {
    storages_.reset();
    tenants_.reset();
    home_.reset();
    auto home = OpenSqliteHome(folder_.path(), {});
    EXPECT_THAT(home, IsOk());
    home_ = *std::move(home);
    auto tenants = Tenants::Open(*home_, {}, events_);
    EXPECT_THAT(tenants, IsOk());
    tenants_ = *std::move(tenants);
    storages_ = std::make_unique<Storages>(*tenants_, events_);
  }
  std::unique_ptr<ImportJobs> Jobs() {
    return std::make_unique<ImportJobs>(
        *tenants_, uploads_,
        ImportJobsOptions{
            .told = [this](const ImportJob& job) { told_.push_back(job.id + ": " + job.message); }},
        events_, &servers_);
  }
  void MakeStorage(const std::string& id) { ASSERT_THAT(storages_->Create(id, "", 1), IsOk()); }
  /// A job of the other server's, in the mirror.
  std::string Write(const std::string& tenant, int number, JobState state = JobState::kRunning) {
    ImportJob job;
    job.id = absl::StrCat(tenant, "-", absl::Dec(number, absl::kZeroPad12));
    job.storage = tenant;
    job.source = "default";
    job.server = kThere;
    job.state = state;
    job.created_ms = number;
    const auto found = tenants_->Find(tenant);
    EXPECT_THAT(found.status(), IsOk());
    EXPECT_THAT((*found)->ChangeDocuments(
                    [&](StoreRecords&) { return std::vector<DocumentChange>{JobChange(job)}; }, number),
                IsOk());
    return job.id;
  }
  static std::vector<std::string> Ids(const ImportJobs::Page& page) {
    std::vector<std::string> ids;
    for (const ImportJob& job : page.jobs) ids.push_back(job.id);
    return ids;
  }
  static bool All(const std::string&) { return true; }

  ScratchFolder folder_;
  RememberingCatalog catalog_;
  Events events_;
  Uploads uploads_{folder_.path() + "/.uploads", {.free_bytes_min = 0}};
  SaidServers servers_;
  std::vector<std::string> told_;
  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<Tenants> tenants_;
  std::unique_ptr<Storages> storages_;
};

TEST_F(ImportJobsTest, OneOfAServerThatIsGoneDiesOnceWhoeverEndsIt) {
  MakeStorage("Acme");
  const std::string id = Write("Acme", 1);
  servers_.orphans = {id};
  servers_.listed = {id};
  std::vector<std::thread> ending;
  for (int i = 0; i < 4; ++i) {
    ending.emplace_back([this] { Jobs()->EndOrphans(7); });
  }
  for (std::thread& one : ending) one.join();
  const auto job = Jobs()->Find(id);
  ASSERT_THAT(job.status(), IsOk());
  ASSERT_TRUE(job->has_value());
  EXPECT_EQ((*job)->state, JobState::kDied);
  EXPECT_THAT((*job)->message, HasSubstr("send the file again"));
  EXPECT_EQ((*job)->modified_ms, 7);
  EXPECT_THAT(servers_.listed, IsEmpty());
  EXPECT_THAT(catalog_.Kinds(), ElementsAre("tenant.created", "import.failed"));
}

TEST_F(ImportJobsTest, WhoeverEndsAJobThatWaitsTellsOfIt) {
  MakeStorage("Acme");
  const auto jobs = Jobs();
  const std::string cancelled = Write("Acme", 1, JobState::kScheduled);
  const std::string cleared = Write("Acme", 2, JobState::kScheduled);
  const std::string lost = Write("Acme", 3, JobState::kScheduled);
  for (const std::string& id : {cancelled, cleared}) jobs->Schedule(**jobs->Find(id));
  ASSERT_THAT(jobs->Cancel(cancelled, 7), IsOk());
  EXPECT_THAT(jobs->Cancel(cancelled, 8), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("DIED")));
  EXPECT_THAT(jobs->Cancel("Acme-000000000009", 8), StatusIs(absl::StatusCode::kNotFound));
  servers_.orphans = {lost};
  jobs->EndOrphans(8);
  ASSERT_THAT((*tenants_->Find("Acme"))->ClearRecords(9), IsOk());
  EXPECT_TRUE(jobs->RemoveEnded("Acme"));
  EXPECT_THAT(told_, ElementsAre(cancelled + ": cancelled",
                                 HasSubstr(lost + ": the server that has the file"), cleared + ": cleared"));
  EXPECT_EQ(jobs->FindLoad().waiting, 0U);
}

TEST_F(ImportJobsTest, OneWhoseServerCameBackMeanwhileGoesOn) {
  MakeStorage("Acme");
  const std::string id = Write("Acme", 1);
  servers_.orphans = {id};
  servers_.listed = {id};
  servers_.servers[kThere] = {.url = "http://there", .silent = ImportJobsOptions{}.lease};
  Jobs()->EndOrphans(7);
  EXPECT_EQ((*Jobs()->Find(id))->state, JobState::kRunning);
  EXPECT_THAT(servers_.listed, ElementsAre(id));
  servers_.servers[kThere].silent += std::chrono::milliseconds(1);
  Jobs()->EndOrphans(7);
  EXPECT_EQ((*Jobs()->Find(id))->state, JobState::kDied);
}

TEST_F(ImportJobsTest, OneThatIsOverOrNotThereIsOnlyStruckOut) {
  MakeStorage("Acme");
  const std::string over = Write("Acme", 1, JobState::kFinished);
  servers_.orphans = {over, "Acme-000000000009", "Absent-000000000009"};
  servers_.listed = std::set<std::string>(servers_.orphans.begin(), servers_.orphans.end());
  Jobs()->EndOrphans(7);
  EXPECT_THAT(servers_.listed, IsEmpty());
  EXPECT_EQ((*Jobs()->Find(over))->state, JobState::kFinished);
  EXPECT_THAT(catalog_.Kinds(), ElementsAre("tenant.created"));
}

TEST_F(ImportJobsTest, ATenantIsNotErasedWhileAServerHasAFileOfOneOfItsThatIsOver) {
  MakeStorage("Acme");
  const std::string over = Write("Acme", 1, JobState::kFinished), runs = Write("Acme", 2);
  servers_.listed = {over, runs, "Absent-000000000009"};
  const auto jobs = Jobs();
  EXPECT_FALSE(jobs->RemoveEnded("Acme"));
  EXPECT_FALSE(jobs->RemoveEnded("Absent")) << "with its data source it is over, too";
  EXPECT_TRUE(jobs->RemoveEnded("Other"));
  servers_.listed.erase(over);
  EXPECT_TRUE(jobs->RemoveEnded("acme")) << "one that runs has its file for its own sake";
}

TEST_F(ImportJobsTest, OneThatAnotherServerEndedGoesBeforeItsTurn) {
  MakeStorage("Acme");
  const std::string over = Write("Acme", 1, JobState::kFinished), waits = Write("Acme", 2);
  servers_.listed = {over, waits};
  const auto jobs = Jobs();
  for (const std::string& id : {over, waits}) jobs->Schedule(**jobs->Find(id));
  jobs->RemoveAllEnded();
  EXPECT_THAT(servers_.listed, ElementsAre(waits));
  EXPECT_EQ(jobs->FindLoad().waiting, 1);
}

TEST_F(ImportJobsTest, TheyAreListedByDataSourceTheLatestFirstAndInPages) {
  for (const char* const id : {"b", "A", "c"}) MakeStorage(id);
  const std::string a1 = Write("A", 1), a2 = Write("A", 2), b5 = Write("b", 5), b3 = Write("b", 3);
  const auto jobs = Jobs();
  const ImportJobs::Page all = jobs->List("", 10, &All);
  EXPECT_THAT(Ids(all), ElementsAre(a2, a1, b5, b3));
  EXPECT_EQ(all.total, 4U);
  EXPECT_TRUE(all.is_last);
  std::vector<std::string> paged;
  for (std::string after;;) {
    const ImportJobs::Page page = jobs->List(after, 1, &All);
    EXPECT_EQ(page.total, 4U);
    ASSERT_THAT(page.jobs, SizeIs(1));
    paged.push_back(after = page.jobs.back().id);
    if (page.is_last) break;
  }
  EXPECT_EQ(paged, Ids(all));
  EXPECT_THAT(Ids(jobs->List("b-000000000009", 10, &All)), IsEmpty()) << "it was the last of its source";
  EXPECT_THAT(Ids(jobs->List("A-000000000009", 10, &All)), ElementsAre(b5, b3));
  const auto only_b = [](const std::string& tenant) { return tenant == "b"; };
  EXPECT_EQ(jobs->List("", 10, only_b).total, 2U);
}

TEST_F(ImportJobsTest, AListOpensOnlyMirrorsWithJobsOnItsPage) {
  for (const char* const id : {"a", "b", "c", "d"}) MakeStorage(id);
  const std::string first = Write("b", 1), second = Write("d", 2);
  std::map<std::string, TenantSummary> kept;
  for (const Tenants::Seen& seen : tenants_->AllSeen()) kept[seen.context_id] = *seen.summary;
  Open();
  for (const auto& [id, summary] : kept) tenants_->Remember(id, summary);
  const ImportJobs::Page page = Jobs()->List("", 1, &All);
  EXPECT_THAT(Ids(page), ElementsAre(first));
  EXPECT_EQ(page.total, 2U);
  EXPECT_FALSE(page.is_last);
  EXPECT_EQ(tenants_->open_count(), 1U);
  EXPECT_THAT(Ids(Jobs()->List(first, 1, &All)), ElementsAre(second));
  EXPECT_EQ(tenants_->open_count(), 2U);
}

}  // namespace
}  // namespace mirror::import_jobs_test
