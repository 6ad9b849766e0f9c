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

#include "server/plan/column_rules.h"
#include "server/plan/tenant_summary.h"
#include "server/tenant/cycle_calls.h"
#include "server/tenant/cycle_completion.h"
#include "server/tenant/file_calls.h"
#include "server/tenant/heartbeat.h"
#include "server/tenant/mirror/hub_calls.h"
#include "server/tenant/mirror/journal_upkeep.h"
#include "server/tenant/mirror/lost_mirror.h"
#include "server/tenant/mirror/mirror.h"
#include "server/tenant/mirror/tenant_options.h"
#include "server/tenant/move_calls.h"
#include "server/tenant/operator_calls.h"
#include "server/tenant/readings.h"
#include "server/tenant/records_calls.h"
#include "server/tenant/row_writer.h"
#include "server/watch/events.h"

namespace mirror {

/// Base class with the Mirror. A base class, so that the Mirror is constructed before the classes of calls.
class TenantMirror {
 protected:
  TenantMirror(std::string context_id, OpenStore open, const TenantOptions& options, Events& events,
               std::function<void()> make_room)
      : shared_(std::move(context_id), std::move(open), options, events, std::move(make_room)) {}

  Mirror shared_;
};

/// One tenant: access to its calls. Each kind of calls is a class that uses the same Mirror and is
/// independent of the others. A call takes the tenant's lock, reads the mirror, makes a plan, and lets the
/// store commit it. The data for the plan is read under the store's writer lock. Errors: as Mirror. Threads:
/// any.
class Tenant : private TenantMirror,
               public CycleCalls,
               public CycleCompletion,
               public HeartbeatCalls,
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
        HeartbeatCalls(shared_),
        RowWriter(shared_),
        OperatorCalls(shared_),
        FileCalls(shared_, events),
        MoveCalls(shared_),
        RecordsCalls(shared_),
        HubCalls(shared_),
        Readings(shared_) {}

  const std::string& context_id() const { return shared_.context_id(); }

  /// Applies a cycle's last rows, with the cycle's end in the same commit. `verdicts`: absent if the cycle
  /// continues, see CycleCompletion::BehindRows.
  struct LastRows {
    RowAnswer rows;
    std::optional<std::vector<TableVerdict>> verdicts;
  };
  LastRows ApplyAndComplete(const Caller& caller, const RowRequest& request, bool wait_for_gaps,
                            const Completion& completion, std::int64_t now_ms) {
    BehindRows end(*this, request.cycle, completion, now_ms);
    RowAnswer rows = Apply(caller, request, wait_for_gaps, now_ms, &end);
    return {std::move(rows), end.Finish()};
  }

  /// Returns the rules that set the columns of an announced table.
  const ColumnRules& column_rules() const { return shared_.agreed().rules(); }

  /// See Mirror.
  bool CloseIfIdle() { return shared_.CloseIfIdle(); }
  /// Returns the tenant's Mirror. The pointer keeps the tenant alive.
  static std::shared_ptr<Mirror> MirrorOf(const std::shared_ptr<Tenant>& tenant) {
    return {tenant, &tenant->shared_};
  }
  /// Returns the rules about what is recorded beside the rows; null: nothing is recorded.
  std::shared_ptr<const JournalRules> journal_rules() const {
    return JournalRulesOf(shared_.options().journal, context_id());
  }
  /// See journal_upkeep.h.
  void TrimJournal(std::int64_t now_ms) { journal_.Run(shared_, now_ms); }
  /// See lost_mirror.h.
  void TellIfLost() { mirror::TellIfLost(shared_); }
  bool is_open() const { return shared_.is_open(); }

  /// The state that is known without the database. These calls never wait; see SeenSummary.
  TenantSummary summary() const { return shared_.seen().Get(); }
  std::shared_ptr<const TenantSummary> shared_summary() const { return shared_.seen().Shared(); }
  std::int64_t seen_progress_ms() const { return shared_.seen().progress_ms(); }
  void Remember(const TenantSummary& summary) { shared_.seen().Remember(summary); }
  /// Takes over the summary of another server that has the same mirror; see SeenSummary.
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
