#include "server/tenant/operator_calls.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/plan/apply_plan.h"
#include "server/plan/breaker.h"
#include "server/plan/comparison.h"
#include "server/plan/move_mark.h"
#include "server/store/others_objects.h"
#include "server/tenant/mirror/mirror_feed.h"
#include "server/tenant/records_planner.h"

namespace mirror {

absl::StatusOr<std::vector<std::string>> FindTables(Mirror& mirror, const std::vector<std::string>& tables) {
  ASSIGN_OR_RETURN(std::vector<TableRecord> records, mirror.store()->records().ReadTables());
  std::map<std::string, std::string> known;
  for (const TableRecord& record : records) known[FoldName(record.table)] = record.table;
  std::vector<std::string> names;
  if (tables.empty()) {
    for (const auto& [folded, name] : known) names.push_back(name);
    return names;
  }
  for (const std::string& table : tables) {
    const auto found = known.find(FoldName(table));
    if (found == known.end()) {
      return absl::NotFoundError(absl::StrCat("tenant '", mirror.context_id(), "' has no table '", table, "'",
                                              ". Nothing was changed. 'mirrorctl tables ",
                                              mirror.context_id(), "' lists those that it has."));
    }
    names.push_back(found->second);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

absl::Status OperatorCalls::EndCycleAsMeant(std::int64_t now_ms, const ActTerms& terms, const Act& act,
                                            const PlanEnd& plan) {
  const auto checked = [&](const TenantRecord& before, Plan* added)
                           MIRROR_REQUIRES(mirror_.mutex()) -> absl::Status {
    RETURN_IF_ERROR(plan(before, added));
    if (terms.expected.token.empty()) return absl::OkStatus();
    const absl::StatusOr<MirrorState> state = ReadState(mirror_.store()->records(), before);
    return state.ok() ? terms.expected.Check(act, *state) : state.status();
  };
  if (terms.look == nullptr) return mirror_.EndCycle(now_ms, checked);
  Writing writing;
  while (mirror_.Begin(writing)) {
    Plan added;
    added.tenant = writing.tenant();
    writing.Leave(checked(writing.tenant(), &added));
  }
  RETURN_IF_ERROR(mirror_.Finish(writing).status());
  ASSIGN_OR_RETURN(terms.look->snapshot, mirror_.QuarantineIfDamaged(mirror_.store()->OpenSnapshot()));
  terms.look->act = act;
  return absl::OkStatus();
}

absl::Status OperatorCalls::EndCycleWith(const char* call, const std::vector<std::string>& tables,
                                         std::int64_t now_ms, const ActTerms& terms,
                                         absl::StatusOr<std::vector<std::string>>* names,
                                         const std::function<Step(const TableRecord&)>& step_of) {
  Act act{.call = call};
  return EndCycleAsMeant(now_ms, terms, act,
                         [&](const TenantRecord& before, Plan* plan)
                             MIRROR_REQUIRES(mirror_.mutex()) -> absl::Status {
                               RETURN_IF_ERROR(CheckStays(mirror_.context_id(), MarkOf(before)));
                               RETURN_IF_ERROR(CheckComesByCycles(before));
                               *names = FindTables(mirror_, tables);
                               if (!names->ok()) return names->status();
                               if (!tables.empty()) act.tables = **names;
                               for (const std::string& name : **names) {
                                 ASSIGN_OR_RETURN(const std::optional<TableRecord> record,
                                                  mirror_.store()->records().ReadTable(name));
                                 if (record) plan->steps.push_back(step_of(*record));
                               }
                               return absl::OkStatus();
                             });
}

absl::StatusOr<std::vector<std::string>> OperatorCalls::Invalidate(const std::vector<std::string>& tables,
                                                                   std::int64_t now_ms,
                                                                   const ActTerms& terms) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, now_ms));
  absl::StatusOr<std::vector<std::string>> names;
  RETURN_IF_ERROR(EndCycleWith("InvalidateLsn", tables, now_ms, terms, &names, PlanInvalidate));
  if (terms.look != nullptr) return names;
  mirror_.Tell(Severity::kInformation, "lsn.invalidated",
               absl::StrCat("an operator set the LSN of ", Counted(names->size(), "table"),
                            " to -1; the next cycle populates every table at -1"));
  return names;
}

