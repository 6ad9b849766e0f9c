#include "server/rpc/listener/handover_threads.h"

#include <unistd.h>

#include <utility>

namespace mirror {

HandoverThreads::HandoverThreads(std::vector<Handover> handovers) : handovers_(std::move(handovers)) {
  threads_.reserve(handovers_.size());
  for (const Handover& handover : handovers_) threads_.emplace_back([this, &handover] { Run(handover); });
}

HandoverThreads::~HandoverThreads() {
  Stop(std::chrono::system_clock::now());
  for (std::thread& thread : threads_) thread.join();
}

void HandoverThreads::Take(int socket) {
  const MutexLock lock(mutex_);
  if (stopped_) {
    close(socket);
    return;
  }
  waiting_.push_back(socket);
  changed_.NotifyOne();
}

bool HandoverThreads::Stop(std::chrono::system_clock::time_point deadline) {
  const MutexLock lock(mutex_);
  stopped_ = true;
  for (const int socket : waiting_) close(socket);
  waiting_.clear();
  changed_.NotifyAll();
  while (busy_ > 0) {
    if (!changed_.WaitUntil(mutex_, deadline)) return busy_ == 0;
  }
  return true;
}

void HandoverThreads::Run(const Handover& handover) {
  const MutexLock lock(mutex_);
  while (true) {
    while (waiting_.empty() && !stopped_) changed_.Wait(mutex_);
    if (stopped_) return;
    const int socket = waiting_.front();
    waiting_.pop_front();
    ++busy_;
    {
      const MutexUnlock unlock(mutex_);
      handover(socket);
    }
    --busy_;
    if (stopped_) changed_.NotifyAll();
  }
}

}  // namespace mirror
