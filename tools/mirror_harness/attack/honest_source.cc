#include "tools/mirror_harness/attack/honest_source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "tools/mirror_harness/synthetic/meter.h"

namespace mirror::harness {
namespace {

using Clock = std::chrono::steady_clock;

/// Of one cycle. Each cycle takes a nonce, and a tenant has no more than 10,000 of them in two minutes.
constexpr std::uint64_t kBatches = 100;
constexpr int kRows = 10;
/// After a failure, so that a server that is gone is not called without a pause.
constexpr std::chrono::milliseconds kPause(100);
/// A call that finds no room for so long is a failure. A server built with sanitizers needs ten seconds of a
/// busy machine for the worst attack alone.
constexpr std::chrono::seconds kPatience(30);

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

void ServedTally::Add(std::uint64_t repeated, std::optional<double> ms, const std::string& failure) {
  const MutexLock lock(mutex_);
  ++served_.calls;
  served_.repeated += repeated;
  if (ms) ms_.push_back(*ms);
  if (failure.empty()) return;
  if (served_.failures++ == 0) served_.first_failure = failure;
  if (failure_.empty()) failure_ = failure;
}

void ServedTally::AddCycle() {
  const MutexLock lock(mutex_);
  ++served_.cycles;
}

Served ServedTally::Take() {
  Served served;
  std::vector<double> ms;
  {
    const MutexLock lock(mutex_);
    served = std::exchange(served_, {});
    ms.swap(ms_);
    lately_ = 0;
  }
  served.p50_ms = Percentile(ms, 0.5);
  served.p99_ms = Percentile(ms, 0.99);
  served.worst_ms = Percentile(std::move(ms), 1);
  return served;
}

std::string ServedTally::TakeFailure() {
  const MutexLock lock(mutex_);
  return std::exchange(failure_, {});
}

double ServedTally::TakeP99() {
  std::vector<double> lately;
  {
    const MutexLock lock(mutex_);
    lately.assign(ms_.begin() + static_cast<std::ptrdiff_t>(lately_), ms_.end());
    lately_ = ms_.size();
  }
  return lately.size() < kCallsForP99 ? 0 : Percentile(std::move(lately), 0.99);
}

HonestSource::HonestSource(std::unique_ptr<MirrorClient> client)
    : source_(std::move(client), "honest"), table_(HonestTable()) {
  running_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

HonestSource::~HonestSource() = default;

void HonestSource::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (!RunCycle(stop).ok()) SleepFor(kPause, stop);
  }
}

absl::Status HonestSource::RunCycle(const std::stop_token& stop) {
  absl::Status done = Patiently(false, [&] {
    const absl::StatusOr<v1::AuthenticateResponse> admission = source_.Authenticate("honest", true);
    if (admission.ok() && !admission->accepted())
      return absl::AbortedError("no cycle began: " + admission->reason());
    return admission.status();
  });
  if (!done.ok()) return done;
  absl::StatusOr<v1::TableSchemaResponse> agreed;
  done = Patiently(false, [&] {
    agreed = source_.Announce({table_});
    return agreed.status();
  });
  if (!done.ok()) return done;
  done = SendRows(agreed->tables(0), stop);
  if (!done.ok()) return done;
  done = Patiently(false, [&] { return source_.Complete().status(); });
  if (done.ok()) tally_.AddCycle();
  return done;
}

absl::Status HonestSource::SendRows(const v1::TableStatus& status, const std::stop_token& stop) {
  v1::Position target;
  target.set_lsn(std::max<std::int64_t>(status.position().lsn(), 0) + 1);
  bool last = false;
  for (std::uint64_t seq = 1; !last; ++seq) {
    last = seq == kBatches || stop.stop_requested();
    v1::ChangeBatch batch = BatchAt(table_.name, status, seq, target, v1::OPERATION_INSERT);
    if (seq == 1 && batch.base_lsn() == -1) batch.set_populate(v1::POPULATE_REASON_MINUS_ONE);
    const auto fill = [&](RowBlock* block) {
      for (int i = 0; i < kRows; ++i) {
        block->columns[0].AppendInt(static_cast<std::int64_t>(seq) * kRows + i);
        block->columns[1].AppendBytes(absl::StrCat("order ", seq, " at ", target.lsn()));
      }
    };
    FillBatch(table_, {}, fill, &batch);
    if (last) AddCommit(&batch);
    const v1::RowDataRequest request = source_.Request({batch});
    RETURN_IF_ERROR(Patiently(true, [&] {
      const absl::StatusOr<v1::RowDataResponse> answer = source_.client().RowData(request);
      return answer.ok() ? StatusOf(answer->results(0)) : answer.status();
    }));
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
  const double ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  tally_.Add(repeated, rows ? std::optional(ms) : std::nullopt, status.ok() ? "" : status.ToString());
  return status;
}

}  // namespace mirror::harness
