#include "server/store/postgres/place/postgres_catalog.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/db/postgres/pipeline.h"
#include "base/db/postgres/transaction.h"
#include "base/mutex.h"
#include "base/printable.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "server/own_records/postgres_record.h"
#include "server/store/catalog/catalog_records.h"

namespace mirror {
namespace {

constexpr char kCutText[] = "left($6, 4000)";  // The message, cut to 4,000 characters.
/// A tenant's call waits while its event is added. An event that cannot be added now is added later, see
/// Events. So if a database hangs, the wait is limited, and is not repeated for each event.
constexpr std::chrono::seconds kAnswerWithin{3};
constexpr std::chrono::seconds kSlow{1};
constexpr std::chrono::seconds kAgainBehindSlow{10};
/// An event does not wait for a standby either, because it promises nothing. Only this transaction has these
/// settings.
constexpr char kNoLongWaitSql[] =
    "SELECT set_config('synchronous_commit', 'local', true), set_config('lock_timeout', '2s', true), "
    "set_config('statement_timeout', '2s', true)";

/// Returns the text as PostgreSQL accepts it. Events may contain any text from a source's file.
std::string Storable(const std::string& text) { return IsText(text) ? text : Printable(text); }

/// Converts EventFilter::kind to a LIKE pattern.
std::string LikePattern(const std::string& kind) {
  if (kind.empty()) return "%";
  return absl::StrReplaceAll(Storable(kind), {{"\\", "\\\\"}, {"%", "\\%"}, {"_", "\\_"}, {"*", "%"}});
}

class PostgresCatalog final : public Catalog {
 public:
  explicit PostgresCatalog(std::shared_ptr<PostgresControl> control) : control_(std::move(control)) {}

  absl::StatusOr<EventRecord> AddEvent(EventRecord event) override {
    if (event.time_ms == 0) event.time_ms = SharedNowMs();
    const auto begun = Clock::now();
    if (IsSlow(begun)) {
      return absl::UnavailableError(
          absl::StrCat("the control database did not store an event in time; the server tries again within ",
                       kAgainBehindSlow.count(), " s."));
    }
    absl::Status status = Insert(&event);
    if (!status.ok()) {
      NoteTime(begun);
      return status;
    }
    // The event is stored. Old events that are left now are deleted next time.
    Prune(event).IgnoreError();
    return event;
  }

  absl::StatusOr<std::vector<EventRecord>> LastEvents(const EventFilter& filter, std::uint64_t before_id,
                                                      std::uint32_t limit) override {
    const std::string context_id = Storable(filter.context_id), kind = LikePattern(filter.kind);
    const std::uint64_t before = before_id == 0 ? INT64_MAX : std::min<std::uint64_t>(before_id, INT64_MAX);
    auto events =
        Ask(EventTable().SelectSql(kInControl,
                                   "WHERE ($1 = '' OR context_id = $1) AND id < $2 AND severity >= $3 AND "
                                   "time_ms >= $4 AND kind LIKE $5 ORDER BY id DESC LIMIT $6"),
            {context_id, before, static_cast<std::int64_t>(filter.severity), filter.since_ms, kind, limit});
    if (events.ok()) std::reverse(events->begin(), events->end());
    return events;
  }

  absl::StatusOr<std::vector<EventRecord>> EventsAfter(const std::string& context_id, std::uint64_t after_id,
                                                       std::uint32_t limit) override {
    const std::string of = Storable(context_id);
    return Ask(EventTable().SelectSql(kInControl,
                                      "WHERE ($1 = '' OR context_id = $1) AND id > $2 ORDER BY id LIMIT $3"),
               {of, std::min<std::uint64_t>(after_id, INT64_MAX), limit});
  }

