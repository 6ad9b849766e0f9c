#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_DEPENDANTS_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_DEPENDANTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/names.h"

namespace mirror {

/// Views, foreign keys, functions and whatever else PostgreSQL would not let a table go without, for people:
/// "view reports.sales"; and what guards or tells of its rows, which another one in its place would be
/// without: row security, policies, publications, statistics. Not what else belongs to it: its indexes, its
/// own constraints, its triggers. With `column` what needs that one.
absl::StatusOr<std::vector<std::string>> FindDependants(postgres::Connection& connection,
                                                        const PostgresOwnTables& names,
                                                        const std::string& relation,
                                                        const std::string& column = "");

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_DEPENDANTS_H_
