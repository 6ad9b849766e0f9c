#ifndef MIRROR_SERVER_STORE_POSTGRES_OTHERS_OBJECTS_H_
#define MIRROR_SERVER_STORE_POSTGRES_OTHERS_OBJECTS_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/names.h"

namespace mirror {

/// What others made in the mirror's schema or of its tables, for people: "view 'x'", "index 'i' of 't'",
/// "rights of role 'bi'". `tables`: the mirrored ones. Columns are not looked at.
absl::StatusOr<std::vector<std::string>> FindOthersObjects(postgres::Connection& connection,
                                                           const std::string& context_id,
                                                           const PostgresOwnTables& names,
                                                           const std::set<std::string>& tables);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_OTHERS_OBJECTS_H_
