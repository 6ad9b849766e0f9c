#include "client/source/server/stage_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/file_layout.h"
#include "base/file.h"
#include "base/nonce.h"
#include "client/source/server/stage.h"

namespace mirror {
namespace {

const KnownLayout kStageLayout = {"the stage of the source's changes", 1};
constexpr std::size_t kFreeMax = 4;

constexpr char kStageTables[] =
    "CREATE TABLE IF NOT EXISTS stage (one INTEGER PRIMARY KEY CHECK (one = 1), identity TEXT NOT NULL, "
    "source_id TEXT NOT NULL, timeline INTEGER NOT NULL, place INTEGER NOT NULL, writer TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS marks (token TEXT PRIMARY KEY, lsn INTEGER NOT NULL, time_ms INTEGER NOT "
    "NULL, position TEXT NOT NULL, fingerprint TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS marks_lsn ON marks (lsn);"
    "CREATE TABLE IF NOT EXISTS transactions (lsn INTEGER PRIMARY KEY, xid INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS tables (id INTEGER PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL, "
    "fingerprint TEXT NOT NULL, floor INTEGER NOT NULL, truncated_lsn INTEGER NOT NULL, gone_because TEXT "
    "NOT "
    "NULL, durable INTEGER NOT NULL);"
    "INSERT OR IGNORE INTO stage VALUES (1, '', '', 0, 0, '')";

absl::Status ExplainStage(const std::string& path, const sqlite::Failure& failure, std::string_view doing) {
  const std::string text = absl::StrCat("'", path, "', the stage of the source's changes",
                                        doing.empty() ? "" : ": ", std::string(doing), ": ", failure.words);
  if (sqlite::IsDamage(failure)) {
    return absl::DataLossError(absl::StrCat(
        text, ". Nothing was sent. Remove the file: then the tables are compared with the mirror"));
  }
  if (sqlite::IsFull(failure)) {
    return absl::ResourceExhaustedError(
        absl::StrCat(text, ". What was staged is kept. Make room on the disk of [agent] 'state_dir'"));
  }
  return absl::UnavailableError(
      absl::StrCat(text, ". What was staged is kept. Check the disk of [agent] 'state_dir'"));
}

}  // namespace

std::string NetName(std::int64_t table, std::string_view suffix) {
  return absl::StrCat("\"net_", table, std::string(suffix), "\"");
}

absl::StatusOr<std::shared_ptr<StageFile>> StageFile::Open(const std::string& path) {
  std::shared_ptr<StageFile> file(new StageFile(path));
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0) {
    // The file holds rows: only this user may read it, from the first byte on.
    const absl::Status made = WriteFileAtomically(path, "", FileUse::kSecret, ExistingFile::kRefuse);
    if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
    if (stat(path.c_str(), &found) != 0) {
      return absl::UnavailableError(absl::StrCat("'", path, "' cannot be opened: ", std::strerror(errno)));
    }
  }
  file->device_ = found.st_dev;
  file->inode_ = found.st_ino;
  RETURN_IF_ERROR(file->Make());
  return file;
}

absl::Status StageFile::Make() const {
  ASSIGN_OR_RETURN(const auto connection, ConnectToWrite());
  const absl::StatusOr<bool> older = IsOlder(connection->handle(), kStageLayout, path_);
  if (absl::IsDataLoss(older.status())) return (connection)->LastError("reading it");
  if (!older.ok()) return older.status();
  if (!*older) return absl::OkStatus();
  return (connection)
      ->Transact(
          sqlite::Connection::Begin::kImmediate,
          [&] {
            absl::Status made = connection->Execute(kStageTables, "writing it");
            return made.ok() ? TakeOver(connection->handle(), kStageLayout, kStageLayout.present, path_)
                             : made;
          },
          "writing it");
}

absl::StatusOr<std::unique_ptr<sqlite::Connection>> StageFile::Connect() const {
  return sqlite::Connection::Open(
      path_, {.mode = sqlite::OpenAs::Mode::kWrite, .busy_ms = Stage::kBusyMs, .one_thread = true},
      [path = path_](const sqlite::Failure& failure, std::string_view doing) {
        return ExplainStage(path, failure, doing);
      },
      "opening it");
}

absl::StatusOr<std::unique_ptr<sqlite::Connection>> StageFile::ConnectToWrite() const {
  auto connection = Connect();
  if (!connection.ok()) return connection;
  (*connection)->ReadQuotedAsNames();
  // The first two only apply to a new file. A row longer than a quarter of a page is stored in pages of its
  // own. The log may grow to the size of a source transaction.
  for (const char* const sql :
       {"PRAGMA page_size = 8192", "PRAGMA auto_vacuum = INCREMENTAL", "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL", "PRAGMA journal_size_limit = 67108864",
        "PRAGMA wal_autocheckpoint = 2000", "PRAGMA cache_size = -16000"}) {
    RETURN_IF_ERROR((*connection)->Execute(sql, "opening it"));
  }
  return connection;
}

absl::StatusOr<StageFile::Reading> StageFile::Read() {
  std::unique_ptr<sqlite::Connection> connection;
  {
    const MutexLock lock(mutex_);
    if (!free_.empty()) {
      connection = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (connection == nullptr) {
    ASSIGN_OR_RETURN(connection, Connect());
    connection->ReadQuotedAsNames();
    RETURN_IF_ERROR(connection->Execute("PRAGMA query_only = 1", "opening it"));
  }
  return Reading(connection.release(), [self = shared_from_this()](sqlite::Connection* lent) {
    self->TakeBack(std::unique_ptr<sqlite::Connection>(lent));
  });
}

void StageFile::TakeBack(std::unique_ptr<sqlite::Connection> connection) {
  if (connection->InTransaction()) return;
  const MutexLock lock(mutex_);
  if (free_.size() < kFreeMax) free_.push_back(std::move(connection));
}

absl::StatusOr<std::unique_ptr<sqlite::Connection>> StageFile::ConnectWithScratch() const {
  auto connection = Connect();
  if (!connection.ok()) return connection;
  const std::string path = absl::StrCat(path_, ".read-", NewToken());
  const int made = open(path.c_str(), O_CREAT | O_EXCL | O_CLOEXEC | O_RDWR, S_IRUSR | S_IWUSR);
  if (made < 0) {
    return absl::UnavailableError(absl::StrCat("'", path, "' cannot be made: ", std::strerror(errno)));
  }
  close(made);
  (*connection)->ReadQuotedAsNames();
  sqlite::Statement attach = (*connection)->Prepare("ATTACH ? AS scratch", "making room to read it");
  absl::Status attached = attach.With(path).Run();
  if (attached.ok()) {
    // The first statement that uses it opens it.
    attached = (*connection)
                   ->Execute(
                       "PRAGMA scratch.journal_mode = OFF; PRAGMA scratch.synchronous = OFF; CREATE TABLE "
                       "scratch.read (place INTEGER PRIMARY KEY, key BLOB, kind TEXT, complete INTEGER, lsn "
                       "INTEGER, born INTEGER, rekeyed INTEGER, row BLOB)",
                       "making room to read it");
  }
  unlink(path.c_str());
  if (!attached.ok()) return attached;
  return connection;
}

bool StageFile::IsReplaced() const {
  struct stat found = {};
  return stat(path_.c_str(), &found) != 0 || found.st_dev != device_ || found.st_ino != inode_;
}

std::int64_t StageFile::LogBytes() const {
  struct stat found = {};
  return stat((path_ + "-wal").c_str(), &found) == 0 ? found.st_size : 0;
}

}  // namespace mirror
