#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "tests/server/tenant/tenant_bench.h"

// A partner works with the mirror: what is theirs outlives populations, and what they read is never half
// done.

namespace mirror::swap_test {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Position kFive{Lsn{5}, "five"}, kTen{Lsn{10}, "ten"};

class Swap : public TenantBench {
 protected:
  void MirrorPeople() {
    source_->Mirror(People(), {{1, "Ada", 36}, {2, "Grace", 45}, {3, "Joan", 45}}, kFive);
  }
  void BeginAgain(const TableSchema& table = People()) {
    source_->Begin();
    ASSERT_THAT(source_->Announce({table}), IsOk());
  }
  void PopulateAgain(const TableSchema& table, const Rows& rows) {
    BeginAgain(table);
    source_->Populate(table, rows, kTen);
    ASSERT_THAT(source_->Complete(), IsOk());
  }
  Rows Objects(const std::string& type) const {
    return Partner(path()).Ask(
        "SELECT name, tbl_name FROM sqlite_schema WHERE type = '" + type +
        "' AND sql IS NOT NULL AND name NOT LIKE '\\_mirror%' ESCAPE '\\' ORDER BY name");
  }
  std::string Integrity() const { return Partner(path()).One("PRAGMA integrity_check").bytes; }
  std::string PlanFor(const std::string& sql) const {
    std::string plan;
    for (const Row& row : Partner(path()).Ask("EXPLAIN QUERY PLAN " + sql)) plan += row.back().bytes + "\n";
    return plan;
  }
};

TEST_F(Swap, IndexesOfThePartnerAreThereAndUsedAfterwards) {
  MirrorPeople();
  ByHand(
      "CREATE INDEX by_name ON people (name);"
      "CREATE UNIQUE INDEX \"only \"\"one\"\"\" ON people (id, age);"
      "CREATE INDEX part ON people (age) WHERE name IS NOT NULL;"
      "CREATE INDEX expr ON people (lower(name), age DESC);"
      "CREATE INDEX nocase ON people (name COLLATE NOCASE)");

  PopulateAgain(People(), {{7, "Hedy", 50}, {8, "Mary", 60}});

  EXPECT_THAT(Objects("index"), SizeIs(5));
  EXPECT_THAT(PlanFor("SELECT * FROM people WHERE name = 'Hedy'"), HasSubstr("by_name"));
  EXPECT_THAT(PlanFor("SELECT * FROM people WHERE lower(name) = 'hedy'"), HasSubstr("expr"));
  EXPECT_EQ(Partner(path()).Ask("SELECT id FROM people WHERE lower(name) = 'mary'"), (Rows{{8}}));
  EXPECT_EQ(Integrity(), "ok");
  EXPECT_THAT(catalog_.Kinds(), testing::Not(Contains("index.left_out")));
  BeginAgain();
  ASSERT_THAT(source_->Send(People(), {.rows = {{7, "Hedwig", 51}}, .base_lsn = 10, .commit = kTen}).status,
              IsOk());
  EXPECT_EQ(Partner(path()).Ask("SELECT id FROM people INDEXED BY by_name WHERE name = 'Hedwig'"),
            (Rows{{7}}));
  EXPECT_EQ(Integrity(), "ok");
}

TEST_F(Swap, AnIndexThatSpeaksOfTextInDoubleQuotesSurvives) {
  MirrorPeople();
  // SQLite takes "" for a text where there is no such column, as the sqlite3 program does.
  ByHand("CREATE INDEX named ON people (name) WHERE name <> \"\"");
  PopulateAgain(People(), {{7, "Hedy", 50}});
  EXPECT_EQ(Objects("index"), (Rows{{"named", "people"}}));
}

TEST_F(Swap, AUniqueIndexThatTheNewRowsBreakIsLeftOutAndNamed) {
  MirrorPeople();
  ByHand("CREATE UNIQUE INDEX one_name ON people (name); CREATE INDEX by_age ON people (age)");

  PopulateAgain(People(), {{7, "Hedy", 50}, {8, "Hedy", 60}});

  EXPECT_EQ(Objects("index"), (Rows{{"by_age", "people"}}));
  EXPECT_THAT(Visible(People()), SizeIs(2));
  EXPECT_THAT(catalog_.Messages("index.left_out"), HasSubstr("'one_name'"));
  EXPECT_EQ(Integrity(), "ok");
}

TEST_F(Swap, AnIndexOfAColumnThatIsGoneIsLeftOutAndNamed) {
  MirrorPeople();
  ByHand("CREATE INDEX by_age ON people (age)");
  TableSchema after = People();
  after.columns[2] = PlainColumn("born", Type::kDate);
  BeginAgain(after);
  EXPECT_EQ(Objects("index"), (Rows{{"by_age", "people"}})) << "until the commit all is as it was";
  source_->Populate(after, {{7, "Hedy", nullptr}}, kTen);

  EXPECT_THAT(Objects("index"), IsEmpty());
  EXPECT_THAT(catalog_.Messages("index.left_out"), HasSubstr("'by_age'"));
  EXPECT_EQ(Integrity(), "ok");
}

TEST_F(Swap, ViewsOfThePartnerShowTheNewRows) {
  MirrorPeople();
  ByHand(
      "CREATE VIEW old_ones AS SELECT name FROM people WHERE age > 40;"
      "CREATE VIEW names AS SELECT n.name FROM old_ones AS n");
  PopulateAgain(People(), {{7, "Hedy", 50}, {8, "Mary", 10}});
  EXPECT_EQ(Partner(path()).Ask("SELECT name FROM names"), (Rows{{"Hedy"}}));
}

TEST_F(Swap, TriggersOfThePartnerStayAndDoNotFireForMirroredWrites) {
  MirrorPeople();
  ByHand(
      "CREATE TABLE partner_log (what TEXT);"
      "CREATE TRIGGER ins AFTER INSERT ON people BEGIN INSERT INTO partner_log VALUES ('i'); END;"
      "CREATE TRIGGER upd AFTER UPDATE ON people BEGIN INSERT INTO partner_log VALUES ('u'); END;"
      "CREATE TRIGGER del BEFORE DELETE ON people BEGIN SELECT RAISE(ABORT, 'never'); END;"
      "CREATE TRIGGER no BEFORE INSERT ON people WHEN new.age > 90 BEGIN SELECT RAISE(ABORT, 'too old'); "
      "END");

  PopulateAgain(People(), {{7, "Hedy", 99}, {8, "Mary", 10}});
  BeginAgain();
  ASSERT_THAT(source_->Send(People(), {.rows = {{9, "Ida", 99}, {7, "Hedy", 98}}, .base_lsn = 10}).status,
              IsOk());
  ASSERT_THAT(
      source_->Send(People(), {.operation = Operation::kDelete, .rows = {{8}}, .seq = 2, .base_lsn = 10})
          .status,
      IsOk());

  EXPECT_THAT(Objects("trigger"), SizeIs(4));
  EXPECT_EQ(Partner(path()).Ask("SELECT * FROM partner_log"), Rows{});
  ByHand("INSERT INTO people VALUES (20, 'mine', 1)");
  EXPECT_EQ(Partner(path()).Ask("SELECT * FROM partner_log"), (Rows{{"i"}}))
      << "for the partner's own they do";
  EXPECT_ANY_THROW(ByHand("DELETE FROM people"));
}

struct Rebuild {
  std::string name;
  TableSchema before, after;
  Rows old_rows, new_rows;
};

class SwapOfDefinitions : public Swap, public testing::WithParamInterface<Rebuild> {};

TEST_P(SwapOfDefinitions, KeepsWhatIsThePartnersAndLeavesTheFileWhole) {
  const Rebuild& test = GetParam();
  source_->Mirror(test.before, test.old_rows, kFive);
  ByHand(
      "CREATE VIEW v AS SELECT count(*) AS n FROM t;"
      "CREATE TRIGGER trg AFTER INSERT ON t BEGIN SELECT 1; END;"
      "CREATE INDEX i ON t (name)");

  PopulateAgain(test.after, test.new_rows);

  EXPECT_EQ(Visible(test.after), Sorted(test.new_rows));
  EXPECT_EQ(Partner(path()).One("SELECT n FROM v"), Cell(static_cast<std::int64_t>(test.new_rows.size())));
  EXPECT_EQ(Objects("trigger"), (Rows{{"trg", "t"}}));
  EXPECT_EQ(Objects("index"), (Rows{{"i", "t"}}));
  EXPECT_EQ(Integrity(), "ok");
  // And back, after the server was started anew.
  Restart();
  PopulateAgain(test.before, test.old_rows);
  EXPECT_EQ(Visible(test.before), Sorted(test.old_rows));
  EXPECT_EQ(Objects("trigger"), (Rows{{"trg", "t"}}));
  EXPECT_EQ(Objects("index"), (Rows{{"i", "t"}}));
  EXPECT_EQ(Integrity(), "ok");
  Partner(path()).Run("VACUUM");
  EXPECT_EQ(Visible(test.before), Sorted(test.old_rows));
}

std::vector<Rebuild> Rebuilds() {
  const Column id = KeyColumn("id", Type::kInt64), name = PlainColumn("name", Type::kText);
  const TableSchema rowid = NamedTable("t", {id, name});
  const TableSchema pair = NamedTable("t", {id, KeyColumn("part", Type::kText, 2), name});
  const TableSchema text =
      NamedTable("t", {name, KeyColumn("code", Type::kText), PlainColumn("n", Type::kInt32)});
  const TableSchema none = NamedTable("t", {name, PlainColumn("n", Type::kInt32)});
  const TableSchema other =
      NamedTable("t", {PlainColumn("x", Type::kBytes), id, PlainColumn("y", Type::kDate), name});
  return {
      {"OtherColumns", rowid, other, {{1, "a"}}, {{Blob("b"), 1, nullptr, "c"}, {nullptr, 2, nullptr, "d"}}},
      {"RowidToPair", rowid, pair, {{1, "a"}, {2, "b"}}, {{1, "x", "c"}, {1, "y", "d"}}},
      {"RowidToText", rowid, text, {{1, "a"}}, {{"n", "code", 1}}},
      {"RowidToNoKey", rowid, none, {{1, "a"}}, {{"n", 1}, {"n", 1}}},
      {"PairToNoKey", pair, none, {{1, "x", "c"}}, {{"n", 1}, {"n", 1}}},
      {"PairToText", pair, text, {{1, "x", "c"}}, {{"n", "code", 1}}}};
}

INSTANTIATE_TEST_SUITE_P(Sqlite, SwapOfDefinitions, testing::ValuesIn(Rebuilds()),
                         [](const auto& test) { return test.param.name; });

TEST_F(Swap, APopulationAfterAlterationsInPlaceIsWhole) {
  MirrorPeople();
  TableSchema table = People();
  for (int i = 0; i < 3; ++i) {
    Column added = PlainColumn("c" + std::to_string(i), Type::kInt32);
    added.backfill = Backfill::kDefault;
    added.default_value = std::int64_t{i};
    table.columns.push_back(added);
  }
  table.columns.erase(table.columns.begin() + 2);
  BeginAgain(table);
  EXPECT_EQ(Visible(table)[0], (Row{1, "Ada", 0, 1, 2}));
  ASSERT_THAT(
      source_->Send(table, {.rows = {{1, "Ada", 7, 7, nullptr}}, .base_lsn = 5, .commit = kTen}).status,
      IsOk());
  ASSERT_THAT(source_->Complete(), IsOk());

  PopulateAgain(table, {{9, "new", nullptr, nullptr, nullptr}});

  EXPECT_EQ(Visible(table), (Rows{{9, "new", nullptr, nullptr, nullptr}})) << "no default comes back";
  EXPECT_EQ(Integrity(), "ok");
}

TEST_F(Swap, ATableThatThePartnerMadeAnewIsLeftAloneAndTheOthersGoOn) {
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Pairs()}), IsOk());
  source_->Populate(People(), {{1, "Ada", 36}}, kFive);
  source_->Populate(Pairs(), {{1, "b", "v"}}, kFive);
  ASSERT_THAT(source_->Complete(), IsOk());
  ByHand("DROP TABLE people; CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT, age INTEGER, mine TEXT)");
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Pairs()}), IsOk());

  const BatchOutcome outcome = source_->Send(
      People(), {.rows = {{1, "Ada", 36}}, .populate = PopulateReason::kRequested, .commit = kTen});
  EXPECT_THAT(outcome.status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("'people'")));
  source_->Populate(Pairs(), {{2, "b", "v"}}, kTen);

  EXPECT_EQ(Partner(path()).Ask("SELECT count(*) FROM people"), (Rows{{0}}));
  EXPECT_EQ(Visible(Pairs()), (Rows{{2, "b", "v"}}));
  EXPECT_EQ(Integrity(), "ok");
}

