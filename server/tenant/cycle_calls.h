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

/// What Authenticate found.
struct Admission {
  bool accepted = false;
  std::optional<BusyCycle> busy;
  bool do_not_replicate = false;
  PausedBy by = PausedBy::kNobody;  ///< With do_not_replicate.
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
  bool source_accepted = false;  ///< Another source sent what stands there, see IsUnproven().
  SchemaAction action = SchemaAction::kUnchanged;
  std::string reason;
  std::int64_t row_count = -1;
};

/// What TableSchema answers.
struct Announcement {
  std::vector<TableAnswer> tables;
  std::vector<std::string> held_tables = {};  ///< Not announced, and kept until an operator decides.
  std::string held_reason = {};
  bool repeats = false;  ///< See AnnouncePlan: the same one again changes nothing.
};

/// What an announcement would do, and the state that it was planned on.
struct LookedAnnouncement {
  AnnouncePlan planned;
  std::unique_ptr<Snapshot> snapshot;
};

/// How a cycle begins: the source's first two calls, and who ends a cycle that it left. `now_ms` is unix
/// time. Errors: as Mirror. Threads: any.
class CycleCalls {
 public:
  explicit CycleCalls(Mirror& mirror) : mirror_(mirror) {}

  ///   kUnauthenticated  the nonce was seen before, or cannot be judged any more
  /// `known`: what a source with an exchange says of its cycles.
  absl::StatusOr<Admission> Authenticate(const Caller& caller, const std::string& holder, bool take_over,
                                         bool probe, std::int64_t now_ms,
                                         std::optional<SourceCycles> known = std::nullopt);

  enum class Announcing : std::uint8_t {
    kAll,
    kRepetition,  ///< Only what changes nothing, and takes no longer than to look: as a part of another call.
  };
  /// `digest` tells a repetition from another request. Errors: kFailedPrecondition for another one after a
  /// batch, and for a kRepetition that is none; nothing was done.
  absl::StatusOr<Announcement> Announce(const Caller& caller, std::int64_t cycle,
                                        const std::string& source_id, const std::string& digest,
                                        const std::vector<AnnouncedTable>& tables, std::int64_t now_ms,
                                        Announcing announcing = Announcing::kAll);
  /// The same as a dry run, of no cycle: nothing is done, not even where one runs.
  absl::StatusOr<LookedAnnouncement> LookAtAnnouncement(const Caller& caller, const std::string& source_id,
                                                        const std::vector<AnnouncedTable>& tables,
                                                        std::int64_t now_ms);
  /// `cycle` got no tables, since what the source announced was refused before it came here.
  void NoteRefusedAnnouncement(std::int64_t cycle, std::string_view why);

  /// Ends a cycle of this process that has made no progress for too long. Never waits for the lock.
  /// `of_others`: one that another server served, too, where seen() says that it runs, or where it was
  /// `found` in the mirror.
  void EndIfIdle(std::int64_t now_ms, bool of_others = false, bool found = false);
  /// Ends a cycle that this process served: clean shutdown.
  void EndCycle(std::int64_t now_ms);
  /// Ends a cycle that Authenticate began for a caller who was gone by then: nobody knows its number. Nothing
  /// where another one took its place.
  void TakeBack(std::int64_t cycle, std::int64_t now_ms);

 private:
  /// What Authenticate asks for, and what came of it.
  struct Beginning {
    const Caller& caller;
    const std::string& holder;
    bool take_over = false, probe = false;
    std::int64_t now_ms = 0;
    std::optional<SourceCycles> known = std::nullopt;
    Admission admission = {};
    bool created = false, takes_place = false;
    std::int64_t cut = 0;  ///< A cycle that this one takes the place of.
    std::int64_t cut_began_ms = 0;
    bool timed_out = false;
  };
  /// Opens the mirror, making it where that may be. kAborted with a closed one: it was gone.
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
  /// What an announcement is planned from: who is another source sees no table.
  absl::Status FillView(const AnnounceRequest& request, AnnounceView* view) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status ReadMirrored(const AnnounceRequest& request, AnnounceView* view)
      MIRROR_REQUIRES(mirror_.mutex());
  /// `source_accepted`: whoever changes that ends the cycle.
  absl::StatusOr<Announcement> Answers(const std::vector<AnnouncedTable>& tables, bool source_accepted,
                                       bool repeats = false) MIRROR_REQUIRES(mirror_.mutex());
  /// Tables that are not announced, and wait for an operator.
  absl::Status AddHeld(const std::vector<AnnouncedTable>& tables, Announcement* announcement)
      MIRROR_REQUIRES(mirror_.mutex());
  /// An announcement, and what it was last planned to do.
  struct Announced {
    const Caller& caller;
    const AnnounceRequest& request;
    const AnnounceView& view;  ///< As it was before the lock.
    AnnouncePlan planned = {};
    std::vector<SchemaAnswer> before = {};
    std::vector<Hold> known_holds = {};
    std::vector<DroppedColumns> dropped = {};
    bool is_counted = false;  ///< What stands in those.
  };
  /// A plan that drops columns waits until what stands in them is counted. Absent: it was announced before.
  absl::StatusOr<std::optional<Committed>> CommitCounted(Announced* announced)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::StatusOr<std::optional<Committed>> CommitAnnounced(Announced* announced)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Absent as well: what stands in columns that are dropped is not counted.
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
