#include "server/hub/plan/load_component.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/hub/plan/match_keys.h"

namespace mirror {
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
  std::deque<std::string> ids_;     ///< Records that are to be loaded.
  std::deque<std::string> hashes_;  ///< Keys that are to be looked up.
  KeyHashes looked_;
};

absl::Status Loader::AddRecord(const std::string& id) {
  if (records_.count(id) > 0) return absl::OkStatus();
  absl::StatusOr<std::optional<GoldenRecord>> record = book_.ReadRecord(id);
  if (!record.ok()) return record.status();
  if (!*record) return absl::DataLossError("the hub's file has a row of a record that is not there");
  if (entity_ == nullptr) entity_ = rules_.FindEntity((*record)->entity);
  Note((*record)->indexed);
  Note((*record)->work.lost);
  records_.emplace(id, **std::move(record));
  absl::StatusOr<std::vector<MemberRow>> rows = book_.RowsOf(id);
  if (!rows.ok()) return rows.status();
  for (MemberRow& row : *rows) {
    if (absl::Status status = AddRow(std::move(row)); !status.ok()) return status;
  }
  absl::StatusOr<std::vector<HubDelivery>> deliveries = book_.DeliveriesOf(id);
  if (!deliveries.ok()) return deliveries.status();
  for (HubDelivery& delivery : *deliveries) {
    std::string delivery_id = delivery.id;
    deliveries_.emplace(std::move(delivery_id), std::move(delivery));
  }
  return absl::OkStatus();
}

absl::Status Loader::AddRow(MemberRow row) {
  if (rows_.count(row.ref) > 0) return absl::OkStatus();
  // Of a table that is no member's any more: it says nothing, and went by nobody's wish.
  if (rules_.Find(row.ref.data_source, row.ref.table).member == nullptr) return book_.RemoveRow(row);
  if (entity_ == nullptr) entity_ = rules_.FindEntity(row.entity);
  if (entity_ == nullptr)
    return absl::DataLossError("the hub's file has a row of an entity that is not there");
  Note(row.indexed);
  Note(HashesOf(KeysOf(*entity_, row)));
  if (!row.golden_id.empty()) ids_.push_back(row.golden_id);
  if (!row.work.origin.empty()) {
    absl::StatusOr<std::string> origin = book_.Alive(row.work.origin);
    if (!origin.ok()) return origin.status();
    row.work.origin = *std::move(origin);
    if (!row.work.origin.empty()) ids_.push_back(row.work.origin);
  }
  const RowRef ref = row.ref;
  rows_.emplace(ref, std::move(row));
  return absl::OkStatus();
}

absl::Status Loader::LookUp(const std::string& hash) {
  if (!looked_.insert(hash).second) return absl::OkStatus();
  absl::StatusOr<KeyOwners> owners = book_.FoundBy(entity_->name, hash);
  if (!owners.ok()) return owners.status();
  for (const RowRef& ref : owners->rows) {
    if (rows_.count(ref) > 0) continue;
    absl::StatusOr<std::optional<MemberRow>> row = book_.ReadRow(ref);
    if (!row.ok()) return row.status();
    if (!*row) return absl::DataLossError("the hub's index has a row that is not there");
    if (absl::Status status = AddRow(**std::move(row)); !status.ok()) return status;
  }
  ids_.insert(ids_.end(), owners->records.begin(), owners->records.end());
  return absl::OkStatus();
}

absl::StatusOr<LoadedComponent> Loader::Load(const HubWork& work) {
  if (work.row) {
    absl::StatusOr<std::optional<MemberRow>> row = book_.ReadRow(*work.row);
    if (!row.ok()) return row.status();
    if (!*row) return absl::DataLossError("the hub's file lost a row while it was read");
    if (absl::Status status = AddRow(**std::move(row)); !status.ok()) return status;
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
    if (gone == component.was.records.end()) continue;  // Founded and merged at once: nobody knew it.
    // The one that is left: what others know of it is told of no other.
    const GoldenRecord& last = *component.now.Alive(into);
    if (absl::Status status = book.MergeRecord(gone->second, last.id); !status.ok()) return status;
  }
  for (auto& [id, record] : component.now.records) {
    const bool has_rows = with_rows.count(id) > 0;
    const KeyHashes keys =
        has_rows ? HashesOf(KeysOf(*component.now.entity, record)) : RememberedKeys(record);
    record.work = {};
    record.empty_since = has_rows ? std::nullopt : std::optional(record.empty_since.value_or(at));
    const auto was = component.was.records.find(id);
    if (was != component.was.records.end() && was->second == record && record.indexed == keys) continue;
    if (absl::Status status = book.WriteRecord(record, keys); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status SaveRows(LoadedComponent& component, HubBook& book) {
  for (auto& [ref, row] : component.now.rows) {
    row.work = {};
    const KeyHashes keys = HashesOf(KeysOf(*component.now.entity, row));
    if (component.was.rows.at(ref) == row && row.indexed == keys) continue;
    if (absl::Status status = book.WriteRow(row, keys); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status SaveDeliveries(LoadedComponent& component, std::int64_t at, HubBook& book) {
  for (const auto& [id, delivery] : component.was.deliveries) {
    if (component.now.deliveries.count(id) > 0) continue;
    if (absl::Status status = book.RemoveDelivery(delivery); !status.ok()) return status;
  }
  for (const auto& [id, delivery] : component.now.deliveries) {
    const auto was = component.was.deliveries.find(id);
    if (was != component.was.deliveries.end() && was->second.needs == delivery.needs) continue;
    if (absl::Status status = book.WriteDelivery(delivery); !status.ok()) return status;
  }
  for (const std::string& id : component.now.issued) {
    const std::string& golden_id = component.now.deliveries.at(id).golden_id;
    if (absl::Status status = book.WriteIssued(id, golden_id, at); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LoadedComponent> LoadComponent(const HubRules& rules, const HubWork& work, HubBook* book) {
  return Loader(rules, book).Load(work);
}

absl::Status LookElsewhere(HubBook* book, LoadedComponent* component) {
  Component& now = component->now;
  for (const auto& [id, record] : now.records) {
    for (const HubKey& key : KeysOf(*now.entity, record)) {
      if (component->looked.count(key.hash) > 0 || now.found_elsewhere.count(key.hash) > 0) continue;
      absl::StatusOr<KeyOwners> owners = book->FoundBy(now.entity->name, key.hash);
      if (!owners.ok()) return owners.status();
      for (const RowRef& ref : owners->rows) {
        absl::StatusOr<std::optional<MemberRow>> row = book->ReadRow(ref);
        if (!row.ok()) return row.status();
        // A row that is still to be planned stands under keys that it had, too.
        if (*row && HashesOf(KeysOf(*now.entity, **row)).count(key.hash) > 0)
          now.found_elsewhere.insert(key.hash);
      }
    }
  }
  return absl::OkStatus();
}

absl::Status SaveComponent(LoadedComponent component, std::int64_t at, HubBook* book) {
  if (absl::Status status = SaveRecords(component, at, *book); !status.ok()) return status;
  if (absl::Status status = SaveRows(component, *book); !status.ok()) return status;
  return SaveDeliveries(component, at, *book);
}

}  // namespace mirror