// --- What a partner's objects prevent
// -------------------------------------------------------------------------

struct Obstacle {
  std::string name, sql;
  std::function<void(TableSchema&)> change;
  SchemaAction want;
};
void PrintTo(const Obstacle& obstacle, std::ostream* out) { *out << obstacle.name; }

class AlterationInPlace : public Swap, public testing::WithParamInterface<Obstacle> {};

TEST_P(AlterationInPlace, IsMadeOrBecomesAPopulationAndNeverAFailedCycle) {
  const Obstacle& test = GetParam();
  source_->Begin();
  TableSchema with_ids = People();
  for (std::size_t i = 0; i < 3; ++i) with_ids.columns[i].column_id = i + 1;
  ASSERT_THAT(source_->Announce({with_ids, Pairs()}), IsOk());
  source_->Populate(with_ids, {{1, "Ada", 36}}, kFive);
  source_->Populate(Pairs(), {{1, "b", "v"}}, kFive);
  ASSERT_THAT(source_->Complete(), IsOk());
  if (!test.sql.empty()) ByHand(test.sql);
  TableSchema after = with_ids;
  test.change(after);
  source_->Begin();

  const auto answers = source_->Announce({after, Pairs()});

  ASSERT_THAT(answers, IsOk());
  EXPECT_EQ((*answers)[0].action, test.want);
  EXPECT_EQ((*answers)[0].position, test.want == SchemaAction::kAltered ? kFive : Position{});
  EXPECT_EQ((*answers)[0].reason.empty(), test.want == SchemaAction::kAltered);
  EXPECT_TRUE((*answers)[0].wanted);
  EXPECT_EQ((*answers)[1].action, SchemaAction::kUnchanged);
  // Either way the table takes its rows, and what is the partner's is still there.
  Row row = {7};
  for (std::size_t i = 1; i < after.columns.size(); ++i) row.emplace_back();
  if (test.want == SchemaAction::kAltered) {
    ASSERT_THAT(source_->Send(after, {.rows = {row}, .base_lsn = 5, .commit = kTen}).status, IsOk());
  } else {
    source_->Populate(after, {row}, kTen);
  }
  EXPECT_THAT(Visible(after), Contains(row));
  EXPECT_EQ(Integrity(), "ok");
  ASSERT_THAT(source_->Complete(), IsOk());
  source_->Begin();
  const auto next = source_->Announce({after, Pairs()});
  EXPECT_EQ((*next)[0].action, SchemaAction::kUnchanged);
  EXPECT_EQ((*next)[0].position, kTen);
}

