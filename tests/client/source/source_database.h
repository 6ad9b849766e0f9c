#ifndef MIRROR_TESTS_CLIENT_SOURCE_SOURCE_DATABASE_H_
#define MIRROR_TESTS_CLIENT_SOURCE_SOURCE_DATABASE_H_

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/source/reader.h"
#include "client/source/sqlite/sqlite_reader.h"
#include "tests/support/processes.h"

namespace mirror {

/// A connection of the application that owns the source.
class Application {
 public:
  explicit Application(const std::string& path) {
    EXPECT_EQ(sqlite3_open(path.c_str(), &database_), SQLITE_OK);
    sqlite3_busy_timeout(database_, 5'000);
    Run("PRAGMA synchronous = OFF");  // The tests are not about power loss.
  }
  ~Application() { sqlite3_close(database_); }
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  void Run(const std::string& sql) {
    EXPECT_EQ(Try(sql), SQLITE_OK) << sqlite3_errmsg(database_) << "\n" << sql;
  }
  int Try(const std::string& sql) { return sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr); }
  sqlite3* handle() { return database_; }

 private:
  sqlite3* database_ = nullptr;
};

inline void Sql(const std::string& path, const std::string& sql) { Application(path).Run(sql); }

/// The pieces of long values, put together again.
class Pieces : public LargeSink {
 public:
  std::uint64_t NewValue() override {
    values_.emplace_back();
    return values_.size();
  }
  absl::Status Part(std::uint32_t /*column*/, std::uint64_t value_id, std::uint64_t offset,
                    std::string_view data) override {
    std::string& value = values_[value_id - 1];
    EXPECT_EQ(value.size(), offset);
    longest_ = std::max(longest_, data.size());
    value.append(data);
    return absl::OkStatus();
  }
  const std::string& value(std::uint64_t id) const { return values_[id - 1]; }
  std::size_t longest() const { return longest_; }

 private:
  std::vector<std::string> values_;
  std::size_t longest_ = 0;
};

/// "null", "i:5", "r:0.5", "t:text", "b:00ff", "x:ff" (text that is none), "large t:8388608".
inline std::string ShowKind(Kind kind, const std::string& bytes) {
  const bool text = kind == Kind::kText;
  return absl::StrCat(text                  ? "t:"
                      : kind == Kind::kBlob ? "b:"
                                            : "x:",
                      text ? bytes : absl::BytesToHexString(bytes));
}

/// Rows of a block, each value as ShowKind has it.
inline void AppendRows(const RowBlock& block, std::vector<std::vector<std::string>>* rows) {
  const std::size_t first = rows->size();
  rows->resize(first + block.rows());
  for (const ColumnBuffer& column : block.columns) {
    std::size_t i = 0, d = 0, b = 0, at = 0, large = 0;
    for (std::size_t r = 0; r < block.rows(); ++r) {
      const bool any = column.storage() == Storage::kAny;
      Kind kind = Kind::kNull;
      if (any) {
        kind = static_cast<Kind>(column.kinds()[r]);
      } else {
        const bool null = r / 8 < column.nulls().size() && ((column.nulls()[r / 8] >> (r % 8)) & 1) != 0;
        kind = null                                    ? Kind::kNull
               : column.storage() == Storage::kInts    ? Kind::kInteger
               : column.storage() == Storage::kDoubles ? Kind::kReal
                                                       : Kind::kText;
        // Except for ANY, a NULL has an entry too.
        if (null) {
          if (column.storage() == Storage::kInts) ++i;
          if (column.storage() == Storage::kDoubles) ++d;
          if (column.storage() == Storage::kBytes) ++b;
        }
      }
      std::string shown = "null";
      if (kind == Kind::kInteger) shown = absl::StrCat("i:", column.ints()[i++]);
      if (kind == Kind::kReal) shown = absl::StrCat("r:", column.doubles()[d++]);
      if (kind == Kind::kText || kind == Kind::kBlob || kind == Kind::kRawText) {
        const std::uint32_t size = column.lengths()[b++];
        shown = ShowKind(kind, column.data().substr(at, size));
        at += size;
        if (large < column.large().size() && column.large()[large].row == r) {
          shown = absl::StrCat("large ", shown.substr(0, 2), column.large()[large].size);
          ++large;
        }
      }
      (*rows)[first + r].push_back(shown);
    }
  }
}

struct ReadTable {
  absl::Status status;
  std::vector<std::vector<std::string>> rows;
  int calls = 0;
};

inline std::vector<std::uint32_t> AllColumns(const TableSchema& table) {
  std::vector<std::uint32_t> columns(table.columns.size());
  for (std::uint32_t i = 0; i < columns.size(); ++i) columns[i] = i;
  return columns;
}

/// All rows of a table, in blocks of `bytes`.
inline ReadTable ReadAll(SourceReader& reader, const TableSchema& table, std::size_t bytes = 1'000'000,
                         Pieces* pieces = nullptr) {
  ReadTable read;
  Pieces unused;
  auto rows = reader.Read(table.name, AllColumns(table));
  if (!rows.ok()) {
    read.status = rows.status();
    return read;
  }
  RowBlock block = RowBlock::ForAll(table);
  for (bool more = true; more; ++read.calls) {
    block.Clear();
    const absl::StatusOr<bool> next = (*rows)->Next({bytes}, &block, pieces == nullptr ? &unused : pieces);
    if (!next.ok()) {
      read.status = next.status();
      return read;
    }
    more = *next;
    AppendRows(block, &read.rows);
  }
  return read;
}

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_SOURCE_DATABASE_H_
