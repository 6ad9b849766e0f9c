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

// What the door for JSON counts while it works, and how it stands. Names of calls, limits and states alone
// are labels: never what a client sent.

namespace mirror {

/// Of the statuses of HTTP that there are answers with.
inline constexpr std::array<std::string_view, 4> kHttpClasses = {"2xx", "3xx", "4xx", "5xx"};

/// Of one call of the door.
struct DoorCallCounters {
  std::string name;                                ///< As openapi.json has it.
  std::array<Counter, kHttpClasses.size()> ended;  ///< By class.
  Timings took;
};

/// A key that is none; of a role that is too low; what is not there, or not for this key.
inline constexpr std::array<int, 3> kKeyRefusals = {401, 403, 404};

/// What was refused since there was too much already: by the key of [http] that says how much there may be,
/// where there is one.
enum class DoorLimit : std::uint8_t {
  kRequestsPerKey,
  kBodies,           ///< Memory for bodies that wait, see HttpBodyRoom.
  kStreams,          ///< Of all data sources.
  kStreamsOfSource,  ///< Of one.
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

/// Rows that were written, and those that were not taken.
struct DoorRows {
  Counter inserted, updated, deleted, failed;

  void Count(std::uint64_t inserts, std::uint64_t updates, std::uint64_t deletes, std::uint64_t failures) {
    inserted.Add(inserts);
    updated.Add(updates);
    deleted.Add(deletes);
    failed.Add(failures);
  }
};

/// Threads: any; nothing here waits for anything.
struct DoorCounters {
  /// The first one counts what is none of them. Made before the door serves.
  std::vector<DoorCallCounters> calls = std::vector<DoorCallCounters>(1);
  std::array<Counter, kKeyRefusals.size()> keys_refused;  ///< By kKeyRefusals.
  Counter bodies_refused;                                 ///< 413.
  std::array<Counter, kDoorLimits.size()> limited;        ///< By DoorLimit.
  DoorRows requested, imported;                           ///< By requests, and by import jobs.
  Counter replayed;                                       ///< Answers that were given again.
  Counter pages, page_rows;
  Counter streams_whole, streams_cut, stream_rows;
  Counter jobs_finished, jobs_not_started, jobs_died;
  Counter jobs_cancelled;  ///< Ended by somebody: cancelled, or what they write to was cleared.

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

/// For whoever is not watched: counted, and never shown.
inline DoorCounters& UnwatchedDoor() {
  static DoorCounters counters;
  return counters;
}

/// How the door stands now.
struct DoorFigures {
  const DoorCounters& counters;
  std::size_t connections = 0;
  std::uint64_t connections_let_go = 0;
  std::size_t streams = 0;
  std::size_t jobs_running = 0, jobs_waiting = 0;
  std::uint64_t upload_bytes = 0, upload_bytes_max = 0;
  std::size_t erasures = 0;  ///< Tenants of which something deleted still stands in files.
  std::optional<std::int64_t> oldest_erasure_ms;
  std::int64_t erase_within_ms = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_DOOR_COUNTERS_H_