void DropAge(TableSchema& table) { table.columns.pop_back(); }
void RenameName(TableSchema& table) { table.columns[1].name = "label"; }
void AddNote(TableSchema& table) {
  Column note = PlainColumn("note", Type::kText);
  note.backfill = Backfill::kNone;
  note.column_id = 9;
  table.columns.push_back(note);
}

INSTANTIATE_TEST_SUITE_P(
    Partner, AlterationInPlace,
    testing::Values(Obstacle{"Nothing", "", DropAge, SchemaAction::kAltered},
                    Obstacle{"RenameWithAView", "CREATE VIEW v AS SELECT name FROM people", RenameName,
                             SchemaAction::kAltered},
                    Obstacle{"AddWithABrokenView", "CREATE VIEW broken AS SELECT * FROM nowhere", AddNote,
                             SchemaAction::kAltered},
                    Obstacle{"DropOfAnIndexedColumn", "CREATE INDEX i ON people (age)", DropAge,
                             SchemaAction::kRepopulate},
                    // These are broken by it, as they would be by a population.
                    Obstacle{"DropOfAColumnInAView", "CREATE VIEW v AS SELECT age FROM people", DropAge,
                             SchemaAction::kAltered},
                    Obstacle{"DropOfAColumnInATrigger",
                             "CREATE TRIGGER trg AFTER UPDATE OF age ON people BEGIN SELECT new.age; END",
                             DropAge, SchemaAction::kAltered},
                    Obstacle{"RenameWithABrokenView", "CREATE VIEW broken AS SELECT * FROM nowhere",
                             RenameName, SchemaAction::kRepopulate},
                    Obstacle{
                        "RenameBesideTextInDoubleQuotes",
                        "CREATE TABLE mine (a CHECK (a <> \"x\")); CREATE VIEW v AS SELECT \"y\" AS y FROM "
                        "people; CREATE INDEX i ON mine (a) WHERE a <> \"\"",
                        RenameName, SchemaAction::kAltered},
                    Obstacle{"DropBesideTextInDoubleQuotes", "CREATE TABLE mine (a CHECK (a <> \"x\"))",
                             DropAge, SchemaAction::kAltered},
                    Obstacle{"AddOfAColumnThatThePartnerAddedToo", "ALTER TABLE people ADD COLUMN note TEXT",
                             AddNote, SchemaAction::kRepopulate}),
    [](const auto& test) { return test.param.name; });

