#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/endpoint/endpoint_fixture.h"
#include "tests/support/places.h"

namespace mirror::schema_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class SchemaTest : public EndpointTest {};

Column Text(const std::string& name, std::uint32_t length, std::uint64_t id = 0) {
  Column column = PlainColumn(name, Type::kText);
  column.length = length;
  column.column_id = id;
  return column;
}

Column Number(const std::string& name, Type type, std::uint64_t id = 0) {
  Column column = PlainColumn(name, type);
  column.column_id = id;
  return column;
}

Column Added(Column column, Backfill backfill, std::optional<Literal> default_value = std::nullopt) {
  column.backfill = backfill;
  column.default_value = std::move(default_value);
  column.nullable = !column.default_value.has_value();
  return column;
}

TEST_F(SchemaTest, EachChangeOfATableHasTheEffectThatTheProtocolPromises) {
  Install();
  const auto client = Client();
  constexpr auto kAltered = v1::TABLE_ACTION_ALTERED;
  constexpr auto kRepopulate = v1::TABLE_ACTION_REPOPULATE;
  struct Case {
    std::string name;
    std::function<void(TableSchema&)> change;
    v1::TableAction want;
  };
  const std::vector<Case> cases = {
      {"nothing", [](TableSchema&) {}, v1::TABLE_ACTION_UNCHANGED},
      {"nullable column added, old rows NULL",
       [](TableSchema& t) { t.columns.push_back(Added(Number("added", Type::kInt32), Backfill::kNone)); },
       kAltered},
      {"column added in the middle, old rows its default",
       [](TableSchema& t) {
         t.columns.insert(t.columns.begin() + 1,
                          Added(Number("added", Type::kInt32), Backfill::kDefault, Literal(std::int64_t{0})));
       },
       kAltered},
      {"text column added with a default",
       [](TableSchema& t) {
         t.columns.push_back(Added(Text("added", 0), Backfill::kDefault, Literal(std::string("it's"))));
       },
       kAltered},
      {"column added, only the source knows what it holds",
       [](TableSchema& t) { t.columns.push_back(Added(Number("added", Type::kInt32), Backfill::kUnknown)); },
       kRepopulate},
      {"column dropped", [](TableSchema& t) { t.columns.pop_back(); }, kAltered},
      {"column with a default dropped", [](TableSchema& t) { t.columns.pop_back(); }, kAltered},
      {"column renamed", [](TableSchema& t) { t.columns[1].name = "title"; }, kAltered},
      {"column renamed in its case", [](TableSchema& t) { t.columns[1].name = "NAME"; }, kAltered},
      {"two columns exchanged their names",
       [](TableSchema& t) { std::swap(t.columns[2].name, t.columns[3].name); }, kRepopulate},
      {"text longer", [](TableSchema& t) { t.columns[1].length = 200; }, kAltered},
      {"text shorter", [](TableSchema& t) { t.columns[1].length = 40; }, kRepopulate},
      {"integer wider", [](TableSchema& t) { t.columns[2].type = Type::kInt64; }, kAltered},
      {"integer narrower", [](TableSchema& t) { t.columns[3].type = Type::kInt32; }, kRepopulate},
      {"text becomes a timestamp",
       [](TableSchema& t) {
         t.columns[1] = PlainColumn("name", Type::kTimestamp);
         t.columns[1].column_id = 2;
       },
       kRepopulate},
      {"not nullable", [](TableSchema& t) { t.columns[1].nullable = false; }, kAltered},
      {"default", [](TableSchema& t) { t.columns[2].default_value = Literal(std::int64_t{5}); }, kAltered},
      {"key of two columns",
       [](TableSchema& t) {
         t.columns[2].key_position = 2;
         t.columns[2].nullable = false;
       },
       kRepopulate},
      {"another table of this name", [](TableSchema& t) { t.table_id = 77; }, kRepopulate},
      {"same name, another column",
       [](TableSchema& t) {
         t.columns[3].column_id = 99;
         t.columns[3].backfill = Backfill::kUnknown;
       },
       kRepopulate},
  };
  FakeSource source;
  for (const Case& test : cases) {
    TableSchema table =
        NamedTable(test.name, {KeyColumn("id", Type::kInt32), Text("name", 50, 2),
                               Number("small", Type::kInt32, 3), Number("big", Type::kInt64, 4)});
    table.columns[0].column_id = 1;
    table.table_id = 5;
    if (test.name == "column with a default dropped") table.columns[3].default_value = std::int64_t{7};
    source.CreateTable(table);
    for (int i = 0; i < 10; ++i) source.Put(test.name, {i, absl::StrCat("name ", i), i, i * 1'000});
  }
  Mirror(source, *client);
  std::map<std::string, std::int64_t> before;
  for (const Case& test : cases) {
    before[test.name] = here_->mirror().Lsn(test.name);
    // The operator's own index has to survive everything but the loss of its column.
    ASSERT_EQ(here_->mirror().Execute(absl::StrCat("CREATE INDEX \"by name of ", test.name, "\" ON \"",
                                                   test.name, "\" (id, name)")),
              "");
    TableSchema table = source.Schema(test.name);
    test.change(table);
    source.AlterTable(table);
    if (test.name == "text becomes a timestamp" || test.name == "text shorter") {
      for (int i = 0; i < 10; ++i) {
        source.Update(test.name, {i}, {{"name", test.name == "text shorter" ? Cell("short") : Cell(i)}});
      }
    }
  }
  const FakeCycleReport report = source.RunCycle(*client);
  EXPECT_TRUE(report.AllDone()) << report.Summary();
  for (const Case& test : cases) {
    SCOPED_TRACE(test.name);
    const FakeTableReport& table = report.tables.at(test.name);
    EXPECT_EQ(table.status.action(), test.want) << table.status.reason();
    EXPECT_EQ(table.status.position().lsn(), test.want == kRepopulate ? -1 : before[test.name]);
    EXPECT_EQ(table.status.reason().empty(), test.want != kRepopulate) << table.status.reason();
    EXPECT_EQ(table.populate, test.want == kRepopulate ? PopulateReason::kSchema : PopulateReason::kNone);
  }
  EXPECT_EQ(Difference(source, here_->mirror()), "");
  EXPECT_THAT(here_->mirror().Query(
                  "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name LIKE 'by name of%'"),
              ElementsAre(absl::StrCat("integer:", cases.size())));
  EXPECT_THAT(here_->mirror().Query("PRAGMA integrity_check"), ElementsAre("text:ok"));
}

TEST_F(SchemaTest, AColumnRenamedWithoutAnIdIsAnotherOneAndPopulatesItsTableOnly) {
  Install();
  const auto client = Client();
  FakeSource source;
  source.CreateTable(People());
  source.CreateTable(Pairs());
  for (int i = 0; i < 5; ++i) {
    source.Put("people", {i, absl::StrCat("name ", i), i});
    source.Put("pairs", {i, "b", "v"});
  }
  Mirror(source, *client);
  const std::int64_t people = here_->mirror().Lsn("people"), pairs = here_->mirror().Lsn("pairs");
  TableSchema renamed = source.Schema("people");
  renamed.columns[1] = Added(PlainColumn("title", Type::kText), Backfill::kUnknown);
  source.AlterTable(renamed);
  for (int i = 0; i < 5; ++i) source.Update("people", {i}, {{"title", absl::StrCat("name ", i)}});
  const FakeCycleReport report = source.RunCycle(*client);
  EXPECT_TRUE(report.AllDone()) << report.Summary();
  EXPECT_EQ(report.tables.at("people").status.action(), v1::TABLE_ACTION_REPOPULATE);
  EXPECT_EQ(report.tables.at("people").status.position().lsn(), -1);
  EXPECT_EQ(report.tables.at("people").populate, PopulateReason::kSchema);
  EXPECT_GT(here_->mirror().Lsn("people"), people);
  EXPECT_EQ(report.tables.at("pairs").status.action(), v1::TABLE_ACTION_UNCHANGED);
  EXPECT_EQ(report.tables.at("pairs").populate, PopulateReason::kNone);
  EXPECT_EQ(report.tables.at("pairs").status.position().lsn(), pairs);
  EXPECT_EQ(Difference(source, here_->mirror()), "");
}

TEST_F(SchemaTest, AnAnnouncementThatIsTheSameExecutesNoDdl) {
  Install();
  const auto client = Client();
  FakeSource source;
  source.CreateTable(People());
  source.CreateTable(Pairs());
  source.Put("people", {1, "Ada", 36});
  Mirror(source, *client);
  const std::string version = here_->mirror().Value("PRAGMA schema_version");
  const std::string metadata = here_->mirror().Query("SELECT * FROM Cust_mirroring").front();
  const std::int64_t cycle = Begin(*client, source.holder());
  const absl::StatusOr<v1::TableSchemaResponse> answer = client->TableSchema(source.Announcement(cycle));
  ASSERT_THAT(answer, IsOk());
  for (const v1::TableStatus& status : answer->tables())
    EXPECT_EQ(status.action(), v1::TABLE_ACTION_UNCHANGED);
  EXPECT_EQ(here_->mirror().Value("PRAGMA schema_version"), version);
  EXPECT_EQ(here_->mirror().Query("SELECT * FROM Cust_mirroring").front(), metadata);
}

TEST_F(SchemaTest, WhatAPartnersViewOrIndexPreventsBecomesAPopulation) {
  Install();
  const auto client = Client();
  FakeSource source;
  source.CreateTable(People("in a view"));
  source.CreateTable(People("in an index"));
  source.CreateTable(People("in a trigger"));
  source.CreateTable(People("beside a broken view"));
  for (const std::string& table : source.Tables()) source.Put(table, {1, "Ada", 36});
  Mirror(source, *client);
  ASSERT_EQ(
      here_->mirror().Execute(
          "CREATE VIEW ages AS SELECT age FROM \"in a view\";"
          "CREATE INDEX by_age ON \"in an index\" (age);"
          "CREATE TABLE log (age);"
          "CREATE TRIGGER note AFTER INSERT ON \"in a trigger\" BEGIN INSERT INTO log VALUES (new.age); END;"
          "CREATE VIEW broken AS SELECT x FROM nowhere;"),
      "");
  for (const std::string& table : source.Tables()) {
    TableSchema schema = source.Schema(table);
    schema.columns.pop_back();
    source.AlterTable(schema);
  }
  const FakeCycleReport report = source.RunCycle(*client);
  EXPECT_TRUE(report.AllDone()) << report.Summary();
  for (const auto& [name, table] : report.tables) {
    EXPECT_EQ(table.status.action(), v1::TABLE_ACTION_REPOPULATE) << name;
    EXPECT_NE(table.status.reason(), "") << name;
    EXPECT_EQ(here_->mirror().Rows(source.Schema(name)), source.ShownRows(name));
    EXPECT_THAT(here_->mirror().Columns(name), ElementsAre("id", "name"));
  }
  // A partner's trigger is not fired by the mirror.
  EXPECT_THAT(here_->mirror().Query("SELECT * FROM log"), IsEmpty());
  EXPECT_EQ(
      here_->mirror().Value("SELECT count(*) FROM sqlite_schema WHERE name IN ('ages', 'broken', 'note')"),
      "3");
}

TEST_F(SchemaTest, ATableThatIsNoLongerListedIsKeptAsideAndComesBackNew) {
  Install();
  const auto client = Client();
  FakeSource source;
  source.CreateTable(People());
  source.CreateTable(Pairs());
  source.Put("people", {1, "Ada", 36});
  Mirror(source, *client);
  source.DropTable("people");
  Mirror(source, *client);
  EXPECT_THAT(here_->mirror().Tables(), ElementsAre("pairs"));
  EXPECT_THAT(here_->mirror().Query("SELECT * FROM Cust_mirroring WHERE table_name = 'people'"), IsEmpty());
  EXPECT_THAT(here_->mirror().Query("SELECT name FROM _mirror_dropped_1"), ElementsAre("text:Ada"));
  source.CreateTable(People());
  source.Put("people", {2, "Bob", 40});
  const FakeCycleReport report = Mirror(source, *client);
  EXPECT_EQ(report.tables.at("people").status.action(), v1::TABLE_ACTION_CREATED);
  EXPECT_THAT(here_->mirror().Query("SELECT name FROM _mirror_dropped_1"), ElementsAre("text:Ada"));
}

TEST_F(SchemaTest, ADroppedTableGoesForGoodAfterItsGrace) {
  InstallationOptions options;
  options.settings = {{"data", "drop_grace", "\"0s\""}};
  Install(options);
  const auto client = Client();
  FakeSource source;
  source.CreateTable(People());
  source.CreateTable(Pairs());
  Mirror(source, *client);
  source.DropTable("people");
  Mirror(source, *client);
  Mirror(source, *client);
  EXPECT_EQ(
      here_->mirror().Value("SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_mirror\\_dropped\\_%' "
                            "ESCAPE '\\'"),
      "0");
}

TEST_F(SchemaTest, AMalformedTableIsRefusedByItselfAndDoesNotCountAsDropped) {
  Install();
  const auto client = Client();
  FakeSource source;
  source.CreateTable(People());
  source.CreateTable(Pairs());
  source.Put("people", {1, "Ada", 36});
  Mirror(source, *client);
  const std::int64_t cycle = Begin(*client, source.holder());
  v1::TableSchemaRequest request = source.Announcement(cycle);
  for (v1::Table& table : *request.mutable_tables()) {
    if (table.name() == "people") table.mutable_columns(1)->set_type(static_cast<v1::Type>(99));
  }
  const absl::StatusOr<v1::TableSchemaResponse> answer = client->TableSchema(request);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->tables(0).action(), v1::TABLE_ACTION_UNCHANGED);
  EXPECT_EQ(answer->tables(1).action(), v1::TABLE_ACTION_REFUSED);
  EXPECT_THAT(answer->tables(1).reason(), AllOf(HasSubstr("people"), HasSubstr("name")));
  ASSERT_THAT(Complete(*client, cycle), IsOk());
  EXPECT_EQ(here_->mirror().RowCount("people"), 1);
  const FakeCycleReport report = Mirror(source, *client);
  EXPECT_EQ(report.tables.at("people").status.action(), v1::TABLE_ACTION_UNCHANGED);
}

TEST_F(SchemaTest, WhatThePartnerMadeUnderATablesNameIsLeftAsItIs) {
  Install();
  const auto client = Client();
  FakeSource source;
  source.CreateTable(Pairs());
  Mirror(source, *client);
  ASSERT_EQ(here_->mirror().Execute("CREATE TABLE people (own); INSERT INTO people VALUES ('precious');"
                                    "CREATE VIEW keyless AS SELECT 1 AS own"),
            "");
  source.CreateTable(People());
  source.CreateTable(Keyless());
  source.Put("people", {1, "Ada", 36});
  source.Put("pairs", {1, "b", "v"});
  const FakeCycleReport report = source.RunCycle(*client);
  EXPECT_EQ(report.end, FakeCycleReport::End::kCompleted) << report.Summary();
  for (const char* name : {"people", "keyless"}) {
    EXPECT_EQ(report.tables.at(name).status.action(), v1::TABLE_ACTION_REFUSED);
    EXPECT_THAT(report.tables.at(name).status.reason(), AllOf(HasSubstr(name), HasSubstr("drop")));
  }
  EXPECT_TRUE(report.tables.at("pairs").committed);
  EXPECT_THAT(here_->mirror().Query("SELECT own FROM people"), ElementsAre("text:precious"));
  ASSERT_EQ(here_->mirror().Execute("DROP TABLE people; DROP VIEW keyless"), "");
  Mirror(source, *client);
}

/// Counts rows again and again until there are as many as it was told; says each count once.
constexpr char kReader[] = R"(
import sqlite3, sys
path, last = sys.argv[1], int(sys.argv[2])
db = sqlite3.connect("file:" + path + "?mode=ro", uri=True, timeout=60)
seen = None
while True:
    count, oldest, newest = db.execute("SELECT count(*), min(age), max(age) FROM people").fetchone()
    now = (count, oldest, newest)
    if now != seen:
        print("rows", *now, flush=True)
        seen = now
    if count == last:
        break
)";

