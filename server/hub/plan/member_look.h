#ifndef MIRROR_SERVER_HUB_PLAN_MEMBER_LOOK_H_
#define MIRROR_SERVER_HUB_PLAN_MEMBER_LOOK_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/exchange/ledger.h"
#include "server/hub/plan/hub_values.h"
#include "server/hub/plan/read_row.h"

namespace mirror {

/// Facts about a mirror that the hub needs before it reads the mirror.
struct LookHead {
  HubAnchor anchor;             ///< What the mirror has stored about the hub.
  std::int64_t last_entry = 0;  ///< Number of the last entry in its journal.
  std::int64_t completed_cycle = 0;
  std::int64_t source_older = 0;  ///< The last cycle at whose begin the source seemed older than the mirror.
  std::int64_t mirror_older = 0;  ///< The last cycle at whose begin the mirror seemed older than its source.
  bool always_whole = false;      ///< A data source of records: each commit is a complete state.
  std::int64_t erased = 0;        ///< Number of times that data was erased in the mirror.
  std::int64_t floor = 0;         ///< Entries up to this number no longer exist.
  /// Tables of the member that were missing, or dropped and created again, since a hub read the mirror.
  std::set<std::string> remade = {};
};
/// Returns whether a cycle was completed since a member was suspended.
inline bool IsBehind(const LookHead& head, std::int64_t suspended) {
  return head.always_whole || head.completed_cycle > suspended;
}

/// One piece of news from the journal.
struct JournalNews {
  std::string table;
  std::string key;     ///< KeyJson(); empty: any row of the table.
  bool ended = false;  ///< A row with this key was deleted, even if one exists now.
};

/// A row of `_mirror_ledger`.
struct LedgerEntry {
  std::string delivery_id;
  std::int64_t number = 0;
  HubOperation operation = HubOperation::kUpdate;
  std::string table, key;
  Wrote wrote = {};
  std::optional<Refusal> refused = {};  ///< Absent: it was applied.
};

/// A member after its last completed cycle, in one snapshot. Errors of every call: those of Snapshot.
/// Threads: one.
class MemberLook {
 public:
  virtual ~MemberLook() = default;

  virtual const LookHead& head() const = 0;
  /// Returns the salt of the journal's entry with this number, or of its floor. Absent: there is no such
  /// entry.
  virtual absl::StatusOr<std::optional<std::int64_t>> SaltOf(std::int64_t number) = 0;

  using TakeNews = std::function<absl::Status(const JournalNews& news)>;
  /// Reads the journal's entries above `number` for the member's tables, in order. Leaves out the ledger's.
  virtual absl::Status ReadNews(std::int64_t number, const TakeNews& take) = 0;

  /// Reads the ledger's entries with a number above `above`, in order. `since`: after this entry the journal
  /// names all of them; absent: it may not.
  virtual absl::StatusOr<std::vector<LedgerEntry>> ReadLedger(std::int64_t above,
                                                              std::optional<std::int64_t> since) = 0;
  /// Returns the number of the last entry, applied or refused; 0: there is none.
  virtual absl::StatusOr<std::int64_t> LastLedgerNumber() = 0;

  virtual absl::StatusOr<std::optional<SourceRow>> ReadRow(const HubMember& member,
                                                           const std::string& key) = 0;
  /// Returns columns whose values the database may return in another form than before, for example after a
  /// change of their type. `whole`: the table may have been sent whole because of that; then ANY columns are
  /// among them.
  virtual const FormedColumns& FormsOf(const HubMember& /*member*/, bool /*whole*/) {
    static const FormedColumns kNone;
    return kNone;
  }
  using TakeRow = std::function<absl::Status(const std::string& key, SourceRow row)>;
  /// Reads all rows of a table, in key order.
  virtual absl::Status ReadRows(const HubMember& member, const TakeRow& take) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_MEMBER_LOOK_H_
