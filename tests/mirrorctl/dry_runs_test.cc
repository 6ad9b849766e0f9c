// --dry-run and --expect: what is sent, what is shown, and that a server which would act is sent nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/mirrorctl/admin_endpoint.h"

namespace mirror::dry_runs_test {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using Json = nlohmann::ordered_json;

class DryRunCommands : public AdminEndpoint {
 protected:
  void SetUp() override {
    AdminEndpoint::SetUp();
    ServerIs("0.2.0");
    v1::Consequences& counted = *fake_.reset.mutable_consequences();
    v1::Consequence& table = *counted.add_tables();
    table.set_table("contact");
    table.set_rows(1'234);
    table.set_partner_rows(2);
    table.add_objects("index 'by_name'");
    table.add_keys("17");
    counted.add_notes("no copy is kept");
    counted.set_token("0123456789abcdef");
  }

  void ServerIs(const std::string& version) {
    fake_.servers.clear_servers();
    v1::ServerInfo& server = *fake_.servers.add_servers();
    server.set_here(true);
    server.set_version(version);
  }

  const std::vector<std::string> reset_ = {"reset", "Cust", "--table", "contact"};
  Finished Reset(const std::vector<std::string>& more) {
    std::vector<std::string> words = reset_;
    words.insert(words.end(), more.begin(), more.end());
    return Run(words);
  }
};

TEST_F(DryRunCommands, WhatIsCountedIsShownWithItsToken) {
  const Finished run = Reset({"--dry-run", "--keys"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.output, AllOf(HasSubstr("contact  1,234             2"), HasSubstr("index 'by_name'"),
                                HasSubstr("keys of contact: 17\n"), HasSubstr("no copy is kept\n"),
                                HasSubstr("nothing was done; run the command with --expect 0123456789abcdef "
                                          "to do it")));
  EXPECT_THAT(
      fake_.Calls(),
      ElementsAre(StartsWith("ListServers"),
                  "ResetTable context_id: \"Cust\" tables: \"contact\" dry_run: true with_keys: true"));
}

TEST_F(DryRunCommands, ProgramsGetAnObject) {
  const Json shown = Json::parse(Reset({"--dry-run", "--json"}).output);
  EXPECT_EQ(shown["token"], "0123456789abcdef");
  EXPECT_EQ(shown["tables"][0]["rows"], 1'234);
  EXPECT_EQ(shown["tables"][0]["restored"], nullptr);
}

TEST_F(DryRunCommands, ATokenIsSentWithTheAct) {
  fake_.reset.clear_consequences();
  fake_.reset.add_tables("contact");
  const Finished run = Reset({"--expect", "0123456789abcdef"});
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(fake_.Calls().back(), HasSubstr("expect: \"0123456789abcdef\""));
}

TEST_F(DryRunCommands, AServerOfBeforeIsSentNothing) {
  for (const char* const version : {"0.1.0", "0.1.9", "", "odd"}) {
    ServerIs(version);
    for (const std::vector<std::string>& more :
         {std::vector<std::string>{"--dry-run"}, std::vector<std::string>{"--expect", "0123456789abcdef"}}) {
      const Finished run = Reset(more);
      EXPECT_EQ(run.exit_code, 1) << version;
      EXPECT_THAT(run.errors, HasSubstr("Nothing was sent to it"));
    }
  }
  EXPECT_THAT(fake_.Calls(), Each(StartsWith("ListServers")));
}

TEST_F(DryRunCommands, AnAnswerWithoutCountsIsNoDryRun) {
  fake_.reset.clear_consequences();
  const Finished run = Reset({"--dry-run"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.errors, HasSubstr("may have executed the command"));
}

TEST_F(DryRunCommands, WhatDoesNotGoTogetherIsWrongUsage) {
  EXPECT_EQ(Reset({"--dry-run", "--expect", "0"}).exit_code, 2);
  EXPECT_EQ(Reset({"--keys"}).exit_code, 2);
  EXPECT_EQ(Run({"delete", "Cust", "--confirm", "Cust", "--json"}).exit_code, 2);
  EXPECT_EQ(Run({"restore", "Cust", "/copy.db", "--confirm", "Cust", "--quick"}).exit_code, 2);
  EXPECT_EQ(Run({"delete", "Cust"}).exit_code, 2);
  EXPECT_THAT(fake_.Calls(), ElementsAre());
}

}  // namespace
}  // namespace mirror::dry_runs_test
