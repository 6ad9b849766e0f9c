#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_PLACE_MARKS_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_PLACE_MARKS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/postgres_place.h"

// A place may have been reset to an earlier state, or somebody may have dropped a mirror's schema. Marks
// distinguish the two cases. Before a mirror is made, a mark is committed in its place, and then noted in the
// control database. If the place later lacks the mark, and is the same database on another timeline, it was
// reset to a state before the mirror. No copy of that state can have the mirror, because the mirror was made
// after the mark. No one drops a mark; deleting a mirror keeps it. Citus places have no marks, because their
// nodes are reset one at a time.

namespace mirror {

/// Checks that no other role owns the names of the marks. Errors: IsForeign(); those of PostgreSQL.
absl::Status CheckMarks(postgres::Connection& connection);
/// Makes the table of marks. It must be older than every mark, because only then a missing mark proves
/// something.
absl::Status MakeMarks(PostgresPlace& place);
/// Checks that the place accepts a new row now, and rolls the row back. Always OK for Citus. Errors:
/// kUnavailable, kFailedPrecondition.
absl::Status TryWriting(PostgresPlace& place);
/// Writes and commits a mark. Returns it for the control database. Empty: no mark could be written, so later
/// nothing can be proven about what follows.
std::string WriteMark(PostgresPlace& place);
/// Returns whether the mark exists. Errors: kUnavailable, kFailedPrecondition; kDataLoss: the table of marks
/// is missing.
absl::StatusOr<bool> HasMark(PostgresPlace& place, const std::string& mark);
/// Returns whether it is proven that the place was reset to a state before `mark` was written. False: not
/// proven.
absl::StatusOr<bool> WentBackBefore(PostgresPlace& place, const std::string& mark);

/// Checks that rows can be written into a new table of the existing `schema`, and rolls the table back. A
/// commit alone proves nothing: on a full disk it can use space in an existing WAL file. Errors:
/// kUnavailable, with PostgreSQL's message.
absl::Status TryWriting(postgres::Connection& connection, const char* schema);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_PLACE_MARKS_H_
