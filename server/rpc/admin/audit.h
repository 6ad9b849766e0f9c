#ifndef MIRROR_SERVER_RPC_ADMIN_AUDIT_H_
#define MIRROR_SERVER_RPC_ADMIN_AUDIT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "certs/audit_chain.h"
#include "server/rpc/admin/waiting_records.h"
#include "server/store/catalog/audit_log.h"
#include "server/watch/events.h"

namespace mirror {

/// Records what operators asked for, and the outcome, also of failed calls. Calls that only look, and
/// refused callers, go to Looks, so that only operators add to the audit log or prune it. It is a chain
/// in the catalog, is written to the log, and is signed with the application's key every day, when the
/// server stops, and at a start after a kill. The last signature is also in `<dir>/audit.head`, so that
/// the next start notices a catalog that was replaced or cut.
///
/// An operator's call is done only when its record has a place: in the catalog or, while that cannot
/// be written, one of kAuditPlaces in `<dir>/audit-waiting`. So an operator who sets an LSN to -1 in
/// an emergency gets through, and no act is without a record. Waiting records enter the chain when
/// the catalog can be written again, each with its own time. Records without a reserved place, for
/// example of API keys, wait in half of the places. Records that find no place are counted, and a
/// signed record says how many are missing. Threads: any.
class Audit {
 public:
  struct Options {
    std::string dir;
    std::int64_t seal_every_ms = 86'400'000;
    std::uint64_t records_max = 1'000'000;  ///< Older ones are pruned; a record says so.
  };

  /// `log` and `events` must outlive it. It reads and writes nothing before Begin().
  Audit(AuditLog& log, Events& events, AuditSigner signer, const Options& options);

  /// Called once, when it is certain that this server will serve: compares the chain with the last
  /// signature, and signs what a kill left unsigned. A server that may not start, because its key is not its
  /// fleet's, must not leave anything signed with that key.
  void Begin();

  /// Takes a place for the record of an operator's call, before the call is done; Add() frees it. Errors:
  /// kUnavailable, for the caller: the catalog cannot be written, and all places are taken.
  absl::Status Reserve();
  /// Adds a record after Reserve(). `who`: common name of the client's certificate. `call`:
  /// the call with tenant and tables, never a value.
  void Add(const std::string& who, const std::string& call, const absl::Status& outcome);
  /// Adds a record without Reserve(), for an act that was done already.
  void AddLate(const std::string& who, const std::string& call, const absl::Status& outcome);

  /// Called once in a while: signs when it is time.
  void KeepHouse(std::int64_t now_ms);
  /// Signs what is not signed yet, because the server stops.
  void Seal();

  absl::StatusOr<AuditState> State();
  absl::StatusOr<std::vector<AuditRecord>> After(std::uint64_t after_id, std::uint32_t limit) {
    return log_.After(after_id, limit);
  }

 private:
  void ReadPastAudit() MIRROR_REQUIRES(mutex_);
  void Record(AuditRecord record, std::size_t spared) MIRROR_REQUIRES(mutex_);
  /// Makes a record wait. It is lost if fewer than `spared` places are free.
  void Wait(AuditRecord record, std::size_t spared) MIRROR_REQUIRES(mutex_);
  /// Moves waiting records into the chain. Returns whether none waits any more.
  bool KeepWaiting(std::int64_t now_ms) MIRROR_REQUIRES(mutex_);
  bool WasKept(const AuditRecord& record) MIRROR_REQUIRES(mutex_);
  void KeepLost() MIRROR_REQUIRES(mutex_);
  /// Returns whether the record is in the chain.
  bool Keep(AuditRecord record, const AuditLog::MakeSeal& seal = {}) MIRROR_REQUIRES(mutex_);
  void SealLocked() MIRROR_REQUIRES(mutex_);
  absl::Status TrySeal() MIRROR_REQUIRES(mutex_);
  void Prune() MIRROR_REQUIRES(mutex_);
  void Replaced(const AuditPoint& former) MIRROR_REQUIRES(mutex_);
  AuditLog::MakeSeal Sealing(SealKind kind, std::optional<AuditPoint> point) const;
  std::string HeadPath() const { return options_.dir + "/audit.head"; }

  AuditLog& log_;
  Events& events_;
  const AuditSigner signer_;
  const Options options_;
  Mutex mutex_;
  /// The end of the chain, as far as this process knows.
  std::optional<AuditPoint> known_ MIRROR_GUARDED_BY(mutex_);
  /// The last record that signs all records before it.
  std::optional<AuditPoint> sealed_ MIRROR_GUARDED_BY(mutex_);
  std::optional<AuditSeal> head_ MIRROR_GUARDED_BY(mutex_);  ///< The content of audit.head.
  std::int64_t failed_ms_ MIRROR_GUARDED_BY(mutex_) = 0;     ///< When signing failed; 0: it worked.
  std::unique_ptr<WaitingRecords> waiting_ MIRROR_GUARDED_BY(mutex_);
  std::size_t reserved_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Number of places.
  /// When the catalog refused a record; 0: it took the last one. And its message.
  std::int64_t unkept_ms_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::string unkept_why_ MIRROR_GUARDED_BY(mutex_);
  std::int64_t lost_tried_ms_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< When it last tried to report lost records.
  bool is_told_ MIRROR_GUARDED_BY(mutex_) = false;            ///< An event reported waiting records.
  bool is_announced_ MIRROR_GUARDED_BY(mutex_) = false;  ///< The chain says that records that waited follow.
  bool may_be_kept_ MIRROR_GUARDED_BY(mutex_) = true;  ///< The chain may have the first waiting one: a kill.
};

/// Makes a record of these texts, each in one line of bounded length.
AuditRecord AuditRecordOf(const std::string& who, const std::string& call, const absl::Status& outcome,
                          std::int64_t time_ms);

/// Milliseconds until a failed signature is tried again.
inline constexpr std::int64_t kAuditRetryMs = 60'000;

/// Maximum number of records that wait while the catalog cannot be written.
inline constexpr std::size_t kAuditPlaces = 256;
/// The number of these places that is reserved for operators' calls.
inline constexpr std::size_t kAuditOperatorsPlaces = 128;

/// The number of records above the limit at which the oldest are pruned.
inline constexpr std::uint64_t kAuditPruneEvery = 128;

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_AUDIT_H_
