// How fast the agent's readers give rows, without a mirror and without a network. Prints one JSON object.
//
//   source_bench make FILE ROWS          makes FILE with the table bench, of 12 columns and 184 bytes a row,
//   by
//                                        one prepared INSERT a row, 5,000 rows a transaction, WAL, full
//                                        synchronous: the yardstick of the figures below
//   source_bench install FILE            makes a change log for all of its tables, as mirror-agent install
//   does source_bench rows FILE TABLE         drains the reader of a population; with the log when FILE has
//   one source_bench changes FILE TABLE      drains the net changes behind the beginning of the table's log
//
// "seconds" is that work alone, "first_look_seconds" the look at the schema before it; "cpu_seconds" is what
// the process had of the processors for both, which a busy machine does not change much.

#include <sys/resource.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/block_memory.h"
#include "client/source/change_log.h"
#include "client/source/sqlite_file.h"
#include "client/source/sqlite_reader.h"
#include "client/source/sqlite_schema.h"

namespace mirror {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint64_t kRowsPerTransaction = 5'000;
constexpr int kColumns = 12;

struct Figures {
  std::uint64_t rows = 0;
  double seconds = 0, first_look_seconds = 0;
};

double Since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// Long values are not what is measured.
class Discard : public LargeSink {
 public:
  std::uint64_t NewValue() override { return ++values_; }
  absl::Status Part(std::uint64_t, std::uint64_t, std::string_view) override { return absl::OkStatus(); }

