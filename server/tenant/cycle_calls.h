#ifndef MIRROR_SERVER_TENANT_CYCLE_CALLS_H_
#define MIRROR_SERVER_TENANT_CYCLE_CALLS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/announce_plan.h"
#include "server/plan/caller.h"
#include "server/plan/pause.h"
#include "server/plan/plan.h"
#include "server/store/dropped_columns.h"
#include "server/store/snapshot.h"
#include "server/tenant/mirror/mirror.h"
#include "server/tenant/mirror/mirror_feed.h"

namespace mirror {

struct BusyCycle {
  std::int64_t cycle = 0;
  std::string holder;
  std::int64_t since_ms = 0;
};

/// The result of Authenticate.
struct Admission {
  bool accepted = false;
  std::optional<BusyCycle> busy;
  bool do_not_replicate = false;
  PausedBy by = PausedBy::kNobody;  ///< Set with do_not_replicate.
  std::string reason;
  std::int64_t cycle = 0;
};

struct TableAnswer {
  std::string table;
  bool wanted = false;
  Position position;
  std::optional<Position> pending;
  std::string schema_hash;
  bool verify_wanted = false;
  bool source_accepted = false;  ///< The rows came from another source that an operator replaced, see
                                 ///< IsUnproven().
  SchemaAction action = SchemaAction::kUnchanged;
  std::string reason;
  std::int64_t row_count = -1;
};

/// The answer to TableSchema.
struct Announcement {
  std::vector<TableAnswer> tables;
  std::vector<std::string> held_tables = {};  ///< Tables that are not announced, and stay until an operator
                                              ///< decides.
  std::string held_reason = {};
  bool repeats = false;  ///< See AnnouncePlan::repeats.
};

/// The planned result of an announcement, and the snapshot for which it was planned.
struct LookedAnnouncement {
  AnnouncePlan planned;
  std::unique_ptr<Snapshot> snapshot;
};

/// The begin of a cycle: the source's first two calls. Also ends a cycle that its source abandoned. `now_ms`
/// is unix time in milliseconds. Errors: as Mirror. Threads: any.
class CycleCalls {
 public:
  explicit CycleCalls(Mirror& mirror) : mirror_(mirror) {}

  /// Begins a cycle. `known`: the cycles that the source knows of; only for a source with an exchange.
  /// Errors, besides those of Mirror:
  ///   kUnauthenticated  the nonce was used before, or is too old to be checked
  absl::StatusOr<Admission> Authenticate(const Caller& caller, const std::string& holder, bool take_over,
                                         bool probe, std::int64_t now_ms,
                                         std::optional<SourceCycles> known = std::nullopt);

  enum class Announcing : std::uint8_t {
    kAll,
    kRepetition,  ///< Only a repetition that changes nothing. It is as fast as a read, so that another call
                  ///< can include it.
  };
  /// Agrees on the tables of the cycle. `digest` distinguishes a repetition from a different request. Errors:
  /// kFailedPrecondition: a different announcement after a batch; with kRepetition also an announcement that
  /// is not a repetition. Then nothing was done.
  absl::StatusOr<Announcement> Announce(const Caller& caller, std::int64_t cycle,
                                        const std::string& source_id, const std::string& digest,
                                        const std::vector<AnnouncedTable>& tables, std::int64_t now_ms,
                                        Announcing announcing = Announcing::kAll);
  /// Does the same as a dry run, outside of any cycle. It changes nothing, even if a cycle runs.
  absl::StatusOr<LookedAnnouncement> LookAtAnnouncement(const Caller& caller, const std::string& source_id,
                                                        const std::vector<AnnouncedTable>& tables,
                                                        std::int64_t now_ms);
  /// Notes that `cycle` got no tables: the announcement was refused before it reached the tenant.
  void NoteRefusedAnnouncement(std::int64_t cycle, std::string_view why);

  /// Ends a cycle of this process that made no progress for too long. Does nothing if the tenant's lock is
  /// taken. `of_others`: also ends a cycle that another server served, if the seen summary says that the
  /// cycle runs. `found`: such a cycle was found in the mirror.
  void EndIfIdle(std::int64_t now_ms, bool of_others = false, bool found = false);
  /// Ends a cycle that this process served; for a clean shutdown.
  void EndCycle(std::int64_t now_ms);
  /// Ends a cycle whose caller had disconnected before Authenticate began it, so that no source knows its
  /// number. Does nothing if another cycle has replaced it.
  void TakeBack(std::int64_t cycle, std::int64_t now_ms);

