#include "server/store/catalog/sqlite_catalog.h"

#include <algorithm>
#include <filesystem>
#include <map>
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

constexpr char kCutMessage[] = "substr(?6, 1, 4000)";

absl::Status MakeSummaries(const sqlite::Connection& database) {
  return database.Execute(SummaryTable().CreateMissingSql(kInSqlite));
}

class SqliteCatalog final : public Catalog {
 public:
  explicit SqliteCatalog(std::shared_ptr<CatalogFile> file) : file_(std::move(file)) {}

  absl::StatusOr<EventRecord> AddEvent(EventRecord event) override {
    if (event.time_ms == 0) event.time_ms = NowMs();
    const Outlives outlives =
        event.severity == Severity::kInformation ? Outlives::kProcess : Outlives::kPower;
    RETURN_IF_ERROR(file_->Write(outlives, [&](const sqlite::Connection& database) {
      Fields fields = EventTable().Write(event);
      fields.Set("id", Field());
      sqlite::Statement insert =
          database.Prepare(EventTable().InsertSql(kInSqlite, {{"message", kCutMessage}}));
      RETURN_IF_ERROR(BindFields(insert, fields).Run());
      event.id = static_cast<std::uint64_t>(database.LastRowid());
      return Prune(database, event);
    }));
    return event;
  }

  absl::StatusOr<std::vector<EventRecord>> LastEvents(const EventFilter& filter, std::uint64_t before_id,
                                                      std::uint32_t limit) override {
    std::vector<EventRecord> events;
    std::int64_t first = 0, before = 0;
    absl::Status status = file_->Run(Outlives::kProcess, [&](const sqlite::Connection& database) {
      sqlite::Statement query =
          database.Prepare("SELECT ifnull(min(id), 0), ifnull(max(id), -1) + 1 FROM event");
      absl::Status row = query.StepToRow();
      if (!row.ok()) return row;
      first = query.Int(0);
      before = query.Int(1);
      return row;
    });
    if (before_id != 0 && before_id < static_cast<std::uint64_t>(before)) {
      before = static_cast<std::int64_t>(before_id);
    }
    while (status.ok() && before > first && events.size() < limit) {
      const std::int64_t from = before - std::min(before, kEventIdsPerLook);
      status = file_->Run(Outlives::kProcess, [&](const sqlite::Connection& database) {
        return Look(database, filter, from, before, limit, &events);
      });
      before = from;
    }
    if (!status.ok()) return status;
    std::reverse(events.begin(), events.end());
    return events;
  }

  absl::StatusOr<std::vector<EventRecord>> EventsAfter(const std::string& context_id, std::uint64_t after_id,
                                                       std::uint32_t limit) override {
    std::vector<EventRecord> events;
    RETURN_IF_ERROR(file_->Run(Outlives::kProcess, [&](const sqlite::Connection& database) -> absl::Status {
      sqlite::Statement query = database.Prepare(EventTable().SelectSql(
          kInSqlite, "WHERE (?1 = '' OR context_id = ?1) AND id > ?2 ORDER BY id LIMIT ?3"));
      query.With(context_id, std::min<std::uint64_t>(after_id, INT64_MAX), limit);
      ASSIGN_OR_RETURN(events, ReadRows(EventTable(), query));
      return absl::OkStatus();
    }));
    return events;
  }

  absl::Status KeepSummaries(const std::map<std::string, std::string>& by_context) override {
    return file_->Write(Outlives::kProcess, [&](const sqlite::Connection& database) {
      absl::Status status = MakeSummaries(database);
      sqlite::Statement keep = database.Prepare(SummaryTable().UpsertSql(kInSqlite));
      sqlite::Statement forget = database.Prepare("DELETE FROM summary WHERE context_id = ?");
      for (const auto& [context_id, text] : by_context) {
        if (!status.ok()) break;
        status = text.empty() ? forget.With(context_id).Run() : keep.With(context_id, text).Run();
      }
      return status;
    });
  }

