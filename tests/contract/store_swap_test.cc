#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/contract/store_contract.h"

// A population takes the place of a table around which the partner built: whatever stands there, the new rows
// are those that were sent, what is the partner's is as it was, and the file is whole.

namespace mirror::store_swap_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;

class SwapContract : public StoreContract {
 protected:
  SwapContract() : StoreContract(Capability::kSqlite) {}

  /// A whole population in one step.
  StepResult Populate(const TableSchema& table, Rows rows) {
    const TestBatch made = MakeBatch(table, {.rows = std::move(rows)});
    EXPECT_THAT(made.batch, IsOk());
    return Run(StepAt(table.name, Record(table.name).value_or(TableRecord{}).seq + 1,
                      {BeginShadow{table, kCycle}, ApplyRows{made.schema.get(), &*made.batch, true, kCycle},
                       SwapShadow{}}));
  }
  void Mirror(const TableSchema& table, const Rows& rows) {
    Create(table);
    ASSERT_THAT(Populate(table, rows).status, IsOk());
  }
  /// Everything that is defined in the file beside the mirror's own and `tables`, with its text.
  Rows Defined(const std::string& tables = "'people'") {
    return See(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE '\\_mirror%' ESCAPE '\\' "
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'ctx_mirroring' AND NOT (type = 'table' AND "
        "name IN (" +
        tables + ")) ORDER BY type, name");
  }
  /// More than are copied: the shadow is renamed.
  static Rows Many() {
    Rows rows;
    for (int i = 0; i < 3'000; ++i) rows.push_back({i, absl::StrCat("somebody with the number ", i), i % 90});
    return rows;
  }
};

INSTANTIATE_TEST_SUITE_P(EveryStore, SwapContract, testing::ValuesIn(EveryBackend()), NameOfBackend);

// --- The partner's objects
// ------------------------------------------------------------------------------------------------

TEST_P(SwapContract, WhatThePartnerDefinedIsThereWordForWord) {
  Mirror(People(), {{1, "Ada", 36}});
  Do("CREATE TABLE partner_log (what TEXT DEFAULT \"text\", CHECK (what <> \"never\"))");
  Do("CREATE INDEX log_part ON partner_log (what) WHERE what <> \"\"");
  for (const char* const sql :
       {"CREATE INDEX by_name ON people (name COLLATE NOCASE DESC)",
        "CREATE UNIQUE INDEX \"only \"\"one\"\"\" ON people (id, age)",
        "CREATE INDEX part ON people (age)\nWHERE name <> \"\"",
        "CREATE INDEX expr ON people (lower(name), age DESC)",
        "CREATE TRIGGER second AFTER INSERT ON people BEGIN INSERT INTO partner_log VALUES ('second'); END",
        "CREATE TRIGGER first AFTER INSERT ON people BEGIN INSERT INTO partner_log VALUES (\"first\"); END",
        "CREATE TRIGGER upd UPDATE OF age, name ON people WHEN new.age > 1 BEGIN SELECT 1; END",
        "CREATE TRIGGER fails BEFORE DELETE ON people BEGIN SELECT gone FROM nowhere; END",
        "CREATE TRIGGER of_other AFTER DELETE ON partner_log BEGIN DELETE FROM people WHERE id = 1; END",
        "CREATE VIEW old_ones AS SELECT name FROM people WHERE age > 40",
        "CREATE VIEW broken AS SELECT gone FROM nowhere",
        "CREATE TRIGGER of_view INSTEAD OF INSERT ON old_ones BEGIN INSERT INTO people VALUES (9, new.name, "
        "41); END",
        "CREATE TABLE child (id INTEGER PRIMARY KEY, of INTEGER REFERENCES people (id) ON DELETE CASCADE)",
        "CREATE TABLE \"grand child\" (of REFERENCES child, FOREIGN KEY (of) REFERENCES people)",
        "CREATE VIRTUAL TABLE words USING fts5 (name, content = people, content_rowid = id)",
        "INSERT INTO child VALUES (1, 1)"}) {
    Do(sql);
  }
  const Rows defined = Defined();

  ASSERT_THAT(Populate(People(), Many()).status, IsOk());
  EXPECT_EQ(Defined(), defined);
  EXPECT_EQ(Visible(People()), Many());
  ExpectWhole();
  ASSERT_THAT(Populate(People(), {{1, "Hedy", 50}, {8, "Mary", 10}}).status, IsOk());

  EXPECT_EQ(Defined(), defined);
  EXPECT_EQ(Visible(People()), (Rows{{1, "Hedy", 50}, {8, "Mary", 10}}));
  EXPECT_THAT(See("SELECT name FROM old_ones"), ElementsAre(Row{"Hedy"}));
  EXPECT_THAT(See("SELECT id FROM people INDEXED BY expr WHERE lower(name) = 'mary'"), ElementsAre(Row{8}));
  EXPECT_THAT(See("SELECT \"table\", \"from\" FROM pragma_foreign_key_list('child')"),
              ElementsAre(Row{"people", "of"}));
  EXPECT_THAT(See("SELECT id, of FROM child"), ElementsAre(Row{1, 1})) << "nothing cascades";
  EXPECT_THAT(See("SELECT * FROM partner_log"), IsEmpty()) << "triggers fire for the partner alone";
  ExpectWhole();
  Do("INSERT INTO old_ones VALUES ('Ida')");
  EXPECT_THAT(See("SELECT what FROM partner_log"), ElementsAre(Row{"first"}, Row{"second"}))
      << "in the order of before: SQLite runs the latest first";
  EXPECT_EQ(Defined(), defined);
}

TEST_P(SwapContract, ASmallShadowIsCopiedAndALargerOneRenamed) {
  Rows few;
  for (int i = 0; i < 400; ++i) few.push_back({i, "somebody", i});
  struct Case {
    const char* name;
    Rows rows;
    bool renamed;
  };
  // A table of this name hides what SQLite tells of pages.
  for (const char* const table : {"people", "dbstat"}) {
    Mirror(People(table), {{1, "Ada", 36}});
    for (const Case& test : {Case{"few", few, false}, Case{"none", {}, false}, Case{"many", Many(), true},
                             Case{"wide", {{1, std::string(100'000, 'x'), 1}}, true}}) {
      SCOPED_TRACE(absl::StrCat(table, " ", test.name));
      const TestBatch made = MakeBatch(People(table), {.rows = test.rows});
      std::vector<Action> fill = {BeginShadow{People(table), kCycle}};
      if (!test.rows.empty()) fill.push_back(ApplyRows{made.schema.get(), &*made.batch, true, kCycle});
      ASSERT_THAT(Run(StepAt(table, Record(table)->seq + 1, std::move(fill))).status, IsOk());
      const Rows shadow =
          See("SELECT rowid FROM sqlite_schema WHERE name LIKE '\\_mirror\\_shadow\\_%' ESCAPE '\\'");
      ASSERT_EQ(shadow.size(), 1U);
      ASSERT_THAT(Run(StepAt(table, Record(table)->seq + 1, {SwapShadow{}})).status, IsOk());

      EXPECT_EQ(Visible(People(table)), test.rows);
      // A rename leaves its entry in the schema where it is.
      const Rows entry = See(absl::StrCat("SELECT rowid FROM sqlite_schema WHERE name = '", table, "'"));
      EXPECT_EQ(entry == shadow, test.renamed);
      EXPECT_EQ(RowCount(table), static_cast<std::int64_t>(test.rows.size()));
      ExpectWhole();
    }
  }
}

TEST_P(SwapContract, AUniqueIndexThatTheRowsBreakIsLeftOutAndNamedTheOthersStay) {
  Mirror(People(), {{1, "Ada", 36}});
  Do("CREATE UNIQUE INDEX one_name ON people (name); ");
  Do("CREATE INDEX by_age ON people (age)");

  const StepResult result = Populate(People(), {{7, "Hedy", 50}, {8, "Hedy", 60}});

  ASSERT_THAT(result.status, IsOk());
  EXPECT_THAT(result.left_out, ElementsAre("one_name"));
  EXPECT_THAT(backend_->IndexesOf("people"), ElementsAre("by_age"));
  ExpectWhole();
}

TEST_P(SwapContract, ATriggerThatSqliteTakesNoMoreStopsThePopulationAndIsNamed) {
  Mirror(People(), {{1, "Ada", 36}});
  Do("CREATE TRIGGER odd AFTER INSERT ON people BEGIN SELECT 12345; END");
  // SQLite reads such a text from a file and does not take it as a statement: a trigger has no parameters.
  {
    Partner by_hand(backend_->Path());
    by_hand.Run("PRAGMA writable_schema = ON");
    by_hand.Run("UPDATE sqlite_schema SET sql = replace(sql, '12345', '?1') WHERE name = 'odd'");
  }
  Reopen();

  const StepResult result = Populate(People(), {{7, "Hedy", 50}});

  EXPECT_THAT(result.status, StatusIs(kFailedPrecondition, HasSubstr("'odd'")));
  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}}));
  EXPECT_THAT(Populate(People(), Many()).status, StatusIs(kFailedPrecondition, HasSubstr("'odd'")));
  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}}));
  Do("DROP TRIGGER odd");
  EXPECT_THAT(Populate(People(), {{7, "Hedy", 50}}).status, IsOk());
  EXPECT_EQ(Visible(People()), (Rows{{7, "Hedy", 50}}));
  ExpectWhole();
}

