#ifndef MIRROR_TESTS_CLIENT_SOURCE_READER_TEST_H_
#define MIRROR_TESTS_CLIENT_SOURCE_READER_TEST_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/source/reader.h"
#include "client/source/sqlite/log/block_digests.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror {

using ShownRows = std::vector<std::vector<std::string>>;

inline Key IntKey(std::int64_t value) { return {{.kind = Kind::kInteger, .integer = value}}; }
inline Key TextKey(const std::string& value) { return {{.kind = Kind::kText, .bytes = value}}; }

/// What tests of readers of databases do with one. `Base`: the database.
template <typename Base>
class ReaderTest : public Base {
 protected:
  /// For the next reader: see SourceTable::record.
  virtual void Remember(const std::string& table, const std::string& record) = 0;

  void Look() {
    absl::StatusOr<SourceSchema> schema = reader_->Schema();
    ASSERT_THAT(schema, IsOk());
    schema_ = *std::move(schema);
    for (const SourceTable& table : schema_.tables) Remember(table.schema.name, table.record);
  }
  const SourceTable& Table(const std::string& name) {
    for (const SourceTable& table : schema_.tables) {
      if (table.schema.name == name) return table;
    }
    ADD_FAILURE() << "no table " << name;
    static const SourceTable kNone;
    return kNone;
  }
  const Column& ColumnOf(const std::string& table, const std::string& column) {
    const TableSchema& schema = Table(table).schema;
    const auto at = schema.Find(column);
    EXPECT_TRUE(at) << column;
    static const Column kNone;
    return at ? schema.columns[*at] : kNone;
  }

