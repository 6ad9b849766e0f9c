#ifndef MIRROR_SERVER_WATCH_DOOR_COUNTERS_H_
#define MIRROR_SERVER_WATCH_DOOR_COUNTERS_H_

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/http/counters.h"

// Counters of the HTTP door for JSON, and its current state. Labels contain
// only names of calls, limits and states: never a text that a client sent.

namespace mirror {

/// Classes of HTTP status codes that the door answers with.
inline constexpr std::array<std::string_view, 4> kHttpClasses = {"2xx", "3xx", "4xx", "5xx"};

/// Counters of one call of the door.
struct DoorCallCounters {
  std::string name;                                ///< Name of the call in openapi.json.
  std::array<Counter, kHttpClasses.size()> ended;  ///< By class.
  Timings took;
};

/// Reasons: the key is not valid; its role is too low; the object does not exist, or the key may not see it.
inline constexpr std::array<int, 3> kKeyRefusals = {401, 403, 404};

/// Limits for which requests are refused. If a key of [http] sets the limit, the name is that key's.
enum class DoorLimit : std::uint8_t {
  kRequestsPerKey,
  kBodies,           ///< Memory for bodies that wait, see HttpBodyRoom.
  kStreams,          ///< For all data sources together.
  kStreamsOfSource,  ///< For one data source.
  kPagesOfSource,
  kUploadsPerKey,
  kLinksPerKey,
  kUploads,
  kDisk,
  kJobs
};
inline constexpr std::array<std::string_view, 10> kDoorLimits = {
    "requests_per_key",  "bodies",          "requests_max",
    "streams_of_source", "pages_of_source", "uploads_per_key",
    "links_per_key",     "uploads_max",     "disk",
    "jobs_waiting_max"};

/// Rows that were written, and rows that were rejected.
struct DoorRows {
  Counter inserted, updated, deleted, failed;

  void Count(std::uint64_t inserts, std::uint64_t updates, std::uint64_t deletes, std::uint64_t failures) {
    inserted.Add(inserts);
    updated.Add(updates);
    deleted.Add(deletes);
    failed.Add(failures);
  }
};

/// All counters of the door. Threads: any; nothing here blocks.
struct DoorCounters {
  /// The first entry counts unknown calls. Filled before the door serves.
  std::vector<DoorCallCounters> calls = std::vector<DoorCallCounters>(1);
  std::array<Counter, kKeyRefusals.size()> keys_refused;  ///< By kKeyRefusals.
  Counter bodies_refused;                                 ///< Answers with status 413.
  std::array<Counter, kDoorLimits.size()> limited;        ///< By DoorLimit.
  DoorRows requested, imported;                           ///< Rows by requests, and by import jobs.
  Counter replayed;                                       ///< Answers to repeated requests.
  Counter pages, page_rows;
  Counter streams_whole, streams_cut, stream_rows;
  Counter jobs_finished, jobs_not_started, jobs_died;
  Counter jobs_cancelled;  ///< Ended by a user: cancelled, or the data source was cleared.

  void Limit(DoorLimit limit) { limited[static_cast<std::size_t>(limit)].Add(); }
  void NoteAnswer(std::size_t call, int status, std::chrono::nanoseconds took) {
    DoorCallCounters& counted = calls[call < calls.size() ? call : 0];
    const auto place = static_cast<std::size_t>(std::clamp(status / 100, 2, 5) - 2);
    counted.ended[place].Add();
    counted.took.Note(took);
    for (std::size_t i = 0; i < kKeyRefusals.size(); ++i) {
      if (status == kKeyRefusals[i]) keys_refused[i].Add();
    }
    if (status == 413) bodies_refused.Add();
  }
};

/// For code that is not monitored: counts, but is never shown.
inline DoorCounters& UnwatchedDoor() {
  static DoorCounters counters;
  return counters;
}

/// The current state of the door.
struct DoorFigures {
  const DoorCounters& counters;
  std::size_t connections = 0;
  std::uint64_t connections_let_go = 0;
  std::size_t streams = 0;
  std::size_t jobs_running = 0, jobs_waiting = 0;
  std::uint64_t upload_bytes = 0, upload_bytes_max = 0;
  std::size_t erasures = 0;  ///< Tenants with deleted data that is still in files.
  std::optional<std::int64_t> oldest_erasure_ms;
  std::int64_t erase_within_ms = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_DOOR_COUNTERS_H_
