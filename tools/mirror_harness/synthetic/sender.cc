#include "tools/mirror_harness/synthetic/sender.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "mirror/v1/change_batch.pb.h"
#include "proto/wire/codec.h"

namespace mirror::harness {
namespace {

std::size_t RowsPerBatch(const RowModel& model, const std::vector<std::uint32_t>& columns,
                         const BatchSize& size) {
  const double row = std::max(1.0, model.MeanBytes(columns));
  std::uint64_t rows = static_cast<std::uint64_t>(static_cast<double>(size.bytes) / row);
  rows = std::min(rows, size.rows_max);
  rows = std::min(rows, size.cells_max / std::max<std::uint64_t>(1, columns.size()));
  return std::max<std::size_t>(1, rows);
}

void Cut(Operation operation, const std::vector<std::uint32_t>& columns, const RowSet& rows,
         std::size_t at_most, std::vector<BatchPlan>* plans) {
  for (std::size_t from = 0; from < rows.size(); from += at_most) {
    const std::size_t to = std::min(rows.size(), from + at_most);
    BatchPlan plan{operation, columns, {}};
    if (rows.keys.empty()) {
      plan.rows = {
          rows.first + static_cast<std::int64_t>(from), rows.first + static_cast<std::int64_t>(to), {}};
    } else {
      plan.rows.keys.assign(rows.keys.begin() + static_cast<std::ptrdiff_t>(from),
                            rows.keys.begin() + static_cast<std::ptrdiff_t>(to));
    }
    plans->push_back(std::move(plan));
  }
}

/// Returns a block that this thread uses again: batches with the same columns share its memory.
RowBlock* BlockFor(const RowModel& model, const std::vector<std::uint32_t>& columns) {
  thread_local RowBlock block;
  const bool same =
      block.columns.size() == columns.size() &&
      std::equal(columns.begin(), columns.end(), block.columns.begin(),
                 [&](std::uint32_t column, const ColumnBuffer& buffer) {
                   return buffer.column() == column && buffer.storage() == model.recipes()[column].storage;
                 });
  if (same) {
    block.Clear();
  } else {
    block = RowBlock::For(model.schema(), columns);
  }
  return &block;
}

/// A request and its content.
struct MadeRequest {
  v1::RowDataRequest message;
  struct Item {
    TableJob* job;
    std::size_t plan;  ///< Index in the job's plans; seq - 1.
  };
  std::vector<Item> items;  ///< One item for each batch.
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  ///< Size of the message, before TLS.
  std::chrono::steady_clock::time_point sent;
};

/// Makes requests of about `size.bytes` bytes in a thread of its own, at most two before the sender needs
/// them.
///
/// mutex() guards the plans and counters of the jobs. The rows of a batch need no lock: a plan changes only
/// while its job waits for no answer.
class RequestMaker {
 public:
  /// `jobs` must outlive this object and must not move.
  RequestMaker(std::vector<TableJob>* jobs, std::int64_t cycle, const BatchSize& size);
  ~RequestMaker();
  RequestMaker(const RequestMaker&) = delete;
  RequestMaker& operator=(const RequestMaker&) = delete;

  /// Returns the next request. Null: there is none now, because every job is sent, has failed or has to wait.
  std::unique_ptr<MadeRequest> Next();
  /// Gives a request back, so that its memory can be used again.
  void Recycle(std::unique_ptr<MadeRequest> request);
  /// Returns the mutex. The caller holds it while it changes jobs, and then wakes the thread by Changed().
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
  /// Index of a job: all jobs before it were sent completely once.
  std::size_t first_unsent_ MIRROR_GUARDED_BY(mutex_) = 0;
  bool making_ MIRROR_GUARDED_BY(mutex_) = false;
  bool stop_ MIRROR_GUARDED_BY(mutex_) = false;
  std::thread thread_;  ///< The last member, because the thread uses all others.
};

constexpr std::size_t kAhead = 2;
constexpr std::uint64_t kBatchOverhead = 200;  ///< Approximate bytes of a batch without rows.

std::uint64_t Weight(const TableJob& job, std::size_t plan) {
  const BatchPlan& batch = job.plans[plan];
  return kBatchOverhead + static_cast<std::uint64_t>(job.model->MeanBytes(batch.columns) *
                                                     static_cast<double>(batch.rows.size()));
}

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
  // Before first_unsent_ only jobs with repaired batches can be ready: few or none.
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

constexpr std::size_t kRepairsMax = 20;  ///< Greatest number of repairs of one table in one cycle.

std::string Words(const v1::BatchResult& result) {
  return absl::StrCat(absl::StatusCodeToString(static_cast<absl::StatusCode>(result.code())), ": ",
                      result.message());
}

/// Has the interface of a stream and makes unary calls. `last` gets the answer to the end of the cycle; may
/// be null.
class UnaryCalls : public RowStream {
 public:
  UnaryCalls(MirrorClient* client, LastRows* last) : client_(client), last_(last) {}
  absl::Status Send(const v1::RowDataRequest& request) override {
    answer_ = client_->RowData(request);
    if (last_ != nullptr && answer_.ok() && answer_->has_completed()) last_->answer = answer_->completed();
    return absl::OkStatus();
  }
  absl::StatusOr<v1::RowDataResponse> Receive() override { return std::move(answer_); }
  absl::Status Finish() override { return absl::OkStatus(); }