TEST_F(SchemaTest, AReaderInAnotherProcessSeesTheOldRowsThenTheNewOnesAndNeverAHole) {
  Install();
  const auto client = Client();
  FakeSource source;
  source.CreateTable(People());
  for (int i = 0; i < 1'000; ++i) source.Put("people", {i, "old", 1});
  Mirror(source, *client);
  const TempFolder folder;
  WriteFileText(folder.path() + "/reader.py", kReader);
  ProcessOptions options;
  options.program = "/usr/bin/python3";
  options.arguments = {folder.path() + "/reader.py", here_->mirror_path(), "1500"};
  options.stderr_file = folder.path() + "/errors";
  const auto reader = Process::Start(options).value();
  ASSERT_THAT(reader->WaitForLine("rows 1000 1 1"), IsOk());
  for (int i = 0; i < 1'500; ++i) source.Put("people", {i, "new", 2});
  FakeCycleOptions populate;
  populate.populate_all = true;
  populate.batch_rows = 50;
  Mirror(source, *client, populate);
  const absl::StatusOr<int> code = reader->Wait();
  ASSERT_THAT(code, IsOk());
  EXPECT_EQ(*code, 0) << reader->Errors();
  EXPECT_EQ(reader->Output(), "rows 1000 1 1\nrows 1500 2 2\n");
}

TEST_F(SchemaTest, ThePartnersViewsIndexesAndTriggersSurviveAPopulation) {
  Install();
  const auto client = Client();
  FakeSource source;
  source.CreateTable(People());
  for (int i = 0; i < 10; ++i) source.Put("people", {i, absl::StrCat("name ", i), i});
  Mirror(source, *client);
  ASSERT_EQ(here_->mirror().Execute(
                "CREATE VIEW names AS SELECT name FROM people;"
                "CREATE INDEX by_age ON people (age);"
                "CREATE UNIQUE INDEX one_name ON people (name);"
                "CREATE TABLE log (x);"
                "CREATE TRIGGER note AFTER INSERT ON people BEGIN INSERT INTO log VALUES (1); END"),
            "");
  source.Update("people", {1}, {{"name", "name 2"}});  // The unique index cannot hold these rows.
  FakeCycleOptions populate;
  populate.populate_all = true;
  const FakeCycleReport report = source.RunCycle(*client, populate);
  EXPECT_TRUE(report.AllDone()) << report.Summary();
  EXPECT_EQ(here_->mirror().Rows(source.Schema("people")), source.ShownRows("people"));
  EXPECT_THAT(
      here_->mirror().Query("SELECT name FROM sqlite_schema WHERE name IN ('names', 'by_age', 'one_name', "
                            "'note') ORDER BY name"),
      ElementsAre("text:by_age", "text:names", "text:note"));
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM names"), "10");
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM log"), "0");
  EXPECT_THAT(here_->mirror().Query("EXPLAIN QUERY PLAN SELECT * FROM people WHERE age = 1"),
              Contains(HasSubstr("by_age")));
  const std::vector<v1::Event> left_out = Events("index.left_out");
  ASSERT_THAT(left_out, SizeIs(1));
  EXPECT_THAT(left_out.front().message(), HasSubstr("one_name"));
  EXPECT_THAT(here_->mirror().Query("PRAGMA integrity_check"), ElementsAre("text:ok"));
}

TEST_F(SchemaTest, WipeBeginsAPopulationAndReadersKeepTheOldRowsUntilItsCommit) {
  Install();
  const auto client = Client();
  Fill(*client, People(), {{1, "Ada", 36}, {2, "Bob", 40}}, {Lsn{10}, "first"});
  ASSERT_EQ(here_->mirror().Execute("CREATE INDEX by_age ON people (age)"), "");
  const std::int64_t cycle = Begin(*client);
  Announce(*client, cycle, {People()});
  v1::WipeRequest wipe;
  wipe.set_cycle(cycle);
  wipe.set_table("people");
  EncodePosition({Lsn{20}, "second"}, wipe.mutable_target());
  wipe.set_reason(v1::POPULATE_REASON_LINEAGE_MISS);
  const absl::StatusOr<v1::WipeResponse> answer = client->Wipe(wipe);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->result().code(), 0) << answer->result().message();
  EXPECT_EQ(answer->result().applied_seq(), 1U);
  EXPECT_EQ(answer->result().lsn(), -1);
  EXPECT_EQ(here_->mirror().Lsn("people"), -1);
  EXPECT_EQ(here_->mirror().RowCount("people"), 2);
  EXPECT_TRUE(client->Wipe(wipe)->result().repeated_batch());
  EXPECT_THAT(Events("source.restored"), SizeIs(1));

  BatchSpec spec;
  spec.seq = 2;
  spec.rows = {{3, "Cid", 44}};
  spec.commit = Position{Lsn{20}, "second"};
  EXPECT_EQ(Send(*client, cycle, Message(People(), spec)).lsn(), 20);
  EXPECT_THAT(here_->mirror().Query("SELECT name FROM people"), ElementsAre("text:Cid"));
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM sqlite_schema WHERE name = 'by_age'"), "1");

  wipe.set_table("strangers");
  const absl::StatusOr<v1::WipeResponse> unknown = client->Wipe(wipe);
  ASSERT_THAT(unknown, IsOk());
  EXPECT_THAT(StatusOfResult(unknown->result()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("strangers")));
  wipe.clear_target();
  EXPECT_THAT(client->Wipe(wipe), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("target")));
}

