#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_PLACE_MARKS_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_PLACE_MARKS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/postgres_place.h"

// Marks by which a place that went back is told from one in which somebody dropped a schema. Before a mirror
// is made a mark is committed in its place, and then noted in the control database. A place that has lost the
// mark, and is the same database on another timeline, is as it was before: the mirror, which came behind the
// mark, is in nothing that came of it. Nobody drops a mark: the deletion of a mirror leaves it.
// Citus has none: its nodes go back one by one.

namespace mirror {

/// Checks that no other role has the names of the marks. Errors: IsForeign(); those of PostgreSQL.
absl::Status CheckMarks(postgres::Connection& connection);
/// Makes the table that marks stand in: it has to be older than they, so that their absence says something.
absl::Status MakeMarks(PostgresPlace& place);
/// Whether a row could be written there now; nothing stays. Citus is not asked. Errors: kUnavailable,
/// kFailedPrecondition.
absl::Status TryWriting(PostgresPlace& place);
/// Writes one, which is committed when this returns: for the control database. Empty: none could be written,
/// so of what comes behind it nothing will be known.
std::string WriteMark(PostgresPlace& place);
/// Whether it stands there. Errors: kUnavailable, kFailedPrecondition; kDataLoss: somebody dropped the table.
absl::StatusOr<bool> HasMark(PostgresPlace& place, const std::string& mark);
/// Whether the place, provably, went back to before `mark` was written. Where nothing can be said: false.
absl::StatusOr<bool> WentBackBefore(PostgresPlace& place, const std::string& mark);

/// Whether rows can be written into a new table of `schema`, which is there; it is taken back. A commit alone
/// does not say so: on a full disk it finds room in a file of the log that is there already. Errors:
/// kUnavailable, in PostgreSQL's words.
absl::Status TryWriting(postgres::Connection& connection, const char* schema);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_PLACE_MARKS_H_
