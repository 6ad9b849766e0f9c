// What a tenant writes down for hooks, in the transaction of what they are told, and what waits of it.

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/hooks/hook_note.h"
#include "server/tenant/tenant.h"

namespace mirror {

std::vector<HookNote> Tenant::NotesFor(const char* event, std::int64_t cycle, std::int64_t now_ms,
                                       const std::function<std::string(const HookCycle&)>& text) const {
  std::vector<HookNote> notes;
  for (const std::string& key : options_.hooks->KeysFor(event, context_id_)) {
    notes.push_back({0, key, event, cycle, now_ms,
                     notes.empty() ? text({context_id_, cycle, now_ms}) : notes.front().json});
  }
  return notes;
}

void Tenant::SetHooks(HookNotes notes, Plan* plan) const {
  plan->hooks = std::move(notes);
  plan->known_hooks = options_.hooks->AllKeys();
}

HookNotes Tenant::CompletedNotes(std::int64_t cycle, std::int64_t now_ms,
                                 const std::vector<CompletedTable>& tables) const {
  if (options_.hooks == nullptr) return {};
  return [this, cycle, now_ms, &tables](const std::vector<StepResult>&) {
    return NotesFor(kOnCompleted, cycle, now_ms, [&](const HookCycle& of) {
      std::vector<HookCounts> counts;
      for (const CompletedTable& table : tables) {
        // One that was only compared did not change.
        if (table.rows_differ && table.inserts + table.updates + table.deletes == 0) continue;
        counts.push_back({table.table, table.inserts, table.updates, table.deletes});
      }
      return CompletedText(of, counts);
    });
  };
}

/// They are told what became of the tables, not what was planned.
void Tenant::NoteTables(AnnouncePlan* planned) const {
  if (options_.hooks == nullptr) return;
  const auto notes = [this, cycle = *planned->plan.cycle, now_ms = planned->plan.now_ms,
                      answers = planned->answers,
                      step_of = planned->step_of](const std::vector<StepResult>& results) {
    return NotesFor(kOnTable, cycle, now_ms, [&](const HookCycle& of) {
      std::vector<HookTable> tables;
      for (const SchemaAnswer& answer : AnswersAfter(answers, step_of, results)) {
        tables.push_back({answer.table, static_cast<TableChange>(answer.action), answer.reason});
      }
      return TablesText(of, tables);
    });
  };
  SetHooks(notes, &planned->plan);
}

/// Of the tables whose population a step of `plan` begins.
void Tenant::NoteWiped(Plan* plan) const {
  if (options_.hooks == nullptr) return;
  std::vector<std::pair<std::size_t, std::string>> begun;
  for (std::size_t i = 0; i < plan->steps.size(); ++i) {
    for (const Action& action : plan->steps[i].actions) {
      if (std::holds_alternative<BeginShadow>(action)) begun.emplace_back(i, plan->steps[i].table);
    }
  }
  if (begun.empty()) return;
  const auto wiped = [this, cycle = *plan->cycle, now_ms = plan->now_ms,
                      begun = std::move(begun)](const std::vector<StepResult>& results) {
    std::vector<HookNote> notes;
    for (const auto& [step, table] : begun) {
      if (!results[step].status.ok()) continue;
      for (HookNote& note : NotesFor(kOnWiped, cycle, now_ms, [&, &name = table](const HookCycle& of) {
             return WipedText(of, name);
           })) {
        notes.push_back(std::move(note));
      }
    }
    return notes;
  };
  SetHooks(wiped, plan);
}

void Tenant::HooksKept(const Plan& plan, const CommitResult& result) {
  if (!plan.hooks || options_.hooks == nullptr) return;
  options_.hooks->Wake(context_id_);
  if (result.hooks_dropped == 0) return;
  events_.Add(
      context_id_, Severity::kError, "hook.dropped",
      absl::StrCat(result.hooks_dropped, " deliveries to hooks were dropped, the oldest first: more than ",
                   kHooksWaitingMax,
                   " wait. No row is concerned. See in 'hook.failed' why they are not delivered"));
}

absl::StatusOr<std::optional<HookNote>> Tenant::FirstHook(const std::string& hook) {
  const MutexLock lock(mutex_);
  if (absl::Status status = OpenForOperator(0); !status.ok()) return status;
  // While a new mirror is being made, a crash loses it with all that waits there.
  if (!store_->IsDurable()) return std::optional<HookNote>();
  absl::StatusOr<std::optional<HookNote>> note = store_->ReadHook(hook);
  if (!note.ok()) return Noticed(note.status());
  return note;
}

absl::Status Tenant::HookDone(std::int64_t id) {
  const MutexLock lock(mutex_);
  if (absl::Status status = OpenForOperator(0); !status.ok()) return status;
  Plan plan;
  plan.delivered_hooks.push_back(id);
  const absl::StatusOr<CommitResult> result = store_->Commit(plan);
  return result.ok() ? absl::OkStatus() : Noticed(result.status());
}

}  // namespace mirror
