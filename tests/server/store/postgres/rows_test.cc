#include <chrono>
#include <cstdint>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/wire/limits.h"
#include "proto/wire/receipt.h"
#include "tests/server/store/postgres/rows_bench.h"
#include "tests/server/store/postgres/samples.h"

// Batches in a real PostgreSQL: what they leave is what a SQLite mirror has after the same ones.

namespace mirror::rows_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Rows Numbered(int from, int to, const std::string& name) {
  Rows rows;
  for (int i = from; i < to; ++i) rows.push_back({i, name, i % 90});
  return rows;
}

class PostgresRows : public PostgresRowsBench {};

TEST_F(PostgresRows, RowsThatATriggerKeepsOutAreNotWritten) {
  const TableSchema people = People();
  Create(people);
  Run("CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
      "CREATE TRIGGER keep_out BEFORE INSERT ON m.people FOR EACH ROW EXECUTE FUNCTION keep_out()");
  Rows many;
  for (int i = 0; i < 300; ++i) many.push_back({i, "x", 1});
  const auto is_refused = StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("trigger"));
  EXPECT_THAT(Write(people, {.rows = {{1, "Ada", 36}}}), is_refused);
  EXPECT_THAT(Write(people, {.rows = many}), is_refused) << "by COPY";
  EXPECT_THAT(Write(people, {.rows = many}, nullptr, /*has_new_keys=*/true), is_refused);
}

TEST_F(PostgresRows, RowsOfATableThatInheritsAreLeftAlone) {
  const TableSchema people = People();
  Create(people);
  Run("CREATE TABLE m.mine (note text) INHERITS (m.people); INSERT INTO m.mine VALUES (1, 'Mine', 1)");
  EXPECT_THAT(Write(people, {.operation = Operation::kUpdate, .rows = {{1, "Ada", 36}}}), Not(IsOk()));
  EXPECT_EQ(Added(people, {.operation = Operation::kDelete, .rows = {{1}}, .columns = {"id"}}), 0);
  EXPECT_EQ(connection_->Number("SELECT count(*) FROM m.mine WHERE name = 'Mine'").value_or(-1), 1);
}

TEST_F(PostgresRows, EveryValueComesBackAsSqliteGivesIt) {
  const std::vector<Sample> samples = Samples();
  const TableSchema table = TableOf(samples);
  Create(table);
  std::vector<BatchSpec> batches = {{.rows = RowsOf(samples, 100)}};
  EXPECT_EQ(Added(table, batches[0]), 100) << "as arrays";
  ExpectSame(Read(table), InSqlite(table, batches), table);

  batches.push_back({.rows = RowsOf(samples, 310, 5), .seq = 2});
  EXPECT_EQ(Added(table, batches[1]), 210) << "by COPY, over what was there";
  ExpectSame(Read(table), InSqlite(table, batches), table);

  batches.push_back({.operation = Operation::kUpdate, .rows = RowsOf(samples, 310, 11), .seq = 3});
  EXPECT_EQ(Added(table, batches[2]), 0);
  ExpectSame(Read(table), InSqlite(table, batches), table);

  Rows keys;
  for (int i = 0; i < 200; ++i) keys.push_back({i * 2});
  batches.push_back({.operation = Operation::kDelete, .rows = keys, .seq = 4});
  EXPECT_EQ(Added(table, batches[3]), -155);
  ExpectSame(Read(table), InSqlite(table, batches), table);
}

TEST_F(PostgresRows, AKeyMayBeOfEveryTypeButAny) {
  for (Sample& sample : Samples()) {
    if (sample.column.type == Type::kAny) continue;
    SCOPED_TRACE(sample.column.name);
    sample.column.nullable = false;
    sample.column.key_position = 1;
    const TableSchema table =
        NamedTable("k " + sample.column.name, {sample.column, PlainColumn("v", Type::kText)});
    Create(table);
    Rows first, changed, keys;
    for (std::size_t i = 1; i < sample.values.size(); ++i) {
      if (sample.values[i].kind == Kind::kReal && sample.values[i].real == 0 && i > 1) continue;
      if (sample.values[i].bytes == "0.00")
        continue;  // As a key it is another one than 0, but not its value.
      first.push_back({sample.values[i], "first"});
      changed.push_back({sample.values[i], "changed"});
      keys.push_back({sample.values[i]});
    }
    const auto count = static_cast<std::int64_t>(first.size());
    std::vector<BatchSpec> batches = {{.rows = first},
                                      {.rows = first, .seq = 2},
                                      {.operation = Operation::kUpdate, .rows = changed, .seq = 3}};
    EXPECT_EQ(Added(table, batches[0]), count);
    EXPECT_EQ(Added(table, batches[1]), 0);
    EXPECT_EQ(Added(table, batches[2]), 0);
    ExpectSame(Read(table), InSqlite(table, batches), table);
    EXPECT_EQ(Added(table, {.operation = Operation::kDelete, .rows = keys, .seq = 4}), -count);
    EXPECT_EQ(Number("SELECT count(*) FROM " + Name(table)), 0);
  }
}