 private:
  /// Arguments and results of Authenticate.
  struct Beginning {
    const Caller& caller;
    const std::string& holder;
    bool take_over = false, probe = false;
    std::int64_t now_ms = 0;
    std::optional<SourceCycles> known = std::nullopt;
    Admission admission = {};
    bool created = false, takes_place = false;
    std::int64_t cut = 0;  ///< Number of the cycle that this one replaces; 0: none.
    std::int64_t cut_began_ms = 0;
    bool timed_out = false;
  };
  /// Opens the mirror, or creates it where that is allowed. Errors: kAborted, with the mirror closed: the
  /// mirror no longer existed.
  absl::Status CommitBeginning(Beginning* beginning) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status MayBegin(const Caller& caller, std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status CheckBeginning(const Caller& caller, const TenantRecord& tenant, std::int64_t now_ms)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::StatusOr<std::optional<Plan>> PlanBeginning(const TenantRecord& tenant, Beginning* beginning)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::Status PlanCycle(const TenantRecord& tenant, Beginning* beginning, Plan* plan)
      MIRROR_REQUIRES(mirror_.mutex());
  void TellBeginning(const Beginning& beginning) MIRROR_REQUIRES(mirror_.mutex());

  absl::StatusOr<AnnounceView> LookBefore(const AnnounceRequest& request, const TenantRecord& tenant)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Reads what an announcement is planned from. If the source is another one, no tables are read.
  absl::Status FillView(const AnnounceRequest& request, AnnounceView* view) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status ReadMirrored(const AnnounceRequest& request, AnnounceView* view)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Returns the answers for all tables. `source_accepted`: TenantRecord::source_accepted. It cannot change
  /// during a cycle.
  absl::StatusOr<Announcement> Answers(const std::vector<AnnouncedTable>& tables, bool source_accepted,
                                       bool repeats = false) MIRROR_REQUIRES(mirror_.mutex());
  /// Adds the tables that the source did not announce and that wait for an operator.
  absl::Status AddHeld(const std::vector<AnnouncedTable>& tables, Announcement* announcement)
      MIRROR_REQUIRES(mirror_.mutex());
  /// An announcement and the latest plan for it.
  struct Announced {
    const Caller& caller;
    const AnnounceRequest& request;
    const AnnounceView& view;  ///< The state read before the lock was taken.
    AnnouncePlan planned = {};
    std::vector<SchemaAnswer> before = {};
    std::vector<Hold> known_holds = {};
    std::vector<DroppedColumns> dropped = {};
    bool is_counted = false;  ///< The values in `dropped` were counted.
  };
  /// Counts the values in columns that will be dropped, then commits. Absent: the same request was announced
  /// before.
  absl::StatusOr<std::optional<Committed>> CommitCounted(Announced* announced)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::StatusOr<std::optional<Committed>> CommitAnnounced(Announced* announced)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Plans the announcement. Absent: a repetition, or the values in columns that will be dropped are not
  /// counted yet.
  absl::StatusOr<std::optional<Plan>> PlanAnnounced(const TenantRecord& tenant, Announced* announced)
      MIRROR_REQUIRES(mirror_.mutex());
  void TellDropped(const std::vector<DroppedColumns>& counted, const Committed& committed)
      MIRROR_REQUIRES(mirror_.mutex());
  void TellAnnounced(const AnnouncePlan& planned, const std::vector<SchemaAnswer>& answers,
                     const std::vector<SchemaAnswer>& before) MIRROR_REQUIRES(mirror_.mutex());
  void TellRefusedTable(const SchemaAnswer& answer) MIRROR_REQUIRES(mirror_.mutex());
  void TellOf(const std::vector<AnnouncedTable>& tables) MIRROR_REQUIRES(mirror_.mutex());
  void TellIdleRules(const std::vector<AnnouncedTable>& tables) MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
  std::string told_idle_rules_ MIRROR_GUARDED_BY(mirror_.mutex());
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_CYCLE_CALLS_H_
