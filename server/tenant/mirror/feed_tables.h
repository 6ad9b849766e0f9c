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

/// What a mirror of a hub's member notes of its tables as their source announces them, so that rows that went
/// with a table do not count as deleted by users: the document of kind "feed_tables". Only tables with a
/// journal stand in it. Names are folded.
struct FeedTables {
  /// Tables that were announced. Value: what tells a table from another one under its name, as the source
  /// told it last; 0: the source cannot tell.
  std::map<std::string, std::uint64_t> identities = {};
  std::set<std::string> gone = {};  ///< Of these, tables that the last announcement did not name.
  /// Tables that came back, or are others under their name. Value: the cycle that announced them so. A hub
  /// that has read the mirror since takes them out.
  std::map<std::string, std::int64_t> remade = {};
  /// Somebody changed the document by hand: any table may have come back, or be another one. The next
  /// announcement writes the document anew.
  bool is_spoiled = false;
  friend bool operator==(const FeedTables&, const FeedTables&) = default;

  bool IsGone(const std::string& table) const;
  bool IsRemade(const std::string& table) const;
};

/// Empty: there is no document yet. Errors: as StoreRecords.
absl::StatusOr<FeedTables> ReadFeedTables(StoreRecords& records);
DocumentChange Write(const FeedTables& tables);

/// Returns `tables` after an announcement. `has_journal`: whether a table has a journal. Spoiled ones all
/// came back.
FeedTables AtAnnouncement(FeedTables tables, const AnnounceRequest& request, const AnnounceView& view,
                          const std::function<bool(const std::string& table)>& has_journal);

/// Takes out what a hub has read. What was noted after `read` was read stays. So does what a cycle noted that
/// was not completed when it was read: the rows that went with a table are still there until its population.
FeedTables AtAcknowledgement(FeedTables tables, const FeedTables& read, std::int64_t completed_cycle);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_FEED_TABLES_H_