 private:
  std::uint64_t values_ = 0;
};

std::vector<std::uint32_t> AllColumns(const TableSchema& table) {
  std::vector<std::uint32_t> columns(table.columns.size());
  for (std::uint32_t i = 0; i < columns.size(); ++i) columns[i] = i;
  return columns;
}

/// Six texts of 20 to 27 bytes, a date, four integers and a number.
class ContactRow {
 public:
  explicit ContactRow(std::uint64_t id) : id_(static_cast<std::int64_t>(id)) {
    const std::uint64_t mixed = id * 0x9E3779B97F4A7C15ULL;
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      texts_[i] = absl::StrCat("text ", absl::Hex(mixed ^ (i * 0x1234567), absl::kZeroPad16));
    }
    texts_[5] = "2024-05-17 13:45:10";
    number_ = static_cast<double>(mixed >> 40) / 8;
    small_ = static_cast<std::int64_t>(mixed >> 48);
  }
  void Bind(sqlite3_stmt* insert) const {
    int at = 0;
    sqlite3_bind_int64(insert, ++at, id_);
    for (int i = 0; i < 3; ++i) sqlite3_bind_int64(insert, ++at, small_ << (i * 8));
    sqlite3_bind_double(insert, ++at, number_);
    for (const std::string& text : texts_) {
      sqlite3_bind_text(insert, ++at, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
    }
    sqlite3_bind_text(insert, ++at, texts_[5].data(), static_cast<int>(texts_[5].size()), SQLITE_STATIC);
  }

 private:
  std::int64_t id_, small_ = 0;
  double number_ = 0;
  std::vector<std::string> texts_ = std::vector<std::string>(6);
};

absl::StatusOr<Figures> Make(const std::string& path, std::uint64_t rows) {
  struct stat there = {};
  if (stat(path.c_str(), &there) == 0) return absl::AlreadyExistsError(absl::StrCat("'", path, "' is there"));
  SQLite::Database database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  database.exec(
      "CREATE TABLE bench (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, c INTEGER, d REAL, e TEXT, f TEXT, "
      "g TEXT, h TEXT, i TEXT, j TEXT, k TEXT)");
  sqlite3_stmt* raw = nullptr;
  std::string sql = "INSERT INTO bench VALUES (?";
  for (int i = 1; i < kColumns; ++i) sql += ", ?";
  sqlite3_prepare_v2(database.getHandle(), (sql + ")").c_str(), -1, &raw, nullptr);
  const Statement insert(raw);
  Figures figures;
  for (std::uint64_t from = 0; from < rows; from += kRowsPerTransaction) {
    std::vector<ContactRow> values;
    for (std::uint64_t i = from; i < std::min(rows, from + kRowsPerTransaction); ++i)
      values.emplace_back(i + 1);
    const Clock::time_point begin = Clock::now();
    database.exec("BEGIN IMMEDIATE");
    for (const ContactRow& row : values) {
      row.Bind(raw);
      if (sqlite3_step(raw) != SQLITE_DONE) return absl::UnavailableError(database.getErrorMsg());
      sqlite3_reset(raw);
    }
    database.exec("COMMIT");
    figures.seconds += Since(begin);
    figures.rows += values.size();
  }
  return figures;
}

/// A source as a run of the agent opens it.
struct Opened {
  std::unique_ptr<ChangeLog> log;
  std::unique_ptr<SourceReader> reader;
  SourceTable table;
};

absl::StatusOr<Opened> Open(const std::string& path, const std::string& table) {
  Opened source;
  absl::StatusOr<std::unique_ptr<ChangeLog>> log = ChangeLog::Open({.path = path, .host = "bench"});
  if (!log.ok()) return log.status();
  source.log = *std::move(log);
  source.reader = OpenSqliteReader({.path = path, .log = source.log.get()});
  const auto names = source.reader->TableNames();
  if (!names.ok()) return names.status();
  if (source.log != nullptr) {
    const auto renewed = source.log->Renew(*names);
    if (!renewed.ok()) return renewed.status();
  }
  absl::StatusOr<SourceSchema> schema = source.reader->Schema();
  if (!schema.ok()) return schema.status();
  for (SourceTable& one : schema->tables) {
    if (source.log != nullptr) source.log->Complete(one.schema);
    if (one.schema.name != table) continue;
    source.table = std::move(one);
    return source;
  }
  return absl::NotFoundError(absl::StrCat("there is no table '", table, "'"));
}

absl::StatusOr<Figures> DrainRows(const std::string& path, const std::string& table) {
  const Clock::time_point open = Clock::now();
  const absl::StatusOr<Opened> source = Open(path, table);
  if (!source.ok()) return source.status();
  Figures figures;
  figures.first_look_seconds = Since(open);
  const Clock::time_point begin = Clock::now();
  const TableSchema& schema = source->table.schema;
  const auto rows = source->reader->Read(table, AllColumns(schema));
  if (!rows.ok()) return rows.status();
  Discard sink;
  for (bool more = true; more;) {
    RowBlock block = RowBlock::ForAll(schema);
    const absl::StatusOr<bool> next = (*rows)->Next(BlockSize{}, &block, &sink);
    if (!next.ok()) return next.status();
    more = *next;
    figures.rows += block.rows();
  }
  figures.seconds = Since(begin);
  return figures;
}

absl::StatusOr<Figures> DrainChanges(const std::string& path, const std::string& table) {
  const Clock::time_point open = Clock::now();
  const absl::StatusOr<Opened> source = Open(path, table);
  if (!source.ok()) return source.status();
  const TableLog* log = source->log == nullptr ? nullptr : source->log->Find(table);
  if (log == nullptr) return absl::FailedPreconditionError("it has no change log: run 'install' first");
  Figures figures;
  const absl::StatusOr<std::map<std::string, Position>> began = source->log->Begin({table}, 0);
  if (!began.ok()) return began.status();
  figures.first_look_seconds = Since(open);
  const Clock::time_point begin = Clock::now();
  const auto changes =
      source->reader->Changes(table, Lsn{log->floor}, AllColumns(source->table.schema), false);
  if (!changes.ok()) return changes.status();
  Discard sink;
  for (bool last = false; !last;) {
    const absl::StatusOr<ChangePiece> piece = (*changes)->Next(BlockSize{}, &sink);
    if (!piece.ok()) return piece.status();
    last = piece->last;
    for (const ChangeBlock& block : piece->blocks) figures.rows += block.rows.rows();
  }
  figures.seconds = Since(begin);
  return figures;
}

absl::StatusOr<Figures> Install(const std::string& path) {
  const Clock::time_point begin = Clock::now();
  const auto installed = ChangeLog::Install({.path = path, .host = "bench"});
  if (!installed.ok()) return installed.status();
  const auto names = OpenSqliteReader({.path = path})->TableNames();
  if (!names.ok()) return names.status();
  const auto renewed = (*installed)->Renew(*names);
  if (!renewed.ok()) return renewed.status();
  Figures figures;
  figures.seconds = Since(begin);
  return figures;
}

absl::StatusOr<Figures> Run(const std::vector<std::string>& arguments) {
  const std::string command = arguments.empty() ? "" : arguments[0];
  std::uint64_t rows = 0;
  if (command == "make" && arguments.size() == 3 && absl::SimpleAtoi(arguments[2], &rows))
    return Make(arguments[1], rows);
  if (command == "install" && arguments.size() == 2) return Install(arguments[1]);
  if (command == "rows" && arguments.size() == 3) return DrainRows(arguments[1], arguments[2]);
  if (command == "changes" && arguments.size() == 3) return DrainChanges(arguments[1], arguments[2]);
  return absl::InvalidArgumentError(
      "source_bench make FILE ROWS | install FILE | rows FILE TABLE | changes FILE TABLE");
}

rusage Usage() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage;
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace
}  // namespace mirror

int main(int argc, char** argv) {
  mirror::KeepBlockMemory();
  mirror::PrepareSqlite();
  const absl::StatusOr<mirror::Figures> figures =
      mirror::Run(std::vector<std::string>(argv + 1, argv + argc));
  if (!figures.ok()) {
    std::cerr << "source_bench: " << figures.status().message() << '\n';
    return absl::IsInvalidArgument(figures.status()) ? 2 : 1;
  }
  const rusage usage = mirror::Usage();
  const double rate = figures->seconds > 0 ? static_cast<double>(figures->rows) / figures->seconds : 0;
  std::printf(
      "{\"rows\":%llu,\"seconds\":%.6f,\"rows_per_s\":%.0f,\"first_look_seconds\":%.6f,"
      "\"cpu_seconds\":%.6f,\"peak_rss_bytes\":%llu}\n",
      static_cast<unsigned long long>(figures->rows), figures->seconds, rate, figures->first_look_seconds,
      mirror::Seconds(usage.ru_utime) + mirror::Seconds(usage.ru_stime),
      static_cast<unsigned long long>(usage.ru_maxrss) * 1024);
  return 0;
}
