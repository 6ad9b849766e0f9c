#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_POSTGRES_PLACE_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_POSTGRES_PLACE_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/db/postgres/pool.h"
#include "base/mutex.h"
#include "server/store/postgres/place/citus.h"
#include "server/store/postgres/place/place_node.h"
#include "server/store/postgres/place/session.h"

namespace mirror {

struct PlaceOptions {
  std::string name;  ///< Of the configuration: "p1".
  std::string conninfo;
  std::string passfile = {};
  std::string application_name = "mirror-server";
  std::size_t connections = 4;  ///< At most, for each use; of Citus at each node.
  std::chrono::milliseconds patience{2'000};
  /// A server that keeps a mirror's lock, and has sent nothing for so long, hangs: who waits ends its
  /// connection.
  std::chrono::milliseconds hung_after{15'000};
  PlaceKind kind = PlaceKind::kPlain;
  std::int64_t relations_max = 100'000;  ///< From so many tables, indexes and such on it takes no new mirror.
};

/// A database that holds mirrors: pools of connections, apart for each use, and for each node where Citus
/// spreads them. It outlives what works in it. Threads: any.
class PostgresPlace {
 public:
  /// Connects once, and looks whether it can hold mirrors. Errors: those of CheckPlace() and
  /// CheckCoordinator(); of a conninfo or passfile: as Connection::Open().
  static absl::StatusOr<std::unique_ptr<PostgresPlace>> Open(const PlaceOptions& options);

  /// At the coordinator. Who holds one takes no second one of the same use: where all do that, nobody goes
  /// on. Errors: kUnavailable, kFailedPrecondition.
  absl::StatusOr<postgres::Lease> Take(PlaceUse use);
  /// The same at a node, that of the mirror with the tenant's table `of` for kRows: as it was when it was
  /// asked last, which is asked again where it does not answer. A mirror that is distributed nowhere is at
  /// the coordinator.
  absl::StatusOr<NodeLease> TakeAt(PlaceUse use, PlaceNode node, const std::string& of)
      MIRROR_EXCLUDES(mutex_);
  /// Somebody moved the mirror to another node.
  void ForgetNode(const std::string& of) MIRROR_EXCLUDES(mutex_);
  /// Those that are open are not used again: the passfile has changed, or another server answers now.
  void Reconnect() MIRROR_EXCLUDES(mutex_);

  /// At the coordinator.
  postgres::Pool::Counts counts(PlaceUse use) const { return PoolOf(use).counts(); }
  const PlaceOptions& options() const { return options_; }
  /// Which database it was when it was opened: that of another place's only where both are the same one.
  const std::string& database() const { return database_; }

 private:
  using Pools = std::array<std::unique_ptr<postgres::Pool>, 3>;
  PostgresPlace(const PlaceOptions& options, std::string database);
  postgres::Pool& PoolOf(PlaceUse use) const { return *pools_[static_cast<std::size_t>(use)]; }
  absl::StatusOr<std::optional<CitusNode>> NodeOf(const std::string& of) MIRROR_EXCLUDES(mutex_);
  absl::StatusOr<NodeLease> TakeFrom(const CitusNode& node, PlaceUse use) MIRROR_EXCLUDES(mutex_);

  const PlaceOptions options_;
  const std::string database_;
  const Pools pools_;
  Mutex mutex_;
  /// By the tenant's table.
  std::map<std::string, CitusNode> nodes_ MIRROR_GUARDED_BY(mutex_);
  /// By host and port; none goes, since who has a connection gives it back there.
  std::map<std::string, Pools> workers_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_POSTGRES_PLACE_H_