  absl::StatusOr<std::map<std::string, std::string>> Summaries() override {
    std::map<std::string, std::string> summaries;
    RETURN_IF_ERROR(file_->Run(Outlives::kProcess, [&](const sqlite::Connection& database) -> absl::Status {
      summaries.clear();
      RETURN_IF_ERROR(MakeSummaries(database));
      sqlite::Statement query = database.Prepare(SummaryTable().SelectSql(kInSqlite));
      ASSIGN_OR_RETURN(std::vector<SummaryRow> rows, ReadRows(SummaryTable(), query));
      for (SummaryRow& row : rows) summaries[row.context_id] = std::move(row.text);
      return absl::OkStatus();
    }));
    return summaries;
  }

 private:
  /// Removes the oldest events of the tenant after each kEventsPruneEvery events, and at its first event in
  /// this process.
  absl::Status Prune(const sqlite::Connection& database, const EventRecord& added) {
    const auto [since, first] = added_since_.try_emplace(added.context_id, 0);
    if (first || ++since->second >= kEventsPruneEvery) {
      since->second = 0;
      sqlite::Statement remove = database.Prepare(
          "DELETE FROM event WHERE context_id = ?1 AND (severity > 1) = ?3 AND id <= (SELECT id FROM "
          "event WHERE context_id = ?1 AND (severity > 1) = ?3 ORDER BY id DESC LIMIT 1 OFFSET ?2)");
      for (const bool urgent : {false, true}) {
        RETURN_IF_ERROR(remove.With(added.context_id, kEventsPerTenantMax, urgent).Run());
      }
    }
    if (added.id % static_cast<std::uint64_t>(kEventsPruneEvery) != 0) return absl::OkStatus();
    const absl::StatusOr<std::int64_t> events = database.Number("SELECT count(*) FROM event");
    if (!events.ok() || *events <= kEventsMax) return events.status();
    return database
        .Prepare("DELETE FROM event WHERE id IN (SELECT id FROM event ORDER BY severity > 1, id LIMIT ?)")
        .With(*events - kEventsMax)
        .Run();
  }

  /// Appends the events that `filter` selects with ids from `from` to below `before`, newest first. Stops
  /// when `events` has `limit` elements.
  static absl::Status Look(const sqlite::Connection& database, const EventFilter& filter, std::int64_t from,
                           std::int64_t before, std::uint32_t limit, std::vector<EventRecord>* events) {
    sqlite::Statement query = database.Prepare(EventTable().SelectSql(
        kInSqlite,
        "WHERE (?1 = '' OR context_id = ?1) AND id >= ?2 AND id < ?3 AND severity >= ?4 "
        "AND time_ms >= ?5 ORDER BY id DESC"));
    query.With(filter.context_id, from, before, static_cast<int>(filter.severity), filter.since_ms);
    while (events->size() < limit) {
      ASSIGN_OR_RETURN(std::optional<EventRecord> event, ReadNext(EventTable(), query));
      if (!event) return absl::OkStatus();
      if (Matches(filter, *event)) events->push_back(*std::move(event));
    }
    return absl::OkStatus();
  }

  const std::shared_ptr<CatalogFile> file_;
  /// Events of each tenant since its last removal of old ones. Used only inside Run().
  std::map<std::string, std::int64_t> added_since_;
};

}  // namespace

std::unique_ptr<Catalog> MakeCatalog(std::shared_ptr<CatalogFile> file) {
  return std::make_unique<SqliteCatalog>(std::move(file));
}

absl::StatusOr<std::unique_ptr<Catalog>> OpenSqliteCatalog(const std::string& dir) {
  ASSIGN_OR_RETURN(std::shared_ptr<CatalogFile> file, CatalogFile::Open(dir));
  return MakeCatalog(std::move(file));
}

namespace {

absl::Status MakeCursors(const sqlite::Connection& database) {
  return database.Execute(HookCursorTable().CreateMissingSql(kInSqlite));
}

class SqliteHookCursor final : public HookCursor {
 public:
  explicit SqliteHookCursor(std::shared_ptr<CatalogFile> file) : file_(std::move(file)) {}

  absl::StatusOr<std::uint64_t> Read(const std::string& hook) override {
    std::int64_t id = 0;
    RETURN_IF_ERROR(file_->Run(Outlives::kProcess, [&](const sqlite::Connection& database) -> absl::Status {
      RETURN_IF_ERROR(MakeCursors(database));
      RETURN_IF_ERROR(
          database
              .Prepare("INSERT INTO hook_cursor VALUES (?1, (SELECT coalesce(max(id), 0) FROM event)) "
                       "ON CONFLICT (hook) DO NOTHING")
              .With(hook)
              .Run());
      sqlite::Statement query = database.Prepare("SELECT event_id FROM hook_cursor WHERE hook = ?1");
      const absl::StatusOr<bool> row = query.With(hook).Step();
      if (row.ok() && *row) id = query.Int(0);
      return row.status();
    }));
    return static_cast<std::uint64_t>(id);
  }

