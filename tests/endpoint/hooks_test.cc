// Hooks of the real server: after the commit, at least once, in order; and what hangs, crashes or prints a
// megabyte stalls no cycle.

#include <grpcpp/channel.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mirror/v1/mirror_client.grpc.pb.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/places.h"
#include "tools/mirror_harness/attack/token_forge.h"

namespace mirror::hooks_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Position kFirst{Lsn{10}, "first"};
const Position kSecond{Lsn{20}, "second"};

class HooksTest : public EndpointTest {
 protected:
  /// `hooks`: [[hook]] blocks, with FOLDER for a folder of the test's own.
  void InstallWith(std::string hooks) {
    for (std::size_t at = 0; (at = hooks.find("FOLDER")) != std::string::npos;) {
      hooks.replace(at, 6, folder_.path());
    }
    InstallationOptions options;
    options.more_toml = hooks;
    Install(options);
  }

  /// A hook that appends the JSON that it is told to a file.
  static std::string Appending(const std::string& on, const std::string& more = "") {
    return absl::StrCat("\n[[hook]]\nname = \"appending\"\non = [", on,
                        "]\ncommand = [\"/bin/sh\", \"-c\", \"", more, "(cat; echo) >> FOLDER/told\"]\n");
  }

  /// What the hook was told, once there are `count` of them.
  std::vector<nlohmann::json> Told(std::size_t count) {
    std::vector<nlohmann::json> told;
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (told.size() < count && std::chrono::steady_clock::now() < deadline) {
      told.clear();
      std::istringstream text(ReadFileText(folder_.path() + "/told"));
      for (std::string line; std::getline(text, line);) {
        nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
        if (json.is_object()) told.push_back(std::move(json));
      }
      // The next look costs a call: no need to hurry.
      if (told.size() < count) here_->Mirrorctl({"tenants"});
    }
    EXPECT_GE(told.size(), count);
    return told;
  }

  std::vector<std::string> Waiting() { return here_->mirror().Query("SELECT event FROM _mirror_hooks"); }

  static v1::ReplicationCompletedRequest Summary(std::int64_t cycle) {
    v1::ReplicationCompletedRequest request;
    request.set_cycle(cycle);
    v1::TableSummary* const table = request.add_tables();
    table->set_table("people");
    table->set_inserts(1);
    return request;
  }

  TempFolder folder_;
};

TEST_F(HooksTest, AreToldOfTablesPopulationsAndCyclesInOrder) {
  InstallWith(Appending("\"completed\", \"table\", \"wiped\""));
  const auto client = Client();
  std::int64_t cycle = Begin(*client);
  Announce(*client, cycle, {People()});
  EXPECT_EQ(Send(*client, cycle, Population(People(), {{1, "Ada", 36}}, kFirst)).code(), 0);
  EXPECT_THAT(client->ReplicationCompleted(Summary(cycle)).status(), IsOk());

  std::vector<nlohmann::json> told = Told(3);
  ASSERT_THAT(told, SizeIs(3));
  for (const nlohmann::json& one : told) {
    EXPECT_EQ(one["context_id"], "Cust");
    EXPECT_EQ(one["cycle"], cycle);
    EXPECT_GT(one["time_ms"].get<std::int64_t>(), 0);
  }
  EXPECT_EQ(told[0]["event"], "table");
  EXPECT_EQ(told[0]["tables"],
            nlohmann::json::parse(R"([{"table": "people", "change": "created", "reason": ""}])"));
  EXPECT_EQ(told[1]["event"], "wiped");
  EXPECT_EQ(told[1]["table"], "people");
  EXPECT_EQ(told[2]["event"], "completed");
  EXPECT_EQ(told[2]["tables"][0]["inserts"], 1);

  cycle = Begin(*client);
  Announce(*client, cycle, {People()});
  EXPECT_THAT(Complete(*client, cycle), IsOk());
  told = Told(5);
  ASSERT_THAT(told, SizeIs(5));
  EXPECT_EQ(told[3]["tables"][0]["change"], "unchanged");
  EXPECT_THAT(told[4]["tables"], IsEmpty());
}

TEST_F(HooksTest, WithoutAHookNothingIsWrittenDown) {
  Install();
  Fill(*Client(), People(), {{1, "Ada", 36}}, kFirst);
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM sqlite_schema WHERE name = '_mirror_hooks'"), "0");
}

TEST_F(HooksTest, AreForTheTenantsThatTheirPatternMeans) {
  InstallWith(absl::StrCat(Appending("\"completed\""), "context_id = \"Cust-*\"\n"));
  const auto other = Client("Cust-2");
  UseMirror(*Client());
  UseMirror(*other);
  EXPECT_EQ(Told(1).front()["context_id"], "Cust-2");
  EXPECT_THAT(Told(1), SizeIs(1));
}

