#ifndef MIRROR_SERVER_HUB_PLAN_HUB_BOOK_H_
#define MIRROR_SERVER_HUB_PLAN_HUB_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/hub/plan/hub_values.h"

namespace mirror {

/// Who stands in the index under a key.
struct KeyOwners {
  std::vector<RowRef> rows;          ///< Rows that are found by it,
  std::vector<std::string> records;  ///< and records whose own values are.
};

/// What a derivation has to plan next.
struct HubWork {
  std::string golden_id = {};      ///< A record that something was read of; empty:
  std::optional<RowRef> row = {};  ///< a row without one; absent: nothing is left.
  std::string other_id = {};       ///< A record that is planned with it; empty: none.
};

/// Deliveries of a data source that are open or held, and its rows: what the breaker counts.
struct HubCounts {
  std::uint64_t rows = 0, writes = 0, inserts = 0;
  std::uint64_t fresh_writes = 0, fresh_inserts = 0;  ///< Of these, made by this derivation.
};

/// What is looked for in a whole book, and done to it, whatever is new. Errors and threads: as HubBook.
class HubUpkeep {
 public:
  virtual ~HubUpkeep() = default;

  virtual absl::StatusOr<std::vector<RowRef>> DoomedRows() = 0;
  struct Glance {
    std::int64_t row_id = 0;
    RowRef ref = {};
    bool has_other_word = false;  ///< Of an attribute it says something else than what stands there.
  };
  /// The next rows behind this row_id, in that order, a few at a time.
  virtual absl::StatusOr<std::vector<Glance>> RowsBehind(std::int64_t row_id) = 0;
  /// Ids of records that have had no row since this time or longer, the longest first, at most `limit`.
  virtual absl::StatusOr<std::vector<std::string>> EmptySince(std::int64_t at, std::size_t limit) = 0;
  /// The next ids of records of entities that the rules do not name, a few at a time.
  virtual absl::StatusOr<std::vector<std::string>> RecordsOfOthers() = 0;
  /// Nobody knows it any more, nor which others are in it, nor what was issued for them. It has neither rows
  /// nor deliveries.
  virtual absl::Status ForgetRecord(const GoldenRecord& record) = 0;
  /// The oldest INSERTs that were issued before this, at most `limit`: those that are open are as if they
  /// were issued `now`, and of the others nobody knows any more for which record they were.
  virtual absl::Status ForgetIssued(std::int64_t before, std::int64_t now, std::size_t limit) = 0;
  /// Frozen attributes of one record, or with an empty id of all, which are planned again by the next
  /// derivation. Gives how many records.
  virtual absl::StatusOr<std::size_t> Thaw(const std::string& golden_id) = 0;
};

/// The hub file within one transaction: read and written row by row, so that no derivation needs the memory
/// for all. Errors of every call: kUnavailable (the disk; nothing of the transaction stays), kDataLoss.
/// Threads: one.
class HubBook {
 public:
  virtual ~HubBook() = default;

  virtual absl::StatusOr<HubState> ReadState() = 0;
  virtual absl::Status WriteState(const HubState& state) = 0;
  virtual absl::StatusOr<std::map<std::string, HubFeed>> ReadFeeds() = 0;
  virtual absl::Status WriteFeed(const std::string& data_source, const HubFeed& feed) = 0;

  virtual absl::StatusOr<std::optional<MemberRow>> ReadRow(const RowRef& ref) = 0;
  virtual absl::StatusOr<std::vector<MemberRow>> RowsOf(const std::string& golden_id) = 0;
  /// Rows of a table that were not read at `read_at`, a few at a time: the caller reads or removes them.
  virtual absl::StatusOr<std::vector<RowRef>> UnreadRows(const std::string& data_source,
                                                         const std::string& table, std::int64_t read_at) = 0;
  /// Makes or replaces it; it stands in the index under `keys` alone from here on.
  virtual absl::Status WriteRow(const MemberRow& row, const KeyHashes& keys) = 0;
  virtual absl::Status RemoveRow(const MemberRow& row) = 0;

  virtual absl::StatusOr<std::optional<GoldenRecord>> ReadRecord(const std::string& id) = 0;
  virtual absl::Status WriteRecord(const GoldenRecord& record, const KeyHashes& keys) = 0;
  /// It is in the other one from here on.
  virtual absl::Status MergeRecord(const GoldenRecord& gone, const std::string& into) = 0;
  /// The record that it is, or is in by now; empty: there is none.
  virtual absl::StatusOr<std::string> Alive(const std::string& golden_id) = 0;
  /// For which record an INSERT was issued; empty: nobody knows.
  virtual absl::StatusOr<std::string> IssuedFor(const std::string& delivery_id) = 0;
  virtual absl::Status WriteIssued(const std::string& delivery_id, const std::string& golden_id,
                                   std::int64_t at) = 0;

  virtual absl::StatusOr<KeyOwners> FoundBy(const std::string& entity, const std::string& hash) = 0;
  virtual absl::StatusOr<HubWork> NextWork() = 0;

  virtual absl::StatusOr<std::vector<HubDelivery>> DeliveriesOf(const std::string& golden_id) = 0;
  /// Open deliveries of a data source in the order in which they are handed out, until `take` gives false.
  using TakeOne = std::function<absl::StatusOr<bool>(HubDelivery delivery)>;
  virtual absl::Status ReadOpen(const std::string& data_source, const TakeOne& take) = 0;
  virtual absl::Status WriteDelivery(const HubDelivery& delivery) = 0;
  virtual absl::Status RemoveDelivery(const HubDelivery& delivery) = 0;
  /// Others go before it from here on. Nothing where it is gone.
  virtual absl::Status NoteRefused(const std::string& delivery_id, const Refusal& refusal) = 0;

  virtual absl::StatusOr<std::map<std::string, HubCounts>> CountAll() = 0;
  /// Deliveries that this derivation made, that are held or dropped, or that are open and were refused; the
  /// oldest first, until `take` gives false.
  enum class Which : std::uint8_t { kFresh, kHeld, kDropped, kRefused };
  virtual absl::Status ReadDeliveries(Which which, const TakeOne& take) = 0;
  /// What this derivation made waits for an operator.
  virtual absl::Status HoldFresh(const std::string& data_source, bool inserts) = 0;
  virtual absl::Status EndFresh() = 0;

  virtual HubUpkeep& upkeep() = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_HUB_BOOK_H_
