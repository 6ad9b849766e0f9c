#ifndef MIRROR_BASE_DB_POSTGRES_CANCELLER_H_
#define MIRROR_BASE_DB_POSTGRES_CANCELLER_H_

#include "absl/status/status.h"
#include "base/mutex.h"

struct pg_cancel;
struct pg_conn;

namespace mirror::postgres {

/// Ends what a connection's server is at work on, from another thread: the statement fails with
/// Trouble::kCancelled. Threads: any, and it may outlive its connection.
class Canceller {
 public:
  explicit Canceller(pg_conn* connection);
  ~Canceller();
  Canceller(const Canceller&) = delete;
  Canceller& operator=(const Canceller&) = delete;

  /// Opens a connection of its own and waits for its end. Harmless when nothing is at work. Errors:
  /// kFailedPrecondition: the connection commits, which is never cancelled, since others then read what may
  /// not last; or it was given back. kUnavailable: the server was not reached.
  absl::Status Cancel() MIRROR_EXCLUDES(mutex_);

  /// For its connection: from here on it does, or does not. Waits for a Cancel() that is under way.
  void Allow(bool allow) MIRROR_EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  pg_cancel* const cancel_;
  bool allowed_ MIRROR_GUARDED_BY(mutex_) = true;
};

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_CANCELLER_H_