/// A column of the captured call, near enough.
Column ColumnOf(const nlohmann::json& entry) {
  const std::string sql = entry["sql_type"];
  const std::string base = sql.substr(0, sql.find('('));
  Type type = Type::kText;
  if (base == "int") type = Type::kInt32;
  if (base == "smallint" || base == "tinyint") type = Type::kInt16;
  if (base == "bigint") type = Type::kInt64;
  if (base == "bit") type = Type::kBool;
  if (base == "float") type = Type::kDouble;
  if (base == "datetime") type = Type::kTimestamp;
  if (base == "varbinary" || base == "image") type = Type::kBytes;
  return PlainColumn(entry["name"], type);
}

TEST_F(SchemaTest, TheEverydayAnnouncementOf413TablesIsMadeAtOnceAndRepeatedWithoutDdl) {
  Install();
  const auto client = Client();
  std::ifstream file(SourceDir() + "/tests/data/superoffice-tables.json");
  const nlohmann::json all = nlohmann::json::parse(file);
  std::vector<TableSchema> tables;
  for (const nlohmann::json& entry : all) {
    if (!entry.value("in_schema_sample", false) && entry["source"] != "schema sample only") continue;
    TableSchema table = NamedTable(entry["table"], {});
    std::uint32_t position = 0;
    for (const nlohmann::json& column : entry["columns"]) {
      if (!column.contains("sql_type")) continue;
      table.columns.push_back(ColumnOf(column));
      const bool first = entry["source"] == "schema sample only" && table.columns.size() == 1;
      if (column.value("primary_key", false) || first) {
        table.columns.back().key_position = ++position;
        table.columns.back().nullable = false;
      }
    }
    tables.push_back(std::move(table));
  }
  ASSERT_EQ(tables.size(), 413U);
  const std::int64_t cycle = Begin(*client);
  for (const v1::TableStatus& status : Announce(*client, cycle, tables)) {
    EXPECT_EQ(status.action(), v1::TABLE_ACTION_CREATED) << status.table() << ": " << status.reason();
    EXPECT_EQ(status.position().lsn(), -1);
  }
  ASSERT_THAT(Complete(*client, cycle), IsOk());
  EXPECT_THAT(here_->mirror().Tables(), SizeIs(413));
  EXPECT_EQ(here_->mirror().Value("SELECT count(*) FROM Cust_mirroring WHERE lsn = -1"), "413");
  std::vector<std::string> columns;
  for (const TableSchema& table : tables) {
    for (const Column& column : table.columns)
      columns.push_back("text:" + table.name + " | text:" + column.name);
  }
  std::vector<std::string> mirrored = here_->mirror().Query(
      "SELECT t.table_name, c.name FROM Cust_mirroring AS t, pragma_table_info(t.table_name) AS c");
  std::sort(columns.begin(), columns.end());
  std::sort(mirrored.begin(), mirrored.end());
  EXPECT_EQ(mirrored, columns);
  const std::string version = here_->mirror().Value("PRAGMA schema_version");
  const std::int64_t next = Begin(*client);
  for (const v1::TableStatus& status : Announce(*client, next, tables)) {
    EXPECT_EQ(status.action(), v1::TABLE_ACTION_UNCHANGED) << status.table();
    EXPECT_EQ(status.position().lsn(), -1) << status.table();
  }
  EXPECT_EQ(here_->mirror().Value("PRAGMA schema_version"), version);
}

}  // namespace
}  // namespace mirror::schema_test
