// What operators are told: an event for each cycle, with its counts or with what failed and what to do; the
// audit log, checked by the real mirrorctl; the log as lines for machines.

#include <signal.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/endpoint/endpoint_fixture.h"

namespace mirror::failures_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const Position kFirst{Lsn{10}, "first"};

class FailuresTest : public EndpointTest {};

TEST_F(FailuresTest, ACycleWhoseTableWasRefusedFailsWithTheReasonAndWhatToDo) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = Begin(*client);
  Announce(*client, cycle, {People()});
  v1::ChangeBatch batch = Population(People(), {{1, "Ada", 36}}, kFirst);
  batch.mutable_commit()->set_batches(7);
  EXPECT_NE(Send(*client, cycle, batch).code(), 0);
  ASSERT_THAT(Complete(*client, cycle), IsOk());

  const std::vector<v1::Event> failed = Events("cycle.failed");
  ASSERT_THAT(failed, SizeIs(1));
  EXPECT_EQ(failed.front().severity(), v1::SEVERITY_ERROR);
  EXPECT_THAT(failed.front().message(),
              AllOf(HasSubstr(absl::StrCat("cycle ", cycle)), HasSubstr("table 'people': "),
                    HasSubstr("next cycle continues from there")));
  EXPECT_THAT(Events("cycle.completed"), IsEmpty());
}

TEST_F(FailuresTest, ABatchThatWasMendedLeavesNoFailure) {
  Install();
  const auto client = Client();
  const std::int64_t cycle = Begin(*client);
  Announce(*client, cycle, {People()});
  v1::ChangeBatch batch = Population(People(), {{1, "Ada", 36}}, kFirst);
  batch.mutable_commit()->set_batches(7);
  EXPECT_NE(Send(*client, cycle, batch).code(), 0);
  EXPECT_EQ(Send(*client, cycle, Population(People(), {{1, "Ada", 36}}, kFirst)).code(), 0);
  ASSERT_THAT(Complete(*client, cycle), IsOk());
  EXPECT_THAT(Events("cycle.failed"), IsEmpty());
  EXPECT_THAT(Events("cycle.completed"), SizeIs(1));
}

TEST_F(FailuresTest, ACycleThatAnnouncedNothingIsNoCompletedOne) {
  InstallationOptions options;
  options.settings = {{"limits", "tables_max", "1"}};
  Install(options);
  const auto client = Client();
  const std::int64_t cycle = Begin(*client);
  TableSchema other = People();
  other.name = "other";
  EXPECT_THAT(client->TableSchema(Announcement(cycle, {People(), other})).status(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  ASSERT_THAT(Complete(*client, cycle), IsOk());
  const std::vector<v1::Event> failed = Events("cycle.failed");
  ASSERT_THAT(failed, SizeIs(1));
  EXPECT_THAT(failed.front().message(), HasSubstr("without announcing its tables"));
  EXPECT_THAT(Events("cycle.completed"), IsEmpty());
}

TEST_F(FailuresTest, ACycleThatAnotherOneCutShortIsTold) {
  Install();
  const auto client = Client();
  UseMirror(*client);
  const std::int64_t cycle = Begin(*client, "holder");
  Begin(*client, "holder");
  const std::vector<v1::Event> failed = Events("cycle.failed");
  ASSERT_THAT(failed, SizeIs(1));
  EXPECT_THAT(failed.front().message(),
              AllOf(HasSubstr(absl::StrCat("cycle ", cycle)), HasSubstr("without ReplicationCompleted")));
}

TEST_F(FailuresTest, ACycleWithoutProgressEndsByItselfAndIsTold) {
  InstallationOptions options;
  options.settings = {{"limits", "cycle_idle", "\"1s\""}};
  Install(options);
  const auto client = Client();
  UseMirror(*client);
  Begin(*client, "holder");
  EXPECT_THAT(WaitForEvent("cycle.failed").message(), HasSubstr("no progress for 1 s"));
}

TEST_F(FailuresTest, ASourceIsToldOfAMirrorThatCannotBeOpenedWithoutItsPath) {
  Install();
  std::filesystem::create_directories(here_->mirror_path());
  const absl::Status status = Client()->Authenticate("holder", false, false).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("(path)")));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr(here_->data_dir())));
  EXPECT_THAT(here_->ServerLog(), HasSubstr(here_->mirror_path())) << "who runs it sees it";
}

/// The audit log as 'mirrorctl audit verify' sees it.
class AuditLogTest : public EndpointTest {
 protected:
  void SetUp() override {
    Install();
    for (int i = 0; i < 2; ++i) EXPECT_EQ(here_->Mirrorctl({"pause", "Nobody"}).exit_code, 1);
  }
  Finished Verify(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"audit", "verify"});
    return here_->Mirrorctl(more);
  }
  void Tamper(const std::string& sql) {
    const MirrorFile catalog(here_->data_dir() + "/catalog.db", "");
    EXPECT_EQ(catalog.Execute(sql), "");
  }
};

