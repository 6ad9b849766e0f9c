// Partitions of a PostgreSQL table that change in every way while cycles follow the log.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "tests/client/source/postgres/postgres_log_source.h"

namespace mirror::postgres_partitions_test {
namespace {

std::uint64_t FromEnvironment(const char* name, std::uint64_t other) {
  const char* const value = std::getenv(name);
  return value == nullptr ? other : std::strtoull(value, nullptr, 10);
}

class PostgresPartitionsTest : public PostgresLogTest {
 protected:
  /// Makes `name` with these partitions, each by a value of r, and two rows in each.
  void Make(const std::string& name, const std::vector<std::string>& partitions) {
    Sql(absl::StrCat("CREATE TABLE ", name,
                     "(id int, r text, v text, PRIMARY KEY (id, r)) PARTITION BY LIST (r)"));
    for (const std::string& r : partitions) {
      Sql(absl::StrCat("CREATE TABLE ", name, "_", r, " PARTITION OF ", name, " FOR VALUES IN ('", r,
                       "'); INSERT INTO ", name, " VALUES (1, '", r, "', 'old'), (2, '", r, "', 'old')"));
    }
  }
  /// Changes rows of one partition while they are not logged.
  static std::string LoadUnlogged(const std::string& partition, const std::string& r) {
    return absl::StrCat(
        "ALTER TABLE ", partition, " SET UNLOGGED; UPDATE ", partition, " SET v = 'new'; DELETE FROM ",
        partition, " WHERE id = 2; INSERT INTO ", partition, " VALUES (3, '", r,
        "', 'bulk') ON CONFLICT (id, r) DO UPDATE SET v = 'again'; ALTER TABLE ", partition, " SET LOGGED; ");
  }
};

TEST_F(PostgresPartitionsTest, ADefaultThatIsDroppedAgainIsCompared) {
  Sql("CREATE DOMAIN dm AS int DEFAULT 42");
  for (const std::string name : {"p1", "p2", "p3", "kept"}) Make(name, {"a", "b"});
  Install();
  Cycle();
  Sql("ALTER TABLE p1 ADD n int DEFAULT 5; ALTER TABLE p1 ALTER n DROP DEFAULT; "
      "ALTER TABLE p2 ADD n dm; ALTER DOMAIN dm DROP DEFAULT; "
      "ALTER TABLE p3 ADD n int NOT NULL DEFAULT 5; ALTER TABLE p3 ALTER n DROP DEFAULT; "
      "ALTER TABLE kept ADD n int DEFAULT 5");
  Cycle();
  ExpectEqual();
  EXPECT_EQ(mirror_["p1"].action, "compare");
  Cycle();
  EXPECT_EQ(mirror_["p1"].action, "nothing");
  Sql("ALTER TABLE p1 ADD plain int");
  CycleAndExpect("p1", "nothing");
}

TEST_F(PostgresPartitionsTest, RowsThatWereWrittenWhileAPartitionWasUnloggedAreCompared) {
  Make("one", {"a"});
  Make("two", {"a", "b"});
  Make("part", {"a", "b"});
  Install();
  Cycle();
  Sql(LoadUnlogged("one_a", "a") + LoadUnlogged("two_a", "a") + LoadUnlogged("two_b", "b") +
      LoadUnlogged("part_a", "a"));
  Cycle();
  ExpectEqual();
  for (const std::string name : {"one", "two", "part"}) EXPECT_EQ(mirror_[name].action, "compare") << name;
}

TEST_F(PostgresPartitionsTest, ATruncateBesideRowsThatAreNotLoggedIsPopulatedFromTheTable) {
  Make("p", {"a", "b"});
  Install();
  Cycle();
  Sql("BEGIN; TRUNCATE p; " + LoadUnlogged("p_a", "a") + "COMMIT");
  CycleAndExpect("p", "populate");
  Sql("TRUNCATE p");
  Sql(LoadUnlogged("p_a", "a") + LoadUnlogged("p_b", "b"));
  Close();
  CycleAndExpect("p", "populate");
  Sql(LoadUnlogged("p_a", "a") + LoadUnlogged("p_b", "b") + "INSERT INTO p VALUES (9, 'a', 'logged')");
  CycleAndExpect("p", "compare");
  CycleAndExpect("p", "nothing");
}

/// A partitioned table, of which one partition is partitioned again, and what may be done to it.
class RandomPartitionsTest : public PostgresPartitionsTest {
 protected:
  int Any(int below) { return static_cast<int>(generator_() % static_cast<std::uint64_t>(below)); }
  std::string AnyR() { return std::string(1, static_cast<char>('a' + Any(5))); }