  absl::Status KeepSummaries(const std::map<std::string, std::string>& by_context) override {
    postgres::Array ids(postgres::Type::kText), texts(postgres::Type::kText),
        forgotten(postgres::Type::kText);
    for (const auto& [context_id, text] : by_context) {
      if (text.empty()) {
        forgotten.Add(context_id);
      } else {
        ids.Add(context_id);
        texts.Add(text);
      }
    }
    const auto keep = [&](postgres::Connection& connection) {
      RETURN_IF_ERROR(
          connection.Change("INSERT INTO mirror_control.summary SELECT * FROM unnest($1, $2) ON "
                            "CONFLICT (context_id) DO "
                            "UPDATE SET text = excluded.text",
                            {ids.value(), texts.value()}, "keeping summaries of tenants"));
      return connection.Change("DELETE FROM mirror_control.summary WHERE context_id = ANY ($1)",
                               {forgotten.value()}, "forgetting summaries of tenants");
    };
    return control_->Write(keep, Awaits::kNobody);
  }

  absl::StatusOr<std::map<std::string, std::string>> KeepKnownSummaries(
      const std::map<std::string, std::string>& by_context, const IsKnown& is_known) override {
    std::map<std::string, std::string> unknown;
    postgres::Array all(postgres::Type::kText);
    for (const auto& [context_id, text] : by_context) all.Add(context_id);
    const auto keep = [&](postgres::Connection& connection) -> absl::Status {
      unknown.clear();
      // All servers lock rows in one order. So they wait for each other without a deadlock.
      ASSIGN_OR_RETURN(
          const auto rows,
          connection.Query(SummaryTable().SelectSql(
                               kInControl, "WHERE context_id = ANY ($1) ORDER BY context_id FOR UPDATE"),
                           {all.value()}, "comparing summaries of tenants"));
      std::map<std::string, std::string> kept;
      for (int row = 0; row < rows.rows(); ++row) kept[rows.Text(row, 0)] = rows.Text(row, 1);
      postgres::Array ids(postgres::Type::kText), texts(postgres::Type::kText),
          new_ids(postgres::Type::kText), new_texts(postgres::Type::kText);
      std::set<std::string> added;
      for (const auto& [context_id, text] : by_context) {
        const auto found = kept.find(context_id);
        const std::string before = found == kept.end() ? std::string() : found->second;
        if (!is_known(context_id, before)) {
          unknown[context_id] = before;
        } else if (found == kept.end()) {
          new_ids.Add(context_id);
          new_texts.Add(text);
          added.insert(context_id);
        } else {
          ids.Add(context_id);
          texts.Add(text);
        }
      }
      RETURN_IF_ERROR(
          connection.Change("UPDATE mirror_control.summary SET text = next.text FROM unnest($1, $2) AS next "
                            "(context_id, text) WHERE summary.context_id = next.context_id",
                            {ids.value(), texts.value()}, "keeping summaries of tenants"));
      ASSIGN_OR_RETURN(
          const auto inserted,
          connection.Query(
              "INSERT INTO mirror_control.summary SELECT * FROM unnest($1, $2) ON CONFLICT (context_id) DO "
              "NOTHING RETURNING context_id",
              {new_ids.value(), new_texts.value()}, "keeping summaries of tenants"));
      for (int row = 0; row < inserted.rows(); ++row) added.erase(inserted.Text(row, 0));
      // Another server was faster. The next call returns what it stored.
      for (const std::string& context_id : added) unknown[context_id] = "";
      return absl::OkStatus();
    };
    RETURN_IF_ERROR(control_->Write(keep, Awaits::kNobody));
    return unknown;
  }

  absl::StatusOr<std::map<std::string, std::string>> Summaries() override {
    ASSIGN_OR_RETURN(const auto rows, control_->Query(SummaryTable().SelectSql(kInControl), {},
                                                      "reading summaries of tenants"));
    ASSIGN_OR_RETURN(std::vector<SummaryRow> all, ReadRows(SummaryTable(), rows));
    std::map<std::string, std::string> summaries;
    for (SummaryRow& row : all) summaries[row.context_id] = std::move(row.text);
    return summaries;
  }

 private:
  using Clock = std::chrono::steady_clock;

  bool IsSlow(Clock::time_point now) MIRROR_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return now < again_;
  }
  /// Notes how long an attempt took. Called for an event that was not stored.
  void NoteTime(Clock::time_point begun) MIRROR_EXCLUDES(mutex_) {
    const auto now = Clock::now();
    const MutexLock lock(mutex_);
    if (now - begun >= kSlow) again_ = now + kAgainBehindSlow;
  }

