#include "tools/mirror_harness/attack/honest_source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "proto/wire/codec.h"
#include "tools/mirror_harness/attack/target.h"
#include "tools/mirror_harness/synthetic/meter.h"

namespace mirror::harness {
namespace {

using Clock = std::chrono::steady_clock;

/// Of one cycle. Each cycle takes a nonce, and a tenant has no more than 10,000 of them in two minutes.
constexpr std::uint64_t kBatches = 100;
constexpr int kRows = 10;
/// After a failure, so that a server that is gone is not called without a pause.
constexpr std::chrono::milliseconds kPause(100);
/// A call that finds no room for so long is a failure.
constexpr std::chrono::seconds kPatience(5);

TableSchema HonestTable() {
  TableSchema table;
  table.name = "orders";
  Column id{"id", Type::kInt64}, text{"text", Type::kText};
  id.key_position = 1;
  text.nullable = true;
  table.columns = {id, text};
  return table;
}

}  // namespace

HonestSource::HonestSource(std::unique_ptr<MirrorClient> client)
    : client_(std::move(client)), table_(HonestTable()) {
  running_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

HonestSource::~HonestSource() = default;

void HonestSource::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (!RunCycle(stop).ok()) SleepFor(kPause, stop);
  }
}

absl::Status HonestSource::RunCycle(const std::stop_token& stop) {
  absl::StatusOr<v1::AuthenticateResponse> admission;
  absl::Status done = Patiently(false, [&] {
    admission = client_->Authenticate("honest", true, false);
    if (admission.ok() && !admission->accepted())
      return absl::AbortedError("no cycle began: " + admission->reason());
    return admission.status();
  });
  if (!done.ok()) return done;
  v1::TableSchemaRequest schema;
  schema.set_cycle(admission->cycle());
  schema.set_source_id("honest");
  EncodeTable(table_, schema.add_tables());
  absl::StatusOr<v1::TableSchemaResponse> agreed;
  done = Patiently(false, [&] {
    agreed = client_->TableSchema(schema);
    return agreed.status();
  });
  if (!done.ok()) return done;
  lsn_ = agreed->tables(0).position().lsn();
  done = SendRows(admission->cycle(), agreed->tables(0).schema_hash(), stop);
  if (!done.ok()) return done;
  v1::ReplicationCompletedRequest completed;
  completed.set_cycle(admission->cycle());
  done = Patiently(false, [&] { return client_->ReplicationCompleted(completed).status(); });
  const MutexLock lock(mutex_);
  served_.cycles += done.ok() ? 1 : 0;
  return done;
}

absl::Status HonestSource::SendRows(std::int64_t cycle, const std::string& schema_hash,
                                    const std::stop_token& stop) {
  const std::int64_t target = std::max<std::int64_t>(lsn_, 0) + 1;
  bool last = false;
  for (std::uint64_t seq = 1; !last; ++seq) {
    last = seq == kBatches || stop.stop_requested();
    v1::RowDataRequest request;
    request.set_cycle(cycle);
    v1::ChangeBatch* batch = request.add_batches();
    batch->set_table(table_.name);
    batch->set_schema_hash(schema_hash);
    batch->set_seq(seq);
    batch->set_base_lsn(lsn_);
    batch->mutable_target()->set_lsn(target);
    if (seq == 1 && lsn_ == -1) batch->set_populate(v1::POPULATE_REASON_MINUS_ONE);
    batch->set_operation(v1::OPERATION_INSERT);
    FillBatch(
        table_, {0, 1},
        [&](RowBlock* block) {
          for (int i = 0; i < kRows; ++i) {
            block->columns[0].AppendInt(static_cast<std::int64_t>(seq) * kRows + i);
            block->columns[1].AppendBytes(absl::StrCat("order ", seq, " at ", target));
          }
        },
        batch);
    if (last) {
      batch->mutable_commit()->set_batches(seq);
      batch->mutable_commit()->mutable_position()->set_lsn(target);
    }
    const absl::Status sent = Patiently(true, [&] {
      const absl::StatusOr<v1::RowDataResponse> answer = client_->RowData(request);
      if (!answer.ok()) return answer.status();
      const v1::BatchResult& result = answer->results(0);
      return absl::Status(static_cast<absl::StatusCode>(result.code()), result.message());
    });
    if (!sent.ok()) return sent;
  }
  return absl::OkStatus();
}

absl::Status HonestSource::Patiently(bool rows, const std::function<absl::Status()>& call) {
  const Clock::time_point begin = Clock::now();
  std::uint64_t repeated = 0;
  absl::Status status = call();
  // Every call here is safe to repeat, and a source that is told to wait comes again.
  while (absl::IsResourceExhausted(status) && Clock::now() - begin < kPatience) {
    ++repeated;
    status = call();
  }
  const MutexLock lock(mutex_);
  ++served_.calls;
  served_.repeated += repeated;
  if (rows) {
    row_ms_.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    lately_ms_.push_back(row_ms_.back());
  }
  if (status.ok()) return status;
  if (served_.failures++ == 0) served_.first_failure = status.ToString();
  if (failure_.empty()) failure_ = status.ToString();
  return status;
}

std::string HonestSource::TakeFailure() {
  const MutexLock lock(mutex_);
  return std::exchange(failure_, {});
}

double HonestSource::TakeP99() {
  std::vector<double> lately;
  {
    const MutexLock lock(mutex_);
    lately.swap(lately_ms_);
  }
  return lately.size() < kCallsForP99 ? 0 : Percentile(std::move(lately), 0.99);
}

HonestSource::Served HonestSource::Take() {
  Served served;
  std::vector<double> row_ms;
  {
    const MutexLock lock(mutex_);
    served = std::exchange(served_, {});
    row_ms.swap(row_ms_);
  }
  served.p50_ms = Percentile(row_ms, 0.5);
  served.p99_ms = Percentile(row_ms, 0.99);
  served.worst_ms = Percentile(std::move(row_ms), 1);
  return served;
}

}  // namespace mirror::harness