 private:
  MirrorClient* client_;
  LastRows* last_;
  absl::StatusOr<v1::RowDataResponse> answer_ = absl::InternalError("nothing was sent");
};

/// The state of one SendJobs().
class Sending {
 public:
  Sending(const SendOptions& options, const std::vector<std::vector<std::uint32_t>>& wanted_columns,
          std::vector<TableJob>* jobs, Meter* meter)
      : wanted_columns_(wanted_columns), maker_(jobs, options.cycle, options.size), meter_(meter) {}

  /// Returns true if all that is to be sent is in one request.
  bool IsOne() {
    while (ahead_.size() < 2) {
      std::unique_ptr<MadeRequest> request = maker_.Next();
      if (request == nullptr) return ahead_.size() == 1;
      ahead_.push_back(std::move(request));
    }
    return false;
  }

  /// Adds the end of the cycle to the only request.
  void EndWith(const v1::ReplicationCompletedRequest& completed) {
    *ahead_.front()->message.mutable_completed() = completed;
  }

  absl::Status Run(RowStream* stream, std::size_t window) {
    while (true) {
      while (in_flight_.size() < window) {
        std::unique_ptr<MadeRequest> request = Next();
        if (request == nullptr) break;
        request->sent = Meter::Clock::now();
        RETURN_IF_ERROR(stream->Send(request->message));
        in_flight_.push_back(std::move(request));
      }
      if (in_flight_.empty()) return stream->Finish();
      ASSIGN_OR_RETURN(v1::RowDataResponse answer, stream->Receive());
      RETURN_IF_ERROR(Answered(answer));
    }
  }

 private:
  std::unique_ptr<MadeRequest> Next() {
    if (ahead_.empty()) return maker_.Next();
    std::unique_ptr<MadeRequest> request = std::move(ahead_.front());
    ahead_.pop_front();
    return request;
  }

  absl::Status Answered(const v1::RowDataResponse& answer) {
    std::unique_ptr<MadeRequest> request = std::move(in_flight_.front());
    in_flight_.pop_front();
    meter_->Answered(request->rows, request->bytes, Meter::Clock::now() - request->sent);
    if (static_cast<std::size_t>(answer.results_size()) != request->items.size()) {
      return absl::InternalError(absl::StrCat("a request with ", request->items.size(),
                                              " batches was answered with ", answer.results_size(),
                                              " results"));
    }
    {
      const MutexLock lock(maker_.mutex());
      for (std::size_t i = 0; i < request->items.size(); ++i) {
        RETURN_IF_ERROR(Result(request->items[i], answer.results(static_cast<int>(i))));
      }
    }
    maker_.Changed();
    request->message.clear_completed();
    maker_.Recycle(std::move(request));
    return absl::OkStatus();
  }

  absl::Status Result(const MadeRequest::Item& item, const v1::BatchResult& result)
      MIRROR_REQUIRES(maker_.mutex()) {
    TableJob& job = *item.job;
    const std::uint64_t seq = item.plan + 1;
    const std::string& name = job.model->schema().name;
    --job.outstanding;
    if (!SameName(result.table(), name) || result.seq() != seq) {
      return absl::InternalError(absl::StrCat("batch ", seq, " of table '", name, "' was answered as batch ",
                                              result.seq(), " of '", result.table(), "'"));
    }
    if (!job.failure.empty()) return absl::OkStatus();  // The answer came after the job had failed.
    if (result.code() == 0) {
      if (result.applied_seq() < seq) {
        return absl::InternalError(absl::StrCat("batch ", seq, " of table '", name,
                                                "' was acknowledged with applied_seq ",
                                                result.applied_seq()));
      }
      if (seq == job.plans.size()) {
        if (result.lsn() != job.target.lsn.value) {
          return absl::InternalError(absl::StrCat("the commit of table '", name, "' to LSN ",
                                                  job.target.lsn.value, " was acknowledged with LSN ",
                                                  result.lsn()));
        }
        job.committed = true;
      }
    } else if (!job.refusal) {
      Refused(result, seq, &job);
    }
    return job.refusal && job.outstanding == 0 ? Repair(&job) : absl::OkStatus();
  }

