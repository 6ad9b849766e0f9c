#include "client/source/sqlite/log/change_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/source/sqlite/log/trigger_trial.h"
#include "tests/client/source/logged_source.h"

namespace mirror::change_log_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ChangeLogTest : public LoggedSource {
 protected:
  static constexpr char kTable[] =
      "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', "
      "2)";

  /// `sql` went past the log: the table is populated in the next cycle, and only in that.
  void ExpectPopulated(const std::string& sql, const std::string& news) {
    news_.clear();
    const Sent sent = After(sql);
    EXPECT_EQ(sent.action, "populate") << sql;
    EXPECT_THAT(news_, ElementsAre(HasSubstr(news))) << sql;
    EXPECT_EQ(After("UPDATE t SET v = v || 'x'").action, "changes") << sql;
    EXPECT_EQ(After("").action, "none");
    news_.clear();
  }
  /// `sql` left the log what it is.
  void ExpectFollowed(const std::string& sql) {
    news_.clear();
    EXPECT_NE(After(sql).action, "populate") << sql;
    EXPECT_THAT(news_, IsEmpty()) << sql;
    EXPECT_EQ(After("UPDATE t SET v = v || 'x'").action, "changes") << sql;
  }
  std::string TriggerTexts() {
    std::string texts;
    for (const std::string& row :
         Ask(app_->handle(), "SELECT sql || ';' AS s FROM sqlite_schema WHERE type = 'trigger'")) {
      texts += row.substr(4);
    }
    return texts;
  }
};

// --- Rebuilds and other definitions ---

constexpr char kRebuild[] =
    "CREATE TABLE n(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v); INSERT INTO n SELECT id, u, v + 10 FROM t; "
    "DROP TABLE "
    "t; ALTER TABLE n RENAME TO t;";

TEST_F(ChangeLogTest, ATableThatAnOrmRebuiltIsPopulated) {
  Start(kTable);
  ExpectPopulated(kRebuild, "a trigger of its log is gone");
  ExpectPopulated(absl::StrCat("PRAGMA legacy_alter_table = ON; ", kRebuild), "a trigger of its log is gone");
  ExpectPopulated(
      "ALTER TABLE t RENAME TO o; CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v); INSERT INTO t "
      "SELECT "
      "id, u, 7 FROM o; DROP TABLE o",
      "a trigger of its log is gone");
}

TEST_F(ChangeLogTest, ATriggerThatEndsWhatComesBehindItHidesNothingForLong) {
  Start(kTable);
  // SQLite runs the newest trigger first, and RAISE(IGNORE) ends those behind it, not the change.
  app_->Run(
      "CREATE TRIGGER app AFTER UPDATE ON t WHEN new.v = 7 BEGIN SELECT raise /* (x) */ (-- y\n Ignore ); "
      "END");
  news_.clear();
  EXPECT_EQ(After("UPDATE t SET v = 7").action, "populate");
  EXPECT_THAT(news_, ElementsAre(HasSubstr("RAISE(IGNORE)")));
  news_.clear();
  // From now on those of the log come first.
  EXPECT_EQ(After("UPDATE t SET v = 7").action, "changes");
  EXPECT_EQ(After("UPDATE t SET v = 6; DELETE FROM t WHERE id = 1; VACUUM; UPDATE t SET v = 7").action,
            "changes");
  EXPECT_THAT(news_, IsEmpty());
  app_->Run("DROP TRIGGER app; CREATE TRIGGER app BEFORE DELETE ON t BEGIN SELECT 1; END");
  EXPECT_EQ(After("DELETE FROM t").action, "changes");
  EXPECT_THAT(news_, IsEmpty());
}

TEST_F(ChangeLogTest, ACommentMarkWithinATextHidesNoTrigger) {
  Start(kTable);
  for (const char* when :
       {"new.u LIKE '/*%'", "new.u <> 'it''s --'", "new.[u] <> \"--\"", "new.`u` <> '/*'"}) {
    SCOPED_TRACE(when);
    app_->Run(absl::StrCat("CREATE TRIGGER app AFTER UPDATE ON t WHEN ", when,
                           " OR true BEGIN SELECT raise(ignore); END"));
    news_.clear();
    EXPECT_EQ(After("UPDATE t SET v = v + 1").action, "populate");
    EXPECT_THAT(news_, ElementsAre(HasSubstr("RAISE(IGNORE)")));
    app_->Run("DROP TRIGGER app");
    Cycle();
  }
  app_->Run("CREATE TRIGGER app AFTER UPDATE ON t WHEN new.u <> 'raise(ignore)' BEGIN SELECT 1; END");
  news_.clear();
  EXPECT_EQ(After("UPDATE t SET v = v + 1").action, "changes");
  EXPECT_THAT(news_, IsEmpty());
}

