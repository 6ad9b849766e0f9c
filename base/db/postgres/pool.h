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
  /// A connection that was idle for longer than this is probed before it is used.
  std::chrono::milliseconds probe_after{10'000};
  /// A connection that is older than this, or was used more often, is closed when it comes back. The server's
  /// process keeps data about each table that it has used, so that its memory grows.
  std::chrono::milliseconds age_max{3'600'000};
  std::int64_t uses_max = 500;
  /// A connection that sent or received a larger message, such as a large value, is closed, too, because its
  /// buffers keep this size.
  std::size_t bytes_max = 32 << 20;
  /// Checks each new connection before its first use; on an error the connection is closed. Null: no check.
  std::function<absl::Status(Connection&)> admit = nullptr;
};

class Pool;

/// A connection that was taken from a pool. The destructor gives it back to the pool. It is closed instead if
/// it is lost or still in a transaction. If its server refused to write, it and all other connections of the
/// pool are closed, as by Renew().
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
/// If a connection is lost before the answer to a commit, its place stays occupied until the server's process
/// has ended. Without an answer of a standby, such a process waits although its client is gone. If the places
/// were free, new commits could use up all connection slots of the server. The wait is not cancelled, because
/// others would then read data that may not be durable.
class Pool {
 public:
  explicit Pool(PoolOptions options) : options_(std::move(options)) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Returns a connection. Waits for it at most `within`, which includes the time to connect and to wait for
  /// a free slot of the server. If all places are occupied, one more connection may be opened, to check
  /// whether the processes of lost connections have ended. Errors: Trouble::kTooMany: no connection came back
  /// and no slot was free in time; those of Connection::Open().
  absl::StatusOr<Lease> Take(std::chrono::milliseconds within) MIRROR_EXCLUDES(mutex_);

  /// Closes the open connections, those in use after their use. For a caller that knows that the passfile or
  /// the server has changed.
  void Renew() MIRROR_EXCLUDES(mutex_);

  struct Counts {
    std::size_t open = 0, idle = 0, waiting = 0;
    /// Number of places that are occupied by connections lost in a commit, see Pool; included in `open`.
    std::size_t left = 0;
    std::uint64_t refused = 0;  ///< Number of calls of Take() that got no connection in time.
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
  /// A place for one connection, and the connection if it is open already.
  struct Place {
    Kept kept = {};
    std::uint64_t generation = 0;
    std::chrono::milliseconds within{0};  ///< The time that the caller of Take() gave.
    bool looks = false;                   ///< The holder of the place must check for ended processes.
    /// The place is one too many: it can be used only if a process has ended.
    bool is_beyond = false;
  };
  /// A process of the server whose client connection was lost in a commit.
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
  /// Waits until `until`, or until a connection of this pool comes back.
  void WaitForSlot(Clock::time_point until) MIRROR_EXCLUDES(mutex_);
  void GiveBack(Lease& lease) MIRROR_EXCLUDES(mutex_);
  bool IsGood(Kept& kept) const;

  const PoolOptions options_;
  mutable Mutex mutex_;
  CondVar given_back_;
  std::vector<Kept> idle_ MIRROR_GUARDED_BY(mutex_);  ///< Idle connections, the most recently used last.
  /// Number of connections that are idle, in use, being opened, or lost in a commit.
  std::size_t open_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::vector<Left> left_ MIRROR_GUARDED_BY(mutex_);
  bool is_looking_ MIRROR_GUARDED_BY(mutex_) = false;
  Clock::time_point look_again_ MIRROR_GUARDED_BY(mutex_);
  std::size_t waiting_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::uint64_t refused_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::uint64_t generation_ MIRROR_GUARDED_BY(mutex_) = 0;
};

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_POOL_H_
