#ifndef MIRROR_SERVER_TENANT_MIRROR_FEED_TABLES_H_
#define MIRROR_SERVER_TENANT_MIRROR_FEED_TABLES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "server/plan/announce_plan.h"
#include "server/plan/plan.h"
#include "server/store/store_records.h"

namespace mirror {

/// The mirror of a hub member notes here how its source announces the tables, so that rows
/// that disappear with a table do not count as deleted by users. Stored as the document of
/// kind "feed_tables". It contains only tables with a journal. Names are folded.
struct FeedTables {
  /// Tables that were announced. Value: an identity that the source reports and that differs
  /// if a table was replaced by another one of the same name; 0: the source cannot report it.
  std::map<std::string, std::uint64_t> identities = {};
  std::set<std::string> gone = {};  ///< Tables of `identities` that the last announcement omitted.
  /// Tables that returned, or were replaced under their name. Value: the cycle
  /// that announced it. A hub that has read the mirror since then removes them.
  std::map<std::string, std::int64_t> remade = {};
  /// The document was edited by hand: any table may have returned or
  /// been replaced. The next announcement writes the document anew.
  bool is_spoiled = false;
  friend bool operator==(const FeedTables&, const FeedTables&) = default;

  bool IsGone(const std::string& table) const;
  bool IsRemade(const std::string& table) const;
};

/// Empty: there is no document yet. Errors: as StoreRecords.
absl::StatusOr<FeedTables> ReadFeedTables(StoreRecords& records);
DocumentChange Write(const FeedTables& tables);

/// Returns `tables` as of an announcement. `has_journal`: whether a table
/// has a journal. If `tables` is spoiled, all of them count as returned.
FeedTables AtAnnouncement(FeedTables tables, const AnnounceRequest& request, const AnnounceView& view,
                          const std::function<bool(const std::string& table)>& has_journal);

/// Removes what a hub has read. Notes added after `read` was read are kept. So are notes of a cycle that
/// was not completed at that time: the rows of a dropped table are still there until its population.
FeedTables AtAcknowledgement(FeedTables tables, const FeedTables& read, std::int64_t completed_cycle);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_FEED_TABLES_H_
