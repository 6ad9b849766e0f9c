#include "client/source/mariadb/mariadb_reader.h"

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "client/source/mariadb/mariadb_catalog.h"
#include "tests/client/source/mariadb/mariadb_source.h"

namespace mirror::mariadb_reader_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

class MariadbReaderTest : public MariadbSourceTest {
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

TEST_F(MariadbReaderTest, NamesMayBeAnythingThatMariadbTakes) {
  const std::string odd = "Od`d \"ta.ble\\; ' \u00fc", column = "se`lect %s ? \\'";
  Sql("CREATE TABLE `Od``d \"ta.ble\\; ' \u00fc` (`se``lect %s ? \\'` VARCHAR(9) COLLATE utf8mb4_bin PRIMARY "
      "KEY, "
      "`t` INT)",
      "INSERT INTO `Od``d \"ta.ble\\; ' \u00fc` VALUES ('k', 1), ('K', NULL)");
  Look();
  EXPECT_THAT(Names(), ElementsAre(odd));
  EXPECT_EQ(Table(odd).problem, "");
  EXPECT_THAT(ColumnsOf(Table(odd)), ElementsAre(column, "t"));
  EXPECT_EQ(Rows(odd), (ShownRows{{"t:K", "null"}, {"t:k", "i:1"}}));
  ExpectEqualDigests(odd);
  const absl::StatusOr<Found> found = RowsOf(odd, {TextKey("k"), TextKey("x'\\")});
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->rows, (ShownRows{{"t:k", "i:1"}}));
  EXPECT_EQ(found->gone, (ShownRows{{"t:x'\\"}}));
  EXPECT_THAT(reader_->CountRows(odd), IsOkAndHolds(2U));
}

TEST_F(MariadbReaderTest, TablesOfTheDatabaseAreChosenByName) {
  const std::string other = server_->NewDatabase();
  Sql("CREATE TABLE " + other + ".t (id INT PRIMARY KEY)", "CREATE TABLE a (id INT PRIMARY KEY)",
      "CREATE TABLE b (id INT PRIMARY KEY)", "CREATE TABLE c (id INT)", "CREATE VIEW v AS SELECT * FROM a",
      "CREATE TEMPORARY TABLE temp (id INT)", "CREATE SEQUENCE s");
  options_.choice.skip = {"b", "nothing*"};
  options_.choice.blocked = {{"c", "secret"}};
  Open();
  EXPECT_THAT(reader_->TableNames(), IsOkAndHolds(ElementsAre("a")));
  Look();
  EXPECT_THAT(Names(), ElementsAre("a"));
  ASSERT_EQ(schema_.blocked.size(), 1U);
  EXPECT_EQ(schema_.blocked[0].reason, "secret");
  EXPECT_THAT(schema_.idle_patterns, ElementsAre("nothing*"));
}

TEST_F(MariadbReaderTest, OfNamesThatAreOneInAMirrorOneIsRefused) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)", "CREATE TABLE T (id INT PRIMARY KEY)",
      "INSERT INTO t VALUES (1, 1)", "INSERT INTO T VALUES (2)");
  Look();
  EXPECT_THAT(Names(), ElementsAre("T"));
  ASSERT_EQ(schema_.refused.size(), 1U);
  EXPECT_EQ(schema_.refused[0].name, "t");
  EXPECT_THAT(schema_.refused[0].reason, HasSubstr("leave one of them out with 'skip'"));
  EXPECT_EQ(Rows("T"), (ShownRows{{"i:2"}})) << "information_schema takes both names for one";
  // 'T' came later: the mirror's table stays what it is.
  options_.choice.announced = {"t"};
  Open();
  Look();
  EXPECT_THAT(Names(), ElementsAre("t"));
  ASSERT_EQ(schema_.refused.size(), 1U);
  EXPECT_EQ(schema_.refused[0].name, "T");
  for (const std::string skip : {"t", "T"}) {
    options_.choice.skip = {skip};
    Open();
    Look();
    EXPECT_THAT(Names(), ElementsAre(skip == "t" ? "T" : "t"));
    EXPECT_THAT(schema_.refused, IsEmpty());
  }
}

