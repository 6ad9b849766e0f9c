#ifndef MIRROR_BASE_FILE_WATCH_H_
#define MIRROR_BASE_FILE_WATCH_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace mirror {

/// Wakes threads when files are written, with one inotify instance for the process: the kernel allows a user
/// 128 of them by default. An event is only a hint: programs must look again from time to time without one,
/// since events of a remote file system, or of a write through a memory map, never come.
///
/// Threads: any. It has one of its own, from the first Add() on.
class FileWatcher {
 public:
  FileWatcher() = default;
  ~FileWatcher();
  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

  /// Some files of one folder. Threads: one. The watcher must outlive it.
  class Watch {
   public:
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    /// Waits until a file was written, made, removed or renamed since the last call of Wait(). Returns false
    /// after `most`, or when told to stop.
    bool Wait(std::chrono::nanoseconds most, const std::stop_token& stop);
    /// Whether events can come. False: the folder is not on a local file system, it was removed or
    /// unmounted, or the kernel allows no more watches.
    bool works();

   private:
    friend class FileWatcher;
    explicit Watch(FileWatcher& watcher) : watcher_(watcher) {}

    FileWatcher& watcher_;
    // Guarded by FileWatcher::mutex_.
    std::vector<std::string> names_ = {};
    int descriptor_ = -1;  ///< -1: no events come.
    bool has_event_ = false;
  };

  /// `folder`: without symbolic links. `names`: of files in it, which need not exist.
  std::unique_ptr<Watch> Add(const std::string& folder, std::vector<std::string> names);

 private:
  /// Opens the instance and begins the thread. Without them no event comes.
  void Start() MIRROR_REQUIRES(mutex_);
  /// `inotify`, `ended`: those below.
  void ReadEvents(int inotify, int ended);
  /// An event of the file `name` in the folder of `descriptor`. Empty: the folder's own.
  void Tell(int descriptor, std::uint32_t mask, const std::string& name) MIRROR_REQUIRES(mutex_);
  void Remove(Watch& watch);

  Mutex mutex_;
  StopCondVar told_;
  int inotify_ MIRROR_GUARDED_BY(mutex_) = -1;  ///< -1: not begun, or the kernel allows no more instances.
  int ended_ MIRROR_GUARDED_BY(mutex_) = -1;    ///< An eventfd that ends the thread.
  std::map<int, std::vector<Watch*>> watches_ MIRROR_GUARDED_BY(mutex_);  ///< By watch descriptor.
  std::thread thread_ MIRROR_GUARDED_BY(mutex_);
};

/// Whether the path is on a file system that reports each write of this machine and has no other writer.
bool IsOnLocalDisk(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_BASE_FILE_WATCH_H_
