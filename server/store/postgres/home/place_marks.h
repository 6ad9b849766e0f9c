#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_PLACE_MARKS_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_PLACE_MARKS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/postgres_place.h"

// Marks distinguish a place that went back to an earlier state from one whose schema somebody dropped. Before
// a mirror is made, a mark is committed in its place, then noted in the control database. If the place later
// lacks the mark, and is the same database on another timeline, it went back to before the mirror. The mirror
// came after the mark, so no copy of that earlier state has it. Nobody drops a mark; deleting a mirror keeps
// it. Citus places have no marks: their nodes go back one at a time.

namespace mirror {

/// Checks that no other role owns the names of the marks. Errors: IsForeign(); PostgreSQL's errors.
absl::Status CheckMarks(postgres::Connection& connection);
/// Makes the table of marks. It must be older than every mark, so that a missing mark proves something.
absl::Status MakeMarks(PostgresPlace& place);
/// Checks that the place accepts a new row now; rolls the row back. Always OK for Citus. Errors:
/// kUnavailable, kFailedPrecondition.
absl::Status TryWriting(PostgresPlace& place);
/// Writes and commits a mark; returns it for the control database. Empty: no mark could be written, so
/// nothing can be proved later about what follows.
std::string WriteMark(PostgresPlace& place);
/// Tells whether the mark exists. Errors: kUnavailable, kFailedPrecondition; kDataLoss: its table is gone.
absl::StatusOr<bool> HasMark(PostgresPlace& place, const std::string& mark);
/// Tells whether the place provably went back to before `mark` was written. False if that is unknown.
absl::StatusOr<bool> WentBackBefore(PostgresPlace& place, const std::string& mark);

/// Checks that rows can be written into a new table of the existing `schema`; rolls the table back. A commit
/// alone proves nothing: on a full disk it can use space in an existing WAL file. Errors: kUnavailable, with
/// PostgreSQL's message.
absl::Status TryWriting(postgres::Connection& connection, const char* schema);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_PLACE_MARKS_H_
