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
  std::string schema = {};  ///< Empty: that of a new mirror, SchemaOf().
  std::int64_t epoch =
      1;  ///< Of a schema that is made; one that is there has to be of this, or a lesser one, and gets it.
  std::int64_t value_bytes_max = 1'000'000'000;
  /// A population of a table with more rows is not merged into rows that are there.
  std::int64_t merge_rows_max = 20'000'000;
  /// What is acknowledged is at a standby too: see Store::MakeDurable().
  bool replicated = false;
};

/// Opens the mirror in its schema, making it when `create` says so. `place` outlives the store, which holds
/// no connection between its calls. Of a database that was restored, or of a standby that took over, the
/// running cycle is over, and StoreUpkeep::WhyStale() says so until it is opened once more.
///   kNotFound            it is not there
///   kFailedPrecondition  the schema holds no mirror, or that of another context id
///   kInvalidArgument     a mirror with this contextId cannot be kept there
///   kUnavailable         as in Store; too: it is served elsewhere, or being moved. Nothing was written.
///   kDataLoss            as in Store
absl::StatusOr<std::unique_ptr<Store>> OpenPostgresStore(PostgresPlace& place, const std::string& context_id,
                                                         bool create, const PostgresStoreOptions& options);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_POSTGRES_STORE_H_