absl::StatusOr<std::vector<std::string>> OperatorCalls::Reset(const std::vector<std::string>& tables,
                                                              std::int64_t now_ms, const ActTerms& terms) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, now_ms));
  absl::StatusOr<std::vector<std::string>> names;
  RETURN_IF_ERROR(EndCycleWith("ResetTable", tables, now_ms, terms, &names, [](const TableRecord& record) {
    Step step;
    step.table = record.table;
    step.expected = record;
    step.actions.push_back(DropTable{});
    return step;
  }));
  if (terms.look != nullptr) return names;
  mirror_.agreed().Forget();
  mirror_.Tell(
      Severity::kWarning, "tables.reset",
      absl::StrCat("an operator dropped ", Counted(names->size(), "table"),
                   " with the partner's indexes and triggers on ",
                   names->size() == 1 ? "it; the next cycle makes it" : "them; the next cycle makes them",
                   " anew, without those indexes and triggers"));
  return names;
}

absl::StatusOr<std::optional<Plan>> OperatorCalls::PlanToVerify(const std::vector<std::string>& names,
                                                                std::int64_t now_ms) {
  ASSIGN_OR_RETURN(std::vector<TableCheck> known, mirror_.store()->records().ReadChecks());
  Plan plan;
  plan.now_ms = now_ms;
  for (const std::string& name : names) {
    TableCheck check{.table = name};
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const TableCheck& one) { return SameName(one.table, name); });
    if (found != known.end()) check = *found;
    check.wanted = true;
    plan.checks.push_back(std::move(check));
  }
  return plan;
}

absl::StatusOr<std::vector<std::string>> OperatorCalls::AskToVerify(const std::vector<std::string>& tables,
                                                                    std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, now_ms));
  absl::StatusOr<std::vector<std::string>> names;
  Writing writing;
  while (mirror_.Begin(writing)) {
    absl::Status stays = CheckStays(mirror_.context_id(), MarkOf(writing.tenant()));
    if (stays.ok()) stays = CheckComesByCycles(writing.tenant());
    names = stays.ok() ? FindTables(mirror_, tables) : stays;
    if (names.ok()) {
      writing.Commit(PlanToVerify(*names, now_ms));
    } else {
      writing.Leave(names.status());
    }
  }
  RETURN_IF_ERROR(mirror_.Finish(writing).status());
  mirror_.Tell(Severity::kInformation, "verify.wanted",
               absl::StrCat("an operator asked for ", Counted(names->size(), "table"),
                            " to be compared with the source; its next cycle does it"));
  return names;
}

absl::Status OperatorCalls::Pause(const std::string& reason, std::int64_t now_ms) {
  if (MarkOf(/*paused=*/true, reason)) {
    return absl::InvalidArgumentError(
        "the server itself writes such a reason for a move. Nothing was changed. Give another reason.");
  }
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, now_ms));
  absl::Status status = mirror_.EndCycle(now_ms, [&](const TenantRecord& before, Plan* plan) {
    if (MarkOf(before)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "tenant '", mirror_.context_id(), "': ", PauseWords(before.paused, before.pause_reason),
          ". Its source is kept away already, and nothing was changed."));
    }
    plan->tenant->paused = true;
    plan->tenant->pause_reason = reason;
    return absl::OkStatus();
  });
  if (status.ok())
    mirror_.Tell(Severity::kWarning, "tenant.paused",
                 absl::StrCat("an operator paused the tenant", reason.empty() ? "" : ": ", reason));
  return status;
}

absl::StatusOr<Hold> OperatorCalls::FindHoldById(std::uint64_t id) {
  RETURN_IF_ERROR(mirror_.cycle().Load(*mirror_.store()));
  const auto found = std::find_if(mirror_.cycle().holds().begin(), mirror_.cycle().holds().end(),
                                  [&](const Hold& hold) { return hold.id == id; });
  if (found != mirror_.cycle().holds().end()) return *found;
  return absl::NotFoundError(absl::StrCat("tenant '", mirror_.context_id(), "' has no hold ", id,
                                          ". Nothing was changed. 'mirrorctl hold list' shows all holds."));
}

