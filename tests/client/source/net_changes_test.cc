#include "client/source/sqlite/log/net_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "client/source/sqlite/log/log_sql.h"
#include "tests/client/source/logged_source.h"

namespace mirror::net_changes_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class NetChangesTest : public LoggedSource {};

// --- What an application's statement becomes ---

TEST_F(LoggedSource, ATableCalledOldOrNewIsPopulatedWhenItChanges) {
  for (const std::string name : {"old", "new"}) {
    Start("CREATE TABLE \"" + name + "\"(id INTEGER PRIMARY KEY, u UNIQUE)");
    app_->Run("INSERT INTO \"" + name + "\" VALUES (1, 1), (2, 2), (3, 3)");
    Cycle();
    app_->Run("UPDATE OR REPLACE \"" + name + "\" SET u = 2 WHERE id = 1");
    EXPECT_EQ(Cycle()[name].action, "populate");
    ExpectEqual();
    app_->Run("DROP TABLE \"" + name + "\"");
  }
}

TEST_F(LoggedSource, TheRowidThatATriggerTakesForNonePopulates) {
  Start(
      "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, v); INSERT INTO t(rowid, k, v) VALUES (-1, 'a', 1), (2, "
      "'b', 2)");
  EXPECT_EQ(After("INSERT INTO t VALUES ('c', 3)").action, "changes");
  EXPECT_EQ(After("INSERT OR REPLACE INTO t(rowid, k, v) VALUES (2, 'd', 4)").action, "changes");
  EXPECT_EQ(After("INSERT OR REPLACE INTO t(rowid, k, v) VALUES (-1, 'e', 5)").action, "populate");
  EXPECT_EQ(After("INSERT INTO t VALUES ('f', 6)").action, "changes");
}

TEST_F(LoggedSource, AnEntryOfAllColumnsIsAnUpdate) {
  Start("CREATE TABLE t(id INTEGER PRIMARY KEY, v, w)");
  app_->Run("INSERT INTO t VALUES (1, 'a', 'b')");
  Cycle();
  const Sent sent = After(absl::StrCat("INSERT INTO _mirror_log_1 (k0, m0) VALUES (1, ",
                                       (std::int64_t{1} << kMaskBits) - 1, ")"));
  EXPECT_EQ(sent.updates, 1);
  EXPECT_EQ(sent.inserts, 0);
  ExpectEqual();
}

TEST_F(LoggedSource, AKeyOfManyMegabytesStopsItsTableNoLongerThanItIsThere) {
  Start("CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, v)");
  app_->Run("INSERT INTO t VALUES ('a', 1)");
  Cycle();
  app_->Run("INSERT INTO t VALUES (hex(zeroblob(2500000)), 2), ('b', 3); DELETE FROM t WHERE length(k) > 9");
  EXPECT_EQ(Cycle()["t"].action, "populate");
  ASSERT_EQ(aborted_.size(), 1U);
  EXPECT_THAT(aborted_[0], HasSubstr("has a key that is too long for any mirror"));
  ExpectEqual();
  EXPECT_EQ(After("INSERT INTO t VALUES ('c', 4)").action, "changes");
}

struct Statement {
  std::string name, schema, rows, change;
  std::string action = "changes";
};

class EveryStatement : public LoggedSource, public testing::WithParamInterface<Statement> {};

TEST_P(EveryStatement, MakesTheMirrorEqual) {
  const Statement& test = GetParam();
  Start(test.schema);
  app_->Run(test.rows);
  Cycle();
  ExpectEqual();
  const Sent sent = After(test.change);
  EXPECT_EQ(sent.action, test.action) << sent.words;
  EXPECT_THAT(news_, IsEmpty());
  EXPECT_THAT(aborted_, IsEmpty());
}

constexpr char kAbc[] = "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, NULL, 4)";
constexpr char kPlain[] = "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v)";