TEST_F(HooksTest, WhatWaitsWhenTheServerIsKilledIsDeliveredAfterwards) {
  // Until there is a file that says so, it fails.
  InstallWith(Appending("\"completed\"", "test -e FOLDER/go && "));
  const auto client = Client();
  UseMirror(*client);
  const std::int64_t cycle = Begin(*client);
  Announce(*client, cycle, {People()});
  EXPECT_THAT(client->ReplicationCompleted(Summary(cycle)).status(), IsOk());
  here_->Kill();
  EXPECT_THAT(Waiting(), ElementsAre(HasSubstr("completed"), HasSubstr("completed")));
  WriteFileText(folder_.path() + "/go", "");
  ASSERT_THAT(here_->Start(), IsOk());

  const std::vector<nlohmann::json> told = Told(2);

  ASSERT_THAT(told, SizeIs(2));
  EXPECT_LT(told[0]["cycle"], told[1]["cycle"]);
  EXPECT_EQ(told[1]["cycle"], cycle);
}

TEST_F(HooksTest, AKillRightBehindTheCommitLosesNoDelivery) {
  InstallationOptions options;
  options.more_toml = Appending("\"completed\"");
  options.more_toml.replace(options.more_toml.find("FOLDER"), 6, folder_.path());
  Install(options);
  UseMirror(*Client());
  Told(1);
  ASSERT_THAT(here_->Stop(), IsOkAndHolds(0));
  // ReplicationCompleted commits alone: what Authenticate and TableSchema leave waits in memory.
  here_->set_environment({"MIRROR_CRASH_AT=commit.after:1"});
  ASSERT_THAT(here_->Start(), IsOk());
  const auto client = Client();
  const std::int64_t cycle = Begin(*client);
  Announce(*client, cycle, {});
  EXPECT_FALSE(Complete(*client, cycle).ok()) << "the server is dead before it answers";
  here_->Kill();
  here_->set_environment({});
  ASSERT_THAT(here_->Start(), IsOk());

  const std::vector<nlohmann::json> told = Told(2);

  ASSERT_THAT(told, SizeIs(2));
  EXPECT_EQ(told[1]["cycle"], cycle);
}

