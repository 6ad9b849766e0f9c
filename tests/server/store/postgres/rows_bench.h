#ifndef MIRROR_TESTS_SERVER_STORE_POSTGRES_ROWS_BENCH_H_
#define MIRROR_TESTS_SERVER_STORE_POSTGRES_ROWS_BENCH_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <bit>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/transaction.h"
#include "proto/wire/row_digest.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/types.h"
#include "server/store/postgres/rows/columns_in.h"
#include "server/store/postgres/rows/write_set.h"
#include "server/store/sqlite/rows/sqlite_rows.h"
#include "server/store/sqlite/rows/sqlite_schema.h"
#include "server/store/sqlite/rows/sqlite_stored_row.h"
#include "tests/support/postgres_database.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror {

inline std::vector<std::uint32_t> AllColumns(const TableSchema& table) {
  std::vector<std::uint32_t> columns(table.columns.size());
  for (std::uint32_t i = 0; i < columns.size(); ++i) columns[i] = i;
  return columns;
}

inline std::string NamesOf(const TableSchema& table, const std::vector<std::uint32_t>& columns) {
  std::string names;
  for (const std::uint32_t column : columns)
    absl::StrAppend(&names, names.empty() ? "" : ", ", QuoteName(table.columns[column].name));
  return names;
}

inline std::string Order(const TableSchema& table) {
  return table.Key().empty() ? "" : " ORDER BY " + NamesOf(table, table.Key());
}

/// What stands in a table, in the order of its key.
struct Contents {
  RowBlock rows;
  std::vector<std::uint64_t> digests;
};

/// Equal in every bit that is sent.
inline void ExpectSame(const Contents& a, const Contents& b, const TableSchema& table) {
  const auto bits = [](const std::vector<double>& doubles) {
    std::vector<std::uint64_t> all;
    for (const double value : doubles) all.push_back(std::bit_cast<std::uint64_t>(value));
    return all;
  };
  ASSERT_EQ(a.rows.rows(), b.rows.rows());
  for (std::size_t i = 0; i < a.rows.columns.size(); ++i) {
    SCOPED_TRACE(table.columns[i].name);
    const ColumnBuffer &one = a.rows.columns[i], &other = b.rows.columns[i];
    EXPECT_EQ(one.ints(), other.ints());
    EXPECT_EQ(bits(one.doubles()), bits(other.doubles()));
    EXPECT_EQ(one.data(), other.data());
    EXPECT_EQ(one.lengths(), other.lengths());
    EXPECT_EQ(one.nulls(), other.nulls());
    EXPECT_EQ(one.kinds(), other.kinds());
  }
  EXPECT_EQ(a.digests, b.digests);
}

/// Mirrored tables in a PostgreSQL, written by batches that went through the codec.
class PostgresRowsBench : public PostgresDatabaseTest {
 protected:
  static constexpr char kReceipts[] = "m._mirror_receipts";

  void Fill() override {
    Run("CREATE SCHEMA m");
    Run(absl::StrCat("CREATE TABLE ", kReceipts,
                     " (kind smallint, table_key text COLLATE \"C\", number bigint, \"offset\" bigint, cycle "
                     "bigint, data bytea, PRIMARY KEY (kind, table_key, number, \"offset\"))"));
  }

  /// As the mirror makes it, and `more` behind the columns: ", partner text".
  void Create(const TableSchema& table, const std::string& more = "") {
    std::string sql;
    for (const Column& column : table.columns) {
      absl::StrAppend(&sql, sql.empty() ? "" : ", ", QuoteName(column.name), " ", DeclaredType(column),
                      column.nullable ? "" : " NOT NULL");
    }
    if (HasKinds(table)) absl::StrAppend(&sql, ", ", kKindsColumn, " bytea NOT NULL DEFAULT ''");
    if (HasOwned(table)) absl::StrAppend(&sql, ", ", kOwnedColumn, " bigint");
    sql += more;
    if (!table.Key().empty()) absl::StrAppend(&sql, ", PRIMARY KEY (", NamesOf(table, table.Key()), ")");
    Run(absl::StrCat("CREATE TABLE ", Name(table), " (", sql, ")"));
  }

  static std::string Name(const TableSchema& table) { return Qualified("m", table.name); }

  /// In a transaction of its own, which lasts if it went well.
  absl::Status Write(const TableSchema& table, const BatchSpec& spec, RowsWritten* written = nullptr,
                     bool has_new_keys = false) {
    const TestBatch batch = MakeBatch(table, spec);
    EXPECT_THAT(batch.batch, IsOk());
    if (!batch.batch.ok()) return batch.batch.status();
    RowsWritten ignored;
    const PostgresTarget target = {Name(table), kReceipts, FirstKinds(table), has_new_keys};
    postgres::Transaction transaction(*connection_);
    EXPECT_THAT(transaction.Begin(), IsOk());
    absl::Status status =
        WriteRows(*connection_, target, {.schema = &*batch.schema, .batch = &*batch.batch, .cycle = 1},
                  written == nullptr ? &ignored : written);
    return status.ok() ? transaction.Commit() : status;
  }

