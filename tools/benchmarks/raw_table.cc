// These macros make the header declare functions that Debian's library has.
#define SQLITE_ENABLE_SESSION 1
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include "tools/benchmarks/raw_table.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/benchmarks/step.h"

namespace mirror::bench {
namespace {

constexpr std::size_t kBlock = 4'096;
constexpr std::uint64_t kBlocks = 256;

/// Measures how long the disk takes to make 4,096 overwritten bytes durable: `count` times pwrite and
/// fdatasync, in a file of 1 MB, which it then removes. Errors: kUnavailable with the system's message.
absl::StatusOr<StepTime> SyncDisk(const std::string& path, std::uint64_t count) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  std::string block(kBlock, 'x');
  bool fine = file >= 0;
  for (std::uint64_t i = 0; fine && i < kBlocks; ++i) {
    fine = write(file, block.data(), kBlock) == static_cast<ssize_t>(kBlock);
  }
  fine = fine && fsync(file) == 0;
  StepTime time;
  for (std::uint64_t i = 0; fine && i < count; ++i) {
    block[i % kBlock] = static_cast<char>('a' + i % 26);
    const auto offset = static_cast<off_t>(i * 7 % kBlocks * kBlock);
    const Clock::time_point start = Clock::now();
    fine = pwrite(file, block.data(), kBlock, offset) == static_cast<ssize_t>(kBlock) && fdatasync(file) == 0;
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    time.seconds += seconds;
    time.call_us.push_back(seconds * 1e6);
  }
  const int reason = errno;
  if (file >= 0) close(file);
  unlink(path.c_str());
  if (!fine) return absl::ErrnoToStatus(reason, absl::StrCat("writing '", path, "'"));
  return time;
}

std::string CreateTable(const BenchRows& rows) {
  const TableSchema& table = rows.schema();
  std::string sql = absl::StrCat("CREATE TABLE ", QuoteName(table.name), " (");
  for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
    const Storage storage = rows.StorageAt(i);
    absl::StrAppend(&sql, i == 0 ? "" : ", ", QuoteName(table.columns[i].name),
                    storage == Storage::kInts      ? " INTEGER"
                    : storage == Storage::kDoubles ? " REAL"
                                                   : " TEXT",
                    i == 0 && rows.shape().key == KeyKind::kInteger ? " PRIMARY KEY" : "");
  }
  if (rows.shape().key == KeyKind::kInteger) return sql + ")";
  absl::StrAppend(&sql, ", PRIMARY KEY (");
  for (std::uint32_t i = 0; i < rows.key_width(); ++i) {
    absl::StrAppend(&sql, i == 0 ? "" : ", ", QuoteName(table.columns[i].name));
  }
  return sql + ")) WITHOUT ROWID";
}

std::string Joined(const BenchRows& rows, const std::vector<std::uint32_t>& columns, const char* separator,
                   const std::function<std::string(const std::string&)>& shown) {
  std::string text;
  for (const std::uint32_t column : columns) {
    absl::StrAppend(&text, text.empty() ? "" : separator,
                    shown(QuoteName(rows.schema().columns[column].name)));
  }
  return text;
}

/// Returns the statement of a verb. Its parameters are, for kUpdate, the values and then the key; for other
/// verbs the key and then the values.
std::string StatementFor(const BenchRows& rows, Verb verb) {
  const std::string table = QuoteName(rows.schema().name);
  const auto is = [](const std::string& name) { return name + " = ?"; };
  const std::string where = Joined(rows, rows.KeyColumns(), " AND ", is);
  if (verb == Verb::kDelete) return absl::StrCat("DELETE FROM ", table, " WHERE ", where);
  const std::vector<std::uint32_t> values = rows.ValueColumns(verb);
  if (verb == Verb::kUpdate) {
    return absl::StrCat("UPDATE ", table, " SET ", Joined(rows, values, ", ", is), " WHERE ", where);
  }
  std::string sql = absl::StrCat("INSERT INTO ", table, " VALUES (");
  for (std::size_t i = 0; i < rows.schema().columns.size(); ++i) absl::StrAppend(&sql, i == 0 ? "?" : ", ?");
  sql += ")";
  if (verb != Verb::kUpsert) return sql;
  return absl::StrCat(
      sql, " ON CONFLICT (", Joined(rows, rows.KeyColumns(), ", ", [](const auto& name) { return name; }),
      ") DO UPDATE SET ",
      Joined(rows, values, ", ", [](const auto& name) { return absl::StrCat(name, " = excluded.", name); }));
}

