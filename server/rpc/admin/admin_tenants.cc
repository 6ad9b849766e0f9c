#include "server/rpc/admin/admin_service.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/cut_message.h"
#include "base/folded_name.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/rpc/admin/admin_service.h"
#include "server/rpc/admin/asked_tenant.h"
#include "server/rpc/admin/tenant_watch.h"
#include "server/tenant/tenant_list.h"

namespace mirror {
namespace {

constexpr std::size_t kPatternBytesMax = 256;
constexpr int kStatesMax = 32;
/// Each watcher reads all tenants once a second: 10,000 of them take some 20 ms.
constexpr int kTenantWatchersMax = 4;
constexpr std::size_t kTenantsPerNews = 500;
constexpr std::chrono::milliseconds kWatchInterval{1'000};
/// Interval to check whether the caller went away, or the server stops.
constexpr std::chrono::milliseconds kWatchLook{100};

absl::StatusOr<TenantQuery> QueryOf(const v1::ListTenantsRequest& request) {
  if (request.name_pattern().size() > kPatternBytesMax || request.states_size() > kStatesMax) {
    return absl::InvalidArgumentError(absl::StrCat("'name_pattern' is over ", kPatternBytesMax,
                                                   " bytes, or there are over ", kStatesMax,
                                                   " states. Ask for less at once."));
  }
  TenantQuery query;
  query.name_pattern = request.name_pattern();
  query.states.insert(request.states().begin(), request.states().end());
  query.problems = request.problems();
  query.page_size = request.page_size();
  query.page_token = request.page_token();
  if (request.order() == v1::TENANT_ORDER_PROBLEMS) query.order = TenantOrder::kProblems;
  if (request.order() == v1::TENANT_ORDER_OLDEST) query.order = TenantOrder::kOldest;
  return query;
}

void EncodeFailure(const TenantSummary& summary, v1::Tenant* message) {
  message->set_failing_since_ms(summary.failure.since_ms);
  message->set_last_failed_ms(summary.failure.last_ms);
  message->set_failure(CutMessage(summary.failure.why));
  message->set_tables_refused(summary.tables_refused);
  message->set_tables_unsent(summary.tables_unsent);
}

void EncodeRows(const CycleBook::Now& rows, v1::Tenant* message) {
  message->set_running_since_ms(rows.since_ms);
  message->set_running_rows(rows.done);
  message->set_running_rows_planned(rows.planned);
  message->set_rows_per_second(rows.per_second);
}

void EncodeHub(const ListedTenant& tenant, v1::Tenant* message) {
  if (tenant.hub == nullptr) return;
  v1::TenantInHub* const hub = message->mutable_hub();
  hub->set_storage(tenant.hub->storage);
  hub->set_data_source(tenant.hub->data_source);
  hub->set_suspended_ms(tenant.hub->suspended_ms);
  hub->set_source_restored(tenant.hub->source_restored);
  hub->set_open(tenant.hub->open);
  hub->set_held(tenant.hub->held);
  hub->set_refused(tenant.hub->refused);
  hub->set_frozen(tenant.hub->frozen);
  hub->set_stopped(CutMessage(tenant.hub->stopped));
}

/// `now`: the summary to show, which may be newer than that of the state.
void Encode(const ListedTenant& tenant, const TenantSummary& now, std::string_view door,
            v1::Tenant* message) {
  message->set_context_id(tenant.context_id);
  message->set_state(std::string(ToString(StateOf(tenant))));
  message->set_problem(IsProblem(tenant));
  message->set_issuer(now.issuer);
  message->set_environment(now.environment);
  message->set_source_id(now.source_id);
  message->set_cycle(now.cycle);
  message->set_active(now.active);
  message->set_last_progress_ms(tenant.progress_ms);
  message->set_last_completed_ms(now.completed_ms);
  message->set_paused(now.paused);
  message->set_pause_reason(now.pause_reason);
  message->set_tables(now.tables);
  message->set_tables_unpopulated(now.tables_unpopulated);
  message->set_tables_differing(now.tables_differing);
  message->set_rows(now.rows);
  message->set_oldest_source_ms(now.oldest_source_ms);
  message->set_quarantine(CutMessage(now.quarantine));
  message->set_holds(now.holds);
  message->set_waiting_source_id(now.waiting_source);
  EncodeFailure(now, message);
  EncodeRows(tenant.rows, message);
  message->set_door(std::string(door));
  message->set_tables_late(static_cast<std::uint32_t>(tenant.late));
  EncodeHub(tenant, message);
}

void EncodeListed(const StoreHome& home, const ListedTenant& tenant, v1::Tenant* message) {
  const TenantSummary& summary = *tenant.summary;
  Encode(tenant, summary, DoorWord(summary), message);
  message->set_path(home.Location(tenant.context_id));
  // A shared mirror is measured only now and then: there may be thousands of them.
  message->set_bytes(home.IsShared() ? summary.bytes : home.Bytes(tenant.context_id));
}

/// Returns the last summary, with the database's present values.
TenantSummary AsItIsNow(const TenantInfo& info, TenantSummary seen) {
  seen.issuer = info.record.issuer;
  seen.environment = info.record.environment;
  seen.source_id = info.record.source_id;
  seen.cycle = info.record.cycle;
  seen.active = info.record.active;
  seen.completed_ms = info.record.completed_ms;
  seen.paused = info.record.paused;
  seen.pause_reason = info.record.pause_reason;
  seen.tables = info.tables;
  seen.tables_unpopulated = info.tables_unpopulated;
  seen.quarantine = info.quarantine;
  seen.holds = info.holds;
  seen.waiting_source = info.waiting_source;
  return seen;
}

absl::Status EncodeOpen(const StoreHome& home, const FreshnessWatch& freshness, Tenant& tenant,
                        std::shared_ptr<const TenantInHub> hub, v1::Tenant* message) {
  ASSIGN_OR_RETURN(const TenantInfo info, tenant.Info());
  const auto seen = std::make_shared<const TenantSummary>(tenant.summary());
  const bool has_records = info.record.door() == Door::kRecords;
  const ListedTenant listed{.context_id = tenant.context_id(),
                            .summary = seen,
                            .progress_ms = has_records ? seen->progress_ms : info.record.progress_ms,
                            .late = freshness.Missed(tenant.context_id()),
                            .rows = tenant.book().At(SharedNowMs()),
                            .hub = std::move(hub)};
  Encode(listed, AsItIsNow(info, *seen), ToString(info.record.door()), message);
  message->set_path(home.Location(tenant.context_id()));
  message->set_bytes(info.bytes);
  message->set_quarantine(info.quarantine);  // All of it: this is a single tenant, not a list.
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ListedTenant>> AdminTenants::All() {
  std::vector<ListedTenant> all;
  std::set<std::string> deleted;  // Folded names.
  const auto nothing = std::make_shared<const TenantSummary>();
  ASSIGN_OR_RETURN(const std::vector<std::string> gone, tenants_.Deleted());
  for (const std::string& context_id : gone) {
    all.push_back({.context_id = context_id, .summary = nothing, .deleted = true});
    deleted.insert(FoldName(context_id));
  }
  const std::map<std::string, std::shared_ptr<const TenantInHub>> hubs = HubsOfTenants();
  for (Tenants::Seen& seen : tenants_.AllKnown()) {
    if (!deleted.empty() && deleted.contains(FoldName(seen.context_id))) continue;
    // Facts that were known before may no longer be true.
    if (!seen.unreadable.empty()) {
      TenantSummary unknown;
      unknown.quarantine = std::move(seen.unreadable);
      all.push_back({.context_id = std::move(seen.context_id),
                     .summary = std::make_shared<const TenantSummary>(std::move(unknown))});
      continue;
    }
    const std::size_t late = freshness_.Missed(seen.context_id);
    const bool failing = seen.summary->failure.since_ms > 0;
    // Its file was taken away.
    if (!seen.is_open && !failing && !tenants_.home().Exists(seen.context_id)) continue;
    const auto hub = hubs.find(FoldName(seen.context_id));
    all.push_back({.context_id = std::move(seen.context_id),
                   .summary = std::move(seen.summary),
                   .progress_ms = seen.progress_ms,
                   .late = late,
                   .rows = seen.rows,
                   .hub = hub == hubs.end() ? nullptr : hub->second});
  }
  return all;
}

absl::Status AdminTenants::List(const v1::ListTenantsRequest& request, v1::ListTenantsResponse* response) {
  ASSIGN_OR_RETURN(const TenantQuery query, QueryOf(request));
  ASSIGN_OR_RETURN(const std::vector<ListedTenant> all, All());
  ASSIGN_OR_RETURN(const TenantPage page, PageOf(all, query));
  for (const ListedTenant* const tenant : page.tenants) {
    EncodeListed(tenants_.home(), *tenant, response->add_tenants());
  }
  response->set_next_page_token(page.next_page_token);
  for (const auto& [state, count] : page.totals) {
    v1::TenantCount* const total = response->add_totals();
    total->set_state(std::string(ToString(state)));
    total->set_tenants(count);
  }
  return absl::OkStatus();
}

grpc::Status AdminTenants::ListTenants(grpc::ServerContext* context, const v1::ListTenantsRequest* request,
                                       v1::ListTenantsResponse* response) {
  return Serve(*context, Needs::kViewer, "ListTenants", [&] { return List(*request, response); });
}

grpc::Status AdminTenants::GetTenant(grpc::ServerContext* context, const v1::GetTenantRequest* request,
                                     v1::Tenant* response) {
  return ServeTenant(*context, Needs::kViewer, absl::StrCat("GetTenant ", request->context_id()), *request,
                     [&](Tenant& tenant) -> absl::Status {
                       const std::map<std::string, std::shared_ptr<const TenantInHub>> hubs = HubsOfTenants();
                       const auto hub = hubs.find(FoldName(tenant.context_id()));
                       return EncodeOpen(tenants_.home(), freshness_, tenant,
                                         hub == hubs.end() ? nullptr : hub->second, response);
                     });
}

grpc::Status AdminTenants::WatchTenants(grpc::ServerContext* context,
                                        const v1::WatchTenantsRequest* /*request*/,
                                        grpc::ServerWriter<v1::TenantsNews>* writer) {
  return Serve(*context, Needs::kViewer, "WatchTenants", [&]() -> absl::Status {
    return WatchWithin(tenant_watchers_, kTenantWatchersMax, "tenants", "ListTenants",
                       [&] { return Watch(*context, writer); });
  });
}

absl::Status AdminTenants::Watch(const grpc::ServerContext& context,
                                 grpc::ServerWriter<v1::TenantsNews>* writer) {
  TenantWatch watch;
  for (bool first = true; !context.IsCancelled(); first = false) {
    const auto next = std::chrono::steady_clock::now() + kWatchInterval;
    ASSIGN_OR_RETURN(const std::vector<ListedTenant> all, All());
    TenantWatch::News news = watch.Take(all);
    v1::TenantsNews message;
    message.mutable_gone()->Add(news.gone.begin(), news.gone.end());
    std::size_t told = 0;
    for (const ListedTenant* const tenant : news.changed) {
      EncodeListed(tenants_.home(), *tenant, message.add_tenants());
      if (++told % kTenantsPerNews != 0 || told == news.changed.size()) continue;
      message.set_complete(!first);
      if (!writer->Write(message)) return absl::OkStatus();
      message.Clear();
    }
    message.set_complete(true);
    const bool empty = message.tenants().empty() && message.gone().empty();
    if ((first || !empty) && !writer->Write(message)) return absl::OkStatus();
    while (std::chrono::steady_clock::now() < next && !context.IsCancelled()) {
      if (stopping_) return absl::UnavailableError("the server stops. Watch again when it is back.");
      std::this_thread::sleep_for(kWatchLook);
    }
  }
  return absl::OkStatus();
}

grpc::Status AdminTenants::ListCycles(grpc::ServerContext* context, const v1::ListCyclesRequest* request,
                                      v1::ListCyclesResponse* response) {
  return ServeTenant(*context, Needs::kViewer, absl::StrCat("ListCycles ", request->context_id()), *request,
                     [&](Tenant& tenant) -> absl::Status {
                       for (const PastCycle& past : tenant.book().Last()) {
                         v1::PastCycle* const message = response->add_cycles();
                         message->set_cycle(past.cycle);
                         message->set_began_ms(past.began_ms);
                         message->set_ended_ms(past.ended_ms);
                         message->set_end(std::string(ToString(past.end)));
                         message->set_why(past.why);
                         message->set_inserts(past.inserts);
                         message->set_updates(past.updates);
                         message->set_deletes(past.deletes);
                       }
                       return absl::OkStatus();
                     });
}

grpc::Status AdminTenants::GetTimeSeries(grpc::ServerContext* context,
                                         const v1::GetTimeSeriesRequest* request, v1::TimeSeries* response) {
  return Serve(*context, Needs::kViewer, absl::StrCat("GetTimeSeries ", request->context_id()),
               [&]() -> absl::Status {
                 std::string context_id;
                 if (!request->context_id().empty()) {
                   ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant,
                                    FindAskedTenant(tenants_, request->context_id(), *context));
                   context_id = tenant->context_id();
                 }
                 const TimeSeries::Shown shown = time_series_.Of(context_id, SharedNowMs());
                 response->set_begin_ms(shown.begin_ms);
                 for (const Minute& minute : shown.minutes) {
                   response->add_rows(minute.rows);
                   response->add_lag_s(minute.lag_s);
                   response->add_cycle_ms(minute.cycle_ms);
                 }
                 return absl::OkStatus();
               });
}

}  // namespace mirror
