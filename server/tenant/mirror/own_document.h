#ifndef MIRROR_SERVER_TENANT_MIRROR_OWN_DOCUMENT_H_
#define MIRROR_SERVER_TENANT_MIRROR_OWN_DOCUMENT_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/json_document.h"
#include "base/json_writer.h"
#include "server/store/store_records.h"

namespace mirror {

/// A document of the server itself in a mirror: one JSON object, and the only document of its kind.
struct OwnDocument {
  std::optional<JsonDocument> json = {};  ///< Absent: there is no document, or it is spoiled.
  /// Somebody edited the document by hand, and it is no longer a JSON object.
  bool is_spoiled = false;
};

/// Reads the document of this kind. Errors: as StoreRecords.
absl::StatusOr<OwnDocument> ReadOwnDocument(StoreRecords& records, const std::string& kind);

/// Returns a non-negative whole number, which may be written as a string. Absent: `json` is no such number.
std::optional<std::int64_t> WholeNumber(const JsonView& json);
/// Returns such a number from the member `name`; 0: there is none.
std::int64_t NumberIn(const JsonView& json, std::string_view name);
/// Returns the texts of a member that is an array.
std::set<std::string> TextsIn(const JsonView& json, std::string_view name);
void PutTexts(const std::set<std::string>& texts, JsonWriter* json);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_OWN_DOCUMENT_H_
