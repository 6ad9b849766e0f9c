// What applications do to a PostgreSQL database while cycles follow its log: the mirror is equal after each.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include "tests/client/source/postgres/postgres_log_source.h"

namespace mirror::postgres_log_changes_test {
namespace {

using testing::HasSubstr;

std::uint64_t FromEnvironment(const char* name, std::uint64_t other) {
  const char* const value = std::getenv(name);
  return value == nullptr ? other : std::strtoull(value, nullptr, 10);
}

class PostgresChangesTest : public PostgresLogTest {
 protected:
  int Any(int below) { return static_cast<int>(generator_() % static_cast<std::uint64_t>(below)); }
  /// A value that is kept beside the row, and left out of the log where it does not change.
  std::string Long() {
    return absl::StrCat("(SELECT string_agg(md5((", Any(1000),
                        " + i)::text), '') FROM generate_series(1, 200) i)");
  }
  std::string Statement() {
    const int k = Any(12), to = Any(12);
    const std::vector<std::string> statements = {
        absl::StrCat("INSERT INTO ints VALUES (", k, ", 'i", Any(99), "', ", Any(2) == 0 ? Long() : "NULL",
                     ") ON CONFLICT DO NOTHING"),
        absl::StrCat("UPDATE ints SET a = 'u", Any(99), "' WHERE id = ", k),
        absl::StrCat("UPDATE ints SET big = ", Long(), " WHERE id = ", k),
        absl::StrCat("UPDATE ints SET id = ", to, " WHERE id = ", k,
                     " AND NOT EXISTS (SELECT FROM ints WHERE id = ", to, ")"),
        absl::StrCat("DELETE FROM ints WHERE id = ", k),
        absl::StrCat("INSERT INTO texts VALUES ('k", k, "', now()::date + ", Any(9), ", ", Any(9), ", ",
                     Long(), ") ON CONFLICT DO NOTHING"),
        absl::StrCat("UPDATE texts SET n = n + 1 WHERE k = 'k", k, "'"),
        absl::StrCat("UPDATE texts SET k = upper(k) WHERE k = 'k", k,
                     "' AND NOT EXISTS (SELECT FROM texts WHERE k = "
                     "'K",
                     k, "')"),
        absl::StrCat("UPDATE texts SET d = d + 1 WHERE k = 'k", k,
                     "' AND NOT EXISTS (SELECT FROM texts o WHERE o.k = texts.k AND o.d = texts.d + 1)"),
        absl::StrCat("DELETE FROM texts WHERE k = 'K", k, "'"),
        absl::StrCat("INSERT INTO wide VALUES (md5('", k, "')::uuid, repeat('", Any(9), "', 3000) || ",
                     Any(3), ", false) ON CONFLICT DO NOTHING"),
        absl::StrCat("UPDATE wide SET u = md5('", to, "')::uuid WHERE u = md5('", k,
                     "')::uuid AND NOT EXISTS (SELECT FROM wide WHERE u = md5('", to, "')::uuid)"),
        "UPDATE wide SET b = NOT b",
        "UPDATE ints SET a = left(a || '.', 20)",
    };
    return statements[static_cast<std::size_t>(Any(static_cast<int>(statements.size())))];
  }
  std::string Transaction() {
    std::string sql = "BEGIN; ";
    for (int i = Any(5); i >= 0; --i) {
      if (Any(6) == 0) {
        absl::StrAppend(&sql, "SAVEPOINT s; ", Statement(), "; ROLLBACK TO s; ");
      } else {
        absl::StrAppend(&sql, Statement(), "; ");
      }
    }
    if (Any(25) == 0)
      absl::StrAppend(&sql, "TRUNCATE ", Any(2) == 0 ? "ints" : "texts", "; ", Statement(), "; ");
    return absl::StrCat(sql, Any(8) == 0 ? "ROLLBACK" : "COMMIT");
  }
  void MakeTables() {
    Sql("CREATE TABLE ints(id int PRIMARY KEY, a text, big text); "
        "CREATE TABLE texts(k text COLLATE \"C\", d date, n int, big text, PRIMARY KEY (k, d)); "
        "CREATE TABLE wide(u uuid, t text, b bool NOT NULL, PRIMARY KEY (u, t)); "
        "ALTER TABLE ints ALTER big SET STORAGE EXTERNAL; ALTER TABLE texts ALTER big SET STORAGE EXTERNAL; "
        "INSERT INTO ints SELECT i, 'a', repeat('x', 5000) FROM generate_series(0, 11, 2) i");
  }

