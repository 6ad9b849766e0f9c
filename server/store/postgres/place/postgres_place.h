#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_POSTGRES_PLACE_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_POSTGRES_PLACE_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/db/postgres/pool.h"
#include "server/store/postgres/place/session.h"

namespace mirror {

struct PlaceOptions {
  std::string name;  ///< Of the configuration: "p1".
  std::string conninfo;
  std::string passfile = {};
  std::string application_name = "mirror-server";
  std::size_t connections = 4;  ///< At most, for each use.
  std::chrono::milliseconds patience{2'000};
  /// A server that keeps a mirror's lock, and has sent nothing for so long, hangs: who waits ends its
  /// connection.
  std::chrono::milliseconds hung_after{15'000};
};

/// A database that holds mirrors: pools of connections, apart for each use. It outlives what works in it.
/// Threads: any.
class PostgresPlace {
 public:
  /// Connects once, and looks whether it can hold mirrors. Errors: those of CheckPlace(); of a conninfo or
  /// passfile: as Connection::Open().
  static absl::StatusOr<std::unique_ptr<PostgresPlace>> Open(const PlaceOptions& options);

  /// Who holds one takes no second one of the same use: where all do that, nobody goes on. Errors:
  /// kUnavailable, kFailedPrecondition.
  absl::StatusOr<postgres::Lease> Take(PlaceUse use);
  /// Those that are open are not used again: the passfile has changed, or another server answers now.
  void Reconnect();

  postgres::Pool::Counts counts(PlaceUse use) const { return PoolOf(use).counts(); }
  const PlaceOptions& options() const { return options_; }

 private:
  explicit PostgresPlace(const PlaceOptions& options);
  postgres::Pool& PoolOf(PlaceUse use) const { return *pools_[static_cast<std::size_t>(use)]; }

  const PlaceOptions options_;
  std::array<std::unique_ptr<postgres::Pool>, 3> pools_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_POSTGRES_PLACE_H_
