#ifndef MIRROR_TESTS_SERVER_TENANT_TENANT_BENCH_H_
#define MIRROR_TESTS_SERVER_TENANT_TENANT_BENCH_H_

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/store/sqlite/sqlite_store.h"
#include "server/tenant/tenant.h"
#include "server/watch/events.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// Events in memory.
class RememberingCatalog final : public Catalog {
 public:
  absl::StatusOr<EventRecord> AddEvent(EventRecord event) override {
    const std::lock_guard lock(mutex_);
    event.id = events_.size() + 1;
    events_.push_back(event);
    return event;
  }
  absl::StatusOr<std::vector<EventRecord>> LastEvents(const EventFilter&, std::uint64_t,
                                                      std::uint32_t) override {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  absl::StatusOr<std::vector<EventRecord>> EventsAfter(const std::string&, std::uint64_t,
                                                       std::uint32_t) override {
    return std::vector<EventRecord>();
  }

  std::vector<std::string> Kinds() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> kinds;
    for (const EventRecord& event : events_) kinds.push_back(event.kind);
    return kinds;
  }
  /// Messages of one kind, one after the other.
  std::string Messages(const std::string& kind) {
    const std::lock_guard lock(mutex_);
    std::string all;
    for (const EventRecord& event : events_) {
      if (event.kind == kind) all += event.message + "\n";
    }
    return all;
  }
  /// Of the last event of one kind.
  Severity LastSeverity(const std::string& kind) {
    const std::lock_guard lock(mutex_);
    for (auto event = events_.rbegin(); event != events_.rend(); ++event) {
      if (event->kind == kind) return event->severity;
    }
    ADD_FAILURE() << "no event " << kind;
    return Severity::kInformation;
  }

 private:
  std::mutex mutex_;
  std::vector<EventRecord> events_;
};

/// No time passes within a call.
inline std::chrono::steady_clock::time_point StillTime() { return {}; }

/// The answers alone.
inline absl::StatusOr<std::vector<TableAnswer>> TablesOf(absl::StatusOr<Announcement> answer) {
  if (!answer.ok()) return answer.status();
  return std::move(answer->tables);
}

/// Calls of a source to one tenant, without the network. Batches are checked by the codec as the endpoint
/// does.
class SourceCalls {
 public:
  SourceCalls(Tenant& tenant, std::string context_id) : tenant_(tenant) {
    caller.context_id = std::move(context_id);
    caller.issuer = "issuer";
    caller.environment = "prod";
  }

  Caller caller;
  std::int64_t now = 1'700'000'000'000;  ///< Unix milliseconds.
  std::int64_t cycle = 0;                ///< Of the last Begin().
  std::string source_id = "source";
  absl::StatusOr<Announcement> last_announcement = Announcement{};
  /// Indexes and foreign keys that are announced with a table, by its name; of others nothing is told.
  std::map<std::string, SourceObjects> objects;
  /// What tells a table from another one of its name; of others nothing is told.
  std::map<std::string, std::uint64_t> identities;

  absl::StatusOr<Admission> Authenticate(const std::string& holder = "holder", bool take_over = false,
                                         bool probe = false) {
    static std::atomic<int> nonces = 0;
    caller.nonce = "nonce " + std::to_string(++nonces);
    caller.expires_ms = now + 300'000;
    return tenant_.Authenticate(caller, holder, take_over, probe, now);
  }
  /// A new cycle. `take_over`: the one before was cut off.
  void Begin(const std::string& holder = "holder", bool take_over = false) {
    now += 1'000;
    absl::StatusOr<Admission> admission = Authenticate(holder, take_over);
    ASSERT_THAT(admission, IsOk());
    ASSERT_TRUE(admission->accepted) << admission->reason;
    cycle = admission->cycle;
  }

  absl::StatusOr<std::vector<TableAnswer>> Announce(const std::vector<TableSchema>& tables,
                                                    const std::string& digest = {}) {
    std::vector<AnnouncedTable> announced;
    std::string hashes;
    for (const TableSchema& table : tables) {
      announced.push_back({table.name, table});
      hashes += SchemaHash(table);
      if (const auto known = identities.find(table.name); known != identities.end()) {
        announced.back().identity = known->second;
        hashes += std::to_string(known->second);
      }
      const auto told = objects.find(table.name);
      if (told == objects.end()) continue;
      announced.back().objects = told->second;
      hashes += PackObjects(told->second);
    }
    last_announcement =
        tenant_.Announce(caller, cycle, source_id, digest.empty() ? hashes : digest, announced, now);
    return TablesOf(last_announcement);
  }
  /// The answer for one table.
  TableAnswer Announced(const TableSchema& table) {
    absl::StatusOr<std::vector<TableAnswer>> answers = Announce({table});
    EXPECT_THAT(answers, IsOk());
    return answers.ok() && answers->size() == 1 ? answers->front() : TableAnswer{};
  }