  /// RowsWritten::added; the batch has to go well.
  std::int64_t Added(const TableSchema& table, const BatchSpec& spec) {
    RowsWritten written;
    EXPECT_THAT(Write(table, spec, &written), IsOk());
    return written.added;
  }

  absl::Status TryRead(const TableSchema& table, Contents* contents) {
    const PostgresKinds kinds = FirstKinds(table);
    PostgresStoredRows stored(table, kinds, AllColumns(table));
    const absl::StatusOr<postgres::Rows> rows = connection_->Query(
        absl::StrCat("SELECT ", stored.SelectList("t"), " FROM ", Name(table), " AS t", Order(table)));
    if (!rows.ok()) return rows.status();
    contents->rows = RowBlock::ForAll(table);
    RowDigest digest;
    for (int row = 0; row < rows->rows(); ++row) {
      if (absl::Status read = stored.Append(*rows, row, &contents->rows); !read.ok()) return read;
      if (absl::Status read = stored.Digest(*rows, row, &digest); !read.ok()) return read;
      contents->digests.push_back(digest.Finish());
    }
    return absl::OkStatus();
  }
  Contents Read(const TableSchema& table) {
    Contents contents;
    EXPECT_THAT(TryRead(table, &contents), IsOk());
    return contents;
  }

  void Run(const std::string& sql) { ASSERT_THAT(connection_->Execute(sql), IsOk()) << sql; }
  std::int64_t Number(const std::string& sql) {
    const absl::StatusOr<std::int64_t> number = connection_->Number(sql);
    EXPECT_THAT(number, IsOk()) << sql;
    return number.value_or(-1);
  }
};

/// As SQLite has the values of a row, without anything of ours between.
inline std::uint64_t DigestInSqlite(sqlite3_stmt* row) {
  RowDigest digest;
  for (int i = 0; i < sqlite3_column_count(row); ++i) {
    const auto bytes = [&] {
      const auto* const data = static_cast<const char*>(sqlite3_column_blob(row, i));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, i));
      return data == nullptr ? std::string_view() : std::string_view(data, size);
    };
    const int type = sqlite3_column_type(row, i);
    if (type == SQLITE_NULL) digest.AddNull();
    if (type == SQLITE_INTEGER) digest.AddInteger(sqlite3_column_int64(row, i));
    if (type == SQLITE_FLOAT) digest.AddReal(sqlite3_column_double(row, i));
    if (type == SQLITE_TEXT) digest.AddText(bytes());
    if (type == SQLITE_BLOB) digest.AddBytes(bytes());
  }
  return digest.Finish();
}

/// What a SQLite mirror gives back after the same batches.
inline Contents InSqlite(const TableSchema& table, const std::vector<BatchSpec>& batches) {
  Contents contents;
  contents.rows = RowBlock::ForAll(table);
  const ScratchFolder folder;
  const auto connection =
      SqliteConnection::Open(folder.path() + "/m.db", true, MirrorUse::kBuilding, nullptr);
  EXPECT_THAT(connection, IsOk());
  if (!connection.ok()) return contents;
  EXPECT_THAT(CreateOwnTables(**connection, "ctx"), IsOk());
  EXPECT_THAT(RunCreateTable(**connection, {.schema = table}), IsOk());
  for (const BatchSpec& spec : batches) {
    const TestBatch batch = MakeBatch(table, spec);
    EXPECT_THAT(batch.batch, IsOk());
    if (!batch.batch.ok()) return contents;
    RowsWritten written;
    EXPECT_THAT(
        WriteRows(**connection, table.name, {.schema = &*batch.schema, .batch = &*batch.batch, .cycle = 1},
                  ApplyMethod::kBindLoop, 0, &written),
        IsOk());
  }
  sqlite3_stmt* row = nullptr;
  const std::string sql = absl::StrCat("SELECT ", NamesOf(table, AllColumns(table)), " FROM ",
                                       QuoteName(table.name), Order(table));
  EXPECT_EQ(sqlite3_prepare_v2((*connection)->handle(), sql.c_str(), -1, &row, nullptr), SQLITE_OK);
  while (sqlite3_step(row) == SQLITE_ROW) {
    EXPECT_THAT(AppendStoredRow(table, row, &contents.rows), IsOk());
    contents.digests.push_back(DigestInSqlite(row));
  }
  sqlite3_finalize(row);
  return contents;
}

}  // namespace mirror

#endif  // MIRROR_TESTS_SERVER_STORE_POSTGRES_ROWS_BENCH_H_
