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

/// Wakes threads when files are written. It uses one inotify instance for the process, because the kernel
/// allows a user only 128 instances by default. Callers must also check their files from time to time without
/// an event: the kernel reports no write on a remote file system, and no write through a memory map.
///
/// Threads: any. It has one of its own from the first Add() on, which reads the events.
class FileWatcher {
 public:
  FileWatcher() = default;
  ~FileWatcher();
  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

  /// A watch of some files of one folder. Threads: one. The watcher must outlive it.
  class Watch {
   public:
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    /// Waits until one of the files was written, made, removed or renamed since the last call of Wait().
    /// Returns false if that did not happen within `most`, or if `stop` was requested.
    bool Wait(std::chrono::nanoseconds most, const std::stop_token& stop);
    /// Returns true if events can come. False: the folder is not on a local file system, it was removed or
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

  /// Begins to watch files. `folder`: its path without symbolic links. `names`: names of files in the folder;
  /// the files need not exist.
  std::unique_ptr<Watch> Add(const std::string& folder, std::vector<std::string> names);

 private:
  /// Opens the inotify instance and starts the thread. If one of them fails, no events come.
  void Start() MIRROR_REQUIRES(mutex_);
  /// Runs in the watcher's thread. `inotify`, `ended`: the values of the members.
  void ReadEvents(int inotify, int ended);
  /// Handles an event of the file `name` in the folder with the watch `descriptor`. Empty `name`: an event of
  /// the folder itself.
  void Tell(int descriptor, std::uint32_t mask, const std::string& name) MIRROR_REQUIRES(mutex_);
  void Remove(Watch& watch);

  Mutex mutex_;
  StopCondVar told_;
  /// -1: not opened yet, or the kernel allows no more instances.
  int inotify_ MIRROR_GUARDED_BY(mutex_) = -1;
  int ended_ MIRROR_GUARDED_BY(mutex_) = -1;  ///< An eventfd that ends the thread.
  std::map<int, std::vector<Watch*>> watches_ MIRROR_GUARDED_BY(mutex_);  ///< By watch descriptor.
  std::thread thread_ MIRROR_GUARDED_BY(mutex_);
};

/// Returns true if the path is on a file system to which only this machine writes, and which reports each
/// write.
bool IsOnLocalDisk(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_BASE_FILE_WATCH_H_