TEST_F(MariadbReaderTest, ATableTellsWhenItWasMade) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)");
  Look();
  const std::uint64_t identity = Table("t").identity;
  EXPECT_NE(identity, 0U);
  Sql("INSERT INTO t VALUES (2)", "TRUNCATE t");
  Look();
  EXPECT_EQ(Table("t").identity, identity);
}

TEST_F(MariadbReaderTest, ComputedColumnsAreLeftOut) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, a INT, twice INT AS (a * 2) VIRTUAL, more INT AS (a * 3) STORED, "
      "hidden INT INVISIBLE DEFAULT 9)",
      "CREATE TABLE k (a INT, twice INT AS (a * 2) STORED UNIQUE)",
      "CREATE TABLE i (id INT AUTO_INCREMENT PRIMARY KEY, v TEXT)", "INSERT INTO t (id, a) VALUES (1, 2)",
      "INSERT INTO k (a) VALUES (3)", "INSERT INTO i (v) VALUES ('v')");
  Look();
  EXPECT_THAT(ColumnsOf(Table("t")), ElementsAre("id", "a", "hidden"));
  EXPECT_EQ(Rows("t"), (ShownRows{{"i:1", "i:2", "i:9"}}));
  EXPECT_THAT(Table("k").schema.Key(), IsEmpty());
  EXPECT_EQ(Rows("k"), (ShownRows{{"i:3"}}));
  ExpectEqualDigests("k");
  EXPECT_EQ(Rows("i"), (ShownRows{{"i:1", "t:v"}}));
  EXPECT_THAT(schema_.notes,
              UnorderedElementsAre(HasSubstr("not mirrored: twice, more"), HasSubstr("not mirrored: twice")));
}

TEST_F(MariadbReaderTest, OfASystemVersionedTableThePresentRowsAreMirrored) {
  Sql("CREATE TABLE v (id INT PRIMARY KEY, a INT) WITH SYSTEM VERSIONING",
      "CREATE TABLE w (id INT PRIMARY KEY, a INT, b TIMESTAMP(6) GENERATED ALWAYS AS ROW START, "
      "e TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME(b, e)) WITH SYSTEM VERSIONING");
  for (const char* const table : {"v", "w"}) {
    Sql(absl::StrCat("INSERT INTO ", table, " (id, a) VALUES (1, 1), (2, 2)"),
        absl::StrCat("UPDATE ", table, " SET a = 9"), absl::StrCat("DELETE FROM ", table, " WHERE id = 2"));
  }
  Look();
  for (const char* const table : {"v", "w"}) {
    EXPECT_THAT(Table(table).schema.Key(), ElementsAre(0U)) << table;
    EXPECT_EQ(Rows(table), (ShownRows{{"i:1", "i:9"}}));
    EXPECT_THAT(reader_->CountRows(table), IsOkAndHolds(1U));
  }
  EXPECT_THAT(schema_.notes, testing::Contains(AllOf(HasSubstr("'v'"), HasSubstr("system-versioned"))));
}

TEST_F(MariadbReaderTest, TheKeyIsThePrimaryKeyAsItStands) {
  Sql("CREATE TABLE pair (v TEXT, b INT, a VARCHAR(9) COLLATE utf8mb4_bin, PRIMARY KEY (a, b))",
      "CREATE TABLE part (k TEXT, PRIMARY KEY (k(3)))", "CREATE TABLE uniq (id INT UNIQUE NOT NULL)",
      "INSERT INTO pair VALUES ('v', 1, 'a'), ('w', 2, 'A')", "INSERT INTO part VALUES ('abcd'), ('b')",
      "INSERT INTO uniq VALUES (1)");
  Look();
  EXPECT_THAT(Table("pair").schema.Key(), ElementsAre(2U, 1U));
  EXPECT_FALSE(ColumnOf("pair", "a").nullable);
  EXPECT_THAT(Table("part").schema.Key(), ElementsAre(0U));
  EXPECT_THAT(Table("uniq").schema.Key(), IsEmpty());
  EXPECT_FALSE(ColumnOf("uniq", "id").nullable);
  for (const char* const name : {"pair", "part", "uniq"}) ExpectEqualDigests(name);
  const absl::StatusOr<Found> found = RowsOf("part", {TextKey("abcd"), TextKey("abce")});
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->rows, (ShownRows{{"t:abcd"}}));
  EXPECT_EQ(found->gone, (ShownRows{{"t:abce"}}));
  EXPECT_EQ(reader_->RepeatedKeysOf("pair"), RepeatedKeys::kNever);
}

