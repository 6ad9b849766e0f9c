#include "client/source/postgres/publication.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/text/text_stream.h"
#include "client/command/commands.h"
#include "tests/client/command/agent_toml.h"
#include "tests/client/source/postgres/replication_source.h"
#include "tests/support/processes.h"

namespace mirror::publication_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

/// A script of psql as it may be given to the server itself.
std::string WithoutPsql(const std::string& script) {
  std::string sql;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(script, '\n'))) {
    if (line.empty() || line.front() != '\\') absl::StrAppend(&sql, line, "\n");
  }
  return sql;
}

class PublicationTest : public ReplicationTest {
 protected:
  void SetUp() override {
    ReplicationTest::SetUp();
    if (connection_ == nullptr) return;
    // Neither of them is a superuser.
    Sql("CREATE ROLE owner LOGIN; CREATE ROLE agent LOGIN; CREATE SCHEMA app AUTHORIZATION owner");
    Sql("GRANT CREATE ON DATABASE " + Text("SELECT quote_ident(current_database())") + " TO owner");
    owner_ = Connect(conninfo_ + " user=owner");
    wish_ = {kPublication, kSlot, "source-1", {}};
  }
  void Own(const std::string& sql) {
    ASSERT_THAT(owner_->Execute("SET search_path TO app, pg_catalog; " + sql), IsOk()) << sql;
  }
  /// The publication as it has to be by now.
  std::optional<PublicationFacts> Facts() {
    const auto facts = ReadPublication(*connection_, kPublication);
    EXPECT_THAT(facts, IsOk());
    return facts.ok() ? *facts : std::nullopt;
  }
  std::vector<std::string> Published() {
    std::vector<std::string> names;
    const auto facts = Facts();
    for (const PublishedTable& table : facts ? facts->tables : std::vector<PublishedTable>())
      names.push_back(table.name);
    std::sort(names.begin(), names.end());
    return names;
  }
  std::vector<std::string> Install() {
    wish_.tables = Tables(*owner_, "app");
    auto run = InstallPublication(*owner_, wish_);
    EXPECT_THAT(run, IsOk());
    return run.ok() ? *run : std::vector<std::string>();
  }
  std::string WhyNot(const std::string& table) {
    for (const PostgresTable& one : Tables(*connection_, "app")) {
      if (one.name == table) return WhyUnpublishable(one);
    }
    return "there is no table " + table;
  }

  std::unique_ptr<postgres::Connection> owner_;
  PublicationWish wish_;
};

TEST_F(PublicationTest, TablesThatCannotBePublishedSayWhyAndGoOn) {
  Own("CREATE TABLE plain (id int PRIMARY KEY, v int); CREATE TABLE none (v int); "
      "CREATE TABLE waits (id int PRIMARY KEY DEFERRABLE, v int); "
      "CREATE TABLE computed (v int, id int GENERATED ALWAYS AS (v + 1) STORED PRIMARY KEY); "
      "CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY, v int); "
      "CREATE TABLE whole (id int PRIMARY KEY, v int); ALTER TABLE whole REPLICA IDENTITY FULL; "
      "CREATE TABLE nothing (id int PRIMARY KEY, v int); ALTER TABLE nothing REPLICA IDENTITY NOTHING; "
      "CREATE TABLE other (id int PRIMARY KEY, v int NOT NULL UNIQUE); "
      "ALTER TABLE other REPLICA IDENTITY USING INDEX other_v_key; "
      "CREATE TABLE parent (id int PRIMARY KEY, v int); CREATE TABLE child () INHERITS (parent); "
      "CREATE TABLE parted (id int PRIMARY KEY, v int) PARTITION BY RANGE (id); "
      "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10); "
      "CREATE TABLE bad (id int PRIMARY KEY, v int) PARTITION BY RANGE (id); "
      "CREATE TABLE bad_1 PARTITION OF bad FOR VALUES FROM (0) TO (10); "
      "ALTER TABLE bad_1 REPLICA IDENTITY FULL; "
      "CREATE TABLE lossy (id int PRIMARY KEY, v int) PARTITION BY RANGE (id); "
      "CREATE UNLOGGED TABLE lossy_1 PARTITION OF lossy FOR VALUES FROM (0) TO (10)");
  for (const char* const good : {"plain", "parent", "parted"}) EXPECT_EQ(WhyNot(good), "") << good;
  EXPECT_THAT(WhyNot("none"), HasSubstr("no primary key"));
  EXPECT_THAT(WhyNot("child"), HasSubstr("no primary key"));
  EXPECT_THAT(WhyNot("waits"), HasSubstr("deferrable"));
  EXPECT_THAT(WhyNot("computed"), HasSubstr("is computed"));
  EXPECT_THAT(WhyNot("unlogged"), HasSubstr("unlogged"));
  EXPECT_THAT(WhyNot("whole"), HasSubstr("FULL"));
  EXPECT_THAT(WhyNot("nothing"), HasSubstr("NOTHING"));
  EXPECT_THAT(WhyNot("other"), HasSubstr("another index"));
  EXPECT_THAT(WhyNot("bad"), AllOf(HasSubstr("bad_1"), HasSubstr("FULL")));
  EXPECT_THAT(WhyNot("lossy"), AllOf(HasSubstr("lossy_1"), HasSubstr("unlogged")));
  Install();
  EXPECT_THAT(Published(), ElementsAre("parent", "parted", "plain"));
  // The application changes all of them as before.
  for (const char* const table : {"plain", "none", "waits", "computed", "unlogged", "whole", "nothing",
                                  "other", "parent", "child", "parted", "bad", "lossy"}) {
    Own(absl::StrCat("INSERT INTO ", table,
                     std::string(table) == "none" || std::string(table) == "computed"
                         ? " (v) VALUES (1)"
                         : " (id, v) VALUES (1, 1)",
                     "; UPDATE ", table, " SET v = 2; DELETE FROM ", table));
  }
}

