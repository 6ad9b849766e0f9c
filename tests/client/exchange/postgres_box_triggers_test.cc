#include "client/exchange/postgres_box_triggers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/db/postgres/pipeline.h"
#include "client/exchange/postgres_own_check.h"
#include "client/exchange/postgres_write_checks.h"
#include "client/source/postgres/postgres_catalog.h"
#include "client/source/source_finding.h"
#include "tests/client/source/postgres_source.h"

namespace mirror::postgres_box_triggers_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A body that the version before had, in short: it asks for casts of what a table's owner made.
constexpr char kFormer[] =
    "CREATE FUNCTION _mirror_datajoin_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET "
    "search_path = pg_catalog, pg_temp AS $$ BEGIN INSERT INTO public._mirror_datajoin_change (table_name, "
    "key, operation) VALUES (TG_TABLE_NAME, CAST(to_json(NEW) AS text), 'I'); RETURN NULL; END $$";

/// A database of two roles: `app` owns its tables, `eve` owns nothing. Neither is a superuser.
class PostgresBoxTriggersTest : public PostgresSourceTest {
 protected:
  void Fill() override {
    PostgresSourceTest::Fill();
    // Roles are of the whole server.
    for (const char* const role : {"app", "eve"}) {
      Sql(absl::StrCat("DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '", role,
                       "') THEN CREATE ROLE ", role, " LOGIN; END IF; END $$"));
    }
    Sql("GRANT CREATE ON SCHEMA public TO app; GRANT ALL ON SCHEMA public TO eve");
    Sql("SET ROLE app; CREATE TABLE orders (id int PRIMARY KEY, note text); RESET ROLE");
  }
  std::unique_ptr<postgres::Connection> As(const std::string& role) {
    auto session = Connect(conninfo_ + " user=" + role);
    EXPECT_THAT(
        session->Execute("SET search_path TO public, pg_catalog; SET default_transaction_read_only TO "
                         "off"),
        IsOk());
    return session;
  }
  absl::StatusOr<std::vector<std::string>> Statements(postgres::Connection& connection,
                                                      BoxesBy by = BoxesBy::kSession) {
    postgres::Pipeline pipeline(*connection_);
    const PostgresTableQueries queries("public");
    queries.Queue(pipeline);
    const auto rows = pipeline.Run();
    EXPECT_THAT(rows.status(), IsOk());
    auto tables = queries.Take(*rows);
    EXPECT_THAT(tables.status(), IsOk());
    std::erase_if(*tables, [](const PostgresTable& table) {
      return table.name.starts_with("_mirror") || table.name == "x";
    });
    return BoxTriggerStatements(connection, "public", *tables, {}, by);
  }
  /// As a superuser; what is there then is all there is to do.
  void Install() {
    const auto statements = Statements(*connection_);
    ASSERT_THAT(statements.status(), IsOk());
    Sql("BEGIN");
    for (const std::string& sql : *statements) Sql(sql);
    Sql("COMMIT");
    EXPECT_THAT(Statements(*connection_), IsOkAndHolds(IsEmpty()));
  }
  /// Entries since the last call: "orders ["1"] U ["note"]".
  std::vector<std::string> Told() {
    const auto rows = connection_->Query(
        "WITH taken AS (DELETE FROM _mirror_datajoin_change RETURNING *) SELECT concat_ws(' ', table_name, "
        "key, operation, columns) FROM taken ORDER BY seq");
    EXPECT_THAT(rows.status(), IsOk());
    std::vector<std::string> told;
    for (int row = 0; rows.ok() && row < rows->rows(); ++row) told.push_back(rows->Text(row, 0));
    return told;
  }
  NoteFunction Function() {
    const auto function = FindNoteFunction(*connection_, "public");
    EXPECT_THAT(function.status(), IsOk());
    return function.value_or(NoteFunction());
  }
};