TEST_F(ChangeLogTest, ManyTablesOfWhichEachGetsAColumnKeepTheirOwnTriggers) {
  std::string tables, columns;
  for (int i = 0; i < 30; ++i) {
    absl::StrAppend(&tables, "CREATE TABLE t", i, "(id INTEGER PRIMARY KEY, u TEXT UNIQUE); INSERT INTO t", i,
                    " VALUES (1, 'a');");
    absl::StrAppend(&columns, "ALTER TABLE t", i, " ADD COLUMN v DEFAULT 5; INSERT INTO t", i,
                    " VALUES (2, 'b', 6);");
  }
  Start(tables);
  app_->Run(columns);
  // Their triggers go with it, and a new table has the name.
  app_->Run(
      "ALTER TABLE t3 RENAME TO o3; CREATE TABLE t3(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v); DROP TABLE "
      "t4");
  for (const auto& [table, sent] : Cycle()) {
    EXPECT_EQ(sent.action, table == "t3" || table == "o3" ? "populate" : "changes") << table;
  }
  ExpectEqual();
  EXPECT_THAT(Ask(app_->handle(),
                  "SELECT count(*) AS n, count(DISTINCT tbl_name) AS t FROM sqlite_schema WHERE "
                  "type = 'trigger' AND name GLOB '_mirror_*_update'"),
              ElementsAre("n=i:60 t=i:30 "));
  for (int i = 0; i < 31; ++i) {
    if (i != 4)
      app_->Run(absl::StrCat("UPDATE ", i == 30 ? "o3" : absl::StrCat("t", i), " SET u = u || 'x'"));
  }
  Cycle();
  ExpectEqual();
}

TEST_F(ChangeLogTest, ARebuildThatMakesAllTriggersAgainIsSeen) {
  Start(kTable);
  const std::string triggers = TriggerTexts();
  app_->Run(absl::StrCat("BEGIN;", kRebuild, triggers, "COMMIT"));
  ASSERT_EQ(TriggerTexts(), triggers);
  ExpectPopulated("", "it was dropped and created again");
  // Also behind a VACUUM, which puts everything at another place.
  ExpectPopulated(absl::StrCat("BEGIN;", kRebuild, TriggerTexts(), "COMMIT; VACUUM"),
                  "it was dropped and created again");
}

TEST_F(ChangeLogTest, ATableThatWasDroppedAndMadeAgainIsPopulated) {
  Start(kTable);
  ExpectPopulated(
      "DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v); INSERT INTO t VALUES (5, 'e', "
      "5)",
      "a trigger of its log is gone");
  const std::string triggers = TriggerTexts();
  ExpectPopulated(
      "DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v); INSERT INTO t VALUES (6, 'f', "
      "6);" +
          triggers,
      "it was dropped and created again");
}

TEST_F(ChangeLogTest, VacuumKeepsThePosition) {
  Start("CREATE TABLE x(a); INSERT INTO x VALUES (zeroblob(100000)); CREATE TABLE y(k TEXT PRIMARY KEY, v)");
  app_->Run(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', "
      "2)");
  Cycle();
  ExpectFollowed("DROP TABLE x; VACUUM");
  ExpectFollowed("DELETE FROM t WHERE id = 1; VACUUM; VACUUM");
  ExpectFollowed("PRAGMA auto_vacuum = FULL; VACUUM; CREATE TABLE z(a); INSERT INTO z VALUES (1)");
  ExpectFollowed("DROP TABLE y; DROP TABLE z");
}

TEST_F(ChangeLogTest, VacuumThatRenumbersRowsDisturbsNothing) {
  Start(
      "CREATE TABLE t(k TEXT PRIMARY KEY, v); CREATE TABLE n(a); INSERT INTO t VALUES ('a', 1), ('b', 2), "
      "('c', 3), "
      "('d', 4); INSERT INTO n VALUES (1), (2), (3), (4)");
  app_->Run("DELETE FROM t WHERE k IN ('a', 'c'); DELETE FROM n WHERE a = 2");
  ExpectFollowed("VACUUM; UPDATE t SET v = 9 WHERE k = 'd'; UPDATE n SET a = 7 WHERE a = 4");
}

