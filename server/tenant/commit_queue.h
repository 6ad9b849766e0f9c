#ifndef MIRROR_SERVER_TENANT_COMMIT_QUEUE_H_
#define MIRROR_SERVER_TENANT_COMMIT_QUEUE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "server/plan/caller.h"
#include "server/plan/row_request.h"

namespace mirror {

/// So many requests, and so many bytes of them, are committed together at most.
inline constexpr std::size_t kGroupRequestsMax = 64;
inline constexpr std::uint64_t kGroupBytesMax = 2 << 20;
/// A request over this is committed with those of its own stream alone: others would wait for its rows longer
/// than for a commit.
inline constexpr std::uint64_t kGroupedRequestBytesMax = 256 << 10;

/// A request that waits for its commit, and then its answer.
struct WaitingRows {
  WaitingRows(const Caller& from, const RowRequest& rows, std::int64_t came_ms,
              std::chrono::steady_clock::time_point began_at)
      : caller(from), request(rows), now_ms(came_ms), began(began_at) {}

  const Caller& caller;
  const RowRequest& request;
  const std::int64_t now_ms;  ///< Unix time at which it came.
  const std::chrono::steady_clock::time_point began;
  bool may_wait = false;  ///< For the batch before it.

  void Answer(RowAnswer with) {
    answer = std::move(with);
    has_gap = false;
  }

  RowAnswer answer;
  bool has_gap = false;  ///< It may wait and has to; there is no answer yet.
};

/// Requests of one tenant, in the order in which they came. The thread whose request is the first commits it
/// together with those that wait behind it; their threads only take the answer.
/// Threads: any. As many may wait as there are calls and streams; InFlight bounds them.
class CommitQueue {
 public:
  /// A thread's requests, one behind the other, until they are answered.
  class Place {
   public:
    Place(CommitQueue& queue, const std::vector<WaitingRows*>& requests);
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() = default;

    /// Waits. True: this thread has to take a group, answer it, and give it back with Done(). False: all of
    /// its requests were answered.
    bool MustLead();

   private:
    friend class CommitQueue;
    CommitQueue& queue_;
    std::size_t left_ MIRROR_GUARDED_BY(&CommitQueue::mutex_);
    CondVar changed_;
  };

  /// What is to be committed now: the oldest request and as many behind it as the limits allow.
  std::vector<WaitingRows*> Take();
  /// All that was taken has been answered; the next one leads.
  void Done();
  /// Requests that wait and were not taken yet.
  std::size_t size();

 private:
  struct Entry {
    WaitingRows* rows;
    Place* place;
  };

  Mutex mutex_;
  std::deque<Entry> waiting_ MIRROR_GUARDED_BY(mutex_);
  std::vector<Place*> taken_ MIRROR_GUARDED_BY(mutex_);  ///< Whose requests the leader has.
  bool led_ MIRROR_GUARDED_BY(mutex_) = false;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_COMMIT_QUEUE_H_
