#include "server/store/postgres/tables/touched.h"

#include <string>
#include <utility>

#include "base/status_macros.h"
#include "server/store/postgres/tables/present_table.h"

namespace mirror {

absl::StatusOr<std::vector<TouchedTable>> FindTouched(postgres::Connection& connection,
                                                      const PostgresOwnTables& names,
                                                      const std::vector<PostgresAgreed>& tables) {
  std::vector<std::string> relations;
  for (const PostgresAgreed& table : tables) relations.push_back(table.schema.name);
  ASSIGN_OR_RETURN(const auto present, ReadPresent(connection, names, relations));
  std::vector<TouchedTable> all;
  for (const PostgresAgreed& table : tables) {
    const auto found = present.find(table.schema.name);
    if (found == present.end()) continue;
    const TableSchema kept = KeptForm(table.schema);
    TouchedTable touched{.table = table.schema.name, .lacks = WhyNotWritten(kept, found->second)};
    if (!KeepsPartner(kept)) touched.columns = OtherColumns(kept, found->second);
    touched.is_ours = touched.lacks.empty() || found->second.is_ours;
    if (!touched.lacks.empty() || !touched.columns.empty()) all.push_back(std::move(touched));
  }
  return all;
}

}  // namespace mirror
