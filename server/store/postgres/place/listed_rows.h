#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_LISTED_ROWS_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_LISTED_ROWS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/postgres/place/control.h"

// A cached row for each mirror. From these rows lists of storages and import jobs are made without opening
// mirrors. Errors: those of PostgresControl.

namespace mirror {

struct ListedRow {
  std::string storage, member;
  std::int64_t jobs = 0;
  friend bool operator==(const ListedRow&, const ListedRow&) = default;
};

absl::Status ForgetListedRow(PostgresControl& control, const std::string& context_id);
absl::Status KeepListedRow(PostgresControl& control, const std::string& context_id, const ListedRow& row);
/// Returns the rows by context id.
absl::StatusOr<std::map<std::string, ListedRow>> ReadListedRows(PostgresControl& control);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_LISTED_ROWS_H_
