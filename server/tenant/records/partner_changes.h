#ifndef MIRROR_SERVER_TENANT_RECORDS_PARTNER_CHANGES_H_
#define MIRROR_SERVER_TENANT_RECORDS_PARTNER_CHANGES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/batch.h"
#include "proto/wire/row_block.h"
#include "server/plan/column_rules.h"
#include "server/plan/plan.h"
#include "server/records/record_merge.h"
#include "server/records/record_request.h"
#include "server/store/store.h"
#include "server/tenant/records/records_form.h"

namespace mirror {

/// Bytes of the rows that one transaction may be about, as they are stored. They are in memory until it is
/// done.
inline constexpr std::uint64_t kStoredBytesMax = 32 << 20;
/// Values of their records, see JsonLimits::values_max. An upsert of one attribute takes the whole stored
/// record apart, under the tenant's writer lock: a short request could be a long one.
inline constexpr std::size_t kStoredValuesMax = 1'000'000;

/// The rows that some requests are about, and what these make of them one behind the other: each sees what
/// those before it leave. What is given to it outlives it, and it outlives the step that it added to.
/// Threads: none.
class PartnerChanges {
 public:
  PartnerChanges(const RecordsForm& form, const ColumnRules& rules, std::int64_t now_ms)
      : form_(form), rules_(rules), now_ms_(now_ms) {}

  /// First: what is stored of the rows. Errors: as Store; kOutOfRange: that is more than kStoredBytesMax,
  /// or kStoredValuesMax.
  absl::Status Read(StoreRecords& records, const std::vector<const RecordRequest*>& requests);
  /// What the request does, into `outcome`; see TakeBack().
  void Apply(const RecordRequest& request, RecordOutcome* outcome);
  /// Directly behind a request of RecordRequest::all_or_nothing: it did nothing.
  void TakeBack();
  /// What is to be written, at the end. Errors: those of the column rules.
  absl::Status AddTo(Step* step);

  /// Whether that removes a row.
  bool has_removed() const { return has_removed_; }

 private:
  struct Known {
    bool is_stored = false;   ///< It was there when it was read.
    bool is_removed = false;  ///< That went since then; what came again is a new row.
    bool is_changed = false;
    std::optional<PartnerRow> row = std::nullopt;  ///< As it will be. Absent: it is not there.
    /// Columns that came since it was read: where not all are kept as they come, of the others only the form
    /// in which they are kept is known.
    std::set<std::uint32_t> touched = {};
  };
  /// What is written of some rows.
  struct Change {
    RowBlock block;
    ChangeBatch batch;
    RuledValues ruled;
  };
  using Items = std::vector<std::size_t>;  ///< Places in a request.
  using Ids = std::vector<std::string>;

  absl::Status ReadRows(StoreRecords& records, const TableSchema& kept, const Ids& ids);
  Known& Touch(const RecordRequest& request, const std::string& external_id);
  void Upsert(const RecordRequest& request, RecordOutcome* outcome);
  void UpsertOne(const RecordRequest& request, const Items& items, RecordOutcome* outcome);
  void Delete(const RecordRequest& request, RecordOutcome* outcome);
  void BeginRow(const std::string& external_id, std::size_t more, PartnerRow* row);
  absl::Status AddChange(Operation operation, const std::vector<const PartnerRow*>& rows,
                         const std::vector<std::uint32_t>& columns, Step* step);
  std::vector<std::uint32_t> AllColumns() const;
  std::vector<std::uint32_t> UpdatedColumns(const Known& known) const;

  const RecordsForm& form_;
  const ColumnRules& rules_;
  const std::int64_t now_ms_;
  std::map<std::string, Known> rows_;
  std::map<std::string, Known> before_;  ///< Of a request that may be taken back, as it found them.
  std::vector<std::string> new_ids_;
  std::deque<Change> changes_;
  bool has_removed_ = false;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_RECORDS_PARTNER_CHANGES_H_