TEST_F(PublicationTest, ForeignPartitionsAreInAnotherLog) {
  // There is no need of a wrapper that works.
  Sql("CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER far FOREIGN DATA WRAPPER nowhere; SET search_path "
      "TO "
      "app, pg_catalog; CREATE TABLE f (id int, v int) PARTITION BY RANGE (id); CREATE FOREIGN TABLE f_1 "
      "PARTITION "
      "OF f FOR VALUES FROM (0) TO (10) SERVER far");
  for (PostgresTable& table : Tables(*connection_, "app")) {
    // PostgreSQL makes no key of a table with such a partition.
    table.key = {1};
    EXPECT_THAT(WhyUnpublishable(table), HasSubstr("another database"));
  }
}

TEST_F(PublicationTest, InstallingAgainChangesWhatIsOtherwise) {
  Own("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE \"B \"\"x\"\"\" (id int PRIMARY KEY, v int)");
  EXPECT_THAT(Install(),
              ElementsAre(StartsWith("CREATE PUBLICATION \"_mirror test\" FOR TABLE ONLY \"app\".\"a\","),
                          StartsWith("COMMENT ON PUBLICATION")));
  EXPECT_THAT(Published(), ElementsAre("B \"x\"", "a"));
  auto facts = Facts();
  ASSERT_TRUE(facts);
  EXPECT_EQ(WhyUnusable(*facts), "");
  EXPECT_EQ(SourceIdOf(facts->comment), "source-1");
  EXPECT_THAT(Install(), IsEmpty());
  EXPECT_EQ(Facts()->tables.front().membership, facts->tables.front().membership);
  // A table more, one less.
  Own("CREATE TABLE c (id int PRIMARY KEY); DROP TABLE a");
  EXPECT_THAT(Install(), ElementsAre("ALTER PUBLICATION \"_mirror test\" ADD TABLE ONLY \"app\".\"c\""));
  Own("ALTER TABLE c DROP CONSTRAINT c_pkey");
  EXPECT_THAT(Install(), ElementsAre("ALTER PUBLICATION \"_mirror test\" DROP TABLE ONLY \"app\".\"c\""));
  EXPECT_THAT(Published(), ElementsAre("B \"x\""));
}

