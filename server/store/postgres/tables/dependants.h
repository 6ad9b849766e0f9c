#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_DEPENDANTS_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_DEPENDANTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/names.h"

namespace mirror {

/// Lists objects that prevent the DROP of a table, for people: views, foreign keys, functions etc.: "view
/// reports.sales"; also what a replacement table would lack: row security, policies, publications,
/// statistics. Not what belongs to the table itself: indexes, own constraints, triggers. With `column`: what
/// needs that column.
absl::StatusOr<std::vector<std::string>> FindDependants(postgres::Connection& connection,
                                                        const PostgresOwnTables& names,
                                                        const std::string& relation,
                                                        const std::string& column = "");

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_DEPENDANTS_H_
