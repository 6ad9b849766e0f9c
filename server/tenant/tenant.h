#ifndef MIRROR_SERVER_TENANT_TENANT_H_
#define MIRROR_SERVER_TENANT_TENANT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/caller.h"
#include "server/plan/column_rules.h"
#include "server/plan/comparison.h"
#include "server/plan/plan.h"
#include "server/plan/tenant_summary.h"
#include "server/tenant/cycle_calls.h"
#include "server/tenant/exchange/hub_calls.h"
#include "server/tenant/file_calls.h"
#include "server/tenant/mirror/journal_upkeep.h"
#include "server/tenant/mirror/lost_mirror.h"
#include "server/tenant/mirror/mirror.h"
#include "server/tenant/mirror/tenant_options.h"
#include "server/tenant/move_calls.h"
#include "server/tenant/notes/unsent_tables.h"
#include "server/tenant/operator_calls.h"
#include "server/tenant/readings.h"
#include "server/tenant/records/records_calls.h"
#include "server/tenant/row_writer.h"
#include "server/tenant/waiting_rows.h"
#include "server/watch/events.h"

namespace mirror {

/// The source's last call of a cycle: what it says of its tables is compared, the cycle ends, and what waits
/// for the end of one is done. Errors: as Mirror. Threads: any.
class CycleCompletion {
 public:
  explicit CycleCompletion(Mirror& mirror) : mirror_(mirror) {}

  /// `unsent`: see ReplicationCompletedRequest.unsent_tables.
  absl::StatusOr<std::vector<TableVerdict>> Complete(const Caller& caller, std::int64_t cycle,
                                                     const std::vector<CompletedTable>& tables,
                                                     std::int64_t now_ms,
                                                     std::optional<AllAsOf> as_of = std::nullopt,
                                                     const std::vector<UnsentTable>& unsent = {});
  /// The same in the commit of the cycle's last rows, which `apply` hands the end on to. Absent: they were
  /// committed alone or not at all, or something failed behind the commit: the source is to call Complete(),
  /// which may be answered as one that is repeated.
  std::optional<std::vector<TableVerdict>> CompleteWith(std::int64_t cycle, const Completion& completion,
                                                        std::int64_t now_ms,
                                                        const std::function<void(const RowsEnd&)>& apply)
      MIRROR_EXCLUDES(mirror_.mutex());

