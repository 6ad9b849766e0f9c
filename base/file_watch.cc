#include "base/file_watch.h"

#include <linux/magic.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

namespace mirror {
namespace {

constexpr std::uint32_t kEvents = IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                  IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t kLost = IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF;
/// Size of the buffer for one read: several hundred events.
constexpr std::size_t kReadBytes = 16'384;
// Missing in some versions of linux/magic.h.
constexpr auto kZfsMagic = 0x2fc12fc1U, kXfsMagic = 0x58465342U;

}  // namespace

bool IsOnLocalDisk(const std::string& path) {
  struct statfs system = {};
  if (statfs(path.c_str(), &system) != 0) return false;
  switch (static_cast<std::uint32_t>(system.f_type)) {
    case EXT4_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case TMPFS_MAGIC:
    case kXfsMagic:
    case kZfsMagic:
      return true;
    default:
      return false;
  }
}

void FileWatcher::Start() {
  if (inotify_ < 0) inotify_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (ended_ < 0) ended_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (inotify_ < 0 || ended_ < 0) return;
  thread_ = std::thread([this, inotify = inotify_, ended = ended_] { ReadEvents(inotify, ended); });
}

FileWatcher::~FileWatcher() {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    // A write of 1 to an eventfd whose number is 0 always succeeds, so the result needs no check.
    [[maybe_unused]] const ssize_t written = write(ended_, &one, sizeof one);
    thread_.join();
  }
  if (inotify_ >= 0) close(inotify_);
  if (ended_ >= 0) close(ended_);
}

void FileWatcher::ReadEvents(int inotify, int ended) {
  alignas(inotify_event) std::array<char, kReadBytes> buffer;
  std::array<pollfd, 2> waits = {{{inotify, POLLIN, 0}, {ended, POLLIN, 0}}};
  for (;;) {
    if (poll(waits.data(), waits.size(), -1) < 0) continue;
    if (waits[1].revents != 0) return;
    const ssize_t bytes = read(inotify, buffer.data(), buffer.size());
    const MutexLock lock(mutex_);
    for (ssize_t at = 0; at < bytes;) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const std::size_t end = static_cast<std::size_t>(at) + sizeof event;
      // The kernel pads names with NUL characters.
      const std::string name = event.len == 0 ? "" : std::string(buffer.data() + end);
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        for (const auto& [descriptor, watches] : watches_) Tell(descriptor, IN_MODIFY, "");
      } else {
        Tell(event.wd, event.mask, name);
      }
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
    told_.NotifyAll();
  }
}

void FileWatcher::Tell(int descriptor, std::uint32_t mask, const std::string& name) {
  const auto found = watches_.find(descriptor);
  if (found == watches_.end()) return;
  for (Watch* const watch : found->second) {
    const bool named = std::find(watch->names_.begin(), watch->names_.end(), name) != watch->names_.end();
    if (name.empty() || named) watch->has_event_ = true;
    if ((mask & kLost) != 0) watch->descriptor_ = -1;
  }
  if ((mask & kLost) == 0) return;
  if ((mask & IN_IGNORED) == 0) inotify_rm_watch(inotify_, descriptor);
  watches_.erase(found);
}

std::unique_ptr<FileWatcher::Watch> FileWatcher::Add(const std::string& folder,
                                                     std::vector<std::string> names) {
  std::unique_ptr<Watch> watch(new Watch(*this));
  const MutexLock lock(mutex_);
  watch->names_ = std::move(names);
  if (!IsOnLocalDisk(folder)) return watch;
  if (!thread_.joinable()) Start();
  if (!thread_.joinable()) return watch;
  // For a folder that is watched already, the kernel returns the same descriptor.
  watch->descriptor_ = inotify_add_watch(inotify_, folder.c_str(), kEvents);
  if (watch->descriptor_ >= 0) watches_[watch->descriptor_].push_back(watch.get());
  return watch;
}

void FileWatcher::Remove(Watch& watch) {
  const MutexLock lock(mutex_);
  const auto found = watches_.find(watch.descriptor_);
  if (found == watches_.end()) return;
  std::erase(found->second, &watch);
  if (!found->second.empty()) return;
  inotify_rm_watch(inotify_, watch.descriptor_);
  watches_.erase(found);
}

FileWatcher::Watch::~Watch() { watcher_.Remove(*this); }

bool FileWatcher::Watch::Wait(std::chrono::nanoseconds most, const std::stop_token& stop) {
  FileWatcher& watcher = watcher_;
  const MutexLock lock(watcher.mutex_);
  watcher.told_.WaitUntil(watcher.mutex_, stop, std::chrono::steady_clock::now() + most,
                          [this]() { return has_event_; });
  return std::exchange(has_event_, false);
}

bool FileWatcher::Watch::works() {
  const MutexLock lock(watcher_.mutex_);
  return descriptor_ >= 0;
}

}  // namespace mirror
