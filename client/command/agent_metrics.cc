#include "client/command/agent_metrics.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/embedded_file.h"
#include "base/http/metric_page.h"

MIRROR_EMBEDDED(agent_metrics);

namespace mirror {
namespace {

double Seconds(std::int64_t ms) { return static_cast<double>(ms) / 1'000; }

}  // namespace

AgentMetrics::AgentMetrics(const std::vector<std::string>& tenants, std::vector<DatedKey> keys)
    : keys_(std::move(keys)) {
  for (const std::string& tenant : tenants)
    sources_.emplace_back(std::make_unique<Source>())->tenant = tenant;
}

void AgentMetrics::Begun(std::size_t source, std::int64_t now_ms) {
  sources_[source]->begun_ms = now_ms;
  sources_[source]->running = true;
}

void AgentMetrics::Ended(std::size_t source, const CycleReport& report, double seconds, std::int64_t now_ms) {
  Source& of = *sources_[source];
  of.running = false;
  if (report.log) {
    const MutexLock lock(of.mutex);
    of.log = *report.log;
  }
  if (report.exchange) {
    of.exchanges = true;
    of.applied.Add(report.exchange->applied);
    of.conflicts.Add(report.exchange->conflicts);
    of.refusals.Add(report.exchange->refused);
    of.refused = report.exchange->refused + report.exchange->later;
    if (report.exchange->waiting.empty()) of.waiting_since_ms = 0;
    if (!report.exchange->waiting.empty() && of.waiting_since_ms == 0) of.waiting_since_ms = now_ms;
  }
  of.runs.Note(std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds)));
  switch (report.outcome) {
    case Outcome::kDone:
      (report.Good() ? of.done : of.incomplete).Add();
      break;
    case Outcome::kBusy:
      of.busy.Add();
      return;
    case Outcome::kDoNotReplicate:
    case Outcome::kStopped:
      of.told_not.Add();
      return;
    case Outcome::kFailed:
      of.failed.Add();
      break;
  }
  if (report.Good()) of.success_ms = now_ms;
  std::array<std::uint64_t, kResults> tables{};
  std::uint64_t differing = 0;
  for (const TableReport& table : report.tables) {
    of.inserts.Add(table.inserts);
    of.updates.Add(table.updates);
    of.deletes.Add(table.deletes);
    ++tables.at(static_cast<std::size_t>(table.result));
    if (table.equality == TableReport::Equality::kDiffers) ++differing;
  }
  for (std::size_t i = 0; i < kResults; ++i) of.tables[i] = tables[i];
  of.differing = differing;
}

std::vector<const AgentMetrics::Source*> AgentMetrics::Shown() const {
  std::vector<std::pair<std::int64_t, const Source*>> all;
  for (const std::unique_ptr<Source>& source : sources_) all.emplace_back(source->success_ms, source.get());
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  all.resize(std::min(all.size(), kSourcesShownMax));
  std::vector<const Source*> shown;
  for (const auto& [success_ms, source] : all) shown.push_back(source);
  return shown;
}

void AgentMetrics::AddTimings(MetricPage& page) const {
  // With the tenant these would be 27,000 series for 200 tenants, which nobody reads one by one.
  std::vector<const Timings*> runs, calls;
  for (const std::unique_ptr<Source>& source : sources_) runs.push_back(&source->runs);
  page.AddHistogram("mirror_agent_cycle_seconds", {}, runs);
  for (std::size_t i = 0; i < kTimedCalls.size(); ++i) {
    calls.clear();
    for (const std::unique_ptr<Source>& source : sources_) calls.push_back(&source->wire.calls[i]);
    page.AddHistogram("mirror_agent_call_seconds", {{"call", std::string(kTimedCalls[i])}}, calls);
  }
}

void AgentMetrics::AddCounters(const Source& source, MetricPage& page) {
  const auto with = [&](const char* label, std::string_view value) {
    return MetricLabels{{"tenant", source.tenant}, {label, std::string(value)}};
  };
  const std::pair<const char*, const Counter&> outcomes[] = {{"done", source.done},
                                                             {"incomplete", source.incomplete},
                                                             {"busy", source.busy},
                                                             {"do_not_replicate", source.told_not},
                                                             {"failed", source.failed}};
  for (const auto& [outcome, counter] : outcomes) {
    page.Add("mirror_agent_cycles_total", with("outcome", outcome), counter);
  }
  const std::pair<const char*, const Counter&> operations[] = {
      {"insert", source.inserts}, {"update", source.updates}, {"delete", source.deletes}};
  for (const auto& [operation, counter] : operations) {
    page.Add("mirror_agent_rows_total", with("operation", operation), counter);
  }
  page.Add("mirror_agent_sent_bytes_total", {{"tenant", source.tenant}}, source.wire.sent_bytes);
}

