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

/// Values that the mirror of a hub member stores about the hub that reads it and the source that writes to
/// it: the document of kind "feed". It is stored in the mirror itself. If an older mirror, source or hub is
/// restored, the records of two sides differ, and so the restore is noticed.
struct MirrorFeed {
  std::string journal_id;   ///< Random id of the mirror's journal; empty: there is no document yet.
  std::int64_t number = 0;  ///< The hub has read the journal up to the entry with this number.
  std::string token;        ///< Token of the commit in which the hub did so; empty: no hub has read the
                            ///< mirror.
  /// The last completed cycle that the source recorded: a cycle that sent rows, or that followed an
  /// interrupted one.
  std::int64_t data_cycle = 0;
  std::int64_t source_older =
      0;  ///< The last cycle at whose begin the source knew fewer cycles than the mirror,
  std::int64_t mirror_older = 0;  ///< or more.
  bool follows_broken = false;    ///< The source of the running cycle does not know how the previous cycle
                                  ///< ended.
  bool left_out = false;          ///< A hub has read the mirror, but its journal is no longer kept.
  std::int64_t erased = 0;        ///< Number of erasures of data that a hub may have read.
  /// Tables that the last completed cycle could not send, by folded name: the mirror lacks rows of them that
  /// the source's record has. If there are more than kUnsentMax: only kAnyTable.
  std::set<std::string> unsent = {};
  /// Somebody edited the document by hand. All other members are as in a new feed. So a hub takes the mirror
  /// for another one, and suspends its members until an operator decides.
  bool is_spoiled = false;
  friend bool operator==(const MirrorFeed&, const MirrorFeed&) = default;

  static constexpr std::size_t kUnsentMax = 100;
  static constexpr char kAnyTable[] = "*";  ///< Not a possible table name.
  bool LacksRowsOf(const std::string& table) const;
};

/// The cycles of which a source reports at the begin of a cycle, see AuthenticateRequest.
struct SourceCycles {
  std::int64_t completing = 0, completed = 0;
};

/// Reads the feed. Missing members have the values of a new feed. Errors: as StoreRecords.
absl::StatusOr<MirrorFeed> ReadFeed(StoreRecords& records);
DocumentChange Write(const MirrorFeed& feed);
/// Returns `feed` with a journal_id, a new one if it had none, and not spoiled.
MirrorFeed WithJournal(MirrorFeed feed);

/// Returns `feed` after the begin of `cycle`: it compares the cycles that mirror and source know.
MirrorFeed AtBegin(MirrorFeed feed, const SourceCycles& known, const TenantRecord& tenant,
                   std::int64_t cycle);
/// Does the same for a source that keeps no record: in this cycle the source did not know what it had sent.
MirrorFeed AtRestored(MirrorFeed feed, std::int64_t cycle);
/// Counts that the plan's commit erases data that a hub may have read. Errors: those of ReadFeed().
absl::Status NoteErased(StoreRecords& records, Plan* plan);
/// Returns `feed` after the completion of the running cycle.
MirrorFeed AtCompletion(MirrorFeed feed, const TenantRecord& tenant, const std::vector<UnsentTable>& unsent);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_MIRROR_FEED_H_
