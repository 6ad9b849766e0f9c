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

/// Works on the logs of mirrors in a thread of its own, while their writers go on: copies them into the files
/// (CopyLog), and makes them longer ahead of their writers (LogGrowth).
///
/// One log at a time: who cannot wait copies its log itself. Threads: any. Outlives the tasks.
class Checkpointer {
 public:
  /// So many tasks wait, each with two descriptors at most; the writers of more copy their logs.
  static constexpr std::size_t kWaitingMax = 16;

  /// What is done with one log.
  class Task {
   public:
    /// `work` gives what result() says. Throws std::system_error when the system gives no thread.
    Task(Checkpointer& checkpointer, std::function<std::int64_t()> work);
    ~Task() { End(); }
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;

    bool Ended() const;
    /// Withdraws it if it was not begun, else waits until it has ended.
    void End();
    /// 0 where it was withdrawn, or has not ended.
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
  /// Tasks that were not begun yet.
  std::size_t Waiting() const;

  Checkpointer() = default;
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

 private:
  void Work();

  mutable Mutex mutex_;
  CondVar came_, ended_;
  /// About kWaitingMax: who has seen room takes it a moment later.
  std::deque<Task*> waiting_ MIRROR_GUARDED_BY(mutex_);
  bool over_ MIRROR_GUARDED_BY(mutex_) = false;
  std::thread thread_ MIRROR_GUARDED_BY(mutex_);  ///< From the first task on.
};

/// Copies a log into its file, all but the last pages, and syncs the file, so that the writer need not wait
/// for the disk: a log begins anew only when all of it is in the file, which a writer that does not pause
/// never lets happen; the last few pages are left to it, and are soon copied. `connection`: of its own,
/// already used once. Gives SQLite's extended code.
int CopyLog(sqlite3* connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CHECKPOINTER_H_
