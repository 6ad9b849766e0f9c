#include "client/source/postgres/postgres_reader.h"

#include <sys/stat.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/client/source/postgres_source.h"

namespace mirror::postgres_reader_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class PostgresReaderTest : public PostgresSourceTest {
 protected:
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const SourceTable& table : schema_.tables) names.push_back(table.schema.name);
    return names;
  }
  static std::vector<std::string> ColumnsOf(const SourceTable& table) {
    std::vector<std::string> names;
    for (const Column& column : table.schema.columns) names.push_back(column.name);
    return names;
  }
};

TEST_F(PostgresReaderTest, NamesMayBeAnythingThatPostgresTakes) {
  const std::string odd = "Od\"d 'ta.ble\\; \u00fc", column = "se\"lect %s $1 \\";
  Sql("CREATE TABLE " + QuoteName(odd) + " (" + QuoteName(column) + " text PRIMARY KEY, \"%s\" int4[]);" +
      "INSERT INTO " + QuoteName(odd) + " VALUES ('k', '{1}'), ('K', NULL)");
  Look();
  EXPECT_THAT(Names(), ElementsAre(odd));
  EXPECT_EQ(Table(odd).problem, "");
  EXPECT_EQ(Rows(odd), (ShownRows{{"t:K", "null"}, {"t:k", "t:{1}"}}));
  ExpectEqualDigests(odd);
  const absl::StatusOr<Found> found = RowsOf(odd, {TextKey("k"), TextKey("x")});
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->rows, (ShownRows{{"t:k", "t:{1}"}}));
  EXPECT_EQ(found->gone, (ShownRows{{"t:x"}}));
  EXPECT_THAT(reader_->CountRows(odd), IsOkAndHolds(2U));
}

TEST_F(PostgresReaderTest, TablesOfTheSchemaAreChosenByName) {
  Sql("CREATE SCHEMA other; CREATE TABLE other.t (id int4 PRIMARY KEY); CREATE TABLE a (id int4 PRIMARY KEY);"
      "CREATE TABLE b (id int4 PRIMARY KEY); CREATE TABLE c (id int4); CREATE VIEW v AS SELECT * FROM a;"
      "CREATE TEMP TABLE t (id int4); CREATE MATERIALIZED VIEW m AS SELECT 1 AS id");
  options_.choice.skip = {"b", "nothing*"};
  options_.choice.blocked = {{"c", "secret"}};
  Open();
  EXPECT_THAT(reader_->TableNames(), IsOkAndHolds(ElementsAre("a")));
  Look();
  EXPECT_THAT(Names(), ElementsAre("a"));
  ASSERT_EQ(schema_.blocked.size(), 1U);
  EXPECT_EQ(schema_.blocked[0].reason, "secret");
  EXPECT_THAT(schema_.idle_patterns, ElementsAre("nothing*"));
  options_.schema = "other";
  options_.choice = {};
  Open();
  Look();
  EXPECT_THAT(Names(), ElementsAre("t"));
}

TEST_F(PostgresReaderTest, OfNamesThatAreOneInAMirrorTheOlderTableStays) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY); CREATE TABLE \"T\" (id int4 PRIMARY KEY)");
  Look();
  EXPECT_THAT(Names(), ElementsAre("t"));
  ASSERT_EQ(schema_.refused.size(), 1U);
  EXPECT_EQ(schema_.refused[0].name, "T");
  EXPECT_THAT(schema_.refused[0].reason, HasSubstr("leave one of them out with 'skip'"));
}

TEST_F(PostgresReaderTest, ColumnsOfOneNameButForCaseAreAProblem) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY, a int4, \"A\" int4); CREATE TABLE none ()");
  Look();
  EXPECT_NE(Table("t").problem, "");
  EXPECT_NE(Table("none").problem, "");
}

