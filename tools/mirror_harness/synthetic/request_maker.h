#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_REQUEST_MAKER_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_REQUEST_MAKER_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

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
/// The jobs' plans and counters belong to whoever holds Lock(), the batches' rows to nobody: a plan changes
/// only while its job has nothing outstanding.
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
  /// To be held while jobs are changed. Wakes the thread when it is released by Changed().
  std::unique_lock<std::mutex> Lock() { return std::unique_lock(mutex_); }
  void Changed() { changed_.notify_all(); }

 private:
  void Run();
  TableJob* Ready();
  void TakePlans(MadeRequest* request);
  void Fill(MadeRequest* request);

  std::vector<TableJob>* jobs_;
  const std::int64_t cycle_;
  const BatchSize size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<MadeRequest>> made_;
  std::vector<std::unique_ptr<MadeRequest>> spare_;
  std::size_t first_unsent_ = 0;  ///< Jobs before it were sent whole once.
  bool making_ = false;
  bool stop_ = false;
  std::thread thread_;  ///< Last: it uses all of the others.
};

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_REQUEST_MAKER_H_
