#include <algorithm>
#include <chrono>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "proto/wire/key_range.h"
#include "server/store/postgres/rows/ranges.h"
#include "tests/server/store/postgres/rows_bench.h"
#include "tests/server/store/postgres/samples.h"

// Key ranges in a real PostgreSQL: each has the rows that SQLite has in it, in SQLite's order.

namespace mirror::ranges_test {
namespace {

using absl::StatusCode;
using testing::HasSubstr;
using testing::IsEmpty;

class PostgresRanges : public PostgresRowsBench {
 protected:
  void Fill() override {
    PostgresRowsBench::Fill();
    // As a snapshot reads.
    Run("SET enable_seqscan = off; SET enable_sort = off");
  }

  /// The digests of each range's rows, in the order in which they came.
  std::vector<std::vector<std::uint64_t>> In(const TableSchema& table, const std::vector<KeyRange>& ranges) {
    const PostgresKinds kinds = FirstKinds(table);
    PostgresStoredRows stored(table, kinds, AllColumns(table));
    std::vector<std::vector<std::uint64_t>> found(std::max<std::size_t>(1, ranges.size()));
    RowDigest digest;
    std::size_t last = 0;
    const absl::Status read = ReadRanges(
        *connection_, {Name(table), table, stored.SelectList("m"), /*in_key_order=*/true}, ranges,
        [] { return absl::OkStatus(); },
        [&](const postgres::RowView& row, std::size_t range) {
          EXPECT_GE(range, last);
          last = range;
          absl::Status added = stored.Digest(row, &digest);
          found[range].push_back(digest.Finish());
          return added;
        });
    EXPECT_THAT(read, IsOk());
    return found;
  }

  /// Of rows that stand in the order of the key.
  static std::vector<Key> KeysOf(const TableSchema& table, const Contents& contents) {
    std::vector<Key> keys(contents.rows.rows());
    for (const std::uint32_t column : table.Key()) {
      const ColumnBuffer& values = contents.rows.columns[column];
      std::size_t at = 0;
      for (std::size_t row = 0; row < keys.size(); ++row) {
        KeyPart& part = keys[row].emplace_back();
        if (values.storage() == Storage::kInts) {
          part = {.kind = Kind::kInteger, .integer = values.ints()[row]};
        } else if (values.storage() == Storage::kDoubles) {
          part = {.kind = Kind::kReal, .real = values.doubles()[row]};
        } else {
          const Type type = table.columns[column].type;
          part.kind = type == Type::kBytes || type == Type::kUuid ? Kind::kBlob : Kind::kText;
          part.bytes = values.data().substr(at, values.lengths()[row]);
          at += values.lengths()[row];
        }
      }
    }
    return keys;
  }