absl::StatusOr<Hold> OperatorCalls::DecideHold(std::uint64_t id, HoldState decision, std::int64_t now_ms,
                                               const ActTerms& terms) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, now_ms));
  CrashPoint("hold.before");
  absl::StatusOr<Hold> hold;
  Act act{.call = decision == HoldState::kCommit ? "CommitHold" : "RollbackHold", .more = absl::StrCat(id)};
  absl::Status status = EndCycleAsMeant(
      now_ms, terms, act,
      [&](const TenantRecord& before, Plan* plan) MIRROR_REQUIRES(mirror_.mutex()) -> absl::Status {
        RETURN_IF_ERROR(CheckStays(mirror_.context_id(), MarkOf(before)));
        hold = FindHoldById(id);
        if (!hold.ok()) return hold.status();
        if (hold->kind == HoldKind::kSource && decision == HoldState::kCommit) {
          return absl::FailedPreconditionError(
              absl::StrCat("hold ", id, " of '", mirror_.context_id(),
                           "' is about another source database. Nothing was changed. 'mirrorctl "
                           "accept-source ",
                           mirror_.context_id(), "' lets it take over."));
        }
        act.tables = hold->kind == HoldKind::kTables ? hold->tables : std::vector<std::string>{hold->table};
        if (terms.look != nullptr) terms.look->hold = *hold;
        hold->state = decision;
        plan->holds.push_back(*hold);
        return absl::OkStatus();
      });
  CrashPoint("hold.after");
  if (!status.ok()) return status;
  if (terms.look != nullptr) return hold;
  mirror_.Tell(Severity::kWarning, decision == HoldState::kCommit ? "hold.committed" : "hold.refused",
               absl::StrCat("an operator ", decision == HoldState::kCommit ? "allowed once" : "refused",
                            " what was held: ", std::string(ToString(hold->kind)),
                            hold->table.empty() ? "" : absl::StrCat(" of table '", hold->table, "'")));
  return hold;
}

/// Known equalities of tables are about the former source.
absl::Status OperatorCalls::PlanUnproven(Plan* plan) {
  ASSIGN_OR_RETURN(const std::vector<TableRecord> records, mirror_.store()->records().ReadTables());
  ASSIGN_OR_RETURN(const std::vector<TableCheck> known, mirror_.store()->records().ReadChecks());
  std::map<std::string, TableCheck> check_of;
  for (const TableCheck& check : known) check_of[FoldName(check.table)] = check;
  for (const TableRecord& record : records) {
    if (record.position.lsn.value < 0) continue;
    const auto found = check_of.find(FoldName(record.table));
    plan->checks.push_back(
        UnprovenCheck(record, found == check_of.end() ? std::nullopt : std::optional(found->second)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> OperatorCalls::AcceptSource(std::int64_t now_ms, const ActTerms& terms) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, now_ms));
  std::string source;
  const Act act{.call = "AcceptSource"};
  RETURN_IF_ERROR(EndCycleAsMeant(
      now_ms, terms, act,
      [&](const TenantRecord& before, Plan* plan) MIRROR_REQUIRES(mirror_.mutex()) -> absl::Status {
        RETURN_IF_ERROR(CheckStays(mirror_.context_id(), MarkOf(before)));
        RETURN_IF_ERROR(CheckComesByCycles(before));
        RETURN_IF_ERROR(mirror_.cycle().Load(*mirror_.store()));
        const Hold* const hold = FindHold(mirror_.cycle().holds(), HoldKind::kSource, "");
        if (hold == nullptr) {
          return absl::FailedPreconditionError(absl::StrCat(
              "no other source database waits for '", mirror_.context_id(),
              "'. Nothing was changed. 'mirrorctl hold list ", mirror_.context_id(), "' shows what waits."));
        }
        source = hold->source_id;
        plan->tenant->source_id = source;
        plan->tenant->source_accepted = true;
        plan->settled_holds.push_back(hold->id);
        return PlanUnproven(plan);
      }));
  if (terms.look != nullptr) return source;
  mirror_.Tell(
      Severity::kWarning, "source.accepted",
      "an operator let another source database take over; its next cycle sends what the mirror lacks");
  return source;
}

Act ErasureAct(const MeantRow& row, const std::string& key, const KeptOfRow& kept,
               const MirrorContents& contents) {
  return {.call = "EraseRow",
          .tables = {row.table},
          .more = absl::StrCat(key, "\n", kept.versions, " ", kept.entries, "\n",
                               absl::StrJoin(TablesSetAside(contents), "\n"))};
}

namespace {

absl::Status CheckGone(const MeantRow& row) {
  if (!row.stands && !row.is_left) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", row.table,
      row.stands
          ? "' has this row. Nothing was erased. Delete it at its source first, and call again when that has "
            "arrived."
          : "' still has this row, as it keeps rows that are deleted at their source. Nothing was erased. "
            "Delete it in the mirror with SQL, and call again."));
}

/// `act`: what was counted, if `expected` requires it.
absl::StatusOr<std::optional<Plan>> PlanErasure(StoreRecords& records, const TenantRecord& before,
                                                const Expected& expected, const Act& act, ErasedRow row,
                                                std::int64_t now_ms) {
  if (!expected.token.empty()) {
    ASSIGN_OR_RETURN(const MirrorState state, ReadState(records, before));
    RETURN_IF_ERROR(expected.Check(act, state));
  }
  Plan plan;
  plan.now_ms = now_ms;
  plan.tenant = before;
  plan.tenant->scrub = true;
  plan.erased_rows.push_back(std::move(row));
  RETURN_IF_ERROR(NoteErased(records, &plan));
  RETURN_IF_ERROR(TellWhoErases(records, &plan));
  return plan;
}

}  // namespace

