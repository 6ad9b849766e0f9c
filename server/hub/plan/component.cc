#include "server/hub/plan/component.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "server/hub/plan/match_keys.h"

namespace mirror {

bool RowOrder::operator()(const RowRef& a, const RowRef& b) const {
  if (a.data_source != b.data_source) return rules->Order(a.data_source) < rules->Order(b.data_source);
  const std::size_t a_size = a.key.size(), b_size = b.key.size();
  return std::tie(a.table, a_size, a.key) < std::tie(b.table, b_size, b.key);
}

KeyHashes RememberedKeys(const GoldenRecord& record) {
  // A record whose rows all joined other records was not deleted: it is not searched for.
  if (!record.empty_since && record.work.lost.empty()) return {};
  KeyHashes keys = record.indexed;
  keys.insert(record.work.lost.begin(), record.work.lost.end());
  return keys;
}

std::vector<MemberRow*> Component::RowsOf(const std::string& golden_id) {
  std::vector<MemberRow*> found;
  for (auto& [ref, row] : rows) {
    if (row.golden_id == golden_id) found.push_back(&row);
  }
  return found;
}

GoldenRecord* Component::Alive(std::string golden_id) {
  for (auto into = merged.find(golden_id); into != merged.end(); into = merged.find(golden_id)) {
    golden_id = into->second;
  }
  const auto found = records.find(golden_id);
  return found == records.end() ? nullptr : &found->second;
}

void Component::Unite(const std::string& into, const std::string& other,
                      const std::vector<MemberRow*>& moving) {
  const std::string target = into, source = other;  // References into a row would change with it.
  for (MemberRow* const row : moving) row->golden_id = target;
  GoldenRecord gone = std::move(records.at(source));
  records.erase(source);
  merged[source] = target;
  GoldenRecord& record = records.at(target);
  record.had.merge(gone.had);
  record.frozen.merge(gone.frozen);
  record.work.departed.merge(gone.work.departed);
  for (const auto& [name, yes] : gone.work.given_back) {
    const auto [known, added] = record.work.given_back.emplace(name, yes);
    if (!added) known->second = known->second || yes;
  }
  record.apart.merge(gone.apart);
  record.apart.erase(source);
  record.apart.erase(target);
  for (auto& [id, one] : records) {
    if (one.apart.erase(source) > 0 && id != target) one.apart.insert(target);
  }
}

namespace {

class Loader {
 public:
  Loader(const HubRules& rules, HubBook* book) : rules_(rules), book_(*book), rows_(RowOrder{&rules}) {}

  absl::StatusOr<LoadedComponent> Load(const HubWork& work);

 private:
  absl::Status AddRecord(const std::string& id);
  absl::Status AddRow(MemberRow row);
  absl::Status LookUp(const std::string& hash);
  void Note(const KeyHashes& hashes) { hashes_.insert(hashes_.end(), hashes.begin(), hashes.end()); }

