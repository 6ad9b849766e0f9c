// Tables that keep what is the partner's, through a real server: rows and columns that nobody at the source
// knows survive cycles, populations and comparisons, and deletes do what the table's mode says.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/endpoint/endpoint_fixture.h"

namespace mirror::partner_rows_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

TableSchema Keeping(TableSchema table, Deletes deletes = Deletes::kApply, bool preserve = true) {
  table.preserve_target = preserve;
  table.deletes = deletes;
  return table;
}

class PartnerRowsTest : public EndpointTest {
 protected:
  PartnerRowsTest() { Install(); }

  void Partner(const std::string& sql) { ASSERT_EQ(here_->mirror().Execute(sql), "") << sql; }
  /// Live rows, as the mirror keeps their number.
  int Counted(const std::string& table) {
    return std::stoi(
        here_->mirror().Value("SELECT row_count FROM Cust_mirroring WHERE table_name = '" + table + "'"));
  }
  std::vector<std::string> See(const std::string& sql) { return here_->mirror().Query(sql); }

  /// A cycle in which each table ends well, and its count is the mirror's.
  FakeCycleReport Cycle(FakeSource& source, MirrorClient& client, const FakeCycleOptions& options = {}) {
    FakeCycleReport report = source.RunCycle(client, options);
    EXPECT_TRUE(report.AllDone()) << report.Summary();
    for (const auto& [name, table] : report.tables) {
      if (!table.committed) continue;
      EXPECT_EQ(table.verdict.comparison(), v1::COMPARISON_EQUAL) << table.verdict.reason();
    }
    return report;
  }

  /// Ada and Grace at the source; a column and a row of the partner's.
  void Begin(FakeSource& source, MirrorClient& client, const TableSchema& people) {
    source.CreateTable(people);
    source.Put("people", {1, "Ada", 36});
    source.Put("people", {2, "Grace", 45});
    Cycle(source, client);
    Partner(
        "ALTER TABLE people ADD COLUMN note TEXT; UPDATE people SET note = 'mine' WHERE id = 1;"
        "INSERT INTO people (id, name, note) VALUES (100, 'own', 'kept')");
  }
};

TEST_F(PartnerRowsTest, CyclesPopulationsAndWipesLeaveWhatIsThePartners) {
  const auto client = Client();
  FakeSource source;
  Begin(source, *client, Keeping(People()));

  source.Update("people", {1}, {{"age", 37}});
  source.Delete("people", {2});
  source.Put("people", {3, "Joan", 20});
  Cycle(source, *client);
  const auto expect = [&](const std::string& joan) {
    EXPECT_THAT(See("SELECT id, name, age, note FROM people ORDER BY id"),
                ElementsAre("integer:1 | text:Ada | integer:37 | text:mine", joan,
                            "integer:100 | text:own | null | text:kept"));
    EXPECT_EQ(Counted("people"), 2);
  };
  expect("integer:3 | text:Joan | integer:20 | null");

  // An operator's -1, a population that somebody asked for, and one that begins with Wipe.
  Partner("UPDATE people SET name = 'damaged' WHERE id = 3; UPDATE Cust_mirroring SET lsn = -1");
  EXPECT_EQ(Cycle(source, *client).tables.at("people").populate, PopulateReason::kMinusOne);
  expect("integer:3 | text:Joan | integer:20 | null");
  FakeCycleOptions whole;
  whole.populate_all = true;
  Cycle(source, *client, whole);
  whole.wipe = true;
  Cycle(source, *client, whole);
  expect("integer:3 | text:Joan | integer:20 | null");
}

TEST_F(PartnerRowsTest, AChangeOfARowThatIsThePartnersBringsTheWholeRow) {
  const auto client = Client();
  FakeSource source;
  Begin(source, *client, Keeping(People()));
  Partner("UPDATE people SET _mirror_owned = NULL WHERE id = 1");
  source.Update("people", {1}, {{"age", 50}});
  const FakeCycleReport report = source.RunCycle(*client);
  EXPECT_TRUE(report.AllDone()) << report.Summary();
  // What is done by hand is not counted until the table is compared.
  EXPECT_EQ(report.tables.at("people").verdict.comparison(), v1::COMPARISON_DIFFERS);
  EXPECT_THAT(See("SELECT name, age, note, _mirror_owned FROM people WHERE id = 1"),
              ElementsAre("text:Ada | integer:50 | text:mine | integer:1"));
}

