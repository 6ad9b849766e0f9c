#ifndef MIRROR_SERVER_TENANT_MIRROR_COMMIT_QUEUE_H_
#define MIRROR_SERVER_TENANT_MIRROR_COMMIT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <vector>

#include "base/mutex.h"
#include "server/plan/row_request.h"

namespace mirror {

/// Requests of one tenant, in the order of arrival. The thread of the first request commits it together with
/// requests that wait after it. The other threads only take their answers. `Waiting::bytes()`: size of a
/// request. Threads: any. Only the limits of admitted calls and streams bound the number of waiting requests.
template <typename Waiting>
class CommitQueue {
 public:
  /// The requests of one thread, in order, until they are answered.
  class Place {
   public:
    Place(CommitQueue& queue, const std::vector<Waiting*>& requests) : queue_(queue), left_(requests.size()) {
      const MutexLock lock(queue_.mutex_);
      // Reserve here, where no other thread waits for this one: Take() must not allocate.
      queue_.group_.reserve(kGroupRequestsMax);
      queue_.taken_.reserve(kGroupRequestsMax);
      std::list<Entry> entries;
      for (Waiting* const request : requests) entries.push_back({request, this});
      queue_.waiting_.splice(queue_.waiting_.end(), entries);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() = default;

    /// Waits. True: this thread has to take a group, answer it, and release it with Done(). False: all
    /// requests of this thread were answered.
    bool MustLead() {
      const MutexLock lock(queue_.mutex_);
      while (left_ != 0 && (queue_.led_ || queue_.waiting_.front().place != this))
        changed_.Wait(queue_.mutex_);
      if (left_ == 0) return false;
      queue_.led_ = true;
      return true;
    }

   private:
    friend class CommitQueue;
    CommitQueue& queue_;
    std::size_t left_ MIRROR_GUARDED_BY(&CommitQueue::mutex_);
    CondVar changed_;
  };

  /// Calls Done() when the leader leaves the scope, on any path.
  class Leading {
   public:
    explicit Leading(CommitQueue& queue) : queue_(queue) {}
    Leading(const Leading&) = delete;
    Leading& operator=(const Leading&) = delete;
    ~Leading() { queue_.Done(); }

   private:
    CommitQueue& queue_;
  };

  /// Returns the requests to commit now: the oldest one, and the ones after it up to the limits. They belong
  /// to the leader until Done().
  const std::vector<Waiting*>& Take() noexcept {
    std::uint64_t bytes = 0;
    bool has_large = false;
    const MutexLock lock(mutex_);
    group_.clear();
    while (!waiting_.empty() && group_.size() < kGroupRequestsMax) {
      const Entry& next = waiting_.front();
      const std::uint64_t more = next.request->bytes();
      has_large = has_large || more > kGroupedRequestBytesMax;
      if (!group_.empty() && bytes + more > kGroupBytesMax) break;
      // A large request is grouped only with other requests of its own place, which are adjacent to it.
      if (!group_.empty() && has_large && next.place != taken_.front()) break;
      group_.push_back(next.request);
      taken_.push_back(next.place);
      waiting_.pop_front();
      bytes += more;
    }
    return group_;
  }
  /// Returns the last result of Take().
  const std::vector<Waiting*>& taken() const noexcept { return group_; }

  /// Ends the leadership: all taken requests have answers, and the next thread leads.
  void Done() {
    const MutexLock lock(mutex_);
    led_ = false;
    // Notify under the lock: a place is destroyed as soon as its thread sees left_ == 0.
    for (Place* const place : taken_) {
      if (--place->left_ == 0) place->changed_.NotifyOne();
    }
    taken_.clear();
    if (!waiting_.empty()) waiting_.front().place->changed_.NotifyOne();
  }

  /// Returns the number of waiting requests that were not taken yet.
  std::size_t size() {
    const MutexLock lock(mutex_);
    return waiting_.size();
  }

 private:
  struct Entry {
    Waiting* request;
    Place* place;
  };

  Mutex mutex_;
  std::list<Entry> waiting_ MIRROR_GUARDED_BY(mutex_);
  std::vector<Waiting*> group_;                          ///< Owned by the leader.
  std::vector<Place*> taken_ MIRROR_GUARDED_BY(mutex_);  ///< Owners of the requests in group_.
  bool led_ MIRROR_GUARDED_BY(mutex_) = false;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_COMMIT_QUEUE_H_