INSTANTIATE_TEST_SUITE_P(
    Replaces, EveryStatement,
    testing::Values(
        Statement{"Insert", kPlain, kAbc, "INSERT OR REPLACE INTO t VALUES (9, 'b', 9)"},
        Statement{
            "PartialByItsConditionAlone",
            "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT, live); CREATE UNIQUE INDEX i ON t(u) WHERE live "
            "= 1",
            "INSERT INTO t VALUES (1, 'x', 1), (2, 'x', 0)", "UPDATE OR REPLACE t SET live = 1 WHERE id = 2"},
        Statement{
            "PartialWithACommentAtItsEnd",
            "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT, live); CREATE UNIQUE INDEX i ON t(u) WHERE live "
            "= 1 -- the live ones",
            "INSERT INTO t VALUES (1, 'x', 1), (2, 'x', 0)", "UPDATE OR REPLACE t SET live = 1 WHERE id = 2"},
        Statement{"KeyIndexIsNocaseAndItsColumnIsNot",
                  "CREATE TABLE t(k TEXT NOT NULL, v, PRIMARY KEY(k COLLATE NOCASE))",
                  "INSERT INTO t VALUES ('a', 1)", "REPLACE INTO t VALUES ('A', 2)"},
        Statement{"KeyIndexIsBinaryAndItsColumnIsNot",
                  "CREATE TABLE t(k TEXT COLLATE NOCASE NOT NULL, u UNIQUE, PRIMARY KEY(k COLLATE BINARY))",
                  "INSERT INTO t VALUES ('a', 1), ('A', 2)",
                  "UPDATE OR REPLACE t SET u = 2 WHERE k = 'a' COLLATE BINARY"},
        Statement{"GeneratedFromAnAutomaticId",
                  "CREATE TABLE t(id INTEGER PRIMARY KEY, v, u AS (id % 3) UNIQUE)",
                  "INSERT INTO t(id, v) VALUES (1, 1), (2, 2), (3, 3)",
                  "INSERT OR REPLACE INTO t(v) VALUES (9)", "populate"},
        Statement{"Update", kPlain, kAbc, "UPDATE OR REPLACE t SET u = 'b' WHERE id = 1"},
        Statement{"UpdateOfAll", kPlain, kAbc, "UPDATE OR REPLACE t SET u = 'x'"},
        Statement{"UpdateOfKey", kPlain, kAbc, "UPDATE OR REPLACE t SET id = 3, u = 'b' WHERE id = 1"},
        Statement{"UpdateOfRowid", kPlain, kAbc, "UPDATE OR REPLACE t SET rowid = 3, u = 'b' WHERE id = 1"},
        Statement{"WithoutId", kPlain, kAbc, "REPLACE INTO t(u, v) VALUES ('a', 0), (NULL, 0)"},
        Statement{"TwoAtOnce", "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v UNIQUE)", kAbc,
                  "REPLACE INTO t VALUES (1, 'b', 3)"},
        Statement{"ConflictClauseOfColumn",
                  "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE ON CONFLICT REPLACE, v)", kAbc,
                  "INSERT INTO t VALUES (7, 'c', 7); UPDATE t SET u = 'a' WHERE id = 2"},
        Statement{
            "Partial",
            "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT, v); CREATE UNIQUE INDEX i ON t(u) WHERE v > 1",
            kAbc,
            "REPLACE INTO t VALUES (9, 'b', 9), (8, 'a', 0); UPDATE OR REPLACE t SET v = 5, u = 'c' "
            "WHERE id = 1"},
        Statement{
            "NocaseIndex",
            "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT, v); CREATE UNIQUE INDEX i ON t(u COLLATE NOCASE)",
            kAbc, "REPLACE INTO t VALUES (9, 'B', 9); UPDATE OR REPLACE t SET u = 'A' WHERE id = 3"},
        Statement{"NocaseColumn", "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT COLLATE NOCASE UNIQUE, v)",
                  kAbc, "REPLACE INTO t VALUES (9, 'B', 9); UPDATE OR REPLACE t SET u = 'A' WHERE id = 3"},
        Statement{
            "BinaryIndexOfNocaseColumn",
            "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT COLLATE NOCASE, v); CREATE UNIQUE INDEX i ON t(u "
            "COLLATE BINARY)",
            kAbc, "REPLACE INTO t VALUES (9, 'B', 9), (8, 'b', 8)"},
        Statement{"NocaseKey", "CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, u, v)",
                  "INSERT INTO t VALUES ('a', 1, 1), ('b', 2, 2)", "REPLACE INTO t VALUES ('A', 9, 9)"},
        Statement{"NocaseKeyWithoutRowid",
                  "CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY, u UNIQUE, v) WITHOUT ROWID",
                  "INSERT INTO t VALUES ('a', 1, 1), ('b', 2, 2), ('c', 3, 3)",
                  "REPLACE INTO t VALUES ('A', 2, 9); UPDATE OR REPLACE t SET k = 'C', u = 7 WHERE k = 'a'"},
        Statement{"Composite", "CREATE TABLE t(a, b, c, d, PRIMARY KEY (a, b), UNIQUE (c, d)) WITHOUT ROWID",
                  "INSERT INTO t VALUES (1, 'x', 1, 1), (1, 'y', 1, 2), (2, 'x', NULL, 1), (2, 'y', NULL, 1)",
                  "REPLACE INTO t VALUES (5, 'z', 1, 2), (6, 'z', NULL, 1); UPDATE OR REPLACE t SET d = 2 "
                  "WHERE c = 1"},
        Statement{"DefaultInsteadOfNull",
                  "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT NOT NULL DEFAULT 'b' UNIQUE, v)",
                  "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)",
                  "REPLACE INTO t VALUES (9, NULL, 9)"},
        Statement{"DefaultInsteadOfNullInUpdate",
                  "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT NOT NULL DEFAULT 5 UNIQUE, v)",
                  "INSERT INTO t VALUES (1, 'a', 1), (2, '5', 2), (3, 'c', 3)",
                  "UPDATE OR REPLACE t SET u = NULL WHERE id = 3"},
        Statement{"DefaultThatIsAnExpression",
                  "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT NOT NULL DEFAULT (lower('B')) UNIQUE, v)",
                  "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)",
                  "REPLACE INTO t VALUES (9, NULL, 9)"},
        Statement{"ByRowid", "CREATE TABLE t(k TEXT NOT NULL PRIMARY KEY, v)",
                  "INSERT INTO t(rowid, k, v) VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)",
                  "REPLACE INTO t(rowid, k, v) VALUES (2, 'x', 1); UPDATE OR REPLACE t SET rowid = 3 WHERE k "
                  "= 'a'"},
        Statement{"ByRowidUnderAnotherName", "CREATE TABLE t(k TEXT NOT NULL PRIMARY KEY, rowid UNIQUE)",
                  "INSERT INTO t(oid, k, rowid) VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)",
                  "REPLACE INTO t(oid, k, rowid) VALUES (2, 'x', 7)"},
        Statement{"GeneratedColumn",
                  "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT, v, w AS (lower(u)) STORED UNIQUE)",
                  "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)",
                  "REPLACE INTO t(id, u, v) VALUES (9, 'B', 9); UPDATE OR REPLACE t SET u = 'A' WHERE id = 3",
                  "populate"},
        Statement{
            "VirtualColumn",
            "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT, v, w AS (lower(u))); CREATE UNIQUE INDEX i ON "
            "t(w)",
            "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)",
            "REPLACE INTO t(id, u, v) VALUES (9, 'B', 9); UPDATE OR REPLACE t SET u = 'A' WHERE id = 3",
            "populate"},
        Statement{"Expression",
                  "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT, v); CREATE UNIQUE INDEX i ON t(lower(u))",
                  kAbc, "REPLACE INTO t VALUES (9, 'B', 9)", "populate"},
        Statement{
            "CascadesToChildren",
            "PRAGMA foreign_keys = ON; CREATE TABLE p(id INTEGER PRIMARY KEY, u UNIQUE); CREATE TABLE t(id "
            "INTEGER PRIMARY KEY, p REFERENCES p(id) ON DELETE CASCADE)",
            "INSERT INTO p VALUES (1, 'a'), (2, 'b'); INSERT INTO t VALUES (1, 1), (2, 2), (3, 2)",
            "REPLACE INTO p VALUES (9, 'b')"},
        Statement{
            "RecursiveTriggers", kPlain, kAbc,
            "PRAGMA recursive_triggers = ON; REPLACE INTO t VALUES (9, 'b', 9); UPDATE OR REPLACE t SET u = "
            "'c' WHERE id = 1"}),
    [](const auto& test) { return test.param.name; });