  std::mt19937_64 generator_{1};
};

TEST_F(PostgresChangesTest, RandomHistoriesEndEqual) {
  const std::uint64_t seed = FromEnvironment("MIRROR_TEST_SEED", std::random_device()());
  std::cout << "MIRROR_TEST_SEED=" << seed << std::endl;
  generator_.seed(seed);
  options_.stage.fold_bytes = 20'000;
  MakeTables();
  Install();
  Cycle();
  ExpectEqual();
  for (std::uint64_t round = FromEnvironment("MIRROR_TEST_ROUNDS", 12); round > 0 && !HasFailure(); --round) {
    for (int i = Any(12); i >= 0; --i) Sql(Transaction());
    if (Any(6) == 0) Close();
    Cycle();
    for (const std::string table : {"ints", "texts", "wide"}) {
      EXPECT_THAT(mirror_[table].action, testing::AnyOf("nothing", "changes", "populate")) << table;
    }
    ExpectEqual();
  }
}

TEST_F(PostgresChangesTest, FourWritersAreFollowed) {
  MakeTables();
  Sql("INSERT INTO texts SELECT 'x' || i, '2024-01-01', i FROM generate_series(1, 2000) i");
  Install();
  std::vector<std::string> statements;
  for (int i = 0; i < 1'200; ++i) statements.push_back(Statement());
  std::atomic<int> busy = 4;
  std::vector<std::thread> writers;
  for (std::size_t w = 0; w < 4; ++w) {
    writers.emplace_back([&, w] {
      const auto session = Session();
      // Two of them may be in each other's way.
      for (std::size_t i = w; i < statements.size(); i += 4) (void)session->Execute(statements[i]);
      --busy;
    });
  }
  for (int i = 0; busy > 0; ++i) {
    if (i % 2 == 0) mirror_.clear();
    const absl::Status cycle = TryCycle();
    EXPECT_THAT(cycle, IsOk());
    for (const auto& [name, table] : mirror_)
      EXPECT_THAT(table.action, testing::AnyOf("nothing", "changes", "populate")) << name;
  }
  for (std::thread& writer : writers) writer.join();
  Cycle();
  ExpectEqual();
}

TEST_F(PostgresChangesTest, ColumnsThatAreAddedOrDroppedStayInPlace) {
  MakeTables();
  Install();
  Cycle();
  Sql("ALTER TABLE ints ADD c int");
  CycleAndExpect("ints", "nothing");
  EXPECT_EQ(schema_.tables[0].schema.columns.back().backfill, Backfill::kNone);
  Sql("UPDATE ints SET c = id");
  CycleAndExpect("ints", "changes");
  Sql("ALTER TABLE ints DROP a");
  Cycle();
  EXPECT_EQ(mirror_["ints"].action, "nothing");
  // Its rows have values, and nothing says so any more.
  Sql("ALTER TABLE ints ADD filled uuid DEFAULT gen_random_uuid(); ALTER TABLE ints ALTER filled DROP "
      "DEFAULT");
  CycleAndExpect("ints", "populate");
}

TEST_F(PostgresChangesTest, AConditionMeansTheSameOfTheLogAndOfTheTable) {
  TableSteps& steps = steps_.emplace_back();
  steps.table = "t";
  steps.where = "n IS NULL OR n < 100 OR at >= '2024-05-01'";
  Sql("CREATE TABLE t(id int PRIMARY KEY, n numeric, at timestamp); "
      "INSERT INTO t VALUES (1, 1.50, NULL), (2, 150, NULL), (3, NULL, NULL), (4, 150, '2024-05-01')");
  Install();
  CycleAndExpect("t", "populate");
  EXPECT_EQ(mirror_["t"].rows.size(), 3U);
  Sql("INSERT INTO t SELECT id + 10, n, at FROM t; UPDATE t SET n = n + 0 WHERE id < 10");
  CycleAndExpect("t", "changes");
  EXPECT_EQ(mirror_["t"].rows.size(), 6U);
}

TEST_F(PostgresChangesTest, DefinitionsThatChangeAreCompared) {
  Sql("CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TABLE t(id int PRIMARY KEY, a char(4), b text, m "
      "mood); "
      "INSERT INTO t SELECT i, 'a', 'b', 'good' FROM generate_series(1, 10) i");
  Install();
  Cycle();
  for (const std::string ddl :
       {"ALTER TABLE t ALTER a TYPE char(8)", "ALTER TYPE mood RENAME VALUE 'good' TO 'fine'",
        "ALTER TABLE t ALTER b TYPE text USING b || '!'",
        "UPDATE t SET b = 'y'; ALTER TABLE t ADD d int; UPDATE t SET b = 'z', d = id",
        "ALTER TABLE t ADD e int NOT NULL DEFAULT 7",
        "UPDATE t SET b = 'v'; ALTER TABLE t ADD f text DEFAULT 'x'",
        "BEGIN; ALTER TABLE t RENAME b TO x; ALTER TABLE t RENAME a TO b; ALTER TABLE t RENAME x TO a; "
        "COMMIT",
        "ALTER PUBLICATION _mirror_cust SET (publish = 'insert'); UPDATE t SET a = 'unseen'; ALTER "
        "PUBLICATION "
        "_mirror_cust SET (publish = 'insert, update, delete, truncate')"}) {
    Sql(ddl);
    CycleAndExpect("t", "compare");
    if (HasFailure()) FAIL() << ddl;
    Sql("UPDATE t SET m = 'bad' WHERE id = 3");
    CycleAndExpect("t", "changes");
  }
}

TEST_F(PostgresChangesTest, WhatOldRowsHaveInANewColumnIsAnnounced) {
  Sql("CREATE TABLE t(id int PRIMARY KEY); INSERT INTO t SELECT i FROM generate_series(1, 10) i");
  Install();
  Cycle();
  Sql("ALTER TABLE t ADD a int DEFAULT 7, ADD b text DEFAULT 'it''s \"x\", {y}', ADD c numeric(8,2) DEFAULT "
      "1.5, "
      "ADD d timestamptz DEFAULT '2024-05-01 12:00+02', ADD e bytea DEFAULT '\\x00ff', ADD f bool DEFAULT "
      "true, "
      "ADD g uuid DEFAULT '00112233-4455-6677-8899-aabbccddeeff', ADD h int[] DEFAULT '{1,2}', ADD i date "
      "DEFAULT "
      "'2024-05-01', ADD j float8 DEFAULT 0.5, ADD k time DEFAULT '12:30', "
      "ADD m int");
  CycleAndExpect("t", "compare");
  const std::vector<Column> columns = schema_.tables[0].schema.columns;
  ASSERT_EQ(columns.size(), 13U);
  for (const Column& column : columns) {
    const bool has = column.name != "id" && column.name != "m";
    EXPECT_EQ(column.backfill == Backfill::kDefault, has) << column.name;
    EXPECT_EQ(column.default_value.has_value(), has) << column.name;
    if (!column.default_value) continue;
    EXPECT_THAT(CheckLiteral(column, *column.default_value), IsOk()) << column.name;
  }
  EXPECT_EQ(columns[1].default_value, Literal(std::int64_t{7}));
  EXPECT_EQ(columns[2].default_value, Literal(std::string("it's \"x\", {y}")));
  EXPECT_EQ(columns[3].default_value, Literal(std::string("1.50")));
  EXPECT_EQ(columns[5].default_value, Literal(Bytes{std::string("\0\xff", 2)}));
  Sql("ALTER TABLE t ADD n text DEFAULT 'n' || random()");  // Each row has its own.
  CycleAndExpect("t", "populate");
  EXPECT_FALSE(schema_.tables[0].schema.columns.back().default_value);
}

TEST_F(PostgresChangesTest, ATableThatIsMadeAnewHasToBeInstalled) {
  MakeTables();
  Install();
  Cycle();
  Sql("DROP TABLE ints; CREATE TABLE ints(id int PRIMARY KEY, a text); INSERT INTO ints VALUES (1, 'new')");
  Cycle();
  EXPECT_THAT(mirror_["ints"].action, HasSubstr("'mirror-agent install'"));
  EXPECT_EQ(mirror_["texts"].action, "nothing");
  Install();
  CycleAndExpect("ints", "compare");
}

TEST_F(PostgresChangesTest, PartitionsAreOneTable) {
  Sql("CREATE TABLE p(id int, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); "
      "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2024-07-01'); "
      "CREATE TABLE p2(v text, gone int, at date NOT NULL, id int NOT NULL, PRIMARY KEY (id, at)); "
      "ALTER TABLE p2 DROP gone; ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM ('2024-07-01') TO "
      "('2025-01-01'); "
      "INSERT INTO p SELECT i, '2024-01-01'::date + i * 3, 'v' || i FROM generate_series(1, 100) i");
  Install();
  Cycle();
  ExpectEqual();
  Sql("UPDATE p SET v = 'u' WHERE id % 3 = 0; UPDATE p SET at = at + 180 WHERE id = 5; DELETE FROM p WHERE "
      "id = 70");
  CycleAndExpect("p", "changes");
  Sql("TRUNCATE p1");
  CycleAndExpect("p", "compare");
  Sql("INSERT INTO p VALUES (1, '2024-02-02', 'again')");
  CycleAndExpect("p", "changes");
  Sql("ALTER TABLE p DETACH PARTITION p2; DROP TABLE p2");
  CycleAndExpect("p", "compare");
  Sql("CREATE TABLE p3 PARTITION OF p FOR VALUES FROM ('2025-01-01') TO ('2026-01-01'); INSERT INTO p VALUES "
      "(9, "
      "'2025-05-05', 'new leaf')");
  CycleAndExpect("p", "compare");
  Sql("TRUNCATE p");
  CycleAndExpect("p", "populate");
}

TEST_F(PostgresChangesTest, AllTypesComeTheSameByTheLogAndByTheTable) {
  Sql("CREATE TABLE y(id int PRIMARY KEY, b bool, s int2, l int8, o oid, f float4, d float8, n "
      "numeric(12,3), "
      "w numeric, t text, v varchar(9), c char(5), u uuid, y bytea, da date, ti time, ts timestamp(3), tz "
      "timestamptz, iv interval, tt timetz, mo money, ip inet, ar int[], js jsonb, bi bit(3), xx float8)");
  Install();
  Cycle();
  const std::string row =
      "true, -3, 9007199254740993, 4000000000, 0.1, 1e-300, 12.5, 1e30, 'ä''\"\\', 'vv', 'c', "
      "'00112233-4455-6677-8899-aabbccddeeff', '\\x00ff', '0044-03-15', '23:59:59.000001', '1999-12-31 "
      "23:59:59.987', "
      "'2024-05-01 12:00+02', '1 year 2 days 03:04:05', '12:00+02', 12.34, '10.0.0.0/8', '{1,NULL,3}', "
      "'{\"a\": 1}', "
      "B'101', ";
  Sql("INSERT INTO y VALUES (1, " + row + "1.5), (2, " + row + "'NaN')");
  Sql("INSERT INTO y(id) VALUES (3)");
  Cycle();
  // The column with NaN is another one from here on.
  EXPECT_THAT(mirror_["y"].action, testing::AnyOf("changes", "populate"));
  const auto logged = mirror_["y"].rows;
  mirror_.clear();
  CycleAndExpect("y", "populate");
  EXPECT_EQ(mirror_["y"].rows, logged);
}

TEST_F(PostgresChangesTest, ALargeTransactionTakesLittleMemory) {
  options_.stage.fold_bytes = 200'000;
  Sql("CREATE TABLE t(id int PRIMARY KEY, a text)");
  Install();
  Cycle();
  Sql("INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i");
  CycleAndExpect("t", "changes");
}

}  // namespace
}  // namespace mirror::postgres_log_changes_test
