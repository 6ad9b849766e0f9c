#include "server/store/catalog/sqlite/catalog_file.h"

#include <sqlite3.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/db/sqlite/file_layout.h"
#include "base/db/sqlite/sqlite_words.h"
#include "certs/audit_chain.h"

namespace mirror {
namespace {

/// The layouts that 0.1.0 had, whose number stood in user_version; it stays there, for that version.
constexpr int kVersion = 2;
const KnownLayout kLayout = {"the catalog", 3};
constexpr int kBusyTimeoutMs = 2'000;

absl::Status Unavailable(const std::string& path, const SQLite::Exception& error) {
  const int code = error.getErrorCode() & 0xff;
  if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY || code == SQLITE_PERM) {
    return absl::UnavailableError(absl::StrCat(
        "the catalog '", path, "' cannot be opened for writing (SQLite ", error.getExtendedErrorCode(),
        "). No mirrored row is concerned. The server's user must be able to write the data folder and this "
        "file: look at their owner and mode, and whether the disk is mounted read-only."));
  }
  return absl::UnavailableError(absl::StrCat(
      "the catalog: ", SqliteWords(error.getErrorStr()), " (SQLite ", error.getExtendedErrorCode(),
      "). No mirrored row is concerned. Look at catalog.db in the data folder and at the disk."));
}

bool IsDamage(const SQLite::Exception& error) {
  const int code = error.getErrorCode() & 0xff;
  return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

void BindBytes(SQLite::Statement& statement, int at, const std::string& bytes) {
  statement.bind(at, bytes.data(), static_cast<int>(bytes.size()));
}

/// Records of version 1 had no hashes: they get the begin of the chain.
void ChainOldRecords(SQLite::Database& database, AuditPoint last) {
  SQLite::Statement read(database, "SELECT id, time_ms, who, call, outcome FROM audit_1 ORDER BY id");
  SQLite::Statement write(database, "INSERT INTO audit VALUES (?, ?, ?, ?, ?, '', ?)");
  while (read.executeStep()) {
    AuditRecord record;
    record.id = ++last.id;
    record.time_ms = read.getColumn(1).getInt64();
    record.who = read.getColumn(2).getString();
    record.call = read.getColumn(3).getString();
    record.outcome = read.getColumn(4).getString();
    last.hash = AuditHash(last.hash, record);
    write.bind(1, static_cast<std::int64_t>(record.id));
    write.bind(2, record.time_ms);
    write.bind(3, record.who);
    write.bind(4, record.call);
    write.bind(5, record.outcome);
    BindBytes(write, 6, last.hash);
    write.exec();
    write.reset();
  }
}

}  // namespace

absl::StatusOr<std::shared_ptr<CatalogFile>> CatalogFile::Open(const std::string& dir) {
  std::shared_ptr<CatalogFile> file(new CatalogFile(dir));
  // Also when there is a damaged one in the way.
  absl::Status status = file->Run(Outlives::kProcess, [](SQLite::Database&) { return absl::OkStatus(); });
  if (!status.ok()) return status;
  return file;
}

absl::Status CatalogFile::Run(Outlives outlives, const std::function<absl::Status(SQLite::Database&)>& work) {
  const MutexLock lock(mutex_);
  for (bool again = false;; again = true) {
    try {
      if (!database_) {
        absl::Status connected = Connect();
        if (!connected.ok() && (!absl::IsDataLoss(connected) || again)) return connected;
        if (!connected.ok()) {
          if (absl::Status moved = MoveAside(); !moved.ok()) return moved;
          continue;
        }
      }
      if (outlives != outlives_) {
        database_->exec(outlives == Outlives::kPower ? "PRAGMA synchronous = FULL"
                                                     : "PRAGMA synchronous = NORMAL");
        outlives_ = outlives;
      }
      return work(*database_);
    } catch (const SQLite::Exception& error) {
      if (!IsDamage(error) || again) return Unavailable(path_, error);
    }
    if (absl::Status moved = MoveAside(); !moved.ok()) return moved;
  }
}

absl::Status CatalogFile::Connect() {
  auto database =
      std::make_unique<SQLite::Database>(path_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyTimeoutMs);
  sqlite3* const handle = database->getHandle();
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  database->exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cell_size_check = ON");
  outlives_ = Outlives::kProcess;
  SQLite::Transaction transaction(*database, SQLite::TransactionBehavior::IMMEDIATE);
  const int version = database->execAndGet("PRAGMA user_version").getInt();
  if (version < kVersion) MakeTables(*database, version);
  if (absl::Status status = TakeOver(handle, kLayout, kVersion, path_); !status.ok()) return status;
  transaction.commit();
  database_ = std::move(database);
  return absl::OkStatus();
}

void CatalogFile::MakeTables(SQLite::Database& database, int version) const {
  if (version == 0) {
    database.exec(
        "CREATE TABLE event (id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, context_id "
        "TEXT NOT NULL,"
        " severity INTEGER NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL);"
        "CREATE INDEX event_by_context ON event (context_id, id);");
    if (first_event_id_ != 0) {
      database.exec(
          absl::StrCat("INSERT INTO sqlite_sequence (name, seq) VALUES ('event', ", first_event_id_, ")"));
    }
  } else {
    database.exec("ALTER TABLE audit RENAME TO audit_1");
  }
  database.exec(
      "CREATE TABLE audit (id INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, who TEXT NOT NULL,"
      " call TEXT NOT NULL, outcome TEXT NOT NULL, seal TEXT NOT NULL, hash BLOB NOT NULL);"
      "CREATE TABLE audit_chain (chain TEXT NOT NULL, before_id INTEGER NOT NULL, before_hash BLOB NOT "
      "NULL)");
  const AuditPoint begin = AuditGenesis(NewAuditChain());
  SQLite::Statement chain(database, "INSERT INTO audit_chain VALUES (?, 0, ?)");
  chain.bind(1, begin.chain);
  BindBytes(chain, 2, begin.hash);
  chain.exec();
  if (version == 1) {
    ChainOldRecords(database, begin);
    database.exec("DROP TABLE audit_1");
  }
  database.exec(absl::StrCat("PRAGMA user_version = ", kVersion));
}

/// The old file keeps its log beside it; a new file beside a foreign log would read as that one.
absl::Status CatalogFile::MoveAside() {
  database_.reset();
  // Ids of events go on growing: whoever follows them has seen lower ones.
  first_event_id_ = NowMs();
  const std::string aside = absl::StrCat(path_, ".damaged-", first_event_id_);
  for (const char* const part : {"-wal", "-shm", ""}) {
    std::error_code error;
    if (!std::filesystem::exists(path_ + part, error)) continue;
    std::filesystem::rename(path_ + part, aside + part, error);
    if (error) {
      return absl::UnavailableError(absl::StrCat("the catalog '", path_,
                                                 "' is damaged and cannot be moved aside: ", error.message(),
                                                 ". Move it away by hand; it is only an index."));
    }
  }
  return absl::OkStatus();
}

}  // namespace mirror
