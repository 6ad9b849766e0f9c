#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_FOUND_SCHEMAS_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_FOUND_SCHEMAS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/place_node.h"

// Finds the schemas of mirrors in the place itself. The control database is only an index of these schemas.

namespace mirror {

/// Number of hexadecimal digits of a digest in a name. With the words before them, twice as many would still
/// fit the 63 bytes of a name.
inline constexpr std::size_t kAsideDigits = 24;
/// Returns the prefix of the names of a tenant's set-aside schemas. (Older versions used no prefix.) It shows
/// which tenant a schema belongs to, even if its tables are damaged.
std::string AsidePrefix(const std::string& context_id);

struct FoundSchema {
  std::string schema;
  std::string context_id;  ///< From the row of its tenant.
  std::int64_t epoch = 0;
  bool is_left = false;   ///< Another place serves its mirror now.
  bool is_copy = false;   ///< A move is filling it.
  bool is_going = false;  ///< It is being removed.

  bool IsServed() const { return !is_left && !is_copy && !is_going; }
};

/// Finds a mirror's schema by name. Absent: there is no schema of that name, or it has no mirror. Errors:
/// also IsForeign(): another role owns it. `kind`: the kind of the place.
absl::StatusOr<std::optional<FoundSchema>> FindSchema(postgres::Connection& connection, PlaceKind kind,
                                                      const std::string& schema);
/// Does the same, but a schema of another role counts as absent.
absl::StatusOr<std::optional<FoundSchema>> FindOurSchema(postgres::Connection& connection, PlaceKind kind,
                                                         const std::string& schema);
/// Checks that a schema belongs to the tenant, before it is set aside or dropped, because the control
/// database may be wrong. A mirror that cannot be read passes the check. Errors: kFailedPrecondition.
absl::Status CheckIsOf(postgres::Connection& connection, PlaceKind kind, const std::string& context_id,
                       const std::string& schema);
/// Lists the mirrors whose schemas have the name of a new mirror. Skips what a move left or fills beside the
/// served mirror, and schemas of other roles. Also skips schemas that cannot be read now: a damaged or locked
/// one does not hide the others.
absl::StatusOr<std::vector<FoundSchema>> ListSchemas(postgres::Connection& connection, PlaceKind kind);
/// Lists the names of the tenant's set-aside schemas.
absl::StatusOr<std::vector<std::string>> ListAside(postgres::Connection& connection, PlaceKind kind,
                                                   const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_FOUND_SCHEMAS_H_
