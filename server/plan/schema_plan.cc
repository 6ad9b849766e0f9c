#include "server/plan/schema_plan.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"

namespace mirror {
namespace {

bool SameRule(const Column& a, const Column& b) { return a.rule == b.rule && a.rule_detail == b.rule_detail; }

bool SameKeyColumn(const Column& before, const Column& now) {
  if (before.key_position != now.key_position) return false;
  if (now.key_position == 0) return true;
  const bool same_type = before.type == now.type || (IsInteger(before.type) && IsInteger(now.type));
  return same_type && before.affinity == now.affinity && SameRule(before, now);
}

/// Adds renames. If they may take each other's names, they go through names that no column has.
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
      "and accepts no rows. 'mirrorctl reset' drops it, with the partner's rows, and the next cycle makes it "
      "again; if it is announced without preserve_target and with deletes = APPLY, it becomes an ordinary "
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
    // Values that another rule excludes must be removed, even in rows that will not be written again.
    if (!SameRule(*before, now)) refit.emptied.push_back(before->name);
    if (before->name != now.name) renames.push_back({before->name, now.name});
    if (before->type != now.type || before->affinity != now.affinity) refit.retyped.push_back({*before, now});
  }
  const std::vector<int> announced_from = MatchColumns(agreed, announced);
  for (std::size_t i = 0; i < announced.columns.size(); ++i) {
    if (announced_from[i] < 0 || announced.columns[i].rule != Rule::kLeftOut) continue;
    const Column& before = agreed.columns[static_cast<std::size_t>(announced_from[i])];
    // Likewise the values of a column that should be dropped, if it cannot be.
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

namespace {

/// Returns the affinity with which a mirror declares such a column, and which an ANY column needs to keep the
/// values unchanged.
Affinity AffinityOf(Type type) {
  if (IsInteger(type) || type == Type::kBool) return Affinity::kInteger;
  if (type == Type::kFloat || type == Type::kDouble) return Affinity::kReal;
  // A mirror stores these as the source's text; other times have as many digits as were announced.
  if (type == Type::kText || type == Type::kDecimal || type == Type::kDate || type == Type::kUuid) {
    return Affinity::kText;
  }
  if (type == Type::kBytes) return Affinity::kBlob;
  return Affinity::kUnspecified;
}

/// Returns whether every stored value of `from` is also a value of `to`.
bool Widens(const Column& from, const Column& to) {
  const bool longer = to.length == 0 || (from.length != 0 && from.length <= to.length);
  if (from.type == to.type) {
    switch (from.type) {
      case Type::kText:
      case Type::kBytes:
        return longer;
      case Type::kDecimal:
        return from.scale == to.scale && from.precision <= to.precision;
      case Type::kAny:
        return from.affinity == to.affinity;
      default:
        return from.precision == to.precision;
    }
  }
  if (to.type == Type::kAny) return AffinityOf(from.type) == to.affinity;
  if (from.type == Type::kBool) return IsInteger(to.type);
  if (IsInteger(from.type)) return IsInteger(to.type) && from.type < to.type;
  return from.type == Type::kFloat && to.type == Type::kDouble;
}

std::string Quoted(const std::string& column) { return absl::StrCat("column '", column, "'"); }

/// Returns the first rule that changed; empty: none did.
std::string ChangedRule(const TableSchema& from, const TableSchema& to) {
  const std::vector<int> origin = MatchColumns(from, to);
  for (std::size_t i = 0; i < to.columns.size(); ++i) {
    if (origin[i] < 0) continue;
    const Column& before = from.columns[static_cast<std::size_t>(origin[i])];
    if (before.rule == to.columns[i].rule && before.rule_detail == to.columns[i].rule_detail) continue;
    return absl::StrCat("the rule for ", Quoted(to.columns[i].name), " changed");
  }
  return "";
}

/// A source's default for an added column holds for a mirror that never had the column. If an older state of
/// the source dropped the column and the mirror's position stayed, the column had values there.
std::string Regained(const AlterTable& alter, const std::vector<std::string>& lost) {
  for (const auto& change : alter.changes) {
    const auto* const add = std::get_if<AddColumn>(&change);
    if (add == nullptr) continue;
    const bool regained = std::any_of(
        lost.begin(), lost.end(), [&](const std::string& name) { return SameName(name, add->column.name); });
    if (!regained) continue;
    return absl::StrCat(Quoted(add->column.name),
                        " was dropped here and is back at the same LSN, as after a restore of the source: "
                        "only the source knows its values");
  }
  return "";
}

/// Returns the effect on the rows if one of the two settings changed.
std::string ChangedKeeping(const TableSchema& from, const TableSchema& to) {
  const auto deletes = [](const TableSchema& table) {
    return table.deletes == Deletes::kUnspecified ? Deletes::kApply : table.deletes;
  };
  if (from.preserve_target == to.preserve_target && deletes(from) == deletes(to)) return "";
  if (KeepsPartner(from) && !KeepsPartner(to)) {
    return "preserve_target or deletes changed: it is an ordinary table again, and its population replaces "
           "all rows and columns, the partner's too";
  }
  return "preserve_target or deletes changed";
}

// The steps of Compare(). `origin`: MatchColumns(from, to). Each returns why the table has to be populated;
// empty: it need not be.

std::string ChangedColumns(const TableSchema& from, const TableSchema& to, const std::vector<int>& origin) {
  for (std::size_t i = 0; i < to.columns.size(); ++i) {
    const Column& now = to.columns[i];
    if (origin[i] < 0) {
      if (now.key_position != 0) return absl::StrCat("the key changed: ", Quoted(now.name), " is new in it");
      continue;
    }
    const Column& before = from.columns[static_cast<std::size_t>(origin[i])];
    if (before.key_position != now.key_position) return "the key changed";
    if (now.key_position != 0 && before.type != now.type &&
        !(IsInteger(before.type) && IsInteger(now.type))) {
      return absl::StrCat("the type of key ", Quoted(now.name), " changed");
    }
    if (!Widens(before, now)) {
      return absl::StrCat(Quoted(now.name), " changed its type, and its old values may not fit the new one");
    }
  }
  // Its rows would be empty, and SQLite cannot drop the last column.
  const bool none_left = std::all_of(origin.begin(), origin.end(), [](int one) { return one < 0; });
  return none_left ? "none of its columns is left" : "";
}

/// `names`: the table's column names, updated with each change.
std::string DropColumns(const TableSchema& from, const std::vector<int>& origin, std::set<std::string>* names,
                        AlterTable* alter) {
  const std::set<int> kept(origin.begin(), origin.end());
  for (std::size_t i = 0; i < from.columns.size(); ++i) {
    if (kept.contains(static_cast<int>(i))) continue;
    if (from.columns[i].key_position != 0) {
      return absl::StrCat("the key changed: ", Quoted(from.columns[i].name), " is gone");
    }
    alter->changes.push_back(DropColumn{from.columns[i].name});
    names->erase(FoldName(from.columns[i].name));
  }
  return {};
}

std::string RenameColumns(const TableSchema& from, const TableSchema& to, const std::vector<int>& origin,
                          std::set<std::string>* names, AlterTable* alter) {
  for (std::size_t i = 0; i < to.columns.size(); ++i) {
    if (origin[i] < 0) continue;
    const Column& before = from.columns[static_cast<std::size_t>(origin[i])];
    if (before.name == to.columns[i].name) continue;
    const bool other_case = SameName(before.name, to.columns[i].name);
    if (!other_case && names->contains(FoldName(to.columns[i].name))) {
      return absl::StrCat(Quoted(before.name), " took the name of another column");
    }
    names->erase(FoldName(before.name));
    names->insert(FoldName(to.columns[i].name));
    alter->changes.push_back(RenameColumn{before.name, to.columns[i].name});
  }
  return {};
}

std::string AddColumns(const TableSchema& to, const std::vector<int>& origin, AlterTable* alter) {
  for (std::size_t i = 0; i < to.columns.size(); ++i) {
    if (origin[i] >= 0) continue;
    const Column& added = to.columns[i];
    const bool filled = added.backfill == Backfill::kDefault && added.default_value.has_value();
    const bool empty = added.backfill == Backfill::kNone && added.nullable;
    if (!filled && !empty) {
      return absl::StrCat(Quoted(added.name), " is new, and only the source knows its values");
    }
    alter->changes.push_back(AddColumn{added});
  }
  return {};
}

/// Changes the types of the columns that stay, under their new names.
void RetypeColumns(const TableSchema& from, const TableSchema& to, const std::vector<int>& origin,
                   AlterTable* alter) {
  for (std::size_t i = 0; i < to.columns.size(); ++i) {
    if (origin[i] < 0) continue;
    const Column& before = from.columns[static_cast<std::size_t>(origin[i])];
    const Column& now = to.columns[i];
    if (before.type == now.type && before.affinity == now.affinity) continue;
    alter->changes.push_back(RetypeColumn{before, now});
  }
}

/// Compares everything but the settings of the table as a whole.
std::string CompareColumns(const TableSchema& from, const TableSchema& to, AlterTable* alter) {
  const std::vector<int> origin = MatchColumns(from, to);
  std::set<std::string> names;
  for (const Column& column : from.columns) names.insert(FoldName(column.name));
  std::string reason = ChangedColumns(from, to, origin);
  if (reason.empty()) reason = DropColumns(from, origin, &names, alter);
  if (reason.empty()) reason = RenameColumns(from, to, origin, &names, alter);
  if (reason.empty()) reason = AddColumns(to, origin, alter);
  if (reason.empty()) RetypeColumns(from, to, origin, alter);
  return reason;
}

TablePlan Refused(TablePlan plan, std::string reason) {
  plan.action = SchemaAction::kRefused;
  plan.reason = std::move(reason);
  return plan;
}

/// Returns the refusal while the visible rows still follow the former rules. A column that is now left out
/// would count as the partner's and stay, and so would values in rows that the source does not write again.
std::string RulesFirst(const std::string& table) {
  return absl::StrCat(
      "table '", table,
      "' keeps the partner's rows and columns, but column rules changed and it was not populated under the "
      "new rules yet. It was left as it is and accepts no rows. Announce it once without preserve_target and "
      "with deletes = APPLY, let a cycle populate it (which removes the partner's rows and columns), then "
      "turn preserve_target on again.");
}

TablePlan PlanNew(const TableSchema& announced, Step step) {
  TablePlan plan;
  plan.action = SchemaAction::kCreated;
  step.actions.emplace_back(CreateTable{KeptForm(announced), step.expected.has_value()});
  step.actions.emplace_back(AgreeSchema{announced});
  // A metadata row without a definition is a leftover that cannot be trusted.
  step.record->position = Position{};
  step.record->pending.reset();
  step.record->state = TableState::kMirrored;
  plan.step = std::move(step);
  return plan;
}

TablePlan PlanRepopulation(const TableSchema& agreed, const TableSchema& announced, TablePlan plan, Step step,
                           std::string reason) {
  step.actions.clear();
  if (KeepsPartner(announced)) {
    RefitPlan refit = PlanRefit(agreed, announced);
    if (!refit.refusal.empty()) {
      return Refused(std::move(plan), absl::StrCat("table '", announced.name, "': ", refit.refusal));
    }
    step.actions.emplace_back(std::move(refit.action));
  }
  plan.action = SchemaAction::kRepopulate;
  plan.reason = std::move(reason);
  step.actions.emplace_back(AgreeSchema{announced});
  step.otherwise.clear();
  step.record->position = Position{};
  step.record->pending.reset();
  step.record->state = TableState::kRepopulate;
  plan.step = std::move(step);
  return plan;
}

/// Makes the same changes for a table that keeps the partner's rows.
RefitTable AsRefit(const TableSchema& agreed, const TableSchema& announced, AlterTable alter) {
  RefitTable refit{KeptForm(agreed), KeptForm(announced), {}, {}, {}};
  for (auto& change : alter.changes) {
    if (auto* const retype = std::get_if<RetypeColumn>(&change)) {
      refit.retyped.push_back(std::move(*retype));
    } else {
      refit.alter.changes.push_back(std::move(change));
    }
  }
  return refit;
}

TablePlan PlanAlter(const TableSchema& agreed, const TableSchema& announced, TablePlan plan, Step step,
                    AlterTable alter) {
  if (step.record->state != TableState::kMirrored) {
    step.record->state = TableState::kMirrored;
    step.record->position = Position{};
  }
  plan.action = SchemaAction::kAltered;
  if (!alter.changes.empty() && KeepsPartner(announced)) {
    step.actions.emplace_back(AsRefit(agreed, announced, std::move(alter)));
  } else if (!alter.changes.empty()) {
    // If a partner's view or index prevents the change, the table is populated.
    Step otherwise = step;
    otherwise.actions.emplace_back(AgreeSchema{announced});
    otherwise.record->position = Position{};
    otherwise.record->pending.reset();
    otherwise.record->state = TableState::kRepopulate;
    step.actions.emplace_back(std::move(alter));
    step.otherwise.push_back(std::move(otherwise));
  }
  step.actions.emplace_back(AgreeSchema{announced});
  plan.step = std::move(step);
  return plan;
}

}  // namespace

std::vector<int> MatchColumns(const TableSchema& from, const TableSchema& to) {
  // Column ids belong to one table: another table of that name has them for other columns.
  const bool same_table = from.table_id == 0 || to.table_id == 0 || from.table_id == to.table_id;
  const auto id_of = [&](const Column& column) { return same_table ? column.column_id : 0; };
  std::map<std::uint64_t, int> by_id;
  std::map<std::string, int> by_name;
  for (int i = 0; i < static_cast<int>(from.columns.size()); ++i) {
    const Column& column = from.columns[static_cast<std::size_t>(i)];
    if (id_of(column) != 0) by_id[id_of(column)] = i;
    by_name[FoldName(column.name)] = i;
  }
  std::vector<int> result;
  std::set<int> taken;
  for (const Column& column : to.columns) {
    int found = -1;
    if (const auto id = by_id.find(id_of(column)); id_of(column) != 0 && id != by_id.end()) {
      found = id->second;
    } else if (const auto name = by_name.find(FoldName(column.name)); name != by_name.end()) {
      const std::uint64_t old_id = id_of(from.columns[static_cast<std::size_t>(name->second)]);
      // The same name with another id is another column, as after a drop and a new creation.
      if (old_id == 0 || id_of(column) == 0) found = name->second;
    }
    if (found >= 0 && !taken.insert(found).second) found = -1;
    result.push_back(found);
  }
  return result;
}

SchemaDifference Compare(const TableSchema& agreed, const TableSchema& announced) {
  const TableSchema from = KeptForm(agreed), to = KeptForm(announced);
  SchemaDifference difference;
  std::string& reason = difference.repopulate_reason;
  reason = ChangedRule(agreed, announced);
  if (reason.empty() && from.table_id != 0 && to.table_id != 0 && from.table_id != to.table_id) {
    reason = "the source has another table under this name";
  }
  if (reason.empty()) reason = ChangedKeeping(from, to);
  if (reason.empty()) reason = CompareColumns(from, to, &difference.alter);
  if (!reason.empty()) difference.alter = {};
  return difference;
}

TablePlan PlanTable(const std::optional<TableRecord>& record, const std::optional<TableSchema>& agreed,
                    const std::vector<std::string>& lost, const TableSchema& announced,
                    const std::string& hash, bool rules_pending, const TouchedTable* touched) {
  TablePlan plan;
  Step step;
  step.table = announced.name;
  step.expected = record;
  step.record = record ? *record : TableRecord{};
  step.record->table = announced.name;
  step.record->schema_hash = hash;

  if (!agreed) return PlanNew(announced, std::move(step));
  plan.rules_changed = !ChangedRule(*agreed, announced).empty();
  const bool keeps = KeepsPartner(announced);
  const auto repopulate = [&](std::string reason) {
    return PlanRepopulation(*agreed, announced, plan, step, std::move(reason));
  };
  const bool awaited = !record || record->position.lsn == Lsn{} || record->state != TableState::kMirrored;
  if (keeps && !KeepsPartner(*agreed) && rules_pending && awaited) {
    return Refused(std::move(plan), RulesFirst(announced.name));
  }
  const bool lacks = touched != nullptr && !touched->lacks.empty();
  plan.by_hand = !record || lacks;
  if (!record) return repopulate("its metadata row is missing: the table's rows cannot be trusted");
  if (lacks) {
    if (touched->is_ours) {
      return repopulate(absl::StrCat("somebody changed it by hand in the mirror: ", touched->lacks));
    }
    return Refused(
        std::move(plan),
        absl::StrCat(
            "table '", announced.name, "' of the mirror was dropped and made again by somebody else, and ",
            touched->lacks,
            ". It was left as it is and accepts no rows. Rename or drop it; the next cycle makes it again."));
  }
  if (record->state == TableState::kRepopulate) {
    if (record->schema_hash == hash && record->position == Position{}) {
      plan.action = SchemaAction::kRepopulate;
      plan.reason = "its definition changed, and it was not populated since";
      return plan;
    }
    return repopulate("its definition changed, and it was not populated since");
  }
  if (record->schema_hash == hash && SchemaHash(*agreed) == hash) {
    if (record->state == TableState::kMirrored) return plan;
    // A population or a stopped table of a cycle that ended: the visible rows are whole, the LSN is -1.
    step.record->state = TableState::kMirrored;
    step.record->position = Position{};
    plan.step = std::move(step);
    return plan;
  }
  SchemaDifference difference = Compare(*agreed, announced);
  if (difference.repopulate_reason.empty()) difference.repopulate_reason = Regained(difference.alter, lost);
  if (!difference.repopulate_reason.empty()) return repopulate(std::move(difference.repopulate_reason));
  return PlanAlter(*agreed, announced, std::move(plan), std::move(step), std::move(difference.alter));
}

Step PlanRetire(const std::optional<TableRecord>& record, const std::string& table, std::int64_t now_ms) {
  Step step;
  step.table = table;
  step.expected = record;
  step.actions.emplace_back(RetireTable{now_ms});
  return step;
}

}  // namespace mirror
