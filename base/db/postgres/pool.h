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
  std::string name;             ///< Name for messages: "place p1, writing".
  std::size_t connections = 4;  ///< Greatest number of open connections.
  /// A connection that was idle for longer is probed before use.
  std::chrono::milliseconds probe_after{10'000};
  /// Older connections, and those with more uses, are closed when they come back: a server's process keeps
  /// data about each table that it used.
  std::chrono::milliseconds age_max{3'600'000};
  std::int64_t uses_max = 500;
  /// A connection that sent or received a larger single message, such as a large value, is closed, too: its
  /// buffers would keep that size.
  std::size_t bytes_max = 32 << 20;
  /// Checks each new connection before its first use; on an error the connection is closed. Null: no check.
  std::function<absl::Status(Connection&)> admit = nullptr;
};

class Pool;

/// A connection of a pool. At the end of the lease it returns to the pool, or is closed if it is lost or in a
/// transaction, or if its server refused to write: then all others are closed, too, as by Renew().
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

/// A pool of connections to one database. Must outlive its leases. Threads: any.
///
/// A connection lost before the answer to a commit keeps its place until the server's process has ended. If
/// no standby answers, that process waits on without its client; without this rule, new commits would use up
/// all slots of the server. The wait is not cancelled: others would read data that may not be durable.
class Pool {
 public:
  explicit Pool(PoolOptions options) : options_(std::move(options)) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Waits at most `within` for a connection, including the time to connect, also if the server has no
  /// free slot. If all places are occupied, one more connection is opened to check for ended processes.
  /// Errors: Failure's kTooMany: none was returned, or no slot was free, in time; those of
  /// Connection::Open().
  absl::StatusOr<Lease> Take(std::chrono::milliseconds within) MIRROR_EXCLUDES(mutex_);

  /// Closes the open connections after use: the passfile has changed, or the server has.
  void Renew() MIRROR_EXCLUDES(mutex_);

  struct Counts {
    std::size_t open = 0, idle = 0, waiting = 0;
    std::size_t left = 0;       ///< Number of open ones that were lost in a commit, see above.
    std::uint64_t refused = 0;  ///< Number of callers that got none in time.
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
  /// Room for one connection, and the connection if there is one.
  struct Place {
    Kept kept = {};
    std::uint64_t generation = 0;
    std::chrono::milliseconds within{0};  ///< The time given by the caller.
    bool looks = false;                   ///< Its holder must check for ended processes.
    bool is_beyond = false;               ///< There is room only if a process has ended.
  };
  /// A process of the server that lost its client.
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
  /// Waits; ends also when a connection of this pool comes back.
  void WaitForSlot(Clock::time_point until) MIRROR_EXCLUDES(mutex_);
  void GiveBack(Lease& lease) MIRROR_EXCLUDES(mutex_);
  bool IsGood(Kept& kept) const;

  const PoolOptions options_;
  mutable Mutex mutex_;
  CondVar given_back_;
  std::vector<Kept> idle_ MIRROR_GUARDED_BY(mutex_);  ///< Most recently used last.
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