  absl::Status Write(const std::string& hook, std::uint64_t event_id) override {
    return file_->Run(Outlives::kProcess, [&](const sqlite::Connection& database) {
      RETURN_IF_ERROR(MakeCursors(database));
      return WriteRow(HookCursorTable(), {hook, event_id},
                      database.Prepare(HookCursorTable().UpsertSql(kInSqlite)));
    });
  }

 private:
  const std::shared_ptr<CatalogFile> file_;
};

}  // namespace

std::unique_ptr<HookCursor> MakeHookCursor(std::shared_ptr<CatalogFile> file) {
  return std::make_unique<SqliteHookCursor>(std::move(file));
}

namespace {

/// Looks that may be added between two removals of old ones. Otherwise each Add() would delete one.
constexpr std::int64_t kPruneEvery = 128;

/// Creates the table. It is missing if somebody moved the catalog away while the server ran.
absl::Status MakeLooks(const sqlite::Connection& database) {
  return database.Execute(LookTable().CreateMissingSql(kInSqlite));
}

class SqliteLookLog final : public LookLog {
 public:
  SqliteLookLog(std::shared_ptr<CatalogFile> file, std::uint64_t looks_max)
      : file_(std::move(file)), looks_max_(looks_max) {}

  absl::Status Add(const AuditRecord& look) override {
    return file_->Write(Outlives::kProcess, [&](const sqlite::Connection& database) -> absl::Status {
      Fields fields = LookTable().Write(look);
      fields.Set("id", Field());
      RETURN_IF_ERROR(MakeLooks(database));
      sqlite::Statement insert = database.Prepare(LookTable().InsertSql(kInSqlite));
      RETURN_IF_ERROR(BindFields(insert, fields).Run());
      const std::int64_t id = database.LastRowid();
      if (id % kPruneEvery != 0) return absl::OkStatus();
      return database.Prepare("DELETE FROM looks WHERE id <= ?")
          .With(id - static_cast<std::int64_t>(looks_max_))
          .Run();
    });
  }

  absl::StatusOr<std::vector<AuditRecord>> Last(std::uint64_t limit) override {
    std::vector<AuditRecord> looks;
    RETURN_IF_ERROR(file_->Run(Outlives::kProcess, [&](const sqlite::Connection& database) -> absl::Status {
      RETURN_IF_ERROR(MakeLooks(database));
      sqlite::Statement query = database.Prepare(absl::StrCat(
          "SELECT * FROM (", LookTable().SelectSql(kInSqlite, "ORDER BY id DESC LIMIT ?"), ") ORDER BY id"));
      query.With(limit == 0 || limit > looks_max_ ? looks_max_ : limit);
      ASSIGN_OR_RETURN(looks, ReadRows(LookTable(), query));
      return absl::OkStatus();
    }));
    return looks;
  }

 private:
  const std::shared_ptr<CatalogFile> file_;
  const std::uint64_t looks_max_;
};

}  // namespace

std::unique_ptr<LookLog> MakeLookLog(std::shared_ptr<CatalogFile> file, std::uint64_t looks_max) {
  return std::make_unique<SqliteLookLog>(std::move(file), looks_max);
}

namespace {

/// The last layout of version 0.1.0, which stored its number in user_version. For that version the number
/// stays there.
constexpr int kVersion = 2;
const KnownLayout kLayout = {"the catalog", 3};
constexpr int kBusyTimeoutMs = 2'000;

/// Gives hashes to the records of version 1, which had none. The chain begins with them.
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
  // Run() also replaces a damaged file.
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
        if (version < kVersion) RETURN_IF_ERROR(MakeTables(*database_, version));
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

/// Moves the damaged file aside together with its log, because SQLite would use a log that is left for the
/// new file.
absl::Status CatalogFile::MoveAside() {
  database_.reset();
  // Ids of events must continue to increase, because readers of events have seen the lower ones.
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
