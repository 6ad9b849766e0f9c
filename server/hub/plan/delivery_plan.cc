#include "server/hub/plan/delivery_plan.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "server/hub/plan/match_keys.h"

namespace mirror {
namespace {

class DeliveryPlanner {
 public:
  explicit DeliveryPlanner(Component* component) : c_(*component) {
    for (auto& [ref, row] : c_.rows) {
      members_[row.golden_id].push_back(&row);
      for (const HubKey& key : KeysOf(*c_.entity, row)) found_by_[key.hash].insert(row.golden_id);
    }
    for (const auto& [id, delivery] : c_.deliveries) before_.emplace(PlaceOf(delivery), &delivery);
  }

  void Plan() {
    for (const auto& [id, record] : c_.records) PlanRecord(record);
    c_.deliveries = std::move(planned_);
  }

 private:
  /// Where it goes: what stands there already of the same content keeps its id.
  using Place = std::tuple<std::string, std::string, std::string, std::string, HubOperation>;
  static Place PlaceOf(const HubDelivery& delivery) {
    return {delivery.golden_id, delivery.data_source, delivery.table, delivery.key, delivery.operation};
  }

  void PlanRecord(const GoldenRecord& record);
  HubDelivery Begin(const GoldenRecord& record, const HubMember& member, HubOperation operation) const;
  void PlanRow(const GoldenRecord& record, const MemberRow& row);
  bool Differs(const GoldenRecord& record, const HubMember& member, const MemberRow& row,
               const std::string& attribute) const;
  void PlanInserts(const GoldenRecord& record);
  bool StandsApart(const GoldenRecord& record, const HubKeys& keys) const;
  void PlanInsert(const GoldenRecord& record, const HubMember& member, const HubKeys& keys);
  /// `row`: that it is for; null: an INSERT's.
  void Want(HubDelivery delivery, const MemberRow* row);

