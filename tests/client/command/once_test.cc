#include "client/command/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "client/state/lock_file.h"
#include "tests/client/command/agent_toml.h"
#include "tests/client/fake_endpoint.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::once_test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// mirror-agent once with a configuration that leads to an endpoint of this process.
class OnceTest : public testing::Test {
 protected:
  void Configure(const std::string& sources) { WriteAgentToml(folder_, endpoint_.address(), sources); }
  int Run(OnceOptions options = {}) {
    options.config = folder_ / "mirror-agent.toml";
    std::ostringstream out, err;
    endpoint_.Settle();
    const int code = Once(options, out, err);
    endpoint_.Settle();
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  TempFolder folder_;
  FakeEndpoint endpoint_{folder_};
  std::string out_, err_;
  std::ostringstream installed_;
};

TEST_F(OnceTest, PrintsALineForEachTableAndWhatItCannotSee) {
  Sql(folder_ / "crm.db", "CREATE TABLE orders(id INTEGER PRIMARY KEY); INSERT INTO orders VALUES(1), (2)");
  Configure(Source("crm.db"));
  EXPECT_EQ(Run(), 0) << err_;
  EXPECT_THAT(out_, ContainsRegex("orders +populate +2 +0 +0 +1 +ok +new in the mirror"));
  EXPECT_THAT(out_, AllOf(HasSubstr("1 populated, 0 changed: 2 inserts, 0 updates, 0 deletes in "),
                          HasSubstr("rows/s"), HasSubstr("keep a table's number of rows are not seen")));
  EXPECT_THAT(err_, IsEmpty());
  ASSERT_EQ(Install({folder_ / "mirror-agent.toml"}, installed_, installed_), 0) << installed_.str();
  EXPECT_EQ(Run(), 0);
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(out_, ContainsRegex("orders +none +0 +0 +0 +[0-9]+ +ok"));
}

TEST_F(OnceTest, ADryRunSaysWhatWaitsAndWritesNothing) {
  Sql(folder_ / "crm.db",
      "CREATE TABLE orders(id INTEGER PRIMARY KEY, n); INSERT INTO orders VALUES(1, 1), (2, 2)");
  Configure(Source("crm.db"));
  EXPECT_EQ(Run({.dry_run = true}), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("orders: never sent: all 2 rows are sent"),
                          HasSubstr("version 1.2.3, accepted the token, and its signature is right"),
                          HasSubstr("Nothing was sent")));
  ASSERT_EQ(Install({folder_ / "mirror-agent.toml"}, installed_, installed_), 0) << installed_.str();
  EXPECT_EQ(Run({.dry_run = true}), 0);
  EXPECT_THAT(out_, HasSubstr("orders: never sent: all 2 rows are sent"));
  EXPECT_EQ(Run(), 0) << err_;
  EXPECT_EQ(Run({.dry_run = true}), 0);
  EXPECT_THAT(out_, HasSubstr("orders: nothing changed since it was sent last"));
  Sql(folder_ / "crm.db", "UPDATE orders SET n = n + 1; CREATE TABLE fresh(x)");
  const auto before = folder_.Names();
  EXPECT_EQ(Run({.dry_run = true}), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("orders: 2 changes logged since it was sent last"),
                          HasSubstr("fresh: new: a log is made, and it has no rows")));
  EXPECT_EQ(folder_.Names(), before);
  EXPECT_EQ(endpoint_.Count("authenticate"), 1U);
  EXPECT_EQ(endpoint_.Count("probe"), 4U);
}

TEST_F(OnceTest, ADryRunRefusesALogThatIsAnothers) {
  Sql(folder_ / "crm.db", "CREATE TABLE orders(id INTEGER PRIMARY KEY)");
  Configure(Source("crm.db"));
  ASSERT_EQ(Install({folder_ / "mirror-agent.toml"}, installed_, installed_), 0) << installed_.str();
  EXPECT_EQ(Run(), 0) << err_;
  Sql(folder_ / "crm.db", "UPDATE _mirror_owner SET context_id = 'Other'");
  EXPECT_EQ(Run({.dry_run = true}), 1);
  EXPECT_THAT(err_, HasSubstr("belongs to another agent: tenant 'Other'"));
  EXPECT_THAT(out_, Not(HasSubstr("nothing changed")));
}