TEST_F(AuditLogTest, IsListedAndWholeOverStopsAndKills) {
  const Finished list = here_->Mirrorctl({"audit", "list"});
  EXPECT_THAT(list.output,
              AllOf(HasSubstr("operator"), HasSubstr("PauseTenant Nobody"), HasSubstr("NOT_FOUND")));
  ASSERT_THAT(here_->Restart(), IsOk());
  EXPECT_EQ(here_->Mirrorctl({"pause", "Nobody"}).exit_code, 1);
  here_->Kill();
  ASSERT_THAT(here_->Start(), IsOk());

  const Finished verified = Verify({"--json"});

  EXPECT_EQ(verified.exit_code, 0) << verified.errors;
  const nlohmann::json verdict = nlohmann::json::parse(verified.output);
  EXPECT_TRUE(verdict["whole"].get<bool>());
  EXPECT_GE(verdict["signatures"].get<int>(), 2);
  EXPECT_GE(verdict["records"].get<int>(), 5);
}

TEST_F(AuditLogTest, AChangedRecordIsNamed) {
  ASSERT_THAT(here_->Restart(), IsOk());
  EXPECT_EQ(Verify().exit_code, 0);
  Tamper("UPDATE audit SET who = 'eve' WHERE id = 2");
  const Finished verified = Verify();
  EXPECT_EQ(verified.exit_code, 1);
  EXPECT_THAT(verified.errors, HasSubstr("record 2 ("));
  EXPECT_THAT(verified.output, HasSubstr("NOT whole"));
}

TEST_F(AuditLogTest, ACatalogThatWasTakenAwayIsTold) {
  ASSERT_THAT(here_->Stop(), IsOkAndHolds(0));
  for (const char* const part : {"", "-wal", "-shm"}) {
    std::filesystem::remove(here_->data_dir() + "/catalog.db" + part);
  }
  ASSERT_THAT(here_->Start(), IsOk());
  const Finished verified = Verify();
  EXPECT_EQ(verified.exit_code, 1);
  EXPECT_THAT(verified.errors, HasSubstr("took the place of chain"));
  EXPECT_THAT(Events("audit.replaced"), SizeIs(1));
}

TEST_F(AuditLogTest, AReceiptFindsWhatAKilledServerForgot) {
  ASSERT_THAT(here_->Restart(), IsOk());
  const std::string receipt = here_->dir() + "/receipt.json";
  EXPECT_EQ(here_->Mirrorctl({"pause", "Nobody"}).exit_code, 1);
  EXPECT_EQ(Verify({"--receipt", receipt}).exit_code, 0);
  here_->Kill();
  Tamper("DELETE FROM audit WHERE who = 'operator' AND id > 3");
  ASSERT_THAT(here_->Start(), IsOk());
  const Finished verified = Verify({"--receipt", receipt});
  EXPECT_EQ(verified.exit_code, 1);
  EXPECT_THAT(verified.errors, HasSubstr("what an earlier check saw"));
}

TEST_F(AuditLogTest, AnotherKeysCertificateVerifiesNothing) {
  ASSERT_THAT(here_->Restart(), IsOk());
  const Finished verified = Verify({"--certificate", here_->dir() + "/issuers/development/source-1.crt"});
  EXPECT_EQ(verified.exit_code, 1);
  EXPECT_THAT(verified.errors, HasSubstr("was not made with the application's key"));
}

TEST_F(FailuresTest, TheLogIsJsonLineByLineWhateverTheNamesHold) {
  InstallationOptions options;
  options.settings = {{"log", "format", "\"json\""}, {"log", "level", "\"debug\""}};
  Install(options);
  const auto client = Client();
  TableSchema table = People();
  table.name = "line\nend \"quoted\" \\ and \x01";
  Fill(*client, table, {{1, "Ada", 36}}, kFirst);
  EXPECT_EQ(here_->Mirrorctl({"pause", "Nobody"}).exit_code, 1);
  ASSERT_THAT(here_->Stop(), IsOkAndHolds(0));

  std::istringstream log(here_->ServerLog());
  bool completed = false, populating = false, audited = false;
  for (std::string line; std::getline(log, line);) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    ASSERT_TRUE(json.is_object()) << line;
    for (const char* const key : {"time", "level", "kind", "tenant", "message"}) {
      ASSERT_TRUE(json.contains(key)) << line;
    }
    if (json["kind"] == "cycle.completed") completed = json["tenant"] == "Cust";
    if (json["kind"] == "table.populating") populating = true;
    if (json["kind"] == "audit") audited = true;
  }
  EXPECT_TRUE(completed && populating && audited);
}

}  // namespace
}  // namespace mirror::failures_test
