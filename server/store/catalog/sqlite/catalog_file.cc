#include "server/store/catalog/sqlite/catalog_file.h"

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/db/sqlite/file_layout.h"
#include "base/db/sqlite/schema_guard.h"
#include "base/db/sqlite/sqlite_words.h"
#include "base/status_macros.h"
#include "certs/audit_chain.h"
#include "server/own_records/sqlite_record.h"
#include "server/store/catalog/catalog_records.h"

namespace mirror {
namespace {

/// The layouts that 0.1.0 had, whose number stood in user_version; it stays there, for that version.
constexpr int kVersion = 2;
const KnownLayout kLayout = {"the catalog", 3};
constexpr int kBusyTimeoutMs = 2'000;

/// Records of version 1 had no hashes: they get the begin of the chain.
absl::Status ChainOldRecords(const sqlite::Connection& database, AuditPoint last) {
  sqlite::Statement read =
      database.Prepare(absl::StrCat("SELECT ", LookTable().Names(), " FROM audit_1 ORDER BY id"));
  for (;;) {
    ASSIGN_OR_RETURN(std::optional<AuditRecord> record, ReadNext(LookTable(), read));
    if (!record) return absl::OkStatus();
    record->id = ++last.id;
    record->hash = last.hash = AuditHash(last.hash, *record);
    RETURN_IF_ERROR(WriteRow(AuditTable(), *record, database.Prepare(AuditTable().InsertSql(kInSqlite))));
  }
}

}  // namespace

absl::StatusOr<std::shared_ptr<CatalogFile>> CatalogFile::Open(const std::string& dir) {
  std::shared_ptr<CatalogFile> file(new CatalogFile(dir));
  // Also when there is a damaged one in the way.
  RETURN_IF_ERROR(file->Run(Outlives::kProcess, [](const sqlite::Connection&) { return absl::OkStatus(); }));
  return file;
}

absl::Status CatalogFile::Explain(const sqlite::Failure& failure) {
  damaged_ = damaged_ || sqlite::IsDamage(failure);
  if (IsNoAccess(failure.code)) {
    return absl::UnavailableError(absl::StrCat(
        "the catalog '", path_, "' cannot be opened for writing (SQLite ", failure.extended,
        "). No mirrored row is affected. The server's user must be able to write the data folder and this "
        "file: look at their owner and mode, and whether the disk is mounted read-only."));
  }
  return absl::UnavailableError(
      absl::StrCat("the catalog: ", SqliteWords(sqlite::WordsOf(failure.code)), " (SQLite ", failure.extended,
                   "). No mirrored row is affected. Look at catalog.db in the data folder and at the disk."));
}

absl::Status CatalogFile::Begin(Outlives outlives) {
  if (!database_) {
    if (absl::Status connected = Connect(); !connected.ok()) {
      database_.reset();
      return connected;
    }
  }
  if (outlives == outlives_) return absl::OkStatus();
  absl::Status set = database_->Execute(outlives == Outlives::kPower ? "PRAGMA synchronous = FULL"
                                                                     : "PRAGMA synchronous = NORMAL");
  if (set.ok()) outlives_ = outlives;
  return set;
}

absl::Status CatalogFile::Run(Outlives outlives, const Work& work) {
  const MutexLock lock(mutex_);
  for (bool again = false;; again = true) {
    damaged_ = false;
    absl::Status done = Begin(outlives);
    damaged_ = damaged_ || absl::IsDataLoss(done);
    if (done.ok()) done = work(*database_);
    if (done.ok() || !damaged_ || again) return done;
    RETURN_IF_ERROR(MoveAside());
  }
}

absl::Status CatalogFile::Write(Outlives outlives, const Work& work) {
  return Run(outlives, [&](const sqlite::Connection& database) {
    return database.Transact(sqlite::Connection::Begin::kImmediate, [&] { return work(database); });
  });
}

absl::Status CatalogFile::Connect() {
  ASSIGN_OR_RETURN(database_, sqlite::Connection::Open(
                                  path_, {.mode = sqlite::OpenAs::Mode::kMake, .busy_ms = kBusyTimeoutMs},
                                  [this](const sqlite::Failure& failure, std::string_view)
                                      MIRROR_REQUIRES(mutex_) { return Explain(failure); }));
  TrustNoSchema(database_->handle());
  RETURN_IF_ERROR(database_->Execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cell_size_check = ON"));
  outlives_ = Outlives::kProcess;
  return database_->Transact(
      sqlite::Connection::Begin::kImmediate, [&]() MIRROR_REQUIRES(mutex_) -> absl::Status {
        ASSIGN_OR_RETURN(const std::int64_t version, database_->Number("PRAGMA user_version"));
        if (version < kVersion) {
          RETURN_IF_ERROR(MakeTables(*database_, version));
        }
        return TakeOver(database_->handle(), kLayout, kVersion, path_);
      });
}

absl::Status CatalogFile::MakeTables(const sqlite::Connection& database, std::int64_t version) const {
  absl::Status made = database.Execute(
      version == 0 ? absl::StrCat(EventTable().CreateSql(kInSqlite),
                                  "; CREATE INDEX event_by_context ON event (context_id, id);")
                   : "ALTER TABLE audit RENAME TO audit_1");
  if (made.ok() && version == 0 && first_event_id_ != 0) {
    made = database.Execute(
        absl::StrCat("INSERT INTO sqlite_sequence (name, seq) VALUES ('event', ", first_event_id_, ")"));
  }
  if (made.ok()) {
    made = database.Execute(
        absl::StrCat(AuditTable().CreateSql(kInSqlite), "; ", AuditChainTable().CreateSql(kInSqlite)));
  }
  if (!made.ok()) return made;
  const AuditPoint begin = AuditGenesis(NewAuditChain());
  made = WriteRow(AuditChainTable(), begin, database.Prepare(AuditChainTable().InsertSql(kInSqlite)));
  if (made.ok() && version == 1) {
    made = ChainOldRecords(database, begin);
    if (made.ok()) made = database.Execute("DROP TABLE audit_1");
  }
  return made.ok() ? database.Execute(absl::StrCat("PRAGMA user_version = ", kVersion)) : made;
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
