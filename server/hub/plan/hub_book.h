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

/// The rows and records that the index finds by a key.
struct KeyOwners {
  std::vector<RowRef> rows;          ///< Rows with this key.
  std::vector<std::string> records;  ///< Records whose own values have this key.
};

/// The next thing that a derivation has to plan.
struct HubWork {
  std::string golden_id = {};      ///< A record with news. Empty: see `row`.
  std::optional<RowRef> row = {};  ///< A row without a record. Absent, with an empty `golden_id`: there is no
                                   ///< more work.
  std::string other_id = {};       ///< A record to plan together with it; empty: none.
};

/// The breaker's counts: open and held deliveries of a data source, and its rows.
struct HubCounts {
  std::uint64_t rows = 0, writes = 0, inserts = 0;
  std::uint64_t fresh_writes = 0, fresh_inserts = 0;  ///< The part of these that this derivation made.
};

/// Upkeep that searches and changes a whole book, not only what is new. Errors and threads: as HubBook.
class HubUpkeep {
 public:
  virtual ~HubUpkeep() = default;

  virtual absl::StatusOr<std::vector<RowRef>> DoomedRows() = 0;
  struct Glance {
    std::int64_t row_id = 0;
    RowRef ref = {};
    bool has_other_word = false;  ///< For some attribute Said::word differs from the value in the row.
  };
  /// Returns the next rows with a higher row_id, in that order, a few at a time.
  virtual absl::StatusOr<std::vector<Glance>> RowsAfter(std::int64_t row_id) = 0;
  /// Returns ids of records that have had no row since this time, the longest first, at most `limit`.
  virtual absl::StatusOr<std::vector<std::string>> EmptySince(std::int64_t at, std::size_t limit) = 0;
  /// Returns the next ids of records of entities that the rules do not name, a few at a time.
  virtual absl::StatusOr<std::vector<std::string>> RecordsOfOthers() = 0;
  /// Forgets a record, the records that were merged into it, and the INSERTs that were issued for them. The
  /// record must have neither rows nor deliveries.
  virtual absl::Status ForgetRecord(const GoldenRecord& record) = 0;
  /// Handles the oldest INSERTs that were issued before this time, at most `limit`. Open ones get the issue
  /// time `now`. For the others the hub forgets for which record they were issued.
  virtual absl::Status ForgetIssued(std::int64_t before, std::int64_t now, std::size_t limit) = 0;
  /// Unfreezes the attributes of one record, or of all if the id is empty; the next derivation
  /// plans them again. Returns the number of records.
  virtual absl::StatusOr<std::size_t> Thaw(const std::string& golden_id) = 0;
};

/// The hub's file within one transaction. It is read and written row by row, so that no derivation needs
/// memory for all. Errors of every call: kUnavailable: the disk, and nothing of the transaction is left;
/// kDataLoss. Threads: one.
class HubBook {
 public:
  virtual ~HubBook() = default;

  virtual absl::StatusOr<HubState> ReadState() = 0;
  virtual absl::Status WriteState(const HubState& state) = 0;
  virtual absl::StatusOr<std::map<std::string, HubFeed>> ReadFeeds() = 0;
  virtual absl::Status WriteFeed(const std::string& data_source, const HubFeed& feed) = 0;

  virtual absl::StatusOr<std::optional<MemberRow>> ReadRow(const RowRef& ref) = 0;
  virtual absl::StatusOr<std::vector<MemberRow>> RowsOf(const std::string& golden_id) = 0;
  /// Returns rows of a table that were not read at `read_at`, a few at a time. The caller reads or removes
  /// them.
  virtual absl::StatusOr<std::vector<RowRef>> UnreadRows(const std::string& data_source,
                                                         const std::string& table, std::int64_t read_at) = 0;
  /// Inserts or replaces a row. From then on the index has it only under `keys`.
  virtual absl::Status WriteRow(const MemberRow& row, const KeyHashes& keys) = 0;
  virtual absl::Status RemoveRow(const MemberRow& row) = 0;

  virtual absl::StatusOr<std::optional<GoldenRecord>> ReadRecord(const std::string& id) = 0;
  virtual absl::Status WriteRecord(const GoldenRecord& record, const KeyHashes& keys) = 0;
  /// Notes that `gone` is merged into another record.
  virtual absl::Status MergeRecord(const GoldenRecord& gone, const std::string& into) = 0;
  /// Returns the record, or the one into which it was merged; empty: there is none.
  virtual absl::StatusOr<std::string> Alive(const std::string& golden_id) = 0;
  /// Returns the record for which an INSERT was issued; empty: not known.
  virtual absl::StatusOr<std::string> IssuedFor(const std::string& delivery_id) = 0;
  virtual absl::Status WriteIssued(const std::string& delivery_id, const std::string& golden_id,
                                   std::int64_t at) = 0;

  virtual absl::StatusOr<KeyOwners> FoundBy(const std::string& entity, const std::string& hash) = 0;
  virtual absl::StatusOr<HubWork> NextWork() = 0;

  virtual absl::StatusOr<std::vector<HubDelivery>> DeliveriesOf(const std::string& golden_id) = 0;
  /// Reads open deliveries of a data source, in the order in which they are returned to it, until `take`
  /// returns false.
  using TakeOne = std::function<absl::StatusOr<bool>(HubDelivery delivery)>;
  virtual absl::Status ReadOpen(const std::string& data_source, const TakeOne& take) = 0;
  virtual absl::Status WriteDelivery(const HubDelivery& delivery) = 0;
  virtual absl::Status RemoveDelivery(const HubDelivery& delivery) = 0;
  /// Notes a refusal. From then on other deliveries are returned first. Does nothing if the delivery does not
  /// exist.
  virtual absl::Status NoteRefused(const std::string& delivery_id, const Refusal& refusal) = 0;

  virtual absl::StatusOr<std::map<std::string, HubCounts>> CountAll() = 0;
  /// Reads deliveries of one kind: those that this derivation made, held ones, dropped ones, or open ones
  /// that were refused. The oldest first, until `take` returns false.
  enum class Which : std::uint8_t { kFresh, kHeld, kDropped, kRefused };
  virtual absl::Status ReadDeliveries(Which which, const TakeOne& take) = 0;
  /// Holds the deliveries that this derivation made, for an operator.
  virtual absl::Status HoldFresh(const std::string& data_source, bool inserts) = 0;
  virtual absl::Status EndFresh() = 0;

  virtual HubUpkeep& upkeep() = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_HUB_BOOK_H_
