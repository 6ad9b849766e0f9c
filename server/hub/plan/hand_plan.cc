#include "server/hub/plan/hand_plan.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

constexpr char kHand[] = "hand";

absl::Status MergeByHand(HandDecision* decision, Component* component) {
  if (decision->golden_id == decision->other_id) {
    return absl::InvalidArgumentError(
        absl::StrCat("both are record '", decision->golden_id, "' by now. Nothing was merged."));
  }
  const GoldenRecord& a = component->records.at(decision->golden_id);
  const GoldenRecord& b = component->records.at(decision->other_id);
  if (a.entity != b.entity) {
    return absl::InvalidArgumentError(absl::StrCat("'", a.id, "' is of entity '", a.entity, "', '", b.id,
                                                   "' of '", b.entity,
                                                   "': no rule compares them. Nothing was merged."));
  }
  const std::string into = a.number < b.number ? a.id : b.id;
  const std::string other = into == a.id ? b.id : a.id;
  for (MemberRow* const row : component->RowsOf(other)) row->joined_by = kHand;
  component->Unite(into, other, component->RowsOf(other));
  decision->golden_id = into;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<MemberRow*>> RowsToPart(const HandDecision& decision, Component* component) {
  std::vector<MemberRow*> rows;
  for (const RowRef& ref : std::set<RowRef>(decision.rows.begin(), decision.rows.end())) {
    const auto row = component->rows.find(ref);
    if (row == component->rows.end() || row->second.golden_id != decision.golden_id) {
      return absl::InvalidArgumentError(
          absl::StrCat("record '", decision.golden_id, "' has no such row of table '", ref.table, "' of '",
                       ref.data_source, "'. Nothing was parted. 'mirrorctl hub explain' shows its rows."));
    }
    rows.push_back(&row->second);
  }
  if (rows.size() == component->RowsOf(decision.golden_id).size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("these are all rows of record '", decision.golden_id,
                     "'. Nothing was parted. Leave out those that stay in it."));
  }
  return rows;
}

absl::Status PartByHand(HandDecision* decision, Component* component) {
  const absl::StatusOr<std::vector<MemberRow*>> rows = RowsToPart(*decision, component);
  if (!rows.ok()) return rows.status();
  GoldenRecord& from = component->records.at(decision->golden_id);
  GoldenRecord record;
  record.id = component->record_id(*rows->front());
  record.entity = from.entity;
  record.number = ++*decision->records;
  record.had = from.had;
  for (MemberRow* const row : *rows) {
    row->golden_id = record.id;
    row->joined_by = kHand;
  }
  // Where the rest has a row, that is the row that was there. Where nobody has, it may have been this one's.
  for (const MemberRow* const row : component->RowsOf(from.id)) record.had.erase(row->ref.data_source);
  for (const MemberRow* const row : *rows) record.had.insert(row->ref.data_source);
  record.apart = from.apart;
  record.apart.insert(from.id);
  for (const std::string& id : record.apart) {
    const auto other = component->records.find(id);
    if (other != component->records.end()) other->second.apart.insert(record.id);
  }
  decision->golden_id = record.id;
  component->records.emplace(record.id, std::move(record));
  return absl::OkStatus();
}

}  // namespace

absl::Status HandPlan(HandDecision* decision, Component* component) {
  return decision->rows.empty() ? MergeByHand(decision, component) : PartByHand(decision, component);
}

}  // namespace mirror
