#ifndef MIRROR_SERVER_TENANT_OPERATOR_CALLS_H_
#define MIRROR_SERVER_TENANT_OPERATOR_CALLS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/snapshot.h"
#include "server/store/state_token.h"
#include "server/tenant/kept_row.h"
#include "server/tenant/mirror/mirror.h"

namespace mirror {

/// Where an act would be done, and was not: all that it asks for was looked at, as if it were.
struct LookedAct {
  std::unique_ptr<Snapshot> snapshot;
  Act act;
  std::optional<Hold> hold = {};     ///< Of DecideHold().
  std::optional<MeantRow> row = {};  ///< Of EraseRow(), which leaves the act to ErasureAct().
};

/// How a call that destroys is meant.
struct ActTerms {
  Expected expected = {};     ///< Of kStaleTokenPayload: the state is another one, and nothing was done.
  LookedAct* look = nullptr;  ///< Set: nothing is done, and this is filled.
};

/// One row of which nothing is to be kept.
struct AskedErasure {
  std::string table;
  std::string key;   ///< As ParseTypedKey() takes it.
  bool now = false;  ///< Also of what the files hold of it.
};

/// What it removes and drops, which a state does not tell.
Act ErasureAct(const MeantRow& row, const std::string& key, const KeptOfRow& kept,
               const MirrorContents& contents);

struct ErasedOfRow {
  std::string table;  ///< As it is stored.
  std::int64_t versions = 0;
  std::int64_t entries = 0;  ///< Of the journal, that named it.
  bool scrubbed = false;
};

/// What an operator does to a tenant and its tables. Each call that acts ends the running cycle.
/// Errors: as Mirror; kNotFound when the file is gone. Threads: any.
class OperatorCalls {
 public:
  explicit OperatorCalls(Mirror& mirror) : mirror_(mirror) {}

  /// An empty list means all. Errors: kNotFound naming the table, and then nothing is done.
  absl::StatusOr<std::vector<std::string>> Invalidate(const std::vector<std::string>& tables,
                                                      std::int64_t now_ms, const ActTerms& terms = {});
  absl::StatusOr<std::vector<std::string>> Reset(const std::vector<std::string>& tables, std::int64_t now_ms,
                                                 const ActTerms& terms = {});
  /// The source compares them in its next cycle. As Invalidate.
  absl::StatusOr<std::vector<std::string>> AskToVerify(const std::vector<std::string>& tables,
                                                       std::int64_t now_ms);
  absl::Status Pause(const std::string& reason, std::int64_t now_ms);
  /// `decision`: kCommit or kRollback. Gives the hold as it stands then. Errors: kNotFound;
  /// kFailedPrecondition for a source, see AcceptSource.
  absl::StatusOr<Hold> DecideHold(std::uint64_t id, HoldState decision, std::int64_t now_ms,
                                  const ActTerms& terms = {});
  /// The source that waits is believed from now on, and no table is known to be equal to it yet. Errors:
  /// kFailedPrecondition when none waits.
  absl::StatusOr<std::string> AcceptSource(std::int64_t now_ms, const ActTerms& terms = {});
  /// Removes what is kept of a row beside its table, and has the mirror rewritten: behind the next cycle, or
  /// now, as the hubs' files that read it are. The running cycle goes on. Errors: kNotFound,
  /// kInvalidArgument: the table or the key; kFailedPrecondition: the row stands. kUnavailable with `now`:
  /// the row is erased, and is rewritten later.
  absl::StatusOr<ErasedOfRow> EraseRow(const AskedErasure& asked, std::int64_t now_ms,
                                       const ActTerms& terms = {});

 private:
  /// Ends the cycle with a step of each of the tables, whose `names` it gives.
  absl::Status EndCycleWith(const char* call, const std::vector<std::string>& tables, std::int64_t now_ms,
                            const ActTerms& terms, absl::StatusOr<std::vector<std::string>>* names,
                            const std::function<Step(const TableRecord&)>& step_of)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Ends the cycle with what `plan` adds, or only looks at what that would be; what it says of `act` counts.
  absl::Status EndCycleAsMeant(std::int64_t now_ms, const ActTerms& terms, const Act& act,
                               const PlanEnd& plan) MIRROR_REQUIRES(mirror_.mutex());
  absl::StatusOr<std::optional<Plan>> PlanToVerify(const std::vector<std::string>& names, std::int64_t now_ms)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::StatusOr<Hold> FindHoldById(std::uint64_t id) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status PlanUnproven(Plan* plan) MIRROR_REQUIRES(mirror_.mutex());
  /// But for the files. `rule_waits`: they had to be rewritten before.
  absl::StatusOr<ErasedOfRow> EraseKept(const AskedErasure& asked, std::int64_t now_ms, const ActTerms& terms,
                                        bool* rule_waits) MIRROR_REQUIRES(mirror_.mutex());
  /// Without what was set aside.
  /// `stays_noted`: the file has to be rewritten once more behind the next population, or a hub asked again.
  absl::Status RewriteFiles(std::int64_t now_ms, bool stays_noted) MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
};

/// The names of tables as they are stored; all when none is asked for. Errors: kNotFound naming the table;
/// those of the store, not Noticed() yet.
absl::StatusOr<std::vector<std::string>> FindTables(Mirror& mirror, const std::vector<std::string>& tables)
    MIRROR_REQUIRES(mirror.mutex());

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_OPERATOR_CALLS_H_
