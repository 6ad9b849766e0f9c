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
  kReplaced,  ///< The opened file or log was replaced at its path, or removed.
  kWentBack,  ///< A restore or a failover undid commits.
  kMoved,     ///< Another place serves the mirror now.
};

/// Maintenance and checks of a store, which no batch needs. Errors and threads: those of Store.
class StoreUpkeep {
 public:
  virtual ~StoreUpkeep() = default;

  virtual Stale WhyStale() = 0;
  /// Writes the changes that wait in memory (Kept::kWithNext), so that a copy of the mirror has them.
  virtual absl::Status WriteWaiting() { return absl::OkStatus(); }
  /// Checks that the store can be closed and moved, because all of it is in its own file. First writes the
  /// changes that wait in memory. Waits for other programs' locks as long as `patience`.
  ///   kUnavailable  not now; the message has the reason and what to do
  ///   kDataLoss     pages are lost; only its log may have them
  virtual absl::Status CheckWhole(std::chrono::milliseconds patience) = 0;
  /// Rewrites the whole file, so that neither the file nor its log contains deleted data. Called between two
  /// commits. It takes as long as a copy, and needs twice the space meanwhile. Errors: kUnavailable: no
  /// space, or a reader needs the log, and deleted data may still be there; kFailedPrecondition: an object of
  /// the partner cannot be copied.
  virtual absl::Status Scrub() = 0;
  /// Closes helper connections to the file until the next commit. An extension of the log may still open the
  /// file for a moment. Called between two cycles.
  virtual void StandAlone() {}
  /// Does StandAlone(), and frees memory that only makes the next call faster. Called for a store that will
  /// not be used for a while.
  virtual void Rest() = 0;
  /// Marks the store as damaged and stores the reason. The mark remains after a reopening, until Release().
  virtual absl::Status Quarantine(const std::string& why) = 0;
  /// Returns why the store is quarantined; empty: it is not. A quarantined store can be read. Closing it
  /// changes nothing.
  virtual std::string Quarantined() = 0;
  virtual absl::Status Release() = 0;
  /// Checks the whole database. Errors: also kDataLoss, with the output of the check.
  virtual absl::Status CheckIntegrity() = 0;
  /// Checks the store's own tables. Errors: also kDataLoss: a table, or one of its columns, was dropped or
  /// renamed.
  virtual absl::Status CheckOwnTables() = 0;
  /// Returns the names of tables whose rows have versions.
  virtual absl::StatusOr<std::vector<std::string>> ReadHistories() = 0;
  /// Returns the bytes on disk, including the log.
  virtual std::uint64_t BytesOnDisk() = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STORE_UPKEEP_H_