TEST_F(PostgresBoxTriggersTest, ItBelongsToARoleThatCanDoNothingElse) {
  Install();
  const NoteFunction function = Function();
  EXPECT_TRUE(function.fits);
  EXPECT_FALSE(function.is_public);
  EXPECT_EQ(function.owner, kNotesRole);
  EXPECT_EQ(WhyUnsafe(function), "");
  EXPECT_EQ(Text("SELECT (rolsuper OR rolcanlogin OR rolcreatedb OR rolcreaterole OR rolreplication OR "
                 "rolbypassrls)::text FROM pg_roles WHERE rolname = 'mirror_notes'"),
            "false");
  EXPECT_EQ(
      Text("SELECT string_agg(concat(relname, ' ', privilege_type), ', ' ORDER BY relname) FROM pg_class "
           "CROSS JOIN aclexplode(relacl) AS a WHERE a.grantee = 'mirror_notes'::regrole"),
      "_mirror_datajoin_change INSERT, _mirror_datajoin_table SELECT");
  // Whose rows they are need not know of it.
  const auto app = As("app");
  ASSERT_THAT(
      app->Execute("INSERT INTO orders VALUES (1, 'a'); UPDATE orders SET note = 'b'; UPDATE orders SET "
                   "id = 2; DELETE FROM orders"),
      IsOk());
  EXPECT_THAT(Told(), ElementsAre(R"(orders ["1"] I)", R"(orders ["1"] U ["note"])", R"(orders ["1"] D)",
                                  R"(orders ["2"] I)", R"(orders ["2"] D)"));
}

