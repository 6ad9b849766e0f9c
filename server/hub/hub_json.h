#ifndef MIRROR_SERVER_HUB_HUB_JSON_H_
#define MIRROR_SERVER_HUB_HUB_JSON_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/hub/plan/hub_values.h"

// The JSON in a hub file, the same in every store. Absent and empty parts are
// not written. Errors of reading: kDataLoss.

namespace mirror {

/// {"city":["Bern",1714000000000,1]}: value, version, and 1 if it is the system's own value. A fourth element
/// is Said::word, if it differs from the value. A missing version is null.
std::string SaysJson(const MemberRow& row);
absl::Status TakeSays(std::string_view json, MemberRow* row);
/// Returns whether Said::word differs from the value in the row, for any attribute in the JSON of SaysJson().
absl::StatusOr<bool> HasOtherWord(std::string_view says);

/// [["<hash>"],[]]
std::string FormerJson(const std::vector<KeyHashes>& former);
absl::Status TakeFormer(std::string_view json, std::vector<KeyHashes>* former);

/// The work that a derivation still has to do for the row or record; empty: none.
std::string WorkJson(const RowWork& work);
absl::Status TakeWork(std::string_view json, RowWork* work);
std::string WorkJson(const RecordWork& work);
absl::Status TakeWork(std::string_view json, RecordWork* work);

/// {"city":["Bern",1714000000000,"crm","contact","[17]"]}
std::string ValuesJson(const GoldenRecord& record);
absl::Status TakeValues(std::string_view json, GoldenRecord* record);
/// {"city":[[1714000000000,3,"<mark>"]]}
std::string TurnsJson(const GoldenRecord& record);
absl::Status TakeTurns(std::string_view json, GoldenRecord* record);

/// ["crm","erp"]
std::string NamesJson(const std::set<std::string>& names);
absl::Status TakeNames(std::string_view json, std::set<std::string>* names);

/// {"columns":{"city":["Bern",1714000000000]},"locked":{"city":"Rome"},"keys":[[0,"<hash>","no123"]]}
std::string BodyJson(const HubDelivery& delivery);
absl::Status TakeBody(std::string_view json, HubDelivery* delivery);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUB_JSON_H_