constexpr char kUntyped[] = "CREATE TABLE t(id INTEGER PRIMARY KEY, u, v)";
constexpr char kBlobKey[] = "CREATE TABLE t(k PRIMARY KEY NOT NULL, u, v)";
constexpr char kNumbers[] =
    "INSERT INTO t VALUES (1, 'a', 1), (2.0, 'b', 2), ('1', 'c', 3), (x'31', NULL, 4)";

INSTANTIATE_TEST_SUITE_P(
    Exactly, EveryStatement,
    testing::Values(
        Statement{"IntegerBecomesReal", kBlobKey, kNumbers, "UPDATE t SET k = 1.0 WHERE k = 1"},
        Statement{
            "AndBack", kBlobKey, kNumbers,
            "UPDATE t SET k = 1.0 WHERE k = 1; UPDATE t SET k = CAST(k AS INTEGER) WHERE typeof(k) = 'real'"},
        Statement{"ReplacedByItsReal", kBlobKey, kNumbers,
                  "REPLACE INTO t VALUES (1.0, 'z', 9), (2, 'y', 8)"},
        Statement{"DeletedAndInsertedAsReal", kBlobKey, kNumbers,
                  "DELETE FROM t WHERE k = 1; INSERT INTO t VALUES (1.0, 'n', 5)"},
        Statement{"CompositeKeyWithReal", "CREATE TABLE t(a, b, v, PRIMARY KEY (a, b)) WITHOUT ROWID",
                  "INSERT INTO t VALUES (1, 'x', 1), (1, 'y', 1), (2, 'x', 1)",
                  "UPDATE t SET a = 1.0 WHERE b = 'y'; UPDATE t SET a = 1.0 WHERE b = 'x' AND a = 1"},
        Statement{"AnyOfStrict", "CREATE TABLE t(k ANY PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID",
                  "INSERT INTO t VALUES (1, 1), ('1', 2), (2, 3.0)",
                  "UPDATE t SET k = 1.0 WHERE k = 1; UPDATE t SET v = 3 WHERE k = 2; UPDATE t SET v = '3' "
                  "WHERE k = "
                  "'1'"},
        Statement{"ValueBecomesReal", kPlain, kAbc, "UPDATE t SET v = 1.0 WHERE id = 1"},
        Statement{"ValueBecomesText", kPlain, kAbc, "UPDATE t SET v = '1' WHERE id = 1"},
        Statement{"ValueBecomesBlob", kUntyped, kAbc,
                  "UPDATE t SET u = x'61' WHERE id = 1; UPDATE t SET v = x'' "
                  "WHERE id = 2"},
        Statement{"CaseOfKey", "CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, v)",
                  "INSERT INTO t VALUES ('a', 1), ('b', 2)", "UPDATE t SET k = 'A' WHERE k = 'a'"},
        Statement{"CaseOfKeyWithoutRowid",
                  "CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY, v) WITHOUT ROWID",
                  "INSERT INTO t VALUES ('a', 1), ('b', 2)", "UPDATE t SET k = upper(k)"},
        Statement{"BlanksOfKey", "CREATE TABLE t(k TEXT COLLATE RTRIM PRIMARY KEY, v) WITHOUT ROWID",
                  "INSERT INTO t VALUES ('a', 1), ('b', 2)", "UPDATE t SET k = k || ' '"},
        Statement{"CaseOfValue", "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT COLLATE NOCASE)",
                  "INSERT INTO t VALUES (1, 'a'), (2, 'b')", "UPDATE t SET v = 'B' WHERE id = 2"},
        Statement{
            "EmptyAndNul", kUntyped, kAbc,
            "UPDATE t SET u = '' WHERE id = 1; UPDATE t SET u = CAST(x'6200' AS TEXT) WHERE id = 2; UPDATE t "
            "SET v = CAST(x'ff' AS TEXT)"},
        Statement{
            "ColumnsOfWidth", "CREATE TABLE t(k TEXT PRIMARY KEY, \"a \"\"b\" INT, ' ' REAL) WITHOUT ROWID",
            "INSERT INTO t VALUES ('x', 1, 1), ('y', 2, 2)", "UPDATE t SET \" \" = 7, \"a \"\"b\" = 3"}),
    [](const auto& test) { return test.param.name; });

