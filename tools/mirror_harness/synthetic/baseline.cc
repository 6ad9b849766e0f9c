#include "tools/mirror_harness/synthetic/baseline.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/mirror_harness/synthetic/sqlite_file.h"

namespace mirror::harness {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint64_t kRowsPerTransaction = 5'000;

/// A database in a file with a new name. The destructor removes this file and SQLite's files beside it.
class TemporaryDatabase {
 public:
  explicit TemporaryDatabase(const std::string& folder)
      : path_(absl::StrCat(folder, "/.mirror-harness-baseline-", getpid(), ".db")) {
    Remove();
  }
  ~TemporaryDatabase() { Remove(); }
  TemporaryDatabase(const TemporaryDatabase&) = delete;
  TemporaryDatabase& operator=(const TemporaryDatabase&) = delete;
  const std::string& path() const { return path_; }

 private:
  void Remove() const {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
      std::error_code ignored;
      std::filesystem::remove(path_ + suffix, ignored);
    }
  }
  std::string path_;
};

/// The values of a block of rows in the form in which they are bound, row by row.
class BoundRows {
 public:
  void Make(const RowModel& model, std::uint64_t from, std::uint64_t to) {
    cells_.clear();
    text_.clear();
    std::string scratch, stored_scratch;
    for (std::uint64_t rank = from; rank < to; ++rank) {
      const std::int64_t key = model.KeyAt(rank);
      for (const Recipe& recipe : model.recipes()) {
        StoredCell cell = Stored(recipe, model.At(key, recipe.column, &scratch), &stored_scratch);
        places_.push_back(text_.size());
        text_.append(cell.bytes);
        cells_.push_back(cell);
      }
    }
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      cells_[i].bytes = std::string_view(text_).substr(places_[i], cells_[i].bytes.size());
    }
    places_.clear();
  }
  const std::vector<StoredCell>& cells() const { return cells_; }

 private:
  std::vector<StoredCell> cells_;
  std::vector<std::size_t> places_;
  std::string text_;
};

void Bind(sqlite::Statement& statement, int place, const StoredCell& cell) {
  switch (cell.kind) {
    case StoredCell::Kind::kNull:
      statement.BindNull(place);
      return;
    case StoredCell::Kind::kInteger:
      statement.Bind(place, cell.integer);
      return;
    case StoredCell::Kind::kReal:
      statement.Bind(place, cell.real);
      return;
    case StoredCell::Kind::kText:
      statement.Bind(place, cell.bytes);
      return;
    case StoredCell::Kind::kBlob:
      statement.BindBlob(place, cell.bytes);
      return;
  }
}

const char* DeclaredType(Type type) {
  switch (StorageOf(type)) {
    case Storage::kDoubles:
      return "REAL";
    case Storage::kInts:
      return type >= Type::kDate && type <= Type::kTimestampTz ? "TEXT" : "INTEGER";
    default:
      return type == Type::kBytes ? "BLOB" : "TEXT";
  }
}

std::string CreateTable(const TableSchema& table) {
  const std::vector<std::uint32_t> key = table.Key();
  const bool rowid =
      key.size() == 1 && std::string_view(DeclaredType(table.columns[key[0]].type)) == "INTEGER";
  std::string sql = absl::StrCat("CREATE TABLE ", QuoteName(table.name), " (");
  const char* separator = "";
  for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
    absl::StrAppend(&sql, separator, QuoteName(table.columns[i].name), " ",
                    DeclaredType(table.columns[i].type));
    if (rowid && key[0] == i) absl::StrAppend(&sql, " PRIMARY KEY");
    separator = ", ";
  }
  if (!rowid && !key.empty()) {
    absl::StrAppend(&sql, ", PRIMARY KEY (");
    separator = "";
    for (const std::uint32_t column : key) {
      absl::StrAppend(&sql, separator, QuoteName(table.columns[column].name));
      separator = ", ";
    }
    absl::StrAppend(&sql, ")) WITHOUT ROWID");
    return sql;
  }
  return sql + ")";
}

std::string InsertRow(const TableSchema& table) {
  std::string sql = absl::StrCat("INSERT INTO ", QuoteName(table.name), " VALUES (");
  for (std::size_t i = 0; i < table.columns.size(); ++i) absl::StrAppend(&sql, i == 0 ? "?" : ", ?");
  return sql + ")";
}

absl::Status InsertTable(const sqlite::Connection& database, const RowModel& model, BaselineResult* result) {
  RETURN_IF_ERROR(database.Execute(CreateTable(model.schema())));
  sqlite::Statement insert = database.Prepare(
      InsertRow(model.schema()), absl::StrCat("baseline, table '", model.schema().name, "', in"));
  if (!insert.status().ok()) return insert.status();
  BoundRows rows;
  const std::size_t width = model.recipes().size();
  for (std::uint64_t from = 0; from < model.rows(); from += kRowsPerTransaction) {
    const std::uint64_t to = std::min(model.rows(), from + kRowsPerTransaction);
    rows.Make(model, from, to);
    const Clock::time_point start = Clock::now();
    RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
    const StoredCell* cell = rows.cells().data();
    for (std::uint64_t row = from; row < to; ++row) {
      for (std::size_t i = 0; i < width; ++i) Bind(insert, static_cast<int>(i) + 1, *cell++);
      RETURN_IF_ERROR(insert.Run());
    }
    RETURN_IF_ERROR(database.Execute("COMMIT"));
    result->seconds += std::chrono::duration<double>(Clock::now() - start).count();
    result->rows += to - from;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BaselineResult> RunBaseline(const std::vector<RowModel>& tables, const std::string& folder) {
  const TemporaryDatabase file(folder);
  ASSIGN_OR_RETURN(const Database database, OpenDatabase(file.path(), sqlite::OpenAs::Mode::kMake));
  RETURN_IF_ERROR(
      database->Execute("PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"));
  BaselineResult result;
  for (const RowModel& table : tables) {
    RETURN_IF_ERROR(InsertTable(*database, table, &result));
  }
  return result;
}

}  // namespace mirror::harness
