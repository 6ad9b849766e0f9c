// Each promise of stage.h.

#include "client/source/server/stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/connection.h"
#include "tests/client/source/server/staged_source.h"
#include "tests/support/status_matchers.h"

namespace mirror::stage_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

StageModelRow RowOf(const std::string& key, const std::string& value = "1") {
  return {{kModelKey, key}, {kModelA, value}, {kModelB, "2"}, {kModelLong, "3"}};
}
LoggedChange InsertOf(const std::string& key, const std::string& value = "1") {
  return ToLogged({LoggedChange::Kind::kInsert, "", key, RowOf(key, value)});
}
LoggedChange PartOf(const std::string& key, const std::string& value) {
  return ToLogged({LoggedChange::Kind::kUpdate, key, key, {{kModelKey, key}, {kModelA, value}}});
}

class StageTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(stage_->SetTable(ModelStagedTable(1)), IsOk()); }

  void Commit(Stage& stage, std::int64_t lsn, const std::vector<LoggedChange>& changes,
              const std::string& mark = "", std::int64_t time_ms = 1'000, std::int64_t table = 1) {
    ASSERT_THAT(stage.Begin({lsn, static_cast<std::uint64_t>(lsn), time_ms}), IsOk());
    for (const LoggedChange& change : changes) ASSERT_THAT(stage.Take(table, change), IsOk());
    if (!mark.empty()) {
      ASSERT_THAT(stage.Mark(mark), IsOk());
    }
    ASSERT_THAT(stage.Commit(), IsOk());
  }
  void Write(std::int64_t lsn, const std::vector<LoggedChange>& changes, const std::string& mark = "",
             std::int64_t time_ms = 1'000, std::int64_t table = 1) {
    Commit(*stage_, lsn, changes, mark, time_ms, table);
    ASSERT_THAT(stage_->Flush(), IsOkAndHolds(lsn));
  }
  /// Keys of the rows behind a position; "!" before those that are gone.
  std::vector<std::string> KeysBehind(std::int64_t from, std::int64_t table = 1) {
    std::vector<std::string> keys;
    const auto rows = stage_->RowsAfter(table, from);
    EXPECT_THAT(rows, IsOk());
    if (!rows.ok()) return keys;
    for (bool more = true; more;) {
      const auto some = (*rows)->Next(2);
      EXPECT_THAT(some, IsOk());
      if (!some.ok()) return keys;
      more = some->size() == 2;
      for (const StagedRows::Row& row : *some)
        keys.push_back(
            absl::StrCat(row.row.kind == StagedKind::kGone ? "!" : "", UnpackStagedKey(row.key).front()));
    }
    return keys;
  }
  StagedTable Table(std::int64_t id = 1) {
    const auto tables = stage_->Tables();
    EXPECT_THAT(tables, IsOk());
    for (const StagedTable& table : *tables) {
      if (table.id == id) return table;
    }
    return {};
  }
  std::int64_t Number(const std::string& sql) {
    const auto database = sqlite::Connection::Open(
        stage_.options().path, {.mode = sqlite::OpenAs::Mode::kRead},
        [](const sqlite::Failure& failure, std::string_view) { return absl::UnknownError(failure.words); });
    const absl::StatusOr<std::int64_t> number = (*database)->Number(sql);
    EXPECT_THAT(number, IsOk());
    return number.ok() ? *number : -1;
  }

  StageFolder stage_;
};

