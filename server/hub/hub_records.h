#ifndef MIRROR_SERVER_HUB_HUB_RECORDS_H_
#define MIRROR_SERVER_HUB_HUB_RECORDS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/hub/plan/hub_rules.h"
#include "server/hub/plan/hub_values.h"
#include "server/own_records/record.h"

// The tables of a hub, the same in every store: row types and columns. A change that adds a column also needs
// a new layout number.

namespace mirror {

/// Returns kFailedPrecondition, with a message for people: `where` has layout `found`, written by version
/// `program` of this program (empty: not known). This version reads layout `known`.
absl::Status OtherLayoutError(const std::string& storage, const std::string& where, std::int64_t found,
                              const std::string& program, std::int64_t known);

/// The digest of the rules that made the content of the other tables.
struct HubDigestRow {
  std::string digest;
};
struct HubFeedRow {
  std::string data_source;
  HubFeed feed = {};
};
/// A key in the index. It finds a row, or with row_id 0 a record.
struct HubKeyRow {
  std::string hash, entity;
  std::int64_t row_id = 0;
  std::string golden_id = {};
};
/// Two records that an operator parted, the lower id first.
struct HubApartRow {
  std::string golden_id, other_id;
};
/// A record that was merged into another one.
struct HubAliasRow {
  std::string golden_id, into_id;
};
/// The record for which an INSERT delivery was issued.
struct HubIssuedRow {
  std::string delivery_id, golden_id;
  std::int64_t at = 0;
};
/// The breaker's counts for a data source.
struct HubCountsRow {
  std::string data_source;
  std::int64_t rows = 0, writes = 0, inserts = 0;
};

const Record<HubDigestRow>& HubDigests();
const Record<HubState>& HubStates();
const Record<HubFeedRow>& HubFeeds();
/// `keys` is MemberRow::indexed.
const Record<MemberRow>& HubRows();
/// Reads only the references of rows, from the same table.
const Record<RowRef>& HubRowRefs();
/// `keys` is GoldenRecord::indexed; GoldenRecord::apart is a table of its own.
const Record<GoldenRecord>& HubRecords();
const Record<HubKeyRow>& HubKeyRows();
const Record<HubApartRow>& HubApartRows();
const Record<HubAliasRow>& HubAliases();
const Record<HubIssuedRow>& HubIssued();
/// `rank` is RankOf(). A delivery that is written here has no refusal.
const Record<HubDelivery>& HubDeliveries();
const Record<HubCountsRow>& HubCountRows();

/// Returns all of these.
std::vector<const OwnTable*> HubTables();

/// Returns the feeds by data source, with an empty one for each member without a row. Leaves out data sources
/// that are no longer members.
std::map<std::string, HubFeed> FeedsOf(const HubRules& rules, const std::vector<HubFeedRow>& rows);

/// Returns the rank of a delivery. By rank, parents are inserted before their children and deleted after
/// them.
std::int64_t RankOf(const HubRules& rules, const HubDelivery& delivery);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUB_RECORDS_H_
