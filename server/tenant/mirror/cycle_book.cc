#include "server/tenant/mirror/cycle_book.h"

#include <algorithm>
#include <array>

#include "base/cut_message.h"

namespace mirror {
namespace {

constexpr std::array<std::string_view, 4> kEnds = {"running", "completed", "failed", "interrupted"};

}  // namespace

std::string_view ToString(CycleEnd end) { return kEnds.at(static_cast<std::size_t>(end)); }

/// Searches backwards: the cycle is usually the last one, or the one before it.
PastCycle& CycleBook::Of(std::int64_t cycle, std::int64_t began_ms) {
  const auto found = std::find_if(cycles_.rbegin(), cycles_.rend(),
                                  [cycle](const PastCycle& past) { return past.cycle == cycle; });
  if (found != cycles_.rend()) return *found;
  if (cycles_.size() >= kCyclesKept) cycles_.pop_front();
  return cycles_.emplace_back(PastCycle{.cycle = cycle, .began_ms = began_ms});
}

void CycleBook::Begin(std::int64_t cycle, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  // The end of a cycle by another server is not known here.
  for (PastCycle& past : cycles_) {
    if (past.end != CycleEnd::kNone) continue;
    past.end = CycleEnd::kInterrupted;
    past.ended_ms = now_ms;
  }
  Of(cycle, now_ms);
}

void CycleBook::NotePlanned(std::int64_t cycle, const Planned& planned, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  Of(cycle, now_ms).planned += planned.inserts + planned.updates + planned.deletes + planned.expected_deletes;
}

void CycleBook::NoteRows(std::int64_t cycle, Operation operation, std::uint64_t rows, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  PastCycle& past = Of(cycle, now_ms);
  if (operation == Operation::kInsert) past.inserts += rows;
  if (operation == Operation::kUpdate) past.updates += rows;
  if (operation == Operation::kDelete) past.deletes += rows;
  rows_ += rows;
  rate_.Note(rows, now_ms);
}

void CycleBook::NoteRecords(std::uint64_t rows, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  rows_ += rows;
  rate_.Note(rows, now_ms);
}

void CycleBook::End(std::int64_t cycle, std::int64_t began_ms, CycleEnd end, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  PastCycle& past = Of(cycle, began_ms);
  if (past.end != CycleEnd::kNone) return;
  past.end = end;
  past.ended_ms = now_ms;
}

void CycleBook::NoteFailure(std::int64_t cycle, std::string_view why) {
  const MutexLock lock(mutex_);
  for (PastCycle& past : cycles_) {
    if (past.cycle != cycle || past.end == CycleEnd::kNone) continue;
    if (past.end == CycleEnd::kCompleted) past.end = CycleEnd::kFailed;
    past.why = CutMessage(std::string(why), kCycleWhyBytesMax);
  }
}

std::vector<PastCycle> CycleBook::Last() const {
  const MutexLock lock(mutex_);
  return {cycles_.rbegin(), cycles_.rend()};
}

CycleBook::Now CycleBook::At(std::int64_t now_ms) const {
  const MutexLock lock(mutex_);
  Now now{.rows = rows_, .per_second = rate_.PerSecond(now_ms)};
  const auto ended = std::find_if(cycles_.rbegin(), cycles_.rend(),
                                  [](const PastCycle& past) { return past.end != CycleEnd::kNone; });
  if (ended != cycles_.rend()) {
    now.last_ended_ms = ended->ended_ms;
    now.last_took_ms = ended->ended_ms - ended->began_ms;
  }
  if (cycles_.empty() || cycles_.back().end != CycleEnd::kNone) return now;
  const PastCycle& runs = cycles_.back();
  now.since_ms = runs.began_ms;
  now.done = runs.rows();
  now.planned = runs.planned;
  return now;
}

}  // namespace mirror
