#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CHECKPOINTER_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CHECKPOINTER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <thread>

#include "base/mutex.h"

struct sqlite3;

namespace mirror {

/// Copies the logs of mirrors into their files in a thread of its own, while their writers go on.
///
/// A log begins anew only when all of it is in the file, which a writer that does not pause never lets
/// happen: the last few pages are left to it, and are soon copied. The file is synced here, so that the
/// writer need not wait for the disk either. One log at a time: who cannot wait copies its log itself.
/// Threads: any. Outlives the copies.
class Checkpointer {
 public:
  /// So many logs wait, each with a connection of two descriptors; the writers of more copy theirs.
  static constexpr std::size_t kWaitingMax = 16;

  /// One log that is to be copied.
  class Copy {
   public:
    /// `connection`: of its own, already used once; in the thread's hands until the copy is ended.
    /// Throws std::system_error when the system gives no thread.
    Copy(Checkpointer& checkpointer, sqlite3* connection);
    ~Copy() { End(); }
    Copy(const Copy&) = delete;
    Copy& operator=(const Copy&) = delete;

    bool Ended() const;
    /// Withdraws it if it was not begun, else waits until it has ended.
    void End();
    /// SQLite's extended code, once it has ended.
    int result() const;

   private:
    friend class Checkpointer;
    enum class State : std::uint8_t { kWaiting, kRunning, kEnded };

    Checkpointer& checkpointer_;
    sqlite3* const connection_;
    State state_ MIRROR_GUARDED_BY(&Checkpointer::mutex_) = State::kWaiting;
    int result_ MIRROR_GUARDED_BY(&Checkpointer::mutex_) = 0;
  };

  bool HasRoom() const;

  Checkpointer() = default;
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

 private:
  void Work();

  mutable Mutex mutex_;
  CondVar came_, ended_;
  /// About kWaitingMax: who has seen room takes it a moment later.
  std::deque<Copy*> waiting_ MIRROR_GUARDED_BY(mutex_);
  bool over_ MIRROR_GUARDED_BY(mutex_) = false;
  std::thread thread_ MIRROR_GUARDED_BY(mutex_);  ///< From the first copy on.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_CHECKPOINTER_H_
