#include "server/tenant/mirror/hook_writer.h"

#include <utility>

#include "server/hooks/hook_note.h"

namespace mirror {

std::vector<HookNote> HookWriter::NotesFor(const char* event, std::int64_t cycle, std::int64_t now_ms,
                                           const std::function<std::string(const HookCycle&)>& text) const {
  std::vector<HookNote> notes;
  for (const std::string& key : hooks_->KeysFor(event, context_id_)) {
    notes.push_back({0, key, event, cycle, now_ms,
                     notes.empty() ? text({context_id_, cycle, now_ms}) : notes.front().json});
  }
  return notes;
}

void HookWriter::Set(HookNotes notes, Plan* plan) const {
  plan->hooks = std::move(notes);
  plan->known_hooks = hooks_->AllKeys();
}

HookNotes HookWriter::OfCompletion(std::int64_t cycle, std::int64_t now_ms,
                                   const std::vector<CompletedTable>& tables) const {
  if (hooks_ == nullptr) return {};
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

void HookWriter::AddTables(AnnouncePlan* planned) const {
  if (hooks_ == nullptr) return;
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
  Set(notes, &planned->plan);
  planned->plan.kept = Kept::kNow;  // What was delivered would be made again.
}

void HookWriter::AddWiped(Plan* plan) const {
  if (hooks_ == nullptr) return;
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
  Set(wiped, plan);
}

void HookWriter::Wake(const Plan& plan) const {
  if (plan.hooks) Wake();
}

void HookWriter::Wake() const {
  if (hooks_ != nullptr) hooks_->Wake(context_id_);
}

}  // namespace mirror
