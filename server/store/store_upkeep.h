#ifndef MIRROR_SERVER_STORE_STORE_UPKEEP_H_
#define MIRROR_SERVER_STORE_STORE_UPKEEP_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// Why nothing more is written with a store, so that it has to be opened again.
enum class Stale : std::uint8_t {
  kNo,
  kReplaced,  ///< Another file or log stands where this one's were opened, or none.
  kWentBack,  ///< A restore or a failover took back what was committed.
  kMoved,     ///< It is served elsewhere by now.
};

/// What keeps a store well, and tells whether it is: no batch needs it. Errors and threads: as Store.
class StoreUpkeep {
 public:
  virtual ~StoreUpkeep() = default;

  virtual Stale WhyStale() = 0;
  /// Writes what waits in memory (Kept::kWithNext), for whoever copies the mirror.
  virtual absl::Status WriteWaiting() { return absl::OkStatus(); }
  /// Whether the store can be closed and left alone: nothing of it is outside of its own file. What waits in
  /// memory is written first.
  /// What others' locks keep from it is waited for as long as `patience`.
  ///   kUnavailable  not now: why, and what to do
  ///   kDataLoss     pages are lost, which its log alone may have
  virtual absl::Status CheckWhole(std::chrono::milliseconds patience) = 0;
  /// Rewrites the whole file, so that neither the file nor its log holds deleted data.
  /// Between two commits; takes the time of a copy and, for that long, twice the space. Errors:
  /// kUnavailable (no space, or a reader needs the log): deleted data may still be there; kFailedPrecondition
  /// for an object of the partner that cannot be copied.
  virtual absl::Status Scrub() = 0;
  /// Between two cycles: nobody else has it open on its behalf until the next commit, but for a moment in
  /// which its log is made longer.
  virtual void StandAlone() {}
  /// StandAlone(), and frees memory that only makes the next call quicker. For a store that is not used for a
  /// while.
  virtual void Rest() = 0;
  /// Marks the store as damaged and notes why; the note is there after a reopening, until Release().
  virtual absl::Status Quarantine(const std::string& why) = 0;
  /// Why it is quarantined; empty: it is not. A quarantined store can be read, and closing it changes
  /// nothing.
  virtual std::string Quarantined() = 0;
  virtual absl::Status Release() = 0;
  /// Integrity of the whole database; OK or kDataLoss with what the check said.
  virtual absl::Status CheckIntegrity() = 0;
  /// kDataLoss when a table that the store keeps for itself, or a column of one, was dropped or renamed.
  virtual absl::Status CheckOwnTables() = 0;
  /// Names of tables that versions of rows are kept of.
  virtual absl::StatusOr<std::vector<std::string>> ReadHistories() = 0;
  /// Bytes on disk, log included.
  virtual std::uint64_t BytesOnDisk() = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STORE_UPKEEP_H_