  ShownRows Rows(const std::string& table) {
    const ReadTable read = ReadAll(*reader_, Table(table).schema);
    EXPECT_THAT(read.status, IsOk());
    ShownRows rows = read.rows;
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  /// All pieces of a reader of digests, as one.
  static absl::StatusOr<DigestPiece> Digest(absl::StatusOr<std::unique_ptr<DigestReader>> reader,
                                            std::size_t step = 7) {
    if (!reader.ok()) return reader.status();
    DigestPiece all;
    while (!all.end) {
      absl::StatusOr<DigestPiece> piece = (*reader)->Next(step, /*each=*/true);
      if (!piece.ok()) return piece;
      all.digest.Add(piece->digest);
      all.rows.insert(all.rows.end(), piece->rows.begin(), piece->rows.end());
      all.by_column.insert(all.by_column.end(), piece->by_column.begin(), piece->by_column.end());
      all.greatest = piece->greatest;
      all.end = piece->end;
    }
    return all;
  }

  /// The digests of the rows that Read() gives, as who gets them takes them.
  std::map<Key, std::uint64_t> DigestsOfRead(const std::string& table, RangeDigest* whole) {
    const TableSchema& schema = Table(table).schema;
    std::map<Key, std::uint64_t> digests;
    auto rows = reader_->Read(table, AllColumns(schema));
    EXPECT_THAT(rows, IsOk());
    Pieces pieces;
    for (bool more = rows.ok(); more;) {
      RowBlock block = RowBlock::ForAll(schema);
      const absl::StatusOr<bool> next = (*rows)->Next({1'000}, &block, &pieces);
      EXPECT_THAT(next, IsOk());
      more = next.ok() && *next;
      BlockDigests of_block(schema, block, /*by_column=*/false);
      while (of_block.Next()) {
        EXPECT_TRUE(of_block.whole());
        whole->Add(of_block.digest());
        digests[of_block.key()] = of_block.digest();
      }
    }
    return digests;
  }
  /// Read() and Digests() say the same of the table, and the latter in the order of keys.
  void ExpectEqualDigests(const std::string& table) {
    RangeDigest whole;
    const std::map<Key, std::uint64_t> read = DigestsOfRead(table, &whole);
    const auto all = Digest(reader_->Digests(table, AllColumns(Table(table).schema)));
    ASSERT_THAT(all, IsOk());
    EXPECT_EQ(all->digest, whole) << table;
    if (Table(table).schema.Key().empty()) return;
    const std::vector<std::pair<Key, std::uint64_t>> in_order(read.begin(), read.end());
    EXPECT_EQ(all->rows, in_order) << table;
  }

  /// What RowsOf() gives: the rows, and the keys that are gone.
  struct Found {
    ShownRows rows, gone;
  };
  absl::StatusOr<Found> RowsOf(const std::string& table, std::vector<Key> keys, const BlockSize& size = {}) {
    auto reader = reader_->RowsOf(table, AllColumns(Table(table).schema), std::move(keys));
    if (!reader.ok()) return reader.status();
    Found found;
    Pieces pieces;
    for (bool last = false; !last;) {
      const absl::StatusOr<ChangePiece> piece = (*reader)->Next(size, &pieces);
      if (!piece.ok()) return piece.status();
      last = piece->last;
      for (const ChangeBlock& block : piece->blocks) {
        EXPECT_LE(block.rows.rows(), size.rows);
        AppendRows(block.rows, block.operation == Operation::kInsert ? &found.rows : &found.gone);
      }
    }
    std::sort(found.rows.begin(), found.rows.end());
    std::sort(found.gone.begin(), found.gone.end());
    return found;
  }

  /// A value of the second column, which is a date's and is there for the key 2, does not fit: each way to
  /// read finds that out.
  void ExpectMisfitsByEachWay(const std::string& table, const std::string& column) {
    const std::vector<std::uint32_t> columns = {0, 1};
    const std::vector<std::pair<std::string, std::function<absl::Status()>>> ways = {
        {"Read", [&] { return ReadAll(*reader_, Table(table).schema).status; }},
        {"Scan", [&] { return Digest(reader_->Scan(table, columns)).status(); }},
        {"ScanFrom",
         [&] {
           return Digest(reader_->ScanFrom(table, columns, {0, IntKey(0).front()})).status();
         }},
        {"RowsOf", [&] { return RowsOf(table, {IntKey(2)}).status(); }},
        {"LookAtColumn", [&] { return reader_->LookAtColumn(table, 1).status(); }}};
    for (const auto& [name, way] : ways) {
      SCOPED_TRACE(name);
      reader_->Forget(table);
      Look();
      EXPECT_EQ(ColumnOf(table, column).type, Type::kDate);
      EXPECT_EQ(way().code(), absl::StatusCode::kAborted) << way();
      Look();
      EXPECT_EQ(ColumnOf(table, column).type, Type::kAny);
      EXPECT_THAT(way(), IsOk());
    }
  }

  /// Of all keys of the table, as many as `count`, the rows are found, and none once `empty` deleted them.
  void ExpectRowsByKey(const std::string& table, std::size_t count, const std::function<void()>& empty) {
    ExpectEqualDigests(table);
    RangeDigest whole;
    std::vector<Key> all;
    for (const auto& [key, digest] : DigestsOfRead(table, &whole)) all.push_back(key);
    ASSERT_EQ(all.size(), count);
    const Key gone = all.back();
    const absl::StatusOr<Found> before = RowsOf(table, all);
    ASSERT_THAT(before, IsOk());
    EXPECT_EQ(before->rows.size(), all.size());
    EXPECT_EQ(before->rows, Rows(table));
    empty();
    const absl::StatusOr<Found> after = RowsOf(table, {gone});
    ASSERT_THAT(after, IsOk());
    EXPECT_EQ(after->rows.size(), 0U);
    EXPECT_EQ(after->gone.size(), 1U);
  }

  /// The rows with a value of a column that is `from` or greater, by their key, an integer.
  struct BoundCase {
    std::uint32_t column;
    KeyPart from;
    std::vector<std::int64_t> ids;
  };
  /// Its columns: id, a number whose greatest is 7, another, a text.
  void ExpectScansFrom(const std::string& table, const std::vector<BoundCase>& bounds) {
    for (const BoundCase& bound : bounds) {
      SCOPED_TRACE(absl::StrCat(bound.column, " ", bound.from.integer, " ", bound.from.bytes));
      const auto scan = Digest(reader_->ScanFrom(table, {0, 3}, {bound.column, bound.from}));
      ASSERT_THAT(scan, IsOk());
      std::vector<std::int64_t> ids;
      for (const auto& [key, digest] : scan->rows) ids.push_back(key.front().integer);
      std::sort(ids.begin(), ids.end());
      EXPECT_EQ(ids, bound.ids);
      EXPECT_EQ(scan->greatest.kind == Kind::kNull, bound.ids.empty());
    }
    const auto greatest = Digest(reader_->ScanFrom(table, {0}, {1, IntKey(0).front()}));
    ASSERT_THAT(greatest, IsOk());
    EXPECT_EQ(greatest->greatest, IntKey(7).front());
    // By another key than the table's, and what a `where` leaves out, which there is not.
    RowBound bound{1, IntKey(6).front(), {3}};
    const auto by_v = Digest(reader_->ScanFrom(table, {0}, bound));
    ASSERT_THAT(by_v, IsOk());
    ASSERT_EQ(by_v->rows.size(), 2U);
    EXPECT_EQ(by_v->rows[0].first.front().kind, Kind::kText);
    bound.left_out = true;
    EXPECT_EQ(Digest(reader_->ScanFrom(table, {0}, bound))->digest.rows, 0U);
  }

  std::unique_ptr<SourceReader> reader_;
  SourceSchema schema_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_READER_TEST_H_
