#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CYCLE_NOTES_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CYCLE_NOTES_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// The notes of the running cycle, in `_mirror_cycle_notes` of the mirror's own file. There a server that
// reopened the file, or another server that gets the next call, reads them.

namespace mirror {

absl::Status CreateCycleNotesTable(SqliteConnection& connection);

/// Reads the notes of the tenant's cycle.
absl::StatusOr<std::vector<CycleNote>> SelectCycleNotes(SqliteConnection& connection);

/// Runs inside the caller's transaction.
absl::Status WriteCycleNotes(SqliteConnection& connection, std::int64_t cycle,
                             const CycleNoteChanges& changes);
/// Removes the notes of cycles other than `cycle`.
absl::Status ForgetCycleNotes(SqliteConnection& connection, std::int64_t cycle);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CYCLE_NOTES_H_