TEST_F(ChangeLogTest, AddedColumnsKeepThePosition) {
  Start(kTable);
  ExpectFollowed("ALTER TABLE t ADD COLUMN w");
  ExpectFollowed(
      "UPDATE t SET v = 3 WHERE id = 1; ALTER TABLE t ADD COLUMN x INTEGER NOT NULL DEFAULT 7; UPDATE t SET "
      "x = 8 "
      "WHERE id = 1; ALTER TABLE t ADD COLUMN y DEFAULT 'd'");
  EXPECT_EQ(After("UPDATE t SET y = 'e', w = 1 WHERE id = 2").values, 2);
  EXPECT_EQ(After("ALTER TABLE t ADD COLUMN g AS (v || 'g')").action, "populate");
}

TEST_F(ChangeLogTest, WhatIsWrittenIntoANewColumnBeforeTheTriggersKnowItIsSent) {
  Start(kTable);
  // One entry of each, the last of its log, and none before it that would name all columns.
  ExpectFollowed("ALTER TABLE t ADD COLUMN w; UPDATE t SET w = 5 WHERE id = 1");
  ExpectFollowed("ALTER TABLE t ADD COLUMN x DEFAULT 7; UPDATE t SET x = 8 WHERE id = 2");
  EXPECT_EQ(After("UPDATE t SET w = 6 WHERE id = 1").values, 1) << "the triggers know it by now";
}

TEST_F(ChangeLogTest, AColumnBeyondTheMaskGetsAMaskOfItsOwn) {
  std::string columns = "id INTEGER PRIMARY KEY, v";
  for (int i = 2; i < 62; ++i) absl::StrAppend(&columns, ", c", i);
  Start("CREATE TABLE t(" + columns + "); INSERT INTO t(id) VALUES (1), (2)");
  ExpectFollowed("UPDATE t SET c5 = 1; ALTER TABLE t ADD COLUMN c62; UPDATE t SET c62 = 4 WHERE id = 2");
  EXPECT_EQ(After("UPDATE t SET c62 = 5 WHERE id = 2").values, 1);
}

TEST_F(ChangeLogTest, RenamedColumnsAndTablesArePopulated) {
  Start(kTable);
  ExpectPopulated("ALTER TABLE t RENAME COLUMN u TO w", "its columns were renamed, moved or dropped");
  app_->Run("ALTER TABLE t RENAME TO s");
  EXPECT_EQ(Cycle()["s"].action, "populate");
  ExpectEqual();
  EXPECT_EQ(Number("SELECT count(*) FROM sqlite_schema WHERE name GLOB '_mirror_log_*'"), 1);
}

TEST_F(ChangeLogTest, AColumnThatATriggerNamesCannotBeDropped) {
  Start(kTable);
  EXPECT_EQ(app_->Try("ALTER TABLE t DROP COLUMN v"), SQLITE_ERROR);
  EXPECT_THAT(std::string(sqlite3_errmsg(app_->handle())), HasSubstr("error in trigger _mirror_1_update"));
  app_->Run("ALTER TABLE t ADD COLUMN w; ALTER TABLE t DROP COLUMN w; UPDATE t SET v = 5");
  EXPECT_EQ(Cycle()["t"].action, "changes");
  ExpectEqual();
  // As somebody who wants it gone does.
  EXPECT_THAT(ChangeLog::Uninstall({.path = path_}), IsOkAndHolds(true));
  app_->Run("ALTER TABLE t DROP COLUMN v");
  ASSERT_THAT(ChangeLog::Install(Options()), IsOk());
  EXPECT_EQ(Cycle()["t"].action, "populate");
  ExpectEqual();
}

TEST_F(ChangeLogTest, AnIndexThatComesOrGoesMakesTheTriggersAnew) {
  Start(kTable);
  ExpectPopulated("CREATE UNIQUE INDEX i ON t(v, u)", "was changed, or its indexes changed");
  After("INSERT INTO t VALUES (3, 'c', 1)");
  ExpectPopulated("DROP INDEX i", "was changed, or its indexes changed");
  ExpectFollowed("CREATE INDEX j ON t(v)");
}

TEST_F(ChangeLogTest, TriggersThatWereRemovedOrAlteredAreSeen) {
  Start(kTable);
  ExpectPopulated("DROP TRIGGER _mirror_1_delete; DELETE FROM t WHERE id = 1",
                  "a trigger of its log is gone");
  ExpectPopulated(
      "DROP TRIGGER _mirror_2_update; CREATE TRIGGER _mirror_2_update AFTER UPDATE ON t BEGIN SELECT 1; END; "
      "UPDATE t SET v = 7",
      "was changed");
}