TEST_F(OnceTest, ADryRunForATenantWithoutAMirrorSaysThatAllRowsAreSent) {
  Sql(folder_ / "crm.db", "CREATE TABLE orders(id INTEGER PRIMARY KEY); INSERT INTO orders VALUES(1), (2)");
  Configure(Source("crm.db"));
  ASSERT_EQ(Install({folder_ / "mirror-agent.toml"}, installed_, installed_), 0) << installed_.str();
  EXPECT_EQ(Run(), 0) << err_;
  endpoint_.on_probe = {grpc::StatusCode::PERMISSION_DENIED, "there is no mirror here yet"};
  EXPECT_EQ(Run({.dry_run = true}), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("orders: no mirror yet: all 2 rows are sent"),
                          HasSubstr("the first run makes it")));
}

TEST_F(OnceTest, ASourceThatGetsALogStaysTheSameSource) {
  Sql(folder_ / "crm.db", "CREATE TABLE orders(id INTEGER PRIMARY KEY)");
  Configure(Source("crm.db"));
  EXPECT_EQ(Run(), 0) << err_;
  const std::string source_id = endpoint_.announced.source_id();
  ASSERT_EQ(mirror::Install({folder_ / "mirror-agent.toml"}, installed_, installed_), 0) << installed_.str();
  EXPECT_EQ(Run(), 0) << err_;
  EXPECT_EQ(endpoint_.announced.source_id(), source_id);
}

TEST_F(OnceTest, ASourceWhoseLogIsMadeAnewStaysTheSameSource) {
  Sql(folder_ / "crm.db", "CREATE TABLE orders(id INTEGER PRIMARY KEY)");
  Configure(Source("crm.db"));
  const auto again = [&] { return mirror::Install({folder_ / "mirror-agent.toml"}, installed_, installed_); };
  ASSERT_EQ(again(), 0) << installed_.str();
  EXPECT_EQ(Run(), 0) << err_;
  const std::string source_id = endpoint_.announced.source_id();
  ASSERT_EQ(mirror::Uninstall(folder_ / "mirror-agent.toml", installed_, installed_), 0) << installed_.str();
  EXPECT_EQ(Run(), 0) << err_;
  EXPECT_EQ(endpoint_.announced.source_id(), source_id) << "without a log";
  ASSERT_EQ(again(), 0) << installed_.str();
  EXPECT_EQ(Run(), 0) << err_;
  EXPECT_EQ(endpoint_.announced.source_id(), source_id);
}

TEST_F(OnceTest, ADryRunWithoutAnEndpointFailsAndSaysSo) {
  Sql(folder_ / "crm.db", "CREATE TABLE orders(id INTEGER PRIMARY KEY)");
  Configure(Source("crm.db"));
  endpoint_.Stop();
  EXPECT_EQ(Run({.dry_run = true}), 1);
  EXPECT_THAT(err_, HasSubstr("nobody answers"));
}

TEST_F(OnceTest, BlockedTablesAreShownWithTheirReasonAndNeverAnnounced) {
  Sql(folder_ / "crm.db", "CREATE TABLE orders(x); CREATE TABLE salaries(x); CREATE TABLE salaries_old(x)");
  Configure(Source("crm.db", "blocked = { \"salaries*\" = \"personal data\", wages = \"gone\" }\n"));
  EXPECT_EQ(Run(), 0) << err_;
  EXPECT_THAT(out_, AllOf(ContainsRegex("salaries +none .*blocked +personal data"),
                          ContainsRegex("salaries_old +none .*blocked +personal data"),
                          HasSubstr("no table of the source matches 'wages'")));
  EXPECT_THAT(err_, IsEmpty());
  EXPECT_EQ(endpoint_.announced.tables_size(), 1);
}