TEST_P(SwapContract, FunctionsAndCollationsThatOnlyThePartnerHasDoNotPreventIt) {
  Mirror(People(), {{1, "Ada", 36}});
  {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(backend_->Path().c_str(), &db), SQLITE_OK);
    sqlite3_create_function(
        db, "of_theirs", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, nullptr,
        [](sqlite3_context* context, int, sqlite3_value** values) {
          sqlite3_result_value(context, values[0]);
        },
        nullptr, nullptr);
    sqlite3_create_collation(db, "their_order", SQLITE_UTF8, nullptr,
                             [](void*, int a, const void*, int b, const void*) { return a - b; });
    ASSERT_EQ(sqlite3_exec(db,
                           "CREATE TABLE theirs (a TEXT COLLATE their_order CHECK (of_theirs(a) > ''), b AS "
                           "(of_theirs(a)));"
                           "CREATE INDEX theirs_a ON theirs (a);"
                           "CREATE INDEX theirs_b ON theirs (of_theirs(a))",
                           nullptr, nullptr, nullptr),
              SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  const Rows defined = Defined();
  ASSERT_THAT(Populate(People(), {{7, "Hedy", 50}}).status, IsOk());
  EXPECT_EQ(Visible(People()), (Rows{{7, "Hedy", 50}}));
  EXPECT_EQ(Defined(), defined);
  // SQLite renames nothing here.
  ASSERT_THAT(Populate(People(), Many()).status, IsOk());
  EXPECT_EQ(Visible(People()), Many());
  EXPECT_EQ(Defined(), defined);
}

TEST_P(SwapContract, WhatAnalyzeCountedStaysAndItsSamplesGo) {
  Mirror(People(), {{1, "Ada", 36}, {2, "Grace", 45}});
  Mirror(Pairs(), {{1, "b", "v"}});
  for (const char* const sql :
       {"CREATE INDEX by_name ON people (name)", "CREATE INDEX by_age ON people (age)",
        "CREATE UNIQUE INDEX one_name ON people (name)", "ANALYZE", "DROP INDEX by_age"}) {
    Do(sql);
  }
  Do("INSERT INTO sqlite_stat1 VALUES ('people', NULL, '2'), ('people', 'by_age', '2 1')");

  ASSERT_THAT(Populate(People(), {{7, "Hedy", 50}, {8, "Hedy", 60}}).status, IsOk());
  ASSERT_THAT(Populate(Pairs(), {{2, "c", "w"}}).status, IsOk());

  EXPECT_THAT(
      See("SELECT tbl, idx, stat FROM sqlite_stat1 WHERE tbl IN ('people', 'pairs') ORDER BY tbl, idx"),
      ElementsAre(Row{"pairs", "pairs", "1 1 1"}, Row{"people", nullptr, "2"},
                  Row{"people", "by_name", "2 1"}))
      << "not of indexes that are gone";
  if (!See("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat4'").empty()) {
    EXPECT_THAT(See("SELECT idx FROM sqlite_stat4 WHERE tbl = 'people'"), IsEmpty());
  }
  ExpectWhole();
}

TEST_P(SwapContract, AReaderWithAnOpenSnapshotSeesTheOldRowsByWayOfEverythingAndThenTheNew) {
  Mirror(People(), {{1, "Ada", 36}, {2, "Grace", 45}});
  Do("CREATE INDEX by_name ON people (name)");
  Do("CREATE VIEW counted AS SELECT count(*) AS n FROM people");
  Partner reader(backend_->Path(), true);
  reader.Run("BEGIN");
  EXPECT_EQ(reader.One("SELECT n FROM counted"), Cell(2));

  ASSERT_THAT(Populate(People(), {{7, "Hedy", 50}}).status, IsOk());
  ASSERT_THAT(Populate(People(), {{8, "Mary", 60}}).status, IsOk());

  EXPECT_EQ(reader.One("SELECT n FROM counted"), Cell(2));
  EXPECT_EQ(reader.One("SELECT age FROM people INDEXED BY by_name WHERE name = 'Ada'"), Cell(36));
  reader.Run("COMMIT");
  EXPECT_EQ(reader.One("SELECT age FROM people INDEXED BY by_name WHERE name = 'Mary'"), Cell(60));
  ExpectWhole();
}

// --- The file
// ------------------------------------------------------------------------------------------------

TEST_P(SwapContract, PagesMayMoveByAutoVacuumThatWasTurnedOnBesideTheServer) {
  for (const char* const kind : {"FULL", "INCREMENTAL"}) {
    SCOPED_TRACE(kind);
    const auto table = [&](int i) { return People(absl::StrCat(kind, i)); };
    // Of both ways to the new name.
    const auto rows = [](int round) {
      Rows all;
      for (int i = 0; i < (round == 1 ? 1'500 : 400); ++i)
        all.push_back({i, std::string(50, static_cast<char>('a' + i % 7)), round});
      return all;
    };
    for (int i = 0; i < 3; ++i) {
      Mirror(table(i), rows(0));
      Do(absl::StrCat("CREATE INDEX by_name_", table(i).name, " ON ", table(i).name, " (name)"));
      Do(absl::StrCat("CREATE UNIQUE INDEX by_id_", table(i).name, " ON ", table(i).name, " (age, id)"));
    }
    Do(absl::StrCat("CREATE TABLE partners_", kind, " AS SELECT * FROM ", kind, "0"));
    {
      Partner dba(backend_->Path());
      dba.Run(absl::StrCat("PRAGMA auto_vacuum = ", kind));
      dba.Run("VACUUM");
    }
    for (int round = 1; round < 3; ++round) {
      for (int i = 0; i < 3; ++i) {
        ASSERT_THAT(Populate(table(i), rows(round)).status, IsOk());
        ExpectWhole();
        if (round == 1) Do("PRAGMA incremental_vacuum");
        for (int other = 0; other < 3; ++other) {
          EXPECT_EQ(Visible(table(other)), rows(other <= i ? round : round - 1)) << other;
        }
      }
    }
    EXPECT_EQ(See(absl::StrCat("SELECT id, name, age FROM partners_", kind)), rows(0));
    ASSERT_THAT(Insert(table(0), {{1'000, "after", 1}}).status, IsOk());
    ExpectWhole();
  }
}

// --- Tables that a tool rebuilt
// ------------------------------------------------------------------------------------------------

struct RebuiltTable {
  std::string name, columns, more;
};

TEST_P(SwapContract, ATableThatAToolRebuiltIsReplacedWhateverItsKind) {
  const TableSchema text =
      NamedTable("text", {KeyColumn("code", Type::kText), PlainColumn("v", Type::kInt32)});
  const std::vector<std::pair<TableSchema, std::vector<RebuiltTable>>> cases = {
      {People(),
       {{"IntPrimaryKey", "id INT PRIMARY KEY, name TEXT, age INTEGER", ""},
        {"Descending", "id INTEGER PRIMARY KEY DESC, name TEXT, age INTEGER", ""},
        {"Unique", "id INTEGER PRIMARY KEY, name TEXT, age INTEGER, UNIQUE (name)", ""},
        {"UniqueKey", "id INTEGER UNIQUE, name TEXT, age INTEGER", ""},
        {"WithoutRowid", "id INTEGER PRIMARY KEY, name TEXT, age INTEGER", "WITHOUT ROWID"},
        {"Autoincrement", "id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, age INTEGER", ""},
        {"Strict", "id INTEGER PRIMARY KEY, name TEXT, age INTEGER", "STRICT"},
        {"NoKey", "id INTEGER, name TEXT, age INTEGER", ""},
        {"OtherKey", "id INTEGER, name TEXT PRIMARY KEY, age INTEGER", ""},
        {"OtherOrder", "age INTEGER, name TEXT, id INTEGER PRIMARY KEY", ""},
        {"Checked",
         "id INTEGER PRIMARY KEY REFERENCES people, name TEXT NOT NULL CHECK (length(name) < 9), age "
         "INTEGER, "
         "more AS (age + 1), stored AS (age + 2) STORED",
         ""}}},
      {text,
       {{"Rowid", "code TEXT PRIMARY KEY, v INTEGER", ""},
        {"RowidWithUnique", "code TEXT PRIMARY KEY, v INTEGER, UNIQUE (v, code)", ""},
        {"Unique", "code TEXT PRIMARY KEY, v INTEGER, UNIQUE (v)", "WITHOUT ROWID"},
        {"NoCase", "code TEXT PRIMARY KEY COLLATE NOCASE, v INTEGER", "WITHOUT ROWID"},
        {"Other", "code TEXT, v INTEGER PRIMARY KEY", ""}}}};
  Do("CREATE TABLE counter (id INTEGER PRIMARY KEY AUTOINCREMENT)");
  Do("INSERT INTO counter VALUES (41)");
  for (const auto& [table, kinds] : cases) {
    const bool people = table.name == "people";
    const auto rows = [&](int round) {
      Rows all;
      for (int i = 0; i < (round == 1 ? 4'000 : 150); ++i) {
        const std::string name = absl::StrCat("n", 1'000 + i);
        all.push_back(people ? Row{i, name, i + round} : Row{name, i + round});
      }
      return all;
    };
    Mirror(table, rows(0));
    Do("CREATE INDEX own_" + table.name + " ON " + table.name + " (" + table.columns.back().name + ")");
    for (const RebuiltTable& kind : kinds) {
      SCOPED_TRACE(table.name + kind.name);
      const std::string columns = people ? "id, name, age" : "code, v";
      Do(absl::StrCat("CREATE TABLE rebuilt (", kind.columns, ") ", kind.more));
      Do(absl::StrCat("INSERT INTO rebuilt (", columns, ") SELECT ", columns, " FROM ", table.name));
      Do(absl::StrCat("DROP TABLE ", table.name));
      Do(absl::StrCat("ALTER TABLE rebuilt RENAME TO ", table.name));
      Do(absl::StrCat("CREATE INDEX own_", table.name, " ON ", table.name, " (", table.columns.back().name,
                      ")"));
      const Rows defined = Defined("'people', 'text'");

      for (int round = 1; round < 3; ++round) {
        ASSERT_THAT(Populate(table, rows(round)).status, IsOk());
        EXPECT_EQ(Visible(table), Sorted(rows(round)));
        EXPECT_EQ(Defined("'people', 'text'"), defined);
        ExpectWhole();
      }
      Row changed = rows(7'000)[3];
      ASSERT_THAT(Insert(table, {changed}).status, IsOk());
      EXPECT_THAT(Visible(table), Contains(changed));
      EXPECT_EQ(RowCount(table.name), 150);
      EXPECT_THAT(See("SELECT name, seq FROM sqlite_sequence"), ElementsAre(Row{"counter", 41}));
      ExpectWhole();
    }
  }
}

TEST_P(SwapContract, ATableThatThePartnerMadeIsNotTakenAway) {
  Mirror(People(), {{1, "Ada", 36}});
  Do("DROP TABLE people");
  for (const char* const sql :
       {"CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, mine TEXT)",
        "CREATE VIRTUAL TABLE people USING fts5 (id, name, age)"}) {
    Do(sql);
    Do("INSERT INTO people (id, name) VALUES (1, 'mine')");
    EXPECT_THAT(Populate(People(), {{7, "Hedy", 50}}).status,
                StatusIs(kFailedPrecondition, HasSubstr("made by somebody else")));
    EXPECT_THAT(See("SELECT name FROM people"), ElementsAre(Row{"mine"}));
    Do("DROP TABLE people");
  }
  Do("CREATE VIEW people AS SELECT 1 AS id, 'mine' AS name, 2 AS age");
  EXPECT_THAT(Populate(People(), {{7, "Hedy", 50}}).status, Not(IsOk()));
  EXPECT_THAT(See("SELECT name FROM people"), ElementsAre(Row{"mine"}));
  ExpectWhole();
}

TEST_P(SwapContract, ALargeValueReachesItsRowInATableThatWasRebuiltWithoutItsRowid) {
  const TableSchema photos =
      NamedTable("photos", {KeyColumn("id", Type::kInt64), PlainColumn("data", Type::kBytes)});
  Mirror(photos, {{20, Blob("a")}, {1, Blob("b")}});
  for (const char* const kind :
       {"(id INT PRIMARY KEY, data BLOB)", "(id INTEGER PRIMARY KEY, data BLOB) WITHOUT ROWID"}) {
    SCOPED_TRACE(kind);
    Do(absl::StrCat("CREATE TABLE rebuilt ", kind));
    // The rowid of each is the key of the other.
    Do("INSERT INTO rebuilt VALUES (20, x'61')");
    Do("WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 19) INSERT INTO rebuilt "
       "SELECT i, zeroblob(6) FROM n");
    Do("INSERT INTO rebuilt VALUES (1, x'62')");
    Do("DROP TABLE photos");
    Do("ALTER TABLE rebuilt RENAME TO photos");
    ASSERT_THAT(Part("photos", 1, 0, "abcdef").status, IsOk());
    BatchSpec spec;
    spec.operation = Operation::kUpdate;
    spec.rows = {{20, Large(1, 6)}};
    ASSERT_THAT(Write(photos, spec).status, IsOk());
    EXPECT_THAT(See("SELECT data FROM photos WHERE id = 20"), ElementsAre(Row{Blob("abcdef")}));
    EXPECT_THAT(See("SELECT data FROM photos WHERE id = 1"), ElementsAre(Row{Blob("b")}));
    ExpectWhole();
  }
}

}  // namespace
}  // namespace mirror::store_swap_test
