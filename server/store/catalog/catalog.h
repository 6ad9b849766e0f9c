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

/// How serious an event is. The numbers are the same as those of Severity in mirror_admin.proto.
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
  std::string kind = {};                       ///< A pattern in which '*' stands for any characters; empty:
                                               ///< all kinds.
  std::int64_t since_ms = 0;                   ///< The earliest time to include, Unix milliseconds.
};
/// Returns whether `filter` selects `event`.
bool Matches(const EventFilter& filter, const EventRecord& event);

/// Events, stored in the catalog beside the mirrors. No mirrored row, LSN, cycle or pause depends on them. An
/// event that AddEvent() has stored survives kill -9. An event above kInformation also survives a power
/// failure. Errors: kUnavailable, with the database's message. Threads: any.
class Catalog {
 public:
  virtual ~Catalog() = default;
  virtual absl::StatusOr<EventRecord> AddEvent(EventRecord event) = 0;
  /// Returns the last `limit` events that `filter` selects and whose ids are below `before_id` (0: any id),
  /// newest last. In SQLite it reads kEventIdsPerLook ids at a time, so that AddEvent() never waits for the
  /// whole search.
  virtual absl::StatusOr<std::vector<EventRecord>> LastEvents(const EventFilter& filter,
                                                              std::uint64_t before_id,
                                                              std::uint32_t limit) = 0;
  virtual absl::StatusOr<std::vector<EventRecord>> EventsAfter(const std::string& context_id,
                                                               std::uint64_t after_id,
                                                               std::uint32_t limit) = 0;
  /// Stores a text for each of these tenants and replaces the former text. An empty text removes it. The maps
  /// of KeepSummaries() and Summaries() have context ids as keys.
  virtual absl::Status KeepSummaries(const std::map<std::string, std::string>& /*by_context*/) {
    return absl::OkStatus();
  }
  virtual absl::StatusOr<std::map<std::string, std::string>> Summaries() {
    return std::map<std::string, std::string>();
  }
  /// Returns whether the caller knows the text that is stored for a tenant. `kept` empty: no text is stored.
  using IsKnown = std::function<bool(const std::string& context_id, const std::string& kept)>;
  /// Does KeepSummaries() with texts that are not empty. But it skips each tenant whose stored text the
  /// caller does not know, because another server wrote that text meanwhile. Returns the stored texts of the
  /// skipped tenants. This implementation is for a catalog of one process: it overwrites what another process
  /// stores at the same moment.
  virtual absl::StatusOr<std::map<std::string, std::string>> KeepKnownSummaries(
      const std::map<std::string, std::string>& by_context, const IsKnown& is_known);
};

/// Maximum number of events for each tenant, and for the server itself. The oldest are removed first. So a
/// tenant with many events removes no events of others. The limit applies separately to kInformation and to
/// more serious events. So routine events remove no warning.
inline constexpr std::int64_t kEventsPerTenantMax = 1'000;
/// Number of event ids that one step of a search covers.
inline constexpr std::int64_t kEventIdsPerLook = 20'000;
/// Maximum number of events in all. Events of kInformation are removed first.
inline constexpr std::int64_t kEventsMax = 1'000'000;
/// A server removes a tenant's oldest events after this number of added ones.
inline constexpr std::int64_t kEventsPruneEvery = 64;

/// The id of the last event that each hook received, stored in the catalog. Errors: kUnavailable. Threads:
/// any.
class HookCursor {
 public:
  virtual ~HookCursor() = default;
  /// Returns the id of the last event that `hook` received. For a new hook it stores the id of the newest
  /// event, so the hook gets only later ones.
  virtual absl::StatusOr<std::uint64_t> Read(const std::string& hook) = 0;
  virtual absl::Status Write(const std::string& hook, std::uint64_t event_id) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CATALOG_CATALOG_H_
