#include "server/tenant/commit_queue.h"

namespace mirror {

CommitQueue::Place::Place(CommitQueue& queue, const std::vector<WaitingRows*>& requests)
    : queue_(queue), left_(requests.size()) {
  const MutexLock lock(queue_.mutex_);
  for (WaitingRows* const request : requests) queue_.waiting_.push_back({request, this});
}

bool CommitQueue::Place::MustLead() {
  const MutexLock lock(queue_.mutex_);
  while (left_ != 0 && (queue_.led_ || queue_.waiting_.front().place != this)) changed_.Wait(queue_.mutex_);
  if (left_ == 0) return false;
  queue_.led_ = true;
  return true;
}

std::vector<WaitingRows*> CommitQueue::Take() {
  std::vector<WaitingRows*> group;
  std::uint64_t bytes = 0;
  bool has_large = false;
  const MutexLock lock(mutex_);
  while (!waiting_.empty() && group.size() < kGroupRequestsMax) {
    const Entry& next = waiting_.front();
    const std::uint64_t more = next.rows->request.bytes;
    has_large = has_large || more > kGroupedRequestBytesMax;
    if (!group.empty() && bytes + more > kGroupBytesMax) break;
    // Those of a place stand together.
    if (!group.empty() && has_large && next.place != taken_.front()) break;
    group.push_back(next.rows);
    taken_.push_back(next.place);
    waiting_.pop_front();
    bytes += more;
  }
  return group;
}

void CommitQueue::Done() {
  const MutexLock lock(mutex_);
  led_ = false;
  // Under the lock: a place goes as soon as its thread sees that nothing of it is left.
  for (Place* const place : taken_) {
    if (--place->left_ == 0) place->changed_.NotifyOne();
  }
  taken_.clear();
  if (!waiting_.empty()) waiting_.front().place->changed_.NotifyOne();
}

std::size_t CommitQueue::size() {
  const MutexLock lock(mutex_);
  return waiting_.size();
}

}  // namespace mirror
