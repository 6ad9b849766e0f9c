#include "server/store/postgres/place/listed_rows.h"

#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "server/own_records/postgres_record.h"
#include "server/store/postgres/place/control_records.h"

namespace mirror {

absl::Status ForgetListedRow(PostgresControl& control, const std::string& context_id) {
  return control
      .Query("DELETE FROM mirror_control.listed WHERE context_id = $1", {context_id},
             "removing the list entry of a mirror")
      .status();
}

absl::Status KeepListedRow(PostgresControl& control, const std::string& context_id, const ListedRow& row) {
  const auto keep = [&](postgres::Connection& connection) {
    return WriteRow(ListedTable(), {context_id, row}, ListedTable().UpsertSql(kInControl), connection,
                    "storing the list entry of a mirror");
  };
  // If a standby lacks this row, it is read from the mirror again.
  return control.Write(keep, Awaits::kNobody);
}

absl::StatusOr<std::map<std::string, ListedRow>> ReadListedRows(PostgresControl& control) {
  ASSIGN_OR_RETURN(const auto rows, control.Query(ListedTable().SelectSql(kInControl), {},
                                                  "reading the list entries of mirrors"));
  ASSIGN_OR_RETURN(std::vector<ListedRowOf> listed, ReadRows(ListedTable(), rows));
  std::map<std::string, ListedRow> all;
  for (ListedRowOf& one : listed) all[one.context_id] = std::move(one.row);
  return all;
}

}  // namespace mirror
