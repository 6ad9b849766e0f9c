#ifndef MIRROR_SERVER_TENANT_AS_OF_H_
#define MIRROR_SERVER_TENANT_AS_OF_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/journal/journal_entry.h"
#include "server/store/snapshot.h"

namespace mirror {

/// "m:4711", a moment; "1234", an LSN; "2026-03-31" or "2026-03-31T12:00:00Z", a time in UTC.
/// Errors: kInvalidArgument.
absl::StatusOr<AsOf> ParseAsOf(std::string_view text);

/// As "m:…": whichever is the last one.
inline constexpr std::int64_t kLastMoment = INT64_MAX;
/// "m:0": the first state that is kept of a table.
inline constexpr std::int64_t kFirstState = 0;

/// The moment of a table that is meant, and what its commit says.
struct FoundMoment {
  std::int64_t moment = 0;
  JournalEntry commit;  ///< Not committed: nothing was written since the history began.
};

/// Errors: those of ParseAsOf(); kFailedPrecondition: an LSN that passed twice, with both moments;
/// kOutOfRange: before the first moment that `history` knows, or before every commit; or none that has come:
/// a moment or LSN above the last, a time to come.
absl::StatusOr<FoundMoment> FindMoment(Snapshot& snapshot, const TableHistory& history,
                                       std::string_view text);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_AS_OF_H_