TEST_F(OnceTest, JsonHasEveryTableOfEverySource) {
  Sql(folder_ / "crm.db", "CREATE TABLE orders(id INTEGER PRIMARY KEY); INSERT INTO orders VALUES(1), (2)");
  Configure(Source("crm.db"));
  EXPECT_EQ(Run({.repopulate = true, .json = true}), 0) << err_;
  const auto json = nlohmann::json::parse(out_);
  ASSERT_EQ(json.at("sources").size(), 1U);
  const auto& source = json["sources"][0];
  EXPECT_EQ(source.at("context_id"), "Cust");
  EXPECT_EQ(source.at("outcome"), "done");
  const auto& table = source.at("tables").at(0);
  EXPECT_EQ(table.at("table"), "orders");
  EXPECT_EQ(table.at("action"), "populate");
  EXPECT_EQ(table.at("inserts"), 2);
  EXPECT_EQ(table.at("updates"), 0);
  EXPECT_EQ(table.at("deletes"), 0);
  EXPECT_EQ(table.at("lsn"), 1);
  EXPECT_EQ(table.at("result"), "ok");
  EXPECT_THAT(table.at("reason"), HasSubstr("new"));
}

TEST_F(OnceTest, RepopulateSendsWhatIsNamedAndRefusesUnknownNames) {
  Sql(folder_ / "crm.db", "CREATE TABLE a(x); CREATE TABLE b(x)");
  Configure(Source("crm.db", "strategy = \"populate\"\n"));
  ASSERT_EQ(Run(), 0);
  EXPECT_EQ(Run({.repopulate = true, .tables = {"B"}}), 0);
  EXPECT_THAT(out_, AllOf(ContainsRegex("a +none"), ContainsRegex("b +populate.* asked for")));
  const std::size_t calls = endpoint_.log.size();
  EXPECT_EQ(Run({.repopulate = true, .tables = {"a", "c"}}), 2);
  EXPECT_THAT(err_, AllOf(HasSubstr("'c'"), HasSubstr("Nothing was sent.")));
  EXPECT_EQ(endpoint_.log.size(), calls);
}

TEST_F(OnceTest, OneSourceThatFailsDoesNotStopTheOthers) {
  Sql(folder_ / "crm.db", "CREATE TABLE a(x)");
  Configure(Source("gone.db", "", "Gone") + Source("crm.db", "strategy = \"populate\"\n"));
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("Gone: the source '"), HasSubstr("gone.db' is not there")));
  EXPECT_THAT(out_, ContainsRegex("^Gone  failed\nCust  1 table, 1 populated, .*, 1 note\n\n2 "
                                  "sources: 1 done, 1 failed; 0 "
                                  "rows sent in [0-9.]+ s\nnot good: Gone\n$"));
  EXPECT_EQ(Run({.failed = true}), 1);
  EXPECT_THAT(out_, ContainsRegex("^Gone  failed\n\n2 sources: 1 done, 1 failed; "));
  EXPECT_EQ(Run({.context_id = "C*"}), 0);
  EXPECT_THAT(out_, ContainsRegex("a +none +0 +0 +0 +1 +ok")) << "one alone is told in full";
  EXPECT_EQ(Run({.repopulate = true, .details = true}), 1);
  EXPECT_THAT(out_, ContainsRegex("a +populate +0 +0 +0 +[0-9]+ +ok"));
  EXPECT_EQ(Run({.json = true}), 1);
  const auto json = nlohmann::json::parse(out_);
  EXPECT_EQ(json["sources"][0]["outcome"], "failed");
  EXPECT_THAT(json["sources"][0]["reason"], HasSubstr("is not there"));
  EXPECT_EQ(json["sources"][1]["outcome"], "done");
}