TEST_F(PostgresReaderTest, APartitionedTableIsItsLeaves) {
  Sql("CREATE SCHEMA parts; CREATE TABLE t (id int4, at date, v text, PRIMARY KEY (id, at)) PARTITION BY "
      "RANGE (at);"
      "CREATE TABLE parts.one PARTITION OF t FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');"
      // Its columns are in another order, and one is gone.
      "CREATE TABLE two (v text, gone int4, at date NOT NULL, id int4 NOT NULL); ALTER TABLE two DROP gone;"
      "ALTER TABLE t ATTACH PARTITION two FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');"
      "CREATE TABLE rest PARTITION OF t DEFAULT PARTITION BY LIST (id);"
      "CREATE TABLE rest_1 PARTITION OF rest DEFAULT;"
      "INSERT INTO t VALUES (1, '2024-05-05', 'a'), (2, '2025-05-05', 'b'), (3, '2030-05-05', 'c')");
  Look();
  EXPECT_THAT(Names(), ElementsAre("t"));
  EXPECT_EQ(Table("t").schema.Key().size(), 2U);
  EXPECT_EQ(Rows("t").size(), 3U);
  ExpectEqualDigests("t");
  EXPECT_THAT(reader_->CountRows("t"), IsOkAndHolds(3U));
  RangeDigest whole;
  std::vector<Key> keys;
  for (const auto& [key, digest] : DigestsOfRead("t", &whole)) keys.push_back(key);
  const absl::StatusOr<Found> found = RowsOf("t", keys);
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->rows, Rows("t"));
  // A leaf more, or one less, is another table to look at.
  Sql("ALTER TABLE t DETACH PARTITION two");
  EXPECT_EQ(ReadAll(*reader_, Table("t").schema).status.code(), absl::StatusCode::kAborted);
  Look();
  EXPECT_THAT(Names(), ElementsAre("t", "two"));
  EXPECT_EQ(Rows("t").size(), 2U);
  Sql("DROP TABLE parts.one, rest");
  Look();
  EXPECT_EQ(Rows("t").size(), 0U);
}

TEST_F(PostgresReaderTest, ALeafThatWentMakesItAnotherTableAndOneThatCameDoesNot) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE one PARTITION OF t FOR "
      "VALUES IN (1); CREATE TABLE two PARTITION OF t FOR VALUES IN (2); CREATE TABLE plain (id int4 PRIMARY "
      "KEY)");
  std::uint64_t plain = 0;
  // Each look is that of another process, which has what the one before kept.
  const auto look = [this, &plain](const std::string& sql) {
    Sql(sql);
    Open();
    Look();
    plain = Table("plain").identity;
    return Table("t").identity;
  };
  const std::uint64_t first = look("INSERT INTO t VALUES (1), (2)"), untouched = plain;
  EXPECT_EQ(first, Table("t").schema.table_id);
  EXPECT_EQ(look("CREATE TABLE three PARTITION OF t FOR VALUES IN (3); TRUNCATE two"), first);
  const std::uint64_t detached = look("ALTER TABLE t DETACH PARTITION one");
  EXPECT_NE(detached, first);
  EXPECT_EQ(look("ALTER TABLE t ATTACH PARTITION one FOR VALUES IN (1)"), detached);
  const std::uint64_t replaced = look("DROP TABLE two; CREATE TABLE four PARTITION OF t FOR VALUES IN (4)");
  EXPECT_NE(replaced, detached);
  EXPECT_NE(replaced, first);
  EXPECT_EQ(look("SELECT 1"), replaced);
  EXPECT_EQ(plain, untouched);
}

TEST_F(PostgresReaderTest, LeavesThatTheRoleMayNotReadAreReadByTheirTable) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE one PARTITION OF t FOR "
      "VALUES IN (1);"
      "CREATE TABLE two PARTITION OF t DEFAULT; INSERT INTO t VALUES (1), (2)");
  OpenAs("reads_root", "GRANT USAGE ON SCHEMA public TO reads_root; GRANT SELECT ON t TO reads_root");
  Look();
  EXPECT_EQ(Table("t").problem, "");
  EXPECT_EQ(Rows("t"), (ShownRows{{"i:1"}, {"i:2"}}));
  ExpectEqualDigests("t");
}