TEST_F(PartnerRowsTest, IgnoredAndMarkedRowsStayAndComeBack) {
  const auto client = Client();
  FakeSource source;
  source.CreateTable(Keeping(People("ignored"), Deletes::kIgnore, false));
  source.CreateTable(Keeping(People("marked"), Deletes::kMark, false));
  for (const char* const name : {"ignored", "marked"}) {
    for (int i = 1; i <= 4; ++i) source.Put(name, {i, "x", i});
  }
  Cycle(source, *client);
  for (const char* const name : {"ignored", "marked"}) source.Delete(name, {1});
  Cycle(source, *client);
  for (const char* const name : {"ignored", "marked"}) source.Delete(name, {2});
  FakeCycleOptions whole;
  whole.populate_all = true;
  Cycle(source, *client, whole);
  EXPECT_THAT(See("SELECT id, _mirror_owned FROM ignored"),
              ElementsAre("integer:1 | integer:0", "integer:2 | integer:0", "integer:3 | integer:1",
                          "integer:4 | integer:1"));
  EXPECT_THAT(
      See("SELECT id, _mirror_deleted_at > 1600000000000 FROM marked"),
      ElementsAre("integer:1 | integer:1", "integer:2 | integer:1", "integer:3 | null", "integer:4 | null"));
  for (const char* const name : {"ignored", "marked"}) {
    EXPECT_EQ(Counted(name), 2) << name;
    for (int i = 1; i <= 2; ++i) source.Put(name, {i, "again", i});
  }
  Cycle(source, *client);
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM ignored WHERE _mirror_owned = 1"), "4");
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM marked WHERE _mirror_deleted_at IS NULL"), "4");
}

TEST_F(PartnerRowsTest, DigestsAndRowsThatASourceAsksForAreItsOwn) {
  const auto client = Client();
  const TableSchema people = Keeping(People(), Deletes::kMark), plain = People("plain");
  const Position at{Lsn{7}, "line"};
  const std::int64_t cycle = EndpointTest::Begin(*client);
  Announce(*client, cycle, {people, plain});
  for (const TableSchema& table : {people, plain}) {
    ASSERT_EQ(Send(*client, cycle, Population(table, {{1, "Ada", 36}, {2, "Grace", 45}}, at)).code(), 0);
  }
  ASSERT_THAT(Complete(*client, cycle), IsOk());
  Partner(
      "INSERT INTO people (id, name) VALUES (100, 'own'), (-5, 'own');"
      "INSERT INTO people (id, _mirror_owned, _mirror_deleted_at) VALUES (3, 1, 5)");

  const std::int64_t next = EndpointTest::Begin(*client);
  Announce(*client, next, {people, plain});
  std::vector<std::string> digests;
  for (const TableSchema& table : {people, plain}) {
    v1::DigestRangesRequest request;
    request.set_cycle(next);
    request.set_table(table.name);
    request.mutable_position()->set_lsn(at.lsn.value);
    request.mutable_position()->set_lineage(at.lineage);
    const absl::StatusOr<v1::DigestRangesResponse> answer = client->DigestRanges(request);
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->digests(0).row_count(), 2U);
    digests.push_back(answer->digests(0).SerializeAsString());
  }
  EXPECT_EQ(digests[0], digests[1]);
  v1::ReadRowsRequest request;
  request.set_cycle(next);
  request.set_table("people");
  request.mutable_position()->set_lsn(at.lsn.value);
  request.mutable_position()->set_lineage(at.lineage);
  request.add_columns(0);
  int rows = 0;
  ASSERT_THAT(client->ReadRows(request,
                               [&](const v1::ReadRowsResponse& block) {
                                 rows += static_cast<int>(block.row_count());
                                 return absl::OkStatus();
                               }),
              IsOk());
  EXPECT_EQ(rows, 2);
}

