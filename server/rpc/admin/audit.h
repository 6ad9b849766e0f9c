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

/// What operators asked for, and how it ended: also what failed. Who only looks, and who is refused, is told
/// to Looks, so that nobody but operators adds to it or prunes it. Kept in the catalog as a chain, written to
/// the log, and signed with the application's key every day, when the server stops, and when it starts behind
/// a kill. The last signature also stands in `<dir>/audit.head`, so that a catalog that was replaced or cut
/// is noticed at the next start.
///
/// What an operator asks for is done only when its record has a place: in the catalog or, while that cannot
/// be written, among kAuditPlaces in `<dir>/audit-waiting`. So an operator who sets an LSN to -1 in an
/// emergency gets through, and no act is without a record. What waits comes into the chain when the catalog
/// can be written again, each record with its own time. Records that come without a place, as of API keys,
/// wait in half of the places. What finds none is counted, and a signed record says how many are missing.
/// Threads: any.
class Audit {
 public:
  struct Options {
    std::string dir;
    std::int64_t seal_every_ms = 86'400'000;
    std::uint64_t records_max = 1'000'000;  ///< Older ones are pruned, which is a record too.
  };

  /// `log` and `events` must outlive it. Nothing is read or written before Begin().
  Audit(AuditLog& log, Events& events, AuditSigner signer, const Options& options);

  /// Once, when it is certain that this server is going to serve: compares the chain with what was signed
  /// last, and signs what a kill left. One that is refused its start, for a key that is not its fleet's, must
  /// leave nothing that is signed with its own.
  void Begin();

  /// Before an operator's call is done: takes a place for its record, until Add(). Errors: kUnavailable, for
  /// the caller: the catalog cannot be written, and all places are taken.
  absl::Status Reserve();
  /// Behind Reserve(). `who`: common name of the client's certificate. `call`: the call with tenant and
  /// tables, never a value.
  void Add(const std::string& who, const std::string& call, const absl::Status& outcome);
  /// Without Reserve(): what was done already.
  void AddLate(const std::string& who, const std::string& call, const absl::Status& outcome);

  /// Once in a while: signs when it is time.
  void KeepHouse(std::int64_t now_ms);
  /// Signs what is not signed: the server stops.
  void Seal();

  absl::StatusOr<AuditState> State();
  absl::StatusOr<std::vector<AuditRecord>> After(std::uint64_t after_id, std::uint32_t limit) {
    return log_.After(after_id, limit);
  }

 private:
  void LookBack() MIRROR_REQUIRES(mutex_);
  void Record(AuditRecord record, std::size_t spared) MIRROR_REQUIRES(mutex_);
  /// Where fewer than `spared` places are free it is lost.
  void Wait(AuditRecord record, std::size_t spared) MIRROR_REQUIRES(mutex_);
  /// Brings what waits into the chain. Whether nothing waits any more.
  bool KeepWaiting(std::int64_t now_ms) MIRROR_REQUIRES(mutex_);
  bool WasKept(const AuditRecord& record) MIRROR_REQUIRES(mutex_);
  void KeepLost() MIRROR_REQUIRES(mutex_);
  /// Whether it is in the chain.
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
  /// Where the chain stands, as far as this process knows.
  std::optional<AuditPoint> known_ MIRROR_GUARDED_BY(mutex_);
  /// The last record that signs all before it.
  std::optional<AuditPoint> sealed_ MIRROR_GUARDED_BY(mutex_);
  std::optional<AuditSeal> head_ MIRROR_GUARDED_BY(mutex_);  ///< As audit.head has it.
  std::int64_t failed_ms_ MIRROR_GUARDED_BY(mutex_) = 0;     ///< When it could not be signed; 0: it could.
  std::unique_ptr<WaitingRecords> waiting_ MIRROR_GUARDED_BY(mutex_);
  std::size_t reserved_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Places.
  /// When the catalog took no record; 0: it took the last one. And what it said.
  std::int64_t unkept_ms_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::string unkept_why_ MIRROR_GUARDED_BY(mutex_);
  std::int64_t lost_tried_ms_ MIRROR_GUARDED_BY(mutex_) =
      0;                                                 ///< When it was last tried to tell of lost ones.
  bool is_told_ MIRROR_GUARDED_BY(mutex_) = false;       ///< In an event, that records wait.
  bool is_announced_ MIRROR_GUARDED_BY(mutex_) = false;  ///< In the chain, that records that waited follow.
  bool may_be_kept_ MIRROR_GUARDED_BY(mutex_) = true;  ///< The first that waits, by a server that was killed.
};

/// A record of these texts, in one line of bounded length each.
AuditRecord AuditRecordOf(const std::string& who, const std::string& call, const absl::Status& outcome,
                          std::int64_t time_ms);

/// What could not be signed is tried again after so long.
inline constexpr std::int64_t kAuditRetryMs = 60'000;

/// Records that wait while the catalog cannot be written.
inline constexpr std::size_t kAuditPlaces = 256;
/// Of these, kept for what operators do.
inline constexpr std::size_t kAuditOperatorsPlaces = 128;

/// So many more records there may be until the oldest are pruned.
inline constexpr std::uint64_t kAuditPruneEvery = 128;

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_AUDIT_H_
