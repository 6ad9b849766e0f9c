#include "server/door_metrics.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace mirror {
namespace {

using NamedCounter = std::pair<const char*, const Counter&>;

void AddCount(const char* name, const char* help, const MetricLabels& labels, const Counter& counter,
              MetricPage* page) {
  page->AddCounter(name, help, labels, static_cast<double>(counter.value()));
}

void AddGauge(const char* name, const char* help, const MetricLabels& labels, std::uint64_t number,
              MetricPage* page) {
  page->AddGauge(name, help, labels, static_cast<double>(number));
}

void AddRequests(const DoorCounters& counters, MetricPage* page) {
  for (const DoorCallCounters& call : counters.calls) {
    for (std::size_t i = 0; i < kHttpClasses.size(); ++i) {
      // Success is there from the beginning, so that a rate of errors has something to stand beside.
      if (i != 0 && call.ended[i].value() == 0) continue;
      AddCount("mirror_http_requests_total", "Requests for JSON that were answered, by class of status.",
               {{"call", call.name}, {"status", std::string(kHttpClasses[i])}}, call.ended[i], page);
    }
    page->AddHistogram("mirror_http_request_seconds",
                       "Time of requests for JSON, from their head to their answer, seconds.",
                       {{"call", call.name}}, call.took);
  }
}

void AddRefusals(const DoorFigures& door, MetricPage* page) {
  const DoorCounters& counters = door.counters;
  for (std::size_t i = 0; i < kKeyRefusals.size(); ++i) {
    AddCount("mirror_http_keys_refused_total",
             "Requests whose key is none, may not do it, or does not see what is asked for, by status.",
             {{"status", std::to_string(kKeyRefusals[i])}}, counters.keys_refused[i], page);
  }
  AddCount("mirror_http_bodies_refused_total", "Requests whose body is too large.", {},
           counters.bodies_refused, page);
  for (std::size_t i = 0; i < kDoorLimits.size(); ++i) {
    AddCount("mirror_http_limited_total", "What was refused for now, by the limit that was reached.",
             {{"limit", std::string(kDoorLimits[i])}}, counters.limited[i], page);
  }
  AddGauge("mirror_http_connections", "Connections that are open.", {}, door.connections, page);
  page->AddCounter("mirror_http_connections_refused_total",
                   "Connections that were closed before they asked, to make room for others.", {},
                   static_cast<double>(door.connections_let_go));
}

void AddRows(const char* by, const DoorRows& rows, MetricPage* page) {
  const NamedCounter operations[] = {
      {"insert", rows.inserted}, {"update", rows.updated}, {"delete", rows.deleted}, {"failed", rows.failed}};
  for (const auto& [operation, counter] : operations) {
    AddCount("mirror_http_rows_total", "Rows of records that were written, and those that failed.",
             {{"operation", operation}, {"by", by}}, counter, page);
  }
}

void AddReading(const DoorFigures& door, MetricPage* page) {
  const DoorCounters& counters = door.counters;
  AddCount("mirror_http_pages_total", "Pages of rows that were answered.", {}, counters.pages, page);
  const NamedCounter forms[] = {{"page", counters.page_rows}, {"stream", counters.stream_rows}};
  for (const auto& [form, counter] : forms) {
    AddCount("mirror_http_read_rows_total", "Rows that were read for pages and streams.", {{"form", form}},
             counter, page);
  }
  const NamedCounter ends[] = {{"whole", counters.streams_whole}, {"cut", counters.streams_cut}};
  for (const auto& [end, counter] : ends) {
    AddCount("mirror_http_streams_total", "Streams of whole tables that ended.", {{"end", end}}, counter,
             page);
  }
  AddGauge("mirror_http_streams_open", "Streams of whole tables that are under way.", {}, door.streams, page);
}

void AddJobs(const DoorFigures& door, MetricPage* page) {
  const DoorCounters& counters = door.counters;
  for (const auto& [state, number] :
       {std::pair("running", door.jobs_running), std::pair("waiting", door.jobs_waiting)}) {
    AddGauge("mirror_http_import_jobs", "Import jobs that run and that wait.", {{"state", state}}, number,
             page);
  }
  const NamedCounter ends[] = {{"finished", counters.jobs_finished},
                               {"could_not_start", counters.jobs_not_started},
                               {"died", counters.jobs_died},
                               {"cancelled", counters.jobs_cancelled}};
  for (const auto& [end, counter] : ends) {
    AddCount("mirror_http_import_jobs_total", "Import jobs that ended.", {{"end", end}}, counter, page);
  }
  AddGauge("mirror_http_upload_bytes", "Uploaded files that wait for their import jobs, bytes.", {},
           door.upload_bytes, page);
  AddGauge("mirror_http_upload_max_bytes", "What uploaded files may have together, bytes.", {},
           door.upload_bytes_max, page);
}

void AddErasures(const DoorFigures& door, std::int64_t now_ms, MetricPage* page) {
  AddGauge("mirror_http_erasures_waiting", "Data sources of which deleted rows still stand in files.", {},
           door.erasures, page);
  const std::int64_t age_ms =
      door.oldest_erasure_ms ? std::max<std::int64_t>(0, now_ms - *door.oldest_erasure_ms) : 0;
  page->AddGauge("mirror_http_erasure_age_seconds",
                 "Since when the oldest deleted rows still stand in files, seconds; 0: there are none.", {},
                 static_cast<double>(age_ms) / 1'000);
  page->AddGauge("mirror_http_erase_within_seconds", "In which time deleted rows leave the files, seconds.",
                 {}, static_cast<double>(door.erase_within_ms) / 1'000);
}

}  // namespace

void AddDoor(const DoorFigures& door, std::int64_t now_ms, MetricPage* page) {
  AddRequests(door.counters, page);
  AddRefusals(door, page);
  AddRows("request", door.counters.requested, page);
  AddRows("import", door.counters.imported, page);
  AddCount("mirror_http_replays_total", "Requests that got the answer that they had got before.", {},
           door.counters.replayed, page);
  AddReading(door, page);
  AddJobs(door, page);
  AddErasures(door, now_ms, page);
}

}  // namespace mirror
