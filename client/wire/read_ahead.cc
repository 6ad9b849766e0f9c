#include "client/wire/read_ahead.h"

#include <utility>

#include "base/status_macros.h"
#include "client/wire/staging_file.h"

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

absl::Status ReadAhead::Push(ReadStep step, bool may_stage) {
  Waiter waiter{std::move(step), std::nullopt};
  const std::size_t job = waiter.step.job, bytes = waiter.step.bytes();
  const MutexLock lock(mutex_);
  const bool stages = may_stage && staging_ != nullptr && bytes_max_ > 0;
  // There is one ReadEnd for each table.
  const bool takes_no_room = stages && std::holds_alternative<ReadEnd>(waiter.step.what);
  if (stages && staged_ < kStagedMax && !takes_no_room && !Unwanted(job) && !HasRoom(bytes)) {
    if (staged_ == 0) staging_->Clear();
    const MutexUnlock unlocked(mutex_);
    // If the file is full, this thread waits for memory.
    (void)Stage(&waiter);
  }
  while (!Unwanted(job) && !waiter.place && !takes_no_room && !HasRoom(bytes)) changed_.Wait(mutex_);
  if (Unwanted(job)) return absl::CancelledError("the sender no longer needs these rows");
  if (waiter.place) {
    ++staged_;
  } else {
    ++kept_;
    bytes_ += bytes;
  }
  steps_.push_back(std::move(waiter));
  asking_ = false;
  changed_.NotifyOne();
  if (bytes_max_ > 0) return absl::OkStatus();
  while (!Unwanted(job) && !asking_) changed_.Wait(mutex_);
  return absl::OkStatus();
}

/// Writes the rows to the file; the rest stays in memory.
absl::Status ReadAhead::Stage(Waiter* waiter) {
  auto* const part = std::get_if<ReadPart>(&waiter->step.what);
  auto* const rows = std::get_if<ReadRows>(&waiter->step.what);
  ASSIGN_OR_RETURN(const StagingFile::Place place,
                   staging_->Append(part != nullptr ? part->data : ToBytes(rows->blocks)));
  waiter->place = place;
  if (part != nullptr) part->data = std::string();
  if (rows != nullptr) rows->blocks = {};
  return absl::OkStatus();
}

absl::Status ReadAhead::Unstage(Waiter* waiter) const {
  ASSIGN_OR_RETURN(std::string bytes, staging_->Read(*waiter->place));
  if (auto* const part = std::get_if<ReadPart>(&waiter->step.what)) {
    part->data = std::move(bytes);
    return absl::OkStatus();
  }
  std::optional<std::vector<ChangeBlock>> blocks = BlocksOf(bytes);
  if (!blocks) return absl::InternalError("rows that waited to be sent cannot be decoded");
  std::get<ReadRows>(waiter->step.what).blocks = *std::move(blocks);
  return absl::OkStatus();
}

void ReadAhead::Drop(const Waiter& waiter) {
  if (waiter.place) {
    --staged_;
  } else {
    --kept_;
    bytes_ -= waiter.step.bytes();
  }
}

bool ReadAhead::HasRoom(std::size_t bytes) const {
  return kept_ == 0 || (kept_ < kStepsMax && bytes_ + bytes <= bytes_max_);
}

void ReadAhead::End() {
  const MutexLock lock(mutex_);
  ended_ = true;
  changed_.NotifyOne();
}

bool ReadAhead::closed() const {
  const MutexLock lock(mutex_);
  return closed_;
}

std::optional<ReadStep> ReadAhead::Pop() {
  const MutexLock lock(mutex_);
  if (steps_.empty()) {
    asking_ = true;
    changed_.NotifyOne();
  }
  while (!closed_ && !ended_ && steps_.empty()) changed_.Wait(mutex_);
  if (steps_.empty()) return std::nullopt;
  Waiter waiter = std::move(steps_.front());
  steps_.pop_front();
  if (waiter.place) {
    // Meanwhile the reader only appends: it does not clear the file while staged_ is not 0.
    const MutexUnlock unlocked(mutex_);
    const absl::Status read = Unstage(&waiter);
    if (!read.ok()) waiter.step.what = ReadEnd{read};
  }
  Drop(waiter);
  changed_.NotifyOne();
  return std::move(waiter.step);
}

void ReadAhead::Abandon(std::size_t job) {
  const MutexLock lock(mutex_);
  abandoned_ = job;
  std::erase_if(steps_, [&](const Waiter& waiter) MIRROR_REQUIRES(mutex_) {
    if (waiter.step.job != job) return false;
    Drop(waiter);
    return true;
  });
  changed_.NotifyOne();
}

void ReadAhead::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  for (const Waiter& waiter : steps_) Drop(waiter);
  steps_.clear();
  changed_.NotifyOne();
}

ReadAhead::Waiting ReadAhead::waiting() const {
  const MutexLock lock(mutex_);
  return {kept_, bytes_, staged_};
}

}  // namespace mirror