  absl::StatusOr<std::vector<BatchOutcome>> Apply(const std::vector<TestBatch>& batches, bool wait = false) {
    RowRequest request;
    request.cycle = cycle;
    for (const TestBatch& made : batches) {
      request.batches.push_back({made.schema->name, made.message_seq(), made.schema, made.batch});
    }
    return tenant_.Apply(caller, request, wait, now);
  }
  absl::StatusOr<std::vector<BatchOutcome>> Apply(const TestBatch& batch, bool wait = false) {
    return Apply(std::vector<TestBatch>{batch}, wait);
  }
  /// The outcome of one batch.
  BatchOutcome Send(const TableSchema& table, const BatchSpec& spec) {
    absl::StatusOr<std::vector<BatchOutcome>> outcomes = Apply(MakeBatch(table, spec));
    if (!outcomes.ok()) return {.table = table.name, .status = outcomes.status()};
    EXPECT_EQ(outcomes->size(), 1U);
    return outcomes->front();
  }
  /// All rows, in one batch, into a table that was announced.
  void Populate(const TableSchema& table, const Rows& rows, const Position& position) {
    const BatchOutcome outcome =
        Send(table,
             {.rows = rows, .populate = PopulateReason::kRequested, .target = position, .commit = position});
    EXPECT_THAT(outcome.status, IsOk());
  }
  absl::StatusOr<std::vector<TableVerdict>> Complete(const std::vector<CompletedTable>& tables = {}) {
    return tenant_.Complete(caller, cycle, tables, now);
  }
  /// A whole cycle that populates one table.
  void Mirror(const TableSchema& table, const Rows& rows, const Position& position) {
    Begin();
    ASSERT_THAT(Announce({table}), IsOk());
    Populate(table, rows, position);
    ASSERT_THAT(Complete(), IsOk());
  }

 private:
  Tenant& tenant_;
};

/// A tenant with a SQLite mirror in a folder of its own, and a source that calls it.
class TenantBench : public testing::Test {
 protected:
  explicit TenantBench(const TenantOptions& options = {}, const SqliteOptions& sqlite = {})
      : events_(catalog_), options_(options), sqlite_(sqlite) {
    spdlog::set_level(spdlog::level::off);
    options_.steady_now = &StillTime;
    Restart();
  }

  /// As if the server had been started anew.
  void Restart() {
    tenant_ = std::make_unique<Tenant>(
        "ctx",
        [this](bool create) -> absl::StatusOr<std::unique_ptr<Store>> {
          absl::StatusOr<std::unique_ptr<Store>> store =
              OpenSqliteStore(folder_.path(), "ctx", create, sqlite_);
          if (!store.ok() || !wrap_) return store;
          return wrap_(*std::move(store));
        },
        options_, events_, [](Tenant&) {});
    const std::int64_t now = source_ ? source_->now : 1'700'000'000'000;
    const std::int64_t cycle = source_ ? source_->cycle : 0;
    ++restarts_;
    source_ = std::make_unique<SourceCalls>(*tenant_, "ctx");
    source_->now = now + restarts_;
    source_->cycle = cycle;
  }

  std::string path() const { return SqlitePath(folder_.path(), "ctx"); }
  Rows Visible(const TableSchema& table) const { return ReadMirror(path(), table); }
  /// What a DBA does with the sqlite3 program.
  void ByHand(const std::string& sql) const { Partner(path()).Run(sql); }
  Cell Metadata(const std::string& column, const std::string& table = "people") const {
    return Partner(path()).One("SELECT " + column + " FROM ctx_mirroring WHERE table_name = '" + table + "'");
  }

  ScratchFolder folder_;
  RememberingCatalog catalog_;
  Events events_;
  TenantOptions options_;
  SqliteOptions sqlite_;
  /// Around each store that is opened from now on.
  std::function<std::unique_ptr<Store>(std::unique_ptr<Store>)> wrap_;
  std::unique_ptr<Tenant> tenant_;
  std::unique_ptr<SourceCalls> source_;

 private:
  int restarts_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SERVER_TENANT_TENANT_BENCH_H_