TEST_F(PostgresReaderTest, ATableHasItsOwnRowsAloneWhereOthersInherit) {
  Sql("CREATE TABLE p (id int4 PRIMARY KEY); CREATE TABLE c (more text, PRIMARY KEY (id)) INHERITS (p);"
      "INSERT INTO p VALUES (1); INSERT INTO c VALUES (2, 'x')");
  Look();
  EXPECT_EQ(Rows("p"), (ShownRows{{"i:1"}}));
  EXPECT_EQ(Rows("c"), (ShownRows{{"i:2", "t:x"}}));
  EXPECT_THAT(reader_->CountRows("p"), IsOkAndHolds(1U));
  EXPECT_THAT(schema_.notes, ElementsAre(HasSubstr("tables inherit from it")));
}

TEST_F(PostgresReaderTest, ComputedColumnsAreLeftOut) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY, a int4, twice int4 GENERATED ALWAYS AS (a * 2) STORED);"
      "CREATE TABLE k (a int4, twice int4 GENERATED ALWAYS AS (a * 2) STORED PRIMARY KEY);"
      "CREATE TABLE i (id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text);"
      "INSERT INTO t (id, a) VALUES (1, 2); INSERT INTO k (a) VALUES (3); INSERT INTO i (v) VALUES ('v')");
  Look();
  EXPECT_THAT(ColumnsOf(Table("t")), ElementsAre("id", "a"));
  EXPECT_EQ(Rows("t"), (ShownRows{{"i:1", "i:2"}}));
  EXPECT_THAT(Table("k").schema.Key(), IsEmpty());
  EXPECT_EQ(Rows("k"), (ShownRows{{"i:3"}}));
  ExpectEqualDigests("k");
  EXPECT_EQ(Rows("i"), (ShownRows{{"i:1", "t:v"}}));
  EXPECT_THAT(schema_.notes,
              UnorderedElementsAre(HasSubstr("not mirrored: twice"), HasSubstr("not mirrored: twice"),
                                   HasSubstr("mirrored without a key")));
}

TEST_F(PostgresReaderTest, TheKeyIsThePrimaryKeyAsItStands) {
  Sql("CREATE TABLE pair (v text, b int4, a text, PRIMARY KEY (a, b) INCLUDE (v));"
      "CREATE TABLE later (id int4 PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text);"
      "CREATE TABLE uniq (id int4 UNIQUE NOT NULL); INSERT INTO pair VALUES ('v', 1, 'a'), ('w', 2, 'A');"
      "INSERT INTO later VALUES (1, 'a'), (2, 'b'); INSERT INTO uniq VALUES (1)");
  Look();
  EXPECT_THAT(Table("pair").schema.Key(), ElementsAre(2U, 1U));
  EXPECT_FALSE(ColumnOf("pair", "a").nullable);
  EXPECT_THAT(Table("later").schema.Key(), ElementsAre(0U));
  EXPECT_THAT(Table("uniq").schema.Key(), IsEmpty());
  EXPECT_FALSE(ColumnOf("uniq", "id").nullable);
  EXPECT_THAT(schema_.notes, ElementsAre(AllOf(HasSubstr("'later'"), HasSubstr("deferrable"))));
  for (const char* const name : {"pair", "later", "uniq"}) ExpectEqualDigests(name);
  const absl::StatusOr<Found> found = RowsOf("later", {IntKey(2), IntKey(3)});
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->rows, (ShownRows{{"i:2", "t:b"}}));
  EXPECT_EQ(reader_->RepeatedKeysOf("pair"), RepeatedKeys::kNever);
  // People hear of it once.
  Look();
  EXPECT_THAT(schema_.notes, IsEmpty());
}

TEST_F(PostgresReaderTest, RowsThatAPolicyHidesAreAProblemAndNeverLeftOutInSilence) {
  Sql("CREATE TABLE t (id int4 PRIMARY KEY); INSERT INTO t VALUES (1), (2); CREATE TABLE u (id int4 PRIMARY "
      "KEY)");
  OpenAs("sees_part", "GRANT SELECT ON t, u TO sees_part");
  Look();
  EXPECT_EQ(Table("t").problem, "");
  Sql("ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id = 1)");
  EXPECT_EQ(ReadAll(*reader_, Table("t").schema).status.code(), absl::StatusCode::kAborted);
  Look();
  EXPECT_THAT(Table("t").problem, AllOf(HasSubstr("row security"), HasSubstr("BYPASSRLS")));
  EXPECT_EQ(Table("u").problem, "");
  EXPECT_EQ(ReadAll(*reader_, Table("t").schema).status.code(), absl::StatusCode::kPermissionDenied);
  Sql("ALTER ROLE sees_part BYPASSRLS");
  Look();
  EXPECT_EQ(Table("t").problem, "");
  EXPECT_EQ(Rows("t").size(), 2U);
}

