#include "tools/mirror_harness/synthetic/request_maker.h"

#include <algorithm>

namespace mirror::harness {
namespace {

constexpr std::size_t kAhead = 2;
constexpr std::uint64_t kBatchOverhead = 200;  ///< Bytes of a batch without rows, roughly.

std::uint64_t Weight(const TableJob& job, std::size_t plan) {
  const BatchPlan& batch = job.plans[plan];
  return kBatchOverhead + static_cast<std::uint64_t>(job.model->MeanBytes(batch.columns) *
                                                     static_cast<double>(batch.rows.size()));
}

}  // namespace

RequestMaker::RequestMaker(std::vector<TableJob>* jobs, std::int64_t cycle, const BatchSize& size)
    : jobs_(jobs), cycle_(cycle), size_(size), thread_([this] { Run(); }) {}

RequestMaker::~RequestMaker() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

TableJob* RequestMaker::Ready() {
  const auto ready = [](const TableJob& job) {
    return !job.refusal && job.failure.empty() && job.next < job.plans.size();
  };
  while (first_unsent_ < jobs_->size() &&
         (*jobs_)[first_unsent_].next >= (*jobs_)[first_unsent_].plans.size()) {
    ++first_unsent_;
  }
  // Repaired jobs stand before it; there are few or none.
  for (TableJob& job : *jobs_) {
    if (&job - jobs_->data() >= static_cast<std::ptrdiff_t>(first_unsent_)) break;
    if (job.repairs > 0 && ready(job)) return &job;
  }
  for (std::size_t i = first_unsent_; i < jobs_->size(); ++i) {
    if (ready((*jobs_)[i])) return &(*jobs_)[i];
  }
  return nullptr;
}

void RequestMaker::TakePlans(MadeRequest* request) {
  std::uint64_t bytes = 0;
  while (TableJob* job = Ready()) {
    const std::uint64_t weight = Weight(*job, job->next);
    if (!request->items.empty() && bytes + weight > size_.bytes) return;
    bytes += weight;
    request->items.push_back({job, job->next++});
    ++job->outstanding;
  }
}

void RequestMaker::Fill(MadeRequest* request) {
  request->message.Clear();
  request->message.set_cycle(cycle_);
  request->rows = 0;
  for (const MadeRequest::Item& item : request->items) {
    EncodePlan(*item.job, item.plan, request->message.add_batches());
    request->rows += item.job->plans[item.plan].rows.size();
  }
  request->bytes = request->message.ByteSizeLong();
}

void RequestMaker::Run() {
  const MutexLock lock(mutex_);
  while (true) {
    while (!stop_ && (made_.size() >= kAhead || Ready() == nullptr)) changed_.Wait(mutex_);
    if (stop_) return;
    std::unique_ptr<MadeRequest> request;
    if (spare_.empty()) {
      request = std::make_unique<MadeRequest>();
    } else {
      request = std::move(spare_.back());
      spare_.pop_back();
    }
    request->items.clear();
    TakePlans(request.get());
    making_ = true;
    {
      const MutexUnlock unlocked(mutex_);
      Fill(request.get());
    }
    making_ = false;
    made_.push_back(std::move(request));
    changed_.NotifyAll();
  }
}

std::unique_ptr<MadeRequest> RequestMaker::Next() {
  std::unique_ptr<MadeRequest> request;
  {
    const MutexLock lock(mutex_);
    while (made_.empty() && (making_ || Ready() != nullptr)) changed_.Wait(mutex_);
    if (made_.empty()) return nullptr;
    request = std::move(made_.front());
    made_.pop_front();
  }
  changed_.NotifyAll();
  return request;
}

void RequestMaker::Recycle(std::unique_ptr<MadeRequest> request) {
  const MutexLock lock(mutex_);
  spare_.push_back(std::move(request));
}

}  // namespace mirror::harness
