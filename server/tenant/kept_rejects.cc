#include "server/tenant/kept_rejects.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "certs/openssl.h"
#include "server/records/import_job.h"

namespace mirror {
namespace {

constexpr std::size_t kPage = 1'000;
/// Length of the hash of an external id, in hexadecimal digits.
constexpr std::size_t kHashDigits = 32;

/// Returns the reject id from the id of a kRejectOfKind document.
std::string RejectIn(const std::string& reject_of) { return reject_of.substr(kHashDigits + 1); }

/// Returns the index document that is written or removed (no text)
/// together with a reject. Absent: the reject has no external id.
std::optional<DocumentChange> RejectOfChange(const std::string& reject_id, const std::string& reject_text,
                                             bool is_removed) {
  const std::optional<Reject> reject = RejectOf(reject_text);
  if (!reject || reject->external_id.empty()) return std::nullopt;
  DocumentChange change{kRejectOfKind, absl::StrCat(RejectsOf(reject->external_id), reject_id), std::nullopt};
  if (!is_removed) change.text = "";
  return change;
}

bool Keeps(const DocumentChange& change, std::string_view kind) { return change.kind == kind && change.text; }

bool HasAny(const std::vector<DocumentChange>& changes, std::string_view kind) {
  return std::any_of(changes.begin(), changes.end(),
                     [&](const DocumentChange& change) { return Keeps(change, kind); });
}

/// Removes rejects that are not written yet from `changes`. False: there was none.
bool TakeOut(const std::set<std::string>& places, std::vector<DocumentChange>* changes) {
  std::set<std::string> rejects;
  for (const DocumentChange& change : *changes) {
    if (Keeps(change, kRejectOfKind) && places.contains(change.id.substr(0, change.id.find('/') + 1)))
      rejects.insert(RejectIn(change.id));
  }
  if (rejects.empty()) return false;
  std::erase_if(*changes, [&](const DocumentChange& change) {
    return (Keeps(change, kRejectKind) && rejects.contains(change.id)) ||
           (Keeps(change, kRejectOfKind) && rejects.contains(RejectIn(change.id)));
  });
  return true;
}

}  // namespace

std::string RejectsOf(const std::string& external_id) {
  return absl::StrCat(absl::BytesToHexString(Sha256(external_id)).substr(0, kHashDigits), "/");
}

void AddWithPlace(DocumentChange change, std::vector<DocumentChange>* changes) {
  std::optional<DocumentChange> place;
  if (Keeps(change, kRejectKind)) place = RejectOfChange(change.id, *change.text, /*is_removed=*/false);
  changes->push_back(std::move(change));
  if (place) changes->push_back(*std::move(place));
}

absl::StatusOr<bool> EraseRejects(StoreRecords& records, const std::vector<RecordItem>& items,
                                  std::vector<DocumentChange>* changes) {
  std::set<std::string> places;
  for (const RecordItem& item : items) places.insert(RejectsOf(item.external_id));
  bool has_any = HasAny(*changes, kRejectOfKind) && TakeOut(places, changes);
  ASSIGN_OR_RETURN(const auto first, records.ReadDocuments(kRejectOfKind, "", 1));
  if (first.empty()) return has_any;
  for (const std::string& place : places) {
    std::string from = place;
    while (true) {
      ASSIGN_OR_RETURN(const auto page, records.ReadDocuments(kRejectOfKind, from, kPage));
      std::size_t taken = 0;
      for (; taken < page.size() && page[taken].id.starts_with(place); ++taken) {
        const std::string& id = page[taken].id;
        changes->push_back({kRejectKind, RejectIn(id), std::nullopt});
        changes->push_back({kRejectOfKind, id, std::nullopt});
      }
      has_any = has_any || taken > 0;
      if (taken < kPage) break;
      from = page.back().id + '\1';  // No id lies between the two.
    }
  }
  return has_any;
}

void ForgetRejects(Plan* plan) {
  for (const char* const kind : {kRejectKind, kRejectOfKind})
    plan->document_bounds.push_back({kind, std::numeric_limits<std::int64_t>::max(), 0});
}

void BoundRejects(Plan* plan) {
  if (!HasAny(plan->documents, kRejectKind)) return;
  plan->document_bounds.push_back({kRejectKind, 0, kRejectsOfSourceMax});
  // Documents of one moment are removed in another order: this limit keeps the index complete.
  plan->document_bounds.push_back({kRejectOfKind, 0, 2 * kRejectsOfSourceMax});
}

absl::Status PruneJobs(StoreRecords& records, std::vector<DocumentChange>* changes) {
  ASSIGN_OR_RETURN(const auto kept, records.ReadDocuments(kJobKind, "", kJobsKeptMax + 1));
  if (kept.size() < kJobsKeptMax) return absl::OkStatus();
  const Document* oldest = nullptr;
  for (const Document& one : kept) {
    const std::optional<ImportJob> job = JobOf(one.text);
    if (job && !IsOver(job->state)) continue;
    if (oldest == nullptr || one.at_ms < oldest->at_ms) oldest = &one;
  }
  if (oldest == nullptr)
    return absl::ResourceExhaustedError("too many import jobs wait. Nothing was started.");
  ASSIGN_OR_RETURN(const auto rejects,
                   records.ReadDocuments(kRejectKind, RejectId(oldest->id, 0), kRejectsKeptMax));
  for (const Document& reject : rejects) {
    if (!reject.id.starts_with(oldest->id + "/")) break;
    std::optional<DocumentChange> place = RejectOfChange(reject.id, reject.text, /*is_removed=*/true);
    if (place) changes->push_back(*std::move(place));
    changes->push_back({kRejectKind, reject.id, std::nullopt});
  }
  changes->push_back({kJobKind, oldest->id, std::nullopt});
  return absl::OkStatus();
}

}  // namespace mirror