constexpr char kFamily[] =
    "PRAGMA foreign_keys = ON; CREATE TABLE p(id INTEGER PRIMARY KEY, v); CREATE TABLE t(id INTEGER PRIMARY "
    "KEY, "
    "p REFERENCES p(id) ON DELETE CASCADE ON UPDATE CASCADE)";
constexpr char kChildren[] =
    "INSERT INTO p VALUES (1, 1), (2, 2); INSERT INTO t VALUES (1, 1), (2, 1), (3, 2)";

INSTANTIATE_TEST_SUITE_P(
    Ways, EveryStatement,
    testing::Values(
        Statement{
            "Upsert", kPlain, kAbc,
            "INSERT INTO t VALUES (9, 'b', 9) ON CONFLICT (u) DO UPDATE SET v = excluded.v; INSERT INTO t "
            "VALUES (8, 'c', 1) ON CONFLICT DO NOTHING"},
        Statement{"OrIgnore", kPlain, kAbc, "INSERT OR IGNORE INTO t VALUES (9, 'b', 9), (8, 'h', 8)"},
        Statement{"Cascade", kFamily, kChildren, "DELETE FROM p WHERE id = 1"},
        Statement{"CascadeOfUpdate", kFamily, kChildren, "UPDATE p SET id = 7 WHERE id = 1"},
        Statement{"All", kPlain, kAbc, "DELETE FROM t"},
        Statement{"RowValuesFrom", kPlain, kAbc,
                  "UPDATE t SET (u, v) = (o.u || '2', o.v) FROM t AS o WHERE o.id = "
                  "t.id - 1"},
        Statement{"KeysPassedOn", kPlain, kAbc, "UPDATE t SET id = id + 100; UPDATE t SET id = id - 99"},
        Statement{"KeysSwapped", kPlain, kAbc,
                  "UPDATE t SET id = -1 WHERE id = 1; UPDATE t SET id = 1 WHERE id = 2; UPDATE t SET id = 2 "
                  "WHERE id "
                  "= -1"},
        Statement{"InsertedAndDeleted", kPlain, kAbc,
                  "INSERT INTO t VALUES (9, 'z', 9); DELETE FROM t WHERE id = 9"},
        Statement{"DeletedAndInserted", kPlain, kAbc,
                  "DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (1, 'q', 0)"},
        Statement{
            "TriggersOfTheApplication",
            "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, v); CREATE TABLE l(id INTEGER PRIMARY KEY, w); "
            "CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT INTO l(w) VALUES (new.id); UPDATE t SET v = 0 "
            "WHERE id = new.id; END; CREATE TRIGGER _mirror_mine AFTER DELETE ON t BEGIN DELETE FROM l WHERE "
            "w "
            "= old.id; END; CREATE VIEW w AS SELECT * FROM t; CREATE TRIGGER o INSTEAD OF INSERT ON w BEGIN "
            "INSERT INTO t VALUES (new.id, new.u, new.v); END",
            kAbc, "INSERT INTO w VALUES (7, 'g', 7); DELETE FROM t WHERE id = 2"},
        Statement{
            "Savepoints", kPlain, kAbc,
            "BEGIN; INSERT INTO t VALUES (9, 'z', 9); SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; COMMIT"},
        Statement{"Generated",
                  "CREATE TABLE t(id INTEGER PRIMARY KEY, u, v, w AS (u || 'x') STORED, x AS (v * 2))",
                  "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)",
                  "UPDATE t SET v = 7 WHERE id = 1; UPDATE t SET u = "
                  "'z' WHERE id = 2"},
        Statement{"GeneratedKey",
                  "CREATE TABLE t(a, b AS (a || 'k') STORED UNIQUE, PRIMARY KEY (a)) WITHOUT ROWID",
                  "INSERT INTO t VALUES (1), (2), (3)",
                  "REPLACE INTO t VALUES ('2'); UPDATE t SET a = 9 WHERE a = 1", "populate"},
        Statement{"Keyless", "CREATE TABLE t(a, b)", "INSERT INTO t VALUES (1, 2), (1, 2), (NULL, NULL)",
                  "UPDATE t SET b = 3 WHERE a = 1", "populate"}),
    [](const auto& test) { return test.param.name; });

