#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_POSTGRES_PLACE_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_POSTGRES_PLACE_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/db/postgres/pool.h"
#include "base/mutex.h"
#include "server/store/postgres/place/citus.h"
#include "server/store/postgres/place/place_node.h"
#include "server/store/postgres/place/session.h"

namespace mirror {

/// Limits the total bytes of large values that one server writes into a place at the same time. A PostgreSQL
/// process holds a value several times while it writes it. Without a limit, all write connections could do
/// that at once. A value larger than the limit is written alone. Requests are served in order, so a large
/// value does not wait forever while small ones pass. Threads: any.
class ValueRoom {
 public:
  explicit ValueRoom(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}
  ValueRoom(const ValueRoom&) = delete;
  ValueRoom& operator=(const ValueRoom&) = delete;

  /// A reserved part of the room. Its destructor returns the bytes. The room must outlive it.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept
        : room_(std::exchange(other.room_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Share& operator=(Share&&) = delete;
    ~Share();

   private:
    friend class ValueRoom;
    Share(ValueRoom& room, std::uint64_t bytes) : room_(&room), bytes_(bytes) {}

    ValueRoom* room_ = nullptr;  ///< Null: it holds no bytes.
    std::uint64_t bytes_ = 0;
  };

  /// Waits until there is room. A request for 0 bytes never waits. The caller must hold neither a connection
  /// nor a database lock while it waits, because those that hold room now could need it.
  Share Take(std::uint64_t bytes) MIRROR_EXCLUDES(mutex_);

  std::size_t waiting() MIRROR_EXCLUDES(mutex_);

 private:
  const std::uint64_t bytes_max_;
  Mutex mutex_;
  CondVar changed_;
  std::uint64_t bytes_ MIRROR_GUARDED_BY(mutex_) = 0;
  /// Ticket numbers: the next one to assign, and the one that is served now.
  std::uint64_t next_ MIRROR_GUARDED_BY(mutex_) = 0, turn_ MIRROR_GUARDED_BY(mutex_) = 0;
};

struct PlaceOptions {
  std::string name;  ///< The name in the configuration: "p1".
  std::string conninfo;
  std::string passfile = {};
  std::string application_name = "mirror-server";
  std::size_t connections = 4;  ///< Upper limit for each use; on Citus also per node.
  std::chrono::milliseconds patience{2'000};
  /// A server that holds a mirror's lock and has sent nothing for this time counts as hung. A server that
  /// waits for the lock then terminates its connection.
  std::chrono::milliseconds hung_after{15'000};
  PlaceKind kind = PlaceKind::kPlain;
  std::int64_t relations_max = 100'000;       ///< A place with this number of tables, indexes etc. takes no
                                              ///< new mirror.
  std::uint64_t value_room_bytes = 64 << 20;  ///< See ValueRoom.
};

/// A database that holds mirrors, with connection pools for each use, and on Citus for each node. It is
/// closed until Admit() succeeds for the first time, and open from then on. It must outlive everything that
/// works in it. Threads: any.
class PostgresPlace {
 public:
  /// Makes a closed place, and does not connect. `now_ms`: the time from which attempts to connect are
  /// counted.
  static std::unique_ptr<PostgresPlace> Closed(const PlaceOptions& options, std::int64_t now_ms = NowMs());
  /// Does the same, then calls Admit().
  static absl::StatusOr<std::unique_ptr<PostgresPlace>> Open(const PlaceOptions& options);

  using Check = std::function<absl::Status(postgres::Connection&)>;
  /// Connects and checks that the database can hold mirrors. Then calls `check`, if given, with a read-only
  /// connection. If all checks succeed, opens the place; until then nothing else reads there. Does nothing if
  /// the place is open. Errors: those of CheckPlace(), CheckCoordinator() and `check`; for a bad conninfo or
  /// passfile those of Connection::Open().
  absl::Status Admit(const Check& check = nullptr) MIRROR_EXCLUDES(mutex_);
  bool is_open() const { return is_open_; }
  /// Returns the last failure of Admit() for people: since when, why, and what to do. Empty: the place is
  /// open.
  std::string WhyClosed() const MIRROR_EXCLUDES(mutex_);
  /// Returns the id that the database had when it was checked. Two places with the same id are one database.
  std::string database() const MIRROR_EXCLUDES(mutex_);

  /// Takes a connection to the coordinator. A caller that holds one must not take a second one for the same
  /// use: that can deadlock. Errors: kUnavailable, kFailedPrecondition. If the place is closed: kUnavailable,
  /// at once.
  absl::StatusOr<postgres::Lease> Take(PlaceUse use);
  /// Does the same at a node. For kRows it is the node that has the tenant's table `of`. Uses the cached node
  /// of the last lookup, and looks it up again if that node does not answer. A mirror that is not distributed
  /// is at the coordinator.
  absl::StatusOr<NodeLease> TakeAt(PlaceUse use, PlaceNode node, const std::string& of)
      MIRROR_EXCLUDES(mutex_);
  /// Forgets the cached node. Called when somebody moved the mirror to another node.
  void ForgetNode(const std::string& of) MIRROR_EXCLUDES(mutex_);
  /// Ends the reuse of open connections. Called when the passfile has changed, or another server answers now.
  void Reconnect() MIRROR_EXCLUDES(mutex_);

  /// Returns the room for large values that any mirror writes there.
  ValueRoom& value_room() { return value_room_; }
  /// Returns the counts of the coordinator's connections.
  postgres::Pool::Counts counts(PlaceUse use) const { return PoolOf(use).counts(); }
  const PlaceOptions& options() const { return options_; }

 private:
  using Pools = std::array<std::unique_ptr<postgres::Pool>, 3>;
  PostgresPlace(const PlaceOptions& options, std::int64_t since_ms);
  absl::Status Examine() MIRROR_EXCLUDES(mutex_);
  absl::Status Ask(const Check& check) const;
  postgres::Pool& PoolOf(PlaceUse use) const { return *pools_[static_cast<std::size_t>(use)]; }
  absl::StatusOr<std::optional<CitusNode>> NodeOf(const std::string& of) MIRROR_EXCLUDES(mutex_);
  absl::StatusOr<NodeLease> TakeFrom(const CitusNode& node, PlaceUse use) MIRROR_EXCLUDES(mutex_);

  const PlaceOptions options_;
  const std::int64_t since_ms_;
  const Pools pools_;
  std::atomic<bool> is_open_{false};
  ValueRoom value_room_;
  mutable Mutex mutex_;
  std::string database_ MIRROR_GUARDED_BY(mutex_);
  absl::Status failed_ MIRROR_GUARDED_BY(mutex_);  ///< The last error of Admit().
  /// By the tenant's table.
  std::map<std::string, CitusNode> nodes_ MIRROR_GUARDED_BY(mutex_);
  /// By host and port. Entries are never removed, because connections are returned to these pools.
  std::map<std::string, Pools> workers_ MIRROR_GUARDED_BY(mutex_);
};

/// Returns whether an error of Admit() only means that the place did not answer: it may answer later.
bool DoesNotAnswer(const absl::Status& failed);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_POSTGRES_PLACE_H_