  void MakeTree() {
    Sql("CREATE DOMAIN filled AS text DEFAULT 'by the domain'; "
        "CREATE TABLE p(id int, r text, v text, PRIMARY KEY (id, r)) PARTITION BY LIST (r); "
        "CREATE TABLE p_a PARTITION OF p FOR VALUES IN ('a'); "
        "CREATE TABLE p_rest PARTITION OF p DEFAULT PARTITION BY LIST (r); "
        "CREATE TABLE p_b PARTITION OF p_rest FOR VALUES IN ('b'); "
        "CREATE TABLE p_other PARTITION OF p_rest DEFAULT; "
        "INSERT INTO p SELECT i, chr(97 + i % 5), 'old' FROM generate_series(1, 20) i");
  }
  /// All tables with rows, as they are now.
  std::vector<std::string> Leaves() {
    const auto rows = connection_->Query(
        "SELECT relid::regclass::text FROM pg_partition_tree('p') WHERE isleaf ORDER BY 1", {}, "test");
    EXPECT_THAT(rows, IsOk());
    std::vector<std::string> leaves;
    for (int i = 0; rows.ok() && i < rows->rows(); ++i) leaves.push_back(rows->Text(i, 0));
    return leaves;
  }
  std::string AnyLeaf() {
    const std::vector<std::string> leaves = Leaves();
    return leaves.empty() ? "p_a" : leaves[static_cast<std::size_t>(Any(static_cast<int>(leaves.size())))];
  }
  std::string Rows() {
    const int id = Any(25);
    switch (Any(4)) {
      case 0:
        return absl::StrCat("INSERT INTO p VALUES (", id, ", '", AnyR(), "', 'new", Any(99),
                            "') ON CONFLICT DO NOTHING");
      case 1:
        return absl::StrCat("UPDATE p SET v = 'u", Any(99), "' WHERE id % 3 = ", Any(3));
      case 2: {
        const std::string r = AnyR();
        return absl::StrCat("UPDATE p SET r = '", r, "' WHERE id = ", id,
                            " AND NOT EXISTS (SELECT FROM p q WHERE q.id = ", id, " AND q.r = '", r, "')");
      }
      default:
        return absl::StrCat("DELETE FROM p WHERE id = ", id);
    }
  }
  /// A statement, or several that end as they began.
  std::string Definition() {
    const std::string leaf = AnyLeaf(), column = absl::StrCat("c", ++columns_);
    switch (Any(12)) {
      case 0:
        return absl::StrCat("ALTER TABLE p ADD ", column, " int DEFAULT ", Any(9), "; ALTER TABLE p ALTER ",
                            column, " DROP DEFAULT");
      case 1:
        return absl::StrCat("ALTER TABLE p ADD ", column, " filled; ALTER DOMAIN filled DROP DEFAULT; ",
                            "ALTER DOMAIN filled SET DEFAULT 'again'");
      case 2:
        return absl::StrCat("ALTER TABLE p ADD ", column, " int");
      case 3:
        return absl::StrCat("ALTER TABLE p ADD ", column, " text DEFAULT random()::text");
      case 4:
        return columns_ > 3 ? absl::StrCat("ALTER TABLE p DROP COLUMN IF EXISTS c", Any(columns_) + 1) : "";
      case 5:
      case 6: {
        // All of them, or one.
        const bool all = Any(2) == 0;
        std::string sql;
        for (const std::string& one : all ? Leaves() : std::vector<std::string>{leaf}) {
          absl::StrAppend(&sql, "ALTER TABLE ", one, " SET UNLOGGED; UPDATE ", one,
                          " SET v = 'bulk' WHERE id % 2 = 0; DELETE FROM ", one, " WHERE id % 7 = ", Any(7),
                          "; ALTER TABLE ", one, " SET LOGGED; ");
        }
        return sql;
      }
      case 7:
        return absl::StrCat("VACUUM FULL ", Any(2) == 0 ? "p" : leaf);
      case 8:
        return absl::StrCat("TRUNCATE ", Any(2) == 0 ? "p" : leaf);
      case 9:
        return absl::StrCat("ALTER TABLE p DETACH PARTITION p_a; UPDATE p_a SET v = 'unseen'; ",
                            "ALTER TABLE p ATTACH PARTITION p_a FOR VALUES IN ('a')");
      case 10:
        return "ALTER TABLE p_rest DETACH PARTITION p_b; DROP TABLE p_b; "
               "CREATE TABLE p_b(LIKE p INCLUDING DEFAULTS); "
               "ALTER TABLE p_b ADD PRIMARY KEY (r, id); ALTER TABLE p_b DROP CONSTRAINT p_b_pkey; "
               "ALTER TABLE p_rest ATTACH PARTITION p_b FOR VALUES IN ('b')";
      default:
        return absl::StrCat("BEGIN; TRUNCATE p; ", Rows(), "; ALTER TABLE p_a SET UNLOGGED; ",
                            "INSERT INTO p VALUES (77, 'a', 'bulk'); ALTER TABLE p_a SET LOGGED; COMMIT");
    }
  }

  std::mt19937_64 generator_{1};
  int columns_ = 0;
};

TEST_F(RandomPartitionsTest, RandomDefinitionsAndRowsEndEqual) {
  const std::uint64_t seed = FromEnvironment("MIRROR_TEST_SEED", std::random_device()());
  std::cout << "MIRROR_TEST_SEED=" << seed << std::endl;
  generator_.seed(seed);
  MakeTree();
  Install();
  Cycle();
  ExpectEqual();
  for (std::uint64_t round = FromEnvironment("MIRROR_TEST_ROUNDS", 15); round > 0 && !HasFailure(); --round) {
    std::string done;
    for (int i = Any(4); i >= 0; --i) {
      const std::string sql = Any(2) == 0 ? Rows() : Definition();
      absl::StrAppend(&done, sql, "\n");
      // A VACUUM stands alone.
      if (!sql.empty()) Sql(sql);
    }
    if (Any(5) == 0) Close();
    Cycle();
    EXPECT_THAT(mirror_["p"].action, testing::AnyOf("nothing", "changes", "compare", "populate")) << done;
    ExpectEqual();
    if (HasFailure()) std::cout << done;
  }
}

}  // namespace
}  // namespace mirror::postgres_partitions_test
