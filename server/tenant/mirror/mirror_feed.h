#ifndef MIRROR_SERVER_TENANT_MIRROR_MIRROR_FEED_H_
#define MIRROR_SERVER_TENANT_MIRROR_MIRROR_FEED_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/plan/comparison.h"
#include "server/plan/plan.h"
#include "server/store/store_records.h"

namespace mirror {

/// A mirror of a hub member keeps this about the hub that reads it and the source that
/// writes it: the document of kind "feed". It is in the mirror itself: after a restore of
/// an older mirror, source or hub the two sides do not agree, which shows the restore.
struct MirrorFeed {
  std::string journal_id;   ///< Random id of this mirror's journal; empty: there is no document yet.
  std::int64_t number = 0;  ///< Number of the journal entry up to which the hub has read.
  std::string token;        ///< Token of the hub's commit that did so; empty: no hub has read.
  /// The last completed cycle that the source recorded: it sent rows, or followed a broken cycle.
  std::int64_t data_cycle = 0;
  std::int64_t source_older =
      0;  ///< The last cycle at whose begin the source knew fewer cycles than the mirror,
  std::int64_t mirror_older = 0;  ///< or more.
  bool follows_broken = false;    ///< The running cycle's source does not know how the previous cycle ended.
  bool left_out = false;          ///< A hub has read it, and its journal is no longer kept.
  std::int64_t erased = 0;        ///< Number of erasures of data that a hub may have read.
  /// Tables that the last completed cycle did not bring, by folded name: rows for them in the
  /// source's record are missing here. If there are more than kUnsentMax: only kAnyTable.
  std::set<std::string> unsent = {};
  /// The document was edited by hand. Everything else is as in a new feed: a hub takes
  /// the mirror for another one, and suspends its members until an operator decides.
  bool is_spoiled = false;
  friend bool operator==(const MirrorFeed&, const MirrorFeed&) = default;

  static constexpr std::size_t kUnsentMax = 100;
  static constexpr char kAnyTable[] = "*";  ///< Not a possible table name.
  bool LacksRowsOf(const std::string& table) const;
};

/// The cycles that a source reports at the begin of one, see AuthenticateRequest.
struct SourceCycles {
  std::int64_t completing = 0, completed = 0;
};

/// Missing members have the values of a new feed. Errors: as StoreRecords.
absl::StatusOr<MirrorFeed> ReadFeed(StoreRecords& records);
DocumentChange Write(const MirrorFeed& feed);
/// Returns the feed with a journal_id of its own, if it had none, and no longer spoiled.
MirrorFeed WithJournal(MirrorFeed feed);

/// Returns the feed as of the begin of `cycle`: compares the cycles known to mirror and source.
MirrorFeed AtBegin(MirrorFeed feed, const SourceCycles& known, const TenantRecord& tenant,
                   std::int64_t cycle);
/// The same for a source that keeps no record: in this cycle it did not know what it had sent.
MirrorFeed AtRestored(MirrorFeed feed, std::int64_t cycle);
/// Counts that the plan's commit erases data that a hub may have read. Errors: those of ReadFeed().
absl::Status NoteErased(StoreRecords& records, Plan* plan);
/// Returns the feed as of the completion of the running cycle.
MirrorFeed AtCompletion(MirrorFeed feed, const TenantRecord& tenant, const std::vector<UnsentTable>& unsent);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_MIRROR_FEED_H_