TEST_F(PartnerRowsTest, TheBreakerCountsNeitherThePartnersRowsNorIgnoredOnes) {
  const auto client = Client();
  FakeSource source;
  source.CreateTable(Keeping(People("ignored"), Deletes::kIgnore));
  source.CreateTable(Keeping(People("kept"), Deletes::kMark));
  for (const char* const name : {"ignored", "kept"}) {
    for (int i = 0; i < 1'200; ++i) source.Put(name, {i, "x", i});
  }
  Cycle(source, *client);
  Partner(
      "WITH RECURSIVE n(i) AS (SELECT 10000 UNION ALL SELECT i + 1 FROM n WHERE i < 15000) "
      "INSERT INTO kept (id) SELECT i FROM n");
  for (int i = 0; i < 1'000; ++i) source.Delete("ignored", {i});
  FakeCycleOptions whole;
  whole.populate_all = true;
  Cycle(source, *client, whole);
  EXPECT_EQ(Counted("kept"), 1'200);
  EXPECT_EQ(Counted("ignored"), 200);

  for (int i = 0; i < 1'000; ++i) source.Delete("kept", {i});
  const FakeCycleReport held = source.RunCycle(*client);
  EXPECT_THAT(held.tables.at("kept").error,
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("1,000 of 1,200")));
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM kept WHERE _mirror_deleted_at IS NULL"), "6201");
}

TEST_F(PartnerRowsTest, TheSettingComesWithTheRowsSoFarAndGoesWithAllRows) {
  const auto client = Client();
  FakeSource source;
  Begin(source, *client, People());
  source.AlterTable(Keeping(People()));
  FakeCycleReport report = Cycle(source, *client);
  EXPECT_EQ(report.tables.at("people").status.action(), v1::TABLE_ACTION_REPOPULATE);
  // What was there so far was the mirror's to manage: the row that the partner had put there went.
  EXPECT_THAT(See("SELECT id, note, _mirror_owned FROM people"),
              ElementsAre("integer:1 | text:mine | integer:1", "integer:2 | null | integer:1"));
  Partner("INSERT INTO people (id, name) VALUES (100, 'own')");
  FakeCycleOptions whole;
  whole.populate_all = true;
  Cycle(source, *client, whole);
  EXPECT_THAT(See("SELECT id FROM people"), ElementsAre("integer:1", "integer:2", "integer:100"));

  source.AlterTable(People());
  report = Cycle(source, *client);
  EXPECT_THAT(report.tables.at("people").status.reason(), HasSubstr("the partner's too"));
  EXPECT_EQ(Difference(source, here_->mirror()), "");
}

TEST_F(PartnerRowsTest, DefinitionsChangeInPlaceAndWhatCannotIsRefusedByItself) {
  const auto client = Client();
  FakeSource source;
  source.CreateTable(Pairs());
  Begin(source, *client, Keeping(People()));
  TableSchema next = Keeping(People());
  next.columns[1].type = Type::kInt64;  // Narrower: populated.
  next.columns.push_back(PlainColumn("city", Type::kText));
  source.Delete("people", {1});
  source.Delete("people", {2});
  source.AlterTable(next);
  source.Put("people", {2, 7, 45, "Rome"});
  Cycle(source, *client);
  EXPECT_THAT(
      See("SELECT id, name, city, note FROM people"),
      ElementsAre("integer:2 | integer:7 | text:Rome | null", "integer:100 | text:own | null | text:kept"));

  next.columns.push_back(PlainColumn("note", Type::kText));
  source.AlterTable(next);
  source.Put("pairs", {1, "b", "v"});
  FakeCycleReport report = source.RunCycle(*client);
  EXPECT_EQ(report.tables.at("people").status.action(), v1::TABLE_ACTION_REFUSED);
  EXPECT_THAT(report.tables.at("people").status.reason(), AllOf(HasSubstr("note"), HasSubstr("partner")));
  EXPECT_TRUE(report.tables.at("pairs").committed);
  EXPECT_THAT(See("SELECT note FROM people WHERE id = 100"), ElementsAre("text:kept"));

  Partner("ALTER TABLE people RENAME COLUMN note TO own_note");
  Cycle(source, *client);
  EXPECT_THAT(See("SELECT own_note FROM people WHERE id = 100"), ElementsAre("text:kept"));
  next.columns[0].key_position = 0;
  source.AlterTable(next);
  report = source.RunCycle(*client);
  EXPECT_EQ(report.tables.at("people").status.action(), v1::TABLE_ACTION_REFUSED);
  EXPECT_THAT(report.tables.at("people").status.reason(), HasSubstr("key changed"));
}

TEST_F(PartnerRowsTest, AUniqueIndexOfThePartnersStopsAPopulationByItself) {
  const auto client = Client();
  FakeSource source;
  Begin(source, *client, Keeping(People()));
  Partner("CREATE UNIQUE INDEX one_name ON people (name)");
  source.Put("people", {3, "own", 1});
  FakeCycleOptions whole;
  whole.populate_all = true;
  const FakeCycleReport report = source.RunCycle(*client, whole);
  EXPECT_THAT(report.tables.at("people").error,
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("one_name")));
  EXPECT_THAT(See("SELECT id FROM people ORDER BY id"), ElementsAre("integer:1", "integer:2", "integer:100"));
  Partner("DROP INDEX one_name");
  Cycle(source, *client);
  EXPECT_EQ(Counted("people"), 3);
}

TEST_F(PartnerRowsTest, ATableThatIsNotAnnouncedAnyMoreKeepsThePartnersRowsAndSaysSo) {
  const auto client = Client();
  FakeSource source;
  source.CreateTable(Pairs());
  Begin(source, *client, Keeping(People()));
  source.DropTable("people");
  Cycle(source, *client);
  EXPECT_THAT(WaitForEvent("tables.retired").message(), AllOf(HasSubstr("people"), HasSubstr("partner")));
  EXPECT_THAT(See("SELECT name FROM _mirror_dropped_1 WHERE id = 100"), ElementsAre("text:own"));
  // Announced again it is made anew, and the answer says where the former one is.
  source.CreateTable(Keeping(People()));
  source.Put("people", {1, "Ada", 36});
  const FakeCycleReport report = Cycle(source, *client);
  EXPECT_EQ(report.tables.at("people").status.action(), v1::TABLE_ACTION_CREATED);
  EXPECT_THAT(report.tables.at("people").status.reason(), HasSubstr("'_mirror_dropped_1'"));
}

TEST_F(PartnerRowsTest, APopulationThatIsKilledInItsMergeShowsAllOfItOrNothing) {
  FakeSource source;
  Begin(source, *Client(), Keeping(People(), Deletes::kMark));
  Partner("CREATE UNIQUE INDEX by_name ON people (name)");
  const std::string sql = "SELECT id, name, note, _mirror_deleted_at > 0 FROM people ORDER BY id";
  FakeCycleOptions whole;
  whole.populate_all = true;
  int died = 0, round = 0;
  for (const char* const point : {"merge.removed", "merge.written", "commit.before", "commit.after"}) {
    SCOPED_TRACE(point);
    // Two rows take each other's names, one goes, one comes.
    ++round;
    source.Update("people", {1}, {{"name", absl::StrCat("Grace ", round)}});
    source.Put("people", {1'000 + round, absl::StrCat("Joan ", round), 20});
    if (round == 1) source.Delete("people", {2});
    if (round > 1) source.Delete("people", {999 + round});
    const std::vector<std::string> before = See(sql);
    here_->Kill();
    here_->set_environment({absl::StrCat("MIRROR_CRASH_AT=", point, ":", round > 2 ? 4 : 1)});
    ASSERT_THAT(here_->Start(), IsOk());
    (void)source.RunCycle(*Client(), whole);
    const bool dead = here_->server().Wait(std::chrono::seconds(20)).ok();
    died += dead ? 1 : 0;
    here_->Kill();
    const std::vector<std::string> after = See(sql);
    here_->set_environment({});
    ASSERT_THAT(here_->Start(), IsOk());
    Cycle(source, *Client(), whole);
    const std::vector<std::string> wanted = See(sql);
    EXPECT_TRUE(after == before || after == wanted) << testing::PrintToString(after);
    EXPECT_THAT(wanted, testing::Contains("integer:100 | text:own | text:kept | null"));
    EXPECT_THAT(wanted,
                testing::Contains(absl::StrCat("integer:1 | text:Grace ", round, " | text:mine | null")));
    EXPECT_THAT(wanted, testing::Contains("integer:2 | text:Grace | null | integer:1"));
    EXPECT_EQ(Counted("people"), 2);
    EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM sqlite_schema WHERE name = 'by_name' OR name LIKE "
                                    "'\\_mirror\\_shadow\\__%' ESCAPE '\\'"),
              "1");
  }
  EXPECT_GE(died, 3);
}

TEST_F(PartnerRowsTest, WithoutAKeyDeletesAreOnlyApplied) {
  const auto client = Client();
  const std::int64_t cycle = EndpointTest::Begin(*client);
  const auto answers =
      Announce(*client, cycle, {Keeping(Keyless("a"), Deletes::kMark), Keeping(Keyless("b")), People()});
  EXPECT_EQ(answers[0].action(), v1::TABLE_ACTION_REFUSED);
  EXPECT_THAT(answers[0].reason(), HasSubstr("no key"));
  EXPECT_EQ(answers[1].action(), v1::TABLE_ACTION_CREATED);
  EXPECT_EQ(answers[2].action(), v1::TABLE_ACTION_CREATED);
}

}  // namespace
}  // namespace mirror::partner_rows_test
