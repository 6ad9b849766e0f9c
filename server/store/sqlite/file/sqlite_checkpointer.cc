#include "server/store/sqlite/file/sqlite_checkpointer.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

namespace mirror {
namespace {

/// A pass that copies at most this number of pages is the last. Its sync was short, and few pages were added
/// meanwhile.
constexpr int kRestPages = 500;
/// Maximum number of passes, because other tasks wait for the thread.
constexpr int kPassesMax = 4;

}  // namespace

int CopyLog(sqlite3* connection) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  const bool has_file = file != nullptr && file->pMethods != nullptr;
  int copied_before = 0;
  for (int pass = 0; pass < kPassesMax; ++pass) {
    int pages = 0, copied = 0;
    const int code =
        sqlite3_wal_checkpoint_v2(connection, "main", SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
    if (code != SQLITE_OK) return sqlite3_extended_errcode(connection);
    // Ends in three cases: no pages were added; a reader needs the rest; or all was copied and the log has
    // begun anew.
    if (pass > 0 && copied <= copied_before) break;
    // SQLite itself syncs only if it has copied the whole log.
    const int synced = has_file ? file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) : SQLITE_OK;
    if (synced != SQLITE_OK) return synced;
    if (pass > 0 && copied - copied_before <= kRestPages) break;
    copied_before = copied;
  }
  return SQLITE_OK;
}

Checkpointer::Task::Task(Checkpointer& checkpointer, std::function<std::int64_t()> work)
    : checkpointer_(checkpointer), work_(std::move(work)) {
  const MutexLock lock(checkpointer_.mutex_);
  // The thread's function uses no member of the task, because the task may end before the thread starts.
  if (!checkpointer_.thread_.joinable())
    checkpointer_.thread_ = std::thread(&Checkpointer::Work, &checkpointer);
  checkpointer_.waiting_.push_back(this);
  checkpointer_.came_.NotifyOne();
}

void Checkpointer::Task::End() {
  const MutexLock lock(checkpointer_.mutex_);
  if (state_ == State::kWaiting) {
    std::erase(checkpointer_.waiting_, this);
    state_ = State::kEnded;
  }
  while (state_ != State::kEnded) checkpointer_.ended_.Wait(checkpointer_.mutex_);
}

bool Checkpointer::Task::Ended() const {
  const MutexLock lock(checkpointer_.mutex_);
  return state_ == State::kEnded;
}

std::int64_t Checkpointer::Task::result() const {
  const MutexLock lock(checkpointer_.mutex_);
  return result_;
}

std::size_t Checkpointer::Waiting() const {
  const MutexLock lock(mutex_);
  return waiting_.size();
}

Checkpointer::~Checkpointer() {
  {
    const MutexLock lock(mutex_);
    over_ = true;
    came_.NotifyOne();
  }
  if (thread_.joinable()) thread_.join();
}

void Checkpointer::Work() {
  const MutexLock lock(mutex_);
  while (true) {
    while (!over_ && waiting_.empty()) came_.Wait(mutex_);
    if (waiting_.empty()) return;
    Task* const task = waiting_.front();
    waiting_.pop_front();
    task->state_ = Task::State::kRunning;
    std::int64_t result = 0;
    {
      const MutexUnlock unlocked(mutex_);
      result = task->work_();
    }
    task->result_ = result;
    task->state_ = Task::State::kEnded;
    ended_.NotifyAll();
  }
}

}  // namespace mirror
