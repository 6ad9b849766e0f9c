#ifndef MIRROR_SERVER_RPC_ADMIN_AUDIT_H_
#define MIRROR_SERVER_RPC_ADMIN_AUDIT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "certs/audit_chain.h"
#include "server/store/catalog/audit_log.h"
#include "server/watch/events.h"

namespace mirror {

/// What operators asked for, and how it ended: also what failed. Who only looks, and who is refused, is told
/// to Looks, so that nobody but operators adds to it or prunes it. Kept in the catalog as a chain, written to
/// the log, and signed with the application's key every day, when the server stops, and when it starts behind
/// a kill. The last signature also stands in `<dir>/audit.head`, so that a catalog that was replaced or cut
/// is noticed at the next start.
///
/// A catalog that cannot be written does not stop a call: an operator who sets an LSN to -1 in an emergency
/// must get through, and the log has the record. Threads: any.
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

  /// `who`: common name of the client's certificate. `call`: the call with tenant and tables, never a value.
  void Add(const std::string& who, const std::string& call, const absl::Status& outcome);

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
};

/// A record of these texts, in one line of bounded length each.
AuditRecord AuditRecordOf(const std::string& who, const std::string& call, const absl::Status& outcome,
                          std::int64_t time_ms);

/// What could not be signed is tried again after so long.
inline constexpr std::int64_t kAuditRetryMs = 60'000;

/// So many more records there may be until the oldest are pruned.
inline constexpr std::uint64_t kAuditPruneEvery = 128;

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_AUDIT_H_