// --- What is sent ---

TEST_F(NetChangesTest, OnlyColumnsThatChangedAreSent) {
  Start("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, c); INSERT INTO t VALUES (1, 1, 1, 1), (2, 2, 2, 2)");
  const Sent sent = After("UPDATE t SET a = 5, b = b WHERE id = 1");
  EXPECT_EQ(sent.updates, 1);
  EXPECT_EQ(sent.values, 1);
}

TEST_F(NetChangesTest, AnUpdateThatChangesNothingIsNotSent) {
  Start("CREATE TABLE t(id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 1), (2, 2)");
  const Sent sent = After("UPDATE t SET a = a");
  EXPECT_EQ(sent.updates + sent.inserts + sent.deletes, 0);
}

TEST_F(NetChangesTest, AColumnThatHasItsOldValueAgainIsSent) {
  Start("CREATE TABLE t(id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 1), (2, 2)");
  EXPECT_EQ(After("UPDATE t SET a = 7; UPDATE t SET a = id").updates, 2);
}

TEST_F(NetChangesTest, InsertThenDeleteIsADelete) {
  Start("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
  EXPECT_EQ(After("INSERT INTO t VALUES (1, 1); DELETE FROM t").deletes, 1);
}

TEST_F(NetChangesTest, MasksHoldMoreThan62Columns) {
  std::string columns = "id INTEGER PRIMARY KEY";
  for (int i = 1; i < 200; ++i) absl::StrAppend(&columns, ", c", i);
  Start("CREATE TABLE t(" + columns + "); INSERT INTO t(id) VALUES (1), (2), (3)");
  const Sent sent = After(
      "UPDATE t SET c61 = 1, c62 = 1 WHERE id = 1; UPDATE t SET c199 = 1 WHERE id = 2; UPDATE t SET c123 = "
      "1, "
      "c124 = 2 WHERE id = 2");
  EXPECT_EQ(sent.updates, 2);
  EXPECT_EQ(sent.values, 5);
}

TEST_F(NetChangesTest, ManySetsOfColumnsBecomeWholeRows) {
  std::string columns = "id INTEGER PRIMARY KEY", change;
  for (int i = 1; i < 100; ++i) {
    absl::StrAppend(&columns, ", c", i);
    absl::StrAppend(&change, "INSERT INTO t(id) VALUES (", i, ");");
  }
  Start("CREATE TABLE t(" + columns + ");" + change);
  change.clear();
  for (int i = 1; i < 100; ++i) absl::StrAppend(&change, "UPDATE t SET c", i, " = 1 WHERE id = ", i, ";");
  const Sent sent = After(change);
  EXPECT_EQ(sent.updates + sent.inserts, 99);
  EXPECT_GT(sent.inserts, 0);
}

TEST_F(NetChangesTest, ValuesOver4MbTravelInInsertsAndUpdates) {
  for (const char* mode : {"WAL", "DELETE"}) {
    reader_.reset();
    log_.reset();
    app_->Run(absl::StrCat("DROP TABLE IF EXISTS t; PRAGMA journal_mode = ", mode));
    app_->Run("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b TEXT, c); INSERT INTO t VALUES (1, 'x', 'y', 1)");
    ASSERT_THAT(ChangeLog::Install(Options()), IsOk());
    Cycle();
    Sent sent = After(
        "INSERT INTO t VALUES (2, zeroblob(9000000), 'b', 2), (3, 'c', 'c', 3); UPDATE t SET b = "
        "hex(zeroblob(3000000)) || 'z' WHERE id = 1");
    EXPECT_EQ(sent.action, "changes") << mode;
    sent = After("UPDATE t SET c = 9; UPDATE t SET a = x'00' WHERE id = 2");
    EXPECT_EQ(sent.updates, 3) << mode;
    After("INSERT INTO t VALUES (4, zeroblob(5000000), 'b', 2); DELETE FROM t WHERE id = 4");
  }
}

TEST_F(NetChangesTest, WhatIsDeletedInAllIsToldWithTheFirstPiece) {
  for (const std::string mode : {"WAL", "DELETE"}) {
    reader_.reset();
    log_.reset();
    app_->Run(
        absl::StrCat("DROP TABLE IF EXISTS t; PRAGMA journal_mode = ", mode,
                     "; CREATE TABLE t(id INTEGER PRIMARY KEY, v); WITH RECURSIVE n(i) AS (SELECT 1 UNION "
                     "ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO t SELECT i, 'v' || i FROM n"));
    ASSERT_THAT(ChangeLog::Install(Options()), IsOk());
    Cycle();
    size_.rows = 1'000;
    // Rows that came and went are deletes, too: how many rows are left says that they are none.
    const Sent sent = After(
        "UPDATE t SET v = 'w' WHERE id <= 600; DELETE FROM t WHERE id > 1000; INSERT INTO t SELECT id + "
        "9000, 1 "
        "FROM t WHERE id <= 700; DELETE FROM t WHERE id > 9000");
    ASSERT_TRUE(sent.planned) << mode;
    EXPECT_EQ(mode == "WAL" ? sent.planned->deletes : sent.planned->expected_deletes, 4'700U) << mode;
    EXPECT_EQ(mode == "WAL" ? sent.planned->expected_deletes : sent.planned->deletes, 0U) << mode;
    EXPECT_EQ(sent.planned->updates, 600U) << mode;
    EXPECT_EQ(sent.rows_now, 1'000U) << mode;
    // What fits into one look of one piece is told by its rows.
    EXPECT_FALSE(After("DELETE FROM t WHERE id <= 900").planned) << mode;
  }
}

// --- NULL in a key ---

TEST_F(NetChangesTest, NullInAKeyMakesTheTableKeyless) {
  Start("CREATE TABLE t(k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1)");
  const Sent sent = After("INSERT INTO t VALUES (NULL, 2), (NULL, 2)");
  EXPECT_EQ(sent.action, "populate");
  EXPECT_EQ(After("UPDATE t SET v = 3 WHERE k IS NULL").action, "populate");
}

TEST_F(NetChangesTest, NullThatLeftTheKeyAgainIsForgotten) {
  Start("CREATE TABLE t(k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1)");
  const Sent sent = After(
      "INSERT INTO t VALUES (NULL, 2); UPDATE t SET v = 7 WHERE k IS NULL; DELETE FROM t WHERE k IS NULL; "
      "UPDATE t SET v = 5");
  EXPECT_EQ(sent.action, "changes");
  EXPECT_THAT(aborted_, IsEmpty());
}

TEST_F(NetChangesTest, NullThatBecameAKeyIsARow) {
  Start("CREATE TABLE t(a, b, v, PRIMARY KEY (a, b)); INSERT INTO t VALUES (1, 1, 1)");
  const Sent sent = After("INSERT INTO t VALUES (1, NULL, 2); UPDATE t SET b = 5 WHERE b IS NULL");
  EXPECT_EQ(sent.action, "changes");
}

TEST_F(NetChangesTest, AValueThatDoesNotFitWidensItsColumn) {
  Start("CREATE TABLE t(id INTEGER PRIMARY KEY, v INTEGER); INSERT INTO t VALUES (1, 1), (2, 2)");
  After("UPDATE t SET v = 'x' WHERE id = 1");
  EXPECT_EQ(aborted_.size(), 1U);
}

// --- Keys that are used again ---

/// A source whose hub has to know of them.
class EndedKeys : public LoggedSource {
 protected:
  void StartMarked(const std::string& sql) {
    app_->Run("PRAGMA journal_mode = WAL; CREATE TABLE _mirror_exchange (one INTEGER PRIMARY KEY)");
    skip_ = {"_mirror_exchange"};
    Start(sql);
  }
};

TEST_F(EndedKeys, GoBeforeTheyComeAgain) {
  StartMarked(absl::StrCat(kPlain, "; ", kAbc));
  Sent sent = After("DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (1, 'z', 9)");
  EXPECT_EQ(std::pair(sent.deletes, sent.inserts), std::pair(1, 1));
  // By a row that moved, and by one that took its place.
  sent = After("UPDATE t SET id = 12 WHERE id = 2; UPDATE t SET id = 2 WHERE id = 3");
  EXPECT_EQ(std::pair(sent.deletes, sent.inserts), std::pair(2, 2));
  EXPECT_EQ(After("DELETE FROM t WHERE id = 4").deletes, 1);
  sent =
      After("INSERT INTO t VALUES (5, 'e', 5); DELETE FROM t WHERE id = 5; INSERT INTO t VALUES (5, 'f', 6)");
  EXPECT_EQ(std::pair(sent.deletes, sent.inserts), std::pair(1, 1));
}

TEST_F(EndedKeys, AreNoneWhereARowIsWrittenOver) {
  StartMarked(absl::StrCat(kPlain, "; ", kAbc));
  Sent sent = After("INSERT OR REPLACE INTO t VALUES (1, 'a', 7)");
  EXPECT_EQ(std::pair(sent.deletes, sent.inserts), std::pair(0, 1));
  sent = After("UPDATE t SET v = 8 WHERE id = 1");
  EXPECT_EQ(std::pair(sent.deletes, sent.updates), std::pair(0, 1));
}

TEST_F(EndedKeys, AreCountedAmongTheDeletesThatArePlanned) {
  StartMarked(absl::StrCat(kPlain, "; ", kAbc));
  size_ = {1, 1};
  const Sent sent = After(
      "DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (1, 'z', 9), (8, 'h', 8); DELETE FROM t WHERE id = "
      "2; "
      "UPDATE t SET v = 0 WHERE id = 3");
  ASSERT_TRUE(sent.planned.has_value());
  EXPECT_EQ(sent.planned->deletes, 2U);
  EXPECT_EQ(sent.planned->inserts, 2U);
  EXPECT_EQ(sent.planned->updates, 1U);
  EXPECT_EQ(std::pair(sent.deletes, sent.inserts), std::pair(2, 2));
}

TEST_F(EndedKeys, AreNotToldWithoutAnExchange) {
  Start(absl::StrCat("PRAGMA journal_mode = WAL; ", kPlain, "; ", kAbc));
  const Sent sent = After("DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (1, 'z', 9)");
  EXPECT_EQ(std::pair(sent.deletes, sent.inserts), std::pair(0, 1));
}

TEST_F(EndedKeys, AreToldFromWhenAnExchangeIsMadeAndNothingIsPopulatedForIt) {
  Start(absl::StrCat("PRAGMA journal_mode = WAL; ", kPlain, "; ", kAbc));
  app_->Run(
      "DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (1, 'z', 9); CREATE TABLE _mirror_exchange (one "
      "INTEGER "
      "PRIMARY KEY)");
  skip_ = {"_mirror_exchange"};
  Sent sent = After("DELETE FROM t WHERE id = 2");
  EXPECT_EQ(std::pair(sent.deletes, sent.inserts), std::pair(1, 1));
  sent = After("DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (3, 'y', 9)");
  EXPECT_EQ(sent.action, "changes");
  EXPECT_EQ(std::pair(sent.deletes, sent.inserts), std::pair(1, 1));
  // What has more columns by then is told as before, too.
  app_->Run("ALTER TABLE t ADD COLUMN w; DROP TABLE _mirror_exchange");
  sent = After("DELETE FROM t WHERE id = 3; INSERT INTO t(id, u, v, w) VALUES (3, 'x', 9, 1)");
  EXPECT_EQ(sent.action, "changes");
  EXPECT_EQ(std::pair(sent.deletes, sent.inserts), std::pair(0, 1));
  EXPECT_THAT(news_, IsEmpty());
}

TEST_F(EndedKeys, WithAnotherTypeAreOneToTheMirror) {
  StartMarked("CREATE TABLE t(id PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO t VALUES (3, 1), (4, 1)");
  Sent sent = After("DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (3.0, 2)");
  EXPECT_EQ(std::pair(sent.deletes, sent.inserts), std::pair(1, 1));
  sent = After(
      "DELETE FROM t WHERE id = 4; INSERT INTO t VALUES (4, 2); DELETE FROM t WHERE id = 4; "
      "INSERT INTO t VALUES (4.0, 3)");
  EXPECT_EQ(std::pair(sent.deletes, sent.inserts), std::pair(1, 1));
}

}  // namespace
}  // namespace mirror::net_changes_test
