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

/// Filled instead of doing an act: everything was checked as if the act were done.
struct LookedAct {
  std::unique_ptr<Snapshot> snapshot;
  Act act;
  std::optional<Hold> hold = {};     ///< Set by DecideHold().
  std::optional<MeantRow> row = {};  ///< Set by EraseRow(), which leaves `act` to ErasureAct().
};

/// How a destructive call is to be done.
struct ActTerms {
  Expected expected = {};     ///< If the state differs: kStaleTokenPayload, and nothing was done.
  LookedAct* look = nullptr;  ///< Set: nothing is done, and this is filled.
};

/// A row about which nothing is to be kept.
struct AskedErasure {
  std::string table;
  std::string key;   ///< As for ParseTypedKey().
  bool now = false;  ///< Also erase it from the files at once.
};

/// Returns the act. It also names the removed counts and dropped tables, which the tenant's state lacks.
Act ErasureAct(const MeantRow& row, const std::string& key, const KeptOfRow& kept,
               const MirrorContents& contents);

struct ErasedRowCounts {
  std::string table;  ///< In its stored spelling.
  std::int64_t versions = 0;
  std::int64_t entries = 0;  ///< Journal entries that named the row.
  bool scrubbed = false;
};

/// An operator's calls on a tenant and its tables. Each call that changes something ends the running cycle.
/// Errors: as Mirror; kNotFound when the file is gone. Threads: any.
class OperatorCalls {
 public:
  explicit OperatorCalls(Mirror& mirror) : mirror_(mirror) {}

  /// An empty list means all tables. Errors: kNotFound with the table's name; then nothing is done.
  absl::StatusOr<std::vector<std::string>> Invalidate(const std::vector<std::string>& tables,
                                                      std::int64_t now_ms, const ActTerms& terms = {});
  absl::StatusOr<std::vector<std::string>> Reset(const std::vector<std::string>& tables, std::int64_t now_ms,
                                                 const ActTerms& terms = {});
  /// Requests that the source compares the tables in its next cycle. Arguments as for Invalidate.
  absl::StatusOr<std::vector<std::string>> AskToVerify(const std::vector<std::string>& tables,
                                                       std::int64_t now_ms);
  absl::Status Pause(const std::string& reason, std::int64_t now_ms);
  /// `decision`: kCommit or kRollback. Returns the hold after the decision. Errors:
  /// kNotFound; kFailedPrecondition for a hold of a source, see AcceptSource.
  absl::StatusOr<Hold> DecideHold(std::uint64_t id, HoldState decision, std::int64_t now_ms,
                                  const ActTerms& terms = {});
  /// Trusts the waiting source from now on; no table is known to be
  /// equal to it yet. Errors: kFailedPrecondition: no source waits.
  absl::StatusOr<std::string> AcceptSource(std::int64_t now_ms, const ActTerms& terms = {});
  /// Removes what is kept about a row outside of its table, and has the mirror rewritten: after the
  /// next cycle, or `now`, together with the files of hubs that read it. The running cycle
  /// continues. Errors: kNotFound, kInvalidArgument: the table or the key; kFailedPrecondition: the
  /// row exists. kUnavailable with `now`: the row is erased, but the files are rewritten later.
  absl::StatusOr<ErasedRowCounts> EraseRow(const AskedErasure& asked, std::int64_t now_ms,
                                           const ActTerms& terms = {});

 private:
  /// Ends the cycle with a step for each of the tables, and returns their `names`.
  absl::Status EndCycleWith(const char* call, const std::vector<std::string>& tables, std::int64_t now_ms,
                            const ActTerms& terms, absl::StatusOr<std::vector<std::string>>* names,
                            const std::function<Step(const TableRecord&)>& step_of)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Ends the cycle with the writes of `plan`, or only looks at them; the plan may complete `act`.
  absl::Status EndCycleAsMeant(std::int64_t now_ms, const ActTerms& terms, const Act& act,
                               const PlanEnd& plan) MIRROR_REQUIRES(mirror_.mutex());
  absl::StatusOr<std::optional<Plan>> PlanToVerify(const std::vector<std::string>& names, std::int64_t now_ms)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::StatusOr<Hold> FindHoldById(std::uint64_t id) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status PlanUnproven(Plan* plan) MIRROR_REQUIRES(mirror_.mutex());
  /// Does all but the files. `rule_waits`: the files already had to be rewritten before.
  absl::StatusOr<ErasedRowCounts> EraseKept(const AskedErasure& asked, std::int64_t now_ms,
                                            const ActTerms& terms, bool* rule_waits)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Rewrites the files, without tables that were set aside.
  /// `stays_noted`: another rewrite is due after the next population, or a hub must be asked again.
  absl::Status RewriteFiles(std::int64_t now_ms, bool stays_noted) MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
};

/// Returns the stored names of the tables; all if the list is empty. Errors:
/// kNotFound with the table's name; those of the store, not yet passed to QuarantineIfDamaged().
absl::StatusOr<std::vector<std::string>> FindTables(Mirror& mirror, const std::vector<std::string>& tables)
    MIRROR_REQUIRES(mirror.mutex());

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_OPERATOR_CALLS_H_