TEST_F(PostgresBoxTriggersTest, NoOtherRoleCanUseIt) {
  Install();
  const auto eve = As("eve");
  ASSERT_THAT(eve->Execute("CREATE TEMP TABLE x (id int)"), IsOk());
  constexpr char kTrigger[] =
      "CREATE TRIGGER t AFTER INSERT ON %s FOR EACH ROW EXECUTE FUNCTION "
      "public._mirror_datajoin_note('orders', 'id')";
  EXPECT_THAT(eve->Execute(absl::StrReplaceAll(kTrigger, {{"%s", "pg_temp.x"}})).ToString(),
              HasSubstr("permission denied for function public._mirror_datajoin_note"));
  // Nor with a trigger that it made before, when every role could.
  Sql("CREATE TABLE x (id int); ALTER TABLE x OWNER TO eve");
  Sql(absl::StrReplaceAll(kTrigger, {{"%s", "x"}}));
  EXPECT_FALSE(eve->Execute("INSERT INTO public.x VALUES (1)").ok());
  EXPECT_THAT(PsqlSays("SET ROLE eve; INSERT INTO public.x VALUES (1)"),
              HasSubstr("fires only on tables that mirror-agent installed"));
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(PostgresBoxTriggersTest, NothingThatATablesOwnerMadeIsCalled) {
  Install();
  const auto app = As("app");
  // What the table has when it was installed is one thing, what its owner gives it later another.
  ASSERT_THAT(
      app->Execute(
          "CREATE TABLE ran (who text); GRANT ALL ON ran TO PUBLIC;"
          "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TYPE pair AS (a int, b mood);"
          "CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);"
          "CREATE FUNCTION note_run() RETURNS void LANGUAGE sql AS 'INSERT INTO public.ran VALUES "
          "(current_user)';"
          "CREATE FUNCTION to_j(mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM public.note_run(); "
          "RETURN "
          "'{}'; END $$; CREATE CAST (mood AS json) WITH FUNCTION to_j(mood) AS IMPLICIT;"
          "CREATE FUNCTION to_t(pair) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.note_run(); "
          "RETURN "
          "''; END $$; CREATE CAST (pair AS text) WITH FUNCTION to_t(pair) AS IMPLICIT;"
          "CREATE FUNCTION same(pair, pair) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM "
          "public.note_run(); "
          "RETURN false; END $$; CREATE OPERATOR = (LEFTARG = pair, RIGHTARG = pair, FUNCTION = same);"
          "CREATE OPERATOR <> (LEFTARG = pair, RIGHTARG = pair, FUNCTION = same);"
          "ALTER TABLE orders ADD COLUMN m mood, ADD COLUMN p pair, ADD COLUMN s short;"
          "INSERT INTO orders VALUES (1, 'a', 'sad', (1, 'sad'), 's'); UPDATE orders SET p = (2, 'glad');"
          "UPDATE orders SET s = 't'; DELETE FROM orders"),
      IsOk());
  // Of types that are not PostgreSQL's own nothing is compared. A domain is what it stands on.
  EXPECT_THAT(Told(), ElementsAre(R"(orders ["1"] I)", R"(orders ["1"] U ["m","p"])",
                                  R"(orders ["1"] U ["m","p","s"])", R"(orders ["1"] D)"));
  ASSERT_THAT(app->Execute("ALTER TABLE orders DROP CONSTRAINT orders_pkey, ALTER COLUMN id TYPE mood USING "
                           "'sad'; INSERT INTO orders VALUES ('glad', 'x', 'sad', (1, 'sad'), 's')"),
              IsOk());
  EXPECT_THAT(Told(), ElementsAre(R"(orders ["glad"] I)"));
  EXPECT_EQ(Text("SELECT count(*)::text FROM ran"), "0");
}

TEST_F(PostgresBoxTriggersTest, AnEarlierFunctionIsMended) {
  Sql("CREATE TABLE _mirror_datajoin_change (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, table_name "
      "text NOT NULL, key text NOT NULL, operation text NOT NULL, columns text)");
  Sql(kFormer);
  Sql("CREATE TRIGGER _mirror_datajoin AFTER INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE "
      "FUNCTION "
      "_mirror_datajoin_note('', 'id')");
  EXPECT_THAT(WhyUnsafe(Function()), HasSubstr("every role of this database can use it to act as"));
  SourceFindings findings;
  CheckPostgresWrites({*connection_, 150'000, "agent", true, false, {}, findings}, {"public", {}, true},
                      &findings);
  std::string found;
  for (const SourceFinding& one : findings.all()) absl::StrAppend(&found, one.words, " DO ", one.next, "\n");
  EXPECT_THAT(found, HasSubstr(WhyUnsafe(Function()) + " DO let a superuser run what"));
  const std::string trigger = Text("SELECT oid::text FROM pg_trigger WHERE tgname = '_mirror_datajoin'");
  Install();
  EXPECT_EQ(WhyUnsafe(Function()), "");
  EXPECT_EQ(Text("SELECT oid::text FROM pg_trigger WHERE tgname = '_mirror_datajoin'"), trigger);
  Sql("INSERT INTO orders VALUES (1, 'a')");
  EXPECT_THAT(Told(), ElementsAre(R"(orders ["1"] I)"));
  // A right that somebody gave again is taken.
  Sql("GRANT EXECUTE ON FUNCTION _mirror_datajoin_note() TO PUBLIC");
  EXPECT_THAT(WhyUnsafe(Function()), Not(IsEmpty()));
  Install();
  EXPECT_EQ(WhyUnsafe(Function()), "");
}

TEST_F(PostgresBoxTriggersTest, AFunctionOfAnotherRoleIsRefused) {
  Sql("SET ROLE eve");
  Sql(kFormer);
  Sql("RESET ROLE");
  const PostgresOwnNames names = {"public", {}, {}, {kNoteFunction}};
  EXPECT_THAT(
      CheckOwnNames(*connection_, names),
      StatusIs(StatusCode::kFailedPrecondition,
               HasSubstr("public._mirror_datajoin_note() of the source: it belongs to the role eve")));
  const auto check = OwnCheckSql(names, "app");
  ASSERT_THAT(check.status(), IsOk());
  EXPECT_THAT(PsqlSays(*check), HasSubstr("it belongs to the role eve"));
  Sql("DROP FUNCTION _mirror_datajoin_note()");
  Install();
  EXPECT_THAT(CheckOwnNames(*connection_, names), IsOk());
  EXPECT_THAT(connection_->Execute(*check), IsOk());
}

TEST_F(PostgresBoxTriggersTest, WhoIsNoSuperuserKeepsIt) {
  const auto app = As("app");
  for (const BoxesBy by : {BoxesBy::kSession, BoxesBy::kDba}) {
    const auto statements = Statements(*app, by);
    ASSERT_THAT(statements.status(), IsOk());
    for (const std::string& sql : *statements) ASSERT_THAT(app->Execute(sql), IsOk()) << sql;
    EXPECT_EQ(Function().owner, "app");
    EXPECT_EQ(WhyUnsafe(Function()), "");
    EXPECT_THAT(Statements(*app), IsOkAndHolds(IsEmpty()));
  }
  // Nor has the agent's role anything to do then.
  Sql("GRANT SELECT ON _mirror_datajoin_table TO eve");
  EXPECT_THAT(Statements(*As("eve")), IsOkAndHolds(IsEmpty()));
  ASSERT_THAT(app->Execute("INSERT INTO orders VALUES (1, 'a')"), IsOk());
  EXPECT_THAT(Told(), ElementsAre(R"(orders ["1"] I)"));
}

TEST_F(PostgresBoxTriggersTest, ARoleOfThatNameWithRightsIsRefused) {
  Install();
  Sql("DROP FUNCTION _mirror_datajoin_note() CASCADE");
  for (const auto& [given, taken] :
       {std::pair("ALTER ROLE mirror_notes LOGIN", "ALTER ROLE mirror_notes NOLOGIN"),
        std::pair("GRANT mirror_notes TO eve", "REVOKE mirror_notes FROM eve"),
        std::pair("GRANT eve TO mirror_notes", "REVOKE eve FROM mirror_notes")}) {
    const auto statements = Statements(*connection_);
    ASSERT_THAT(statements.status(), IsOk());
    Sql("BEGIN");
    Sql(given);
    absl::Status run;
    for (const std::string& sql : *statements) {
      if (run.ok()) run = connection_->Execute(sql);
    }
    EXPECT_FALSE(run.ok()) << given;
    Sql("ROLLBACK");
    Sql(given);
    EXPECT_THAT(Statements(*connection_),
                StatusIs(StatusCode::kFailedPrecondition, HasSubstr("the role mirror_notes may log in")))
        << given;
    EXPECT_THAT(PsqlSays(absl::StrJoin(*statements, ";\n")), HasSubstr("the role mirror_notes may log in"))
        << given;
    Sql(taken);
  }
  Install();
}

TEST_F(PostgresBoxTriggersTest, KeysOfTypesOfOthersAreRefusedByName) {
  Sql("CREATE TYPE mood AS ENUM ('sad'); CREATE DOMAIN moods AS mood; CREATE TYPE pair AS (a int)");
  for (const std::string type : {"mood", "moods", "pair", "mood[]"}) {
    Sql(absl::StrCat("CREATE TABLE felt (k ", type, " PRIMARY KEY)"));
    EXPECT_THAT(Statements(*connection_),
                StatusIs(StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr("the table 'felt': column 'k' of its key has the type"),
                               HasSubstr(type == "moods" ? "mood" : type), HasSubstr("Nothing was made"))))
        << type;
    Sql("DROP TABLE felt");
  }
  Sql("CREATE DOMAIN short AS varchar(9)");
  for (const std::string type : {"int8", "text", "short", "uuid", "bytea", "date", "timestamptz", "numeric",
                                 "int4range", "int[]", "bool", "inet", "char(3)"}) {
    Sql(absl::StrCat("CREATE TABLE felt (k ", type, " PRIMARY KEY)"));
    EXPECT_THAT(Statements(*connection_).status(), IsOk()) << type;
    Sql("DROP TABLE felt");
  }
}

TEST_F(PostgresBoxTriggersTest, ColumnsAreComparedWhateverTheirTypeHas) {
  Sql("CREATE TABLE each (id int PRIMARY KEY, j json, p point, t text, n numeric, x xml, g int GENERATED "
      "ALWAYS "
      "AS (id + 1) STORED, \"odd %1$s '\" text)");
  Sql("INSERT INTO each VALUES (1, '{}', '(1,2)', repeat('long', 100000), 1.5, '<a/>')");
  Install();
  Sql("UPDATE each SET id = id, t = t || ''");
  EXPECT_THAT(Told(), IsEmpty());
  Sql("UPDATE each SET j = '{ }'; UPDATE each SET p = '(1,3)'; UPDATE each SET t = t || 'x', x = NULL; "
      "UPDATE "
      "each SET n = 1.50; UPDATE each SET \"odd %1$s '\" = 'x'");
  EXPECT_THAT(Told(),
              ElementsAre(R"(each ["1"] U ["j"])", R"(each ["1"] U ["p"])", R"(each ["1"] U ["t","x"])",
                          R"(each ["1"] U ["n"])", R"(each ["1"] U ["odd %1$s '"])"));
}

TEST_F(PostgresBoxTriggersTest, ValuesOfAKeyHaveOneForm) {
  Sql("CREATE TABLE line (day date, at timestamptz, part bytea, span interval, ratio float8, flag bool, "
      "PRIMARY "
      "KEY (day, at, part, span, ratio, flag))");
  Install();
  const auto key = [&] {
    Sql("INSERT INTO line VALUES ('2026-02-03', '2026-02-03 10:00+00', '\\x00ff', '1 day', 0.1, true); "
        "DELETE "
        "FROM line");
    return Told();
  };
  const auto plain = key();
  EXPECT_THAT(plain.front(), R"(line ["2026-02-03","2026-02-03 10:00:00+00","\\x00ff","P1D","0.1","t"] I)");
  Sql("SET DateStyle TO german; SET TimeZone TO 'Asia/Tokyo'; SET IntervalStyle TO postgres_verbose; SET "
      "extra_float_digits TO -15; SET bytea_output TO escape");
  EXPECT_EQ(key(), plain);
}

TEST_F(PostgresBoxTriggersTest, ATableKeepsItsTriggerWhateverItsNameAndPartitionsAre) {
  Sql("CREATE TABLE part (id int, at int, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); CREATE TABLE part_1 "
      "PARTITION OF part FOR VALUES FROM (0) TO (10)");
  Install();
  Sql("CREATE TABLE part_2 (at int NOT NULL, gone int, id int NOT NULL); ALTER TABLE part_2 DROP COLUMN "
      "gone; "
      "ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM (10) TO (20)");
  Sql("INSERT INTO part VALUES (1, 5), (2, 15); ALTER TABLE part RENAME TO parts; UPDATE parts SET at = 16 "
      "WHERE id = 2");
  EXPECT_THAT(Told(), ElementsAre(R"(part ["1","5"] I)", R"(part ["2","15"] I)", R"(parts ["2","15"] D)",
                                  R"(parts ["2","16"] I)"));
  // A key that is no more stops nobody.
  Sql("ALTER TABLE orders RENAME COLUMN id TO number; INSERT INTO orders VALUES (1, 'a')");
  EXPECT_THAT(Told(), ElementsAre("orders [null] I"));
  // New ones are in the list, and those that are gone are not.
  Sql("DROP TABLE parts; CREATE TABLE fresh (id int PRIMARY KEY)");
  Install();
  Sql("INSERT INTO fresh VALUES (1)");
  EXPECT_THAT(Told(), ElementsAre(R"(fresh ["1"] I)"));
}

/// The application's writes to the table go on, and entries name the table as it was installed.
TEST_F(PostgresBoxTriggersTest, TheOwnerOfAPartitionedTableMakesAndAttachesPartitions) {
  constexpr char kParts[] =
      "CREATE TABLE parts (id int, kind text, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);"
      "CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('b') PARTITION BY RANGE (id);";
  const auto app = As("app");
  ASSERT_THAT(app->Execute(kParts), IsOk());
  Install();
  ASSERT_THAT(app->Execute("CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');"
                           "CREATE TABLE parts_b1 PARTITION OF parts_b FOR VALUES FROM (0) TO (10);"
                           "CREATE TABLE parts_c (LIKE parts INCLUDING ALL);"
                           "ALTER TABLE parts ATTACH PARTITION parts_c FOR VALUES IN ('c');"
                           "INSERT INTO parts VALUES (1, 'a'), (2, 'b'), (3, 'c')"),
              IsOk());
  EXPECT_THAT(Told(), ElementsAre(R"(parts ["1","a"] I)", R"(parts ["2","b"] I)", R"(parts ["3","c"] I)"));
  // With that right it still tells of no other table.
  ASSERT_THAT(app->Execute("CREATE TABLE x (id int); CREATE TRIGGER t AFTER INSERT ON x FOR EACH ROW EXECUTE "
                           "FUNCTION _mirror_datajoin_note('orders', 'id')"),
              IsOk());
  EXPECT_FALSE(app->Execute("INSERT INTO x VALUES (1)").ok());
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(PostgresBoxTriggersTest, TheOwnerOfPartitionsMayBeAnother) {
  Sql("CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id); ALTER TABLE parts OWNER TO app");
  Install();
  Sql("ALTER TABLE parts OWNER TO eve; GRANT CREATE ON SCHEMA public TO eve");
  const auto eve = As("eve");
  EXPECT_FALSE(eve->Execute("CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM (0) TO (5)").ok());
  Install();
  EXPECT_THAT(eve->Execute("CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM (0) TO (5)"), IsOk());
}

TEST_F(PostgresBoxTriggersTest, ANotedTableThatBecomesAPartitionIsStillNoted) {
  Install();
  Sql("SET ROLE app; ALTER TABLE orders RENAME TO orders_old; CREATE TABLE orders (id int PRIMARY KEY, note "
      "text) PARTITION BY RANGE (id); ALTER TABLE orders ATTACH PARTITION orders_old FOR VALUES FROM (0) TO "
      "(10); RESET ROLE");
  const auto app = As("app");
  EXPECT_THAT(app->Execute("INSERT INTO orders VALUES (1, 'a')"), IsOk());
  EXPECT_THAT(Told(), ElementsAre(R"(orders_old ["1"] I)"));
}

/// A table of another role under the list's name runs nothing while statements are made.
TEST_F(PostgresBoxTriggersTest, AListOfAnotherRoleIsNotRead) {
  const auto eve = As("eve");
  ASSERT_THAT(
      eve->Execute("CREATE TYPE public.t AS ENUM ('a'); CREATE FUNCTION public.f(public.t) RETURNS oid "
                   "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ran as %', current_user; END $$; CREATE "
                   "CAST (public.t AS oid) WITH FUNCTION public.f(public.t); CREATE TABLE "
                   "public._mirror_datajoin_table (relation public.t); INSERT INTO "
                   "public._mirror_datajoin_table VALUES ('a'); GRANT SELECT ON "
                   "public._mirror_datajoin_table TO PUBLIC"),
      IsOk());
  EXPECT_THAT(Statements(*connection_).status(), IsOk());
  Sql("ALTER TABLE _mirror_datajoin_table OWNER TO app");
  EXPECT_THAT(Statements(*connection_).status(), IsOk()) << "its column has a type of another role";
}

TEST_F(PostgresBoxTriggersTest, ATableThatIsLeftOutLosesItsTrigger) {
  Sql("CREATE TABLE more (id int PRIMARY KEY); CREATE TABLE moved (id int PRIMARY KEY)");
  Install();
  // 'x' and what is in another schema are left out.
  Sql("ALTER TABLE more RENAME TO x; CREATE SCHEMA other; ALTER TABLE moved SET SCHEMA other");
  Install();
  Sql("INSERT INTO x VALUES (1); INSERT INTO other.moved VALUES (1); INSERT INTO orders VALUES (1, 'a')");
  EXPECT_THAT(Told(), ElementsAre(R"(orders ["1"] I)"));
}

TEST_F(PostgresBoxTriggersTest, WhatIsImportedIsNotNoted) {
  Install();
  Sql("BEGIN; SET LOCAL mirror.importing = 'on'; INSERT INTO orders VALUES (1, 'a'); COMMIT");
  EXPECT_THAT(Told(), IsEmpty());
}

}  // namespace
}  // namespace mirror::postgres_box_triggers_test