TEST_F(HooksTest, OneThatHangsStallsNoCycleOfAnyTenant) {
  InstallWith(
      "\n[[hook]]\non = [\"completed\", \"table\", \"wiped\", \"event\"]\ncommand = [\"/bin/sleep\", "
      "\"600\"]\n"
      "timeout = \"10m\"\n");
  const auto client = Client(), other = Client("Cust-2");
  const auto begin = std::chrono::steady_clock::now();
  FakeSource source(1), second(2);
  for (FakeSource* const one : {&source, &second}) one->CreateTable(People());
  for (int i = 0; i < 5; ++i) {
    source.Put("people", {i, "Ada", 36});
    second.Put("people", {i, "Bob", 36});
    Mirror(source, *client);
    Mirror(second, *other);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  // A stop does not wait for it either.
  EXPECT_THAT(here_->Stop(), IsOkAndHolds(0));
  EXPECT_THAT(Waiting(), testing::Not(IsEmpty()));
}

TEST_F(HooksTest, OneThatCrashesOrPrintsAMegabyteStallsNoCycle) {
  InstallWith(
      "\n[[hook]]\nname = \"crashing\"\non = [\"completed\"]\ncommand = [\"/bin/sh\", \"-c\", \"kill -SEGV "
      "$$\"]\n"
      "\n[[hook]]\nname = \"printing\"\non = [\"completed\"]\n"
      "command = [\"/bin/sh\", \"-c\", \"head -c 1000000 /dev/zero; (cat; echo) >> FOLDER/told\"]\n");
  const auto client = Client();
  FakeSource source;
  source.CreateTable(People());
  for (int i = 0; i < 3; ++i) {
    source.Put("people", {i, "Ada", 36});
    Mirror(source, *client);
  }
  EXPECT_THAT(Told(3), SizeIs(3));
  const v1::Event failed = WaitForEvent("hook.failed");
  EXPECT_THAT(failed.message(), AllOf(HasSubstr("'crashing'"), HasSubstr("signal 11")));
}

TEST_F(HooksTest, SqlWritesThePartnersTablesInTheTenantsDatabase) {
  InstallWith(
      "\n[[hook]]\non = [\"completed\"]\n"
      "sql = \"INSERT INTO runs SELECT :cycle, count(*) FROM people\"\n");
  const auto client = Client();
  Fill(*client, People(), {{1, "Ada", 36}}, kFirst);
  // The first one failed: there is no such table. It is tried again.
  EXPECT_EQ(here_->mirror().Execute("CREATE TABLE runs (cycle INTEGER, people INTEGER)"), "");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (here_->mirror().Value("SELECT count(*) FROM runs") != "1" &&
         std::chrono::steady_clock::now() < deadline) {
    here_->Mirrorctl({"tenants"});
  }
  EXPECT_EQ(here_->mirror().Value("SELECT people FROM runs"), "1");
  // Mirrored rows and integrity are as they were, and the source goes on.
  Fill(*client, People(), {{1, "Ada", 36}, {2, "Bob", 7}}, kSecond);
  EXPECT_EQ(here_->Mirrorctl({"diagnose"}).exit_code, 0);
}

TEST_F(HooksTest, AuthenticatedMayRefuseACycle) {
  InstallWith(
      "\n[[hook]]\non = [\"authenticated\"]\ncontext_id = \"Cust-2\"\ncommand = [\"/bin/echo\", "
      "'{\"do_not_replicate\": true, \"reason\": \"we move\"}']\n");
  const auto admission = Client("Cust-2")->Authenticate("holder", false, false);
  ASSERT_THAT(admission, IsOk());
  EXPECT_FALSE(admission->accepted());
  EXPECT_TRUE(admission->do_not_replicate());
  EXPECT_EQ(admission->do_not_replicate_by(), v1::DO_NOT_REPLICATE_BY_HOOK);
  EXPECT_EQ(admission->reason(), "we move");
  EXPECT_FALSE(std::filesystem::exists(here_->mirror_path("Cust-2")));
  EXPECT_GT(Begin(*Client()), 0);
}

TEST_F(HooksTest, WhatAuthenticatedRefusesLeavesNoTenant) {
  InstallWith(
      "\n[[hook]]\non = [\"authenticated\"]\ncontext_id = \"Cust-new*\"\ncommand = [\"/bin/sh\", "
      "\"-c\", \"test -e FOLDER/open || echo '{\\\"do_not_replicate\\\": true, \\\"reason\\\": \\\"who are "
      "you\\\"}'\"]\n");
  UseMirror(*Client("Cust-there"));
  const auto stub = here_->Admin(Role::kViewer).value();
  const auto listed = [&] {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::ListTenantsResponse answer;
    EXPECT_TRUE(stub->ListTenants(&context, {}, &answer).ok());
    std::vector<std::string> ids;
    for (const v1::Tenant& tenant : answer.tenants()) ids.push_back(tenant.context_id());
    return ids;
  };
  for (int i = 0; i < 5; ++i) {
    const auto refused = Client(absl::StrCat("Cust-new", i))->Authenticate("holder", false, false);
    ASSERT_THAT(refused, IsOk());
    EXPECT_EQ(refused->do_not_replicate_by(), v1::DO_NOT_REPLICATE_BY_HOOK);
  }
  EXPECT_THAT(listed(), ElementsAre("Cust-there"));
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::GetTenantRequest request;
  request.set_context_id("Cust-new3");
  v1::Tenant unknown;
  // Of an entry without a file another thing is said.
  EXPECT_THAT(ToAbsl(stub->GetTenant(&context, request, &unknown)),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("there is no tenant 'Cust-new3'")));
  // Nor does a refusal take one away that is there.
  WriteFileText(folder_.path() + "/open", "");
  UseMirror(*Client("Cust-new2"));
  std::filesystem::remove(folder_.path() + "/open");
  EXPECT_THAT(Client("Cust-new2")->Authenticate("holder", true, false), IsOk());
  EXPECT_THAT(listed(), testing::UnorderedElementsAre("Cust-there", "Cust-new2"));
}