// --- A log that somebody touched ---

TEST_F(ChangeLogTest, AnEmptiedLogIsSeen) {
  Start(kTable);
  After("UPDATE t SET v = 5; UPDATE t SET v = 6");
  ExpectPopulated("DELETE FROM _mirror_log_1; UPDATE t SET v = 7; UPDATE t SET v = 8", "its log was emptied");
  // Of the same length again.
  ExpectPopulated(
      "DELETE FROM _mirror_log_2; INSERT INTO _mirror_log_2(seq, m0) VALUES (1, 1); UPDATE t SET v = 9",
      "its log was emptied");
}

TEST_F(ChangeLogTest, ALogWithoutSomeOfItsEntriesIsGivenUp) {
  Start(kTable);
  app_->Run("UPDATE t SET v = 5; UPDATE t SET v = 6");
  const std::int64_t last = Number("SELECT max(seq) FROM _mirror_log_1");
  const Sent sent = After(absl::StrCat("DELETE FROM _mirror_log_1 WHERE seq = ", last - 1));
  EXPECT_EQ(sent.action, "populate");
  EXPECT_THAT(aborted_, ElementsAre(HasSubstr("entries of its change log are missing")));
  EXPECT_EQ(After("UPDATE t SET v = 7").action, "changes");
}

TEST_F(ChangeLogTest, ADroppedLogStopsTheApplicationUntilItIsRenewed) {
  Start(kTable);
  app_->Run("DROP TABLE _mirror_log_1");
  EXPECT_EQ(app_->Try("UPDATE t SET v = 7"), SQLITE_ERROR);
  EXPECT_THAT(std::string(sqlite3_errmsg(app_->handle())), HasSubstr("_mirror_log_1"));
  ExpectPopulated("", "its log was dropped");
}

TEST_F(ChangeLogTest, ALogThatIsNotWholeIsRefusedAndInstallBeginsAnew) {
  for (const char* part : {"DROP TABLE _mirror_tables", "DROP TABLE _mirror_source",
                           "DROP TABLE _mirror_lineage", "DELETE FROM _mirror_source"}) {
    app_->Run(absl::StrCat("DROP TABLE IF EXISTS t; ", kTable));
    ASSERT_THAT(ChangeLog::Install(Options()), IsOk());
    Cycle();
    const std::string source = log_->source_id();
    reader_.reset();
    log_.reset();
    app_->Run(part);
    EXPECT_THAT(ChangeLog::Open(Options()),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("'install'")))
        << part;
    ASSERT_THAT(ChangeLog::Install(Options()), IsOk()) << part;
    EXPECT_EQ(Cycle()["t"].action, "populate") << part;
    EXPECT_NE(log_->source_id(), source);
    EXPECT_EQ(After("UPDATE t SET v = v || 'n'").action, "changes") << part;
  }
}

// --- Install and uninstall ---

TEST_F(ChangeLogTest, InstallTwiceIsHarmless) {
  Start(kTable);
  const auto schema = Schema();
  const std::string source = log_->source_id();
  ASSERT_THAT(ChangeLog::Install(Options()), IsOk());
  EXPECT_EQ(Cycle()["t"].action, "none");
  EXPECT_EQ(log_->source_id(), source);
  EXPECT_EQ(Schema(), schema);
}

TEST_F(ChangeLogTest, UninstallLeavesTheSchemaAsItWas) {
  app_->Run(kTable);
  app_->Run(
      "CREATE TABLE _mirror_x(a); CREATE TABLE _mirror_log_mine(a); CREATE TRIGGER _mirror_mine AFTER INSERT "
      "ON t BEGIN "
      "SELECT 1; END; CREATE INDEX i ON t(v); CREATE TABLE k(a, b, PRIMARY KEY (a)) WITHOUT ROWID; CREATE "
      "TABLE n(a)");
  EXPECT_THAT(ChangeLog::Uninstall({.path = path_}), IsOkAndHolds(false));
  const auto before = Schema();
  ASSERT_THAT(ChangeLog::Install(Options()), IsOk());
  Cycle();
  After("UPDATE t SET v = 5");
  reader_.reset();
  log_.reset();
  EXPECT_THAT(ChangeLog::Uninstall({.path = path_}), IsOkAndHolds(true));
  EXPECT_EQ(Schema(), before);
  EXPECT_THAT(ChangeLog::Open(Options()), IsOkAndHolds(testing::IsNull()));
  app_->Run("UPDATE t SET v = 6; DELETE FROM k");
}

