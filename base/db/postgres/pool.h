#ifndef MIRROR_BASE_DB_POSTGRES_POOL_H_
#define MIRROR_BASE_DB_POSTGRES_POOL_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/mutex.h"

namespace mirror::postgres {

struct PoolOptions {
  ConnectAs connect_as;
  std::string name;             ///< For messages: "place p1, writing".
  std::size_t connections = 4;  ///< At most so many are open at once.
  /// One that was idle for longer is asked whether it is there still.
  std::chrono::milliseconds probe_after{10'000};
  /// Older ones, and those with more uses, are closed when they come back: a server's process keeps what it
  /// has learned of each table.
  std::chrono::milliseconds age_max{3'600'000};
  std::int64_t uses_max = 500;
  /// And one over which more than this came or went as a whole, as a large value does: its buffers would keep
  /// that size.
  std::size_t bytes_max = 32 << 20;
  /// Checks each new connection before it is lent; on an error the connection is closed. Null: no check.
  std::function<absl::Status(Connection&)> admit = nullptr;
};

class Pool;

/// A connection of a pool's, which goes back at the end: into the pool, or away when it is lost or in a
/// transaction, or when its server has refused to write: then all others, too, as by Renew().
class Lease {
 public:
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&&) = delete;
  ~Lease();

  Connection& operator*() const { return *connection_; }
  Connection* operator->() const { return connection_.get(); }

 private:
  friend class Pool;
  using Time = std::chrono::steady_clock::time_point;
  Lease(Pool& pool, std::unique_ptr<Connection> connection, Time opened, std::int64_t uses,
        std::uint64_t generation);

  Pool* pool_;
  std::unique_ptr<Connection> connection_;
  Time opened_;
  std::int64_t uses_;
  std::uint64_t generation_;
};

/// Connections to one database that are used again. It outlives what it lends. Threads: any.
///
/// One that was lost before the answer to what commits keeps its place until the server's process is gone:
/// where no standby answers, that waits on without its client, and with new ones beside it commits would use
/// up all slots that the server has. The wait is not cancelled: others would read what may not last.
class Pool {
 public:
  explicit Pool(PoolOptions options) : options_(std::move(options)) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Waits for one as long as `within`, connecting included, also where the server has no slot left for it.
  /// Where all places are taken, one connection more is there while it looks which processes are gone.
  /// Errors: Failure's kTooMany: none came back, or no slot was to be had, in time; those of
  /// Connection::Open().
  absl::StatusOr<Lease> Take(std::chrono::milliseconds within) MIRROR_EXCLUDES(mutex_);

  /// Those that are open are not used again: the passfile has changed, or the server has.
  void Renew() MIRROR_EXCLUDES(mutex_);

  struct Counts {
    std::size_t open = 0, idle = 0, waiting = 0;
    std::size_t left = 0;       ///< Of those that are open: their clients are gone, see above.
    std::uint64_t refused = 0;  ///< Those for whom none was to be had in time.
  };
  Counts counts() const MIRROR_EXCLUDES(mutex_);

 private:
  friend class Lease;
  using Clock = std::chrono::steady_clock;
  struct Kept {
    std::unique_ptr<Connection> connection;
    Clock::time_point opened, idle_since;
    std::int64_t uses = 0;
  };
  /// Room for one, and what stands in it already.
  struct Place {
    Kept kept = {};
    std::uint64_t generation = 0;
    std::chrono::milliseconds within{0};  ///< As it was asked for.
    bool looks = false;                   ///< Which processes are gone is for who has it to ask.
    bool is_beyond = false;               ///< There is room only if one is gone.
  };
  /// A process of the server's whose client is gone.
  struct Left {
    int pid = 0;
    Clock::time_point since;
    friend bool operator==(const Left&, const Left&) = default;
  };
  bool IsFull() const MIRROR_REQUIRES(mutex_) { return idle_.empty() && open_ >= options_.connections; }
  bool IsLookDue() const MIRROR_REQUIRES(mutex_);
  absl::StatusOr<Place> TakePlace(Clock::time_point until, std::chrono::milliseconds within)
      MIRROR_EXCLUDES(mutex_);
  absl::StatusOr<Lease> Fill(Place place, Clock::time_point until) MIRROR_EXCLUDES(mutex_);
  absl::Status Open(Place& place, Clock::time_point until) MIRROR_EXCLUDES(mutex_);
  absl::Status Look(Place& place) MIRROR_EXCLUDES(mutex_);
  absl::Status TooMany(std::chrono::milliseconds within) const MIRROR_REQUIRES(mutex_);
  /// Until one of its own comes back, too.
  void WaitForSlot(Clock::time_point until) MIRROR_EXCLUDES(mutex_);
  void GiveBack(Lease& lease) MIRROR_EXCLUDES(mutex_);
  bool IsGood(Kept& kept) const;

  const PoolOptions options_;
  mutable Mutex mutex_;
  CondVar given_back_;
  std::vector<Kept> idle_ MIRROR_GUARDED_BY(mutex_);  ///< Used last: at the end.
  std::size_t open_ MIRROR_GUARDED_BY(mutex_) = 0;    ///< Idle, lent, being opened, and left.
  std::vector<Left> left_ MIRROR_GUARDED_BY(mutex_);
  bool is_looking_ MIRROR_GUARDED_BY(mutex_) = false;
  Clock::time_point look_again_ MIRROR_GUARDED_BY(mutex_);
  std::size_t waiting_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::uint64_t refused_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::uint64_t generation_ MIRROR_GUARDED_BY(mutex_) = 0;
};

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_POOL_H_