TEST_F(StageTest, IsAFileForItsUserAlone) {
  struct stat found = {};
  ASSERT_EQ(stat(stage_.options().path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600U);
  EXPECT_EQ(Number("SELECT layout FROM _mirror_layout"), 1);
}

// Whoever changes these raises the layout's number, and adds the step from the one before.
TEST_F(StageTest, HasTheFormOfItsLayout) {
  const auto database = sqlite::Connection::Open(
      stage_.options().path, {.mode = sqlite::OpenAs::Mode::kRead},
      [](const sqlite::Failure& failure, std::string_view) { return absl::UnknownError(failure.words); });
  sqlite::Statement select = (*database)->Prepare(
      "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name <> '_mirror_layout' ORDER BY name");
  const absl::StatusOr<std::vector<std::string>> texts = select.Texts();
  ASSERT_THAT(texts, IsOk());
  EXPECT_THAT(
      *texts,
      ElementsAre(
          "CREATE TABLE marks (token TEXT PRIMARY KEY, lsn INTEGER NOT NULL, time_ms INTEGER NOT NULL, "
          "position "
          "TEXT NOT NULL, fingerprint TEXT NOT NULL) WITHOUT ROWID",
          "CREATE INDEX marks_lsn ON marks (lsn)",
          "CREATE TABLE \"net_1\" (key BLOB PRIMARY KEY, kind TEXT NOT NULL, complete INTEGER NOT NULL, lsn "
          "INTEGER NOT NULL, born INTEGER NOT NULL, rekeyed INTEGER NOT NULL, row BLOB NOT NULL) WITHOUT "
          "ROWID",
          "CREATE INDEX \"net_1_lsn\" ON \"net_1\" (lsn, kind)",
          "CREATE TABLE stage (one INTEGER PRIMARY KEY CHECK (one = 1), identity TEXT NOT NULL, source_id "
          "TEXT "
          "NOT NULL, timeline INTEGER NOT NULL, place INTEGER NOT NULL, writer TEXT NOT NULL)",
          "CREATE TABLE tables (id INTEGER PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL, fingerprint "
          "TEXT "
          "NOT NULL, floor INTEGER NOT NULL, truncated_lsn INTEGER NOT NULL, gone_because TEXT NOT NULL, "
          "durable "
          "INTEGER NOT NULL)",
          "CREATE TABLE transactions (lsn INTEGER PRIMARY KEY, xid INTEGER NOT NULL)"));
}

TEST_F(StageTest, ShowsNothingBeforeFlushAndAllAfterIt) {
  Commit(*stage_, 10, {InsertOf("1")}, "m1");
  EXPECT_THAT(KeysBehind(0), IsEmpty());
  EXPECT_THAT(stage_->Place(), IsOkAndHolds(0));
  EXPECT_THAT(stage_->FindMark("m1"), IsOkAndHolds(std::nullopt));
  EXPECT_GT(stage_->unwritten_bytes(), 0U);
  EXPECT_THAT(stage_->Flush(), IsOkAndHolds(10));
  EXPECT_THAT(KeysBehind(0), ElementsAre("1"));
  EXPECT_EQ(stage_->unwritten_bytes(), 0U);
  stage_.Open();
  EXPECT_THAT(KeysBehind(0), ElementsAre("1"));
  EXPECT_THAT(stage_->Place(), IsOkAndHolds(10));
  const auto mark = stage_->FindMark("m1");
  ASSERT_THAT(mark, IsOk());
  ASSERT_TRUE(mark->has_value());
  EXPECT_EQ((*mark)->lsn, 10);
  EXPECT_EQ((*mark)->time_ms, 1'000);
}

TEST_F(StageTest, WithoutFlushIsAsItWasBefore) {
  Write(10, {InsertOf("1")});
  Commit(*stage_, 20, {InsertOf("2")}, "m2");
  stage_.Open();
  EXPECT_THAT(stage_->Place(), IsOkAndHolds(10));
  EXPECT_THAT(KeysBehind(0), ElementsAre("1"));
  EXPECT_THAT(stage_->FindMark("m2"), IsOkAndHolds(std::nullopt));
}

TEST_F(StageTest, PassesOverWhatIsHereAndForgetsWhatBrokeOff) {
  Write(10, {InsertOf("1", "1")});
  Commit(*stage_, 20, {InsertOf("2", "2")});
  // As after a connection that was lost: again from the place on.
  Commit(*stage_, 10, {InsertOf("1", "9")});
  Commit(*stage_, 20, {InsertOf("2", "9")});
  ASSERT_THAT(stage_->Begin({30, 1, 1}), IsOk());
  ASSERT_THAT(stage_->Take(1, InsertOf("3", "3")), IsOk());
  ASSERT_THAT(stage_->Begin({30, 1, 1}), IsOk());
  ASSERT_THAT(stage_->Take(1, InsertOf("4", "4")), IsOk());
  ASSERT_THAT(stage_->Commit(), IsOk());
  EXPECT_THAT(stage_->Flush(), IsOkAndHolds(30));
  EXPECT_THAT(KeysBehind(0), ElementsAre("1", "2", "4"));
  const auto rows = stage_->RowsOf(1, {ModelKey("1"), ModelKey("2"), ModelKey("3")});
  ASSERT_THAT(rows, IsOkAndHolds(SizeIs(2)));
  EXPECT_EQ((*rows)[0].row.values, ModelValues(RowOf("1", "1")));
  EXPECT_EQ((*rows)[1].row.values, ModelValues(RowOf("2", "2")));
  EXPECT_THAT(stage_->Take(1, InsertOf("5")), StatusIs(absl::StatusCode::kAborted));
}

TEST_F(StageTest, OfATableThatIsNotStagedNothingHappensAndItsFloorIsAboveThat) {
  Commit(*stage_, 10, {InsertOf("1")}, "", 1, 2);
  ASSERT_THAT(stage_->SetTable(ModelStagedTable(2, 5)), IsOk());
  EXPECT_EQ(Table(2).floor, 10);
  ASSERT_THAT(stage_->SetTable(ModelStagedTable(3, 5)), IsOk());
  EXPECT_EQ(Table(3).floor, 5);
  EXPECT_THAT(stage_->HasRowsBehind(4, 0), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(StageTest, KeepsTablesAndTheirFloorsNeverGoBack) {
  StagedTable table = ModelStagedTable(7, 100);
  table.name = "Ä \"quoted\"";
  table.key = {3, 1};
  table.fingerprint = "f1";
  ASSERT_THAT(stage_->SetTable(table), IsOk());
  table.floor = 50;
  table.fingerprint = "f2";
  ASSERT_THAT(stage_->SetTable(table), IsOk());
  stage_.Open();
  EXPECT_EQ(Table(7).name, table.name);
  EXPECT_EQ(Table(7).key, table.key);
  EXPECT_EQ(Table(7).floor, 100);
  EXPECT_EQ(Table(7).fingerprint, "f2");
  ASSERT_THAT(stage_->DropTable(7), IsOk());
  EXPECT_EQ(Table(7).id, 0);
  EXPECT_EQ(Number("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'net_7%'"), 0);
}

TEST_F(StageTest, RaisedFloorEmptiesTheTableAndIsAboveAllThatWasStagedOfIt) {
  Write(10, {InsertOf("1")});
  Commit(*stage_, 20, {InsertOf("2")});
  ASSERT_THAT(stage_->RaiseFloor(1, 15, "its definition changed"), IsOk());
  EXPECT_EQ(Table().floor, 20);
  EXPECT_EQ(Table().gone_because, "its definition changed");
  ASSERT_THAT(stage_->Flush(), IsOk());
  EXPECT_THAT(stage_->CountRowsBehind(1, 0), IsOkAndHolds(0));
  EXPECT_THAT(stage_->RowsAfter(1, 19),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("its definition changed")));
  Write(30, {PartOf("1", "5")});
  EXPECT_THAT(KeysBehind(20), ElementsAre("1"));
  ASSERT_THAT(stage_->RaiseFloor(1, 99, "b"), IsOk());
  EXPECT_EQ(Table().floor, 99);
  EXPECT_THAT(stage_->RaiseFloor(5, 1, ""), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(StageTest, TruncateLeavesTheRowsBehindIt) {
  Write(10, {InsertOf("1"), PartOf("2", "1")});
  ASSERT_THAT(stage_->Begin({20, 1, 1}), IsOk());
  ASSERT_THAT(stage_->Take(1, InsertOf("3")), IsOk());
  ASSERT_THAT(stage_->Truncate(1), IsOk());
  ASSERT_THAT(stage_->Take(1, InsertOf("4")), IsOk());
  ASSERT_THAT(stage_->Commit(), IsOk());
  ASSERT_THAT(stage_->Flush(), IsOk());
  EXPECT_THAT(KeysBehind(0), ElementsAre("4"));
  EXPECT_EQ(Table().truncated_lsn, 20);
  ASSERT_THAT(stage_->Begin({30, 1, 1}), IsOk());
  ASSERT_THAT(stage_->Truncate(1), IsOk());
  ASSERT_THAT(stage_->Commit(), IsOk());
  ASSERT_THAT(stage_->Flush(), IsOk());
  EXPECT_THAT(stage_->CountRowsBehind(1, 20), IsOkAndHolds(0));
  EXPECT_THAT(stage_->HasRowsBehind(1, 20), IsOkAndHolds(true));
  EXPECT_THAT(stage_->HasRowsBehind(1, 30), IsOkAndHolds(false));
  // A definition that is set again leaves it.
  ASSERT_THAT(stage_->SetTable(ModelStagedTable(1)), IsOk());
  EXPECT_EQ(Table().truncated_lsn, 30);
}

TEST_F(StageTest, RowsBehindAreThoseOfTheMomentInWhichTheyWereAsked) {
  Write(10, {InsertOf("1"), InsertOf("2"), PartOf("3", "5")});
  Write(20, {ToLogged({LoggedChange::Kind::kDelete, "1", "", {}})});
  const auto rows = stage_->RowsAfter(1, 0);
  ASSERT_THAT(rows, IsOk());
  Write(30, {InsertOf("9"), ToLogged({LoggedChange::Kind::kDelete, "2", "", {}})});
  EXPECT_EQ((*rows)->place(), 20);
  const auto counts = (*rows)->Count(9);
  ASSERT_THAT(counts, IsOk());
  EXPECT_EQ(counts->gone, 1);
  EXPECT_EQ(counts->came_and_went, 1);
  EXPECT_EQ(counts->parts, 1);
  EXPECT_EQ(counts->whole, 1);
  const auto some = (*rows)->Next(10);
  ASSERT_THAT(some, IsOkAndHolds(SizeIs(3)));
  EXPECT_EQ((*some)[0].key, ModelKey("1"));
  EXPECT_EQ((*some)[1].key, ModelKey("3"));
  EXPECT_EQ((*some)[2].key, ModelKey("2"));
  EXPECT_THAT(stage_->HasRowsBehind(1, 30), IsOkAndHolds(false));
  EXPECT_THAT(stage_->CountRowsBehind(1, 20), IsOkAndHolds(2));
}

TEST_F(StageTest, ManyRowsAreReadFromAFileWithoutANameAndHoldNoLog) {
  std::vector<LoggedChange> changes;
  for (int i = 0; i < 3'000; ++i) {
    StageModelRow row = RowOf(std::to_string(i));
    row[kModelLong] = std::string(3'000, 'x');
    changes.push_back(ToLogged({LoggedChange::Kind::kInsert, "", std::to_string(i), row}));
  }
  Write(10, changes);
  Write(20, {ToLogged({LoggedChange::Kind::kDelete, "7", "", {}})});
  const auto rows = stage_->RowsAfter(1, 0);
  ASSERT_THAT(rows, IsOk());
  Write(30, {InsertOf("9999")});
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(stage_.folder()))
    names.insert(entry.path().filename());
  EXPECT_THAT(names, ElementsAre("Cust.stage.db", "Cust.stage.db-shm", "Cust.stage.db-wal"));
  EXPECT_EQ((*rows)->Count(0)->gone, 1);
  EXPECT_EQ((*rows)->Count(0)->whole, 2'999);
  std::size_t count = 0;
  for (std::size_t more = 100; more == 100;) {
    const auto some = (*rows)->Next(100);
    ASSERT_THAT(some, IsOk());
    EXPECT_TRUE(count > 0 || some->front().row.kind == StagedKind::kGone);
    count += more = some->size();
  }
  EXPECT_EQ(count, 3'000U);
}

TEST_F(StageTest, ALargeTransactionIsSeenOnlyWhenAllOfItIs) {
  stage_.options().fold_bytes = 10'000;
  stage_.Open();
  Write(10, {InsertOf("a")});
  ASSERT_THAT(stage_->Begin({20, 20, 1}), IsOk());
  for (int i = 0; i < 2'000; ++i) {
    ASSERT_THAT(stage_->Take(1, InsertOf(std::to_string(i))), IsOk());
    ASSERT_LT(stage_->unwritten_bytes(), 20'000U);
  }
  EXPECT_THAT(stage_->CountRowsBehind(1, 0), IsOkAndHolds(1));
  // What the thread itself sets in it goes with it; readers go on.
  EXPECT_THAT(stage_->SetSource({"set in it", "", 0}), IsOk());
  EXPECT_EQ(stage_->Source()->identity, "");
  // It breaks off, and comes again.
  ASSERT_THAT(stage_->Begin({20, 20, 1}), IsOk());
  EXPECT_THAT(stage_->CountRowsBehind(1, 0), IsOkAndHolds(1));
  for (int i = 0; i < 1'000; ++i) ASSERT_THAT(stage_->Take(1, InsertOf(std::to_string(i))), IsOk());
  // A moved row whose former one is in the part that is written.
  ASSERT_THAT(
      stage_->Take(1, ToLogged({LoggedChange::Kind::kUpdate, "0", "b", {{kModelKey, "b"}, {kModelA, "7"}}})),
      IsOk());
  ASSERT_THAT(stage_->Mark("m"), IsOk());
  ASSERT_THAT(stage_->Commit(), IsOk());
  EXPECT_THAT(stage_->Flush(), IsOkAndHolds(20));
  EXPECT_THAT(stage_->CountRowsBehind(1, 10), IsOkAndHolds(1'001));
  const auto moved = stage_->RowsOf(1, {ModelKey("b")});
  ASSERT_THAT(moved, IsOkAndHolds(SizeIs(1)));
  EXPECT_EQ(moved->front().row.kind, StagedKind::kWhole);
  EXPECT_EQ(moved->front().row.values.size(), 4U);
  EXPECT_EQ(stage_->LastMark()->value().token, "m");
}

TEST_F(StageTest, OthersWaitForTheEndOfALargeTransaction) {
  stage_.options().fold_bytes = 10'000;
  stage_.Open();
  ASSERT_THAT(stage_->Begin({20, 20, 1}), IsOk());
  for (int i = 0; i < 1'000; ++i) ASSERT_THAT(stage_->Take(1, InsertOf(std::to_string(i))), IsOk());
  std::atomic<bool> done = false;
  std::thread other([&] {
    EXPECT_THAT(stage_->SetTable(ModelStagedTable(5)), IsOk());
    done = true;
  });
  EXPECT_THAT(stage_->Tables(), IsOkAndHolds(SizeIs(1)));
  EXPECT_FALSE(done);
  ASSERT_THAT(stage_->Commit(), IsOk());
  other.join();
  EXPECT_THAT(stage_->Tables(), IsOkAndHolds(SizeIs(2)));
}

TEST_F(StageTest, KnowsWhoWroteTheLog) {
  ASSERT_THAT(stage_->SetSource({"id", "source", 3}), IsOk());
  Write(10, {InsertOf("1")});
  const auto source = stage_->Source();
  ASSERT_THAT(source, IsOk());
  EXPECT_EQ(source->identity, "id");
  EXPECT_EQ(source->source_id, "source");
  EXPECT_EQ(source->timeline, 3);
  const auto sees_nothing = [](std::uint64_t) { return false; };
  EXPECT_THAT(stage_->LowestUnseen(sees_nothing), IsOkAndHolds(10));
  // Numbers of transactions of another timeline mean others.
  ASSERT_THAT(stage_->SetSource({"id", "source", 4}), IsOk());
  EXPECT_THAT(stage_->LowestUnseen(sees_nothing), IsOkAndHolds(std::nullopt));
}

TEST_F(StageTest, SetPlaceForgetsWhatIsNotWritten) {
  Commit(*stage_, 10, {InsertOf("1")});
  ASSERT_THAT(stage_->SetPlace(500), IsOk());
  EXPECT_THAT(stage_->Flush(), IsOkAndHolds(500));
  EXPECT_THAT(stage_->CountRowsBehind(1, 0), IsOkAndHolds(0));
  ASSERT_THAT(stage_->SetPlace(5), IsOk());
  Write(10, {InsertOf("2")});
  EXPECT_THAT(KeysBehind(0), ElementsAre("2"));
}

TEST_F(StageTest, FindsTheLowestTransactionThatASnapshotDoesNotSee) {
  for (std::int64_t lsn = 10; lsn <= 50; lsn += 10) Commit(*stage_, lsn, {InsertOf(std::to_string(lsn))});
  // Without rows, or a number: not on record.
  Commit(*stage_, 60, {});
  ASSERT_THAT(stage_->Flush(), IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM transactions"), 5);
  EXPECT_THAT(stage_->LowestUnseen([](std::uint64_t xid) { return xid != 40 && xid != 30; }),
              IsOkAndHolds(30));
  EXPECT_THAT(stage_->LowestUnseen([](std::uint64_t) { return true; }), IsOkAndHolds(std::nullopt));
  ASSERT_THAT(stage_->ForgetTransactions([](std::uint64_t xid) { return xid < 35; }), IsOk());
  EXPECT_THAT(stage_->LowestUnseen([](std::uint64_t) { return false; }), IsOkAndHolds(40));
}

TEST_F(StageTest, WaitsForAMark) {
  EXPECT_THAT(stage_->WaitForMark("m", 0), IsOkAndHolds(std::nullopt));
  std::thread staging([&] { Write(10, {InsertOf("1")}, "m"); });
  const auto mark = stage_->WaitForMark("m", 60'000);
  staging.join();
  ASSERT_THAT(mark, IsOk());
  ASSERT_TRUE(mark->has_value());
  EXPECT_EQ((*mark)->lsn, 10);
  // One that another object, as in another process, writes.
  const auto other = Stage::Open(stage_.options());
  ASSERT_THAT(other, IsOk());
  std::thread elsewhere([&] {
    Commit(**other, 20, {InsertOf("2")}, "n");
    EXPECT_THAT((*other)->Flush(), IsOkAndHolds(20));
  });
  const auto second = stage_->WaitForMark("n", 60'000);
  elsewhere.join();
  ASSERT_THAT(second, IsOk());
  EXPECT_TRUE(second->has_value());
}

TEST_F(StageTest, KeepsWhatAMarkSays) {
  ASSERT_THAT(stage_->Begin({5, 0, 77}), IsOk());
  ASSERT_THAT(stage_->Mark("old", "file:4", std::string("\0\xff", 2)), IsOk());
  ASSERT_THAT(stage_->Commit(), IsOk());
  Write(10, {}, "m");
  const auto mark = stage_->FindMark("old");
  ASSERT_THAT(mark, IsOk());
  EXPECT_EQ((*mark)->lsn, 5);
  EXPECT_EQ((*mark)->position, "file:4");
  EXPECT_EQ((*mark)->fingerprint, std::string("\0\xff", 2));
  EXPECT_EQ(stage_->LastMark()->value().token, "m");
}

TEST_F(StageTest, AnotherProcessThatStagesIsNoticedAndTheFileTakenOverAgain) {
  Write(10, {InsertOf("1")});
  Commit(*stage_, 20, {InsertOf("2", "mine")});
  const auto other = Stage::Open(stage_.options());
  ASSERT_THAT(other, IsOk());
  Commit(**other, 20, {InsertOf("2", "5")});
  EXPECT_THAT((*other)->Flush(), IsOkAndHolds(20));
  EXPECT_THAT(stage_->Flush(), StatusIs(absl::StatusCode::kAborted, HasSubstr("another process")));
  Write(30, {InsertOf("3")});
  EXPECT_THAT((*other)->Begin({40, 1, 1}), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(KeysBehind(0), ElementsAre("1", "2", "3"));
}

TEST_F(StageTest, TakesInTablesThatAnotherProcessSets) {
  Write(10, {InsertOf("1")});
  const auto other = Stage::Open(stage_.options());
  ASSERT_THAT(other, IsOk());
  ASSERT_THAT((*other)->SetTable(ModelStagedTable(2, 10)), IsOk());
  Write(20, {InsertOf("2")}, "", 1, 2);
  EXPECT_THAT(KeysBehind(10, 2), ElementsAre("2"));
  // Rows in memory of a table that is given up there may not be whole.
  Commit(*stage_, 30, {InsertOf("3")});
  ASSERT_THAT((*other)->RaiseFloor(1, 25, "why"), IsOk());
  EXPECT_THAT(stage_->Flush(), IsOkAndHolds(30));
  EXPECT_EQ(Table().floor, 30);
  EXPECT_THAT(stage_->CountRowsBehind(1, 0), IsOkAndHolds(0));
}

TEST_F(StageTest, AFileThatIsRemovedOrReplacedIsNoticed) {
  Write(10, {InsertOf("1")});
  stage_.Open();  // All of it stands in the file.
  const std::string copy = stage_.folder() + "/copy";
  std::filesystem::copy_file(stage_.options().path, copy);
  Write(20, {InsertOf("2")});
  Commit(*stage_, 30, {InsertOf("3")});
  for (const char* const end : {"", "-wal", "-shm"}) std::filesystem::remove(stage_.options().path + end);
  std::filesystem::rename(copy, stage_.options().path);
  EXPECT_THAT(stage_->Flush(), StatusIs(absl::StatusCode::kAborted, HasSubstr("removed or replaced")));
  EXPECT_THAT(stage_->Place(), IsOkAndHolds(10));
  Write(20, {InsertOf("4")});
  EXPECT_THAT(KeysBehind(0), ElementsAre("1", "4"));

  for (const char* const end : {"", "-wal", "-shm"}) std::filesystem::remove(stage_.options().path + end);
  EXPECT_THAT(stage_->Begin({30, 1, 1}), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(stage_->Place(), IsOkAndHolds(0));
  EXPECT_THAT(stage_->Tables(), IsOkAndHolds(IsEmpty()));
}

TEST_F(StageTest, AFileThatIsReplacedIsTheStagingThreadsToMeetThoughAnotherOneMetItFirst) {
  const auto replace = [&] {
    for (const char* const end : {"", "-wal", "-shm"}) std::filesystem::remove(stage_.options().path + end);
    ASSERT_THAT(stage_->SetTable(ModelStagedTable(1)), IsOk());
  };
  Write(10, {InsertOf("1")});
  Commit(*stage_, 20, {InsertOf("2")});
  replace();
  EXPECT_THAT(stage_->Begin({30, 1, 1}), StatusIs(absl::StatusCode::kAborted, HasSubstr("read again")));
  EXPECT_THAT(stage_->Place(), IsOkAndHolds(0));
  Write(10, {InsertOf("1")});
  Commit(*stage_, 20, {InsertOf("2")});
  replace();
  EXPECT_THAT(stage_->Flush(), StatusIs(absl::StatusCode::kAborted));
  // Once.
  Write(10, {InsertOf("1")});
  EXPECT_THAT(KeysBehind(0), ElementsAre("1"));
}

TEST_F(StageTest, AFileThatIsNoneOfOursIsLeftAsItIs) {
  const std::string path = stage_.folder() + "/other.db";
  ASSERT_NE(std::fclose(std::fopen(path.c_str(), "w")), EOF);
  std::FILE* const file = std::fopen(path.c_str(), "w");
  for (int i = 0; i < 1'000; ++i) std::fputs("no database", file);
  std::fclose(file);
  StageOptions options;
  options.path = path;
  EXPECT_THAT(Stage::Open(options), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("Remove the file")));
}

TEST_F(StageTest, ABitThatWasTurnedInARowIsNoticed) {
  Write(10, {InsertOf("1"), InsertOf("2")});
  stage_.Open();
  const std::string net = "\"net_1\"";
  for (const std::string turned :
       {"row = CAST(x'ff' || substr(row, 2) AS BLOB)", "lsn = lsn + 1", "kind = 'D'", "complete = 0",
        "rekeyed = 7", "key = CAST('9' AS BLOB)", "row = x''"}) {
    SCOPED_TRACE(turned);
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(stage_.options().path.c_str(), &database), SQLITE_OK);
    const auto run = [database](const std::string& sql) {
      EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sql;
    };
    run("CREATE TABLE kept AS SELECT * FROM " + net);
    run("UPDATE " + net + " SET " + turned + " WHERE key = (SELECT min(key) FROM " + net + ")");
    const auto rows = stage_->RowsAfter(1, 0);
    const absl::Status read = rows.ok() ? (*rows)->Next(100).status() : rows.status();
    EXPECT_THAT(read, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("Remove")));
    run("DELETE FROM " + net + "; INSERT INTO " + net + " SELECT * FROM kept; DROP TABLE kept");
    sqlite3_close(database);
    EXPECT_THAT(KeysBehind(0), ElementsAre("1", "2"));
  }
}

TEST_F(StageTest, TrimDropsWhatIsOldAndDurable) {
  constexpr std::int64_t kDay = 86'400'000;
  Write(10, {InsertOf("1")}, "m1", 1 * kDay);
  Write(20, {InsertOf("2")}, "m2", 2 * kDay);
  Write(30, {InsertOf("3")}, "m3", 3 * kDay);
  Write(40, {InsertOf("4")}, "m4", 20 * kDay);
  ASSERT_THAT(stage_->Trim({}, 30 * kDay), IsOk());
  EXPECT_THAT(KeysBehind(0), SizeIs(4));
  // Old enough up to 30, durable up to 25.
  ASSERT_THAT(stage_->Trim({{1, 25}}, 11 * kDay), IsOk());
  EXPECT_EQ(Table().floor, 20);
  EXPECT_THAT(KeysBehind(20), ElementsAre("3", "4"));
  EXPECT_THAT(stage_->FindMark("m1"), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(stage_->FindMark("m2"), IsOkAndHolds(std::nullopt));
  EXPECT_TRUE(stage_->FindMark("m3")->has_value());
  // Durable, and not old enough. The last mark stays in any case.
  ASSERT_THAT(stage_->Trim({{1, 99}}, 11 * kDay), IsOk());
  EXPECT_EQ(Table().floor, 30);
  EXPECT_THAT(KeysBehind(30), ElementsAre("4"));
  ASSERT_THAT(stage_->Trim({{1, 99}}, 99 * kDay), IsOk());
  EXPECT_THAT(stage_->CountRowsBehind(1, 0), IsOkAndHolds(0));
  EXPECT_TRUE(stage_->FindMark("m4")->has_value());
}

TEST_F(StageTest, OverItsLimitDurableRowsGoOldestFirstAndOnlyThenATable) {
  stage_.options().max_bytes = 6'000'000;
  stage_.Open();
  ASSERT_THAT(stage_->SetTable(ModelStagedTable(2)), IsOk());
  const auto fill = [&](std::int64_t lsn, std::int64_t table, int rows) {
    std::vector<LoggedChange> changes;
    for (int i = 0; i < rows; ++i) {
      StageModelRow row = RowOf(absl::StrCat(lsn * 10'000 + i));
      row[kModelLong] = std::string(1'000, 'x');
      changes.push_back(ToLogged({LoggedChange::Kind::kInsert, "", row[kModelKey], row}));
    }
    Write(lsn, changes, "", 1, table);
  };
  for (std::int64_t lsn = 10; lsn <= 100; lsn += 10) fill(lsn, 1, 200);
  ASSERT_THAT(stage_->Trim({{1, 90}}, 1), IsOk());
  EXPECT_THAT(stage_->TakeGivenUp(), IsEmpty());
  // After a restart it knows what is durable.
  Write(105, {});
  stage_.Open();
  fill(110, 2, 3'400);
  EXPECT_THAT(stage_->TakeGivenUp(), IsEmpty());
  EXPECT_GE(Table(1).floor, 20);
  EXPECT_LT(Table(1).floor, 90);
  EXPECT_EQ(Table(2).floor, 0);
  EXPECT_THAT(KeysBehind(Table(1).floor), SizeIs(testing::Gt(200U)));
  // More than that: the one with most bytes.
  fill(120, 2, 4'000);
  const std::vector<StagedTable> given_up = stage_->TakeGivenUp();
  ASSERT_THAT(given_up, SizeIs(1));
  EXPECT_EQ(given_up[0].id, 2);
  EXPECT_EQ(Table(2).floor, 120);
  EXPECT_THAT(Table(2).gone_because, HasSubstr("6000000 bytes"));
  EXPECT_THAT(KeysBehind(90, 1), SizeIs(200));
  EXPECT_LT(stage_->Measure()->bytes, 6'000'000);
}

TEST_F(StageTest, OneTransactionThatIsOverTheLimitGivesItsTableUp) {
  stage_.options().max_bytes = 3'000'000;
  stage_.options().fold_bytes = 100'000;
  stage_.Open();
  ASSERT_THAT(stage_->SetTable(ModelStagedTable(2)), IsOk());
  Write(10, {InsertOf("1")}, "", 1, 2);
  ASSERT_THAT(stage_->Begin({20, 1, 1}), IsOk());
  for (int i = 0; i < 20'000; ++i) {
    StageModelRow row = RowOf(std::to_string(i));
    row[kModelLong] = std::string(1'000, 'x');
    ASSERT_THAT(stage_->Take(1, ToLogged({LoggedChange::Kind::kInsert, "", row[kModelKey], row})), IsOk());
  }
  ASSERT_THAT(stage_->Take(2, InsertOf("2")), IsOk());
  ASSERT_THAT(stage_->Commit(), IsOk());
  EXPECT_LT(stage_->Measure()->bytes, 10'000'000);
  EXPECT_THAT(stage_->Flush(), IsOkAndHolds(20));
  EXPECT_EQ(Table(1).floor, 20);
  EXPECT_THAT(Table(1).gone_because, HasSubstr("one transaction"));
  EXPECT_THAT(stage_->TakeGivenUp(), SizeIs(1));
  EXPECT_THAT(KeysBehind(0, 2), ElementsAre("1", "2"));
  Write(30, {InsertOf("5")});
  EXPECT_THAT(KeysBehind(20), ElementsAre("5"));
}

TEST_F(StageTest, ReadersAndOthersThatWriteDoNotDisturbTheStagingThread) {
  stage_.options().fold_bytes = 20'000;
  stage_.Open();
  std::atomic<bool> over = false;
  std::vector<std::thread> others;
  others.emplace_back([&] {
    while (!over) {
      const auto rows = stage_->RowsAfter(1, 0);
      ASSERT_THAT(rows, IsOk());
      // Whole transactions of ten rows.
      EXPECT_EQ((*rows)->Count(0)->whole % 10, 0);
      EXPECT_THAT(stage_->Measure(), IsOk());
    }
  });
  others.emplace_back([&] {
    for (std::int64_t id = 100; !over; ++id) {
      ASSERT_THAT(stage_->SetTable(ModelStagedTable(id)), IsOk());
      ASSERT_THAT(stage_->Trim({{1, 0}}, 1), IsOk());
      ASSERT_THAT(stage_->DropTable(id), IsOk());
    }
  });
  for (std::int64_t lsn = 1; lsn <= 300; ++lsn) {
    std::vector<LoggedChange> changes;
    for (int i = 0; i < 10; ++i) changes.push_back(InsertOf(absl::StrCat(lsn * 10 + i)));
    Commit(*stage_, lsn, changes);
    if (lsn % 20 == 0) {
      EXPECT_THAT(stage_->Flush(), IsOkAndHolds(lsn));
    }
  }
  over = true;
  for (std::thread& other : others) other.join();
  EXPECT_THAT(stage_->CountRowsBehind(1, 0), IsOkAndHolds(3'000));
}

TEST_F(StageTest, CommitsOfTheApplicationAreToldBeforeTheyAreOnDisk) {
  const auto are_told = [this] {
    const bool told = stage_->commits().Wait(std::chrono::nanoseconds(0), {});
    stage_->commits().TakeAll();
    return told;
  };
  StagedTable ledger = ModelStagedTable(2);
  ledger.name = "_mirror_ledger";
  ASSERT_THAT(stage_->SetTable(ledger), IsOk());
  EXPECT_FALSE(are_told());
  Commit(*stage_, 5, {InsertOf("a")});
  EXPECT_TRUE(are_told());
  Commit(*stage_, 5, {InsertOf("a")});
  EXPECT_FALSE(are_told()) << "the stage has it already";
  Commit(*stage_, 6, {}, "mark");
  EXPECT_FALSE(are_told()) << "a position alone";
  Commit(*stage_, 7, {InsertOf("b")}, "", 1'000, 9);
  EXPECT_FALSE(are_told()) << "its table is not staged";
  Commit(*stage_, 8, {InsertOf("b")}, "", 1'000, 2);
  EXPECT_FALSE(are_told()) << "the agent's own table";

  ASSERT_THAT(stage_->Begin({9, 9, 1'000}), IsOk());
  ASSERT_THAT(stage_->Take(1, InsertOf("c")), IsOk());
  ASSERT_THAT(stage_->Take(2, InsertOf("c")), IsOk());
  ASSERT_THAT(stage_->Commit(), IsOk());
  EXPECT_FALSE(are_told()) << "a delivery: the ledger has it in the same transaction";

  ASSERT_THAT(stage_->Begin({10, 10, 1'000}), IsOk());
  ASSERT_THAT(stage_->Take(1, InsertOf("d")), IsOk());
  EXPECT_FALSE(are_told()) << "it is not committed";
  ASSERT_THAT(stage_->Begin({11, 11, 1'000}), IsOk());
  ASSERT_THAT(stage_->Truncate(1), IsOk());
  ASSERT_THAT(stage_->Commit(), IsOk());
  EXPECT_TRUE(are_told());
  // The log lost changes of all tables, the agent's own one included.
  ASSERT_THAT(stage_->Begin({12, 12, 1'000}), IsOk());
  ASSERT_THAT(stage_->GiveUp(1, "redefined"), IsOk());
  ASSERT_THAT(stage_->GiveUp(2, "redefined"), IsOk());
  ASSERT_THAT(stage_->Commit(), IsOk());
  EXPECT_TRUE(are_told());
  ASSERT_THAT(stage_->Clear(), IsOk());
  EXPECT_TRUE(are_told());
}

TEST_F(StageTest, ATransactionThatIsTooLargeForMemoryIsToldOfAtItsEnd) {
  stage_.options().fold_bytes = 1;
  stage_.Open();
  ASSERT_THAT(stage_->Begin({5, 5, 1'000}), IsOk());
  EXPECT_TRUE(stage_->commits().Wait(std::chrono::nanoseconds(0), {})) << "the stage was taken over";
  stage_->commits().TakeAll();
  ASSERT_THAT(stage_->Take(1, InsertOf("a")), IsOk());
  EXPECT_FALSE(stage_->commits().Wait(std::chrono::nanoseconds(0), {}));
  ASSERT_THAT(stage_->Commit(), IsOk());
  EXPECT_TRUE(stage_->commits().Wait(std::chrono::nanoseconds(0), {}));
}

}  // namespace
}  // namespace mirror::stage_test