void AgentMetrics::AddLastRun(const Source& source, std::int64_t now_ms, MetricPage& page) {
  const MetricLabels tenant = {{"tenant", source.tenant}};
  page.Add("mirror_agent_running", tenant, source.running ? 1 : 0);
  page.Add("mirror_agent_last_run_timestamp_seconds", tenant, Seconds(source.begun_ms));
  page.Add("mirror_agent_last_success_timestamp_seconds", tenant, Seconds(source.success_ms));
  if (source.success_ms > 0) {
    page.Add("mirror_agent_lag_seconds", tenant,
             Seconds(std::max<std::int64_t>(0, now_ms - source.success_ms)));
  }
  for (std::size_t i = 0; i < kResults; ++i) {
    page.Add("mirror_agent_tables",
             {{"tenant", source.tenant}, {"result", std::string(ToString(static_cast<TableResult>(i)))}},
             source.tables[i].load());
  }
  page.Add("mirror_agent_tables_differing", tenant, source.differing.load());
}

void AgentMetrics::AddDeliveries(const Source& source, std::int64_t now_ms, MetricPage& page) {
  if (!source.exchanges) return;
  const MetricLabels tenant = {{"tenant", source.tenant}};
  const std::pair<const char*, const Counter&> outcomes[] = {
      {"applied", source.applied}, {"conflict", source.conflicts}, {"refused", source.refusals}};
  for (const auto& [outcome, counter] : outcomes) {
    page.Add("mirror_agent_deliveries_total", {{"tenant", source.tenant}, {"outcome", outcome}}, counter);
  }
  page.Add("mirror_agent_deliveries_refused", tenant, source.refused.load());
  const std::int64_t since_ms = source.waiting_since_ms;
  page.Add("mirror_agent_deliveries_waiting_seconds", tenant,
           since_ms == 0 ? 0 : Seconds(std::max<std::int64_t>(0, now_ms - since_ms)));
}

void AgentMetrics::AddLog(const Source& source, MetricPage& page) {
  LogFigures log;
  {
    const MutexLock lock(source.mutex);
    log = source.log;
  }
  const MetricLabels tenant = {{"tenant", source.tenant}};
  const auto show = [&](const char* name, const auto& value) {
    if (value) page.Add(name, tenant, *value);
  };
  show("mirror_agent_source_lag_bytes", log.lag);
  show("mirror_agent_slot_retained_bytes", log.retained);
  show("mirror_agent_slot_safe_bytes", log.safe);
  show("mirror_agent_slot_unconfirmed_bytes", log.unconfirmed);
  show("mirror_agent_stage_rows", log.stage_rows);
  show("mirror_agent_stage_bytes", log.stage_bytes);
  show("mirror_agent_decoded_changes_total", log.decoded);
  show("mirror_agent_snapshot_wait_seconds", log.snapshot_wait);
  show("mirror_agent_binlog_seconds_to_purge", log.until_purged);
}

std::string AgentMetrics::Text(std::int64_t now_ms) const {
  static const MetricsAbout about = DescribedMetrics(mirror_embedded_agent_metrics);
  MetricPage page(about);
  page.AddProcess();
  AddTimings(page);
  page.Add("mirror_agent_tenants", {}, sources_.size());
  const std::vector<const Source*> shown = Shown();
  page.Add("mirror_agent_tenants_shown", {}, shown.size());
  for (const Source* const source : shown) {
    AddCounters(*source, page);
    AddLastRun(*source, now_ms, page);
    AddDeliveries(*source, now_ms, page);
    AddLog(*source, page);
  }
  for (const DatedKey& key : keys_) {
    page.Add("mirror_certificate_expiry_timestamp_seconds",
             {{"name", key.name}, {"kind", std::string(KindName(key.kind))}}, key.not_after_s);
  }
  return page.Text();
}

}  // namespace mirror