TEST_F(Swap, WhatPreventsAnAlterationInPlaceIsNamed) {
  MirrorPeople();
  TableSchema after = People();
  int round = 0;
  for (const auto& [sql, name] : std::vector<std::pair<std::string, std::string>>{
           {"CREATE VIEW \"broken view\" AS SELECT * FROM nowhere", "view broken view"},
           {"CREATE TRIGGER broken_trigger AFTER INSERT ON people BEGIN SELECT gone FROM people; END",
            "trigger broken_trigger"},
           {"CREATE VIEW broken_column AS SELECT gone FROM people", "view broken_column"}}) {
    ByHand(sql);
    after.columns[1].name = "label" + std::to_string(++round);
    after.columns[1].column_id = 2;
    source_->Begin();
    TableSchema before = after;
    before.columns[1].name = "before" + std::to_string(round);
    ASSERT_THAT(source_->Announce({before}), IsOk());
    source_->Populate(before, {{1, "Ada", 36}}, kFive);
    ASSERT_THAT(source_->Complete(), IsOk());
    source_->Begin();
    const TableAnswer answer = source_->Announced(after);
    EXPECT_EQ(answer.action, SchemaAction::kRepopulate);
    EXPECT_THAT(answer.reason, HasSubstr(name));
    EXPECT_THAT(answer.reason, testing::Not(HasSubstr("logic error")));
    source_->Populate(after, {{1, "Ada", 36}}, kTen);
    ASSERT_THAT(source_->Complete(), IsOk());
    ByHand("DROP " + name.substr(0, name.find(' ')) + " \"" + name.substr(name.find(' ') + 1) + "\"");
  }
  // The words were asked for; the writer is as it was.
  ByHand("CREATE VIEW broken AS SELECT * FROM nowhere");
  PopulateAgain(after, {{2, "Grace", 45}});
  EXPECT_EQ(Visible(after), (Rows{{2, "Grace", 45}}));
}

