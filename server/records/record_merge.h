#ifndef MIRROR_SERVER_RECORDS_RECORD_MERGE_H_
#define MIRROR_SERVER_RECORDS_RECORD_MERGE_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/json_document.h"
#include "server/records/record_mapper.h"
#include "server/records/record_request.h"

namespace mirror {

/// Message for a `record` that is not JSON: the quotes inside it are nearly always the cause.
inline constexpr char kWrongQuotes[] = "Incorrect record quote escaping";

/// Parses a record that came as text into its members. Errors:
/// kInvalidArgument: why the row is rejected, for people.
absl::StatusOr<std::vector<RecordAttribute>> ParseRecord(std::string_view text);
/// The same for a record that came as JSON; `leave_out`: members that do not belong to the record.
absl::StatusOr<std::vector<RecordAttribute>> AttributesOf(
    const JsonView& object, const std::vector<std::string_view>& leave_out = {});
/// Checks for 1 to 256 characters without control characters. Errors: kInvalidArgument, as above.
absl::Status CheckExternalId(std::string_view external_id);

/// A row of kPartnerTable.
struct PartnerRow {
  std::string external_id, id, created_at, modified_at;
  std::optional<std::string> record;                ///< Absent: the source keeps none.
  std::vector<std::optional<std::string>> columns;  ///< The columns after kOwnPartnerColumns.
  friend bool operator==(const PartnerRow&, const PartnerRow&) = default;
};

/// Limit for a record with everything merged into it; if the record is not kept, for its columns.
inline constexpr std::size_t kRecordBytesMax = 4 << 20;
/// Attributes are limited to the number of columns that a file may have, values to
/// JsonLimits::values_max: a change of one attribute parses all of them. Records of
/// older servers may have more. Such records can be read and changed, but must not grow.
inline constexpr std::size_t kRecordAttributesMax = 2'000;
inline constexpr std::size_t kRecordValuesMax = 100'000;

/// A row of kPartnerTable while items are merged into it. Its record is parsed once and written once,
/// however many items there are. An attribute that an item lacks keeps its value; null clears it.
/// Threads: none.
class MergedPartner {
 public:
  /// A new row. `mapper` outlives it. `keeps_record`: the record is stored as well as its columns.
  MergedPartner(const RecordMapper& mapper, bool keeps_record)
      : mapper_(mapper), keeps_record_(keeps_record) {}
  /// An existing row.
  MergedPartner(const RecordMapper& mapper, bool keeps_record, PartnerRow row)
      : mapper_(mapper), keeps_record_(keeps_record), was_there_(true), row_(std::move(row)) {}

  /// Returns whether the item changes something; always true if no record is kept, as that is unknown
  /// then. Errors: kInvalidArgument: why the item is rejected, for people; the row is unchanged then.
  absl::StatusOr<bool> Merge(const RecordItem& item);
  /// The members that do not come from its attributes.
  PartnerRow& row() { return row_; }
  /// Returns the merged row. The object must not be used afterwards.
  PartnerRow Take();

 private:
  /// Index of each attribute of an item, in the mapper or in attributes_. Absent: it is not there.
  using Places = std::vector<std::optional<std::size_t>>;
  struct Size {
    std::size_t bytes = 1, values = 1, attributes = 0;
    void Add(const RecordAttribute& attribute);
    void Remove(const RecordAttribute& attribute);
    bool IsOver(const Size& before) const;
  };

  struct Kept {
    RecordAttribute attribute;
    std::optional<std::size_t> mapped;  ///< Its index in the mapper; absent: the mapper does not list it.
  };

  absl::Status TakeApart();
  bool IsKept(std::optional<std::size_t> mapped) const;
  std::optional<std::size_t> Find(std::string_view name, std::optional<std::size_t> mapped) const;
  void NotePlaces();
  void Put(const RecordAttribute& attribute, std::optional<std::size_t> mapped,
           std::optional<std::size_t> place);
  absl::StatusOr<bool> MergeColumns(const RecordItem& item, const Places& mapped);
  bool IsAsWritten();
  void Write(PartnerRow* row) const;

  const RecordMapper& mapper_;
  const bool keeps_record_;
  const bool was_there_ = false;
  PartnerRow row_;
  bool is_apart_ = false, has_places_ = false, is_changed_ = false;
  absl::Status apart_;
  std::deque<Kept> attributes_;  ///< In record order; null means deleted.
  Size size_;
  std::unordered_map<std::string_view, std::size_t> unmapped_;  ///< Indexes in attributes_, by name.
  std::vector<std::optional<std::size_t>> mapped_;              ///< The same, by index in the mapper.
  std::optional<bool> is_as_written_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RECORDS_RECORD_MERGE_H_
