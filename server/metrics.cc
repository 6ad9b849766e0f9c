#include "server/metrics.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/embedded_file.h"
#include "base/http/metric_page.h"
#include "server/store/home.h"
#include "server/watch/door_counters.h"

MIRROR_EMBEDDED(server_metrics);

namespace mirror {
namespace {

double InSeconds(std::int64_t ms) { return static_cast<double>(ms) / 1'000; }

/// The names that `mirrorctl hub status` uses.
constexpr std::array<const char*, 6> kStates = {"read",      "unread",   "absent",
                                                "suspended", "restored", "failing"};

std::string StateOf(const MemberState& member) {
  if (member.feed.suspended) return member.feed.own_restore ? "restored" : "suspended";
  if (member.absent) return "absent";
  if (!member.trouble.empty()) return "failing";
  return member.feed.cycle == 0 ? "unread" : "read";
}

struct MemberSeries {
  const std::string* storage;
  const MemberState* member;
};

/// Orders the series: those at the end are cut, and must be the least important.
bool ComesBefore(const MemberSeries& a, const MemberSeries& b) {
  const auto rests = [](const MemberState& member) {
    const HubFile::Figures& figures = member.figures;
    return !member.feed.suspended && member.trouble.empty() && figures.held == 0 && figures.refused == 0;
  };
  return rests(*a.member) < rests(*b.member);
}

void AddHub(const WatchedHub& hub, std::int64_t now_ms, MetricPage* page) {
  const MetricLabels labels = {{"hub", hub.storage}};
  const auto gauge = [&](const char* name, auto value) { page->Add(name, labels, value); };
  gauge("mirror_hub_failing", hub.failing.empty() ? 0 : 1);
  gauge("mirror_hub_behind_seconds",
        hub.behind_since_ms == 0 ? 0 : InSeconds(std::max<std::int64_t>(0, now_ms - hub.behind_since_ms)));
  if (hub.standing.derived_ms > 0) {
    gauge("mirror_hub_last_derivation_timestamp_seconds", InSeconds(hub.standing.derived_ms));
  }
  if (!hub.looked) return;
  gauge("mirror_hub_records", hub.standing.records);
  gauge("mirror_hub_holds_all", hub.standing.holds_all ? 1 : 0);
  gauge("mirror_hub_frozen_records", hub.standing.frozen.records);
  for (const char* const state : kStates) {
    const auto count = std::count_if(hub.standing.members.begin(), hub.standing.members.end(),
                                     [&](const MemberState& one) { return StateOf(one) == state; });
    page->Add("mirror_hub_members", {{"hub", hub.storage}, {"state", state}}, count);
  }
}

void AddMember(const std::string& storage, const MemberState& member, MetricPage* page) {
  const MetricLabels labels = {{"hub", storage}, {"data_source", member.data_source}};
  const auto gauge = [&](const char* name, auto value) { page->Add(name, labels, value); };
  gauge("mirror_hub_member_suspended", member.feed.suspended ? 1 : 0);
  gauge("mirror_hub_member_failing", member.trouble.empty() ? 0 : 1);
  if (member.feed.at > 0) {
    gauge("mirror_hub_member_last_read_timestamp_seconds", InSeconds(member.feed.at));
  }
  gauge("mirror_hub_member_rows", member.figures.rows);
  const std::pair<const char*, std::uint64_t> states[] = {
      {"open", member.figures.open}, {"held", member.figures.held}, {"dropped", member.figures.dropped}};
  for (const auto& [state, count] : states) {
    page->Add("mirror_hub_deliveries",
              {{"hub", storage}, {"data_source", member.data_source}, {"state", state}}, count);
  }
  gauge("mirror_hub_deliveries_refused", member.figures.refused);
}

}  // namespace

void AddHubs(const std::vector<WatchedHub>& hubs, std::int64_t now_ms, MetricPage* page) {
  std::vector<MemberSeries> all;
  for (const WatchedHub& hub : hubs) {
    AddHub(hub, now_ms, page);
    for (const MemberState& member : hub.standing.members) all.push_back({&hub.storage, &member});
  }
  const std::size_t shown = std::min(all.size(), kHubMembersShownMax);
  std::stable_sort(all.begin(), all.end(), ComesBefore);
  all.resize(shown);
  for (const MemberSeries& one : all) AddMember(*one.storage, *one.member, page);
}

namespace {

using NamedCounter = std::pair<const char*, const Counter&>;

void AddRequests(const DoorCounters& counters, MetricPage* page) {
  for (const DoorCallCounters& call : counters.calls) {
    for (std::size_t i = 0; i < kHttpClasses.size(); ++i) {
      // Success is always shown, so that a rate of errors can be compared with it.
      if (i != 0 && call.ended[i].value() == 0) continue;
      page->Add("mirror_http_requests_total", {{"call", call.name}, {"status", std::string(kHttpClasses[i])}},
                call.ended[i]);
    }
    page->AddHistogram("mirror_http_request_seconds", {{"call", call.name}}, call.took);
  }
}

void AddRefusals(const DoorFigures& door, MetricPage* page) {
  const DoorCounters& counters = door.counters;
  for (std::size_t i = 0; i < kKeyRefusals.size(); ++i) {
    page->Add("mirror_http_keys_refused_total", {{"status", std::to_string(kKeyRefusals[i])}},
              counters.keys_refused[i]);
  }
  page->Add("mirror_http_bodies_refused_total", {}, counters.bodies_refused);
  for (std::size_t i = 0; i < kDoorLimits.size(); ++i) {
    page->Add("mirror_http_limited_total", {{"limit", std::string(kDoorLimits[i])}}, counters.limited[i]);
  }
  page->Add("mirror_http_connections", {}, door.connections);
  page->Add("mirror_http_connections_refused_total", {}, door.connections_let_go);
}

void AddRows(const char* by, const DoorRows& rows, MetricPage* page) {
  const NamedCounter operations[] = {
      {"insert", rows.inserted}, {"update", rows.updated}, {"delete", rows.deleted}, {"failed", rows.failed}};
  for (const auto& [operation, counter] : operations) {
    page->Add("mirror_http_rows_total", {{"operation", operation}, {"by", by}}, counter);
  }
}

void AddReading(const DoorFigures& door, MetricPage* page) {
  const DoorCounters& counters = door.counters;
  page->Add("mirror_http_pages_total", {}, counters.pages);
  const NamedCounter forms[] = {{"page", counters.page_rows}, {"stream", counters.stream_rows}};
  for (const auto& [form, counter] : forms) {
    page->Add("mirror_http_read_rows_total", {{"form", form}}, counter);
  }
  const NamedCounter ends[] = {{"whole", counters.streams_whole}, {"cut", counters.streams_cut}};
  for (const auto& [end, counter] : ends) {
    page->Add("mirror_http_streams_total", {{"end", end}}, counter);
  }
  page->Add("mirror_http_streams_open", {}, door.streams);
}

void AddJobs(const DoorFigures& door, MetricPage* page) {
  const DoorCounters& counters = door.counters;
  for (const auto& [state, number] :
       {std::pair("running", door.jobs_running), std::pair("waiting", door.jobs_waiting)}) {
    page->Add("mirror_http_import_jobs", {{"state", state}}, number);
  }
  const NamedCounter ends[] = {{"finished", counters.jobs_finished},
                               {"could_not_start", counters.jobs_not_started},
                               {"died", counters.jobs_died},
                               {"cancelled", counters.jobs_cancelled}};
  for (const auto& [end, counter] : ends) {
    page->Add("mirror_http_import_jobs_total", {{"end", end}}, counter);
  }
  page->Add("mirror_http_upload_bytes", {}, door.upload_bytes);
  page->Add("mirror_http_upload_max_bytes", {}, door.upload_bytes_max);
}

void AddErasures(const DoorFigures& door, std::int64_t now_ms, MetricPage* page) {
  page->Add("mirror_http_erasures_waiting", {}, door.erasures);
  const std::int64_t age_ms =
      door.oldest_erasure_ms ? std::max<std::int64_t>(0, now_ms - *door.oldest_erasure_ms) : 0;
  page->Add("mirror_http_erasure_age_seconds", {}, InSeconds(age_ms));
  page->Add("mirror_http_erase_within_seconds", {}, InSeconds(door.erase_within_ms));
}

/// Adds the metrics of the door for JSON to the page for GET /metrics.
void AddDoor(const DoorFigures& door, std::int64_t now_ms, MetricPage* page) {
  AddRequests(door.counters, page);
  AddRefusals(door, page);
  AddRows("request", door.counters.requested, page);
  AddRows("import", door.counters.imported, page);
  page->Add("mirror_http_replays_total", {}, door.counters.replayed);
  AddReading(door, page);
  AddJobs(door, page);
  AddErasures(door, now_ms, page);
}

void AddCalls(const ServerCounters& counters, MetricPage* page) {
  for (std::size_t i = 0; i < kCountedCalls.size(); ++i) {
    const std::string call(kCountedCalls[i]);
    const CallCounters& counted = counters.calls[i];
    for (std::size_t code = 0; code < kRpcCodes; ++code) {
      // Success is always shown, so that a rate of errors can be compared with it.
      if (code != 0 && counted.ended[code].value() == 0) continue;
      page->Add("mirror_calls_total",
                {{"call", call}, {"code", absl::StatusCodeToString(static_cast<absl::StatusCode>(code))}},
                counted.ended[code]);
    }
    page->AddHistogram("mirror_call_seconds", {{"call", call}}, counted.took);
  }
}

void AddWork(const ServerCounters& counters, MetricPage* page) {
  page->Add("mirror_cycles_begun_total", {}, counters.cycles_begun);
  const NamedCounter outcomes[] = {{"completed", counters.cycles_completed},
                                   {"interrupted", counters.cycles_interrupted},
                                   {"busy", counters.cycles_busy},
                                   {"do_not_replicate", counters.cycles_told_not}};
  for (const auto& [outcome, counter] : outcomes) {
    page->Add("mirror_cycles_total", {{"outcome", outcome}}, counter);
  }
  const NamedCounter operations[] = {{"insert", counters.rows_inserted},
                                     {"update", counters.rows_updated},
                                     {"delete", counters.rows_deleted}};
  for (const auto& [operation, counter] : operations) {
    page->Add("mirror_rows_total", {{"operation", operation}}, counter);
  }
  const NamedCounter results[] = {{"applied", counters.batches_applied},
                                  {"repeated", counters.batches_repeated},
                                  {"refused", counters.batches_refused}};
  for (const auto& [result, counter] : results) {
    page->Add("mirror_batches_total", {{"result", result}}, counter);
  }
  page->Add("mirror_row_bytes_total", {}, counters.row_bytes);
  page->AddHistogram("mirror_commit_seconds", {}, counters.commits);
  page->AddHistogram("mirror_row_request_seconds", {}, counters.requests);
  const std::array<const char*, 4> severities = {nullptr, "information", "warning", "error"};
  for (std::size_t i = 1; i < severities.size(); ++i) {
    page->Add("mirror_events_total", {{"severity", severities[i]}}, counters.events[i]);
  }
}

void AddUsage(const InFlight::Usage& usage, MetricPage* page) {
  page->Add("mirror_streams_open", {}, usage.streams);
  page->Add("mirror_calls_running", {}, usage.calls);
  page->Add("mirror_stream_bytes_in_flight", {}, usage.stream_bytes);
}

/// A tenant, and its missed tables from the watch.
struct Shown {
  Tenants::Seen seen;
  std::size_t missed = 0;
};

/// Tenants that need an operator come first, then those that were served longest ago: the
/// rest is cut, and must be the least important.
bool IsShownBefore(const Shown& a, const Shown& b) {
  const auto rank = [](const Shown& one) {
    const TenantSummary& summary = *one.seen.summary;
    const bool trouble = summary.quarantined || summary.failure.since_ms > 0 || summary.holds > 0 ||
                         summary.tables_unsent > 0 || (one.missed > 0 && !summary.paused);
    return std::tuple(!trouble, !summary.known, summary.paused, summary.completed_ms);
  };
  return rank(a) < rank(b);
}

void AddTenant(const Tenants::Seen& seen, std::size_t missed, std::int64_t now_ms, MetricPage* page) {
  const MetricLabels tenant = {{"tenant", seen.context_id}};
  const TenantSummary& summary = *seen.summary;
  const auto gauge = [&](const char* name, auto value) { page->Add(name, tenant, value); };
  gauge("mirror_tenant_open", seen.is_open ? 1 : 0);
  gauge("mirror_tenant_quarantined", summary.quarantined ? 1 : 0);
  gauge("mirror_tenant_failing", summary.failure.since_ms > 0 ? 1 : 0);
  if (!summary.known) return;
  if (summary.completed_ms > 0) {
    gauge("mirror_tenant_last_success_timestamp_seconds", InSeconds(summary.completed_ms));
    gauge("mirror_tenant_lag_seconds", InSeconds(std::max<std::int64_t>(0, now_ms - summary.completed_ms)));
  }
  gauge("mirror_tenant_last_progress_timestamp_seconds", InSeconds(seen.progress_ms));
  gauge("mirror_tenant_active", summary.active ? 1 : 0);
  gauge("mirror_tenant_paused", summary.paused ? 1 : 0);
  gauge("mirror_tenant_holds", summary.holds);
  gauge("mirror_tenant_tables", summary.tables);
  gauge("mirror_tenant_tables_differing", summary.tables_differing);
  gauge("mirror_tenant_tables_unpopulated", summary.tables_unpopulated);
  gauge("mirror_tenant_tables_unsent", summary.tables_unsent);
  gauge("mirror_freshness_missed_tables", missed);
  if (summary.oldest_source_ms > 0) {
    gauge("mirror_freshness_seconds",
          InSeconds(std::max<std::int64_t>(0, now_ms - summary.oldest_source_ms)));
  }
  gauge("mirror_tenant_rows", summary.rows);
  gauge("mirror_tenant_lsn", summary.lsn);
}

/// Sums over all tenants.
struct Sums {
  std::size_t open = 0, active = 0, paused = 0, quarantined = 0, failing = 0, unknown = 0;
  double holds = 0, differing = 0, unsent = 0, log_bytes = 0, missed_tables = 0;
  std::int64_t oldest_ms = 0;
};

/// `log_of`: bytes of the log of each open tenant.
Sums SumsOf(const std::vector<Shown>& all, const std::map<std::string, double>& log_of) {
  Sums sums;
  for (const auto& [seen, missed] : all) {
    if (!seen.summary->paused) {
      sums.missed_tables += static_cast<double>(missed);
      const std::int64_t completed_ms = seen.summary->completed_ms;
      if (completed_ms > 0)
        sums.oldest_ms = sums.oldest_ms == 0 ? completed_ms : std::min(sums.oldest_ms, completed_ms);
    }
    sums.open += seen.is_open ? 1U : 0U;
    sums.active += seen.summary->active ? 1U : 0U;
    sums.paused += seen.summary->paused ? 1U : 0U;
    sums.quarantined += seen.summary->quarantined ? 1U : 0U;
    sums.failing += seen.summary->failure.since_ms > 0 ? 1U : 0U;
    sums.unknown += seen.summary->known ? 0U : 1U;
    sums.holds += seen.summary->holds;
    sums.differing += seen.summary->tables_differing;
    sums.unsent += seen.summary->tables_unsent;
  }
  for (const auto& [context_id, bytes] : log_of) sums.log_bytes += bytes;
  return sums;
}

void AddState(const char* state, std::size_t number, MetricPage* page) {
  page->Add("mirror_tenants_in_state", {{"state", state}}, number);
}

void AddSums(const Sums& sums, MetricPage* page) {
  const std::pair<const char*, std::size_t> states[] = {{"active", sums.active},
                                                        {"paused", sums.paused},
                                                        {"quarantined", sums.quarantined},
                                                        {"failing", sums.failing},
                                                        {"unknown", sums.unknown}};
  for (const auto& [state, number] : states) AddState(state, number, page);
  page->Add("mirror_holds", {}, sums.holds);
  page->Add("mirror_tables_differing", {}, sums.differing);
  page->Add("mirror_tables_unsent", {}, sums.unsent);
  page->Add("mirror_freshness_missed_tables_all", {}, sums.missed_tables);
  if (sums.oldest_ms > 0) {
    page->Add("mirror_oldest_success_timestamp_seconds", {}, InSeconds(sums.oldest_ms));
  }
  page->Add("mirror_wal_bytes", {}, sums.log_bytes);
}

/// `for_all`: this server shows what is known of the tenants. Its own open tenants are always shown.
void AddTenants(Tenants& tenants, const FreshnessWatch& watch, bool for_all, std::int64_t now_ms,
                MetricPage* page) {
  std::vector<Shown> all;
  for (Tenants::Seen& seen : tenants.AllKnown()) {
    const std::size_t missed = watch.Missed(seen.context_id);
    all.push_back({std::move(seen), missed});
  }
  std::map<std::string, double> log_of;
  for (const auto& [seen, missed] : all) {
    if (!seen.is_open) continue;  // A closed one has no log.
    log_of[seen.context_id] = static_cast<double>(tenants.home().LogBytes(seen.context_id));
  }
  const Sums sums = SumsOf(all, log_of);
  AddState("open", sums.open, page);
  page->Add("mirror_open_tenants_max", {}, tenants.open_max());
  if (!for_all) return;
  page->Add("mirror_tenants", {}, all.size());
  AddSums(sums, page);

  const std::size_t shown = std::min(all.size(), kTenantsShownMax);
  page->Add("mirror_tenants_shown", {}, shown);
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(shown), all.end(), &IsShownBefore);
  all.resize(shown);
  for (const auto& [seen, missed] : all) {
    AddTenant(seen, missed, now_ms, page);
    if (!seen.is_open) continue;
    page->Add("mirror_tenant_wal_bytes", {{"tenant", seen.context_id}}, log_of[seen.context_id]);
  }
}

void AddDisk(const StoreHome& home, MetricPage* page) {
  const absl::StatusOr<StoreHome::Space> space = home.FindSpace();
  if (!space.ok()) return;
  page->Add("mirror_disk_free_bytes", {}, space->free_bytes);
  page->Add("mirror_disk_size_bytes", {}, space->size_bytes);
}

void AddStore(const StoreState& store, MetricPage* page) {
  page->Add("mirror_control_up", {}, store.is_control_up ? 1 : 0);
  for (const PlaceState& place : store.places) {
    const MetricLabels labels = {{"place", place.name}};
    const auto gauge = [&](const char* name, std::optional<std::int64_t> value) {
      if (value) page->Add(name, labels, *value);
    };
    gauge("mirror_place_up", place.is_up ? 1 : 0);
    gauge("mirror_place_standbys", place.standbys);
    gauge("mirror_place_standby_lag_bytes", place.standby_lag_bytes);
    gauge("mirror_place_relations", place.relations);
    for (const PoolState& pool : place.pools) {
      const std::pair<const char*, std::size_t> states[] = {
          {"used", pool.used}, {"idle", pool.idle}, {"free", pool.free}};
      for (const auto& [state, count] : states) {
        page->Add("mirror_place_pool_connections",
                  {{"place", place.name}, {"use", pool.use}, {"state", state}}, count);
      }
      page->Add("mirror_place_pool_refused_total", {{"place", place.name}, {"use", pool.use}}, pool.refused);
    }
  }
}

}  // namespace

std::string ServerMetricsText(const MetricsSources& sources, std::int64_t now_ms) {
  static const MetricsAbout about = DescribedMetrics(mirror_embedded_server_metrics);
  MetricPage page(about);
  page.AddProcess();
  AddCalls(sources.counters, &page);
  AddWork(sources.counters, &page);
  AddUsage(sources.usage(), &page);
  const FleetShare fleet = sources.fleet ? sources.fleet() : FleetShare{};
  AddTenants(sources.tenants, sources.freshness, fleet.shows_tenants, now_ms, &page);
  if (fleet.running) {
    page.Add("mirror_fleet_servers", {}, *fleet.running);
  }
  if (sources.hubs) AddHubs(sources.hubs(), now_ms, &page);
  if (sources.door) AddDoor(sources.door(), now_ms, &page);
  AddDisk(sources.tenants.home(), &page);
  if (sources.store) AddStore(sources.store(), &page);
  for (const ExpiringKey& key : sources.expiring()) {
    page.Add("mirror_certificate_expiry_timestamp_seconds", {{"name", key.name}, {"kind", key.kind}},
             key.not_after_s);
  }
  return page.Text();
}

}  // namespace mirror
