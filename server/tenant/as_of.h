#ifndef MIRROR_SERVER_TENANT_AS_OF_H_
#define MIRROR_SERVER_TENANT_AS_OF_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/journal/journal_entry.h"
#include "server/store/snapshot.h"

namespace mirror {

/// Parses "m:4711" as a moment, "1234" as an LSN, and "2026-03-31" or "2026-03-31T12:00:00Z" as a time in
/// UTC. Errors: kInvalidArgument.
absl::StatusOr<AsOf> ParseAsOf(std::string_view text);

/// The number in "m:…" that stands for the last moment, whatever its number is.
inline constexpr std::int64_t kLastMoment = INT64_MAX;
/// "m:0": the oldest state of a table that can be read.
inline constexpr std::int64_t kFirstState = 0;

/// The moment found for a table, and the journal entry of its commit.
struct FoundMoment {
  std::int64_t moment = 0;
  JournalEntry commit;  ///< Without a commit: nothing was written since the history began.
};

/// Finds the moment that `text` names. Errors: those of ParseAsOf(). kFailedPrecondition: the LSN occurred
/// twice; the message names both moments. kOutOfRange: the moment is before the first one in `history` or
/// before every commit, or it is not reached yet (a moment or LSN above the last one, or a future time).
absl::StatusOr<FoundMoment> FindMoment(Snapshot& snapshot, const TableHistory& history,
                                       std::string_view text);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_AS_OF_H_