TEST_F(PostgresReaderTest, WhatTheRoleLacksIsSaidAsAStatement) {
  Sql("CREATE SCHEMA s; CREATE TABLE s.t (id int4 PRIMARY KEY, v text)");
  options_.schema = "s";
  OpenAs("lacks_all", "");
  EXPECT_THAT(reader_->Schema(), StatusIs(absl::StatusCode::kPermissionDenied,
                                          HasSubstr("GRANT USAGE ON SCHEMA \"s\" TO \"lacks_all\"")));
  Sql("GRANT USAGE ON SCHEMA s TO lacks_all");
  Look();
  EXPECT_THAT(Table("t").problem, HasSubstr("GRANT SELECT ON \"s\".\"t\" TO \"lacks_all\""));
  Sql("GRANT SELECT (id) ON s.t TO lacks_all");
  Look();
  EXPECT_NE(Table("t").problem, "");
  Sql("GRANT SELECT ON s.t TO lacks_all");
  Look();
  EXPECT_EQ(Table("t").problem, "");
  EXPECT_EQ(Rows("t").size(), 0U);
  EXPECT_THAT(reader_->CountRows("t"), IsOkAndHolds(0U));
  options_.schema = "nothing";
  Open();
  EXPECT_THAT(reader_->Schema(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("correct 'schemas'")));
}

TEST_F(PostgresReaderTest, APasswordStandsInAFileOfItsOwnersAlone) {
  options_.access.dsn = conninfo_ + " password=secret";
  Open();
  const absl::Status refused = reader_->Schema().status();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(refused.message()), testing::Not(HasSubstr("secret")));
  const TempFolder folder;
  options_.access.dsn = conninfo_;
  options_.access.password_file = folder / "pg.pw";
  std::ofstream(options_.access.password_file) << "*:*:*:*:secret\n";
  chmod(options_.access.password_file.c_str(), 0644);
  Open();
  EXPECT_FALSE(reader_->Schema().ok());
  chmod(options_.access.password_file.c_str(), 0600);
  EXPECT_THAT(reader_->Schema(), IsOk());
}

TEST_F(PostgresReaderTest, TheDatabaseIsTheSameBehindAnotherAddress) {
  EXPECT_EQ(reader_->Mark().database, "");
  Look();
  const SourceMark mark = reader_->Mark();
  EXPECT_NE(mark.path, "");
  EXPECT_NE(mark.database, "");
  const PostgresProxy proxy(*server_);
  options_.access.dsn = proxy.Conninfo(Text("SELECT current_database()::text"));
  OpenAs("knows_place", "");
  options_.access.dsn = proxy.Conninfo(Text("SELECT current_database()::text")) + " user=knows_place";
  Open();
  Look();
  EXPECT_EQ(reader_->Mark().database, mark.database);
  options_.access.dsn = server_->NewDatabase();
  Open();
  Look();
  EXPECT_NE(reader_->Mark().database, mark.database);
}