TEST_F(PublicationTest, WhatAPublicationMustNotBeIsFoundAndMended) {
  Own("CREATE TABLE a (id int PRIMARY KEY, v int); CREATE TABLE p (id int PRIMARY KEY, v int) PARTITION BY "
      "RANGE "
      "(id); CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (10)");
  Install();
  const std::string alter = absl::StrCat("ALTER PUBLICATION \"", kPublication, "\" ");
  const auto problem = [this](const std::string& table) {
    const auto facts = Facts();
    std::uint32_t oid = 0;
    for (const PostgresTable& one : Tables(*connection_, "app")) oid = one.name == table ? one.oid : oid;
    return !facts          ? "there is none"
           : table.empty() ? WhyUnusable(*facts)
                           : WhyNotStreamed(*facts, oid, table);
  };
  for (const char* const table : {"", "a", "p"}) EXPECT_EQ(problem(table), "");
  Own(alter + "SET (publish = 'insert, update, delete')");
  EXPECT_THAT(problem(""), AllOf(HasSubstr("leaves out"), HasSubstr("mirror-agent install")));
  Own(alter + "SET (publish_via_partition_root = true, publish = 'insert, update, delete, truncate')");
  EXPECT_THAT(problem(""), HasSubstr("publish_via_partition_root"));
  EXPECT_EQ(Install().size(), 1U);
  EXPECT_EQ(problem(""), "");
  Own(alter + "SET TABLE app.a WHERE (id > 5), app.p");
  EXPECT_THAT(problem("a"), HasSubstr("row filter"));
  EXPECT_EQ(problem("p"), "");
  Own(alter + "SET TABLE app.a (id), app.p, app.p_1 WHERE (id > 5)");
  EXPECT_THAT(problem("a"), HasSubstr("list of columns"));
  EXPECT_THAT(problem("p"), HasSubstr("row filter"));
  Install();
  for (const char* const table : {"", "a", "p"}) EXPECT_EQ(problem(table), "");
  EXPECT_THAT(Published(), ElementsAre("a", "p"));
  Own("CREATE TABLE late (id int PRIMARY KEY)");
  EXPECT_THAT(problem("late"), AllOf(HasSubstr("'late' is not in the publication"), HasSubstr("install")));
  // What is for all tables is nothing to be mended.
  for (const char* const all : {"FOR ALL TABLES", "FOR TABLES IN SCHEMA app"}) {
    Sql(absl::StrCat("DROP PUBLICATION \"", kPublication, "\"; CREATE PUBLICATION \"", kPublication, "\" ",
                     all));
    EXPECT_THAT(problem(""), HasSubstr("DROP PUBLICATION")) << all;
    EXPECT_THAT(InstallPublication(*connection_, wish_),
                StatusIs(StatusCode::kFailedPrecondition, HasSubstr("for all tables")))
        << all;
  }
}

TEST_F(PublicationTest, AnotherSourcesPublicationIsLeftAlone) {
  Own("CREATE TABLE a (id int PRIMARY KEY)");
  Install();
  wish_.source_id = "source-2";
  EXPECT_THAT(InstallPublication(*owner_, wish_),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("source-1")));
  EXPECT_THAT(UninstallPublication(*connection_, kSlot, kPublication, "source-2", "mirror-agent"),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("source-1")));
  EXPECT_TRUE(Facts());
}

TEST_F(PublicationTest, RightsThatAreMissingAreNamedAndNothingIsChanged) {
  Own("CREATE TABLE a (id int PRIMARY KEY)");
  wish_.tables = Tables(*owner_, "app");
  const auto agent = Connect(conninfo_ + " user=agent");
  EXPECT_THAT(InstallPublication(*agent, wish_),
              StatusIs(StatusCode::kPermissionDenied, HasSubstr("CREATE on the database")));
  Sql("GRANT CREATE ON DATABASE " + Text("SELECT quote_ident(current_database())") + " TO agent");
  EXPECT_THAT(InstallPublication(*agent, wish_),
              StatusIs(StatusCode::kPermissionDenied, HasSubstr("--print-sql")));
  EXPECT_FALSE(Facts());
  // Who changes a table's definition is not waited for.
  ASSERT_THAT(connection_->Execute("BEGIN; LOCK TABLE app.a"), IsOk());
  ASSERT_THAT(owner_->Execute("SET lock_timeout TO '50ms'"), IsOk());
  EXPECT_THAT(InstallPublication(*owner_, wish_), StatusIs(StatusCode::kUnavailable, HasSubstr("try again")));
  Sql("ROLLBACK");
  EXPECT_FALSE(Facts());
  Install();
  EXPECT_TRUE(Facts());
}

