#include "client/source/server/fold.h"

#include <algorithm>

#include "base/status_macros.h"

namespace mirror {
namespace {

/// Maximum overhead of an allocation.
constexpr std::size_t kMallocBytes = 24;
/// A node also has a pointer and the hash; and for writing rows, a pointer to it is sorted.
constexpr std::size_t kNodeBytes = sizeof(Fold::Rows::value_type) + 3 * sizeof(void*) + kMallocBytes;

}  // namespace

FoldedRow Compose(const FoldedRow& below, FoldedRow above) {
  above.born = below.born;
  if (above.kind != StagedKind::kPart) return above;
  if (below.kind == StagedKind::kGone) {
    // A log has no update of a deleted row, unless changes in between are missing here.
    above.kind = above.complete ? StagedKind::kWhole : StagedKind::kMoved;
    above.rekeyed = above.complete ? 0 : above.lsn;
    return above;
  }
  const bool complete = above.complete || below.complete;
  if (!above.complete) above.values = MergeStagedValues(below.values, above.values);
  // A moved row now has all its columns, or is as incomplete as before.
  above.kind = below.kind == StagedKind::kMoved && complete ? StagedKind::kWhole : below.kind;
  above.complete = complete;
  above.rekeyed = below.rekeyed;
  return above;
}

std::size_t Fold::HeapBytes(const std::string& text) {
  static const std::size_t inside = std::string().capacity();
  return text.capacity() <= inside ? 0 : text.capacity() + 1 + kMallocBytes;
}

std::size_t Fold::bytes() const {
  if (rows_.empty()) return 0;
  return rows_.size() * kNodeBytes + rows_.bucket_count() * sizeof(void*) + heap_bytes_;
}

const FoldedRow* Fold::Find(const StagedKey& key) const {
  const auto found = rows_.find(key);
  return found == rows_.end() ? nullptr : &found->second;
}

void Fold::Clear() {
  Rows().swap(rows_);
  heap_bytes_ = 0;
  last_lsn_ = 0;
}

std::pair<const StagedKey, FoldedRow>& Fold::Reach(StagedKey key, bool* fresh) {
  const auto [at, made] = rows_.try_emplace(std::move(key));
  *fresh = made;
  heap_bytes_ += made ? HeapBytes(at->first) : 0;
  heap_bytes_ -= HeapBytes(at->second.values);
  return *at;
}

absl::Status Fold::Take(LoggedChange change, std::int64_t lsn, const Below& below) {
  last_lsn_ = lsn;
  std::string values = PackStagedValues(change.values);
  switch (change.kind) {
    case LoggedChange::Kind::kInsert:
      Insert(std::move(change.key), std::move(values), lsn);
      return absl::OkStatus();
    case LoggedChange::Kind::kDelete:
      Delete(std::move(change.old_key), lsn);
      return absl::OkStatus();
    case LoggedChange::Kind::kUpdate:
      break;
  }
  if (change.key != change.old_key) return Move(std::move(change), std::move(values), lsn, below);
  bool fresh = false;
  FoldedRow& row = Reach(std::move(change.key), &fresh).second;
  FoldedRow part{StagedKind::kPart, change.whole, lsn, 0, 0, std::move(values)};
  row = fresh ? std::move(part) : Compose(row, std::move(part));
  Kept(row);
  return absl::OkStatus();
}

void Fold::Insert(StagedKey key, std::string values, std::int64_t lsn) {
  bool fresh = false;
  FoldedRow& row = Reach(std::move(key), &fresh).second;
  row = {StagedKind::kWhole, true, lsn, fresh ? lsn : row.born, 0, std::move(values)};
  Kept(row);
}

void Fold::Delete(StagedKey key, std::int64_t lsn) {
  bool fresh = false;
  FoldedRow& row = Reach(std::move(key), &fresh).second;
  // An assignment would keep its memory.
  std::string().swap(row.values);
  row.kind = StagedKind::kGone;
  row.complete = false;
  row.lsn = lsn;
  row.rekeyed = 0;
}

absl::Status Fold::Move(LoggedChange change, std::string values, std::int64_t lsn, const Below& below) {
  bool complete = change.whole;
  if (!complete) {
    const FoldedRow* const here = Find(change.old_key);
    std::optional<FoldedRow> former;
    if (here != nullptr) former = *here;
    // For an incomplete part, and for a key that is not here, there may be more below.
    if (!former || (former->kind == StagedKind::kPart && !former->complete)) {
      ASSIGN_OR_RETURN(std::optional<FoldedRow> under, below(change.old_key));
      if (under) former = former ? Compose(*under, *std::move(former)) : *std::move(under);
    }
    if (former && former->kind != StagedKind::kGone) {
      values = MergeStagedValues(former->values, values);
      complete = former->complete;
    }
  }
  Delete(std::move(change.old_key), lsn);
  bool fresh = false;
  FoldedRow& row = Reach(std::move(change.key), &fresh).second;
  row = {complete ? StagedKind::kWhole : StagedKind::kMoved,
         complete,
         lsn,
         fresh ? lsn : row.born,
         lsn,
         std::move(values)};
  Kept(row);
  return absl::OkStatus();
}

void Fold::Lay(Fold&& above) {
  if (rows_.empty()) {
    std::swap(rows_, above.rows_);
    std::swap(heap_bytes_, above.heap_bytes_);
  } else {
    while (!above.rows_.empty()) {
      auto inserted = rows_.insert(above.rows_.extract(above.rows_.begin()));
      FoldedRow& row = inserted.position->second;
      if (inserted.inserted) {
        heap_bytes_ += HeapBytes(inserted.position->first);
      } else {
        heap_bytes_ -= HeapBytes(row.values);
        row = Compose(row, std::move(inserted.node.mapped()));
      }
      Kept(row);
    }
  }
  last_lsn_ = std::max(last_lsn_, above.last_lsn_);
  above.Clear();
}

std::vector<const Fold::Rows::value_type*> Fold::Sorted() const {
  std::vector<const Rows::value_type*> sorted;
  sorted.reserve(rows_.size());
  for (const Rows::value_type& row : rows_) sorted.push_back(&row);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
  return sorted;
}

}  // namespace mirror
