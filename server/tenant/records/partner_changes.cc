#include "server/tenant/records/partner_changes.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/iso_time.h"
#include "base/json/json_document.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "server/records/merged_partner.h"
#include "server/tenant/records/partner_rows.h"

namespace mirror {
namespace {

/// Ids of new rows that are made at a time, at most.
constexpr std::size_t kNewIdsAtATime = 1'000;

void Fail(const RecordRequest& request, std::size_t place, std::string why, RecordOutcome* outcome) {
  const RecordItem& item = request.items[place];
  outcome->failures.push_back({item.external_id, std::move(why), item.line, place});
}

absl::Status TooMuchStored(const std::string& how_much) {
  return absl::OutOfRangeError(
      absl::StrCat("the business partners of this request have more than ", how_much,
                   " as they are stored, which is more than can be changed at a time. "
                   "Nothing was written. Send them in several requests."));
}

}  // namespace

absl::Status PartnerChanges::Read(StoreRecords& records, const std::vector<const RecordRequest*>& requests) {
  Ids merged, removed, only_removed;
  for (const RecordRequest* const request : requests) {
    Ids& ids = request->operation == RecordOperation::kUpsert ? merged : removed;
    for (const RecordItem& item : request->items) {
      if (item.failure.empty()) ids.push_back(item.external_id);
    }
  }
  for (Ids* const ids : {&merged, &removed}) {
    std::sort(ids->begin(), ids->end());
    ids->erase(std::unique(ids->begin(), ids->end()), ids->end());
  }
  std::set_difference(removed.begin(), removed.end(), merged.begin(), merged.end(),
                      std::back_inserter(only_removed));
  RETURN_IF_ERROR(ReadRows(records, form_.kept, merged));
  // Of a row that goes, it is enough that it is there.
  TableSchema keys = form_.kept;
  std::erase_if(keys.columns, [](const Column& column) { return column.key_position == 0; });
  return ReadRows(records, keys, only_removed);
}

absl::Status PartnerChanges::ReadRows(StoreRecords& records, const TableSchema& kept, const Ids& ids) {
  if (ids.empty()) return absl::OkStatus();
  absl::StatusOr<std::vector<PartnerRow>> rows = std::vector<PartnerRow>();
  {
    absl::StatusOr<RowBlock> block = records.ReadRows(kept, ids, kStoredBytesMax);
    if (absl::IsOutOfRange(block.status())) return TooMuchStored(absl::StrCat(kStoredBytesMax >> 20, " MB"));
    if (!block.ok()) return block.status();
    rows = PartnersOf(form_.agreed, kept, &*block);
  }
  if (!rows.ok()) return rows.status();
  std::size_t values = 0;
  for (PartnerRow& row : *rows) {
    values += row.record ? CountJsonValues(*row.record) : 0;
    // One row is taken in any case: nothing else could make it smaller.
    if (values > kStoredValuesMax && rows->size() > 1)
      return TooMuchStored(absl::StrCat(Grouped(kStoredValuesMax), " values"));
    Known& known = rows_[row.external_id];
    known.is_stored = true;
    known.row = std::move(row);
  }
  return absl::OkStatus();
}

void PartnerChanges::Apply(const RecordRequest& request, RecordOutcome* outcome) {
  before_.clear();
  if (request.operation == RecordOperation::kUpsert) {
    Upsert(request, outcome);
  } else {
    Delete(request, outcome);
  }
}

void PartnerChanges::TakeBack() {
  for (auto& [id, known] : before_) rows_[id] = std::move(known);
  before_.clear();
}

PartnerChanges::Known& PartnerChanges::Touch(const RecordRequest& request, const std::string& external_id) {
  Known& known = rows_[external_id];
  if (request.all_or_nothing) before_.emplace(external_id, known);
  return known;
}

void PartnerChanges::Upsert(const RecordRequest& request, RecordOutcome* outcome) {
  // Those of one id together: its record is taken apart and written once.
  std::vector<std::pair<std::string_view, std::size_t>> by_id;
  for (std::size_t place = 0; place < request.items.size(); ++place) {
    const RecordItem& item = request.items[place];
    if (item.failure.empty()) {
      by_id.emplace_back(item.external_id, place);
    } else {
      Fail(request, place, item.failure, outcome);
    }
  }
  std::sort(by_id.begin(), by_id.end());
  Items items;
  for (std::size_t i = 0; i < by_id.size(); ++i) {
    items.push_back(by_id[i].second);
    if (i + 1 < by_id.size() && by_id[i + 1].first == by_id[i].first) continue;
    UpsertOne(request, items, outcome);
    items.clear();
  }
  std::sort(outcome->failures.begin(), outcome->failures.end(),
            [](const RecordFailure& a, const RecordFailure& b) { return a.item < b.item; });
}

void PartnerChanges::BeginRow(const std::string& external_id, std::size_t more, PartnerRow* row) {
  if (new_ids_.empty()) new_ids_ = NewTokens(std::min(more, kNewIdsAtATime));
  row->external_id = external_id;
  row->id = std::move(new_ids_.back());
  new_ids_.pop_back();
  row->created_at = Iso8601(now_ms_);
  row->modified_at = row->created_at;
}

void PartnerChanges::UpsertOne(const RecordRequest& request, const Items& items, RecordOutcome* outcome) {
  const std::string& id = request.items[items.front()].external_id;
  Known& known = Touch(request, id);
  const bool keeps_record = !form_.is_ruled;
  bool is_there = known.row.has_value();
  MergedPartner merged = is_there ? MergedPartner(form_.mapper, keeps_record, *std::move(known.row))
                                  : MergedPartner(form_.mapper, keeps_record);
  for (const std::size_t place : items) {
    const RecordItem& item = request.items[place];
    if (is_there && !request.updates_known) {
      Fail(request, place, "the external id is known already, and UPSERT_BY_EXTERNAL_ID is not on", outcome);
      continue;
    }
    const absl::StatusOr<bool> changes = merged.Merge(item);
    if (!changes.ok()) {
      Fail(request, place, std::string(changes.status().message()), outcome);
      continue;
    }
    if (!is_there) {
      is_there = known.is_changed = true;
      ++outcome->inserts;
      BeginRow(id, request.items.size(), &merged.row());
    } else {
      ++outcome->updates;
      if (*changes) {
        known.is_changed = true;
        merged.row().modified_at = Iso8601(now_ms_);
      } else {
        ++outcome->unchanged;
      }
    }
    if (keeps_record) continue;
    for (const RecordAttribute& attribute : item.attributes) {
      const std::optional<std::size_t> column = form_.mapper.Find(attribute.name);
      if (column && !form_.mapper.IsExternalId(*column)) known.touched.insert(form_.mapper.ColumnOf(*column));
    }
  }
  known.row = is_there ? std::optional(merged.Take()) : std::nullopt;
}

void PartnerChanges::Delete(const RecordRequest& request, RecordOutcome* outcome) {
  for (std::size_t place = 0; place < request.items.size(); ++place) {
    const RecordItem& item = request.items[place];
    const auto found = rows_.find(item.external_id);
    if (!item.failure.empty()) {
      Fail(request, place, item.failure, outcome);
    } else if (found == rows_.end() || !found->second.row) {
      Fail(request, place, "there is no business partner of this external id", outcome);
    } else {
      Known& known = Touch(request, item.external_id);
      ++outcome->deletes;
      known = {.is_stored = known.is_stored, .is_removed = known.is_stored};
    }
  }
}

absl::Status PartnerChanges::AddChange(Operation operation, const std::vector<const PartnerRow*>& rows,
                                       const std::vector<std::uint32_t>& columns, Step* step) {
  if (rows.empty()) return absl::OkStatus();
  Change& change = changes_.emplace_back();
  change.block = BlockOf(form_.agreed, columns, rows);
  ASSIGN_OR_RETURN(ChangeBatch batch, BatchOf(form_.agreed, &change.block));
  change.batch = std::move(batch);
  change.batch.operation = operation;
  if (form_.is_ruled) {
    RETURN_IF_ERROR(ApplyRules(form_.agreed, form_.kept, rules_.hash_key(), &change.batch, &change.ruled));
  }
  step->actions.emplace_back(ApplyRows{.schema = &form_.kept, .batch = &change.batch});
  return absl::OkStatus();
}

std::vector<std::uint32_t> PartnerChanges::AllColumns() const {
  std::vector<std::uint32_t> columns(form_.agreed.columns.size());
  std::iota(columns.begin(), columns.end(), 0U);
  return columns;
}

std::vector<std::uint32_t> PartnerChanges::UpdatedColumns(const Known& known) const {
  if (!form_.is_ruled) return AllColumns();
  // What is stored is not what came: only what came now is written.
  std::vector<std::uint32_t> columns = {0, 3};
  columns.insert(columns.end(), known.touched.begin(), known.touched.end());
  return columns;
}

absl::Status PartnerChanges::AddTo(Step* step) {
  std::deque<PartnerRow> gone;
  std::vector<const PartnerRow*> inserted, removed;
  std::map<std::vector<std::uint32_t>, std::vector<const PartnerRow*>> updated;
  for (const auto& [id, known] : rows_) {
    if (known.is_removed) {
      removed.push_back(&gone.emplace_back());
      gone.back().external_id = id;
    }
    if (!known.row || !known.is_changed) continue;
    if (known.is_stored && !known.is_removed) {
      updated[UpdatedColumns(known)].push_back(&*known.row);
    } else {
      inserted.push_back(&*known.row);
    }
  }
  has_removed_ = !removed.empty();
  absl::Status added = AddChange(Operation::kDelete, removed, {0}, step);
  for (const auto& [columns, rows] : updated) {
    if (added.ok()) added = AddChange(Operation::kUpdate, rows, columns, step);
  }
  if (added.ok()) added = AddChange(Operation::kInsert, inserted, AllColumns(), step);
  // What is written has its own copy.
  rows_.clear();
  return added;
}

}  // namespace mirror