  /// Handles the first refusal. The endpoint also refuses the batches after it, as a gap, until the same seq
  /// is sent again.
  void Refused(const v1::BatchResult& result, std::uint64_t seq, TableJob* job) {
    const auto code = static_cast<absl::StatusCode>(result.code());
    const bool missing = code == absl::StatusCode::kFailedPrecondition && result.missing().rows_size() > 0;
    if (result.missing().more()) {
      job->failure = absl::StrCat("too many rows are missing: the next cycle populates. ", Words(result));
    } else if (!missing && code != absl::StatusCode::kAborted) {
      job->failure = absl::StrCat("batch ", seq, " was refused. ", Words(result));
    } else if (job->repairs == kRepairsMax) {
      job->failure = absl::StrCat("batch ", seq, " was refused and ", kRepairsMax, " repairs did not help. ",
                                  Words(result));
    } else {
      job->refusal = {seq, result.applied_seq(), {}};
      if (!missing) return;
      meter_->Say(absl::StrCat("table '", job->model->schema().name, "': ", result.missing().rows_size(),
                               " rows of batch ", seq, " were missing in the mirror: sent as inserts"));
      job->refusal->missing.assign(result.missing().rows().begin(), result.missing().rows().end());
    }
  }

  /// Makes the job send again from the refused batch on. Called when all answers have come.
  absl::Status Repair(TableJob* job) {
    const TableJob::Refusal refusal = *std::move(job->refusal);
    job->refusal.reset();
    ++job->repairs;
    job->next = refusal.missing.empty() ? refusal.applied_seq : refusal.seq - 1;
    if (refusal.missing.empty()) return absl::OkStatus();
    return InsertMissing(refusal.missing, refusal.seq, wanted_columns_[job->table], job);
  }