TEST_F(Swap, ATableIsSetAsideBesideBrokenViews) {
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Pairs()}), IsOk());
  ASSERT_THAT(source_->Complete(), IsOk());
  ByHand("CREATE VIEW broken AS SELECT * FROM nowhere; CREATE VIEW mine AS SELECT name FROM people");

  source_->Begin();
  ASSERT_THAT(source_->Announce({Pairs()}), IsOk());

  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM sqlite_schema WHERE name = 'people'"), Cell(0));
  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM ctx_mirroring WHERE table_name = 'people'"), Cell(0));
}

TEST_F(Swap, ATableIsSetAsideBesideTextInDoubleQuotes) {
  source_->Begin();
  ASSERT_THAT(source_->Announce({People(), Pairs()}), IsOk());
  ASSERT_THAT(source_->Complete(), IsOk());
  ByHand("CREATE TABLE mine (a TEXT CHECK (a <> \"\")); CREATE INDEX i ON mine (a) WHERE a <> \"x\"");

  source_->Begin();
  ASSERT_THAT(source_->Announce({Pairs()}), IsOk());

  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM sqlite_schema WHERE name = 'people'"), Cell(0));
  EXPECT_EQ(Objects("index"), (Rows{{"i", "mine"}}));
}

TEST_F(Swap, APartnersUniqueIndexThatRefusesABatchIsNamedAndTheBatchUndone) {
  MirrorPeople();
  ByHand("CREATE UNIQUE INDEX one_name ON people (name)");
  BeginAgain();

  // A legal batch: two rows exchange their values.
  const BatchSpec exchange = {.operation = Operation::kUpdate,
                              .rows = {{1, "Grace"}, {2, "Ada"}},
                              .columns = {"id", "name"},
                              .base_lsn = 5,
                              .commit = kTen};
  EXPECT_THAT(source_->Send(People(), exchange).status,
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("'one_name'")));

  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}, {2, "Grace", 45}, {3, "Joan", 45}}));
  ByHand("DROP INDEX one_name");
  EXPECT_THAT(source_->Send(People(), exchange).status, IsOk());
  EXPECT_EQ(Visible(People())[0], (Row{1, "Grace", 36}));
}

