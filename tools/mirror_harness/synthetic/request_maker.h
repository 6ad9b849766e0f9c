#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_REQUEST_MAKER_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_REQUEST_MAKER_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "mirror/v1/change_batch.pb.h"
#include "tools/mirror_harness/synthetic/table_job.h"

namespace mirror::harness {

/// A request with what is in it.
struct MadeRequest {
  v1::RowDataRequest message;
  struct Item {
    TableJob* job;
    std::size_t plan;  ///< Of the job; seq - 1.
  };
  std::vector<Item> items;  ///< One for each batch.
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  ///< On the wire, before TLS.
  std::chrono::steady_clock::time_point sent;
};

/// Makes requests of about `size.bytes` on a thread of its own, at most two ahead, while earlier ones travel.
///
/// The jobs' plans and counters are under mutex(), the batches' rows belong to nobody: a plan changes only
/// while its job has nothing outstanding.
class RequestMaker {
 public:
  /// `jobs` outlive it and do not move.
  RequestMaker(std::vector<TableJob>* jobs, std::int64_t cycle, const BatchSize& size);
  ~RequestMaker();
  RequestMaker(const RequestMaker&) = delete;
  RequestMaker& operator=(const RequestMaker&) = delete;

  /// The next request; null when there is nothing to send for now: all jobs are sent, failed or blocked.
  std::unique_ptr<MadeRequest> Next();
  /// Gives a request back for its memory.
  void Recycle(std::unique_ptr<MadeRequest> request);
  /// To be held while jobs are changed; Changed() then wakes the thread.
  Mutex& mutex() MIRROR_RETURNS(mutex_) { return mutex_; }
  void Changed() { changed_.NotifyAll(); }

 private:
  void Run();
  TableJob* Ready() MIRROR_REQUIRES(mutex_);
  void TakePlans(MadeRequest* request) MIRROR_REQUIRES(mutex_);
  void Fill(MadeRequest* request);

  std::vector<TableJob>* jobs_ MIRROR_PT_GUARDED_BY(mutex_);
  const std::int64_t cycle_;
  const BatchSize size_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::unique_ptr<MadeRequest>> made_ MIRROR_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<MadeRequest>> spare_ MIRROR_GUARDED_BY(mutex_);
  std::size_t first_unsent_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Jobs before it were sent whole once.
  bool making_ MIRROR_GUARDED_BY(mutex_) = false;
  bool stop_ MIRROR_GUARDED_BY(mutex_) = false;
  std::thread thread_;  ///< Last: it uses all of the others.
};

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_REQUEST_MAKER_H_