/// Binds the values of one row after the other.
class Binder {
 public:
  Binder(const BenchRows& rows, const Step& step, sqlite3_stmt* statement)
      : rows_(rows),
        version_(step.version),
        key_at_(step.verb == Verb::kUpdate ? static_cast<int>(rows.ValueColumns(step.verb).size()) + 1 : 1),
        values_at_(step.verb == Verb::kUpdate ? 1 : static_cast<int>(rows.key_width()) + 1),
        statement_(statement) {
    for (const std::uint32_t column : rows.ValueColumns(step.verb)) {
      values_.push_back({column - rows.key_width(), rows.StorageAt(column)});
    }
  }

  void Bind(std::int64_t key) {
    if (rows_.shape().key == KeyKind::kText) {
      digits_ = BenchRows::KeyDigits(key);
      sqlite3_bind_text(statement_, key_at_, digits_.data(), static_cast<int>(digits_.size()), SQLITE_STATIC);
    } else {
      const auto numbers = BenchRows::KeyNumbers(rows_.shape().key, key);
      for (std::uint32_t i = 0; i < rows_.key_width(); ++i) {
        sqlite3_bind_int64(statement_, key_at_ + static_cast<int>(i), numbers[i]);
      }
    }
    if (values_.empty()) return;
    const Value* row = rows_.ValuesAt(rows_.Place(key, version_));
    int at = values_at_;
    for (const auto& [column, storage] : values_) {
      const Value& value = row[column];
      switch (storage) {
        case Storage::kInts:
          sqlite3_bind_int64(statement_, at++, value.integer);
          break;
        case Storage::kDoubles:
          sqlite3_bind_double(statement_, at++, value.real);
          break;
        default:
          sqlite3_bind_text(statement_, at++, value.text, static_cast<int>(value.size), SQLITE_STATIC);
      }
    }
  }

 private:
  const BenchRows& rows_;
  const std::uint32_t version_;
  const int key_at_, values_at_;
  sqlite3_stmt* statement_;
  struct Bound {
    std::uint32_t column;
    Storage storage;
  };
  std::vector<Bound> values_;
  std::array<char, 16> digits_{};
};

struct EndSession {
  void operator()(sqlite3_session* session) const { sqlite3session_delete(session); }
};
struct Free {
  void operator()(void* memory) const { sqlite3_free(memory); }
};
struct Changeset {
  std::unique_ptr<void, Free> data;
  int size = 0;
};

int Refuse(void*, int, sqlite3_changeset_iter*) { return SQLITE_CHANGESET_ABORT; }

absl::Status Failed(const char* what, int code) {
  return absl::UnavailableError(absl::StrCat(what, ": ", sqlite3_errstr(code)));
}

