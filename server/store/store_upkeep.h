#ifndef MIRROR_SERVER_STORE_STORE_UPKEEP_H_
#define MIRROR_SERVER_STORE_STORE_UPKEEP_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// The reason why a store can no longer be written, so that it has to be opened again.
enum class Stale : std::uint8_t {
  kNo,
  kReplaced,  ///< Another file or log, or none, is at the path of the opened one.
  kWentBack,  ///< A restore or a failover reverted commits.
  kMoved,     ///< It is now served elsewhere.
};

/// Maintenance and checks of a store; no batch needs them. Errors and threads: as Store.
class StoreUpkeep {
 public:
  virtual ~StoreUpkeep() = default;

  virtual Stale WhyStale() = 0;
  /// Writes the changes that wait in memory (Kept::kWithNext), so that a copy of the mirror has them.
  virtual absl::Status WriteWaiting() { return absl::OkStatus(); }
  /// Checks that the store can be closed and moved: all of it is in its own file. First writes the changes
  /// that wait in memory.
  /// Waits for locks of others as long as `patience`.
  ///   kUnavailable  not now: the reason, and what to do
  ///   kDataLoss     pages are lost; only its log may have them
  virtual absl::Status CheckWhole(std::chrono::milliseconds patience) = 0;
  /// Rewrites the whole file, so that neither the file nor its log holds deleted data.
  /// Called between two commits; takes the time of a copy and, for that long, twice the space. Errors:
  /// kUnavailable (no space, or a reader needs the log): deleted data may still be there; kFailedPrecondition
  /// for an object of the partner that cannot be copied.
  virtual absl::Status Scrub() = 0;
  /// Called between two cycles: until the next commit nothing else opens the file for the store, except for a
  /// moment in which its log is extended.
  virtual void StandAlone() {}
  /// Does StandAlone(), and frees memory that only speeds up the next call. For a store that is not used
  /// for a while.
  virtual void Rest() = 0;
  /// Marks the store as damaged and stores the reason; the mark survives a reopening, until Release().
  virtual absl::Status Quarantine(const std::string& why) = 0;
  /// Returns why it is quarantined; empty: it is not. A quarantined store can be read, and closing it
  /// changes nothing.
  virtual std::string Quarantined() = 0;
  virtual absl::Status Release() = 0;
  /// Checks the whole database; OK, or kDataLoss with the output of the check.
  virtual absl::Status CheckIntegrity() = 0;
  /// Returns kDataLoss if one of the store's own tables, or a column of one, was dropped or renamed.
  virtual absl::Status CheckOwnTables() = 0;
  /// Returns the names of tables whose rows have versions.
  virtual absl::StatusOr<std::vector<std::string>> ReadHistories() = 0;
  /// Returns the bytes on disk, log included.
  virtual std::uint64_t BytesOnDisk() = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STORE_UPKEEP_H_
