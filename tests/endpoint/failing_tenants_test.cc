// Tenants whose cycles fail stand first in what 'mirrorctl tenants' shows, with the reason.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/agent_bench.h"

namespace mirror::failing_tenants_test {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const Position kFirst{Lsn{10}, "first"}, kSecond{Lsn{20}, "second"};

class FailingTenantsTest : public EndpointTest {
 protected:
  /// Of the tenants that somebody should look at; an empty one: it is none of them.
  v1::Tenant Problem(const std::string& context_id = "Cust") {
    const auto stub = here_->Admin(Role::kViewer).value();
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::ListTenantsRequest request;
    request.set_problems(true);
    v1::ListTenantsResponse answer;
    EXPECT_TRUE(stub->ListTenants(&context, request, &answer).ok());
    for (const v1::Tenant& tenant : answer.tenants()) {
      if (tenant.context_id() == context_id) return tenant;
    }
    return {};
  }
};

TEST_F(FailingTenantsTest, OneWhoseAnnouncementIsRefusedStandsThereUntilACycleGoesWell) {
  Install({.settings = {{"limits", "tables_max", "1"}}});
  {
    const auto client = Client();
    const std::int64_t cycle = Begin(*client);
    EXPECT_THAT(client->TableSchema(Announcement(cycle, {People(), People("other")})).status(),
                StatusIs(absl::StatusCode::kResourceExhausted));
    ASSERT_THAT(Complete(*client, cycle), IsOk());
  }
  const v1::Tenant failing = Problem();
  EXPECT_EQ(failing.state(), "failing");
  EXPECT_GT(failing.failing_since_ms(), 0);
  EXPECT_EQ(failing.last_completed_ms(), 0) << "it went nowhere";
  EXPECT_THAT(failing.failure(), HasSubstr("2 tables; the limit is 1"));
  EXPECT_THAT(here_->Mirrorctl({"tenants", "--failed", "--wide"}).output,
              AllOf(HasSubstr("cycles have failed for"), HasSubstr("2 tables; the limit is 1")));
  EXPECT_THAT(here_->Mirrorctl({"doctor"}).output, HasSubstr("Cust: its cycles fail"));

  ASSERT_THAT(here_->Set({"limits", "tables_max", "10"}), IsOk());
  ASSERT_THAT(here_->Restart(), IsOk());
  EXPECT_EQ(Problem().failing_since_ms(), failing.failing_since_ms()) << "a restart knows it";
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  EXPECT_EQ(Problem().state(), "");
}

TEST_F(FailingTenantsTest, OneWhoseMirrorCannotBeOpenedStandsThere) {
  Install();
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  ASSERT_THAT(here_->Stop(), IsOk());
  const std::string path = here_->mirror_path(), away = path + ".away";
  std::filesystem::rename(path, away);
  std::filesystem::create_directories(path + "/not-empty");
  ASSERT_THAT(here_->Start(), IsOk());
  EXPECT_THAT(Client()->Authenticate("holder", false, false).status(), Not(IsOk()));
  const v1::Tenant failing = Problem();
  EXPECT_EQ(failing.state(), "failing");
  EXPECT_THAT(failing.failure(), HasSubstr("is not a file"));
  std::filesystem::remove_all(path);
  std::filesystem::rename(away, path);
  Fill(*Client(), People(), {{2, "Bob", 1}}, kSecond);
  EXPECT_EQ(Problem().state(), "");
}

TEST_F(FailingTenantsTest, OneWhoseFirstCycleCannotBeginStandsThereBeforeItHasAMirror) {
  Install();
  const std::string in_the_way = here_->mirror_path("Cust-new") + ".building";
  std::filesystem::create_directories(in_the_way + "/not-empty");
  const auto client = Client("Cust-new");
  for (int i = 0; i < 2; ++i) EXPECT_THAT(client->Authenticate("holder", false, false).status(), Not(IsOk()));
  EXPECT_FALSE(std::filesystem::exists(here_->mirror_path("Cust-new")));
  const v1::Tenant failing = Problem("Cust-new");
  EXPECT_EQ(failing.state(), "failing");
  EXPECT_THAT(failing.failure(), Not(IsEmpty()));
  // A look of a source is no cycle.
  EXPECT_THAT(Client("Cust-other")->Authenticate("holder", false, true).status(), Not(IsOk()));
  EXPECT_EQ(Problem("Cust-other").state(), "");
  std::filesystem::remove_all(in_the_way);
  Fill(*client, People(), {{1, "Ada", 36}}, kFirst);
  EXPECT_EQ(Problem("Cust-new").state(), "");
}

TEST_F(FailingTenantsTest, OneWhomAHookRefusesStandsThereWithItsReason) {
  Install();
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  ASSERT_THAT(here_->Stop(), IsOk());
  WriteFileText(here_->server_toml(), ReadFileText(here_->server_toml()) +
                                          "\n[[hook]]\non = [\"authenticated\"]\ncommand = [\"/bin/echo\", "
                                          "'{\"do_not_replicate\": true, \"reason\": \"we move\"}']\n");
  ASSERT_THAT(here_->Start(), IsOk());
  ASSERT_THAT(Client()->Authenticate("holder", false, false), IsOk());
  EXPECT_EQ(Problem().state(), "failing");
  EXPECT_THAT(Problem().failure(), AllOf(HasSubstr("a hook refuses"), HasSubstr("we move")));
}

TEST_F(FailingTenantsTest, ATableThatIsRefusedIsNotGood) {
  Install();
  const auto client = Client();
  Fill(*client, People(), {{1, "Ada", 36}}, kFirst);
  const std::int64_t cycle = Begin(*client);
  Announce(*client, cycle, {People(), People("_mirror_mine")});
  ASSERT_THAT(Complete(*client, cycle), IsOk());
  EXPECT_EQ(Problem().state(), "incomplete");
  EXPECT_EQ(Problem().tables_refused(), 1U);
}

TEST_F(FailingTenantsTest, ASourceOfItsOwnNamesTablesWithAndWithoutAReason) {
  Install();
  const auto client = Client();
  Fill(*client, People(), {{1, "Ada", 36}}, kFirst);
  std::int64_t cycle = Begin(*client);
  Announce(*client, cycle, {People()});
  v1::ReplicationCompletedRequest end;
  end.set_cycle(cycle);
  end.add_unsent_tables("people");
  end.add_unsent_reasons(v1::UNSENT_REASON_ROWS);
  end.add_unsent_reasons(v1::UNSENT_REASON_ROWS);
  EXPECT_THAT(client->ReplicationCompleted(end).status(), StatusIs(absl::StatusCode::kInvalidArgument));
  end.mutable_unsent_reasons()->Truncate(0);
  end.add_unsent_tables("never announced");
  end.add_unsent_reasons(static_cast<v1::UnsentReason>(999));
  ASSERT_THAT(client->ReplicationCompleted(end), IsOk());
  EXPECT_EQ(Problem().state(), "unsent");
  EXPECT_EQ(Problem().tables_unsent(), 2U);
  const Finished tables = here_->Mirrorctl({"tables", "Cust", "--wide"});
  EXPECT_THAT(tables.output, testing::ContainsRegex("people .* unsent "));
  EXPECT_THAT(tables.output, testing::ContainsRegex("never announced .* unsent "));
  EXPECT_THAT(tables.errors, HasSubstr("2 tables were not sent by the source"));

  cycle = Begin(*client);
  Announce(*client, cycle, {People()});
  ASSERT_THAT(Complete(*client, cycle), IsOk());
  EXPECT_EQ(Problem().state(), "");
}

TEST_F(FailingTenantsTest, ATableThatTheAgentCannotSendIsNotGoodUntilItSendsIt) {
  Install();
  AgentBench bench(*here_, "Cust", here_->dir() + "/source");
  ASSERT_EQ(bench.Sql("CREATE TABLE far(id INTEGER PRIMARY KEY, v REAL); INSERT INTO far VALUES(4711, 1);"
                      "CREATE TABLE near(id INTEGER PRIMARY KEY); INSERT INTO near VALUES(1)"),
            "");
  ASSERT_THAT(bench.Install(), IsOk());
  ASSERT_TRUE(bench.Run().Good());
  EXPECT_EQ(Problem().state(), "");
  EXPECT_EQ(here_->Mirrorctl({"tenants", "--failed"}).exit_code, 0);

  ASSERT_EQ(bench.Sql("UPDATE far SET v = 9e999"), "");
  const CycleReport failed = bench.Run();
  ASSERT_EQ(ReportOf(failed, "far").result, TableResult::kFailed) << Summary(failed);
  const v1::Tenant problem = Problem();
  EXPECT_EQ(problem.state(), "unsent");
  EXPECT_EQ(problem.tables_unsent(), 1U);
  const Finished tenants = here_->Mirrorctl({"tenants", "--failed", "--wide"});
  EXPECT_EQ(tenants.exit_code, 1);
  EXPECT_THAT(tenants.output, HasSubstr("1 table not sent by its source"));
  const Finished tables = here_->Mirrorctl({"tables", "Cust", "--wide"});
  EXPECT_THAT(tables.output, testing::ContainsRegex("far .* unsent "));
  EXPECT_THAT(tables.output, testing::ContainsRegex("near .* mirrored "));
  EXPECT_THAT(tables.errors, HasSubstr("far"));
  EXPECT_THAT(tables.errors, Not(AnyOf(HasSubstr("4711"), HasSubstr("9e999"), HasSubstr("inf"))));
  EXPECT_THAT(here_->Mirrorctl({"doctor"}).output, HasSubstr("1 table was not sent by its source"));
  EXPECT_THAT(here_->Mirrorctl({"events", "--kind", "tables.unsent"}).output, HasSubstr("far"));
  ASSERT_THAT(here_->Restart(), IsOk());
  bench.Connect();
  EXPECT_EQ(Problem().tables_unsent(), 1U) << "a restart knows it";

  ASSERT_EQ(bench.Sql("UPDATE far SET v = 2"), "");
  ASSERT_TRUE(bench.Run().Good());
  EXPECT_EQ(Problem().state(), "");
  EXPECT_EQ(bench.Difference(), "");
}

}  // namespace
}  // namespace mirror::failing_tenants_test
