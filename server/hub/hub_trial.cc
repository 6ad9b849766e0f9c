#include "server/hub/hub_trial.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"

namespace mirror {
namespace {

/// Ids of the records that a decision names, as they are by now; of one that is not there nothing.
absl::StatusOr<std::set<std::string>> NamedIn(HubBook& book, const HandDecision& decision) {
  std::set<std::string> named;
  for (const std::string& id : {decision.golden_id, decision.other_id}) {
    ASSIGN_OR_RETURN(std::string alive, book.Alive(id));
    if (!alive.empty()) named.insert(std::move(alive));
  }
  return named;
}

absl::StatusOr<std::set<std::string>> DeliveriesOf(HubBook& book, const std::set<std::string>& records) {
  std::set<std::string> ids;
  for (const std::string& record : records) {
    ASSIGN_OR_RETURN(const std::vector<HubDelivery> deliveries, book.DeliveriesOf(record));
    for (const HubDelivery& one : deliveries) ids.insert(one.id);
  }
  return ids;
}

absl::StatusOr<Hub::Preview::Outcome> OutcomeOf(HubBook& book, const std::string& id, bool is_new) {
  ASSIGN_OR_RETURN(std::optional<GoldenRecord> record, book.ReadRecord(id));
  ASSIGN_OR_RETURN(std::vector<MemberRow> rows, book.RowsOf(id));
  Hub::Preview::Outcome outcome{.record = record.value_or(GoldenRecord()), .rows = std::move(rows)};
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
    ASSIGN_OR_RETURN(const std::string alive, book.Alive(id));
    now.insert(alive);
  }
  // Those that were there first, then the new one.
  for (const bool is_new : {false, true}) {
    for (const std::string& id : now) {
      if ((named.count(id) == 0) != is_new) continue;
      ASSIGN_OR_RETURN(Hub::Preview::Outcome outcome, OutcomeOf(book, id, is_new));
      preview->records.push_back(std::move(outcome));
    }
  }
  ASSIGN_OR_RETURN(const std::set<std::string> after, DeliveriesOf(book, now));
  preview->withdrawn = static_cast<std::uint64_t>(std::count_if(
      before.begin(), before.end(), [&](const std::string& id) { return !after.contains(id); }));
  return absl::OkStatus();
}

}  // namespace

absl::Status TryIn(const HubRules& rules, const Hub::Trial& trial, const DeriveInput& input, HubBook* book,
                   Hub::Preview* preview) {
  if (trial.thawed) {
    ASSIGN_OR_RETURN(const std::size_t thawed, book->upkeep().Thaw(*trial.thawed));
    preview->thawed = thawed;
  }
  if (!trial.decision) return mirror::Derive(rules, input, book).status();
  ASSIGN_OR_RETURN(const std::set<std::string> named, NamedIn(*book, *trial.decision));
  ASSIGN_OR_RETURN(const std::set<std::string> before, DeliveriesOf(*book, named));
  ASSIGN_OR_RETURN(const Derived derived, mirror::Derive(rules, input, book));
  return TellRecords(*book, named, derived.decided, before, preview);
}

}  // namespace mirror
