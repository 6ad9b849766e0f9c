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

/// The numbers of Severity in mirror_admin.proto.
enum class Severity : std::uint8_t { kInformation = 1, kWarning = 2, kError = 3 };

struct EventRecord {
  std::uint64_t id = 0;
  std::int64_t time_ms = 0;  ///< Unix milliseconds.
  std::string context_id;
  Severity severity = Severity::kInformation;
  std::string kind;
  std::string message;
};

/// Which events are meant.
struct EventFilter {
  std::string context_id = {};                 ///< Empty: of all tenants.
  Severity severity = Severity::kInformation;  ///< At least.
  std::string kind = {};                       ///< A pattern, '*' stands for any characters; empty: of all.
  std::int64_t since_ms = 0;                   ///< Not older.
};
/// Whether `event` is.
bool Matches(const EventFilter& filter, const EventRecord& event);

/// Events, in the catalog beside the mirrors. An index: losing it loses no mirrored row, LSN, cycle or pause.
/// What AddEvent has kept outlives kill -9, and unless it is mere information the power too.
/// Errors: kUnavailable, with what the database said. Threads: any.
class Catalog {
 public:
  virtual ~Catalog() = default;
  virtual absl::StatusOr<EventRecord> AddEvent(EventRecord event) = 0;
  /// The last `limit` of those that are meant, of ids below `before_id` (0: of all), newest last. Looks at
  /// kEventIdsPerLook at a time: whoever adds one never waits for a look at all.
  virtual absl::StatusOr<std::vector<EventRecord>> LastEvents(const EventFilter& filter,
                                                              std::uint64_t before_id,
                                                              std::uint32_t limit) = 0;
  virtual absl::StatusOr<std::vector<EventRecord>> EventsAfter(const std::string& context_id,
                                                               std::uint64_t after_id,
                                                               std::uint32_t limit) = 0;
  /// A text for each of some tenants, in place of what was kept; an empty one is forgotten. As they were
  /// kept: by context id.
  virtual absl::Status KeepSummaries(const std::map<std::string, std::string>& /*by_context*/) {
    return absl::OkStatus();
  }
  virtual absl::StatusOr<std::map<std::string, std::string>> Summaries() {
    return std::map<std::string, std::string>();
  }
  /// Whether the caller knows what is kept of a tenant; an empty text: nothing is.
  using IsKnown = std::function<bool(const std::string& context_id, const std::string& kept)>;
  /// KeepSummaries(), of texts that are not empty, but for those tenants of which the caller does not know
  /// what another server kept meanwhile: gives what that is, and leaves it. This one is
  /// for a catalog of one process: what another keeps at the same moment is lost.
  virtual absl::StatusOr<std::map<std::string, std::string>> KeepKnownSummaries(
      const std::map<std::string, std::string>& by_context, const IsKnown& is_known);
};

/// Of one tenant, and of the server itself, the oldest go first: who is noisy pushes out nobody else's. So
/// many of mere information, and so many of what is more than that: the normal course of things pushes no
/// warning out.
inline constexpr std::int64_t kEventsPerTenantMax = 1'000;
/// Ids.
inline constexpr std::int64_t kEventIdsPerLook = 20'000;
/// Of all; those of mere information go first.
inline constexpr std::int64_t kEventsMax = 1'000'000;
/// So many more there may be until the oldest are looked for.
inline constexpr std::int64_t kEventsPruneEvery = 64;

/// How far each hook has been told of events: the id of the last one, in the catalog.
/// Errors: kUnavailable. Threads: any.
class HookCursor {
 public:
  virtual ~HookCursor() = default;
  /// Of a hook that is new: the last event that there is. It hears of those that follow.
  virtual absl::StatusOr<std::uint64_t> Read(const std::string& hook) = 0;
  virtual absl::Status Write(const std::string& hook, std::uint64_t event_id) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CATALOG_CATALOG_H_