  Component& c_;
  std::map<std::string, std::vector<const MemberRow*>> members_;  ///< By record.
  std::map<std::string, std::set<std::string>> found_by_;         ///< Records, by a row's key.
  std::multimap<Place, const HubDelivery*> before_;
  std::int64_t needs_ = 0;  ///< Of the record that is planned: when its newest input was read,
  bool unsure_ = false;     ///< and whether a row of it may be another one.
  std::map<std::string, HubDelivery> planned_;
};

void DeliveryPlanner::PlanRecord(const GoldenRecord& record) {
  const std::vector<const MemberRow*>& rows = members_[record.id];
  needs_ = 0;
  unsure_ = false;
  for (const MemberRow* const row : rows) {
    needs_ = std::max(needs_, row->touched);
    unsure_ = unsure_ || row->unsure;
  }
  for (const MemberRow* const row : rows) PlanRow(record, *row);
  const bool dying = c_.entity->delete_any &&
                     std::any_of(rows.begin(), rows.end(), [](const MemberRow* row) { return row->doomed; });
  if (!rows.empty() && !dying) PlanInserts(record);
}

HubDelivery DeliveryPlanner::Begin(const GoldenRecord& record, const HubMember& member,
                                   HubOperation operation) const {
  HubDelivery delivery;
  delivery.data_source = member.data_source;
  delivery.table = member.table;
  delivery.operation = operation;
  delivery.golden_id = record.id;
  delivery.needs = needs_;
  return delivery;
}

bool DeliveryPlanner::Differs(const GoldenRecord& record, const HubMember& member, const MemberRow& row,
                              const std::string& attribute) const {
  const auto given = record.values.find(attribute);
  const auto here = row.says.find(attribute);
  if (c_.entity->attributes.count(attribute) == 0 || given == record.values.end() || here == row.says.end() ||
      record.frozen.count(attribute) > 0 ||
      std::find(member.key.begin(), member.key.end(), attribute) != member.key.end()) {
    return false;
  }
  // It was given that very wish, or said it once, and this is what the system made of it.
  const Said& said = here->second;
  return said.value != given->second.value && !(said.word == given->second.value && said.ms);
}

void DeliveryPlanner::PlanRow(const GoldenRecord& record, const MemberRow& row) {
  const HubMember* const member = c_.rules->Find(row.ref.data_source, row.ref.table).member;
  if (member == nullptr) return;
  const bool goes = c_.entity->delete_any && row.doomed && member->deletes;
  if (!goes && !member->updates) return;
  HubDelivery delivery = Begin(record, *member, goes ? HubOperation::kDelete : HubOperation::kUpdate);
  delivery.key = row.ref.key;
  for (const auto& [attribute, column] : member->columns) {
    const auto here = row.says.find(attribute);
    if (here != row.says.end()) delivery.locked[column] = here->second.value;
    if (goes || !Differs(record, *member, row, attribute)) continue;
    const GivenValue& given = record.values.at(attribute);
    delivery.columns[column] = {given.value, given.ms};
  }
  if (goes || !delivery.columns.empty()) Want(std::move(delivery), &row);
}

/// Whether other records share a key with it: the two will be one, or an operator says what they are.
bool DeliveryPlanner::StandsApart(const GoldenRecord& record, const HubKeys& keys) const {
  return std::any_of(keys.begin(), keys.end(), [&](const HubKey& key) {
    if (c_.found_elsewhere.count(key.hash) > 0) return true;
    const auto found = found_by_.find(key.hash);
    return found != found_by_.end() && found->second.size() > found->second.count(record.id);
  });
}

void DeliveryPlanner::PlanInserts(const GoldenRecord& record) {
  HubKeys keys = KeysOf(*c_.entity, record);
  if (keys.empty()) return;  // It could not be found again.
  std::set<std::string> there = record.had;
  for (const MemberRow* const row : members_.at(record.id)) {
    keys.merge(KeysOf(*c_.entity, *row));
    there.insert(row->ref.data_source);
  }
  if (StandsApart(record, keys)) return;
  for (const HubMember& member : c_.entity->members) {
    if (member.inserts && there.count(member.data_source) == 0) PlanInsert(record, member, keys);
  }
}

void DeliveryPlanner::PlanInsert(const GoldenRecord& record, const HubMember& member, const HubKeys& keys) {
  HubDelivery delivery = Begin(record, member, HubOperation::kInsert);
  for (const auto& [attribute, column] : member.columns) {
    const auto given = record.values.find(attribute);
    if (given == record.values.end() || std::holds_alternative<Null>(given->second.value)) continue;
    delivery.columns[column] = {given->second.value, given->second.ms};
  }
  for (const std::string& attribute : member.key) {
    const auto column = member.columns.find(attribute);
    if (column == member.columns.end() || delivery.columns.count(column->second) == 0) return;
  }
  delivery.match_keys = keys;
  Want(std::move(delivery), nullptr);
}

void DeliveryPlanner::Want(HubDelivery delivery, const MemberRow* row) {
  const auto [begin, end] = before_.equal_range(PlaceOf(delivery));
  // One that was applied, and whose row is as it was before: its source would not apply that id again.
  const auto before = std::find_if(begin, end, [&](const auto& known) {
    return known.second->SameContent(delivery) &&
           (row == nullptr || row->work.applied.count(known.second->id) == 0);
  });
  if (before != end) {
    delivery.id = before->second->id;
    delivery.state = before->second->state;
    delivery.number = before->second->number;
    delivery.fresh = before->second->fresh;
  } else {
    if (c_.hold || unsure_) delivery.state = DeliveryState::kHeld;
    delivery.number = ++*c_.last_delivery;
    delivery.fresh = true;
    delivery.id = c_.delivery_id(delivery);
    if (delivery.operation == HubOperation::kInsert) c_.issued.push_back(delivery.id);
  }
  std::string id = delivery.id;
  planned_.emplace(std::move(id), std::move(delivery));
}

}  // namespace

void DeliveryPlan(Component* component) { DeliveryPlanner(component).Plan(); }

}  // namespace mirror
