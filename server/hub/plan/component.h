#ifndef MIRROR_SERVER_HUB_PLAN_COMPONENT_H_
#define MIRROR_SERVER_HUB_PLAN_COMPONENT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/hub/plan/hub_book.h"
#include "server/hub/plan/hub_values.h"

namespace mirror {

/// Order of the rows of a hub: by data source as the rules name them, table, key. Keys of one length are
/// ordered by bytes, shorter ones first: so whole numbers are ordered by value.
struct RowOrder {
  const HubRules* rules = nullptr;
  bool operator()(const RowRef& a, const RowRef& b) const;
};

/// Returns the keys by which the rows of a record were found, for a record that has no row any more.
KeyHashes RememberedKeys(const GoldenRecord& record);

/// Records that share match keys, with all their rows. They are planned together, because a change of one may
/// concern the others. The plans change this object in place.
struct Component {
  const HubRules* rules = nullptr;
  const HubEntity* entity = nullptr;
  std::map<RowRef, MemberRow, RowOrder> rows;
  std::map<std::string, GoldenRecord> records;    ///< By id.
  std::map<std::string, std::string> merged;      ///< The id of a merged record, and the id of the record
                                                  ///< into which it was merged.
  std::map<std::string, HubDelivery> deliveries;  ///< By id.
  std::vector<std::string> issued;                ///< Ids of new INSERTs.
  /// Hashes of those keys of the records' own values that rows of other components have, too.
  KeyHashes found_elsewhere;

  bool hold = false;  ///< All new deliveries wait for an operator.
  std::int64_t records_before =
      0;  ///< Numbers of new records are above this, in the order of their first rows.
  std::int64_t* last_delivery = nullptr;  ///< Number of the last delivery.
  /// Make new random ids: for a record that begins with the row `founder`, and for a delivery.
  std::function<std::string(const MemberRow& founder)> record_id;
  std::function<std::string(const HubDelivery& delivery)> delivery_id;

  std::vector<MemberRow*> RowsOf(const std::string& golden_id);
  /// Returns the record, or the one into which it was merged; null: there is none.
  GoldenRecord* Alive(std::string golden_id);
  /// Moves everything of the record `other`, whose rows are `moving`, into the record `into`. Both are in
  /// this component. Afterwards they no longer count as parted by an operator.
  void Unite(const std::string& into, const std::string& other, const std::vector<MemberRow*>& moving);
};

/// A component as read from the book, with its former state. So only differences are written.
struct LoadedComponent {
  Component now;
  Component was;
  KeyHashes looked;  ///< Keys whose owners are all in the component.
};

/// Loads all records and rows that may concern the ones in `work`: those themselves, the ones that share a
/// key with them, and so on. Errors: the book's.
absl::StatusOr<LoadedComponent> LoadComponent(const HubRules& rules, const HubWork& work, HubBook* book);
/// Finds which of the component's own keys rows of other components have, too. Called after GoldenPlan().
/// Errors: the book's.
absl::Status LoadOtherMembers(HubBook* book, LoadedComponent* component);
/// Writes what the plans changed, and clears its work. `at`: the hub's time. Errors: the book's.
absl::Status SaveComponent(LoadedComponent component, std::int64_t at, HubBook* book);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_COMPONENT_H_
