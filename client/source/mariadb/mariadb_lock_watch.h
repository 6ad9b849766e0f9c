#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOCK_WATCH_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOCK_WATCH_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "client/source/mariadb/mariadb_sessions.h"

namespace mirror {

/// Ends a session that reads a table once somebody waits to change the table's definition, or to lock it:
/// whoever wants the table then waits behind him, the application, too. It looks every
/// MariadbAccess::yields_after, whether rows are taken or not, by asking for the lock that a reader takes,
/// without waiting: only who waits for more is in the way of that. So it needs no right but that to read.
class MariadbLockWatch {
 public:
  /// `quoted`: the table. `server_thread`: of the session, which has the table's lock already.
  MariadbLockWatch(std::shared_ptr<MariadbSessions> sessions, const std::string& quoted,
                   std::uint64_t server_thread);
  ~MariadbLockWatch();
  MariadbLockWatch(const MariadbLockWatch&) = delete;
  MariadbLockWatch& operator=(const MariadbLockWatch&) = delete;

  /// The session was ended for somebody, or is about to be.
  bool has_ended_it() const { return has_ended_it_; }

 private:
  void Run() MIRROR_EXCLUDES(mutex_);
  bool IsWaitedFor() const;

  const std::shared_ptr<MariadbSessions> sessions_;
  const std::string sql_;
  const std::uint64_t server_thread_;
  std::atomic<bool> has_ended_it_ = false;
  Mutex mutex_;
  CondVar over_;
  bool is_over_ MIRROR_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_LOCK_WATCH_H_