  /// What PostgreSQL finds in each range is what the rows in SQLite have there, by the protocol's order.
  void ExpectAsInSqlite(const TableSchema& table, const Contents& in_sqlite,
                        const std::vector<KeyRange>& ranges) {
    const std::vector<Key> keys = KeysOf(table, in_sqlite);
    const std::vector<std::vector<std::uint64_t>> found = In(table, ranges);
    for (std::size_t range = 0; range < ranges.size(); ++range) {
      std::vector<std::uint64_t> wanted;
      for (std::size_t row = 0; row < keys.size(); ++row) {
        const bool behind_first = ranges[range].first.empty() || keys[row] >= ranges[range].first;
        const bool before_last = ranges[range].last.empty() || keys[row] < ranges[range].last;
        if (behind_first && before_last) wanted.push_back(in_sqlite.digests[row]);
      }
      EXPECT_EQ(found[range], wanted) << "range " << range;
    }
  }
};

TEST_F(PostgresRanges, AKeyOfEveryTypeBoundsThem) {
  for (Sample& sample : Samples()) {
    if (sample.column.type == Type::kAny) continue;
    SCOPED_TRACE(sample.column.name);
    sample.column.nullable = false;
    sample.column.key_position = 1;
    const TableSchema table =
        NamedTable("k " + sample.column.name, {sample.column, PlainColumn("v", Type::kText)});
    Create(table);
    BatchSpec batch;
    for (std::size_t i = 1; i < sample.values.size(); ++i) {
      const Cell& value = sample.values[i];
      if ((value.kind == Kind::kReal && value.real == 0 && i > 1) || value.bytes == "0.00") continue;
      batch.rows.push_back({value, absl::StrCat("v", i)});
    }
    Added(table, batch);
    const Contents contents = InSqlite(table, {batch});
    const std::vector<Key> keys = KeysOf(table, contents);
    EXPECT_THAT(In(table, {}), testing::ElementsAre(contents.digests));
    std::vector<KeyRange> ranges = {{{}, {}}};
    for (const Key& first : keys) {
      ranges.push_back({first, {}});
      ranges.push_back({{}, first});
      for (const Key& last : keys) ranges.push_back({first, last});
    }
    ExpectAsInSqlite(table, contents, ranges);
  }
}

TEST_F(PostgresRanges, ThoseOfACompositeKeyAreTheRowsOfSqlite) {
  TableSchema table = NamedTable("Many", {KeyColumn("n", Type::kInt32, 2), PlainColumn("v", Type::kDouble),
                                          KeyColumn("t", Type::kText, 1), AnyColumn("any", Affinity::kBlob),
                                          KeyColumn("b", Type::kBytes, 3)});
  Create(table);
  std::mt19937 random(std::random_device{}());
  const auto below = [&](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); };
  const char* const texts[] = {"", "a", "A", "ä", "aa", "a b", "B", "Zürich", "\U0001F600", "\x01", "z"};
  const std::string bytes[] = {"", std::string(1, '\0'), "\xff", "a"};
  BatchSpec batch;
  std::set<std::string> there;
  for (int i = 0; i < 1'500; ++i) {
    const int text = below(11), number = below(40) - 20, byte = below(4);
    if (!there.insert(absl::StrCat(text, "/", number, "/", byte)).second) continue;
    batch.rows.push_back({number, below(1'000) / 8.0, texts[text],
                          below(2) == 0 ? Cell(below(9)) : Cell("any"), Blob(bytes[byte])});
  }
  Added(table, batch);
  const Contents contents = InSqlite(table, {batch});
  ExpectSame(Read(table), contents, table);

  const auto bound = [&]() -> Key {
    if (below(8) == 0) return {};
    std::string text = texts[below(11)];
    // No row has it, and it bounds them all the same.
    if (below(4) == 0) text += std::string(1, '\0') + texts[below(11)];
    return {{.kind = Kind::kText, .bytes = text},
            {.kind = Kind::kInteger, .integer = below(40) - 20},
            {.kind = Kind::kBlob, .bytes = bytes[below(4)]}};
  };
  std::vector<KeyRange> ranges;
  for (int i = 0; i < 300; ++i) ranges.push_back({bound(), bound()});
  ExpectAsInSqlite(table, contents, ranges);
}

TEST_F(PostgresRanges, OnlyLiveRowsAreInThem) {
  TableSchema table = People();
  table.deletes = Deletes::kIgnore;
  Create(table);
  BatchSpec batch;
  for (int i = 0; i < 10; ++i) batch.rows.push_back({i, "ours", i});
  Added(table, batch);
  Run("INSERT INTO m.people (id, name) VALUES (100, 'partner'); UPDATE m.people SET _mirror_owned = 0 WHERE "
      "id = 4");
  const auto id = [](int value) { return Key{{.kind = Kind::kInteger, .integer = value}}; };
  EXPECT_EQ(In(table, {})[0].size(), 9U);
  const auto found = In(table, {{id(3), id(6)}, {id(6), {}}, {{}, {}}, {id(90), id(110)}});
  EXPECT_EQ(found[0].size(), 2U);
  EXPECT_EQ(found[1].size(), 4U);
  EXPECT_EQ(found[2].size(), 9U);
  EXPECT_THAT(found[3], IsEmpty());
}

TEST_F(PostgresRanges, WithoutAColumnRowsAreCounted) {
  const TableSchema table = People();
  Create(table);
  Added(table, {.rows = {{1, "a", 1}, {2, "b", 2}}});
  const std::vector<KeyRange> ranges = {{{}, {}}, {{{.kind = Kind::kInteger, .integer = 2}}, {}}};
  std::vector<int> counts(2);
  EXPECT_THAT(ReadRanges(
                  *connection_, {Name(table), table, "", false}, ranges, [] { return absl::OkStatus(); },
                  [&](const postgres::RowView&, std::size_t range) {
                    ++counts[range];
                    return absl::OkStatus();
                  }),
              IsOk());
  EXPECT_THAT(counts, testing::ElementsAre(2, 1));
}

TEST_F(PostgresRanges, WhoIsNotToGoOnIsNotKeptWaiting) {
  const TableSchema table = People();
  Create(table);
  Added(table, {.rows = {{1, "a", 1}, {2, "b", 2}}});
  Run("CREATE VIEW m.slow AS SELECT * FROM m.people WHERE pg_sleep(60) IS NOT NULL");
  const auto began = std::chrono::steady_clock::now();
  int asked = 0;
  EXPECT_THAT(ReadRanges(
                  *connection_, {"m.slow", table, "m.id", false}, {},
                  [&] { return ++asked < 5 ? absl::OkStatus() : absl::CancelledError("enough"); },
                  [](const postgres::RowView&, std::size_t) { return absl::OkStatus(); }),
              StatusIs(StatusCode::kCancelled, HasSubstr("enough")));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30));
  int rows = 0;
  EXPECT_THAT(ReadRanges(
                  *connection_, {Name(table), table, "m.id", true}, {}, [] { return absl::OkStatus(); },
                  [&](const postgres::RowView&, std::size_t) {
                    ++rows;
                    return absl::AbortedError("no more");
                  }),
              StatusIs(StatusCode::kAborted, HasSubstr("no more")));
  EXPECT_EQ(rows, 1);
  EXPECT_EQ(In(table, {})[0].size(), 2U) << "the connection goes on";
}

TEST_F(PostgresRanges, ATableThatIsGoneIsSaid) {
  const TableSchema table = People();
  EXPECT_THAT(ReadRanges(
                  *connection_, {"m.people", table, "m.id", true}, {}, [] { return absl::OkStatus(); },
                  [](const postgres::RowView&, std::size_t) { return absl::OkStatus(); }),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("Somebody dropped or changed the table")));
}

}  // namespace
}  // namespace mirror::ranges_test
