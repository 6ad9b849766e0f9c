#include "server/plan/cycle_notes.h"

#include <map>
#include <set>

#include "base/folded_name.h"

namespace mirror {
namespace {

/// Adds the batches of this plan that were refused to the earlier ones.
void AddBatches(const NotedBatches& batches, const std::vector<StepResult>& steps,
                CycleNoteChanges* changes) {
  RefusedBatches refused = batches.refused_before;
  std::map<std::string, std::string> names;  // The source's spelling, by folded name.
  std::set<std::string> failed;
  bool missed = false, restored = false;
  for (const NotedBatch& batch : batches.all) {
    const std::string key = FoldName(batch.table);
    const absl::Status& status = batch.step ? steps[*batch.step].status : batch.status;
    if (batch.step && !status.ok() && batch.by_record) failed.insert(key);
    if (batch.seq == 0) continue;
    if (batch.step && status.ok()) {
      refused.erase(key);
      missed = missed || batch.is_miss;
      restored = restored || batch.restores;
    }
    // After a failed step it is aborted, too. Invented names must not accumulate.
    const bool behind = !batch.step && batch.by_record && failed.contains(key);
    if (status.ok() || behind || !batch.is_there) continue;
    AddRefused(key, batch.seq, status, &refused);
    names[key] = batch.table;
  }
  if (missed) changes->written.push_back({CycleNoteKind::kMiss});
  if (restored) changes->written.push_back({CycleNoteKind::kRestored});
  for (const auto& [table, seq] : refused) {
    const auto before = batches.refused_before.find(table);
    if (before != batches.refused_before.end() && before->second == seq) continue;
    changes->written.push_back({CycleNoteKind::kRefused, names.at(table), seq});
  }
  for (const auto& [table, seq] : batches.refused_before) {
    if (!refused.contains(table)) changes->forgotten.push_back({CycleNoteKind::kRefused, table});
  }
}

}  // namespace

CycleNoteChanges CycleNotesOf(const Plan& plan, const std::vector<StepResult>& steps) {
  if (!plan.cycle_notes) return {};
  CycleNoteChanges changes = plan.cycle_notes->changes;
  for (const auto& [step, note] : plan.cycle_notes->if_failed) {
    if (!steps[step].status.ok()) changes.written.push_back(note);
  }
  AddBatches(plan.cycle_notes->batches, steps, &changes);
  return changes;
}

RefusedBatches RefusedOf(const std::vector<CycleNote>& notes) {
  RefusedBatches refused;
  for (const CycleNote& note : notes) {
    if (note.kind == CycleNoteKind::kRefused) refused[FoldName(note.table)] = note.seq;
  }
  return refused;
}

void AddRefused(const std::string& table, std::uint64_t seq, const absl::Status& status,
                RefusedBatches* refused) {
  if (!absl::IsAborted(status)) (*refused)[table] = seq;
  refused->try_emplace(table, seq);
}

}  // namespace mirror
