#include "server/store/sqlite/sqlite_snapshot.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/db/sqlite/connection.h"
#include "base/db/sqlite/row_digest.h"
#include "base/status_macros.h"
#include "server/store/snapshot.h"
#include "server/store/sqlite/file/disk.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/file/sqlite_metadata.h"
#include "server/store/sqlite/rows/sqlite_history.h"
#include "server/store/sqlite/rows/sqlite_journal.h"
#include "server/store/sqlite/rows/sqlite_range.h"
#include "server/store/sqlite/rows/sqlite_stored_row.h"
#include "server/store/sqlite/sqlite_contents.h"

namespace mirror {
namespace {

namespace fs = std::filesystem;

constexpr int kPagesAtATime = 1'000;
constexpr char kUnfinished[] = ".part-XXXXXX";

absl::Status CopyTrouble(const std::string& doing, const std::string& path, int error) {
  const std::string words =
      absl::StrCat(doing, " '", path, "': ", std::strerror(error), ". No copy was made.");
  if (error == EEXIST) return absl::AlreadyExistsError(words);
  const bool wrong_path = error == ENOENT || error == ENOTDIR || error == EACCES || error == ENAMETOOLONG;
  return wrong_path ? absl::FailedPreconditionError(words) : absl::UnavailableError(words);
}

/// Returns the error without the temporary name of the copy, which is useless for the operator.
absl::Status NotBegun(const std::string& folder, const std::string& path, int error) {
  absl::Status status = CopyTrouble("making a copy in", path, error);
  const char* next = "";
  if (error == ENOENT || error == ENOTDIR) {
    next = "' is not a folder on the server's machine. Make it, writable for the server's user.";
  } else if (error == EACCES || error == EPERM || error == EROFS) {
    next =
        "' cannot be written by the server's user. Give this user the right to write there, or name "
        "another folder.";
  } else {
    return status;
  }
  return {status.code(), absl::StrCat(status.message(), " '", folder, next)};
}

absl::Status SyncCopy(const std::string& path, int flags) {
  const int failed = SyncPath(path, flags);
  return failed == 0 ? absl::OkStatus() : CopyTrouble("syncing", path, failed);
}

/// Returns the page size; 0: SQLite did not return it.
std::uint64_t PageBytes(SqliteConnection& connection) {
  absl::StatusOr<Query> query = connection.Prepare("PRAGMA page_size");
  if (!query.ok()) return 0;
  const absl::StatusOr<bool> row = query->Step();
  return row.ok() && *row ? static_cast<std::uint64_t>(query->Int(0)) : 0;
}

absl::Status CopyPages(SqliteConnection& from, const std::string& path, const GoOnCopying& go_on) {
  const std::string doing = absl::StrCat("writing '", path, "'");
  ASSIGN_OR_RETURN(const auto opened, sqlite::Connection::Open(
                                          path, {.one_thread = true},
                                          [](const sqlite::Failure& failure, std::string_view what) {
                                            return SqliteStatus(failure.primary(), failure.extended, what,
                                                                failure.words);
                                          },
                                          doing));
  const sqlite::Connection& to = *opened;
  // The whole file is synced at the end.
  RETURN_IF_ERROR(to.Execute("PRAGMA synchronous = OFF", doing));
  sqlite3_backup* const backup = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
  if (backup == nullptr) return to.LastError(doing);
  int code = SQLITE_OK;
  const std::uint64_t page_bytes = PageBytes(from);
  bool called_off = false;
  do {
    code = sqlite3_backup_step(backup, kPagesAtATime);
    CrashPoint("backup.pages");
    const auto pages = static_cast<std::uint64_t>(sqlite3_backup_pagecount(backup));
    const auto left = static_cast<std::uint64_t>(sqlite3_backup_remaining(backup));
    called_off = !go_on((pages - left) * page_bytes, pages * page_bytes);
  } while (code == SQLITE_OK && !called_off);
  const int finished = sqlite3_backup_finish(backup);
  if (called_off) return absl::CancelledError("the copy was cancelled. No copy was made.");
  if (code == SQLITE_DONE) code = finished;
  return code == SQLITE_OK ? to.Execute("PRAGMA journal_mode = DELETE", doing) : to.Error(code, doing);
}

absl::Status MakeCopy(SqliteConnection& from, const std::string& path, const std::string& unfinished,
                      const GoOnCopying& go_on) {
  RETURN_IF_ERROR(CopyPages(from, unfinished, go_on));
  RETURN_IF_ERROR(SyncCopy(unfinished, O_RDWR));
  CrashPoint("backup.synced");
  if (renameat2(AT_FDCWD, unfinished.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
    return CopyTrouble("naming the copy", path, errno);
  }
  CrashPoint("backup.named");
  return SyncCopy(fs::path(path).parent_path().string(), O_RDONLY | O_DIRECTORY);
}

/// Copies the state that `from` reads into `path`, page by page. The result is one file with a rollback
/// journal, which group and others cannot read, and which any SQLite tool can read. Until all of it is on
/// disk, its name is `<path>.part-` and six characters. After an error this file is removed.
///   kAlreadyExists  `path` exists
///   kUnavailable    the folder or the disk
///   kCancelled      `go_on` returned false
absl::Status CopySqliteFile(SqliteConnection& from, const std::string& path, const GoOnCopying& go_on) {
  struct stat info {};
  if (lstat(path.c_str(), &info) == 0) {
    return absl::AlreadyExistsError(
        absl::StrCat("making a copy in '", path, "': File exists. No copy was made. Name another file."));
  }
  // Each attempt uses a file name of its own.
  std::string unfinished = path + kUnfinished;
  const int file = mkostemp(unfinished.data(), O_CLOEXEC);
  if (file < 0) return NotBegun(fs::path(path).parent_path().string(), path, errno);
  close(file);
  absl::Status made = MakeCopy(from, path, unfinished, go_on);
  if (!made.ok()) {
    for (const char* suffix : {"", "-journal", kLogSuffix, kIndexSuffix})
      unlink((unfinished + suffix).c_str());
  }
  return made;
}

constexpr char kDigestFunction[] = "_mirror_digest";
/// Steps of SQLite's virtual machine between two calls of `go_on`: a few milliseconds.
constexpr int kStepsBetweenLooks = 100'000;

class SqliteSnapshot final : public Snapshot {
 public:
  SqliteSnapshot(std::unique_ptr<SqliteConnection> connection, const std::string& context_id)
      : connection_(std::move(connection)),
        context_id_(context_id),
        metadata_(MetadataTable(context_id)),
        journal_(MakeSqliteJournalReader(*connection_)),
        versions_(MakeSqliteVersionReader(*connection_)) {}

  absl::Status Begin() {
    const int code = sqlite3_create_function_v2(connection_->handle(), kDigestFunction, -1,
                                                SQLITE_UTF8 | SQLITE_DIRECTONLY, this, nullptr, &AddRow,
                                                &NoResult, nullptr);
    if (code != SQLITE_OK) return connection_->ToStatus(code, "the mirror");
    for (const char* sql : {"BEGIN", "SELECT 1 FROM sqlite_schema"}) {
      RETURN_IF_ERROR(connection_->Execute(sql));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) override {
    return SelectRecord(*connection_, metadata_, table);
  }
  absl::StatusOr<std::vector<TableRecord>> ReadTables() override {
    return SelectRecords(*connection_, metadata_);
  }
  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) override {
    return SelectSchema(*connection_, table);
  }

  absl::StatusOr<std::vector<RangeDigest>> Digest(const TableSchema& table,
                                                  const std::vector<std::uint32_t>& columns,
                                                  const std::vector<KeyRange>& ranges,
                                                  const GoOn& go_on) override {
    const Watched watched(*this, go_on);
    const std::string values = NameList(table, columns);
    const bool by_call = static_cast<int>(columns.size()) <=
                         sqlite3_limit(connection_->handle(), SQLITE_LIMIT_FUNCTION_ARG, -1);
    const std::string select = by_call ? absl::StrCat(kDigestFunction, "(", values, ")") : values;
    RangeSelect statement(*connection_, table, select, /*in_key_order=*/false);
    const std::vector<KeyRange> all(1);
    std::vector<RangeDigest> digests;
    for (const KeyRange& range : ranges.empty() ? all : ranges) {
      sum_ = RangeDigest{};
      RETURN_IF_ERROR(statement.Run(range, [&](sqlite3_stmt* row) {
        if (!by_call) AddStored(row);
        return absl::OkStatus();
      }));
      digests.push_back(sum_);
    }
    return digests;
  }

  absl::Status ReadRows(const TableSchema& table, const std::vector<std::uint32_t>& columns,
                        const std::vector<KeyRange>& ranges, std::size_t block_bytes, const GoOn& go_on,
                        const TakeRows& take) override {
    const Watched watched(*this, go_on);
    RangeSelect statement(*connection_, table, NameList(table, columns), /*in_key_order=*/true);
    const std::vector<KeyRange> all(1);
    RowBlock block = RowBlock::For(table, columns);
    for (const KeyRange& range : ranges.empty() ? all : ranges) {
      RETURN_IF_ERROR(statement.Run(range, [&](sqlite3_stmt* row) {
        RETURN_IF_ERROR(AppendStoredRow(table, row, &block));
        if (block.bytes() < block_bytes) return absl::OkStatus();
        absl::Status taken = take(&block);
        block = RowBlock::For(table, columns);
        return taken;
      }));
    }
    return block.rows() == 0 ? absl::OkStatus() : take(&block);
  }

  JournalReader& journal() override { return *journal_; }
  VersionReader& versions() override { return *versions_; }

  absl::StatusOr<MirrorContents> ReadContents() override {
    return ReadSqliteContents(*connection_, context_id_);
  }

  absl::Status CopyTo(const std::string& path, const GoOnCopying& go_on) override {
    return CopySqliteFile(*connection_, path, go_on);
  }

 private:
  /// Lets `go_on` interrupt SQLite while it lives.
  class Watched {
   public:
    Watched(SqliteSnapshot& snapshot, const GoOn& go_on)
        : watch_(snapshot.connection_->handle(), kStepsBetweenLooks, [&go_on] { return !go_on(); }) {}

   private:
    const sqlite::Watch watch_;
  };

  void AddStored(sqlite3_stmt* row) {
    for (int i = 0; i < sqlite3_data_count(row); ++i) AddValue(sqlite3_column_value(row, i));
    sum_.Add(digest_.Finish());
  }

  void AddValue(sqlite3_value* value) { sqlite::AddToDigest(value, &digest_); }

  static void AddRow(sqlite3_context* context, int count, sqlite3_value** values) {
    auto* const self = static_cast<SqliteSnapshot*>(sqlite3_user_data(context));
    for (int i = 0; i < count; ++i) self->AddValue(values[i]);
    self->sum_.Add(self->digest_.Finish());
  }
  static void NoResult(sqlite3_context* /*context*/) {}

  std::unique_ptr<SqliteConnection> connection_;
  const std::string context_id_, metadata_;
  const std::unique_ptr<JournalReader> journal_;
  const std::unique_ptr<VersionReader> versions_;
  RowDigest digest_;
  RangeDigest sum_;  ///< The sum for the range that is being read.
};

}  // namespace

absl::StatusOr<std::unique_ptr<Snapshot>> OpenSqliteSnapshot(const std::string& path,
                                                             const std::string& context_id) {
  absl::StatusOr<std::unique_ptr<SqliteConnection>> connection =
      SqliteConnection::Open(path, /*create=*/false, MirrorUse::kReading, nullptr);
  if (!connection.ok()) return connection.status();
  auto snapshot = std::make_unique<SqliteSnapshot>(*std::move(connection), context_id);
  RETURN_IF_ERROR(snapshot->Begin());
  return snapshot;
}

}  // namespace mirror