TEST_F(PostgresRows, BatchesOfAllSizesAreCounted) {
  const TableSchema table = People();
  Create(table);
  std::int64_t there = 0;
  std::uint64_t seq = 0;
  int from = 0;
  for (const int size : {1, 2, 199, 200, 201, 1'000, 5'000}) {
    SCOPED_TRACE(size);
    // Half of them, if there are so many, lie over those before.
    const int begin = from - std::min(from, size / 2);
    const std::int64_t added = Added(table, {.rows = Numbered(begin, begin + size, "x"), .seq = ++seq});
    EXPECT_EQ(added, begin + size - from);
    from = begin + size;
    there += added;
    EXPECT_EQ(Number("SELECT count(*) FROM m.people"), there);
    Rows changed;
    for (int i = begin; i < from; ++i) changed.push_back({i, "changed"});
    EXPECT_EQ(
        Added(table,
              {.operation = Operation::kUpdate, .rows = changed, .columns = {"id", "name"}, .seq = ++seq}),
        0);
    EXPECT_EQ(Number("SELECT count(*) FROM m.people WHERE name = 'changed'"), there);
  }
  Rows keys;
  for (int i = 0; i < 5'000; ++i) keys.push_back({from - 2'500 + i});
  EXPECT_EQ(Added(table, {.operation = Operation::kDelete, .rows = keys, .seq = ++seq}), -2'500);
}

TEST_F(PostgresRows, ACompositeKeyIsFoundByAllOfItsColumns) {
  const TableSchema table = Pairs();
  Create(table);
  Rows rows;
  for (int i = 0; i < 250; ++i) rows.push_back({i % 5, absl::StrCat("b", i / 5), "first"});
  std::vector<BatchSpec> batches = {{.rows = rows}, {.rows = rows, .seq = 2}};
  EXPECT_EQ(Added(table, batches[0]), 250);
  EXPECT_EQ(Added(table, batches[1]), 0);
  batches.push_back(
      {.operation = Operation::kUpdate, .rows = {{1, "b3", "x"}, {1, "b30", nullptr}}, .seq = 3});
  EXPECT_EQ(Added(table, batches[2]), 0);
  batches.push_back({.operation = Operation::kDelete, .rows = {{2, "b3"}, {2, "none"}, {4, "b0"}}, .seq = 4});
  EXPECT_EQ(Added(table, batches[3]), -2);
  ExpectSame(Read(table), InSqlite(table, batches), table);
}

TEST_F(PostgresRows, RowsWithoutAKeyAreAppended) {
  const TableSchema table = Keyless();
  Create(table, ", partner text");
  for (const int size : {3, 300}) {
    Rows rows(static_cast<std::size_t>(size), Row{"same", 1});
    EXPECT_EQ(Added(table, {.rows = rows}), size);
  }
  EXPECT_EQ(Number("SELECT count(*) FROM m.keyless WHERE age = 1 AND partner IS NULL"), 303);
}

