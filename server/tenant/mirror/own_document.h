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

/// A document that the server keeps for itself in a mirror: one JSON object, the only document of its kind.
struct OwnDocument {
  std::optional<JsonDocument> json = {};  ///< Absent: there is no such document, or it is spoiled.
  /// Somebody changed it by hand, so that it holds no JSON object.
  bool is_spoiled = false;
};

/// Errors: as StoreRecords.
absl::StatusOr<OwnDocument> ReadOwnDocument(StoreRecords& records, const std::string& kind);

/// Returns a whole number from 0 on, which may stand there as a string; absent: it is none.
std::optional<std::int64_t> WholeNumber(const JsonView& json);
/// Returns a member that is such a number; 0: there is none.
std::int64_t NumberIn(const JsonView& json, std::string_view name);
/// Returns the texts of a member that is an array.
std::set<std::string> TextsIn(const JsonView& json, std::string_view name);
void PutTexts(const std::set<std::string>& texts, JsonWriter* json);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_OWN_DOCUMENT_H_