absl::StatusOr<ErasedRowCounts> OperatorCalls::EraseRow(const AskedErasure& asked, std::int64_t now_ms,
                                                        const ActTerms& terms) {
  bool rule_waits = false;
  absl::StatusOr<ErasedRowCounts> erased = ErasedRowCounts();
  {
    const MutexLock lock(mirror_.mutex());
    erased = EraseKept(asked, now_ms, terms, &rule_waits);
  }
  if (!erased.ok() || terms.look != nullptr || !asked.now) return erased;
  // Without the lock: a hub reads the mirror.
  const absl::Status gone = mirror_.options().forget_in_hubs(mirror_.context_id());
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, now_ms));
  const bool stays_noted = rule_waits || !gone.ok();
  RETURN_IF_ERROR(RewriteFiles(now_ms, stays_noted));
  if (!gone.ok()) {
    return absl::UnavailableError(absl::StrCat("the row is erased in the mirror and in all its files, but ",
                                               std::string(gone.message()), " Call again with --now then."));
  }
  erased->scrubbed = true;
  return erased;
}

absl::StatusOr<ErasedRowCounts> OperatorCalls::EraseKept(const AskedErasure& asked, std::int64_t now_ms,
                                                         const ActTerms& terms, bool* rule_waits) {
  RETURN_IF_ERROR(OpenForOperator(mirror_, now_ms));
  ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot,
                   mirror_.QuarantineIfDamaged(mirror_.store()->OpenSnapshot()));
  ASSIGN_OR_RETURN(MeantRow row, FindRow(*snapshot, asked.table, asked.key));
  RETURN_IF_ERROR(CheckGone(row));
  if (terms.look != nullptr) {
    terms.look->snapshot = std::move(snapshot);
    terms.look->row = std::move(row);
    return ErasedRowCounts{.table = terms.look->row->table};
  }
  Act act;
  if (!terms.expected.token.empty()) {
    ASSIGN_OR_RETURN(const KeptOfRow kept, mirror_.QuarantineIfDamaged(CountKeptOfRow(*snapshot, row)));
    ASSIGN_OR_RETURN(const MirrorContents contents, mirror_.QuarantineIfDamaged(snapshot->ReadContents()));
    act = ErasureAct(row, asked.key, kept, contents);
  }
  snapshot.reset();
  Writing writing;
  while (mirror_.Begin(writing)) {
    *rule_waits = writing.tenant().scrub;
    const absl::Status stays = CheckStays(mirror_.context_id(), MarkOf(writing.tenant()));
    writing.Commit(stays.ok() ? PlanErasure(mirror_.store()->records(), writing.tenant(), terms.expected, act,
                                            {row.table, row.key}, now_ms)
                              : stays);
  }
  ASSIGN_OR_RETURN(const std::optional<Committed> done, mirror_.Finish(writing));
  ErasedRowCounts erased{.table = row.table};
  if (done) {
    erased.versions = done->result.versions_erased;
    erased.entries = done->result.entries_erased;
  }
  mirror_.Tell(Severity::kInformation, "row.erased",
               absl::StrCat("an operator erased what was kept of a row of table '", row.table,
                            "': ", Counted(static_cast<std::uint64_t>(erased.versions), "version"), " and ",
                            Counted(static_cast<std::uint64_t>(erased.entries), "entry"), " of the journal"));
  return erased;
}

absl::Status OperatorCalls::RewriteFiles(std::int64_t now_ms, bool stays_noted) {
  const auto write = [&](bool scrubbed) MIRROR_REQUIRES(mirror_.mutex()) {
    Writing writing;
    while (mirror_.Begin(writing)) {
      Plan plan;
      plan.now_ms = now_ms;
      if (scrubbed) {
        plan.tenant = writing.tenant();
        // Before a population under a new rule its columns are still readable: see CycleCompletion.
        plan.tenant->scrub = stays_noted;
      } else {
        plan.drop_retired_before_ms = std::numeric_limits<std::int64_t>::max();
      }
      writing.Commit(std::move(plan));
    }
    return mirror_.Finish(writing).status();
  };
  absl::Status status = write(false);
  if (status.ok()) status = mirror_.store()->upkeep().Scrub();
  if (status.ok()) status = write(true);
  if (status.ok()) return status;
  return absl::UnavailableError(
      absl::StrCat("the row is erased, but the mirror's files were not rewritten, and may still hold it: ",
                   std::string(status.message()), " Call again with --now, or wait for the next cycle."));
}

}  // namespace mirror
