#include "server/rpc/admin/audit.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "certs/issue.h"
#include "tests/support/kept_catalog.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::audit_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// A log that takes nothing while `fails`, as one whose disk is full.
class FailingLog final : public AuditLog {
 public:
  explicit FailingLog(AuditLog& log) : log_(log) {}
  absl::StatusOr<Added> Add(AuditRecord record, const MakeSeal& seal) override {
    ++adds;
    if (left == 0) fails = true;
    if (left > 0) --left;
    if (fails) return absl::UnavailableError("database or disk is full");
    return log_.Add(std::move(record), seal);
  }
  absl::StatusOr<std::optional<Added>> Prune(std::uint64_t keep, AuditRecord record,
                                             const MakeSeal& seal) override {
    return log_.Prune(keep, std::move(record), seal);
  }
  absl::StatusOr<AuditState> State() override { return log_.State(); }
  absl::StatusOr<bool> Holds(const AuditPoint& point) override { return log_.Holds(point); }
  absl::StatusOr<std::vector<AuditRecord>> After(std::uint64_t after_id, std::uint32_t limit) override {
    return log_.After(after_id, limit);
  }

  bool fails = false;
  int left = -1;  ///< It fails behind so many; less than 0: it does not.
  int adds = 0;

 private:
  AuditLog& log_;
};

/// The audit log of a server, over starts and stops.
class AuditTest : public CatalogOfEachKind {
 protected:
  void SetUp() override {
    CatalogOfEachKind::SetUp();
    if (!kept_) return;
    ASSERT_THAT(IssueSigningKey({Path("app.crt"), Path("app.key")}, "app", Algorithm::kEs256, {}), IsOk());
    Open();
  }

  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }

  void Open() {
    audit_.reset();
    ASSERT_THAT(kept_->Open(), IsOk());
    events_ = std::make_unique<Events>(*kept_->catalog);
    options_.dir = folder_.path();
    audit_ = Over(*kept_->audit);
  }
  std::unique_ptr<Audit> Over(AuditLog& log) {
    std::unique_ptr<Audit> begun = NotBegun(log);
    begun->Begin();
    return begun;
  }
  std::unique_ptr<Audit> NotBegun(AuditLog& log) {
    return std::make_unique<Audit>(
        log, *events_,
        [this, key = SigningKey::Load(Path("app.key"), "app").value()](
            std::string_view text) -> absl::StatusOr<KeySignature> {
          if (no_key_) return absl::UnavailableError("the key cannot be read");
          return KeySignature{key.key_id(), key.Sign(text).value()};
        },
        options_);
  }
  void Stop() {
    audit_->Seal();
    Kill();
  }
  void Kill() {
    audit_.reset();
    events_.reset();
    kept_->Close();
  }

  void Calls(int count) {
    for (int i = 0; i < count; ++i) audit_->Add("ada", "ListTenants", absl::OkStatus());
  }

  AuditVerdict Check() {
    AuditChecker checker({PublicKey::Load(Path("app.crt")).value()}, std::nullopt, "");
    checker.Begin(audit_->State().value());
    const std::vector<AuditRecord> records = audit_->After(0, 1'000'000).value();
    for (const AuditRecord& record : records) checker.Add(record);
    return checker.End();
  }

  /// From here on all goes through a log that can fail.
  void FailAtWill() {
    failing_ = std::make_unique<FailingLog>(*kept_->audit);
    audit_ = Over(*failing_);
  }
  /// As an operator's call does it.
  absl::Status Act(const std::string& call) {
    absl::Status reserved = audit_->Reserve();
    if (reserved.ok()) audit_->Add("ada", call, absl::OkStatus());
    return reserved;
  }
  /// Waits until the log is tried again, and that it was.
  void AwaitKept(const std::string& call) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline && !Contains(Chained(), call)) {
      audit_->KeepHouse(NowMs());
      std::this_thread::yield();
    }
    EXPECT_TRUE(Contains(Chained(), call)) << call;
  }
  std::vector<std::string> Chained() {
    std::vector<std::string> calls;
    const std::vector<AuditRecord> records = audit_->After(0, 1'000'000).value();
    for (const AuditRecord& record : records) calls.push_back(record.call);
    return calls;
  }
  static bool Contains(const std::vector<std::string>& calls, const std::string& call) {
    return std::find(calls.begin(), calls.end(), call) != calls.end();
  }

  std::vector<std::string> Told() {
    std::vector<std::string> kinds;
    const std::vector<EventRecord> events = events_->Last({}, 0, 100).value();
    for (const EventRecord& event : events) kinds.push_back(event.kind);
    return kinds;
  }

  TempFolder folder_;
  bool no_key_ = false;
  Audit::Options options_;
  std::unique_ptr<Events> events_;
  std::unique_ptr<FailingLog> failing_;
  std::unique_ptr<Audit> audit_;
};

