#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CYCLE_NOTES_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CYCLE_NOTES_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// What the running cycle has to remember, in `_mirror_cycle_notes` of the mirror's own file: a server that
// closes the file, or another one that takes the next call, finds it there.

namespace mirror {

absl::Status CreateCycleNotesTable(SqliteConnection& connection);

/// Those of the tenant's cycle.
absl::StatusOr<std::vector<CycleNote>> SelectCycleNotes(SqliteConnection& connection);

/// Inside the caller's transaction.
absl::Status WriteCycleNotes(SqliteConnection& connection, std::int64_t cycle,
                             const CycleNoteChanges& changes);
/// Of other cycles than `cycle`.
absl::Status ForgetCycleNotes(SqliteConnection& connection, std::int64_t cycle);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CYCLE_NOTES_H_
