#ifndef MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_STEPS_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_STEPS_H_

#include "absl/status/status.h"
#include "certs/keyed_hash.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_schema.h"
#include "client/source/steps/table_steps.h"

namespace mirror {

/// Makes the SQL functions known by which values are hashed and masked. `key` may be null: nothing is hashed.
absl::Status RegisterTurns(const SqliteFile& file, const TenantHashKey* key);

/// In a look: has every query over the table see the rows that `steps` let through, with their values as they
/// are sent. Columns that are not sent stay where they are. Errors: kInvalidArgument, for people, and then
/// only what is not wrong is applied; kUnavailable: the source is locked.
absl::Status ApplySteps(const SqliteFile& file, const TableSteps& steps, SourcePlan* plan);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_SQLITE_STEPS_H_
