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

/// Records what operators asked for, and the outcome, for failed calls, too. Looks (calls that change
/// nothing) and refused callers are recorded in Looks instead. So only operators can add to the audit log, or
/// push old records out of it. The log is a chain in the catalog, and is also written to the server's log. It
/// is signed with the application's key every day, when the server stops, and at a start after a kill. The
/// last signature is also in `<dir>/audit.head`. So the next start notices a catalog that was replaced or
/// truncated.
///
/// An operator's call is done only if there is a place for its record: in the catalog, or, while that cannot
/// be written, one of kAuditPlaces in `<dir>/audit-waiting`. So an operator can still set an LSN to -1 in an
/// emergency, and no act is without a record. Waiting records are added to the chain, with their own times,
/// when the catalog can be written again. Records without a reserved place, for example about API keys, may
/// use half of the places. Records that find no place are counted, and a signed record says how many are
/// missing. Threads: any.
class Audit {
 public:
  struct Options {
    std::string dir;
    std::int64_t seal_every_ms = 86'400'000;
    std::uint64_t records_max = 1'000'000;  ///< Older records are pruned, and a record says so.
  };

  /// `log` and `events` must outlive this object. Nothing is read or written before Begin().
  Audit(AuditLog& log, Events& events, AuditSigner signer, const Options& options);

  /// Compares the chain with the last signature, and signs what a kill left unsigned. Called once, when it is
  /// certain that this server will serve. A server that may not start, because its key differs from the other
  /// servers' key, must not sign anything.
  void Begin();

  /// Reserves a place for the record of an operator's call. Called before the call is done; Add() frees the
  /// place. Errors, to be returned to the caller: kUnavailable: the catalog cannot be written, and all places
  /// are taken.
  absl::Status Reserve();
  /// Adds a record after Reserve(). `who`: common name of the client's certificate. `call`: name of the call,
  /// tenant and tables, but never a value.
  void Add(const std::string& who, const std::string& call, const absl::Status& outcome);
  /// Adds a record without Reserve(), for an act that is done already.
  void AddLate(const std::string& who, const std::string& call, const absl::Status& outcome);

  /// Signs if it is time to. Called at intervals.
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
  /// Puts a record into the file of waiting records. The record is lost if at most `spared` places are free.
  void Wait(AuditRecord record, std::size_t spared) MIRROR_REQUIRES(mutex_);
  /// Moves waiting records into the chain. Returns whether none is left.
  bool KeepWaiting(std::int64_t now_ms) MIRROR_REQUIRES(mutex_);
  bool WasKept(const AuditRecord& record) MIRROR_REQUIRES(mutex_);
  void KeepLost() MIRROR_REQUIRES(mutex_);
  /// Adds the record to the chain. Returns whether that succeeded.
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
  /// The last record that signs all earlier ones.
  std::optional<AuditPoint> sealed_ MIRROR_GUARDED_BY(mutex_);
  std::optional<AuditSeal> head_ MIRROR_GUARDED_BY(mutex_);  ///< The content of audit.head.
  std::int64_t failed_ms_ MIRROR_GUARDED_BY(mutex_) = 0;     ///< Time of the last failure of signing; 0: the
                                                             ///< last signing worked.
  std::unique_ptr<WaitingRecords> waiting_ MIRROR_GUARDED_BY(mutex_);
  std::size_t reserved_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Number of reserved places.
  /// Time since when the catalog refuses records; 0: it took the last one. The next member has its message.
  std::int64_t unkept_ms_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::string unkept_why_ MIRROR_GUARDED_BY(mutex_);
  std::int64_t lost_tried_ms_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Time of the last attempt to report lost
                                                              ///< records.
  bool is_told_ MIRROR_GUARDED_BY(mutex_) = false;            ///< An event reported that records wait.
  bool is_announced_ MIRROR_GUARDED_BY(mutex_) = false;       ///< The chain says that waiting records follow.
  bool may_be_kept_ MIRROR_GUARDED_BY(mutex_) = true;  ///< A kill may have left the first waiting record also
                                                       ///< in the chain.
};

/// Makes a record of these texts. Each text is cut to one line of limited length.
AuditRecord AuditRecordOf(const std::string& who, const std::string& call, const absl::Status& outcome,
                          std::int64_t time_ms);

/// Milliseconds until a failed signature is tried again.
inline constexpr std::int64_t kAuditRetryMs = 60'000;

/// Maximum number of records that wait while the catalog cannot be written.
inline constexpr std::size_t kAuditPlaces = 256;
/// Number of these places that only operators' calls may use.
inline constexpr std::size_t kAuditOperatorsPlaces = 128;

/// Number of records above the limit at which the oldest are pruned.
inline constexpr std::uint64_t kAuditPruneEvery = 128;

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_AUDIT_H_
