#include "client/source/mariadb/mariadb_lock_watch.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mirror {

MariadbLockWatch::MariadbLockWatch(std::shared_ptr<MariadbSessions> sessions, const std::string& quoted,
                                   std::uint64_t server_thread)
    : sessions_(std::move(sessions)),
      sql_(absl::StrCat("SELECT 1 FROM ", quoted, " LIMIT 0")),
      server_thread_(server_thread),
      thread_([this] { Run(); }) {}

MariadbLockWatch::~MariadbLockWatch() {
  {
    const MutexLock lock(mutex_);
    is_over_ = true;
  }
  over_.NotifyAll();
  thread_.join();
}

void MariadbLockWatch::Run() {
  // Where nobody is to be asked for so long, all is over before the first look.
  const auto interval = sessions_->access().yields_after;
  for (;;) {
    {
      const MutexLock lock(mutex_);
      const auto until = std::chrono::steady_clock::now() + interval;
      while (!is_over_ && std::chrono::steady_clock::now() < until) over_.WaitUntil(mutex_, until);
      if (is_over_) return;
    }
    if (!IsWaitedFor()) continue;
    has_ended_it_ = true;
    const absl::StatusOr<MariadbLease> lease = sessions_->Take(MariadbUse::kWatch);
    if (lease.ok() && (*lease)->KillOther(server_thread_).ok()) return;
  }
}

bool MariadbLockWatch::IsWaitedFor() const {
  const absl::StatusOr<MariadbLease> lease = sessions_->Take(MariadbUse::kWatch);
  if (!lease.ok()) return false;
  return mariadb::TroubleOf((*lease)->Execute(sql_)) == mariadb::Trouble::kLockTimeout;
}

}  // namespace mirror
