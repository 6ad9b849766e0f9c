#include "server/plan/announce_plan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"

namespace mirror {
namespace {

/// The mirror's state, by folded name.
struct Known {
  explicit Known(const AnnounceView& view) {
    for (const std::string& name : view.there) {
      names.emplace(FoldName(name), name);
      there.insert(FoldName(name));
    }
    for (const TableRecord& record : view.records) {
      std::string key = FoldName(record.table);
      names.emplace(key, record.table);
      records.emplace(std::move(key), record);
    }
    for (const TouchedTable& touched : view.touched) {
      if (!touched.lacks.empty()) lacking[FoldName(touched.table)] = &touched;
    }
  }

  std::optional<TableRecord> RecordOf(const std::string& key) const {
    const auto found = records.find(key);
    return found == records.end() ? std::nullopt : std::optional(found->second);
  }
  bool IsUnchanged(const std::string& key, const std::string& hash) const {
    const auto found = records.find(key);
    return there.contains(key) && found != records.end() && found->second.schema_hash == hash &&
           found->second.state == TableState::kMirrored && !lacking.contains(key);
  }
  std::vector<std::string> NotIn(const std::vector<AnnouncedTable>& tables) const {
    std::set<std::string> listed;
    for (const AnnouncedTable& table : tables) listed.insert(FoldName(table.name));
    std::vector<std::string> gone;
    for (const auto& [key, name] : names) {
      if (!listed.contains(key)) gone.push_back(name);
    }
    return gone;
  }

