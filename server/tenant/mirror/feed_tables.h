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

/// The mirror of a hub member notes here how its source announces tables. So a hub can distinguish rows that
/// disappear with their table from rows that users deleted. Stored as the document of kind "feed_tables".
/// Only tables with a journal are in it. Names are folded.
struct FeedTables {
  /// Tables that were announced. The value is an identity that the source reports. It differs if the table
  /// was replaced by another one of the same name. 0: the source cannot report it.
  std::map<std::string, std::uint64_t> identities = {};
  std::set<std::string> gone = {};  ///< Tables of `identities` that the last announcement omitted.
  /// Tables that appeared again, or were replaced under their name. The value is the cycle that announced it.
  /// The entry is removed when a hub has read the mirror after that.
  std::map<std::string, std::int64_t> remade = {};
  /// Somebody edited the document by hand. So any table may have appeared again or been replaced. The next
  /// announcement writes a new document.
  bool is_spoiled = false;
  friend bool operator==(const FeedTables&, const FeedTables&) = default;

  bool IsGone(const std::string& table) const;
  bool IsRemade(const std::string& table) const;
};

/// Reads the document; empty if there is none yet. Errors: as StoreRecords.
absl::StatusOr<FeedTables> ReadFeedTables(StoreRecords& records);
DocumentChange Write(const FeedTables& tables);

/// Returns `tables` after an announcement. `has_journal`: whether a table has a journal. If `tables` is
/// spoiled, all tables count as new ones.
FeedTables AtAnnouncement(FeedTables tables, const AnnounceRequest& request, const AnnounceView& view,
                          const std::function<bool(const std::string& table)>& has_journal);

/// Removes the notes that a hub has read in `read`. Keeps newer notes, and notes of a cycle that was not
/// complete when the hub read: until its population, the rows of a dropped table still exist.
FeedTables AtAcknowledgement(FeedTables tables, const FeedTables& read, std::int64_t completed_cycle);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_FEED_TABLES_H_