class AuditOfAFileTest : public AuditTest {
 protected:
  const std::string& path() const { return static_cast<const CatalogInSqlite&>(*kept_).path(); }
};

TEST_P(AuditTest, IsSignedWhenTheServerStopsAndGoesOnAfterwards) {
  Calls(3);
  Stop();
  Open();
  Calls(2);

  const AuditVerdict verdict = Check();

  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_EQ(verdict.sealed_id, 5U);
  EXPECT_EQ(verdict.last.id, 7U);
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_P(AuditTest, AStopWithoutNewRecordsSignsNothing) {
  Calls(1);
  Stop();
  Open();
  Stop();
  Open();
  EXPECT_EQ(Check().records, 2U);
}

TEST_P(AuditTest, WhatAKillLeftIsSignedAtTheNextStart) {
  Calls(3);
  Kill();
  Open();
  const AuditVerdict verdict = Check();
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_EQ(verdict.sealed_id, 5U);
}

TEST_P(AuditTest, IsSignedEveryDay) {
  Calls(1);
  const std::int64_t now = NowMs();
  audit_->KeepHouse(now);
  EXPECT_EQ(Check().seals, 1U);
  Calls(1);
  audit_->KeepHouse(now + 1'000);
  EXPECT_EQ(Check().seals, 1U);
  audit_->KeepHouse(now + 86'400'000 + 60'000);
  EXPECT_EQ(Check().seals, 2U);
  audit_->KeepHouse(now + 10 * 86'400'000LL);
  EXPECT_EQ(Check().seals, 2U) << "nothing is new";
}

TEST_P(AuditTest, ASignatureThatFailedIsTriedAgainAfterAWhile) {
  Calls(1);
  const std::optional<AuditSeal> before = audit_->State()->sealed;
  ASSERT_TRUE(before.has_value());
  Calls(1);
  no_key_ = true;
  const std::int64_t tomorrow = NowMs() + 86'400'000 + 60'000;
  audit_->KeepHouse(tomorrow);
  EXPECT_EQ(audit_->State()->sealed->point, before->point) << "nothing says that it was signed";
  no_key_ = false;
  audit_->KeepHouse(NowMs() + 1'000);
  EXPECT_EQ(Check().seals, 1U) << "not at each look";
  audit_->KeepHouse(NowMs() + kAuditRetryMs + 1'000);
  EXPECT_EQ(Check().seals, 2U);
  EXPECT_THAT(Check().findings, IsEmpty());
}

TEST_P(AuditTest, AHeadThatCannotBeWrittenIsTriedAgainWithoutAnotherRecord) {
  Calls(2);
  std::filesystem::remove(Path("audit.head"));
  std::filesystem::create_directories(Path("audit.head") + "/in the way");
  const std::int64_t tomorrow = NowMs() + 86'400'000 + 60'000;
  for (int i = 0; i < 3; ++i) audit_->KeepHouse(tomorrow);
  const std::size_t records = Check().records;
  EXPECT_EQ(Check().seals, 2U);
  std::filesystem::remove_all(Path("audit.head"));
  audit_->KeepHouse(tomorrow);
  EXPECT_EQ(Check().records, records);
  EXPECT_TRUE(std::filesystem::is_regular_file(Path("audit.head")));
  EXPECT_EQ(audit_->State()->sealed->point, audit_->State()->last);
}

TEST_P(AuditTest, ACatalogThatWasRemovedWhileTheServerStoodStillIsToldAndNotHiddenByTheNextSignature) {
  Calls(3);
  Stop();
  kept_->Remove();
  Open();
  EXPECT_THAT(Told(), ElementsAre("audit.replaced"));
  Calls(1);
  Stop();
  Open();
  EXPECT_THAT(Check().findings, ElementsAre(HasSubstr("up to record 5")));
}

TEST_P(AuditTest, RecordsThatWereCutWhileTheServerStoodStillAreTold) {
  Calls(5);
  Stop();
  kept_->Do("DELETE FROM audit WHERE id > 3");
  Open();
  EXPECT_THAT(Told(), ElementsAre("audit.replaced"));
  EXPECT_THAT(Check().findings, SizeIs(1));
}

TEST_P(AuditTest, RecordsThatAreCutUnderTheRunningServerAreTold) {
  Calls(5);
  kept_->Do("DELETE FROM audit WHERE id > 3");
  EXPECT_THAT(Check().findings, testing::Contains(HasSubstr("what the running server knows")));
  Calls(1);
  EXPECT_THAT(Told(), ElementsAre("audit.replaced"));
}

/// Of servers that share a control database.
class AuditOfSeveralTest : public AuditTest {};

TEST_P(AuditOfAFileTest, RecordsOfAnotherServerAreTold) {
  TempFolder beside;
  options_.dir = beside.path();
  Over(*kept_->audit)->Add("joan", "ListTenants", absl::OkStatus());
  Calls(1);
  EXPECT_THAT(Told(), ElementsAre("audit.replaced")) << "this one's chain has one writer";
}

TEST_P(AuditOfSeveralTest, RecordsOfAnotherServerFitAndThoseThatAreCutAreTold) {
  TempFolder beside;
  options_.dir = beside.path();
  const auto other = Over(*kept_->audit);
  for (int i = 0; i < 2; ++i) {
    Calls(1);
    other->Add("joan", "ListTenants", absl::OkStatus());
  }
  EXPECT_THAT(Told(), IsEmpty());
  EXPECT_THAT(Check().findings, IsEmpty());

  kept_->Do("DELETE FROM audit WHERE id = (SELECT max(id) FROM audit WHERE who = 'joan')");
  other->Add("joan", "ListTenants", absl::OkStatus());
  EXPECT_THAT(Told(), ElementsAre("audit.replaced"));
}

TEST_P(AuditOfSeveralTest, AServerThatIsRefusedItsStartLeavesNothing) {
  Calls(3);
  const std::vector<AuditRecord> before = audit_->After(0, 100).value();
  TempFolder beside;
  options_.dir = beside.path();
  NotBegun(*kept_->audit).reset();
  EXPECT_THAT(audit_->After(0, 100), IsOkAndHolds(SizeIs(before.size())));
  EXPECT_FALSE(std::filesystem::exists(beside.path() + "/audit.head"));
  EXPECT_THAT(Check().findings, IsEmpty());
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_P(AuditOfAFileTest, ADamagedCatalogBeginsANewChainThatSaysSo) {
  Calls(5);
  Stop();
  WriteFileText(path(), std::string(20'000, 'x'));
  Open();
  Calls(1);
  EXPECT_THAT(Told(), ElementsAre("audit.replaced"));
  EXPECT_THAT(Check().findings, ElementsAre(HasSubstr("catalog.db.damaged-")));
}

TEST_P(AuditTest, TheOldestArePrunedAndTheChainStaysProvable) {
  options_.records_max = 50;
  Open();
  Calls(400);
  const AuditVerdict verdict = Check();
  EXPECT_THAT(verdict.findings, IsEmpty());
  EXPECT_LE(verdict.records, 50 + kAuditPruneEvery + 1);
  EXPECT_GE(verdict.records, 50U);
  EXPECT_GT(verdict.pruned_until, 0U);
  Stop();
  Open();
  EXPECT_THAT(Check().findings, IsEmpty());
  EXPECT_THAT(Told(), IsEmpty());

  kept_->Do("DELETE FROM audit WHERE id = (SELECT min(id) FROM audit)");
  EXPECT_THAT(Check().findings, ElementsAre(HasSubstr("missing")));
}

TEST_P(AuditOfAFileTest, RecordsOfAnOlderVersionBecomeTheBeginOfTheChain) {
  Kill();
  std::filesystem::remove(path());
  SQLite::Database old(path(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  old.exec(
      "CREATE TABLE event (id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, context_id TEXT "
      "NOT "
      "NULL, severity INTEGER NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL);"
      "CREATE INDEX event_by_context ON event (context_id, id);"
      "CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, who TEXT NOT NULL,"
      " call TEXT NOT NULL, outcome TEXT NOT NULL);"
      "INSERT INTO audit VALUES (7, 1, 'ada', 'ListTenants', 'OK'), (9, 2, 'ada', 'ListKeys', 'OK');"
      "INSERT INTO event VALUES (3, 1, 'Cust', 1, 'old', 'words'); PRAGMA user_version = 1");
  Open();
  EXPECT_THAT(Check().findings, IsEmpty());
  EXPECT_EQ(Check().sealed_id, 3U);
  EXPECT_THAT(Told(), ElementsAre("old"));
}

TEST_P(AuditTest, WhatTheCatalogDoesNotTakeWaitsAndIsChained) {
  Calls(1);
  FailAtWill();
  failing_->fails = true;
  const std::int64_t before_ms = NowMs();
  for (int i = 0; i < 3; ++i) EXPECT_THAT(Act(absl::StrCat("Act ", i)), IsOk());
  const std::int64_t after_ms = NowMs();
  EXPECT_FALSE(Contains(Chained(), "Act 0"));
  failing_->fails = false;
  AwaitKept("Act 2");
  EXPECT_THAT(Check().findings, IsEmpty());
  int waited = 0;
  const std::vector<AuditRecord> records = audit_->After(0, 1'000).value();
  for (const AuditRecord& record : records) {
    if (!record.call.starts_with("Act ")) continue;
    EXPECT_EQ(record.call, absl::StrCat("Act ", waited++));
    EXPECT_GE(record.time_ms, before_ms);
    EXPECT_LE(record.time_ms, after_ms) << "each has its own time";
  }
  EXPECT_EQ(waited, 3);
  EXPECT_THAT(Told(), ElementsAre("audit.waits", "audit.kept"));
}

TEST_P(AuditTest, WhatWaitsOutlivesAKillAndIsNotKeptTwice) {
  Calls(1);
  FailAtWill();
  failing_->fails = true;
  EXPECT_THAT(Act("Act 0"), IsOk());
  EXPECT_THAT(Act("Act 1"), IsOk());
  const std::string waiting = ReadFileText(Path("audit-waiting"));
  // The announcement and the first of them are taken, and then the server is killed, as if it had not come to
  // remove that one from those that wait.
  failing_->fails = false;
  failing_->left = 2;
  AwaitKept("Act 0");
  Kill();
  WriteFileText(Path("audit-waiting"), waiting);
  Open();
  const std::vector<std::string> calls = Chained();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "Act 0"), 1);
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "Act 1"), 1);
  EXPECT_THAT(Check().findings, IsEmpty());
}

TEST_P(AuditTest, WithoutAPlaceNothingIsDone) {
  Calls(1);
  FailAtWill();
  failing_->fails = true;
  // Those that come late leave the operators their half.
  for (std::size_t i = 0; i < kAuditPlaces; ++i) audit_->AddLate("apikey:a", "late", absl::OkStatus());
  for (std::size_t i = 0; i < kAuditOperatorsPlaces; ++i)
    ASSERT_THAT(Act(absl::StrCat("Act ", i)), IsOk()) << i;
  EXPECT_THAT(Act("too many"), StatusIs(absl::StatusCode::kUnavailable,
                                        AllOf(HasSubstr("Nothing was done"), HasSubstr("256 records"))));
  failing_->fails = false;
  AwaitKept("Act 127");
  EXPECT_THAT(Act("again"), IsOk());
  EXPECT_FALSE(Contains(Chained(), "too many"));
  // What found no place is said, signed, and found.
  const std::vector<std::string> calls = Chained();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "late"), 128);
  EXPECT_THAT(Check().findings, ElementsAre(AllOf(HasSubstr("could not keep"), HasSubstr("128 records"))));
}

TEST_P(AuditTest, APlaceIsTakenFromItsReservationOn) {
  Calls(1);
  FailAtWill();
  failing_->fails = true;
  for (std::size_t i = 0; i < kAuditPlaces; ++i) ASSERT_THAT(audit_->Reserve(), IsOk()) << i;
  EXPECT_THAT(audit_->Reserve(), StatusIs(absl::StatusCode::kUnavailable));
  audit_->AddLate("apikey:a", "late", absl::OkStatus());
  for (std::size_t i = 0; i < kAuditPlaces; ++i)
    audit_->Add("ada", absl::StrCat("Act ", i), absl::OkStatus());
  failing_->fails = false;
  AwaitKept("Act 255");
  EXPECT_FALSE(Contains(Chained(), "late"));
}

TEST_P(AuditTest, AnOutageIsAskedOnceInAWhile) {
  Calls(1);
  FailAtWill();
  failing_->fails = true;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) EXPECT_THAT(Act("Act"), IsOk());
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_LE(failing_->adds, 2 + seconds);
}

INSTANTIATE_FOR_EACH_CATALOG(AuditTest);
INSTANTIATE_TEST_SUITE_P(Sqlite, AuditOfAFileTest, testing::Values("Sqlite"));
INSTANTIATE_TEST_SUITE_P(Postgres, AuditOfSeveralTest, testing::Values("Postgres"));

}  // namespace
}  // namespace mirror::audit_test
