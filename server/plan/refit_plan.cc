#include "server/plan/refit_plan.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "server/plan/schema_plan.h"

namespace mirror {
namespace {

bool SameRule(const Column& a, const Column& b) { return a.rule == b.rule && a.rule_detail == b.rule_detail; }

bool SameKeyColumn(const Column& before, const Column& now) {
  if (before.key_position != now.key_position) return false;
  if (now.key_position == 0) return true;
  const bool same_type = before.type == now.type || (IsInteger(before.type) && IsInteger(now.type));
  return same_type && before.affinity == now.affinity && SameRule(before, now);
}

/// Renames that may take each other's names: by a name that nobody has.
void AddRenames(const std::vector<RenameColumn>& renames, std::set<std::string> names, AlterTable* alter) {
  const bool taken = std::any_of(renames.begin(), renames.end(), [&](const RenameColumn& rename) {
    return !SameName(rename.from, rename.to) && names.contains(FoldName(rename.to));
  });
  if (!taken) {
    for (const RenameColumn& rename : renames) alter->changes.emplace_back(rename);
    return;
  }
  const auto between = [](std::size_t i) { return absl::StrCat("_mirror_renamed_", i); };
  for (std::size_t i = 0; i < renames.size(); ++i) {
    alter->changes.emplace_back(RenameColumn{renames[i].from, between(i)});
  }
  for (std::size_t i = 0; i < renames.size(); ++i) {
    alter->changes.emplace_back(RenameColumn{between(i), renames[i].to});
  }
}

RefitPlan Refuse() {
  RefitPlan plan;
  plan.refusal =
      "its key changed, and the partner's rows cannot be moved to another key. The table was left as it is "
      "and takes nothing. 'mirrorctl reset' drops it, with the partner's rows, and the next cycle makes it "
      "anew; if it is announced without preserve_target and with deletes = APPLY, it becomes an ordinary "
      "table.";
  return plan;
}

}  // namespace

RefitPlan PlanRefit(const TableSchema& agreed, const TableSchema& announced) {
  RefitPlan plan;
  RefitTable& refit = plan.action;
  refit.from = KeptForm(agreed);
  refit.to = KeptForm(announced);
  const std::vector<int> origin = MatchColumns(refit.from, refit.to);
  std::set<int> kept;
  std::vector<RenameColumn> renames;
  std::vector<AddColumn> added;
  for (std::size_t i = 0; i < refit.to.columns.size(); ++i) {
    const Column& now = refit.to.columns[i];
    const Column* const before =
        origin[i] < 0 ? nullptr : &refit.from.columns[static_cast<std::size_t>(origin[i])];
    if (before == nullptr ? now.key_position != 0 : !SameKeyColumn(*before, now)) return Refuse();
    if (before == nullptr) {
      AddColumn& add = added.emplace_back(AddColumn{now});
      add.column.backfill = Backfill::kNone;
      continue;
    }
    kept.insert(origin[i]);
    // Values that another rule keeps out must not stay, not even in rows that nobody writes again.
    if (!SameRule(*before, now)) refit.emptied.push_back(before->name);
    if (before->name != now.name) renames.push_back({before->name, now.name});
    if (before->type != now.type || before->affinity != now.affinity) refit.retyped.push_back({*before, now});
  }
  const std::vector<int> announced_from = MatchColumns(agreed, announced);
  for (std::size_t i = 0; i < announced.columns.size(); ++i) {
    if (announced_from[i] < 0 || announced.columns[i].rule != Rule::kLeftOut) continue;
    const Column& before = agreed.columns[static_cast<std::size_t>(announced_from[i])];
    // Nor those of one that goes, where it cannot go.
    if (before.rule != Rule::kLeftOut) refit.emptied.push_back(before.name);
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < refit.from.columns.size(); ++i) {
    const Column& column = refit.from.columns[i];
    if (kept.contains(static_cast<int>(i))) {
      names.insert(FoldName(column.name));
      continue;
    }
    if (column.key_position != 0) return Refuse();
    refit.alter.changes.emplace_back(DropColumn{column.name});
  }
  AddRenames(renames, std::move(names), &refit.alter);
  for (AddColumn& add : added) refit.alter.changes.emplace_back(std::move(add));
  return plan;
}

}  // namespace mirror
