#include "server/door_metrics.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace mirror {
namespace {

using NamedCounter = std::pair<const char*, const Counter&>;

void AddRequests(const DoorCounters& counters, MetricPage* page) {
  for (const DoorCallCounters& call : counters.calls) {
    for (std::size_t i = 0; i < kHttpClasses.size(); ++i) {
      // Success is there from the beginning, so that a rate of errors has something to stand beside.
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
  page->Add("mirror_http_erasure_age_seconds", {}, static_cast<double>(age_ms) / 1'000);
  page->Add("mirror_http_erase_within_seconds", {}, static_cast<double>(door.erase_within_ms) / 1'000);
}

}  // namespace

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

}  // namespace mirror
