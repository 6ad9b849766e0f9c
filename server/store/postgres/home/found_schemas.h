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

// The schemas of mirrors in a place, as the place itself has them: the control database is an index of these.

namespace mirror {

/// Of a digest: twice as many fit the 63 bytes of a name, with the words before them.
inline constexpr std::size_t kAsideDigits = 24;
/// What the schemas begin with that are set aside of a tenant, unless an older version did that: it says
/// whose they are, whatever became of their tables.
std::string AsidePrefix(const std::string& context_id);

struct FoundSchema {
  std::string schema;
  std::string context_id;  ///< As its tenant's row says.
  std::int64_t epoch = 0;
  bool is_left = false;   ///< Its mirror is served from another place.
  bool is_copy = false;   ///< A move fills it.
  bool is_going = false;  ///< It is being removed.

  bool IsServed() const { return !is_left && !is_copy && !is_going; }
};

/// Absent: none of that name stands there, or it holds no mirror.
/// Errors: IsForeign(), too: another role made it. `kind`: of the place.
absl::StatusOr<std::optional<FoundSchema>> FindSchema(postgres::Connection& connection, PlaceKind kind,
                                                      const std::string& schema);
/// The same, where a schema of another role counts as absent.
absl::StatusOr<std::optional<FoundSchema>> FindOurSchema(postgres::Connection& connection, PlaceKind kind,
                                                         const std::string& schema);
/// What the control database says may be wrong, and what is set aside or dropped has to be the tenant's. A
/// mirror that cannot be read says nothing. Errors: kFailedPrecondition.
absl::Status CheckIsOf(postgres::Connection& connection, PlaceKind kind, const std::string& context_id,
                       const std::string& schema);
/// Those of the names that new mirrors get, but for the two that a move has beside the one that is served,
/// and for those that cannot be read now: one that is damaged or locked keeps nobody from the others. Schemas
/// of other roles are no mirrors.
absl::StatusOr<std::vector<FoundSchema>> ListSchemas(postgres::Connection& connection, PlaceKind kind);
/// Names of those that were set aside of a tenant.
absl::StatusOr<std::vector<std::string>> ListAside(postgres::Connection& connection, PlaceKind kind,
                                                   const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_FOUND_SCHEMAS_H_
