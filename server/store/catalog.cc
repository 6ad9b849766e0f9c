#include "server/store/catalog.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/clock.h"

namespace mirror {
namespace {

constexpr int kVersion = 1;  // In user_version.
constexpr int kBusyTimeoutMs = 2'000;
/// So often are the oldest records looked for.
constexpr std::int64_t kPruneEvery = 128;
constexpr std::int64_t kMessageBytesMax = 4'000;

absl::Status Unavailable(const std::string& path, const SQLite::Exception& error) {
  const int code = error.getErrorCode() & 0xff;
  if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY || code == SQLITE_PERM) {
    return absl::UnavailableError(absl::StrCat(
        "the catalog '", path, "' cannot be opened for writing (SQLite ", error.getExtendedErrorCode(),
        "). No mirrored row is concerned. The server's user must be able to write the data folder and this "
        "file: look at their owner and mode, and whether the disk is mounted read-only."));
  }
  return absl::UnavailableError(absl::StrCat(
      "the catalog: ", error.getErrorStr(), " (SQLite ", error.getExtendedErrorCode(),
      "). No mirrored row is concerned. Look at catalog.db in the data folder and at the disk."));
}

bool IsDamage(const SQLite::Exception& error) {
  const int code = error.getErrorCode() & 0xff;
  return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

EventRecord ReadEvent(SQLite::Statement& query) {
  EventRecord event;
  event.id = static_cast<std::uint64_t>(query.getColumn(0).getInt64());
  event.time_ms = query.getColumn(1).getInt64();
  event.context_id = query.getColumn(2).getString();
  const std::int64_t severity = query.getColumn(3).getInt64();
  event.severity = severity >= 1 && severity <= 3 ? static_cast<Severity>(severity) : Severity::kInformation;
  event.kind = query.getColumn(4).getString();
  event.message = query.getColumn(5).getString();
  return event;
}

class SqliteCatalog final : public Catalog {
 public:
  explicit SqliteCatalog(const std::string& dir) : path_(dir + "/catalog.db") {}

  /// Also when there is a damaged one in the way.
  absl::Status Open() {
    const std::lock_guard lock(mutex_);
    return Run([] { return absl::OkStatus(); });
  }

  absl::StatusOr<EventRecord> AddEvent(EventRecord event) override {
    const std::lock_guard lock(mutex_);
    if (event.time_ms == 0) event.time_ms = NowMs();
    absl::Status status = Run([&] {
      SQLite::Statement insert(*database_,
                               "INSERT INTO event (time_ms, context_id, severity, kind, message) "
                               "VALUES (?, ?, ?, ?, substr(?, 1, ?))");
      insert.bind(1, event.time_ms);
      insert.bind(2, event.context_id);
      insert.bind(3, static_cast<int>(event.severity));
      insert.bind(4, event.kind);
      insert.bind(5, event.message);
      insert.bind(6, kMessageBytesMax);
      insert.exec();
      event.id = static_cast<std::uint64_t>(database_->getLastInsertRowid());
      Prune("event", static_cast<std::int64_t>(event.id), kEventsMax);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return event;
  }

  absl::StatusOr<std::vector<EventRecord>> LastEvents(const std::string& context_id,
                                                      std::uint32_t limit) override {
    const std::lock_guard lock(mutex_);
    return Events(
        "SELECT * FROM (SELECT id, time_ms, context_id, severity, kind, message FROM event "
        "WHERE (?1 = '' OR context_id = ?1) AND id > ?2 ORDER BY id DESC LIMIT ?3) ORDER BY id",
        context_id, 0, limit);
  }

  absl::StatusOr<std::vector<EventRecord>> EventsAfter(const std::string& context_id, std::uint64_t after_id,
                                                       std::uint32_t limit) override {
    const std::lock_guard lock(mutex_);
    return Events(
        "SELECT id, time_ms, context_id, severity, kind, message FROM event "
        "WHERE (?1 = '' OR context_id = ?1) AND id > ?2 ORDER BY id LIMIT ?3",
        context_id, after_id, limit);
  }

  absl::Status AddAudit(const AuditRecord& record) override {
    const std::lock_guard lock(mutex_);
    return Run([&] {
      SQLite::Statement insert(*database_,
                               "INSERT INTO audit (time_ms, who, call, outcome) VALUES (?, ?, ?, ?)");
      insert.bind(1, record.time_ms == 0 ? NowMs() : record.time_ms);
      insert.bind(2, record.who);
      insert.bind(3, record.call);
      insert.bind(4, record.outcome);
      insert.exec();
      Prune("audit", database_->getLastInsertRowid(), kAuditRecordsMax);
      return absl::OkStatus();
    });
  }

  absl::Status KeepSummaries(const std::map<std::string, std::string>& by_context) override {
    const std::lock_guard lock(mutex_);
    return Run([&] {
      SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
      SQLite::Statement keep(*database_, "INSERT OR REPLACE INTO summary (context_id, text) VALUES (?, ?)");
      SQLite::Statement forget(*database_, "DELETE FROM summary WHERE context_id = ?");
      for (const auto& [context_id, text] : by_context) {
        SQLite::Statement& statement = text.empty() ? forget : keep;
        statement.bind(1, context_id);
        if (!text.empty()) statement.bind(2, text);
        statement.exec();
        statement.reset();
      }
      transaction.commit();
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::map<std::string, std::string>> Summaries() override {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::string> summaries;
    absl::Status status = Run([&] {
      summaries.clear();
      SQLite::Statement query(*database_, "SELECT context_id, text FROM summary");
      while (query.executeStep()) summaries[query.getColumn(0).getString()] = query.getColumn(1).getString();
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return summaries;
  }

 private:
  /// Opens the catalog if need be, then does `work`. Damage that shows meanwhile is moved aside, once.
  absl::Status Run(const std::function<absl::Status()>& work) {
    for (bool again = false;; again = true) {
      try {
        if (!database_) Connect();
        return work();
      } catch (const SQLite::Exception& error) {
        if (!IsDamage(error) || again) return Unavailable(path_, error);
      }
      if (absl::Status moved = MoveAside(); !moved.ok()) return moved;
    }
  }

  void Connect() {
    auto database = std::make_unique<SQLite::Database>(path_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE,
                                                       kBusyTimeoutMs);
    sqlite3* const handle = database->getHandle();
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
    database->exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cell_size_check = ON");
    SQLite::Transaction transaction(*database, SQLite::TransactionBehavior::IMMEDIATE);
    if (database->execAndGet("PRAGMA user_version").getInt() < kVersion) {
      database->exec(
          "CREATE TABLE event (id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, context_id "
          "TEXT NOT NULL,"
          " severity INTEGER NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL);"
          "CREATE INDEX event_by_context ON event (context_id, id);"
          "CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, who TEXT NOT "
          "NULL,"
          " call TEXT NOT NULL, outcome TEXT NOT NULL);");
      database->exec(absl::StrCat("PRAGMA user_version = ", kVersion));
      if (first_event_id_ != 0) {
        database->exec(
            absl::StrCat("INSERT INTO sqlite_sequence (name, seq) VALUES ('event', ", first_event_id_, ")"));
      }
    }
    database->exec(
        "CREATE TABLE IF NOT EXISTS summary (context_id TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID");
    transaction.commit();
    database_ = std::move(database);
  }

  /// The old file keeps its log beside it; a new file beside a foreign log would read as that one.
  absl::Status MoveAside() {
    database_.reset();
    // Ids of events go on growing: whoever follows them has seen lower ones.
    first_event_id_ = NowMs();
    const std::string aside = absl::StrCat(path_, ".damaged-", first_event_id_);
    for (const char* const part : {"-wal", "-shm", ""}) {
      std::error_code error;
      if (!std::filesystem::exists(path_ + part, error)) continue;
      std::filesystem::rename(path_ + part, aside + part, error);
      if (error) {
        return absl::UnavailableError(
            absl::StrCat("the catalog '", path_, "' is damaged and cannot be moved aside: ", error.message(),
                         ". Move it away by hand; it is only an index."));
      }
    }
    return absl::OkStatus();
  }

  void Prune(const char* table, std::int64_t newest, std::int64_t keep) {
    if (newest % kPruneEvery != 0) return;
    SQLite::Statement remove(*database_, absl::StrCat("DELETE FROM ", table, " WHERE id <= (SELECT id FROM ",
                                                      table, " ORDER BY id DESC LIMIT 1 OFFSET ?)"));
    remove.bind(1, keep);
    remove.exec();
  }

  absl::StatusOr<std::vector<EventRecord>> Events(const char* sql, const std::string& context_id,
                                                  std::uint64_t after_id, std::uint32_t limit) {
    std::vector<EventRecord> events;
    absl::Status status = Run([&] {
      events.clear();
      SQLite::Statement query(*database_, sql);
      query.bind(1, context_id);
      query.bind(2, static_cast<std::int64_t>(std::min<std::uint64_t>(after_id, INT64_MAX)));
      query.bind(3, static_cast<std::int64_t>(limit));
      while (query.executeStep()) events.push_back(ReadEvent(query));
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return events;
  }

  const std::string path_;
  std::mutex mutex_;
  std::unique_ptr<SQLite::Database> database_;
  std::int64_t first_event_id_ = 0;  ///< Of a catalog that took a damaged one's place; 0: from 1.
};

}  // namespace

absl::StatusOr<std::unique_ptr<Catalog>> OpenSqliteCatalog(const std::string& dir) {
  auto catalog = std::make_unique<SqliteCatalog>(dir);
  if (absl::Status status = catalog->Open(); !status.ok()) return status;
  return catalog;
}

}  // namespace mirror