  std::map<std::string, std::string> names;
  std::map<std::string, TableRecord> records;
  std::set<std::string> there;
  std::map<std::string, const TouchedTable*> lacking;
};

/// Returns the answers to keep. It leaves out unchanged tables: a repetition computes the same for them.
std::vector<SchemaAnswer> WorthKeeping(const std::vector<SchemaAnswer>& answers) {
  std::vector<SchemaAnswer> kept;
  for (const SchemaAnswer& answer : answers) {
    if (answer.action != static_cast<std::int32_t>(SchemaAction::kUnchanged)) kept.push_back(answer);
  }
  return kept;
}

/// Corrects the answer if the step had another result than planned.
void Correct(const StepResult& step, SchemaAnswer& answer) {
  if (!step.status.ok()) {
    answer.action = static_cast<std::int32_t>(SchemaAction::kRefused);
    answer.reason = std::string(step.status.message());
  } else if (step.otherwise) {
    answer.action = static_cast<std::int32_t>(SchemaAction::kRepopulate);
    answer.reason = absl::StrCat("it could not be changed in place: ", step.reason);
  }
}

void Answer(const std::string& table, SchemaAction action, std::string reason, AnnouncePlan* planned) {
  planned->answers.push_back({table, static_cast<std::int32_t>(action), std::move(reason)});
  planned->step_of.push_back(AnnouncePlan::kNoStep);
}

/// Plans nothing but a hold: the announcement waits for an operator.
void PlanOtherSource(const AnnounceRequest& request, const AnnounceView& view, AnnouncePlan* planned) {
  const std::string reason = absl::StrCat(
      "another source database announces itself for this tenant, with the id ", request.source_id,
      ": it is a copy, or the source moved to another machine or path. Nothing of it is applied. If it is "
      "the right source, accept it with 'mirrorctl accept-source ",
      view.context_id, "'; two sources must never share a tenant.");
  const Hold* const known = FindHold(view.holds, HoldKind::kSource, "");
  if (known == nullptr || known->source_id != request.source_id) {
    Hold hold{.kind = HoldKind::kSource};
    hold.source_id = request.source_id;
    hold.since_ms = request.now_ms;
    hold.reason = reason;
    planned->plan.holds.push_back(std::move(hold));
  }
  for (const AnnouncedTable& table : request.tables) Answer(table.name, SchemaAction::kHeld, reason, planned);
  planned->plan.cycle_notes = {.changes = {.forget_all = true, .written = {{CycleNoteKind::kOtherSource}}}};
}

/// Returns whether tables that are no longer announced stay until an operator decides.
bool HoldsTables(const AnnounceRequest& request, const AnnounceView& view, const Known& known,
                 const std::vector<std::string>& gone, Plan* plan) {
  std::vector<TableRecord> all, going;
  for (const auto& [key, record] : known.records) all.push_back(record);
  for (const std::string& name : gone) {
    const auto found = known.records.find(FoldName(name));
    if (found != known.records.end()) going.push_back(found->second);
  }
  const Hold* const hold = FindHold(view.holds, HoldKind::kTables, "");
  Judgement judgement = JudgeTables(view.limits, going, all, request.now_ms, hold);
  if (judgement.hold) plan->holds.push_back(*std::move(judgement.hold));
  if (!judgement.held && hold != nullptr) plan->settled_holds.push_back(hold->id);
  return judgement.held;
}

/// Plans the steps of tables that are no longer announced; they come first. Returns those that stay.
std::vector<std::string> PlanUnannounced(const AnnounceRequest& request, const AnnounceView& view,
                                         const Known& known, AnnouncePlan* planned) {
  std::vector<std::string> gone = known.NotIn(request.tables);
  std::vector<std::string> kept;
  if (HoldsTables(request, view, known, gone, &planned->plan)) kept = std::exchange(gone, {});
  CycleNotePlan& notes = planned->plan.cycle_notes.emplace();
  notes.changes.forget_all = true;
  for (const std::string& name : kept) {
    notes.changes.written.push_back({CycleNoteKind::kUnannounced, name});
  }
  for (const std::string& name : gone) {
    const std::string key = FoldName(name);
    const auto found = view.tables.find(key);
    planned->retires_partner =
        planned->retires_partner ||
        (found != view.tables.end() && found->second.agreed && KeepsPartner(*found->second.agreed));
    notes.if_failed.push_back({planned->plan.steps.size(), {CycleNoteKind::kUnannounced, name}});
    planned->plan.steps.push_back(PlanRetire(known.RecordOf(key), name, request.now_ms));
  }
  planned->retired = gone;
  return kept;
}

/// Removes the source's numbers of table and columns: another source uses the same numbers for others.
void ForgetNumbers(TableSchema* agreed) {
  agreed->table_id = 0;
  for (Column& column : agreed->columns) column.column_id = 0;
}

void PlanAnnounced(const AnnouncedTable& table, const CheckedTable& checked, const AnnounceView& view,
                   const Known& known, AnnouncePlan* planned) {
  if (!checked.status.ok()) {
    Answer(table.name, SchemaAction::kRefused, std::string(checked.status.message()), planned);
    return;
  }
  const std::string key = FoldName(table.name);
  if (known.IsUnchanged(key, checked.hash)) {
    Answer(table.name, SchemaAction::kUnchanged, "", planned);
    return;
  }
  const auto read = view.tables.find(key);
  MirroredTable mirrored = read == view.tables.end() ? MirroredTable{} : read->second;
  if (view.tenant.source_accepted && mirrored.agreed && SchemaHash(*mirrored.agreed) != checked.hash) {
    ForgetNumbers(&*mirrored.agreed);
  }
  const auto lacks = known.lacking.find(key);
  Plan& plan = planned->plan;
  TablePlan of_table =
      PlanTable(known.RecordOf(key), mirrored.agreed, mirrored.lost, *table.schema, checked.hash,
                view.tenant.scrub, lacks == known.lacking.end() ? nullptr : lacks->second);
  plan.tenant->scrub = plan.tenant->scrub || of_table.rules_changed;
  if (of_table.by_hand) planned->by_hand.insert(key);
  if (of_table.action == SchemaAction::kCreated && !mirrored.aside.empty()) {
    of_table.reason = absl::StrCat(
        "it was announced before; the partner's former rows and columns are now in the table '",
        mirrored.aside.back(), "' of the mirror: copy what you need from there, then drop that table");
  }
  Answer(table.name, of_table.action, std::move(of_table.reason), planned);
  if (!of_table.step) return;
  planned->step_of.back() = plan.steps.size();
  plan.steps.push_back(*std::move(of_table.step));
}

std::vector<ToldObjects> ObjectsOf(const AnnounceRequest& request, const AnnounceView& view) {
  std::vector<ToldObjects> told;
  for (std::size_t i = 0; i < request.tables.size(); ++i) {
    const AnnouncedTable& table = request.tables[i];
    if (!view.checked[i].status.ok()) continue;
    told.push_back({table.name, table.objects.ok() ? *table.objects : std::nullopt});
  }
  return told;
}

}  // namespace

bool IsWanted(SchemaAction action) {
  return action != SchemaAction::kRefused && action != SchemaAction::kHeld;
}

bool AnnounceView::IsOtherSource(const AnnounceRequest& request) const {
  return !tenant.source_id.empty() && tenant.source_id != request.source_id;
}

TablesToRead FindTablesToRead(const AnnounceRequest& request, const AnnounceView& view) {
  const Known known(view);
  TablesToRead read;
  read.unannounced = known.NotIn(request.tables);
  for (std::size_t i = 0; i < request.tables.size(); ++i) {
    if (!view.checked[i].status.ok()) continue;
    if (!known.IsUnchanged(FoldName(request.tables[i].name), view.checked[i].hash)) read.changed.push_back(i);
  }
  return read;
}

/// See AnnouncePlan::repeats.
bool IsRepeated(const Plan& plan, const TenantRecord& before) {
  return plan.tenant->source_id == before.source_id && plan.tenant->scrub == before.scrub &&
         plan.tenant->source_accepted == before.source_accepted && plan.steps.empty() && plan.holds.empty() &&
         plan.settled_holds.empty() && plan.source_objects.empty();
}

AnnouncePlan PlanAnnouncement(const AnnounceRequest& request, const AnnounceView& view) {
  AnnouncePlan planned;
  Plan& plan = planned.plan;
  plan.cycle = request.cycle;
  plan.now_ms = request.now_ms;
  plan.tenant = view.tenant;
  plan.tenant->announced = request.digest;
  plan.tenant->progress_ms = request.now_ms;
  if (view.IsOtherSource(request)) {
    PlanOtherSource(request, view, &planned);
  } else {
    plan.tenant->source_id = request.source_id;
    if (!request.is_short) {
      plan.drop_retired_before_ms = std::max<std::int64_t>(1, request.now_ms - view.drop_grace_ms);
    }
    const Known known(view);
    const std::vector<std::string> kept = PlanUnannounced(request, view, known, &planned);
    for (std::size_t i = 0; i < request.tables.size(); ++i) {
      PlanAnnounced(request.tables[i], view.checked[i], view, known, &planned);
    }
    plan.source_objects = PlanObjects(view.objects, ObjectsOf(request, view), kept);
  }
  // A repeated announcement may wait: it is on disk before the rows that follow it.
  planned.repeats = IsRepeated(plan, view.tenant);
  if (planned.repeats) plan.kept = Kept::kWithNext;
  if (planned.answers.empty() && view.former.empty() && !view.IsOtherSource(request)) return planned;
  plan.answers = [answers = planned.answers,
                  step_of = planned.step_of](const std::vector<StepResult>& steps) {
    return WorthKeeping(AnswersAfter(answers, step_of, steps));
  };
  return planned;
}

std::vector<SchemaAnswer> AnswersAfter(std::vector<SchemaAnswer> planned,
                                       const std::vector<std::size_t>& step_of,
                                       const std::vector<StepResult>& steps) {
  for (std::size_t i = 0; i < planned.size(); ++i) {
    if (step_of[i] != AnnouncePlan::kNoStep) Correct(steps[step_of[i]], planned[i]);
  }
  return planned;
}

}  // namespace mirror