 private:
  struct Completing {
    std::int64_t cycle = 0;
    const std::vector<CompletedTable>& tables;
    std::int64_t now_ms = 0;
    std::optional<AllAsOf> as_of;
    const std::vector<UnsentTable>& unsent;
    bool announced = false;
    std::string refused = {};  ///< RunningCycle::RefusalsOf().
    std::vector<TableCheck> checks = {};
    std::vector<TableVerdict> verdicts = {};
    std::string paused = {};  ///< Why the cycle's end paused the tenant; empty: it did not.
    bool first = false;       ///< Nothing was completed before.
    UnsentNews unsent_news = {};
  };
  bool WasCompleted(const Caller& caller, std::int64_t cycle) MIRROR_REQUIRES(mirror_.mutex());
  /// By the digests that are known. Each table gets a verdict.
  absl::Status CompareNow(Completing* completing) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status End(Completing* completing) MIRROR_REQUIRES(mirror_.mutex());
  /// Behind the commit.
  void Ended(const Completing& completing) MIRROR_REQUIRES(mirror_.mutex());
  /// Behind the cycle's end, and gives its verdicts.
  absl::StatusOr<std::vector<TableVerdict>> Finish(Completing* completing) MIRROR_EXCLUDES(mirror_.mutex());
  absl::Status PlanCompletion(const TenantRecord& before, Completing* completing, Plan* plan)
      MIRROR_REQUIRES(mirror_.mutex());
  void TellEnd(const Completing& completing) MIRROR_REQUIRES(mirror_.mutex());
  void TellUnannounced(std::int64_t cycle) MIRROR_REQUIRES(mirror_.mutex());
  /// What the mirror keeps of the tables that the source could not send; unchanged where the cycle spoke of
  /// no table.
  absl::Status PlanUnsent(Completing* completing, Plan* plan) MIRROR_REQUIRES(mirror_.mutex());
  void TellUnsent(const UnsentNews& news);
  void TellVerdict(const TableVerdict& verdict);
  /// Tables whose source gives a digest without having asked for ranges: all of their rows are read now, when
  /// the cycle is over and nobody waits for the tenant's lock.
  absl::Status CompareLater(const std::vector<CompletedTable>& tables, std::int64_t now_ms,
                            std::vector<TableVerdict>* verdicts) MIRROR_EXCLUDES(mirror_.mutex());
  /// Absent: the mirror was closed since, or the table is gone.
  absl::StatusOr<std::optional<Compared>> CompareRows(const CompletedTable& table, std::int64_t now_ms)
      MIRROR_EXCLUDES(mirror_.mutex());
  absl::Status KeepCheck(const Compared& compared, std::int64_t now_ms) MIRROR_EXCLUDES(mirror_.mutex());
  /// What of `checks` is to be written in place of what is known.
  absl::Status NoteChecks(const std::vector<TableCheck>& checks, std::vector<TableCheck>* written)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Whether a table is left that another source sent, and that the cycle of this plan did not end with:
  /// where its source tells as of when such a table is, it has a record of its own of it.
  absl::StatusOr<bool> AwaitsProof(const Plan& plan) MIRROR_REQUIRES(mirror_.mutex());
  void CountMiss(std::int64_t cycle, std::int64_t now_ms, TenantRecord& tenant)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Adds the tables that this cycle's source cannot have brought up to date, whatever it says.
  void AddStale(AllAsOf* as_of) MIRROR_REQUIRES(mirror_.mutex());
  /// Once all tables have their rows under the rules of now. What cannot be done is tried after the next
  /// cycle.
  void ScrubFile(std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  /// Gives the tables that were set aside and stay.
  absl::StatusOr<std::vector<std::string>> Scrub(std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  /// Tables without their rows under the rules of now.
  /// Of tables that were set aside. Errors: kAborted, where the file is not to be rewritten any more.
  absl::StatusOr<std::optional<Plan>> PlanForgetting(const TenantRecord& tenant, std::int64_t now_ms)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::StatusOr<std::vector<std::string>> AwaitedTables() MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
  /// That the file waits for tables to be rewritten.
  bool told_unscrubbed_ MIRROR_GUARDED_BY(mirror_.mutex()) = false;
};

/// What the calls of a tenant stand on; made before them.
class TenantMirror {
 protected:
  TenantMirror(std::string context_id, OpenStore open, const TenantOptions& options, Events& events,
               std::function<void()> make_room)
      : shared_(std::move(context_id), std::move(open), options, events, std::move(make_room)) {}

  Mirror shared_;
};

/// One tenant: a door to its calls. Each kind of call is a class of its own over the one Mirror, and knows
/// nothing of the others. Each call takes the tenant's lock, reads what the mirror holds, plans, and lets the
/// store commit: what it plans from is read under the store's writer lock.
/// Errors: as Mirror. Threads: any.
class Tenant : private TenantMirror,
               public CycleCalls,
               public CycleCompletion,
               public RowWriter,
               public OperatorCalls,
               public FileCalls,
               public MoveCalls,
               public RecordsCalls,
               public HubCalls,
               public Readings {
 public:
  Tenant(std::string context_id, OpenStore open, const TenantOptions& options, Events& events,
         const std::function<void(Tenant&)>& make_room)
      : TenantMirror(std::move(context_id), std::move(open), options, events,
                     [this, make_room] { make_room(*this); }),
        CycleCalls(shared_),
        CycleCompletion(shared_),
        RowWriter(shared_),
        OperatorCalls(shared_),
        FileCalls(shared_, events),
        MoveCalls(shared_),
        RecordsCalls(shared_),
        HubCalls(shared_),
        Readings(shared_) {}

  const std::string& context_id() const { return shared_.context_id(); }

  /// A cycle's last rows, and its end in the same commit. `verdicts`: absent where the cycle goes on, see
  /// CycleCompletion::CompleteWith().
  struct LastRows {
    RowAnswer rows;
    std::optional<std::vector<TableVerdict>> verdicts;
  };
  LastRows ApplyAndComplete(const Caller& caller, const RowRequest& request, bool wait_for_gaps,
                            const Completion& completion, std::int64_t now_ms) {
    LastRows last{absl::UnknownError("nothing was applied"), {}};
    last.verdicts = CompleteWith(request.cycle, completion, now_ms, [&](const RowsEnd& end) {
      last.rows = Apply(caller, request, wait_for_gaps, now_ms, &end);
    });
    return last;
  }

  /// What an announced table's columns are to be set by.
  const ColumnRules& column_rules() const { return shared_.agreed().rules(); }

  /// See Mirror.
  bool CloseIfIdle() { return shared_.CloseIfIdle(); }
  /// Keeps the tenant.
  static std::shared_ptr<Mirror> MirrorOf(const std::shared_ptr<Tenant>& tenant) {
    return {tenant, &tenant->shared_};
  }
  /// What is noted beside its rows; null: nothing.
  std::shared_ptr<const JournalRules> journal_rules() const {
    return JournalRulesOf(shared_.options().journal, context_id());
  }
  /// See journal_upkeep.h.
  void TrimJournal(std::int64_t now_ms) { journal_.Run(shared_, now_ms); }
  /// See lost_mirror.h.
  void TellIfLost() { mirror::TellIfLost(shared_); }
  bool is_open() const { return shared_.is_open(); }

  /// What is known without its database. These wait for nothing; see SeenSummary.
  TenantSummary summary() const { return shared_.seen().Get(); }
  std::shared_ptr<const TenantSummary> shared_summary() const { return shared_.seen().Shared(); }
  std::int64_t seen_progress_ms() const { return shared_.seen().progress_ms(); }
  void Remember(const TenantSummary& summary) { shared_.seen().Remember(summary); }
  /// What another server that has the same mirror kept of it; see SeenSummary.
  std::shared_ptr<const TenantSummary> TakeOver(const TenantSummary& summary,
                                                const std::shared_ptr<const TenantSummary>& known) {
    return shared_.seen().TakeOver(summary, known);
  }
  /// See mirror.h.
  bool SummarizeNow(std::int64_t now_ms) { return mirror::SummarizeNow(shared_, now_ms); }
  void NoteFailure(std::string_view why) { shared_.seen().NoteFailure(why); }
  /// See CycleBook.
  const CycleBook& book() const { return shared_.seen().book(); }

 private:
  JournalUpkeep journal_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_TENANT_H_