TEST_F(Swap, AnErrorTellsNoValues) {
  MirrorPeople();
  ByHand("CREATE UNIQUE INDEX one_name ON people (name)");
  BeginAgain();
  const BatchOutcome outcome = source_->Send(People(), {.rows = {{9, "Ada", 1}}, .base_lsn = 5});
  EXPECT_THAT(std::string(outcome.status.message()), testing::Not(HasSubstr("Ada")));
}

// --- Readers
// --------------------------------------------------------------------------------------------------

/// A reader in a process of its own, that counts and looks without a pause.
class OtherReader {
 public:
  /// Forked before anything is open here, as SQLite wants it. `path` is opened at the first Go().
  explicit OtherReader(const std::string& path) {
    void* const memory =
        mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared_ = new (memory) Shared();
    child_ = fork();
    if (child_ == 0) {
      Read(path);
      _exit(0);
    }
  }
  ~OtherReader() {
    shared_->stop = true;
    shared_->go = true;
    int status = 0;
    waitpid(child_, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  OtherReader(const OtherReader&) = delete;
  OtherReader& operator=(const OtherReader&) = delete;

  /// Until it has read `more` times from here on.
  void Go(int more) {
    shared_->go = true;
    const int until = shared_->reads + more;
    while (shared_->reads < until && waitpid(child_, nullptr, WNOHANG) == 0) sched_yield();
  }
  int reads() const { return shared_->reads; }
  int wrong() const { return shared_->wrong; }
  int failed() const { return shared_->failed; }
  int generations() const { return shared_->generations; }

 private:
  struct Shared {
    std::atomic<bool> go{false}, stop{false};
    std::atomic<int> reads{0}, wrong{0}, failed{0}, generations{0};
  };

  void Read(const std::string& path) {
    while (!shared_->go) sched_yield();
    sqlite3* db = nullptr;
    if (sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK) {
      ++shared_->failed;
      _exit(1);
    }
    sqlite3_busy_timeout(db, 10'000);
    std::int64_t last = -1;
    while (!shared_->stop) {
      sqlite3_stmt* query = nullptr;
      // In one statement: rows, generations in sight, the view, and by way of the index.
      const int code =
          sqlite3_prepare_v2(db,
                             "SELECT count(*), count(DISTINCT age), max(age), (SELECT n FROM counted), "
                             "(SELECT count(*) FROM people INDEXED BY by_name WHERE name >= '') FROM people",
                             -1, &query, nullptr);
      if (code != SQLITE_OK || sqlite3_step(query) != SQLITE_ROW) {
        ++shared_->failed;
      } else {
        const std::int64_t rows = sqlite3_column_int64(query, 0), age = sqlite3_column_int64(query, 2);
        const bool whole = rows == kRows && sqlite3_column_int64(query, 1) == 1 &&
                           sqlite3_column_int64(query, 3) == kRows && sqlite3_column_int64(query, 4) == kRows;
        if (!whole || age < last) ++shared_->wrong;
        if (age != last) ++shared_->generations;
        last = age;
      }
      sqlite3_finalize(query);
      ++shared_->reads;
    }
    sqlite3_close(db);
  }

 public:
  static constexpr std::int64_t kRows = 300;

 private:
  Shared* shared_ = nullptr;
  pid_t child_ = -1;
};

class ReaderBeside : public testing::Test {
 protected:
  ReaderBeside() : reader_(SqlitePath(folder_.path(), "ctx")) {}
  ScratchFolder folder_;
  OtherReader reader_;
};

TEST_F(ReaderBeside, NeverSeesAHoleOrAMixtureDuringPopulations) {
  constexpr int kRounds = 25;
  spdlog::set_level(spdlog::level::off);
  RememberingCatalog catalog;
  Events events(catalog);
  Tenant tenant(
      "ctx",
      [&](bool create) -> absl::StatusOr<std::unique_ptr<Store>> {
        return OpenSqliteStore(folder_.path(), "ctx", create, {});
      },
      TenantOptions{}, events, [](Tenant&) {});
  SourceCalls source(tenant, "ctx");
  const auto rows_of = [](int generation, int from, int to) {
    Rows rows;
    for (int i = from; i < to; ++i)
      rows.push_back({i + generation * 7, "name " + std::to_string(i), generation});
    return rows;
  };
  source.Mirror(People(), rows_of(0, 0, OtherReader::kRows), Position{Lsn{1}, ""});
  Partner(SqlitePath(folder_.path(), "ctx"))
      .Run("CREATE INDEX by_name ON people (name); CREATE VIEW counted AS SELECT count(*) AS n FROM people");
  reader_.Go(1);

  for (int round = 1; round <= kRounds; ++round) {
    source.Begin();
    ASSERT_THAT(source.Announce({People()}), IsOk());
    for (int part = 0; part < 3; ++part) {
      BatchSpec spec = {.rows = rows_of(round, part * 100, part * 100 + 100),
                        .seq = static_cast<std::uint64_t>(part + 1)};
      if (part == 0) spec.populate = PopulateReason::kRequested;
      ASSERT_THAT(source.Send(People(), spec).status, IsOk());
      reader_.Go(1);
    }
    ASSERT_THAT(source.Send(People(), {.seq = 4, .commit = Position{Lsn{round + 1}, ""}}).status, IsOk());
    ASSERT_THAT(source.Complete(), IsOk());
    reader_.Go(2);
  }

  EXPECT_EQ(reader_.wrong(), 0);
  EXPECT_EQ(reader_.failed(), 0);
  EXPECT_EQ(reader_.generations(), kRounds + 1) << "and it saw each of them";
}

TEST_F(Swap, AReaderInATransactionKeepsItsOldRowsAndThenSeesTheNew) {
  MirrorPeople();
  Partner reader(path(), true);
  reader.Run("BEGIN");
  EXPECT_EQ(reader.One("SELECT count(*) FROM people"), Cell(3));

  PopulateAgain(People(), {{7, "Hedy", 50}});

  EXPECT_EQ(reader.One("SELECT count(*) FROM people"), Cell(3));
  EXPECT_EQ(reader.One("SELECT name FROM people WHERE id = 1"), Cell("Ada"));
  reader.Run("COMMIT");
  EXPECT_EQ(reader.Ask("SELECT name FROM people"), (Rows{{"Hedy"}}));
}

TEST_F(Swap, AReaderOfASwapToAnotherDefinitionSeesItsColumns) {
  MirrorPeople();
  Partner reader(path(), true);
  EXPECT_EQ(reader.Ask("SELECT * FROM people").at(0).size(), 3U);
  TableSchema after = NamedTable("people", {KeyColumn("code", Type::kText), PlainColumn("v", Type::kInt32)});
  PopulateAgain(after, {{"x", 1}});
  EXPECT_EQ(reader.Ask("SELECT * FROM people"), (Rows{{"x", 1}}));
}

}  // namespace
}  // namespace mirror::swap_test
