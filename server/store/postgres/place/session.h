#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_SESSION_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_SESSION_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/target.h"

namespace mirror {

/// What a connection is for. Those that read cannot write.
enum class PlaceUse : std::uint8_t {
  kWrite,
  kRead,  ///< What is soon over.
  kScan,  ///< What takes minutes: snapshots, exports. It never keeps the others waiting.
};

/// What a session is set to when it connects, over postgres::PinnedSettings().
postgres::Parameters SessionSettings(PlaceUse use);

/// What a database is for.
enum class PlaceHolds : std::uint8_t {
  kMirrors,
  kControl,  ///< Which mirror stands where, events and the audit log: no rows of others.
};

/// The same text for each connection to one database, and another for every other database, as long as
/// PostgreSQL is not started again. Errors: as CheckPlace().
absl::StatusOr<std::string> WhichDatabase(postgres::Connection& connection);

/// Whether the database can hold that, and the role may do what a server has to. `connection` is without
/// SessionSettings(), which need one of those rights. Errors: kFailedPrecondition, with all that is missing
/// and what a DBA types; kUnavailable: it did not answer, or is a standby.
absl::Status CheckPlace(postgres::Connection& connection, PlaceHolds holds = PlaceHolds::kMirrors);

/// Whether a pooler lends one session of PostgreSQL to several connections in turn, as PgBouncer may:
/// settings and prepared statements then go to others. Opens two connections. Errors: those of the
/// connection.
absl::StatusOr<bool> IsPooled(const postgres::ConnectAs& connect);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_SESSION_H_
