#ifndef MIRROR_BASE_MUTEX_H_
#define MIRROR_BASE_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <utility>

// The standard library's locks with annotations for clang's thread-safety analysis, which libstdc++ does not
// have. A member's declaration names the lock that guards it. A private function's declaration names the lock
// that its caller must hold. The build with the thread sanitizer rejects code that violates this.

#ifdef __clang__
#define MIRROR_OF_LOCKS(attribute) __attribute__((attribute))
#else
#define MIRROR_OF_LOCKS(attribute)  // GCC has no such analysis.
#endif

/// For a member: reads and writes need this mutex. `&Other::mutex_`: the mutex of any object of that class.
#define MIRROR_GUARDED_BY(mutex) MIRROR_OF_LOCKS(guarded_by(mutex))
/// For a pointer: the object that it points to needs the mutex.
#define MIRROR_PT_GUARDED_BY(mutex) MIRROR_OF_LOCKS(pt_guarded_by(mutex))
/// For a mutex: code that needs this and the given mutexes must lock this one first.
#define MIRROR_ACQUIRED_BEFORE(...) MIRROR_OF_LOCKS(acquired_before(__VA_ARGS__))
/// For a function: its caller must hold the mutex.
#define MIRROR_REQUIRES(...) MIRROR_OF_LOCKS(requires_capability(__VA_ARGS__))
/// For a function: its caller must not hold the mutex, since the function locks it.
#define MIRROR_EXCLUDES(...) MIRROR_OF_LOCKS(locks_excluded(__VA_ARGS__))
/// For a function: it locks the mutex, or unlocks it.
#define MIRROR_ACQUIRES(...) MIRROR_OF_LOCKS(acquire_capability(__VA_ARGS__))
#define MIRROR_ACQUIRES_SHARED(...) MIRROR_OF_LOCKS(acquire_shared_capability(__VA_ARGS__))
#define MIRROR_RELEASES(...) MIRROR_OF_LOCKS(release_capability(__VA_ARGS__))
#define MIRROR_RELEASES_SHARED(...) MIRROR_OF_LOCKS(release_shared_capability(__VA_ARGS__))
/// For a function: it has locked the mutex if it returns `true`.
#define MIRROR_TRY_ACQUIRES(...) MIRROR_OF_LOCKS(try_acquire_capability(__VA_ARGS__))
/// For a function: it returns this mutex.
#define MIRROR_RETURNS(mutex) MIRROR_OF_LOCKS(lock_returned(mutex))
/// For a class: a mutex, or an object that holds one for its lifetime.
#define MIRROR_IS_MUTEX MIRROR_OF_LOCKS(capability("mutex"))
#define MIRROR_HOLDS_MUTEX MIRROR_OF_LOCKS(scoped_lockable)

namespace mirror {

class MIRROR_IS_MUTEX Mutex {
 public:
  void lock() MIRROR_ACQUIRES() { mutex_.lock(); }
  bool try_lock() MIRROR_TRY_ACQUIRES(true) { return mutex_.try_lock(); }
  void unlock() MIRROR_RELEASES() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class MIRROR_IS_MUTEX SharedMutex {
 public:
  void lock() MIRROR_ACQUIRES() { mutex_.lock(); }
  void unlock() MIRROR_RELEASES() { mutex_.unlock(); }
  void lock_shared() MIRROR_ACQUIRES_SHARED() { mutex_.lock_shared(); }
  void unlock_shared() MIRROR_RELEASES_SHARED() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

/// Holds the mutex for its lifetime.
class MIRROR_HOLDS_MUTEX MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) MIRROR_ACQUIRES(mutex) : mutex_(mutex) { mutex_.lock(); }
  /// Takes over a mutex locked by try_lock().
  MutexLock(Mutex& mutex, std::adopt_lock_t) MIRROR_REQUIRES(mutex) : mutex_(mutex) {}
  ~MutexLock() MIRROR_RELEASES() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Unlocks a held mutex, and locks it again in its destructor.
class MIRROR_HOLDS_MUTEX MutexUnlock {
 public:
  explicit MutexUnlock(Mutex& mutex) MIRROR_RELEASES(mutex) : mutex_(mutex) { mutex_.unlock(); }
  ~MutexUnlock() MIRROR_RELEASES() { mutex_.lock(); }  // For the analysis: undoes the constructor.
  MutexUnlock(const MutexUnlock&) = delete;
  MutexUnlock& operator=(const MutexUnlock&) = delete;

 private:
  Mutex& mutex_;
};

class MIRROR_HOLDS_MUTEX WriterLock {
 public:
  explicit WriterLock(SharedMutex& mutex) MIRROR_ACQUIRES(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~WriterLock() MIRROR_RELEASES() { mutex_.unlock(); }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  SharedMutex& mutex_;
};

class MIRROR_HOLDS_MUTEX ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mutex) MIRROR_ACQUIRES_SHARED(mutex) : mutex_(mutex) {
    mutex_.lock_shared();
  }
  ~ReaderLock() MIRROR_RELEASES() { mutex_.unlock_shared(); }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;

 private:
  SharedMutex& mutex_;
};

/// A condition variable whose calls wait once, without a predicate. The caller checks the condition in a
/// loop, so that clang's analysis sees which members the condition reads.
class CondVar {
 public:
  void Wait(Mutex& mutex) MIRROR_REQUIRES(mutex) {
    std::unique_lock held(mutex.mutex_, std::adopt_lock);
    condition_.wait(held);
    held.release();
  }
  /// Waits until a notification, and then returns true. Returns false when `time` is reached before.
  template <class Clock, class Duration>
  bool WaitUntil(Mutex& mutex, const std::chrono::time_point<Clock, Duration>& time) MIRROR_REQUIRES(mutex) {
    std::unique_lock held(mutex.mutex_, std::adopt_lock);
    const std::cv_status status = condition_.wait_until(held, time);
    held.release();
    return status == std::cv_status::no_timeout;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

/// A condition variable whose wait also ends when a stop is requested. `done` is called while the mutex is
/// held, and must be annotated with MIRROR_REQUIRES(mutex).
class StopCondVar {
 public:
  /// Waits until `done` returns true, and returns true. Returns false if a stop is requested before.
  template <class Done>
  bool Wait(Mutex& mutex, const std::stop_token& stop, Done done) MIRROR_REQUIRES(mutex) {
    return condition_.wait(mutex, stop, std::move(done));
  }
  template <class Time, class Done>
  bool WaitUntil(Mutex& mutex, const std::stop_token& stop, const Time& time, Done done)
      MIRROR_REQUIRES(mutex) {
    return condition_.wait_until(mutex, stop, time, std::move(done));
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable_any condition_;
};

/// Waits for `length`. Returns false if a stop is requested before that.
template <class Length>
bool SleepFor(const Length& length, const std::stop_token& stop) {
  Mutex mutex;
  StopCondVar never;
  const MutexLock lock(mutex);
  never.WaitUntil(mutex, stop, std::chrono::steady_clock::now() + length, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace mirror

#endif  // MIRROR_BASE_MUTEX_H_