TEST_F(ChangeLogTest, OnlyOrdinaryTablesAreLogged) {
  skip_ = {"s"};
  Start(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, v, g AS (v * 2), h AS (v + 1) STORED); CREATE VIEW w AS SELECT "
      "* FROM "
      "t; CREATE VIRTUAL TABLE f USING fts5(body); CREATE TABLE s(a); CREATE TABLE _mirror_x(a); CREATE "
      "TABLE i(id "
      "INTEGER PRIMARY KEY AUTOINCREMENT, a INT) STRICT");
  const std::string tables = absl::StrJoin(
      Ask(app_->handle(), "SELECT DISTINCT tbl_name AS t FROM sqlite_schema WHERE type = 'trigger'"), "");
  EXPECT_EQ(tables, "t=t:i t=t:t ");
  After("INSERT INTO f VALUES ('word'); INSERT INTO t(v) VALUES (1); INSERT INTO i(a) VALUES (1)");
}

TEST_F(ChangeLogTest, TablesComeAndGoWithInclude) {
  Start(kTable);
  app_->Run("CREATE TABLE n(id INTEGER PRIMARY KEY, v); INSERT INTO n VALUES (1, 1)");
  EXPECT_EQ(Cycle()["n"].action, "populate");
  EXPECT_EQ(After("UPDATE n SET v = 2", "n").action, "changes");
  skip_ = {"n"};
  Cycle();
  EXPECT_EQ(Number("SELECT count(*) FROM sqlite_schema WHERE tbl_name = 'n'"), 1);
  skip_ = {};
  EXPECT_EQ(After("UPDATE n SET v = 3", "n").action, "populate");
}

// --- What the application sees ---

TEST_F(ChangeLogTest, TheApplicationsOwnResultsAreAsWithoutTriggers) {
  const auto run = [&](Application& app) {
    std::vector<std::string> seen;
    for (const char* sql :
         {"INSERT INTO t(u, v) VALUES ('x', 1), ('y', 2) RETURNING id, u",
          "REPLACE INTO t(u, v) VALUES ('a', 9) RETURNING *",
          "UPDATE OR REPLACE t SET u = 'b' WHERE id > 2 RETURNING id",
          "DELETE FROM t WHERE v = 9 RETURNING id",
          "INSERT OR IGNORE INTO t(u) VALUES ('b'), ('q') RETURNING id",
          "INSERT INTO t(u, v) VALUES ('b', 7) ON CONFLICT (u) DO UPDATE SET v = 8 RETURNING *",
          "DELETE FROM t"}) {
      std::string shown = absl::StrJoin(Ask(app.handle(), sql), ",");
      seen.push_back(absl::StrCat(shown, " changes ", sqlite3_changes(app.handle()), " rowid ",
                                  sqlite3_last_insert_rowid(app.handle())));
    }
    return seen;
  };
  Application plain(folder_ / "plain.db");
  plain.Run(kTable);
  Start(kTable);
  EXPECT_EQ(run(*app_), run(plain));
  Cycle();
  ExpectEqual();
}

TEST_F(ChangeLogTest, WritesThroughAttachAreLogged) {
  Start(kTable);
  Application other(folder_ / "other.db");
  other.Run("CREATE TABLE t(id INTEGER PRIMARY KEY, u, v); INSERT INTO t VALUES (1, 'wrong', 1); ATTACH '" +
            path_ + "' AS src; REPLACE INTO src.t VALUES (7, 'b', 7); UPDATE src.t SET v = 3 WHERE id = 1");
  EXPECT_EQ(Cycle()["t"].action, "changes");
  ExpectEqual();
  EXPECT_EQ(model_["t"].rows.size(), 2U);
}

TEST_F(ChangeLogTest, AProbeOfAPartialIndexUsesIt) {
  Start(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, \"w(h\"\"e)re\" TEXT, v); CREATE UNIQUE INDEX \"a where (\" ON "
      "t(\"w(h\"\"e)re\" /* where ( */, v) -- where\n wHERE v IS NOT NULL AND \"w(h\"\"e)re\" <> ')'");
  const std::vector<LogObject> triggers = LogTriggers(1, log_->Find("t")->table, 3, /*mark_ends=*/false);
  ASSERT_EQ(triggers[3].name, "_mirror_1_before_insert");
  std::string probe = triggers[3].sql.substr(triggers[3].sql.find("SELECT"));
  probe = absl::StrReplaceAll(probe.substr(0, probe.find(';')),
                              {{"new.\"v\"", "?1"}, {"new.\"w(h\"\"e)re\"", "?2"}});
  EXPECT_THAT(Ask(app_->handle(), "EXPLAIN QUERY PLAN " + probe), ElementsAre(HasSubstr("INDEX a where (")));
  After("INSERT INTO t VALUES (1, 'x', 1); REPLACE INTO t VALUES (2, 'x', 1)");
}