TEST_F(PublicationTest, TheScriptForADbaGivesTheAgentAllItNeeds) {
  Own("CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE "
      "(id); "
      "CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE none (v int)");
  wish_.tables = Tables(*connection_, "app");
  const auto script = InstallScript(wish_, std::nullopt, {"app", "agent"});
  ASSERT_THAT(script, IsOk());
  EXPECT_THAT(*script, Not(HasSubstr("ONLY \"app\".\"none\"")));
  Sql(WithoutPsql(*script));
  EXPECT_EQ(Text("SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = 'agent'"),
            "f");
  // By the least role: it reads, streams, and marks.
  access_.dsn = conninfo_ + " user=agent";
  PostgresSessions sessions(access_);
  const auto session = sessions.Take();
  ASSERT_THAT(session.status(), IsOk());
  const auto facts = ReadPublication(**session, kPublication);
  ASSERT_TRUE(facts.ok() && *facts);
  EXPECT_EQ(WhyUnusable(**facts), "");
  for (const PostgresTable& table : Tables(**session, "app")) {
    EXPECT_THAT((*session)->Number("SELECT count(*) FROM " + table.Rows()), IsOkAndHolds(0)) << table.name;
    EXPECT_EQ(WhyNotStreamed(**facts, table.oid, table.name) == "", table.name != "none");
  }
  const auto stream = OpenStream();
  ASSERT_NE(stream, nullptr);
  Own("INSERT INTO a VALUES (1, 'x'); INSERT INTO p VALUES (2)");
  ASSERT_THAT(EmitMarker(**session, "end"), IsOk());
  EXPECT_EQ(ReadTo(*stream, "end").messages.size(), 9U);
  ASSERT_THAT(LookAtLog(**session), IsOk());
  // Once more: what stands is left as it is.
  const auto again = InstallScript(wish_, **facts, {"app", "agent"});
  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(*again, Not(HasSubstr("PUBLICATION")));
  Sql(WithoutPsql(*again));
  EXPECT_EQ(Text("SELECT count(*) FROM pg_replication_slots"), "1");
}

TEST_F(PublicationTest, TheScriptIsForPsqlHoweverLongItsNamesAre) {
  const auto name = [](std::string begin) {
    while (begin.size() < 60) begin += " name";
    return QuoteName(begin.substr(0, 59) + "x");
  };
  const std::string schema = name("app"), table = name("orders"), role = name("agent");
  Sql(absl::StrCat("CREATE SCHEMA ", schema, "; CREATE TABLE ", schema, ".", table,
                   " (id int PRIMARY KEY); CREATE ROLE ", role, " LOGIN; GRANT USAGE ON SCHEMA ", schema,
                   " TO ", role));
  const std::string dsn = absl::StrReplaceAll(
      conninfo_, {{"user=mirror", absl::StrCat("user='", absl::StrReplaceAll(role, {{"\"", ""}}), "'")}});
  const TempFolder folder;
  WriteAgentToml(folder, kNoEndpoint,
                 absl::StrCat("[agent]\nstate_dir = \"state\"\n[[source]]\ncontext_id = \"Cust\"\nkind = "
                              "\"postgres\"\ndsn = \"",
                              dsn, "\"\nschemas = [", schema, "]\n"));
  const InstallOptions options{.config = folder / "mirror-agent.toml", .print_sql = true};
  std::ostringstream plain, piped, errors;
  ASSERT_EQ(mirror::Install(options, plain, errors), 0) << errors.str();
  {
    TextStream out(piped);  // As the program's own is, when its reader is a pipe.
    ASSERT_EQ(mirror::Install(options, out, errors), 0) << errors.str();
  }
  EXPECT_EQ(piped.str(), plain.str());
  EXPECT_THAT(piped.str(), HasSubstr(absl::StrCat(schema, ".", table)));
  const std::string script = folder / "script.sql";
  WriteFileText(script, piped.str());
  const Finished psql = RunProgram(
      "/bin/sh",
      {"-c", "cat \"$1\" | /usr/bin/psql -X -q -v ON_ERROR_STOP=1 -d \"$2\"", "sh", script, conninfo_});
  EXPECT_EQ(psql.exit_code, 0) << psql.errors;
  const auto agent = Connect(dsn);
  ASSERT_NE(agent, nullptr);
  EXPECT_THAT(agent->Number(absl::StrCat("SELECT count(*) FROM ", schema, ".", table)), IsOkAndHolds(0));
  EXPECT_EQ(Text("SELECT count(*) FROM pg_replication_slots"), "1");
}