TEST_F(OnceTest, TableThatIsRefusedMakesTheExitCodeOne) {
  Sql(folder_ / "crm.db", "CREATE TABLE a(x); CREATE TABLE b(x)");
  Configure(Source("crm.db"));
  endpoint_.actions["a"] = v1::TABLE_ACTION_REFUSED;
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(err_, HasSubstr("Cust: table 'a' refused: because"));
}

TEST_F(OnceTest, ToldNotToReplicateIsNoFailureAndBusyIs) {
  Sql(folder_ / "crm.db", "CREATE TABLE a(x)");
  Configure(Source("crm.db"));
  endpoint_.do_not_replicate = true;
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(out_, HasSubstr("told not to replicate: paused for the inventory"));
  endpoint_.do_not_replicate = false;
  endpoint_.busy = true;
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(err_, HasSubstr("busy"));
}

TEST_F(OnceTest, WhatTheEndpointSaysReachesNoTerminalAsItIs) {
  Sql(folder_ / "crm.db", "CREATE TABLE a(x)");
  Configure(Source("crm.db"));
  endpoint_.busy = true;
  endpoint_.busy_reason = "\x1b[2Jall is well\n\xc2\x9b\xe2\x80\xae";
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(err_, HasSubstr("busy: \\x1b[2Jall is well\\n\\u009b\\u202e"));
}

TEST_F(OnceTest, AMirrorThatPausedItselfIsAFailure) {
  Sql(folder_ / "crm.db", "CREATE TABLE a(x)");
  Configure(Source("crm.db"));
  endpoint_.do_not_replicate = true;
  endpoint_.told_by = v1::DO_NOT_REPLICATE_BY_MISS;
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(err_, HasSubstr("Cust: stopped: the mirror paused itself"));
  endpoint_.told_by = v1::DO_NOT_REPLICATE_BY_OPERATOR;
  EXPECT_EQ(Run(), 0) << err_;
}

TEST_F(OnceTest, ATableThatIsToBeLoggedAndIsNotIsAFailure) {
  Sql(folder_ / "crm.db",
      "CREATE TABLE a(id INTEGER PRIMARY KEY, v); CREATE TABLE b(id INTEGER PRIMARY KEY)");
  Configure(
      Source("crm.db", "strategy = \"synthetic\"\n[[source.table]]\nname = \"a\"\nstrategy = \"cdc\"\n"));
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(err_,
              AllOf(HasSubstr("table 'a' failed"), HasSubstr("mirror-agent install"), Not(HasSubstr("'b'"))));
  ASSERT_EQ(mirror::Install({folder_ / "mirror-agent.toml"}, installed_, installed_), 0) << installed_.str();
  EXPECT_EQ(Run(), 0) << err_;
}

TEST_F(OnceTest, ATableOfTheConfigurationThatIsNotThereIsTold) {
  Sql(folder_ / "crm.db",
      "CREATE TABLE a(id INTEGER PRIMARY KEY, v); CREATE VIEW seen AS SELECT id FROM a; CREATE TABLE "
      "left_out(x)");
  Configure(Source("crm.db",
                   "strategy = \"synthetic\"\nskip = [\"left*\"]\n[[source.table]]\nname = \"oders\"\n"
                   "[[source.table]]\nname = \"seen\"\n[[source.table]]\nname = \"left_out\"\n"));
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("'oders', line"), HasSubstr("no such table or view"),
                          HasSubstr("views are sent only with a 'key'"), Not(HasSubstr("left_out"))));
  EXPECT_THAT(out_, HasSubstr("'include' and 'skip' leave it out"));
  EXPECT_EQ(endpoint_.tables.count("a"), 1U) << "the others go on";
}