absl::StatusOr<Changeset> Record(RawTable* source, const Step& step) {
  sqlite3_session* made = nullptr;
  int code = sqlite3session_create(source->database(), "main", &made);
  const std::unique_ptr<sqlite3_session, EndSession> session(made);
  if (code == SQLITE_OK) code = sqlite3session_attach(made, nullptr);
  if (code != SQLITE_OK) return Failed("beginning a session", code);
  if (const auto done = source->Run(step); !done.ok()) return done.status();
  void* data = nullptr;
  Changeset changeset;
  code = sqlite3session_changeset(made, &changeset.size, &data);
  changeset.data.reset(data);
  if (code != SQLITE_OK) return Failed("taking a changeset", code);
  return changeset;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RawTable>> RawTable::Open(const std::string& path, const BenchRows* rows) {
  std::unique_ptr<RawTable> table(new RawTable(path, rows));
  RETURN_IF_ERROR(table->Connect());
  return table;
}

absl::Status RawTable::Connect() {
  ASSIGN_OR_RETURN(database_, harness::OpenDatabase(path_, sqlite::OpenAs::Mode::kMake));
  return database_->Execute("PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
}

absl::Status RawTable::Renew() {
  database_.reset();
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code ignored;
    std::filesystem::remove(path_ + suffix, ignored);
  }
  RETURN_IF_ERROR(Connect());
  return database_->Execute(CreateTable(*rows_));
}

absl::StatusOr<StepTime> RawTable::Run(const Step& step) {
  if (step.verb == Verb::kSync) return SyncDisk(path_ + ".sync", step.count);
  if (step.verb == Verb::kDigest) return absl::InvalidArgumentError("a bare file has no digests");
  if (IsPush(step.verb)) return absl::InvalidArgumentError("a bare file accepts no pushes");
  if (ReadsStore(step.verb)) return absl::InvalidArgumentError("a bare file can only be written");
  if (step.verb == Verb::kPopulate) RETURN_IF_ERROR(Renew());
  const std::vector<std::int64_t> keys = KeysOf(step);
  const sqlite::Statement statement = database_->Prepare(StatementFor(*rows_, step.verb));
  if (!statement.status().ok()) return statement.status();
  Binder binder(*rows_, step, statement.get());
  const Clock::time_point start = Clock::now();
  for (std::size_t from = 0; from < keys.size(); from += step.group) {
    RETURN_IF_ERROR(database_->Execute("BEGIN IMMEDIATE"));
    const std::size_t to = std::min<std::size_t>(keys.size(), from + step.group);
    for (std::size_t i = from; i < to; ++i) {
      binder.Bind(keys[i]);
      if (sqlite3_step(statement.get()) != SQLITE_DONE) return database_->LastError();
      sqlite3_reset(statement.get());
    }
    RETURN_IF_ERROR(database_->Execute("COMMIT"));
  }
  return StepTime{keys.size(), std::chrono::duration<double>(Clock::now() - start).count(), {}};
}

absl::StatusOr<std::unique_ptr<Changesets>> Changesets::Open(const std::string& folder,
                                                             const BenchRows* rows) {
  auto made = std::make_unique<Changesets>();
  for (const auto& [table, name] :
       {std::pair(&made->source_, "/source.db"), std::pair(&made->receiver_, "/receiver.db")}) {
    ASSIGN_OR_RETURN(*table, RawTable::Open(folder + name, rows));
    const auto empty = (*table)->Run({Verb::kPopulate});
    if (!empty.ok()) return empty.status();
  }
  return made;
}

absl::StatusOr<StepTime> Changesets::Run(const Step& step) {
  if (step.order != Order::kAscending || step.pick != 0 || step.verb == Verb::kPopulate) {
    return absl::InvalidArgumentError("changesets can be recorded only for rows in key order");
  }
  std::vector<Changeset> changesets;
  for (std::uint64_t from = 0; from < step.count; from += step.group) {
    Step part = step;
    part.from = step.from + static_cast<std::int64_t>(from);
    part.count = std::min<std::uint64_t>(step.group, step.count - from);
    ASSIGN_OR_RETURN(Changeset changeset, Record(source_.get(), part));
    changesets.push_back(std::move(changeset));
  }
  const Clock::time_point start = Clock::now();
  for (const Changeset& changeset : changesets) {
    const int code = sqlite3changeset_apply(receiver_->database(), changeset.size, changeset.data.get(),
                                            nullptr, Refuse, nullptr);
    if (code != SQLITE_OK) return Failed("applying a changeset", code);
  }
  return StepTime{step.count, std::chrono::duration<double>(Clock::now() - start).count(), {}};
}

}  // namespace mirror::bench
