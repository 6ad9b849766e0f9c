#ifndef MIRROR_SERVER_TENANT_MIRROR_MIRROR_FEED_H_
#define MIRROR_SERVER_TENANT_MIRROR_MIRROR_FEED_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/plan/comparison.h"
#include "server/plan/plan.h"
#include "server/store/store_records.h"

namespace mirror {

/// What a mirror knows of the hub that reads it, and of the source that writes it, beyond what every mirror
/// knows: the document of kind "feed". It stands in the mirror itself, so that whoever puts back a backup of
/// the mirror, of the source or of the hub leaves two that do not agree.
struct MirrorFeed {
  std::string journal_id;   ///< Random, of this mirror's journal; empty: there is no document yet.
  std::int64_t number = 0;  ///< Entry of the journal up to which the hub has read.
  std::string token;        ///< Of the hub's commit that did; empty: no hub has.
  /// The last completed cycle of which the source keeps a note: one that sent rows, or followed a broken one.
  std::int64_t data_cycle = 0;
  std::int64_t source_older =
      0;  ///< The last cycle at whose begin the source knew of fewer cycles than this,
  std::int64_t mirror_older = 0;  ///< or of more.
  bool follows_broken = false;    ///< The running cycle's source does not know how the one before ended.
  bool left_out = false;          ///< A hub has read it, and its journal is not kept any more.
  std::int64_t erased = 0;        ///< How often something was erased that a hub may know.
  /// Tables that the last completed cycle did not bring, by folded name: whose rows its ledger tells of are
  /// not there. More than kUnsentMax: kAnyTable alone.
  std::set<std::string> unsent = {};
  /// Somebody changed the document by hand. All else is as in a feed that was just made: a hub takes the
  /// mirror for another one, and suspends its members until an operator says what counts.
  bool is_spoiled = false;
  friend bool operator==(const MirrorFeed&, const MirrorFeed&) = default;

  static constexpr std::size_t kUnsentMax = 100;
  static constexpr char kAnyTable[] = "*";  ///< No name of a table that is sent.
  bool LacksRowsOf(const std::string& table) const;
};

/// What a source says of its cycles at the begin of one, see AuthenticateRequest.
struct SourceCycles {
  std::int64_t completing = 0, completed = 0;
};

/// Absent members are as in a feed that was just made. Errors: as StoreRecords.
absl::StatusOr<MirrorFeed> ReadFeed(StoreRecords& records);
DocumentChange Write(const MirrorFeed& feed);
/// With a journal_id of its own, unless it has one, and not spoiled any more.
MirrorFeed WithJournal(MirrorFeed feed);

/// As `cycle` begins: whether mirror and source know of the same cycles.
MirrorFeed AtBegin(MirrorFeed feed, const SourceCycles& known, const TenantRecord& tenant,
                   std::int64_t cycle);
/// The same of a source that keeps no notes: in this cycle it did not know what it had sent.
MirrorFeed AtRestored(MirrorFeed feed, std::int64_t cycle);
/// Something that a hub may know is erased by the commit of this plan. Errors: those of ReadFeed().
absl::Status NoteErased(StoreRecords& records, Plan* plan);
/// As the running cycle is completed.
MirrorFeed AtCompletion(MirrorFeed feed, const TenantRecord& tenant, const std::vector<UnsentTable>& unsent);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_MIRROR_FEED_H_