  const std::vector<std::vector<std::uint32_t>>& wanted_columns_;
  RequestMaker maker_;
  Meter* meter_;
  std::deque<std::unique_ptr<MadeRequest>> ahead_, in_flight_;
};

}  // namespace

std::vector<BatchPlan> PlanPopulation(const RowModel& model, const std::vector<std::uint32_t>& columns,
                                      const BatchSize& size) {
  std::vector<BatchPlan> plans;
  Cut(Operation::kInsert, columns, model.All(), RowsPerBatch(model, columns, size), &plans);
  if (plans.empty()) plans.push_back({Operation::kInsert, columns, {}});
  return plans;
}

std::vector<BatchPlan> PlanChanges(const RowModel& model, const TableChanges& changes,
                                   const std::vector<std::uint32_t>& columns, const BatchSize& size) {
  std::vector<BatchPlan> plans;
  const std::vector<std::uint32_t> key = model.schema().Key();
  Cut(Operation::kDelete, key, {0, 0, changes.deletes}, RowsPerBatch(model, key, size), &plans);
  for (const TableChanges::Update& update : changes.updates) {
    std::vector<std::uint32_t> wanted;
    std::set_intersection(update.columns.begin(), update.columns.end(), columns.begin(), columns.end(),
                          std::back_inserter(wanted));
    if (wanted.size() == key.size()) continue;  // No column of the key is mirrored.
    Cut(Operation::kUpdate, wanted, {0, 0, update.keys}, RowsPerBatch(model, wanted, size), &plans);
  }
  Cut(Operation::kInsert, columns, {0, 0, changes.inserts}, RowsPerBatch(model, columns, size), &plans);
  if (plans.empty()) plans.push_back({Operation::kInsert, columns, {}});
  return plans;
}

void EncodePlan(const TableJob& job, std::size_t index, v1::ChangeBatch* batch) {
  const BatchPlan& plan = job.plans[index];
  batch->set_table(job.model->schema().name);
  batch->set_schema_hash(job.schema_hash);
  batch->set_seq(index + 1);
  batch->set_base_lsn(job.base.value);
  EncodePosition(job.target, batch->mutable_target());
  batch->set_operation(static_cast<v1::Operation>(plan.operation));
  if (index == 0) {
    batch->set_populate(static_cast<v1::PopulateReason>(job.populate));
    batch->mutable_planned()->set_inserts(job.planned.inserts);
    batch->mutable_planned()->set_updates(job.planned.updates);
    batch->mutable_planned()->set_deletes(job.planned.deletes);
  }
  RowBlock* block = BlockFor(*job.model, plan.columns);
  job.model->Fill(plan.rows, 0, plan.rows.size(), block);
  EncodeRows(*block, batch);
  if (index + 1 == job.plans.size()) {
    batch->mutable_commit()->set_batches(index + 1);
    EncodePosition(job.target, batch->mutable_commit()->mutable_position());
  }
}

absl::Status InsertMissing(const std::vector<std::uint32_t>& missing, std::uint64_t seq,
                           const std::vector<std::uint32_t>& columns, TableJob* job) {
  if (seq == 0 || seq > job->plans.size())
    return absl::InternalError(absl::StrCat("there is no batch ", seq));
  BatchPlan& plan = job->plans[seq - 1];
  BatchPlan insert{Operation::kInsert, columns, {}};
  std::vector<std::int64_t> rest;
  std::size_t at = 0;
  for (std::size_t row = 0; row < plan.rows.size(); ++row) {
    const bool is_missing = at < missing.size() && missing[at] == row;
    (is_missing ? insert.rows.keys : rest).push_back(plan.rows[row]);
    if (is_missing) ++at;
  }
  if (plan.operation != Operation::kUpdate || at != missing.size() || missing.empty()) {
    return absl::InternalError(absl::StrCat("the rows named as missing are not those of batch ", seq));
  }
  if (rest.empty()) {
    plan = std::move(insert);
    return absl::OkStatus();
  }
  plan.rows = {0, 0, std::move(rest)};
  job->plans.insert(job->plans.begin() + static_cast<std::ptrdiff_t>(seq), std::move(insert));
  return absl::OkStatus();
}

absl::Status SendJobs(MirrorClient* client, const SendOptions& options,
                      const std::vector<std::vector<std::uint32_t>>& wanted_columns,
                      std::vector<TableJob>* jobs, Meter* meter, LastRows* last) {
  if (jobs->empty()) return absl::OkStatus();
  Sending sending(options, wanted_columns, jobs, meter);
  const bool is_one = sending.IsOne();
  if (is_one && last != nullptr) sending.EndWith(last->completed);
  if (options.unary || is_one) {
    UnaryCalls calls(client, last);
    return sending.Run(&calls, 1);
  }
  const absl::StatusOr<std::unique_ptr<RowStream>> stream = client->OpenRowStream();
  return stream.ok() ? sending.Run(stream->get(), options.window) : stream.status();
}

absl::Status SendOver(RowStream* stream, const SendOptions& options,
                      const std::vector<std::vector<std::uint32_t>>& wanted_columns,
                      std::vector<TableJob>* jobs, Meter* meter) {
  return Sending(options, wanted_columns, jobs, meter).Run(stream, options.unary ? 1 : options.window);
}

absl::Status SendAdvance(MirrorClient* client, std::int64_t cycle, const v1::Advance& advance, Meter* meter,
                         std::vector<std::string>* refused) {
  v1::RowDataRequest request;
  request.set_cycle(cycle);
  *request.mutable_advance() = advance;
  const Meter::Clock::time_point sent = Meter::Clock::now();
  ASSIGN_OR_RETURN(const v1::RowDataResponse answer, client->RowData(request));
  meter->Answered(0, request.ByteSizeLong(), Meter::Clock::now() - sent);
  if (answer.results_size() != advance.tables_size()) {
    return absl::InternalError(absl::StrCat("an advance of ", advance.tables_size(),
                                            " tables was answered with ", answer.results_size(), " results"));
  }
  refused->assign(static_cast<std::size_t>(advance.tables_size()), "");
  for (int i = 0; i < advance.tables_size(); ++i) {
    const v1::BatchResult& result = answer.results(i);
    if (result.code() != 0) (*refused)[static_cast<std::size_t>(i)] = Words(result);
  }
  return absl::OkStatus();
}

}  // namespace mirror::harness
