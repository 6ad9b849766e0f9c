#ifndef MIRROR_SERVER_RECORDS_RECORD_MERGE_H_
#define MIRROR_SERVER_RECORDS_RECORD_MERGE_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/json/json_document.h"
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

}  // namespace mirror

#endif  // MIRROR_SERVER_RECORDS_RECORD_MERGE_H_