TEST_F(HooksTest, AuthenticatedThatDoesNotAnswerInTimeLetsTheCycleGoOnAndIsTold) {
  InstallWith("\n[[hook]]\non = [\"authenticated\"]\ncommand = [\"/bin/sleep\", \"600\"]\n");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_GT(Begin(*Client()), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
  EXPECT_THAT(Events("hook.unanswered"), SizeIs(1));
}

TEST_F(HooksTest, ARefusalCountsBesideALineOnTheStandardErrorAndUsesItsToken) {
  InstallWith(
      "\n[[hook]]\non = [\"authenticated\"]\ncommand = [\"/bin/sh\", \"-c\", \"echo asked >> FOLDER/asked; "
      "echo "
      "warning >&2; test -e FOLDER/open || echo '{\\\"do_not_replicate\\\": true, \\\"reason\\\": "
      "\\\"not now\\\"}'\"]\n");
  const Identity identity = here_->SourceIdentity().value();
  const auto stub = v1::MirrorClientService::NewStub(here_->Channel().value());
  const auto authenticate = [&](const std::string& token) {
    v1::AuthenticateRequest request;
    request.set_request_token(token);
    v1::AuthenticateResponse response;
    grpc::ClientContext context;
    SetDeadline(&context);
    const absl::Status status = ToAbsl(stub->Authenticate(&context, request, &response));
    return status.ok() ? absl::StatusOr<v1::AuthenticateResponse>(response) : status;
  };
  const auto token = [&](const std::string& context_id) {
    return harness::Signed(harness::GoodParts(*identity.key, TokenUse::kAuthenticate, identity.issuer,
                                              identity.application_id, context_id),
                           *identity.key);
  };
  const std::string open = folder_.path() + "/open", asked = folder_.path() + "/asked";
  // Of a tenant without a mirror, and of one that has one.
  for (const bool mirrored : {false, true}) {
    SCOPED_TRACE(mirrored);
    if (mirrored) {
      WriteFileText(open, "");
      UseMirror(*Client());
      std::filesystem::remove(open);
    }
    std::filesystem::remove(asked);
    const std::string refused = token("Cust");
    const auto answer = authenticate(refused);
    ASSERT_THAT(answer, IsOk());
    EXPECT_TRUE(answer->do_not_replicate());
    EXPECT_EQ(answer->reason(), "not now");
    EXPECT_EQ(std::filesystem::exists(here_->mirror_path()), mirrored);
    // It is used up, also when the hook would say yes by now, and asks nobody.
    WriteFileText(open, "");
    EXPECT_THAT(authenticate(refused), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("nonce")));
    EXPECT_EQ(ReadFileText(asked), "asked\n");
    std::filesystem::remove(open);
  }
  WriteFileText(open, "");
  const std::string good = token("Cust");
  EXPECT_THAT(authenticate(good), IsOk());
  EXPECT_THAT(authenticate(good), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("nonce")));
}

TEST_F(HooksTest, AnAnswerThatCannotBeReadRefusesWhereTheOperatorSaysSo) {
  InstallWith(
      "\n[[hook]]\nname = \"strict\"\non = [\"authenticated\"]\ncontext_id = \"Cust-2\"\non_error = "
      "\"refuse\"\ncommand = [\"/bin/echo\", \"perhaps\"]\n\n[[hook]]\nname = \"lax\"\non = "
      "[\"authenticated\"]\ncontext_id = \"Cust\"\ncommand = [\"/bin/echo\", \"perhaps\"]\n");
  const auto refused = Client("Cust-2")->Authenticate("holder", false, false);
  ASSERT_THAT(refused, IsOk());
  EXPECT_FALSE(refused->accepted());
  EXPECT_TRUE(refused->do_not_replicate());
  EXPECT_THAT(refused->reason(), HasSubstr("hook did not answer"));
  EXPECT_GT(Begin(*Client()), 0);
  const std::vector<v1::Event> told = Events("hook.unanswered");
  ASSERT_THAT(told, SizeIs(2));
  EXPECT_NE(told[0].severity(), told[1].severity());
}

TEST_F(HooksTest, EventsComeToHooksToo) {
  InstallWith(Appending("\"event\""));
  const auto client = Client();
  Fill(*client, People(), {{1, "Ada", 36}}, kFirst);
  std::vector<std::string> kinds;
  for (const nlohmann::json& one : Told(3)) kinds.push_back(one["kind"].get<std::string>());
  EXPECT_THAT(kinds, AllOf(Contains("tenant.created"), Contains("cycle.completed")));
}

TEST_F(HooksTest, AProgramOfAPartnerServesWithItsOwnHooks) {
  here_ = Installation::Init({.bin_dir = BinDir()}).value();
  ASSERT_THAT(here_->StartProgram("mirror-example"), IsOk());
  const auto client = Client();
  Fill(*client, People(), {{1, "Ada", 36}}, kFirst);
  EXPECT_THAT(here_->server().WaitForLine("completed Cust"), IsOk());
  EXPECT_THAT(here_->server().Output(),
              AllOf(HasSubstr("resolve Cust\n"), HasSubstr("authenticated Cust of Development Source\n"),
                    HasSubstr("tables Cust: 1\n"), HasSubstr("wiped Cust: people\n")));
  EXPECT_THAT(here_->server().WaitForLine("event cycle.completed"), IsOk());
  EXPECT_THAT(here_->Stop(), IsOkAndHolds(0));
}

}  // namespace
}  // namespace mirror::hooks_test
