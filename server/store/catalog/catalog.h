#ifndef MIRROR_SERVER_STORE_CATALOG_CATALOG_H_
#define MIRROR_SERVER_STORE_CATALOG_CATALOG_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// How serious an event is. The numbers are those of Severity in mirror_admin.proto.
enum class Severity : std::uint8_t { kInformation = 1, kWarning = 2, kError = 3 };

struct EventRecord {
  std::uint64_t id = 0;
  std::int64_t time_ms = 0;  ///< Unix milliseconds.
  std::string context_id;
  Severity severity = Severity::kInformation;
  std::string kind;
  std::string message;
};

/// Selects events.
struct EventFilter {
  std::string context_id = {};                 ///< Empty: events of all tenants.
  Severity severity = Severity::kInformation;  ///< The lowest severity to include.
  std::string kind = {};                       ///< A pattern, '*' stands for any characters; empty: all.
  std::int64_t since_ms = 0;                   ///< The earliest time to include, Unix milliseconds.
};
/// Returns whether `filter` selects `event`.
bool Matches(const EventFilter& filter, const EventRecord& event);

/// Events, in the catalog beside the mirrors. It is an index: if it is lost, no mirrored row, LSN, cycle or
/// pause is lost. An event that AddEvent() kept survives kill -9; one above kInformation a power failure too.
/// Errors: kUnavailable, with the database's message. Threads: any.
class Catalog {
 public:
  virtual ~Catalog() = default;
  virtual absl::StatusOr<EventRecord> AddEvent(EventRecord event) = 0;
  /// Returns the last `limit` events that `filter` selects, newest last, with ids below `before_id` (0: any).
  /// Reads kEventIdsPerLook ids at a time, so that AddEvent() never waits for the whole search.
  virtual absl::StatusOr<std::vector<EventRecord>> LastEvents(const EventFilter& filter,
                                                              std::uint64_t before_id,
                                                              std::uint32_t limit) = 0;
  virtual absl::StatusOr<std::vector<EventRecord>> EventsAfter(const std::string& context_id,
                                                               std::uint64_t after_id,
                                                               std::uint32_t limit) = 0;
  /// Stores a text for each of these tenants, in place of the former one; an empty text removes it. Keys are
  /// context ids, here and in Summaries().
  virtual absl::Status KeepSummaries(const std::map<std::string, std::string>& /*by_context*/) {
    return absl::OkStatus();
  }
  virtual absl::StatusOr<std::map<std::string, std::string>> Summaries() {
    return std::map<std::string, std::string>();
  }
  /// Returns whether the caller knows the text that is kept for a tenant. `kept` empty: none is kept.
  using IsKnown = std::function<bool(const std::string& context_id, const std::string& kept)>;
  /// Does KeepSummaries() with texts that are not empty, but skips each tenant whose kept text the caller
  /// does not know, because another server wrote it meanwhile. Returns those tenants' kept texts. This
  /// implementation is for a catalog of one process: what another process writes at the same moment is lost.
  virtual absl::StatusOr<std::map<std::string, std::string>> KeepKnownSummaries(
      const std::map<std::string, std::string>& by_context, const IsKnown& is_known);
};

/// Maximum of events for each tenant, and for the server itself. The oldest are removed first, so a noisy
/// tenant evicts no other tenant's events. It applies twice: to kInformation, and to more serious events.
/// So routine events evict no warning.
inline constexpr std::int64_t kEventsPerTenantMax = 1'000;
/// Event ids that one step of a search covers.
inline constexpr std::int64_t kEventIdsPerLook = 20'000;
/// Maximum of events in all. Those of kInformation are removed first.
inline constexpr std::int64_t kEventsMax = 1'000'000;
/// Events that may be added before the oldest are removed again.
inline constexpr std::int64_t kEventsPruneEvery = 64;

/// The id of the last event that each hook received, in the catalog.
/// Errors: kUnavailable. Threads: any.
class HookCursor {
 public:
  virtual ~HookCursor() = default;
  /// Returns the last event's id for `hook`. A new hook starts at the newest event: it gets only later ones.
  virtual absl::StatusOr<std::uint64_t> Read(const std::string& hook) = 0;
  virtual absl::Status Write(const std::string& hook, std::uint64_t event_id) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CATALOG_CATALOG_H_
