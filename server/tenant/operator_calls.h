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

/// Filled in place of an act, for a dry run. Everything was checked as for the act itself.
struct LookedAct {
  std::unique_ptr<Snapshot> snapshot;
  Act act;
  std::optional<Hold> hold = {};     ///< Set by DecideHold().
  std::optional<MeantRow> row = {};  ///< Set by EraseRow(), which leaves `act` to ErasureAct().
};

/// How a destructive call is to be done.
struct ActTerms {
  Expected expected = {};     ///< If the state differs: an error with kStaleTokenPayload, and nothing was
                              ///< done.
  LookedAct* look = nullptr;  ///< Set: nothing is done, and this object is filled.
};

/// A row whose data is to be erased outside of its table.
struct AskedErasure {
  std::string table;
  std::string key;   ///< See ParseTypedKey().
  bool now = false;  ///< Also rewrite the files at once.
};

/// Returns the act. It also names the counts of removed data and the dropped tables, which are not part of
/// the tenant's state.
Act ErasureAct(const MeantRow& row, const std::string& key, const KeptOfRow& kept,
               const MirrorContents& contents);

struct ErasedRowCounts {
  std::string table;  ///< In the stored spelling.
  std::int64_t versions = 0;
  std::int64_t entries = 0;  ///< Journal entries that named the row.
  bool scrubbed = false;
};

/// An operator's calls on a tenant and its tables. Each call that changes something ends the running cycle,
/// except AskToVerify() and EraseRow(). Errors: as Mirror; kNotFound: the file does not exist any more.
/// Threads: any.
class OperatorCalls {
 public:
  explicit OperatorCalls(Mirror& mirror) : mirror_(mirror) {}

  /// Resets the LSN of the tables to -1. An empty list means all tables. Returns their names. Errors:
  /// kNotFound, with the table's name; then nothing is done.
  absl::StatusOr<std::vector<std::string>> Invalidate(const std::vector<std::string>& tables,
                                                      std::int64_t now_ms, const ActTerms& terms = {});
  absl::StatusOr<std::vector<std::string>> Reset(const std::vector<std::string>& tables, std::int64_t now_ms,
                                                 const ActTerms& terms = {});
  /// Requests that the source compares the tables in its next cycle. Arguments as for Invalidate().
  absl::StatusOr<std::vector<std::string>> AskToVerify(const std::vector<std::string>& tables,
                                                       std::int64_t now_ms);
  absl::Status Pause(const std::string& reason, std::int64_t now_ms);
  /// Decides a hold. `decision`: kCommit or kRollback. Returns the hold after the decision. Errors:
  /// kNotFound; kFailedPrecondition: the hold is about a source, see AcceptSource().
  absl::StatusOr<Hold> DecideHold(std::uint64_t id, HoldState decision, std::int64_t now_ms,
                                  const ActTerms& terms = {});
  /// Accepts the waiting source from now on. No table is known to be equal to it yet. Errors:
  /// kFailedPrecondition: no source waits.
  absl::StatusOr<std::string> AcceptSource(std::int64_t now_ms, const ActTerms& terms = {});
  /// Removes what the mirror keeps about a row outside of its table. Then the mirror's files are rewritten:
  /// after the next cycle, or at once with AskedErasure::now, together with the files of hubs that read the
  /// mirror. The running cycle continues. Errors: kNotFound, kInvalidArgument: the table or the key;
  /// kFailedPrecondition: the row exists in the table; kUnavailable, with `now`: the row's data is removed,
  /// but the files are rewritten later.
  absl::StatusOr<ErasedRowCounts> EraseRow(const AskedErasure& asked, std::int64_t now_ms,
                                           const ActTerms& terms = {});

 private:
  /// Ends the cycle, with a step for each of the tables. Returns their names in `names`.
  absl::Status EndCycleWith(const char* call, const std::vector<std::string>& tables, std::int64_t now_ms,
                            const ActTerms& terms, absl::StatusOr<std::vector<std::string>>* names,
                            const std::function<Step(const TableRecord&)>& step_of)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Ends the cycle with the changes of `plan`, or, for a dry run, only opens the snapshot for them. `plan`
  /// may complete `act`.
  absl::Status EndCycleAsMeant(std::int64_t now_ms, const ActTerms& terms, const Act& act,
                               const PlanEnd& plan) MIRROR_REQUIRES(mirror_.mutex());
  absl::StatusOr<std::optional<Plan>> PlanToVerify(const std::vector<std::string>& names, std::int64_t now_ms)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::StatusOr<Hold> FindHoldById(std::uint64_t id) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status PlanUnproven(Plan* plan) MIRROR_REQUIRES(mirror_.mutex());
  /// Does all of EraseRow() except the rewriting of files. `rule_waits`: the files had to be rewritten before
  /// this call already.
  absl::StatusOr<ErasedRowCounts> EraseKept(const AskedErasure& asked, std::int64_t now_ms,
                                            const ActTerms& terms, bool* rule_waits)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Rewrites the files and drops tables that were set aside. `stays_noted`: the need for a rewrite stays
  /// noted, because another one is due after the next population, or a hub must be asked again.
  absl::Status RewriteFiles(std::int64_t now_ms, bool stays_noted) MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
};

/// Returns the stored names of the tables; all tables if the list is empty. Errors: kNotFound, with the
/// table's name; those of the store, which the caller has to pass to QuarantineIfDamaged().
absl::StatusOr<std::vector<std::string>> FindTables(Mirror& mirror, const std::vector<std::string>& tables)
    MIRROR_REQUIRES(mirror.mutex());

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_OPERATOR_CALLS_H_
