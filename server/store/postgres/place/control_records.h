#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_CONTROL_RECORDS_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_CONTROL_RECORDS_H_

#include <string>
#include <string_view>

#include "server/own_records/record.h"
#include "server/store/postgres/place/job_rows.h"
#include "server/store/postgres/place/listed_rows.h"
#include "server/store/postgres/place/placement.h"
#include "server/store/postgres/place/server_rows.h"

// The tables of the control database, except those of the catalog, which are in catalog_records.h. SQL writes
// times by that database's clock. A row that is read has the age of such a time.

namespace mirror {

/// The server that runs an import job.
struct ImportJobRow {
  std::string job, server;
};
struct ListedRowOf {
  std::string context_id;
  ListedRow row = {};
};

/// Returns the text of the column `state`. Not for kUnknown.
std::string_view WordOf(PlacementState state);

/// The table of placements. Its column `folded` has no member in Placement.
const Record<Placement>& PlacementTable();
const Record<ServerRow>& ServerTable();
const Record<UploadServer>& UploadServerTable();
const Record<ImportJobRow>& ImportJobTable();
const Record<ListedRowOf>& ListedTable();

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_CONTROL_RECORDS_H_
