#ifndef MIRROR_SERVER_STORE_SQLITE_CHECKPOINTER_H_
#define MIRROR_SERVER_STORE_SQLITE_CHECKPOINTER_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>

struct sqlite3;

namespace mirror {

/// Copies the logs of mirrors into their files in a thread of its own, while their writers go on.
///
/// A log begins anew only when all of it is in the file, which a writer that does not pause never lets
/// happen: the last kRestPages are left to it, and are soon copied. The file is synced here, so that the
/// writer need not wait for the disk either. One log at a time: who cannot wait copies its log itself.
/// Threads: any. Outlives the copies.
class Checkpointer {
 public:
  static constexpr int kRestPages = 500;
  static constexpr int kPassesMax = 8;

  /// One log that is to be copied.
  class Copy {
   public:
    /// `connection`: of its own, already used once; in the thread's hands until the copy is ended.
    Copy(Checkpointer& checkpointer, sqlite3* connection);
    /// Withdraws it if it was not begun, else waits until it has ended.
    ~Copy();
    Copy(const Copy&) = delete;
    Copy& operator=(const Copy&) = delete;

    bool Ended() const;

   private:
    friend class Checkpointer;
    enum class State : std::uint8_t { kWaiting, kRunning, kEnded };

    Checkpointer& checkpointer_;
    sqlite3* const connection_;
    State state_ = State::kWaiting;  ///< Under the checkpointer's lock.
  };

  Checkpointer() = default;
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

 private:
  void Work();

  std::mutex mutex_;
  std::condition_variable came_, ended_;
  std::deque<Copy*> waiting_;  ///< One for each open mirror at most.
  bool over_ = false;
  std::thread thread_;  ///< From the first copy on.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_CHECKPOINTER_H_