TEST_F(ChangeLogTest, TextsInDoubleQuotesBreakNoWriteWhereTheApplicationTakesNone) {
  Start(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, status TEXT, u INT); CREATE UNIQUE INDEX i ON t(u) WHERE "
      "status = "
      "\"active\"; INSERT INTO t VALUES (1, 'active', 1), (2, 'x', 1)");
  EXPECT_TRUE(log_->NamesRows("t"));
  for (const int option : {SQLITE_DBCONFIG_DQS_DML, SQLITE_DBCONFIG_DQS_DDL})
    ASSERT_EQ(sqlite3_db_config(app_->handle(), option, 0, nullptr), SQLITE_OK);
  After(
      "INSERT INTO t VALUES (3, 'active', 3); UPDATE t SET u = 8 WHERE id = 2; DELETE FROM t WHERE id = 3; "
      "INSERT OR REPLACE INTO t VALUES (5, 'active', 1)");
}

TEST_F(ChangeLogTest, AConditionThatDoesNotWorkInATriggerIsLeftOut) {
  LoggedTable table;
  table.name = "t";
  table.columns.resize(2);
  table.columns[0].name = "id";
  table.columns[1].name = "status";
  table.key = {0};
  LoggedTable::Probe probe;
  probe.column = "status";
  probe.collation = "BINARY";
  table.unique.push_back({{probe}, "status = 'x' AND app_function(id)"});
  EXPECT_THAT(TriggersWork(table), IsOkAndHolds(true)) << "the application's SQLite has its function";
  table.unique[0].where = "status = \"x\"";
  EXPECT_THAT(TriggersWork(table), IsOkAndHolds(false));
  table.unique[0].where = "status = ";
  EXPECT_THAT(TriggersWork(table), IsOkAndHolds(false));
}

// --- Silence ---

TEST_F(ChangeLogTest, AQuietCycleWritesNothing) {
  for (const char* mode : {"DELETE", "WAL"}) {
    reader_.reset();
    log_.reset();
    app_->Run(absl::StrCat("PRAGMA journal_mode = ", mode, "; DROP TABLE IF EXISTS t; ", kTable));
    ASSERT_THAT(ChangeLog::Install(Options()), IsOk());
    Cycle();
    Cycle();
    reader_.reset();
    log_.reset();
    const auto bytes = [&] {
      std::ifstream in(path_, std::ios::binary), wal(path_ + "-wal", std::ios::binary);
      std::stringstream all;
      all << in.rdbuf() << wal.rdbuf();
      return all.str();
    };
    const std::string before = bytes();
    const std::int64_t version = Number("SELECT data_version FROM pragma_data_version");
    EXPECT_EQ(Cycle()["t"].action, "none");
    reader_.reset();
    log_.reset();
    EXPECT_TRUE(bytes() == before) << mode;
    EXPECT_EQ(Number("SELECT data_version FROM pragma_data_version"), version) << mode;
  }
}

TEST_F(ChangeLogTest, SealWritesARecordOnlyWhenSomebodyCommitted) {
  Start(kTable);
  const auto begun = log_->Begin({"t"}, 0);
  ASSERT_THAT(begun, IsOk());
  const Position target = begun->at("t");
  EXPECT_THAT(log_->Seal("t", target.lsn), IsOkAndHolds(target));
  const std::int64_t records = Number("SELECT count(*) FROM _mirror_lineage");
  app_->Run("PRAGMA user_version = 7");  // A commit that is no change of the schema.
  const auto sealed = log_->Seal("t", target.lsn);
  ASSERT_THAT(sealed, IsOk());
  EXPECT_EQ(sealed->lsn, target.lsn);
  EXPECT_NE(sealed->lineage, target.lineage);
  EXPECT_THAT(log_->Seal("t", target.lsn), IsOkAndHolds(*sealed));
  EXPECT_EQ(Number("SELECT count(*) FROM _mirror_lineage"), records + 1);
  EXPECT_THAT(log_->Judge("t", *sealed), IsOkAndHolds(Standing::kKnown));
}

}  // namespace
}  // namespace mirror::change_log_test
