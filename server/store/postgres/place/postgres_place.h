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

/// How many bytes the large values have together that one server writes into a place at a time. A process of
/// PostgreSQL holds a value several times over while it writes it, so without a bound each connection for
/// writing would do that at once. A value that is larger than the room is written alone. Who came first is
/// first: a large one does not wait for ever behind small ones.
/// Threads: any.
class ValueRoom {
 public:
  explicit ValueRoom(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}
  ValueRoom(const ValueRoom&) = delete;
  ValueRoom& operator=(const ValueRoom&) = delete;

  /// Given back when it goes. The room outlives it.
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

    ValueRoom* room_ = nullptr;  ///< Null: it has nothing.
    std::uint64_t bytes_ = 0;
  };

  /// Waits until there is room. 0 bytes wait for nothing. Who waits holds neither a connection nor a lock of
  /// a database: those who have room would wait for it.
  Share Take(std::uint64_t bytes) MIRROR_EXCLUDES(mutex_);

  std::size_t waiting() MIRROR_EXCLUDES(mutex_);

 private:
  const std::uint64_t bytes_max_;
  Mutex mutex_;
  CondVar changed_;
  std::uint64_t bytes_ MIRROR_GUARDED_BY(mutex_) = 0;
  /// Numbers of those who came: the next one's, and whose turn it is.
  std::uint64_t next_ MIRROR_GUARDED_BY(mutex_) = 0, turn_ MIRROR_GUARDED_BY(mutex_) = 0;
};

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
  std::uint64_t value_room_bytes = 64 << 20;  ///< See ValueRoom.
};

/// A database that holds mirrors: pools of connections, apart for each use, and for each node where Citus
/// spreads them. It is closed until it was looked at once, and open from then on. It outlives what works in
/// it. Threads: any.
class PostgresPlace {
 public:
  /// Connects to nothing. `now_ms`: since when it is tried.
  static std::unique_ptr<PostgresPlace> Closed(const PlaceOptions& options, std::int64_t now_ms = NowMs());
  /// The same, and admits it.
  static absl::StatusOr<std::unique_ptr<PostgresPlace>> Open(const PlaceOptions& options);

  using Check = std::function<absl::Status(postgres::Connection&)>;
  /// Connects, and looks whether it can hold mirrors; then asks `check`, if there is one, with a connection
  /// that only reads. It opens when all is well; until then nothing is read there by anybody else. One that
  /// is open is not asked. Errors: those of CheckPlace(), CheckCoordinator() and `check`; of a conninfo or
  /// passfile: as Connection::Open().
  absl::Status Admit(const Check& check = nullptr) MIRROR_EXCLUDES(mutex_);
  bool is_open() const { return is_open_; }
  /// As it was when Admit() failed last, for people: since when, why, and what to do. Empty: it is open.
  std::string WhyClosed() const MIRROR_EXCLUDES(mutex_);
  /// Which database it was when it was looked at: that of another place's only where both are the same one.
  std::string database() const MIRROR_EXCLUDES(mutex_);

  /// At the coordinator. Who holds one takes no second one of the same use: where all do that, nobody goes
  /// on. Errors: kUnavailable, kFailedPrecondition. While it is closed: kUnavailable, at once.
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

  /// Of the large values that are written there, whatever mirror they are of.
  ValueRoom& value_room() { return value_room_; }
  /// At the coordinator.
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
  absl::Status failed_ MIRROR_GUARDED_BY(mutex_);  ///< Of Admit().
  /// By the tenant's table.
  std::map<std::string, CitusNode> nodes_ MIRROR_GUARDED_BY(mutex_);
  /// By host and port; none goes, since who has a connection gives it back there.
  std::map<std::string, Pools> workers_ MIRROR_GUARDED_BY(mutex_);
};

/// Of a status of Admit(): nothing is wrong with the place as far as is known, and it may answer later.
bool DoesNotAnswer(const absl::Status& failed);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_POSTGRES_PLACE_H_