TEST_F(PostgresRows, RowsWhoseKeysAreNewGoInWithoutALook) {
  const TableSchema table = People();
  Create(table);
  RowsWritten written;
  EXPECT_THAT(Write(table, {.rows = Numbered(0, 10, "x")}, &written, true), IsOk());
  EXPECT_EQ(written.added, 10);
  EXPECT_THAT(Write(table, {.rows = Numbered(10, 900, "x")}, &written, true), IsOk());
  EXPECT_EQ(written.added, 890);
  EXPECT_THAT(Write(table, {.rows = Numbered(800, 1'200, "x")}, &written, true),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("row 0")));
  EXPECT_EQ(Number("SELECT count(*) FROM m.people"), 900) << "nothing of it stays";
}

TEST_F(PostgresRows, MissingRowsAreNamedByTheirPlaceInTheMessage) {
  const TableSchema table = People();
  Create(table);
  ASSERT_EQ(Added(table, {.rows = Numbered(0, 100, "x")}), 100);
  RowsWritten written;
  EXPECT_THAT(Write(table,
                    {.operation = Operation::kUpdate,
                     .rows = {{900, "y"}, {7, "y"}, {-3, "y"}, {8, "y"}},
                     .columns = {"id", "name"}},
                    &written),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("2 rows")));
  EXPECT_THAT(written.missing_rows, ElementsAre(0, 2));
  EXPECT_FALSE(written.more_missing);
  EXPECT_EQ(Number("SELECT count(*) FROM m.people WHERE name = 'y'"), 0);

  for (const int missing : {1'000, 1'001}) {
    written = {};
    Rows rows;
    for (int i = 99; i < 100 + missing; ++i) rows.push_back({i, "y"});
    EXPECT_THAT(
        Write(table, {.operation = Operation::kUpdate, .rows = rows, .columns = {"id", "name"}}, &written),
        StatusIs(StatusCode::kFailedPrecondition, HasSubstr("1,000 rows")));
    ASSERT_EQ(written.missing_rows.size(), kMissingKeysMax);
    EXPECT_EQ(written.missing_rows[0], 1U);
    EXPECT_EQ(written.more_missing, missing > 1'000);
  }
}

TEST_F(PostgresRows, WhatIsTooLargeForPostgresqlIsNamedWithoutItsValues) {
  const TableSchema keyed = NamedTable("keyed", {KeyColumn("k", Type::kText), PlainColumn("v", Type::kText)});
  Create(keyed);
  const std::string key = Incompressible(5'000);
  const auto refused = [&](const std::string& row) {
    return StatusIs(StatusCode::kInvalidArgument,
                    AllOf(HasSubstr("row " + row), HasSubstr("2,704"), Not(HasSubstr(key.substr(0, 8)))));
  };
  EXPECT_THAT(Write(keyed, {.rows = {{"a", "v"}, {"b", "v"}, {key, "v"}}}), refused("2"));
  EXPECT_EQ(Number("SELECT count(*) FROM m.keyed"), 0);
  Rows many;
  for (int i = 0; i < 300; ++i) many.push_back({absl::StrCat("k", i), "v"});
  many[217][0] = key;
  EXPECT_THAT(Write(keyed, {.rows = many}), refused("217"));
  EXPECT_EQ(Added(keyed, {.rows = {{key.substr(0, 2'600), key}}}), 1) << "a long value is no key";
  EXPECT_EQ(Added(keyed, {.rows = {{std::string(4'000, 'x'), "v"}}}), 1) << "it is compressed";

  TableSchema wide = NamedTable("wide", {KeyColumn("id", Type::kInt64)});
  for (int i = 0; i < 600; ++i) wide.columns.push_back(PlainColumn(absl::StrCat("c", i), Type::kText));
  Create(wide);
  const auto row = [&](int id, std::size_t length) {
    Row cells = {id};
    cells.insert(cells.end(), 600, Cell(key.substr(0, length)));
    return cells;
  };
  EXPECT_EQ(Added(wide, {.rows = {row(1, 10), row(2, 12)}}), 2);
  EXPECT_THAT(Write(wide, {.rows = {row(3, 10), row(4, 40)}}), refused("1"));
  EXPECT_THAT(Write(wide, {.operation = Operation::kUpdate, .rows = {row(2, 40), row(1, 11)}}), refused("0"));
  Rows rows;
  for (int i = 0; i < 250; ++i) rows.push_back(row(i, i == 123 ? 40 : 3));
  EXPECT_THAT(Write(wide, {.rows = rows}), refused("123"));
  EXPECT_EQ(Number("SELECT count(*) FROM m.wide"), 2);
}

TEST_F(PostgresRows, APartnersColumnKeepsWhatItHas) {
  const TableSchema table = People();
  Create(table, ", partner text DEFAULT 'none'");
  ASSERT_EQ(Added(table, {.rows = Numbered(0, 300, "x")}), 300);
  Run("UPDATE m.people SET partner = 'kept'");
  EXPECT_EQ(Added(table, {.rows = Numbered(50, 400, "y"), .seq = 2}), 100);
  EXPECT_EQ(Number("SELECT count(*) FROM m.people WHERE partner = 'kept'"), 300);
  EXPECT_EQ(Number("SELECT count(*) FROM m.people WHERE partner = 'none' AND name = 'y'"), 100);
}

TEST_F(PostgresRows, APartnersUniqueIndexIsNamed) {
  const TableSchema table = People();
  Create(table);
  Run("CREATE UNIQUE INDEX only_one ON m.people (name)");
  Rows rows;
  for (int i = 0; i < 300; ++i) rows.push_back({i, absl::StrCat("name", i), 1});
  ASSERT_EQ(Added(table, {.rows = rows}), 300);
  for (int i = 0; i < 300; ++i) rows[static_cast<std::size_t>(i)][1] = absl::StrCat("name", 299 - i);
  EXPECT_EQ(Added(table, {.rows = rows, .seq = 2}), 0) << "values that are swapped are unique in the end";
  EXPECT_THAT(
      Write(table, {.rows = {{900, "name1", 1}}, .seq = 3}),
      StatusIs(StatusCode::kFailedPrecondition, AllOf(HasSubstr("'only_one'"), Not(HasSubstr("name1")))));
  EXPECT_THAT(Write(table, {.rows = Numbered(1'000, 1'300, "name1"), .seq = 4}),
              StatusIs(StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("'only_one'"), HasSubstr("row 0"), Not(HasSubstr("name1")))));
}

TEST_F(PostgresRows, WithIgnoreOnlyLiveRowsCount) {
  TableSchema table = People();
  table.deletes = Deletes::kIgnore;
  Create(table);
  Run("INSERT INTO m.people (id, name) VALUES (1, 'partner'), (2, 'partner')");
  EXPECT_EQ(Added(table, {.rows = Numbered(1, 4, "ours")}), 3) << "a row of the partner's becomes ours";
  EXPECT_EQ(Added(table, {.rows = Numbered(1, 400, "ours"), .seq = 2}), 396);
  EXPECT_EQ(Added(table, {.operation = Operation::kDelete, .rows = {{2}, {3}, {900}}, .seq = 3}), -2);
  EXPECT_EQ(Added(table, {.operation = Operation::kDelete, .rows = {{2}}, .seq = 4}), 0);
  EXPECT_EQ(Number("SELECT count(*) FROM m.people WHERE _mirror_owned = 0"), 2);
  RowsWritten written;
  EXPECT_THAT(
      Write(table, {.operation = Operation::kUpdate, .rows = {{1, "x"}, {3, "x"}}, .columns = {"id", "name"}},
            &written),
      StatusIs(StatusCode::kFailedPrecondition, HasSubstr("1 row ")));
  EXPECT_THAT(written.missing_rows, ElementsAre(1));
  EXPECT_EQ(Added(table, {.rows = {{3, "again", 1}}, .seq = 5}), 1);
}

TEST_F(PostgresRows, AnUpdateSetsTheKindsOfItsColumnsAlone) {
  const TableSchema table =
      NamedTable("t", {KeyColumn("id", Type::kInt64), AnyColumn("a", Affinity::kBlob),
                       AnyColumn("b", Affinity::kBlob), AnyColumn("c", Affinity::kBlob)});
  Create(table);
  ASSERT_EQ(Added(table, {.rows = {{1, "7", 7, 0.5}, {2, Blob("7"), "x", nullptr}}}), 2);
  Run("INSERT INTO m.t (id) VALUES (3)");  // As a row that is older than its ANY columns.
  ASSERT_EQ(Added(table, {.operation = Operation::kUpdate,
                          .rows = {{1, 7.0, "1"}, {2, nullptr, 2}, {3, Blob("z"), 3}},
                          .columns = {"id", "c", "a"},
                          .seq = 2}),
            0);
  const std::vector<BatchSpec> same = {
      {.rows = {{1, "1", 7, 7.0}, {2, 2, "x", nullptr}, {3, 3, nullptr, Blob("z")}}}};
  ExpectSame(Read(table), InSqlite(table, same), table);
}

TEST_F(PostgresRows, ATableThatIsGoneOrAnotherOneIsSaid) {
  const TableSchema table = People();
  EXPECT_THAT(Write(table, {.rows = Numbered(0, 3, "x")}),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("somebody dropped or changed it")));
  EXPECT_THAT(Write(table, {.rows = Numbered(0, 300, "x")}),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("somebody dropped or changed it")));
  Create(table);
  Run("ALTER TABLE m.people DROP COLUMN age, ADD COLUMN other bigint");
  EXPECT_THAT(Write(table, {.rows = Numbered(0, 300, "x")}),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("somebody dropped or changed it")));
}

TEST_F(PostgresRows, WhatSomebodyElseWroteIsNotRead) {
  TableSchema table = NamedTable("t", {KeyColumn("id", Type::kInt64), PlainColumn("d", Type::kDate),
                                       PlainColumn("n", Type::kDecimal), PlainColumn("s", Type::kInt16),
                                       AnyColumn("a", Affinity::kBlob), PlainColumn("at", Type::kTimestamp)});
  table.columns.back().precision = 3;
  Create(table);
  Contents contents;
  for (const char* const set :
       {"d = 'infinity'", "d = '10000-01-01'", "n = 'NaN'", "n = 1e30", "s = 40000",
        "a = 'x', _mirror_kinds = '\\x01'", "a = 'x', _mirror_kinds = '\\x09'", "at = '-infinity'",
        "at = '2024-01-01 00:00:00.000001'", "at = '0044-03-15 BC'"}) {
    Run("DELETE FROM m.t; INSERT INTO m.t (id) VALUES (1)");
    EXPECT_THAT(TryRead(table, &contents), IsOk());
    Run(absl::StrCat("UPDATE m.t SET ", set));
    EXPECT_THAT(TryRead(table, &contents),
                StatusIs(StatusCode::kFailedPrecondition, HasSubstr("somebody else wrote it")))
        << set;
  }
  Run("DELETE FROM m.t; INSERT INTO m.t (id, s) VALUES (1, 1); ALTER TABLE m.t ALTER s TYPE text");
  EXPECT_THAT(TryRead(table, &contents), StatusIs(StatusCode::kFailedPrecondition,
                                                  HasSubstr("somebody else changed the column's type")));
}

class PostgresLargeValues : public PostgresRowsBench {
 protected:
  static constexpr std::int64_t kSharedBytes = 32 << 20;  ///< shared_buffers of the tests' PostgreSQL.

  PostgresParts Of(const TableSchema& table) const { return {kReceipts, table.name, 1}; }
  absl::Status Send(const TableSchema& table, std::uint64_t id, std::uint64_t offset, std::string_view data,
                    std::int64_t max = 1'000'000'000) {
    return WritePart(*connection_, Of(table), {.cycle = 1, .value_id = id, .offset = offset, .data = data},
                     max);
  }
  /// A text in parts of `part` bytes.
  void SendText(const TableSchema& table, std::uint64_t id, std::string_view text, std::size_t part) {
    for (std::size_t at = 0; at < text.size(); at += part)
      ASSERT_THAT(Send(table, id, at, text.substr(at, part)), IsOk());
  }
  /// The most memory that the connection's process has had.
  std::int64_t PeakBytes() {
    std::ifstream status(absl::StrCat("/proc/", connection_->server_pid(), "/status"));
    std::string word;
    while (status >> word && word != "VmHWM:") {
    }
    std::int64_t kilobytes = -1;
    EXPECT_TRUE(status >> kilobytes);
    return kilobytes * 1'024;
  }
  std::int64_t Waiting() { return Number(absl::StrCat("SELECT count(*) FROM ", std::string(kReceipts))); }
};

TEST_F(PostgresLargeValues, LargeValuesStandInTheirRowsAndWaitNoMore) {
  const TableSchema table =
      NamedTable("Big", {KeyColumn("id", Type::kInt64), PlainColumn("t", Type::kText),
                         PlainColumn("b", Type::kBytes), AnyColumn("a", Affinity::kBlob)});
  Create(table);
  std::string text;
  while (text.size() < 9'000'000) text += "Grüße an alle. ";
  const std::string bytes(6'000'000, '\0');
  for (std::size_t at = 0; at < text.size(); at += kPartBytesMax)
    ASSERT_THAT(Send(table, 1, at, std::string_view(text).substr(at, kPartBytesMax)), IsOk());
  ASSERT_THAT(Send(table, 2, 0, std::string_view(bytes).substr(0, kPartBytesMax)), IsOk());
  ASSERT_THAT(Send(table, 2, 0, std::string_view(bytes).substr(0, 100)), IsOk()) << "it came before";
  EXPECT_THAT(Send(table, 2, 5'000'000, "x"),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("in order")));
  const BatchSpec spec = {.rows = {{1, "small", Blob("s"), 1},
                                   {2, Large(1, text.size(), Kind::kText), Large(2, bytes.size()), 2},
                                   {3, "small", nullptr, Large(3, 4)},
                                   {4, "small", nullptr, Large(4, 4, Kind::kRawText)},
                                   {5, "small", nullptr, Large(5, 4, Kind::kText)}}};
  for (const std::uint64_t id : {3, 4, 5})
    ASSERT_THAT(Send(table, id, 0, id == 4 ? "\xff\x01zz" : "four"), IsOk());
  EXPECT_THAT(Write(table, spec),
              StatusIs(StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("column 'b', row 1"), HasSubstr("4194304 of 6000000"))));
  ASSERT_THAT(Send(table, 2, kPartBytesMax, std::string_view(bytes).substr(kPartBytesMax)), IsOk());
  Sha256Stream sha;
  sha.Add(text);
  EXPECT_THAT(HashParts(*connection_, Of(table), 1), IsOkAndHolds(sha.Finish()));

  EXPECT_EQ(Added(table, spec), 5);
  EXPECT_EQ(Waiting(), 0);
  const BatchSpec same = {.rows = {{1, "small", Blob("s"), 1},
                                   {2, "t", Blob("b"), 2},
                                   {3, "small", nullptr, Blob("four")},
                                   {4, "small", nullptr, RawText("\xff\x01zz")},
                                   {5, "small", nullptr, "four"}}};
  const Contents read = Read(table);
  EXPECT_EQ(read.rows.columns[1].data(), "small" + text + "smallsmallsmall");
  EXPECT_EQ(read.rows.columns[2].data(), "s" + bytes);
  Run("UPDATE m.\"Big\" SET t = 't', b = 'b' WHERE id = 2");
  ExpectSame(Read(table), InSqlite(table, {same}), table);

  ASSERT_THAT(Send(table, 9, 0, "updated"), IsOk());
  EXPECT_EQ(Added(table, {.operation = Operation::kUpdate,
                          .rows = {{3, Large(9, 7, Kind::kText)}, {4, "plain"}},
                          .columns = {"id", "t"},
                          .seq = 2}),
            0);
  EXPECT_EQ(Read(table).rows.columns[1].data(), "smalltupdatedplainsmall");
}

TEST_F(PostgresLargeValues, ARowOfWhichAllCameInPartsIsWritten) {
  const TableSchema table = NamedTable("log", {PlainColumn("line", Type::kText)});
  Create(table);
  ASSERT_THAT(Send(table, 1, 0, "whole"), IsOk());
  EXPECT_EQ(Added(table, {.rows = {{Large(1, 5, Kind::kText)}, {"small"}}}), 2);
  EXPECT_EQ(Number("SELECT count(*) FROM m.log WHERE line IN ('whole', 'small')"), 2);
}

TEST_F(PostgresLargeValues, WhereATextIsCutChangesNothing) {
  TableSchema table = NamedTable(
      "t", {KeyColumn("id", Type::kInt64), PlainColumn("t", Type::kText), AnyColumn("a", Affinity::kBlob)});
  Create(table);
  const std::string text = "a€😀ö";
  std::uint64_t id = 0;
  std::string all;
  for (std::size_t part = 1; part <= text.size(); ++part) {
    SendText(table, ++id, text, part);
    SendText(table, ++id, text, part);
    const Rows row = {{static_cast<std::int64_t>(part), Large(id - 1, text.size(), Kind::kText),
                       Large(id, text.size(), Kind::kText)}};
    EXPECT_EQ(Added(table, {.rows = row, .seq = 2 * part - 1}), 1);
    SendText(table, ++id, text, part);
    EXPECT_EQ(Added(table, {.operation = Operation::kUpdate,
                            .rows = {{static_cast<std::int64_t>(part), Large(id, text.size(), Kind::kText)}},
                            .columns = {"id", "t"},
                            .seq = 2 * part}),
              0);
    all += text;
  }
  const Contents read = Read(table);
  EXPECT_EQ(read.rows.columns[1].data(), all);
  EXPECT_EQ(read.rows.columns[2].data(), all);
  EXPECT_EQ(Waiting(), 0);
}

TEST_F(PostgresLargeValues, AValueHasTheTimeThatItsSizeTakes) {
  const TableSchema table = NamedTable("t", {KeyColumn("id", Type::kInt64), PlainColumn("t", Type::kText)});
  Create(table);
  Run("CREATE FUNCTION m.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(2); RETURN NEW; "
      "END'; CREATE TRIGGER slow BEFORE INSERT ON m.t FOR EACH ROW EXECUTE FUNCTION m.slow()");
  SendText(table, 1, std::string(5'000'000, 'x'), kPartBytesMax);
  SendText(table, 2, "x", 1);
  connection_->SetAnswerWithin(std::chrono::seconds(1));
  EXPECT_THAT(Write(table, {.rows = {{1, Large(1, 5'000'000, Kind::kText)}}}), IsOk())
      << "a second more for each megabyte";
  EXPECT_EQ(connection_->answer_within(), std::chrono::seconds(1)) << "the others have what they had";
  EXPECT_THAT(Write(table, {.rows = {{2, Large(2, 1, Kind::kText)}}, .seq = 2}),
              StatusIs(StatusCode::kUnavailable, HasSubstr("said nothing for 1000 ms")));
}

TEST_F(PostgresLargeValues, PostgresqlHoldsAValueFourTimesAtMostWhileItWritesIt) {
  const TableSchema table = NamedTable("t", {KeyColumn("id", Type::kInt64), PlainColumn("t", Type::kText)});
  Create(table);
  std::string text;
  while (text.size() < 64'000'000) text += "Grüße an alle. ";
  SendText(table, 1, text, 150'000 * 17);
  const std::int64_t before = PeakBytes();
  EXPECT_EQ(Added(table, {.rows = {{1, Large(1, text.size(), Kind::kText)}}}), 1);
  const auto size = static_cast<std::int64_t>(text.size());
  EXPECT_LT(PeakBytes() - before, 4 * size + kSharedBytes) << "of the size of the value";
  EXPECT_EQ(Number("SELECT octet_length(t) FROM m.t"), size);
}

TEST_F(PostgresLargeValues, WhatCannotBeATextIsRefused) {
  TableSchema table = NamedTable("t", {KeyColumn("id", Type::kInt64), PlainColumn("t", Type::kText),
                                       AnyColumn("n", Affinity::kNumeric)});
  table.columns[1].length = 5;
  Create(table);
  ASSERT_THAT(Send(table, 1, 0, "\xff\xfe"), IsOk());
  ASSERT_THAT(Send(table, 2, 0, "secret"), IsOk());
  ASSERT_THAT(Send(table, 3, 0, std::string_view("a\0b", 3)), IsOk());
  ASSERT_THAT(Send(table, 4, 0, "007"), IsOk());
  const auto refused = [](const std::string& why) {
    return StatusIs(StatusCode::kInvalidArgument, AllOf(HasSubstr(why), Not(HasSubstr("secret"))));
  };
  EXPECT_THAT(Write(table, {.rows = {{1, Large(1, 2, Kind::kText), 1}}}),
              refused("column 't', row 0: the text is"));
  EXPECT_THAT(Write(table, {.rows = {{1, Large(2, 6, Kind::kText), 1}}}), refused("longer than 5"));
  EXPECT_THAT(Write(table, {.rows = {{1, Large(3, 3, Kind::kText), 1}}}), refused("NUL"));
  EXPECT_THAT(Write(table, {.rows = {{1, "x", Large(4, 3, Kind::kText)}}}), refused("change its kind"));
  EXPECT_THAT(Write(table, {.rows = {{1, "x", Large(4, 3, Kind::kRawText)}}}), refused("change its kind"));
  EXPECT_EQ(Waiting(), 4) << "they still wait";
}

TEST_F(PostgresLargeValues, WhatWaitsIsBounded) {
  const TableSchema table = People(), other = Pairs();
  ASSERT_THAT(Send(table, 1, 0, std::string(60, 'x'), 100), IsOk());
  EXPECT_THAT(Send(table, 1, 60, std::string(60, 'x'), 100), StatusIs(StatusCode::kResourceExhausted));
  ASSERT_THAT(Send(other, 1, 0, std::string(60, 'x'), 100), IsOk());
  ASSERT_THAT(Send(table, 2, 0, std::string(60, 'x'), 100), IsOk());
  EXPECT_THAT(Send(other, 2, 0, std::string(60, 'x'), 100), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(CountPartBytes(*connection_, Of(other), 1), IsOkAndHolds(60));
  EXPECT_THAT(ForgetParts(*connection_, Of(table), {1, 2}), IsOk());
  EXPECT_EQ(Waiting(), 1);
}

}  // namespace
}  // namespace mirror::rows_test