TEST_F(OnceTest, AgentAtWorkForTheTenantIsNotDisturbed) {
  Sql(folder_ / "crm.db", "CREATE TABLE a(x)");
  Configure(Source("crm.db"));
  const auto lock = LockFile::Acquire(folder_ / "agent-state", "Cust");
  ASSERT_THAT(lock, IsOk());
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(err_, HasSubstr("another mirror-agent is at work"));
  EXPECT_THAT(endpoint_.log, IsEmpty());
}

TEST_F(OnceTest, CdcWithoutAChangeLogSaysThatItPopulates) {
  Sql(folder_ / "crm.db", "CREATE TABLE a(x)");
  Configure(Source("crm.db", "strategy = \"cdc\"\n"));
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(out_, HasSubstr("no change log is installed"));
  // From now on an update would not be seen.
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("table 'a' failed"), HasSubstr("mirror-agent install")));
  EXPECT_EQ(Run({.repopulate = true}), 0) << err_;
}

TEST_F(OnceTest, WrongConfigurationIsExitCodeTwo) {
  EXPECT_EQ(Run(), 2);  // None at all.
  EXPECT_THAT(err_, HasSubstr("is not there"));
  Configure("");
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(err_, HasSubstr("there is no [[source]]"));
  Configure(Source("crm.db", "pth = 1\n"));
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(err_, HasSubstr(":13: [[source]] 'pth' is not a key; did you mean 'path'?"));
  std::filesystem::remove(folder_ / "application.crt");
  Configure(Source("crm.db"));
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(err_, HasSubstr("[identity] 'application_certificate'"));
  std::filesystem::permissions(folder_ / "source.key", std::filesystem::perms(0644));
  EXPECT_EQ(Run(), 2);
  EXPECT_THAT(err_, HasSubstr("[identity] 'key'"));
}

class BusySourceOnceTest : public OnceTest, public testing::WithParamInterface<std::string> {};

INSTANTIATE_TEST_SUITE_P(Strategies, BusySourceOnceTest,
                         testing::Values("synthetic", "watermark", "watermark_cdc", "window", "populate"),
                         [](const auto& test) { return test.param; });

TEST_P(BusySourceOnceTest, ARollbackJournalUnderAProgramThatCommitsAllTheTimeIsRead) {
  Sql(folder_ / "crm.db",
      "CREATE TABLE orders(id INTEGER PRIMARY KEY, at INT, v TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION "
      "ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO orders SELECT i, unixepoch(), 'x' FROM n;"
      "CREATE INDEX by_time ON orders(at); CREATE TABLE counter(n); INSERT INTO counter VALUES (0)");
  const bool by_column = GetParam() != "synthetic" && GetParam() != "populate";
  Configure(Source("crm.db", absl::StrCat("strategy = \"", GetParam(),
                                          "\"\nskip = [\"counter\"]\nverify_interval = \"0s\"\n",
                                          by_column ? "[[source.table]]\nname = \"orders\"\nstrategy = \"" +
                                                          GetParam() + "\"\nwatermark = \"at\"\n"
                                                    : "")));
  std::atomic<bool> enough = false;
  std::thread writer([&] {
    Application app(folder_ / "crm.db");
    while (!enough) app.Run("UPDATE counter SET n = n + 1");
  });
  EXPECT_EQ(Run(), 0) << out_ << err_;
  EXPECT_EQ(endpoint_.tables["orders"].rows, 20'000U);
  enough = true;
  writer.join();
}

TEST_F(OnceTest, NamesCannotSpeakToTheTerminal) {
  Sql(folder_ / "crm.db",
      "CREATE TABLE \"\x1b[31mred\nline\"(x); CREATE TABLE \"" + std::string(100, 'n') + "\"(x)");
  Configure(Source("crm.db"));
  EXPECT_EQ(Run(), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("\\x1b[31mred\\nline"), HasSubstr("nnnnnnnnnnnnnnnnnnnn…  populate"),
                          Not(HasSubstr("\x1b")), Not(HasSubstr(std::string(38, 'n')))));
}

}  // namespace
}  // namespace mirror::once_test
