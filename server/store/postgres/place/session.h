#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_SESSION_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_SESSION_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/target.h"

namespace mirror {

/// The use of a connection. Connections for kRead and kScan cannot write.
enum class PlaceUse : std::uint8_t {
  kWrite,
  kRead,  ///< Short reads.
  kScan,  ///< Reads that take minutes: snapshots, exports. They never delay the other uses.
};

/// Returns the settings of a new session, in addition to postgres::PinnedSettings().
postgres::Parameters SessionSettings(PlaceUse use);

/// Content of a database.
enum class PlaceHolds : std::uint8_t {
  kMirrors,
  kControl,  ///< Placements, events and the audit log: no rows of others.
};

/// Returns an id of the database. It is equal for all connections to this database and differs for every
/// other database. A restart of PostgreSQL changes it. Errors: those of CheckPlace().
absl::StatusOr<std::string> WhichDatabase(postgres::Connection& connection);

/// Checks that the database can be used for `holds`, and that the role has the necessary rights. `connection`
/// must not have SessionSettings(), because those need one of these rights. Errors: kFailedPrecondition, with
/// everything that is missing and what a DBA has to type; kUnavailable: it did not answer, or is a standby.
absl::Status CheckPlace(postgres::Connection& connection, PlaceHolds holds = PlaceHolds::kMirrors);

/// Waits until a standby has everything that any session committed before. For this it commits a log message,
/// which leaves no row. Errors: kUnavailable, with what is missing.
absl::Status WaitForStandby(postgres::Connection& connection);

/// Returns whether a pooler, like PgBouncer, shares one PostgreSQL session between several connections. Then
/// settings and prepared statements would reach other clients. Opens two connections. Errors: those of the
/// connection.
absl::StatusOr<bool> IsPooled(const postgres::ConnectAs& connect);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_SESSION_H_