  const HubRules& rules_;
  HubBook& book_;
  const HubEntity* entity_ = nullptr;
  std::map<RowRef, MemberRow, RowOrder> rows_;
  std::map<std::string, GoldenRecord> records_;
  std::map<std::string, HubDelivery> deliveries_;
  std::deque<std::string> ids_;     ///< Records to load.
  std::deque<std::string> hashes_;  ///< Keys to look up.
  KeyHashes looked_;
};

absl::Status Loader::AddRecord(const std::string& id) {
  if (records_.count(id) > 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::optional<GoldenRecord> record, book_.ReadRecord(id));
  if (!record) return absl::DataLossError("the hub's file has a row of a record that is not there");
  if (entity_ == nullptr) entity_ = rules_.FindEntity(record->entity);
  Note(record->indexed);
  Note(record->work.lost);
  records_.emplace(id, *std::move(record));
  ASSIGN_OR_RETURN(std::vector<MemberRow> rows, book_.RowsOf(id));
  for (MemberRow& row : rows) {
    RETURN_IF_ERROR(AddRow(std::move(row)));
  }
  ASSIGN_OR_RETURN(std::vector<HubDelivery> deliveries, book_.DeliveriesOf(id));
  for (HubDelivery& delivery : deliveries) {
    std::string delivery_id = delivery.id;
    deliveries_.emplace(std::move(delivery_id), std::move(delivery));
  }
  return absl::OkStatus();
}

absl::Status Loader::AddRow(MemberRow row) {
  if (rows_.count(row.ref) > 0) return absl::OkStatus();
  // A row of a table without a member now: it says nothing, and its removal is not a user's deletion.
  if (rules_.Find(row.ref.data_source, row.ref.table).member == nullptr) return book_.RemoveRow(row);
  if (entity_ == nullptr) entity_ = rules_.FindEntity(row.entity);
  if (entity_ == nullptr)
    return absl::DataLossError("the hub's file has a row of an entity that is not there");
  Note(row.indexed);
  Note(HashesOf(KeysOf(*entity_, row)));
  if (!row.golden_id.empty()) ids_.push_back(row.golden_id);
  if (!row.work.origin.empty()) {
    ASSIGN_OR_RETURN(row.work.origin, book_.Alive(row.work.origin));
    if (!row.work.origin.empty()) ids_.push_back(row.work.origin);
  }
  const RowRef ref = row.ref;
  rows_.emplace(ref, std::move(row));
  return absl::OkStatus();
}

absl::Status Loader::LookUp(const std::string& hash) {
  if (!looked_.insert(hash).second) return absl::OkStatus();
  ASSIGN_OR_RETURN(KeyOwners owners, book_.FoundBy(entity_->name, hash));
  for (const RowRef& ref : owners.rows) {
    if (rows_.count(ref) > 0) continue;
    ASSIGN_OR_RETURN(std::optional<MemberRow> row, book_.ReadRow(ref));
    if (!row) return absl::DataLossError("the hub's index has a row that is not there");
    RETURN_IF_ERROR(AddRow(*std::move(row)));
  }
  ids_.insert(ids_.end(), owners.records.begin(), owners.records.end());
  return absl::OkStatus();
}

absl::StatusOr<LoadedComponent> Loader::Load(const HubWork& work) {
  if (work.row) {
    ASSIGN_OR_RETURN(std::optional<MemberRow> row, book_.ReadRow(*work.row));
    if (!row) return absl::DataLossError("the hub's file lost a row while it was read");
    RETURN_IF_ERROR(AddRow(*std::move(row)));
  } else {
    ids_.push_back(work.golden_id);
  }
  if (!work.other_id.empty()) ids_.push_back(work.other_id);
  while (!ids_.empty() || !hashes_.empty()) {
    absl::Status status;
    if (!ids_.empty()) {
      const std::string id = std::move(ids_.front());
      ids_.pop_front();
      status = AddRecord(id);
    } else {
      const std::string hash = std::move(hashes_.front());
      hashes_.pop_front();
      status = LookUp(hash);
    }
    if (!status.ok()) return status;
  }
  Component component;
  component.rules = &rules_;
  component.entity = entity_;
  component.rows = std::move(rows_);
  component.records = std::move(records_);
  component.deliveries = std::move(deliveries_);
  Component before = component;
  return LoadedComponent{std::move(component), std::move(before), std::move(looked_)};
}

absl::Status SaveRecords(LoadedComponent& component, std::int64_t at, HubBook& book) {
  std::set<std::string> with_rows;
  for (const auto& [ref, row] : component.now.rows) with_rows.insert(row.golden_id);
  for (const auto& [id, into] : component.now.merged) {
    const auto gone = component.was.records.find(id);
    if (gone == component.was.records.end()) continue;  // Founded and merged at once: nothing else knew it.
    // The final record: data about this one is moved directly to it.
    const GoldenRecord& last = *component.now.Alive(into);
    RETURN_IF_ERROR(book.MergeRecord(gone->second, last.id));
  }
  for (auto& [id, record] : component.now.records) {
    const bool has_rows = with_rows.count(id) > 0;
    const KeyHashes keys =
        has_rows ? HashesOf(KeysOf(*component.now.entity, record)) : RememberedKeys(record);
    record.work = {};
    record.empty_since = has_rows ? std::nullopt : std::optional(record.empty_since.value_or(at));
    const auto was = component.was.records.find(id);
    if (was != component.was.records.end() && was->second == record && record.indexed == keys) continue;
    RETURN_IF_ERROR(book.WriteRecord(record, keys));
  }
  return absl::OkStatus();
}

absl::Status SaveRows(LoadedComponent& component, HubBook& book) {
  for (auto& [ref, row] : component.now.rows) {
    row.work = {};
    const KeyHashes keys = HashesOf(KeysOf(*component.now.entity, row));
    if (component.was.rows.at(ref) == row && row.indexed == keys) continue;
    RETURN_IF_ERROR(book.WriteRow(row, keys));
  }
  return absl::OkStatus();
}

absl::Status SaveDeliveries(LoadedComponent& component, std::int64_t at, HubBook& book) {
  for (const auto& [id, delivery] : component.was.deliveries) {
    if (component.now.deliveries.count(id) > 0) continue;
    RETURN_IF_ERROR(book.RemoveDelivery(delivery));
  }
  for (const auto& [id, delivery] : component.now.deliveries) {
    const auto was = component.was.deliveries.find(id);
    if (was != component.was.deliveries.end() && was->second.needs == delivery.needs) continue;
    RETURN_IF_ERROR(book.WriteDelivery(delivery));
  }
  for (const std::string& id : component.now.issued) {
    const std::string& golden_id = component.now.deliveries.at(id).golden_id;
    RETURN_IF_ERROR(book.WriteIssued(id, golden_id, at));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LoadedComponent> LoadComponent(const HubRules& rules, const HubWork& work, HubBook* book) {
  return Loader(rules, book).Load(work);
}

absl::Status LoadOtherMembers(HubBook* book, LoadedComponent* component) {
  Component& now = component->now;
  for (const auto& [id, record] : now.records) {
    for (const HubKey& key : KeysOf(*now.entity, record)) {
      if (component->looked.count(key.hash) > 0 || now.found_elsewhere.count(key.hash) > 0) continue;
      ASSIGN_OR_RETURN(KeyOwners owners, book->FoundBy(now.entity->name, key.hash));
      for (const RowRef& ref : owners.rows) {
        ASSIGN_OR_RETURN(std::optional<MemberRow> row, book->ReadRow(ref));
        // A row that is still to be planned is also indexed under its former keys.
        if (row && HashesOf(KeysOf(*now.entity, *row)).count(key.hash) > 0)
          now.found_elsewhere.insert(key.hash);
      }
    }
  }
  return absl::OkStatus();
}

absl::Status SaveComponent(LoadedComponent component, std::int64_t at, HubBook* book) {
  RETURN_IF_ERROR(SaveRecords(component, at, *book));
  RETURN_IF_ERROR(SaveRows(component, *book));
  return SaveDeliveries(component, at, *book);
}

}  // namespace mirror
