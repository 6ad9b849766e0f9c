#include "server/store/postgres/rows/long_rows.h"

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "proto/wire/key_range.h"
#include "server/store/postgres/rows/ranges.h"
#include "tests/server/store/postgres/rows_bench.h"

// Values that are too long to be read as a whole have the digests that they have when they are.

namespace mirror::long_rows_test {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t kLong = kLongValueBytes + 1;

std::string Times(std::string_view piece, std::size_t bytes) {
  std::string all;
  while (all.size() < bytes) all += piece;
  return all;
}

class PostgresLongRowsTest : public PostgresRowsBench {
 protected:
  struct Digested {
    absl::Status status;
    std::vector<RangeDigest> ranges;
    std::uint64_t read_as_usual = 0;
  };
  Digested Digest(const TableSchema& table, const std::vector<KeyRange>& ranges = {},
                  const absl::Status& on = absl::OkStatus()) {
    Digested digested;
    digested.ranges.resize(std::max<std::size_t>(1, ranges.size()));
    const PostgresKinds kinds = FirstKinds(table);
    PostgresStoredRows stored(table, kinds, AllColumns(table));
    const std::string name = Name(table);
    PostgresLongRows long_rows(*connection_, name, table, stored);
    RowDigest digest;
    digested.status = ReadRanges(
        *connection_, {.name = name, .kept = table, .select = long_rows.SelectList()}, ranges,
        [] { return absl::OkStatus(); },
        [&](const postgres::RowView& row, std::size_t range) {
          if (long_rows.Note(row, range)) return absl::OkStatus();
          ++digested.read_as_usual;
          absl::Status added = stored.Digest(row, &digest);
          digested.ranges[range].Add(digest.Finish());
          return added;
        });
    if (digested.status.ok()) digested.status = long_rows.Digest([&] { return on; }, &digested.ranges);
    return digested;
  }
  bool MayHave(const TableSchema& table) {
    const auto may = MayHaveLongValues(*connection_, Name(table), table);
    EXPECT_THAT(may.status(), IsOk());
    return may.value_or(false);
  }
};

TEST_F(PostgresLongRowsTest, TheirDigestsAreThoseOfWholeRows) {
  const TableSchema table =
      NamedTable("Long", {KeyColumn("id", Type::kInt64), PlainColumn("t", Type::kText),
                          AnyColumn("a", Affinity::kBlob), PlainColumn("b", Type::kBytes),
                          AnyColumn("c", Affinity::kBlob), PlainColumn("n", Type::kInt64)});
  Create(table);
  const std::string text = Times("Grüße 😀. ", 3 * kLong), bytes = Times(std::string("\0\xff", 2), kLong);
  const Rows rows = {{1, "short", 7, Blob("b"), nullptr, 1},
                     {2, text, "any", nullptr, Blob("x"), 2},
                     {3, text, Blob(bytes), Blob(bytes), text, nullptr},
                     {4, nullptr, RawText(bytes), Blob(bytes), 1.5, 4},
                     {5, "short", text, Blob("b"), RawText("\xff"), 5}};
  ASSERT_THAT(Write(table, {.rows = rows}), IsOk());
  EXPECT_TRUE(MayHave(table));
  std::vector<std::uint64_t> whole = Read(table).digests;
  ASSERT_EQ(whole.size(), 5U);
  const auto sum = [&](std::set<std::size_t> of) {
    RangeDigest digest;
    for (const std::size_t row : of) digest.Add(whole[row - 1]);
    return digest;
  };

  const Digested all = Digest(table);
  ASSERT_THAT(all.status, IsOk());
  EXPECT_THAT(all.ranges, ElementsAre(sum({1, 2, 3, 4, 5})));
  EXPECT_EQ(all.read_as_usual, 1U);

  const Key second{{.kind = Kind::kInteger, .integer = 2}}, fourth{{.kind = Kind::kInteger, .integer = 4}};
  const Digested in_ranges = Digest(table, {{{}, second}, {second, fourth}, {fourth, {}}});
  ASSERT_THAT(in_ranges.status, IsOk());
  EXPECT_THAT(in_ranges.ranges, ElementsAre(sum({1}), sum({2, 3}), sum({4, 5})));
}

TEST_F(PostgresLongRowsTest, WhoCallsItOffBetweenTwoPiecesIsObeyed) {
  const TableSchema table = NamedTable("t", {KeyColumn("id", Type::kInt64), PlainColumn("t", Type::kText)});
  Create(table);
  ASSERT_THAT(Write(table, {.rows = {{1, std::string(kLong, 'x')}}}), IsOk());
  EXPECT_THAT(Digest(table, {}, absl::CancelledError("called off")).status, StatusIs(StatusCode::kCancelled));
}

TEST_F(PostgresLongRowsTest, WhatSomebodyElseWroteIsRefused) {
  TableSchema table = NamedTable(
      "t", {KeyColumn("id", Type::kInt64), PlainColumn("t", Type::kText), AnyColumn("a", Affinity::kBlob)});
  table.columns[1].length = 5;
  Create(table);
  ASSERT_THAT(Write(table, {.rows = {{1, "x", Blob("x")}}}), IsOk());
  EXPECT_FALSE(MayHave(table));
  const auto refused = [](const std::string& column) {
    return StatusIs(StatusCode::kFailedPrecondition, HasSubstr("column '" + column + "'"));
  };
  Run("UPDATE m.t SET a = repeat('zz', 3000000)");
  EXPECT_TRUE(MayHave(table)) << "however well it is compressed";
  EXPECT_THAT(Digest(table).status, refused("a")) << "no hexadecimal digits";
  Run("UPDATE m.t SET a = repeat('0', 6000001)");
  EXPECT_THAT(Digest(table).status, refused("a")) << "half of a byte";
  Run("UPDATE m.t SET a = '00', t = repeat('ä', 3000000)");
  EXPECT_THAT(Digest(table).status, refused("t")) << "longer than the column";
}

}  // namespace
}  // namespace mirror::long_rows_test