TEST_F(PublicationTest, TheTablesOwnerRunsTheScriptOfARoleThatMayReplicate) {
  Own("CREATE TABLE a (id int PRIMARY KEY)");
  wish_.tables = Tables(*connection_, "app");
  Sql("ALTER ROLE agent REPLICATION");
  const auto script = InstallScript(wish_, std::nullopt, {"app", "agent", /*may_replicate=*/true});
  ASSERT_THAT(script, IsOk());
  EXPECT_THAT(*script, AllOf(StartsWith("\\set ON_ERROR_STOP on\n"), Not(HasSubstr("ALTER ROLE")),
                             Not(HasSubstr("\\echo"))));
  ASSERT_THAT(owner_->Execute(WithoutPsql(*script)), IsOk());
  EXPECT_TRUE(Facts());
  EXPECT_EQ(Text("SELECT count(*) FROM pg_replication_slots"), "0") << "the first cycle makes it";
}

TEST_F(PublicationTest, TheScriptRunsNoFunctionOfAnother) {
  Own("CREATE TABLE a (id int PRIMARY KEY)");
  wish_.tables = Tables(*connection_, "app");
  // Its arguments fit two texts better than PostgreSQL's own does.
  Sql("CREATE FUNCTION public.pg_create_logical_replication_slot(text, text) RETURNS text LANGUAGE plpgsql "
      "AS "
      "$$ BEGIN RAISE EXCEPTION 'as %', current_user; END $$");
  const auto script = InstallScript(wish_, std::nullopt, {"app", "agent"});
  ASSERT_THAT(script, IsOk());
  // As psql has it.
  Sql("SET search_path TO \"$user\", public");
  Sql(WithoutPsql(*script));
  EXPECT_EQ(Text("SELECT count(*) FROM pg_replication_slots"), "1");
  EXPECT_EQ(Text("SHOW search_path"), "pg_catalog, pg_temp");
}

TEST_F(PublicationTest, TheScriptSaysThatAServersLogHasNoChanges) {
  const auto script = InstallScript(wish_, std::nullopt, {"app", "agent", false, "replica"});
  EXPECT_THAT(script, IsOkAndHolds(AllOf(HasSubstr("wal_level of the server is replica"),
                                         HasSubstr("ALTER SYSTEM SET wal_level = logical;"))));
}

TEST_F(PublicationTest, UninstallingLeavesNothingAndIsHarmlessAgain) {
  Own("CREATE TABLE a (id int PRIMARY KEY)");
  Install();
  MakeSlot();
  Sql("ALTER ROLE owner REPLICATION; ALTER ROLE agent REPLICATION");
  // The agent may drop its slot, and not the owner's publication.
  const auto agent = Connect(conninfo_ + " user=agent");
  EXPECT_THAT(UninstallPublication(*agent, kSlot, kPublication, "source-1", "mirror-agent"),
              StatusIs(StatusCode::kPermissionDenied, HasSubstr("DROP PUBLICATION \"_mirror test\"")));
  EXPECT_EQ(Text("SELECT count(*) FROM pg_replication_slots"), "0");
  MakeSlot();
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(UninstallPublication(*owner_, kSlot, kPublication, "source-1", "mirror-agent"), IsOk());
    EXPECT_EQ(
        Text("SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_publication)"),
        "0");
  }
  // A reader that is another's keeps both.
  Install();
  MakeSlot();
  access_.application_name = "somebody";
  const auto stream = OpenStream();
  EXPECT_EQ(LogTroubleOf(UninstallPublication(*connection_, kSlot, kPublication, "source-1", "mirror-agent")),
            LogTrouble::kInUse);
  EXPECT_TRUE(Facts());
}

}  // namespace
}  // namespace mirror::publication_test
