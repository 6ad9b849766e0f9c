#ifndef MIRROR_SERVER_TENANT_MIRROR_COMMIT_QUEUE_H_
#define MIRROR_SERVER_TENANT_MIRROR_COMMIT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <vector>

#include "base/mutex.h"
#include "server/plan/row_request.h"

namespace mirror {

/// Requests of one tenant, in the order in which they came. The thread whose request is the first commits it
/// together with those that wait behind it; their threads only take the answer. `Waiting::bytes()`: what a
/// request weighs.
/// Threads: any. As many may wait as there are calls and streams; who lets them in bounds them.
template <typename Waiting>
class CommitQueue {
 public:
  /// A thread's requests, one behind the other, until they are answered.
  class Place {
   public:
    Place(CommitQueue& queue, const std::vector<Waiting*>& requests) : queue_(queue), left_(requests.size()) {
      const MutexLock lock(queue_.mutex_);
      // Here, where nobody waits for it: taking a group needs no memory.
      queue_.group_.reserve(kGroupRequestsMax);
      queue_.taken_.reserve(kGroupRequestsMax);
      std::list<Entry> entries;
      for (Waiting* const request : requests) entries.push_back({request, this});
      queue_.waiting_.splice(queue_.waiting_.end(), entries);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() = default;

    /// Waits. True: this thread has to take a group, answer it, and give it back with Done(). False: all of
    /// its requests were answered.
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

  /// Done() for the leader, wherever it leaves.
  class Leading {
   public:
    explicit Leading(CommitQueue& queue) : queue_(queue) {}
    Leading(const Leading&) = delete;
    Leading& operator=(const Leading&) = delete;
    ~Leading() { queue_.Done(); }

   private:
    CommitQueue& queue_;
  };

  /// What is to be committed now: the oldest request and as many behind it as the limits allow. The leader's,
  /// until Done().
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
      // Those of a place stand together.
      if (!group_.empty() && has_large && next.place != taken_.front()) break;
      group_.push_back(next.request);
      taken_.push_back(next.place);
      waiting_.pop_front();
      bytes += more;
    }
    return group_;
  }
  /// The same once more.
  const std::vector<Waiting*>& taken() const noexcept { return group_; }

  /// All that was taken has been answered; the next one leads.
  void Done() {
    const MutexLock lock(mutex_);
    led_ = false;
    // Under the lock: a place goes as soon as its thread sees that nothing of it is left.
    for (Place* const place : taken_) {
      if (--place->left_ == 0) place->changed_.NotifyOne();
    }
    taken_.clear();
    if (!waiting_.empty()) waiting_.front().place->changed_.NotifyOne();
  }

  /// Requests that wait and were not taken yet.
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
  std::vector<Waiting*> group_;                          ///< The leader's.
  std::vector<Place*> taken_ MIRROR_GUARDED_BY(mutex_);  ///< Whose requests the leader has.
  bool led_ MIRROR_GUARDED_BY(mutex_) = false;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_COMMIT_QUEUE_H_
