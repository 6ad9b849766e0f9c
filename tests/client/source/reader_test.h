#ifndef MIRROR_TESTS_CLIENT_SOURCE_READER_TEST_H_
#define MIRROR_TESTS_CLIENT_SOURCE_READER_TEST_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/source/reader.h"
#include "client/source/rows/block_digests.h"
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

  std::unique_ptr<SourceReader> reader_;
  SourceSchema schema_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_READER_TEST_H_
