#include "client/read_ahead.h"

#include <utility>

namespace mirror {

Planned ReadRows::Count() const {
  Planned count;
  for (const ChangeBlock& block : blocks) {
    if (block.operation == Operation::kInsert) count.inserts += block.rows.rows();
    if (block.operation == Operation::kUpdate) count.updates += block.rows.rows();
    if (block.operation == Operation::kDelete) count.deletes += block.rows.rows();
  }
  return count;
}

std::size_t ReadStep::bytes() const {
  if (const auto* part = std::get_if<ReadPart>(&what)) return part->data.size();
  const auto* rows = std::get_if<ReadRows>(&what);
  if (rows == nullptr) return 0;
  std::size_t bytes = 0;
  for (const ChangeBlock& block : rows->blocks) bytes += block.rows.bytes();
  return bytes;
}

absl::Status ReadAhead::Push(ReadStep step) {
  const std::size_t bytes = step.bytes();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return Unwanted(step.job) || HasRoom(bytes); });
  if (Unwanted(step.job)) return absl::CancelledError("nobody sends it any more");
  steps_.push_back(std::move(step));
  bytes_ += bytes;
  asking_ = false;
  changed_.notify_one();
  if (bytes_max_ > 0) return absl::OkStatus();
  const std::size_t job = steps_.back().job;
  changed_.wait(lock, [&] { return Unwanted(job) || asking_; });
  return absl::OkStatus();
}

bool ReadAhead::HasRoom(std::size_t bytes) const {
  return steps_.empty() || (steps_.size() < kStepsMax && bytes_ + bytes <= bytes_max_);
}

void ReadAhead::End() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_one();
}

bool ReadAhead::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::optional<ReadStep> ReadAhead::Pop() {
  std::unique_lock lock(mutex_);
  if (steps_.empty()) {
    asking_ = true;
    changed_.notify_one();
  }
  changed_.wait(lock, [&] { return closed_ || ended_ || !steps_.empty(); });
  if (steps_.empty()) return std::nullopt;
  ReadStep step = std::move(steps_.front());
  steps_.pop_front();
  bytes_ -= step.bytes();
  changed_.notify_one();
  return step;
}

void ReadAhead::Abandon(std::size_t job) {
  const std::lock_guard lock(mutex_);
  abandoned_ = job;
  std::erase_if(steps_, [&](const ReadStep& step) {
    if (step.job != job) return false;
    bytes_ -= step.bytes();
    return true;
  });
  changed_.notify_one();
}

void ReadAhead::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  steps_.clear();
  bytes_ = 0;
  changed_.notify_one();
}

ReadAhead::Waiting ReadAhead::waiting() const {
  const std::lock_guard lock(mutex_);
  return {steps_.size(), bytes_};
}

}  // namespace mirror
