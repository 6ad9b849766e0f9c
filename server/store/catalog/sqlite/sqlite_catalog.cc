#include "server/store/catalog/sqlite/sqlite_catalog.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/status_macros.h"
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
  /// Now and then, and at a tenant's first event of this process: it may have left some to be looked for.
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

  /// Adds those of ids from `from` to below `before`, newest first.
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
  /// By tenant, events since it was last looked for the oldest. Used inside of Run() only.
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

}  // namespace mirror
