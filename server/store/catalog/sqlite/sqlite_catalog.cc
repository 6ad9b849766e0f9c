#include "server/store/catalog/sqlite/sqlite_catalog.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/clock.h"

namespace mirror {
namespace {

constexpr std::int64_t kMessageBytesMax = 4'000;
constexpr char kMakeSummary[] =
    "CREATE TABLE IF NOT EXISTS summary (context_id TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID";

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
  explicit SqliteCatalog(std::shared_ptr<CatalogFile> file) : file_(std::move(file)) {}

  absl::StatusOr<EventRecord> AddEvent(EventRecord event) override {
    if (event.time_ms == 0) event.time_ms = NowMs();
    const Outlives outlives =
        event.severity == Severity::kInformation ? Outlives::kProcess : Outlives::kPower;
    absl::Status status = file_->Run(outlives, [&](SQLite::Database& database) {
      SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
      SQLite::Statement insert(database,
                               "INSERT INTO event (time_ms, context_id, severity, kind, message) "
                               "VALUES (?, ?, ?, ?, substr(?, 1, ?))");
      insert.bind(1, event.time_ms);
      insert.bind(2, event.context_id);
      insert.bind(3, static_cast<int>(event.severity));
      insert.bind(4, event.kind);
      insert.bind(5, event.message);
      insert.bind(6, kMessageBytesMax);
      insert.exec();
      event.id = static_cast<std::uint64_t>(database.getLastInsertRowid());
      Prune(database, event);
      transaction.commit();
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return event;
  }

  absl::StatusOr<std::vector<EventRecord>> LastEvents(const EventFilter& filter, std::uint64_t before_id,
                                                      std::uint32_t limit) override {
    std::vector<EventRecord> events;
    std::int64_t first = 0, before = 0;
    absl::Status status = file_->Run(Outlives::kProcess, [&](SQLite::Database& database) {
      SQLite::Statement query(database, "SELECT ifnull(min(id), 0), ifnull(max(id), -1) + 1 FROM event");
      query.executeStep();
      first = query.getColumn(0).getInt64();
      before = query.getColumn(1).getInt64();
      return absl::OkStatus();
    });
    if (before_id != 0 && before_id < static_cast<std::uint64_t>(before)) {
      before = static_cast<std::int64_t>(before_id);
    }
    while (status.ok() && before > first && events.size() < limit) {
      const std::int64_t from = before - std::min(before, kEventIdsPerLook);
      status = file_->Run(Outlives::kProcess, [&](SQLite::Database& database) {
        Look(database, filter, from, before, limit, &events);
        return absl::OkStatus();
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
    absl::Status status = file_->Run(Outlives::kProcess, [&](SQLite::Database& database) {
      events.clear();
      SQLite::Statement query(database,
                              "SELECT id, time_ms, context_id, severity, kind, message FROM event "
                              "WHERE (?1 = '' OR context_id = ?1) AND id > ?2 ORDER BY id LIMIT ?3");
      query.bind(1, context_id);
      query.bind(2, static_cast<std::int64_t>(std::min<std::uint64_t>(after_id, INT64_MAX)));
      query.bind(3, static_cast<std::int64_t>(limit));
      while (query.executeStep()) events.push_back(ReadEvent(query));
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return events;
  }

  absl::Status KeepSummaries(const std::map<std::string, std::string>& by_context) override {
    return file_->Run(Outlives::kProcess, [&](SQLite::Database& database) {
      SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
      database.exec(kMakeSummary);
      SQLite::Statement keep(database, "INSERT OR REPLACE INTO summary (context_id, text) VALUES (?, ?)");
      SQLite::Statement forget(database, "DELETE FROM summary WHERE context_id = ?");
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
    std::map<std::string, std::string> summaries;
    absl::Status status = file_->Run(Outlives::kProcess, [&](SQLite::Database& database) {
      summaries.clear();
      database.exec(kMakeSummary);
      SQLite::Statement query(database, "SELECT context_id, text FROM summary");
      while (query.executeStep()) summaries[query.getColumn(0).getString()] = query.getColumn(1).getString();
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return summaries;
  }

 private:
  /// Now and then, and at a tenant's first event of this process: it may have left some to be looked for.
  void Prune(SQLite::Database& database, const EventRecord& added) {
    const auto [since, first] = added_since_.try_emplace(added.context_id, 0);
    if (first || ++since->second >= kEventsPruneEvery) {
      since->second = 0;
      for (const bool urgent : {false, true}) {
        SQLite::Statement remove(
            database,
            "DELETE FROM event WHERE context_id = ?1 AND (severity > 1) = ?3 AND id <= (SELECT id FROM "
            "event WHERE context_id = ?1 AND (severity > 1) = ?3 ORDER BY id DESC LIMIT 1 OFFSET ?2)");
        remove.bind(1, added.context_id);
        remove.bind(2, kEventsPerTenantMax);
        remove.bind(3, urgent ? 1 : 0);
        remove.exec();
      }
    }
    if (added.id % static_cast<std::uint64_t>(kEventsPruneEvery) != 0) return;
    SQLite::Statement count(database, "SELECT count(*) FROM event");
    count.executeStep();
    const std::int64_t over = count.getColumn(0).getInt64() - kEventsMax;
    if (over <= 0) return;
    SQLite::Statement remove(
        database, "DELETE FROM event WHERE id IN (SELECT id FROM event ORDER BY severity > 1, id LIMIT ?)");
    remove.bind(1, over);
    remove.exec();
  }

  /// Adds those of ids from `from` to below `before`, newest first.
  static void Look(SQLite::Database& database, const EventFilter& filter, std::int64_t from,
                   std::int64_t before, std::uint32_t limit, std::vector<EventRecord>* events) {
    SQLite::Statement query(database,
                            "SELECT id, time_ms, context_id, severity, kind, message FROM event "
                            "WHERE (?1 = '' OR context_id = ?1) AND id >= ?2 AND id < ?3 AND severity >= ?4 "
                            "AND time_ms >= ?5 ORDER BY id DESC");
    query.bind(1, filter.context_id);
    query.bind(2, from);
    query.bind(3, before);
    query.bind(4, static_cast<int>(filter.severity));
    query.bind(5, filter.since_ms);
    while (events->size() < limit && query.executeStep()) {
      EventRecord event = ReadEvent(query);
      if (Matches(filter, event)) events->push_back(std::move(event));
    }
  }

  const std::shared_ptr<CatalogFile> file_;
  /// By tenant, events since it was last looked for the oldest. Used inside of Run() only.
  std::map<std::string, std::int64_t> added_since_;
};

}  // namespace

std::unique_ptr<Catalog> MakeCatalog(std::shared_ptr<CatalogFile> file) {
  return std::make_unique<SqliteCatalog>(std::move(file));
}

absl::StatusOr<std::unique_ptr<Catalog>> OpenSqliteCatalog(const std::string& dir) {
  absl::StatusOr<std::shared_ptr<CatalogFile>> file = CatalogFile::Open(dir);
  if (!file.ok()) return file.status();
  return MakeCatalog(*std::move(file));
}

}  // namespace mirror