  absl::Status Insert(EventRecord* event) {
    EventRecord stored = *event;
    for (std::string* const text : {&stored.context_id, &stored.kind, &stored.message}) {
      *text = Storable(*text);
    }
    const Fields fields = EventTable().Write(stored);
    return control_->Run([&](postgres::Connection& connection) {
      constexpr char kDoing[] = "adding an event";
      const postgres::AnswersWithin patience(connection, kAnswerWithin);
      postgres::Transaction transaction(connection);
      postgres::Pipeline pipeline(connection);
      transaction.Begin(pipeline);
      pipeline.Queue(kNoLongWaitSql, {}, kDoing);
      // Ids from the row of event_head increase in the order of the commits. Ids of a sequence need not, and
      // a reader of new events would miss one that is committed later.
      const int added = pipeline.Queue(
          absl::StrCat("WITH head AS (UPDATE mirror_control.event_head SET id = id + 1 RETURNING id) INSERT "
                       "INTO mirror_control.event (",
                       EventTable().Names(), ") SELECT ",
                       EventTable().Places(Dialect::kPostgres, {{"id", "head.id"}, {"message", kCutText}}),
                       " FROM head RETURNING id"),
          ValuesOf(fields), kDoing);
      const auto rows = transaction.Commit(pipeline, kDoing);
      if (rows.ok()) {
        event->id = static_cast<std::uint64_t>((*rows)[static_cast<std::size_t>(added)].Int(0, 0));
      }
      return rows.status();
    });
  }

  absl::StatusOr<std::vector<EventRecord>> Ask(const std::string& sql, postgres::Values values) {
    ASSIGN_OR_RETURN(const auto rows, control_->Query(sql, values, "reading events"));
    return ReadRows(EventTable(), rows);
  }

  /// Returns whether to search for a tenant's oldest events now. This is due once in kEventsPruneEvery
  /// events, and at the tenant's first event in this process, because an earlier process may have left some.
  bool IsDue(const std::string& context_id) MIRROR_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    const auto [since, first] = added_since_.try_emplace(context_id, 0);
    if (!first && ++since->second < kEventsPruneEvery) return false;
    since->second = 0;
    return true;
  }

  absl::Status Prune(const EventRecord& added) {
    const bool of_tenant = IsDue(added.context_id);
    const bool of_all = added.id % static_cast<std::uint64_t>(kEventsPruneEvery) == 0;
    if (!of_tenant && !of_all) return absl::OkStatus();
    const std::string context_id = Storable(added.context_id);
    return control_->Write([&](postgres::Connection& connection) -> absl::Status {
      constexpr char kDoing[] = "removing old events";
      const postgres::AnswersWithin patience(connection, kAnswerWithin);
      if (const auto set = connection.Query(kNoLongWaitSql, {}, kDoing); !set.ok()) return set.status();
      for (const bool urgent : {false, true}) {
        if (!of_tenant) break;
        RETURN_IF_ERROR(connection.Change(
            "DELETE FROM mirror_control.event WHERE context_id = $1 AND (severity > 1) = $3 AND id <= "
            "(SELECT "
            "id FROM mirror_control.event WHERE context_id = $1 AND (severity > 1) = $3 ORDER BY id DESC "
            "LIMIT 1 OFFSET $2)",
            {context_id, kEventsPerTenantMax, urgent}, kDoing));
      }
      if (!of_all) return absl::OkStatus();
      const auto events = connection.Number("SELECT count(*) FROM mirror_control.event", {}, kDoing);
      if (!events.ok() || *events <= kEventsMax) return events.status();
      return connection.Change(
          "DELETE FROM mirror_control.event WHERE id IN (SELECT id FROM mirror_control.event ORDER BY "
          "severity > 1, id LIMIT $1)",
          {*events - kEventsMax}, kDoing);
    });
  }

  const std::shared_ptr<PostgresControl> control_;
  Mutex mutex_;
  /// By tenant: events since the last search for the oldest ones.
  std::map<std::string, std::int64_t> added_since_ MIRROR_GUARDED_BY(mutex_);
  Clock::time_point again_ MIRROR_GUARDED_BY(mutex_);  ///< No event is sent before this time.
};

}  // namespace