TEST_F(MariadbReaderTest, WhatTheUserLacksIsSaidAsAStatement) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, v TEXT, w TEXT)", "CREATE TABLE u (id INT PRIMARY KEY)",
      "INSERT INTO t VALUES (1, 'v', 'w')");
  OpenAs("lacks_all", "");
  const absl::Status refused = reader_->Schema().status();
  EXPECT_THAT(refused,
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("GRANT SELECT ON the database")));
  const std::string grant = absl::StrCat("GRANT SELECT ON `", database_, "`.`t` TO 'lacks_all'@'localhost'");
  // The last column, of which nothing is told, is met by the reading.
  Sql("GRANT SELECT (id, v) ON t TO lacks_all@localhost");
  Look();
  EXPECT_THAT(Names(), ElementsAre("t")) << "of u it does not know";
  EXPECT_EQ(Table("t").problem, "");
  EXPECT_THAT(ReadAll(*reader_, Table("t").schema).status,
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(grant)));
  EXPECT_THAT(reader_->CountRows("t").status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(grant)));
  // One between others leaves a gap.
  Sql("REVOKE SELECT (v) ON t FROM lacks_all@localhost", "GRANT SELECT (w) ON t TO lacks_all@localhost");
  Look();
  EXPECT_THAT(Table("t").problem, HasSubstr(grant));
  // It may write, and not read.
  Sql("REVOKE ALL ON t FROM lacks_all@localhost", "GRANT INSERT ON t TO lacks_all@localhost");
  Look();
  EXPECT_THAT(Table("t").problem, HasSubstr(grant));
  Sql(grant);
  Look();
  EXPECT_EQ(Table("t").problem, "");
  EXPECT_EQ(Rows("t").size(), 1U);
  Sql("GRANT SELECT ON " + database_ + ".* TO lacks_all@localhost");
  Look();
  EXPECT_THAT(Names(), ElementsAre("t", "u"));
}

TEST_F(MariadbReaderTest, NothingIsWrittenThereWhateverTheUserMay) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY)");
  MariadbSessions sessions(options_.access);
  for (const MariadbUse use : {MariadbUse::kCatalogs, MariadbUse::kRows, MariadbUse::kWatch}) {
    const auto lease = sessions.Take(use);
    ASSERT_THAT(lease, IsOk());
    EXPECT_THAT((*lease)->Execute("INSERT INTO t VALUES (1)"), Not(IsOk()));
    EXPECT_THAT((*lease)->Execute("DROP TABLE t"), Not(IsOk()));
  }
  EXPECT_EQ(Text("SELECT COUNT(*) FROM t"), "0");
}

TEST_F(MariadbReaderTest, APasswordStandsInAFileOfItsOwnersAlone) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY)", "CREATE OR REPLACE USER keeps@localhost IDENTIFIED BY 'se cret'",
      "GRANT SELECT ON " + database_ + ".* TO keeps@localhost");
  options_.access.dsn = server_->Dsn(database_, "keeps");
  Open();
  EXPECT_THAT(reader_->Schema().status(),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("has no password_file")));
  const TempFolder folder;
  options_.access.password_file = folder / "maria.pw";
  const auto write = [&](const std::string& text) {
    std::ofstream(options_.access.password_file) << text;
    chmod(options_.access.password_file.c_str(), 0600);
  };
  write("se cret\n");
  chmod(options_.access.password_file.c_str(), 0644);
  EXPECT_FALSE(reader_->Schema().ok());
  Open();
  EXPECT_FALSE(reader_->Schema().ok());
  chmod(options_.access.password_file.c_str(), 0600);
  EXPECT_THAT(reader_->Schema(), IsOk());
  write("other");
  Open();
  const absl::Status wrong = reader_->Schema().status();
  EXPECT_THAT(wrong, StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("another password than")));
  EXPECT_THAT(std::string(wrong.message()), Not(HasSubstr("other'")));
  write("two\nlines");
  EXPECT_THAT(reader_->Schema().status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("one line")));
  options_.access.dsn += " password=secret";
  Open();
  const absl::Status refused = reader_->Schema().status();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("password_file")));
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("secret")));
}

