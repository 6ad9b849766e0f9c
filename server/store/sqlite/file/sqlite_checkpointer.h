#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CHECKPOINTER_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CHECKPOINTER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <thread>

#include "base/mutex.h"

struct sqlite3;

namespace mirror {

/// Works on the logs of mirrors in a thread of its own, while their writers continue. It copies logs into the
/// mirror files (CopyLog) and extends logs ahead of their writers (LogGrowth).
///
/// Works on one log at a time. A writer that cannot wait copies its log itself. Must outlive the tasks.
/// Threads: any.
class Checkpointer {
 public:
  /// Maximum number of queued tasks; each has at most two descriptors. If the queue is full, writers copy
  /// their logs themselves.
  static constexpr std::size_t kWaitingMax = 16;

  /// One piece of work on one log.
  class Task {
   public:
    /// Queues `work`, whose return value result() returns. Throws std::system_error if no thread can be
    /// started.
    Task(Checkpointer& checkpointer, std::function<std::int64_t()> work);
    ~Task() { End(); }
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;

    bool Ended() const;
    /// Removes the task from the queue if it has not begun. Otherwise waits until it has ended.
    void End();
    /// Returns 0 if the task was withdrawn or has not ended.
    std::int64_t result() const;

   private:
    friend class Checkpointer;
    enum class State : std::uint8_t { kWaiting, kRunning, kEnded };

    Checkpointer& checkpointer_;
    const std::function<std::int64_t()> work_;
    State state_ MIRROR_GUARDED_BY(&Checkpointer::mutex_) = State::kWaiting;
    std::int64_t result_ MIRROR_GUARDED_BY(&Checkpointer::mutex_) = 0;
  };

  bool HasRoom() const { return Waiting() < kWaitingMax; }
  /// Returns the number of tasks that have not begun.
  std::size_t Waiting() const;

  Checkpointer() = default;
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

 private:
  void Work();

  mutable Mutex mutex_;
  CondVar came_, ended_;
  /// May exceed kWaitingMax a little, because a caller of HasRoom() adds its task a moment later.
  std::deque<Task*> waiting_ MIRROR_GUARDED_BY(mutex_);
  bool over_ MIRROR_GUARDED_BY(mutex_) = false;
  std::thread thread_ MIRROR_GUARDED_BY(mutex_);  ///< The first task starts it.
};

/// Copies a log into its file, except the last pages, and syncs the file. So the writer need not wait for the
/// disk. A log begins anew only when all of it is in the file. While a writer is busy, this function never
/// gets there, and the writer itself soon copies the last few pages. `connection`: one of its own, which was
/// used before. Returns SQLite's extended code.
int CopyLog(sqlite3* connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CHECKPOINTER_H_
