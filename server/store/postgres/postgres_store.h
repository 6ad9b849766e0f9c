#ifndef MIRROR_SERVER_STORE_POSTGRES_POSTGRES_STORE_H_
#define MIRROR_SERVER_STORE_POSTGRES_POSTGRES_STORE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/store.h"

namespace mirror {

struct PostgresStoreOptions {
  std::string schema = {};  ///< The mirror's schema. Empty: the name of a new mirror, SchemaOf().
  std::int64_t epoch =
      1;  ///< For a new schema. An existing one must have this epoch or a lower one; it gets this one.
  std::int64_t value_bytes_max = 1'000'000'000;
  /// A population with more rows than this is not merged into a table's existing rows.
  std::int64_t merge_rows_max = 20'000'000;
  /// Data that is acknowledged is also at a standby, see Store::MakeDurable().
  bool replicated = false;
};

/// Opens the mirror in its schema. Makes the schema if `create` is true. `place` must outlive the store. The
/// store holds no connection between calls. After a restore of the database, or a failover to a standby, the
/// store ends the running cycle. Then StoreUpkeep::WhyStale() returns the reason until the mirror is opened
/// again.
///   kNotFound            the schema does not exist
///   kFailedPrecondition  the schema has no mirror, or the mirror of another context id
///   kInvalidArgument     a mirror with this contextId cannot be kept there
///   kUnavailable         as in Store; also: it is served elsewhere, or is being moved. Nothing was written.
///   kDataLoss            as in Store
absl::StatusOr<std::unique_ptr<Store>> OpenPostgresStore(PostgresPlace& place, const std::string& context_id,
                                                         bool create, const PostgresStoreOptions& options);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_POSTGRES_STORE_H_