TEST_F(MariadbReaderTest, TheDatabaseIsKnownByItsDomainAndItsNameWhateverItsAddress) {
  EXPECT_EQ(reader_->Mark().database, "");
  Look();
  const SourceMark mark = reader_->Mark();
  EXPECT_NE(mark.path, "");
  EXPECT_EQ(mark.database, absl::StrCat("mariadb 0 ", database_));
  OpenAs("knows_place", "SELECT ON " + database_ + ".*");
  Look();
  EXPECT_EQ(reader_->Mark().database, mark.database) << "whoever asks";
  const std::string elsewhere = absl::StrCat(server_->folder(), "/at-", database_);
  std::filesystem::create_symlink(server_->socket(), elsewhere);
  options_.access.dsn = absl::StrCat("socket=", elsewhere, " dbname=", database_, " user=root");
  Open();
  Look();
  EXPECT_EQ(reader_->Mark().database, mark.database) << "wherever";
  options_.access.dsn = server_->Dsn(server_->NewDatabase());
  Open();
  Look();
  EXPECT_NE(reader_->Mark().database, mark.database);
}

TEST_F(MariadbReaderTest, IndexesAndForeignKeysAreTold) {
  const std::string other = server_->NewDatabase();
  Sql("CREATE TABLE " + other + ".far (id INT PRIMARY KEY)",
      "CREATE TABLE p (a INT, b VARCHAR(9) COLLATE utf8mb4_bin, PRIMARY KEY (a, b))",
      "CREATE TABLE c (id INT PRIMARY KEY, a INT, b VARCHAR(9) COLLATE utf8mb4_bin, n VARCHAR(9), t TEXT, "
      "  x VARCHAR(9) COLLATE utf8mb4_nopad_bin, f INT, g INT AS (id + 1) STORED, po POINT NOT NULL, "
      "  UNIQUE KEY c_u (b DESC, a), KEY c_a (a), KEY c_x (x), KEY c_n (n), KEY c_pre (t(3)), KEY c_gen (g), "
      "  FULLTEXT KEY c_text (t), SPATIAL KEY c_po (po), "
      "  CONSTRAINT `odd``)\nON DELETE SET NULL (` FOREIGN KEY (a, b) REFERENCES p (a, b) ON DELETE CASCADE "
      "ON UPDATE SET NULL, "
      "  CONSTRAINT zz FOREIGN KEY (f) REFERENCES " +
          other + ".far (id))");
  OpenAs("reads_objects", "SELECT ON " + database_ + ".*");
  Look();
  ASSERT_TRUE(Table("c").objects);
  const SourceObjects& objects = *Table("c").objects;
  const std::vector<SourceIndex> indexes = {
      {"c_a", false, {{"a", false, Collation::kBinary}}},
      {"c_u", true, {{"b", true, Collation::kRtrim}, {"a", false, Collation::kBinary}}},
      {"c_x", false, {{"x", false, Collation::kBinary}}},
      {"odd`)\nON DELETE SET NULL (",
       false,
       {{"a", false, Collation::kBinary}, {"b", false, Collation::kRtrim}}},
      {"zz", false, {{"f", false, Collation::kBinary}}}};
  EXPECT_EQ(objects.indexes, indexes);
  const std::vector<UntoldIndex> untold = {{"c_gen", UntoldReason::kExpression},
                                           {"c_n", UntoldReason::kCollation},
                                           {"c_po", UntoldReason::kExpression},
                                           {"c_pre", UntoldReason::kExpression},
                                           {"c_text", UntoldReason::kCollation}};
  EXPECT_EQ(objects.untold, untold);
  const std::vector<SourceForeignKey> keys = {
      {{"a", "b"}, "p", {"a", "b"}, ForeignKeyAction::kCascade, ForeignKeyAction::kSetNull},
      {{"f"}, other + ".far", {"id"}, ForeignKeyAction::kNoAction, ForeignKeyAction::kNoAction}};
  EXPECT_EQ(objects.foreign_keys, keys);
  EXPECT_EQ(objects.more, 0U);
  ASSERT_TRUE(Table("p").objects);
  EXPECT_EQ(*Table("p").objects, SourceObjects());
}