std::unique_ptr<Catalog> MakeCatalog(std::shared_ptr<PostgresControl> control) {
  return std::make_unique<PostgresCatalog>(std::move(control));
}

namespace {

class PostgresHookCursor final : public HookCursor {
 public:
  explicit PostgresHookCursor(std::shared_ptr<PostgresControl> control) : control_(std::move(control)) {}

  absl::StatusOr<std::uint64_t> Read(const std::string& hook) override {
    std::int64_t id = 0;
    RETURN_IF_ERROR(control_->Run([&](postgres::Connection& connection) -> absl::Status {
      RETURN_IF_ERROR(
          connection.Change("INSERT INTO mirror_control.hook_cursor VALUES ($1, (SELECT id FROM "
                            "mirror_control.event_head)) ON CONFLICT (hook) DO NOTHING",
                            {hook}, kDoing));
      const auto read = connection.Number("SELECT event_id FROM mirror_control.hook_cursor WHERE hook = $1",
                                          {hook}, kDoing);
      if (read.ok()) id = *read;
      return read.status();
    }));
    return static_cast<std::uint64_t>(id);
  }

  absl::Status Write(const std::string& hook, std::uint64_t event_id) override {
    const auto note = [&](postgres::Connection& connection) {
      return WriteRow(HookCursorTable(), {hook, event_id}, HookCursorTable().UpsertSql(kInControl),
                      connection, kDoing);
    };
    // If a standby lacks this row, a hook is notified once more.
    return control_->Write(note, Awaits::kNobody);
  }

 private:
  static constexpr char kDoing[] = "recording the last event that a hook was told";
  const std::shared_ptr<PostgresControl> control_;
};

}  // namespace

std::unique_ptr<HookCursor> MakeHookCursor(std::shared_ptr<PostgresControl> control) {
  return std::make_unique<PostgresHookCursor>(std::move(control));
}

namespace {

/// Looks that may be added between two removals of old ones. Otherwise each new look would delete one.
constexpr std::int64_t kPruneLooksEvery = 128;

class PostgresLookLog final : public LookLog {
 public:
  PostgresLookLog(std::shared_ptr<PostgresControl> control, std::uint64_t looks_max)
      : control_(std::move(control)), looks_max_(static_cast<std::int64_t>(looks_max)) {}

  absl::Status Add(const AuditRecord& look) override {
    std::int64_t id = 0;
    const auto add = [&](postgres::Connection& connection) -> absl::Status {
      const Fields fields = LookTable().Write(look);
      const auto added =
          connection.Number(LookTable().InsertSql(kInControl, {{"id", "DEFAULT"}}) + " RETURNING id",
                            ValuesOf(fields), "adding a look");
      id = added.value_or(0);
      return added.status();
    };
    RETURN_IF_ERROR(control_->Write(add, Awaits::kNobody));
    if (id % kPruneLooksEvery != 0) return absl::OkStatus();
    const auto prune = [&](postgres::Connection& connection) {
      return connection.Change("DELETE FROM mirror_control.looks WHERE id <= $1", {id - looks_max_},
                               "removing old looks");
    };
    // The look is stored. Old looks that are left now are deleted next time.
    control_->Write(prune, Awaits::kNobody).IgnoreError();
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<AuditRecord>> Last(std::uint64_t limit) override {
    const auto wanted = static_cast<std::int64_t>(limit);
    ASSIGN_OR_RETURN(
        const auto rows,
        control_->Query(
            absl::StrCat("SELECT * FROM (", LookTable().SelectSql(kInControl, "ORDER BY id DESC LIMIT $1"),
                         ") AS last ORDER BY id"),
            {wanted <= 0 || wanted > looks_max_ ? looks_max_ : wanted}, "reading looks"));
    return ReadRows(LookTable(), rows);
  }

 private:
  const std::shared_ptr<PostgresControl> control_;
  const std::int64_t looks_max_;
};

}  // namespace

std::unique_ptr<LookLog> MakeLookLog(std::shared_ptr<PostgresControl> control, std::uint64_t looks_max) {
  return std::make_unique<PostgresLookLog>(std::move(control), looks_max);
}

}  // namespace mirror
