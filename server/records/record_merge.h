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

/// The seed's words for a `record` that is no JSON: nearly always the quotes within it.
inline constexpr char kWrongQuotes[] = "Incorrect record quote escaping";

/// The members of a record that came as text. Errors: kInvalidArgument: why the row cannot be taken, for
/// people.
absl::StatusOr<std::vector<RecordAttribute>> ParseRecord(std::string_view text);
/// The same of one that came as JSON; `leave_out`: members that are not the record's.
absl::StatusOr<std::vector<RecordAttribute>> AttributesOf(
    const JsonView& object, const std::vector<std::string_view>& leave_out = {});
/// 1 to 256 characters, none of them a control character. Errors: kInvalidArgument, as above.
absl::Status CheckExternalId(std::string_view external_id);

/// A row of kPartnerTable.
struct PartnerRow {
  std::string external_id, id, created_at, modified_at;
  std::optional<std::string> record;                ///< Absent: the source keeps none.
  std::vector<std::optional<std::string>> columns;  ///< Those behind kOwnPartnerColumns.
  friend bool operator==(const PartnerRow&, const PartnerRow&) = default;
};

/// What a record has at most, with all that was merged into it; where it is not kept, its columns.
inline constexpr std::size_t kRecordBytesMax = 4 << 20;
/// As many attributes as a file may have columns, and as many values (JsonLimits::values_max): a change of
/// one attribute takes all of them apart. Records of older servers may have more. They can be read and
/// changed, but do not grow.
inline constexpr std::size_t kRecordAttributesMax = 2'000;
inline constexpr std::size_t kRecordValuesMax = 100'000;

/// A row of kPartnerTable while items are merged into it: its record is taken apart once, and written once,
/// however many there are. An attribute that is absent in an item keeps its value, null clears it.
/// Threads: none.
class MergedPartner {
 public:
  /// A new row. `mapper` outlives it. `keeps_record`: the record itself is kept, beside its columns.
  MergedPartner(const RecordMapper& mapper, bool keeps_record)
      : mapper_(mapper), keeps_record_(keeps_record) {}
  /// A row that is there.
  MergedPartner(const RecordMapper& mapper, bool keeps_record, PartnerRow row)
      : mapper_(mapper), keeps_record_(keeps_record), was_there_(true), row_(std::move(row)) {}

  /// Gives whether that changes something; true where no record is kept: nobody knows. Errors:
  /// kInvalidArgument: why the item cannot be taken, for people; then the row is as it was.
  absl::StatusOr<bool> Merge(const RecordItem& item);
  /// What is not made of its attributes.
  PartnerRow& row() { return row_; }
  /// What results. Nothing is asked of it any more.
  PartnerRow Take();

 private:
  /// A place of each attribute of an item, in the mapper or in attributes_. Absent: it has none there.
  using Places = std::vector<std::optional<std::size_t>>;
  struct Size {
    std::size_t bytes = 1, values = 1, attributes = 0;
    void Add(const RecordAttribute& attribute);
    void Remove(const RecordAttribute& attribute);
    bool IsOver(const Size& before) const;
  };

  struct Kept {
    RecordAttribute attribute;
    std::optional<std::size_t> mapped;  ///< Its place in the mapper; absent: it is not listed.
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
  std::deque<Kept> attributes_;  ///< In their order; those that are null are gone.
  Size size_;
  std::unordered_map<std::string_view, std::size_t> unmapped_;  ///< Of attributes_, by their names there.
  std::vector<std::optional<std::size_t>> mapped_;              ///< The same, by place in the mapper.
  std::optional<bool> is_as_written_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RECORDS_RECORD_MERGE_H_
