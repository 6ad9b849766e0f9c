#include "client/cycle/source_look.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

absl::Status NoTable(const SourceSchema& schema) {
  if (!schema.refused.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("no table of the source can be mirrored. Nothing was announced, since that would drop "
                     "every table of the mirror. '",
                     schema.refused.front().name, "': ", schema.refused.front().reason));
  }
  return absl::FailedPreconditionError(
      "the source has no table to mirror. Nothing was announced, since that would drop every table of the "
      "mirror; check 'path' or 'dsn', 'include', 'skip' and 'blocked' of its [[source]]");
}

void ApplyTargetRules(const RunContext& run, SourceSchema* schema) {
  for (SourceTable& table : schema->tables) {
    const TargetRule rule = run.RuleOf(table.schema.name);
    table.schema.preserve_target = rule.preserve_target;
    if (rule.deletes != Deletes::kApply) table.schema.deletes = rule.deletes;
  }
}

absl::Status CheckRepopulate(const RunContext& run) {
  for (const std::string& wanted : run.options.repopulate) {
    if (run.FindTable(wanted) == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("the source has no table '", wanted, "' to repopulate. Nothing was sent"));
    }
  }
  return absl::OkStatus();
}

void AddLeftOut(const std::vector<RefusedTable>& tables, TableResult result, CycleReport* run_report) {
  for (const RefusedTable& table : tables) {
    TableReport& report = run_report->tables.emplace_back();  // Not by name: it may be any.
    report.table = table.name;
    report.reason = table.reason;
    report.result = result;
    report.unsent = UnsentReason::kNotAnnounced;
  }
}

/// One that was announced before and cannot be now would count as dropped. Where another one has its name in
/// the mirror, that is the one which was announced.
absl::Status CheckRefused(const RunContext& run) {
  const std::vector<std::string> announced = run.state.tables().Names();
  for (const RefusedTable& table : run.schema.refused) {
    const bool was = run.FindTable(table.name) == nullptr &&
                     std::any_of(announced.begin(), announced.end(),
                                 [&](const std::string& name) { return SameName(name, table.name); });
    if (!was) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("table '", table.name, "' was announced before and cannot be now: ", table.reason,
                     ". Nothing of the source was sent, since the mirror would set the table aside as "
                     "dropped. Correct that, or remove its [[source.table]]"));
  }
  return absl::OkStatus();
}

void NoteIdlePatterns(RunContext& run) {
  for (const std::string& pattern : run.schema.idle_patterns) {
    run.AddNote(
        absl::StrCat("no table of the source matches '", pattern, "' of 'include', 'skip' or 'blocked'"));
  }
}

void NoteGoneTables(RunContext& run) {
  std::vector<std::string> gone = run.state.tables().Names();
  std::erase_if(gone, [&run](const std::string& name) { return run.FindTable(name) != nullptr; });
  if (gone.empty()) return;
  run.AddNote(absl::StrCat(
      Counted(gone.size(), "table"), gone.size() == 1 ? " is" : " are",
      " no longer announced; a mirror that takes this run sets them aside: ", ListNames(gone, kNamesListed)));
}

/// Says what can be wrong before anything is sent, and notes what a person should know.
absl::Status CheckFirstLook(RunContext& run) {
  RETURN_IF_ERROR(CheckRepopulate(run));
  AddLeftOut(run.schema.refused, TableResult::kRefused, &run.report);
  RETURN_IF_ERROR(CheckRefused(run));
  AddLeftOut(run.schema.blocked, TableResult::kBlocked, &run.report);
  if (run.schema.tables.empty()) return NoTable(run.schema);
  for (const std::string& note : run.schema.notes) run.AddNote(note);
  ASSIGN_OR_RETURN(std::string moved, run.history.Bind(run.reader.Mark()));
  run.AddNote(std::move(moved));
  NoteIdlePatterns(run);
  NoteGoneTables(run);
  return absl::OkStatus();
}

/// Drops what values made of the types of tables that a person wants populated, and of those that the mirror
/// refused for it: such values may be gone. False: there was nothing to drop.
bool ForgetTypes(RunContext& run) {
  bool forgot = false;
  for (const SourceTable& table : run.schema.tables) {
    const std::string& name = table.schema.name;
    const bool is_due =
        run.IsAskedFor(name) ||
        run.state.tables().ShallLookAtKey(name, run.options.now_ms, run.options.key_look_interval_ms);
    if (!table.widened || !is_due) continue;
    run.reader.Forget(name);
    run.state.tables().SetKeyRefused(name, std::nullopt);
    forgot = true;
  }
  return forgot;
}

}  // namespace

absl::Status LookAtSource(RunContext& run) {
  for (int repeat = 0; repeat <= kMovedRepeats; ++repeat) {
    RETURN_IF_ERROR(run.history.Refresh());
    ASSIGN_OR_RETURN(const std::vector<std::string> names, run.reader.TableNames());
    if (names.empty()) return NoTable(run.schema);
    ASSIGN_OR_RETURN(std::vector<std::string> news, run.history.Renew(names));
    for (std::string& sentence : news) run.AddNote(std::move(sentence));
    ASSIGN_OR_RETURN(SourceSchema schema, run.reader.Schema());
    run.schema = std::move(schema);
    ApplyTargetRules(run, &run.schema);
    std::vector<SourceTable>& tables = run.schema.tables;
    const bool complete = std::all_of(tables.begin(), tables.end(), [&run](SourceTable& table) {
      return run.history.Complete(table.schema);
    });
    if (complete) return absl::OkStatus();
  }
  return absl::UnavailableError(
      "the source's table definitions changed again and again while they were read. Nothing was sent; run "
      "again when they no longer change");
}

absl::Status LookFirst(RunContext& run) {
  absl::Status looked = LookAtSource(run);
  if (looked.ok() && ForgetTypes(run)) looked = LookAtSource(run);
  return looked.ok() ? CheckFirstLook(run) : looked;
}

}  // namespace mirror
