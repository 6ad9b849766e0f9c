#include "server/hub/hub_trial.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mirror {
namespace {

/// Ids of the records that a decision names, as they are by now; of one that is not there nothing.
absl::StatusOr<std::set<std::string>> NamedIn(HubBook& book, const HandDecision& decision) {
  std::set<std::string> named;
  for (const std::string& id : {decision.golden_id, decision.other_id}) {
    absl::StatusOr<std::string> alive = book.Alive(id);
    if (!alive.ok()) return alive.status();
    if (!alive->empty()) named.insert(*std::move(alive));
  }
  return named;
}

absl::StatusOr<std::set<std::string>> DeliveriesOf(HubBook& book, const std::set<std::string>& records) {
  std::set<std::string> ids;
  for (const std::string& record : records) {
    const absl::StatusOr<std::vector<HubDelivery>> deliveries = book.DeliveriesOf(record);
    if (!deliveries.ok()) return deliveries.status();
    for (const HubDelivery& one : *deliveries) ids.insert(one.id);
  }
  return ids;
}

absl::StatusOr<Hub::Preview::Outcome> OutcomeOf(HubBook& book, const std::string& id, bool is_new) {
  absl::StatusOr<std::optional<GoldenRecord>> record = book.ReadRecord(id);
  if (!record.ok()) return record.status();
  absl::StatusOr<std::vector<MemberRow>> rows = book.RowsOf(id);
  if (!rows.ok()) return rows.status();
  Hub::Preview::Outcome outcome{.record = record->value_or(GoldenRecord()), .rows = *std::move(rows)};
  outcome.row_count = outcome.rows.size();
  outcome.is_new = is_new;
  if (outcome.rows.size() > kPreviewMax) outcome.rows.resize(kPreviewMax);
  return outcome;
}

/// What a decision leaves of the records that it named.
absl::Status TellRecords(HubBook& book, const std::set<std::string>& named, const std::string& decided,
                         const std::set<std::string>& before, Hub::Preview* preview) {
  std::set<std::string> now = {decided};
  for (const std::string& id : named) {
    const absl::StatusOr<std::string> alive = book.Alive(id);
    if (!alive.ok()) return alive.status();
    now.insert(*alive);
  }
  // Those that were there first, then the new one.
  for (const bool is_new : {false, true}) {
    for (const std::string& id : now) {
      if ((named.count(id) == 0) != is_new) continue;
      absl::StatusOr<Hub::Preview::Outcome> outcome = OutcomeOf(book, id, is_new);
      if (!outcome.ok()) return outcome.status();
      preview->records.push_back(*std::move(outcome));
    }
  }
  const absl::StatusOr<std::set<std::string>> after = DeliveriesOf(book, now);
  if (!after.ok()) return after.status();
  preview->withdrawn = static_cast<std::uint64_t>(std::count_if(
      before.begin(), before.end(), [&](const std::string& id) { return !after->contains(id); }));
  return absl::OkStatus();
}

}  // namespace

absl::Status TryIn(const HubRules& rules, const Hub::Trial& trial, const DeriveInput& input, HubBook* book,
                   Hub::Preview* preview) {
  if (trial.thawed) {
    const absl::StatusOr<std::size_t> thawed = book->upkeep().Thaw(*trial.thawed);
    if (!thawed.ok()) return thawed.status();
    preview->thawed = *thawed;
  }
  if (!trial.decision) return mirror::Derive(rules, input, book).status();
  const absl::StatusOr<std::set<std::string>> named = NamedIn(*book, *trial.decision);
  if (!named.ok()) return named.status();
  const absl::StatusOr<std::set<std::string>> before = DeliveriesOf(*book, *named);
  if (!before.ok()) return before.status();
  const absl::StatusOr<Derived> derived = mirror::Derive(rules, input, book);
  if (!derived.ok()) return derived.status();
  return TellRecords(*book, *named, derived->decided, *before, preview);
}

}  // namespace mirror
