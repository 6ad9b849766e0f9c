#ifndef MIRROR_TESTS_CLIENT_SOURCE_ODBC_SAME_SOURCE_H_
#define MIRROR_TESTS_CLIENT_SOURCE_ODBC_SAME_SOURCE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/source/reader.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror {

using SeenRows = std::vector<std::vector<std::string>>;

/// All of a source as one reader of it has it.
struct SeenTable {
  SourceTable table;
  SeenRows rows;
  RangeDigest digest;
  std::vector<std::pair<Key, std::uint64_t>> each;
};
using SeenSource = std::map<std::string, SeenTable>;

inline absl::StatusOr<DigestPiece> AllDigests(absl::StatusOr<std::unique_ptr<DigestReader>> reader,
                                              std::size_t step = 1'000) {
  if (!reader.ok()) return reader.status();
  DigestPiece all;
  while (!all.end) {
    absl::StatusOr<DigestPiece> piece = (*reader)->Next(step, /*each=*/true);
    if (!piece.ok()) return piece;
    all.digest.Add(piece->digest);
    all.rows.insert(all.rows.end(), piece->rows.begin(), piece->rows.end());
    all.end = piece->end;
  }
  return all;
}

inline absl::Status SeeTable(SourceReader& reader, SeenTable* seen) {
  const TableSchema& schema = seen->table.schema;
  if (!seen->table.problem.empty()) return absl::OkStatus();
  ReadTable read = ReadAll(reader, schema);
  if (!read.status.ok()) return read.status;
  seen->rows = std::move(read.rows);
  std::sort(seen->rows.begin(), seen->rows.end());
  const absl::StatusOr<DigestPiece> digests = AllDigests(reader.Digests(schema.name, AllColumns(schema)));
  if (!digests.ok()) return digests.status();
  seen->digest = digests->digest;
  seen->each = digests->rows;
  return absl::OkStatus();
}

/// Looks until each value fits what was announced, as a run does.
inline SeenSource SeeSource(SourceReader& reader, int looks = 4) {
  for (int look = 1;; ++look) {
    const absl::StatusOr<SourceSchema> schema = reader.Schema();
    EXPECT_THAT(schema, IsOk());
    if (!schema.ok()) return {};
    SeenSource seen;
    bool again = false;
    for (const SourceTable& table : schema->tables) {
      SeenTable& one = seen[table.schema.name];
      one.table = table;
      const absl::Status status = SeeTable(reader, &one);
      again = again || absl::IsAborted(status);
      if (!absl::IsAborted(status) || look == looks) {
        EXPECT_THAT(status, IsOk()) << table.schema.name;
      }
    }
    if (!again || look == looks) return seen;
  }
}

/// One reader says what the other one says: tables, types, keys, values and digests.
inline void ExpectSame(const SeenSource& odbc, const SeenSource& own) {
  std::vector<std::string> names, own_names;
  for (const auto& [name, table] : odbc) names.push_back(name);
  for (const auto& [name, table] : own) own_names.push_back(name);
  ASSERT_EQ(names, own_names);
  for (const auto& [name, table] : own) {
    SCOPED_TRACE(name);
    const SeenTable& seen = odbc.at(name);
    EXPECT_EQ(seen.table.problem, table.table.problem);
    const TableSchema &left = seen.table.schema, &right = table.table.schema;
    ASSERT_EQ(left.columns.size(), right.columns.size());
    for (std::size_t i = 0; i < left.columns.size(); ++i) {
      EXPECT_EQ(left.columns[i], right.columns[i])
          << right.columns[i].name << ": " << ToString(left.columns[i].type) << " "
          << left.columns[i].precision << " " << left.columns[i].scale << " " << left.columns[i].nullable
          << " and " << ToString(right.columns[i].type) << " " << right.columns[i].precision << " "
          << right.columns[i].scale << " " << right.columns[i].nullable;
    }
    EXPECT_EQ(left.table_id, right.table_id);
    EXPECT_EQ(seen.rows, table.rows);
    EXPECT_EQ(seen.digest, table.digest);
    EXPECT_EQ(seen.each, table.each);
  }
}

/// As a new look has it.
inline TableSchema SchemaOfTable(SourceReader& reader, const std::string& table) {
  const auto schema = reader.Schema();
  EXPECT_THAT(schema, IsOk());
  if (!schema.ok()) return {};
  for (const SourceTable& one : schema->tables) {
    if (one.schema.name == table) return one.schema;
  }
  ADD_FAILURE() << table;
  return {};
}

/// The only row of a table is found by its key.
inline void ExpectRowOfItsKey(SourceReader& reader, const std::string& name, const SeenSource& seen) {
  const SeenTable& table = seen.at(name);
  ASSERT_EQ(table.each.size(), 1U);
  auto rows = reader.RowsOf(name, {1}, {table.each[0].first});
  ASSERT_THAT(rows, IsOk());
  Pieces pieces;
  const absl::StatusOr<ChangePiece> piece = (*rows)->Next({}, &pieces);
  ASSERT_THAT(piece, IsOk());
  ASSERT_EQ(piece->blocks.size(), 1U);
  EXPECT_EQ(piece->blocks[0].operation, Operation::kInsert);
}

/// The rows with a value of a column that is `from` or greater, by their key, an integer.
struct SeenBound {
  std::uint32_t column;
  KeyPart from;
  std::vector<std::int64_t> ids;
};
/// The fourth column is sent with the key.
inline void ExpectScansFrom(SourceReader& reader, const std::string& table,
                            const std::vector<SeenBound>& bounds) {
  for (const SeenBound& bound : bounds) {
    SCOPED_TRACE(absl::StrCat(bound.column, " ", bound.from.integer, " ", bound.from.bytes));
    const auto scan = AllDigests(reader.ScanFrom(table, {0, 3}, {bound.column, bound.from}));
    ASSERT_THAT(scan, IsOk());
    std::vector<std::int64_t> ids;
    for (const auto& [key, digest] : scan->rows) ids.push_back(key.front().integer);
    std::sort(ids.begin(), ids.end());
    EXPECT_EQ(ids, bound.ids);
  }
}

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_ODBC_SAME_SOURCE_H_