TEST_F(PostgresReaderTest, IndexesAndForeignKeysAreTold) {
  Sql("CREATE SCHEMA other; CREATE TABLE other.far (id int4 PRIMARY KEY);"
      "CREATE TABLE p (a int4, b text, PRIMARY KEY (a, b));"
      "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
      "CREATE TABLE c (id int4 PRIMARY KEY, a int4, b text, n text COLLATE loose, j jsonb, f int4 REFERENCES "
      "other.far,"
      "  g int4 GENERATED ALWAYS AS (id + 1) STORED,"
      "  FOREIGN KEY (a, b) REFERENCES p ON DELETE CASCADE ON UPDATE SET NULL);"
      "CREATE UNIQUE INDEX c_u ON c (b DESC, a) INCLUDE (id); CREATE INDEX c_h ON c USING hash (a);"
      "CREATE INDEX c_part ON c (a) WHERE b IS NOT NULL; CREATE INDEX c_expr ON c (lower(b));"
      "CREATE INDEX c_loose ON c (n); CREATE INDEX c_gin ON c USING gin (j); CREATE INDEX c_gen ON c (g)");
  Look();
  ASSERT_TRUE(Table("c").objects);
  const SourceObjects& objects = *Table("c").objects;
  const std::vector<SourceIndex> indexes = {
      {"c_h", false, {{"a", false, Collation::kBinary}}},
      {"c_u", true, {{"b", true, Collation::kBinary}, {"a", false, Collation::kBinary}}}};
  EXPECT_EQ(objects.indexes, indexes);
  const std::vector<UntoldIndex> untold = {{"c_expr", UntoldReason::kExpression},
                                           {"c_gen", UntoldReason::kExpression},
                                           {"c_gin", UntoldReason::kCollation},
                                           {"c_loose", UntoldReason::kCollation},
                                           {"c_part", UntoldReason::kPartial}};
  EXPECT_EQ(objects.untold, untold);
  const std::vector<SourceForeignKey> keys = {
      {{"a", "b"}, "p", {"a", "b"}, ForeignKeyAction::kCascade, ForeignKeyAction::kSetNull},
      {{"f"}, "other.far", {"id"}, ForeignKeyAction::kNoAction, ForeignKeyAction::kNoAction}};
  EXPECT_EQ(objects.foreign_keys, keys);
  EXPECT_EQ(objects.more, 0U);
  ASSERT_TRUE(Table("p").objects);
  EXPECT_EQ(*Table("p").objects, SourceObjects());
}

TEST_F(PostgresReaderTest, WhatPostgresTakesForEqualIsNot) {
  Sql("CREATE EXTENSION citext; CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', "
      "deterministic = false);"
      "CREATE TABLE c (k citext PRIMARY KEY); CREATE TABLE l (k text COLLATE loose PRIMARY KEY);"
      "CREATE TABLE b (k char(4) PRIMARY KEY); CREATE TABLE n (k numeric PRIMARY KEY);"
      "INSERT INTO c VALUES ('Ab'); INSERT INTO l VALUES ('Ab'); INSERT INTO b VALUES ('a');"
      "INSERT INTO n VALUES (1.0)");
  Look();
  for (const auto& [name, other, own] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {"c", "aB", "Ab"}, {"l", "aB", "Ab"}, {"b", "a", "a   "}, {"n", "1.00", "1.0"}}) {
    SCOPED_TRACE(name);
    const absl::StatusOr<Found> found = RowsOf(name, {TextKey(other)});
    ASSERT_THAT(found, IsOk());
    EXPECT_EQ(found->rows, ShownRows());
    EXPECT_EQ(found->gone, (ShownRows{{"t:" + other}}));
    const absl::StatusOr<Found> there = RowsOf(name, {TextKey(own)});
    ASSERT_THAT(there, IsOk());
    EXPECT_EQ(there->rows, (ShownRows{{"t:" + own}}));
  }
}

TEST_F(PostgresReaderTest, AKeyThatTheSourceCanNotHaveIsGone) {
  Sql("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TABLE t (k mood, n int4, PRIMARY KEY (k, n));"
      "INSERT INTO t VALUES ('sad', 1), ('happy', 2); ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'");
  Look();
  const auto key = [](const std::string& mood, int n) {
    return Key{TextKey(mood).front(), IntKey(n).front()};
  };
  const absl::StatusOr<Found> found = RowsOf("t", {key("happy", 2), key("sad", 1), key("blue", 1)});
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->rows, (ShownRows{{"t:blue", "i:1"}, {"t:happy", "i:2"}}));
  EXPECT_EQ(found->gone, (ShownRows{{"t:sad", "i:1"}}));
}

}  // namespace
}  // namespace mirror::postgres_reader_test