TEST_F(MariadbReaderTest, ADefinitionThatIsNoneNamesNoAction) {
  for (const char* const text : {"", "CREATE TABLE", "\n  CONSTRAINT `f` FOREIGN KEY (",
                                 "\n  CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES ",
                                 "\n  CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `p` (`a"}) {
    EXPECT_EQ(ReadMariadbActions(text, "f").on_delete, ForeignKeyAction::kNoAction) << text;
  }
  const MariadbForeignKeyActions actions = ReadMariadbActions(
      "x\n  CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `p` (`a`) ON DELETE NO ACTION ON UPDATE RESTRICT\n)",
      "f");
  EXPECT_EQ(actions.on_delete, ForeignKeyAction::kNoAction);
  EXPECT_EQ(actions.on_update, ForeignKeyAction::kRestrict);
}

TEST_F(MariadbReaderTest, WhatMariadbTakesForEqualIsNot) {
  Sql("CREATE TABLE c (k VARCHAR(9) PRIMARY KEY)",
      "CREATE TABLE l (k VARCHAR(9) CHARACTER SET latin1 PRIMARY KEY)",
      "CREATE TABLE b (k VARCHAR(9) COLLATE utf8mb4_bin PRIMARY KEY)", "INSERT INTO c VALUES ('Ab')",
      "INSERT INTO l VALUES ('\u00c4b')", "INSERT INTO b VALUES ('a')");
  Look();
  for (const auto& [name, other, own] :
       std::vector<std::tuple<std::string, std::string, std::string>>{{"c", "aB", "Ab"},
                                                                      {"c", "Ab ", "Ab"},
                                                                      {"c", "\u00c0b", "Ab"},
                                                                      {"l", "\u00e4b", "\u00c4b"},
                                                                      {"l", "\u4e00b", "\u00c4b"},
                                                                      {"b", "a ", "a"}}) {
    SCOPED_TRACE(name + " " + other);
    const absl::StatusOr<Found> found = RowsOf(name, {TextKey(other)});
    ASSERT_THAT(found, IsOk());
    EXPECT_EQ(found->rows, ShownRows());
    EXPECT_EQ(found->gone, (ShownRows{{"t:" + other}}));
    const absl::StatusOr<Found> both = RowsOf(name, {TextKey(own), TextKey(other)});
    ASSERT_THAT(both, IsOk());
    EXPECT_EQ(both->rows, (ShownRows{{"t:" + own}}));
    EXPECT_EQ(both->gone, (ShownRows{{"t:" + other}}));
  }
}

TEST_F(MariadbReaderTest, AKeyThatTheSourceCanNotHaveIsGone) {
  Sql("CREATE TABLE t (k ENUM('sad', 'happy'), n INT, d DATE, PRIMARY KEY (k, n, d))",
      "INSERT INTO t VALUES ('sad', 1, '2024-01-01'), ('happy', 2, '2024-01-01')",
      "ALTER TABLE t MODIFY k ENUM('blue', 'happy', 'sad')", "UPDATE t SET k = 'blue' WHERE k = 'sad'",
      "ALTER TABLE t MODIFY k ENUM('blue', 'happy')");
  Look();
  const auto key = [](const std::string& mood, int n) {
    return Key{TextKey(mood).front(), IntKey(n).front(), IntKey(638396640000000000).front()};
  };
  const absl::StatusOr<Found> found = RowsOf("t", {key("happy", 2), key("sad", 1), key("blue", 1)});
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->rows.size(), 2U);
  EXPECT_EQ(found->gone.size(), 1U);
}

TEST_F(MariadbReaderTest, FourHundredTablesAreLookedAtInOneGo) {
  constexpr int kTables = 413;
  for (int i = 0; i < kTables; ++i) {
    Sql(absl::StrCat("CREATE TABLE t", i,
                     " (id INT PRIMARY KEY, a VARCHAR(20), b DECIMAL(12,2), c DATETIME, KEY (a), ",
                     "KEY (c)) STATS_PERSISTENT=0"));
  }
  Look();
  const auto begin = std::chrono::steady_clock::now();
  Look();
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(schema_.tables.size(), static_cast<std::size_t>(kTables));
  RecordProperty("look_ms",
                 static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
  // Far above what it takes; a look that asks for each table by itself takes longer.
  EXPECT_LT(took, std::chrono::seconds(10));
}

}  // namespace
}  // namespace mirror::mariadb_reader_test
