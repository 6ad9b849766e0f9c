#include "server/rpc/row_pipeline.h"

#include <algorithm>
#include <new>
#include <system_error>
#include <utility>

namespace mirror {
namespace {

/// Larger messages take a while to come, and should come while others are applied.
constexpr std::size_t kInStepBytesMax = 16 << 10;
/// Reading ahead stops after so many consecutive messages in step.
constexpr std::uint32_t kInStepMin = 4;
/// Then one of sixteen is read ahead, to see whether its source has changed its behaviour. Not every
/// sixteenth: if a source sends sixteen and waits, it would always be the first of them.
bool IsLookedAt(std::uint64_t number) {
  constexpr std::uint32_t kGoldenRatio = 2'654'435'769;  // Its multiples, modulo 2^32, are spread evenly.
  return static_cast<std::uint32_t>(number) * kGoldenRatio >> 28U == 0;
}

absl::Status NoMemory() {
  return absl::ResourceExhaustedError(
      "there is no memory left for this message. What was acknowledged stays; send smaller batches.");
}

}  // namespace

absl::Status RowPipeline::Run() {
  Work();
  std::thread helper;
  {
    const MutexLock lock(mutex_);
    helper.swap(helper_);
  }
  if (helper.joinable()) helper.join();
  const MutexLock lock(mutex_);
  return status_;
}

void RowPipeline::Work() {
  const MutexLock lock(mutex_);
  while (!over()) {
    CallHelp();
    if (!applying_ && !queue_.empty()) {
      Apply();
    } else if (MayRead()) {
      Read();
    } else if (!over()) {
      changed_.Wait(mutex_);
    }
  }
  changed_.NotifyAll();
}

void RowPipeline::CallHelp() {
  if (read_ < 2 || alone_ || helper_.joinable()) return;
  try {
    helper_ = std::thread([this] { Work(); });
  } catch (const std::system_error&) {
    alone_ = true;  // Slower, but correct.
  }
}

/// Returns whether to read the next message while others are applied. A source that waits for each answer
/// gains nothing by it, and two alternating threads take a fifth more of the processor.
bool RowPipeline::ReadsAhead() const { return in_step_ < kInStepMin || IsLookedAt(read_); }

/// Returns whether the stream can be read now; if so, it counts the room for the next message.
bool RowPipeline::MayRead() {
  if (applying_ && !ReadsAhead()) return false;
  if (ended_ || reading_ || unanswered_ >= kAheadMessagesMax || queued_bytes_ >= kAheadBytesMax) return false;
  if (!queue_.empty() && !queue_.back()->held) return false;
  if (!next_.message) {
    if (kept_.empty()) {
      next_ = {nullptr, std::make_unique<v1::RowDataRequest>(), 0};
    } else {
      next_ = std::move(kept_.back());
      kept_.pop_back();
    }
  }
  absl::Status status;
  reading_bytes_ = std::max(unanswered_ == 0 ? kStreamBytesMin : largest_, next_.bytes);
  if (Hold(bytes_ - next_.bytes + reading_bytes_, &status)) return true;
  reading_bytes_ = 0;
  if (unanswered_ != 0) return false;  // There will be room, and another check.
  End(status);
  return false;
}

/// Makes `bytes` the amount that the whole stream holds.
bool RowPipeline::Hold(std::uint64_t bytes, absl::Status* status) {
  if (unanswered_ != 0) return call_.HoldAhead(bytes);
  *status = call_.Hold(bytes);
  if (status->ok()) return true;
  // There may be room without the memory that is only kept.
  for (const Buffer& buffer : kept_) bytes -= buffer.bytes, bytes_ -= buffer.bytes;
  kept_.clear();
  *status = call_.Hold(bytes);
  return status->ok();
}

void RowPipeline::Read() {
  Buffer buffer = std::exchange(next_, {});
  const bool is_ahead = unanswered_ != 0;
  bytes_ -= buffer.bytes;
  reading_kept_ = buffer.bytes;
  reading_ = true;
  Changed();
  auto item = std::make_unique<Item>();
  bool received = false;
  try {
    const MutexUnlock unlocked(mutex_);
    received = call_.Read(buffer.message.get(), &buffer.room);
    if (received) item->bytes = buffer.message->ByteSizeLong();
  } catch (const std::bad_alloc&) {
    received = false;
    item->status = NoMemory();
  }
  buffer.bytes = std::max(buffer.bytes, item->bytes);
  if (received && !ended_) {
    ++read_;
    const bool in_step = unwritten_ == 0 && item->bytes <= kInStepBytesMax;
    if (is_ahead) in_step_ = in_step ? in_step_ + 1 : 0;
    ++unwritten_;
    largest_ = std::max(largest_, item->bytes);
    item->held = Hold(bytes_ + std::max(kStreamBytesMin, buffer.bytes), &item->status);
    bytes_ += buffer.bytes;
    item->buffer = std::move(buffer);
    if (item->held && item->status.ok()) {
      const MutexUnlock unlocked(mutex_);
      Decode(*item);
    }
  }
  reading_ = false;
  reading_bytes_ = 0;
  if (ended_) {
    // Another thread has ended the call, and the message is dropped.
  } else if (received) {
    ++unanswered_;
    queued_bytes_ += item->bytes;
    queue_.push_back(std::move(item));
  } else if (!item->status.ok()) {
    End(item->status);
  } else if (call_.IsCancelled()) {
    End(absl::CancelledError("the stream was cancelled"));
  } else {
    ended_ = true;
  }
  Changed();
}

void RowPipeline::Decode(Item& item) {
  try {
    item.status = call_.Decode(*item.buffer.message, &item.rows, &item.response);
    item.rows.bytes = item.bytes;
  } catch (const std::bad_alloc&) {
    item.status = NoMemory();
  }
}

void RowPipeline::Apply() {
  std::vector<std::unique_ptr<Item>> group;
  std::uint64_t bytes = 0;
  do {
    bytes += queue_.front()->bytes;
    queued_bytes_ -= queue_.front()->bytes;
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  } while (!queue_.empty() && group.back()->held && group.back()->status.ok() && queue_.front()->held &&
           queue_.front()->status.ok() && bytes + queue_.front()->bytes <= kGroupBytesMax);
  applying_ = true;
  Item& first = *group.front();
  if (!first.held) {
    // It came while there was no room for it: the messages before it are answered now.
    unanswered_ = 0;
    first.held = Hold(std::max(kStreamBytesMin, bytes_), &first.status);
    unanswered_ = 1;
    if (first.status.ok()) {
      const MutexUnlock unlocked(mutex_);
      Decode(first);
    }
  }
  Changed();
  absl::Status status;
  {
    const MutexUnlock unlocked(mutex_);
    status = Answer(group);
  }
  applying_ = false;
  unanswered_ -= group.size();
  for (std::unique_ptr<Item>& item : group) GiveBack(std::move(item));
  // A stream that only waits for its next message holds the minimum of a stream.
  if (reading_ && unanswered_ == 0) reading_bytes_ = std::max(kStreamBytesMin, reading_kept_);
  call_.Hold(std::max(kStreamBytesMin, bytes_ + reading_bytes_)).IgnoreError();  // The amount shrinks.
  if (!status.ok()) End(status);
  Changed();
}

/// Applies and answers. Errors: those that end the call.
absl::Status RowPipeline::Answer(std::vector<std::unique_ptr<Item>>& group) {
  if (!group.front()->status.ok()) return group.front()->status;
  try {
    std::vector<const RowRequest*> requests;
    for (const std::unique_ptr<Item>& item : group) requests.push_back(&item->rows);
    const std::vector<RowAnswer> answers = call_.Apply(requests);
    for (std::size_t i = 0; i < group.size(); ++i) {
      if (!answers[i].ok()) return answers[i].status();
      // The next message may come before this call returns.
      --unwritten_;
      if (!call_.Write(*answers[i], &group[i]->response))
        return absl::CancelledError("the source no longer listens");
    }
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
  return absl::OkStatus();
}

/// Ends the call with the first reason. Waiting messages are not applied any more.
void RowPipeline::End(const absl::Status& status) {
  if (status_.ok()) {
    status_ = status;
    if (reading_) call_.Abort(status);
  }
  ended_ = true;
  unanswered_ -= queue_.size();
  queue_.clear();
  queued_bytes_ = 0;
}

void RowPipeline::GiveBack(std::unique_ptr<Item> item) {
  Buffer buffer = std::move(item->buffer);
  item.reset();  // Its views point into the message.
  std::uint64_t kept = next_.bytes;
  for (const Buffer& other : kept_) kept += other.bytes;
  if (kept + buffer.bytes <= kKeptMessageBytesMax) {
    kept_.push_back(std::move(buffer));
  } else {
    bytes_ -= buffer.bytes;
  }
}

void RowPipeline::Changed() {
  const bool waits = reading_ && queue_.empty() && !applying_;
  if (waits != waits_) call_.SetWaiting(waits);
  waits_ = waits;
  // A lone thread notifies no one: it rechecks all pending work itself.
  if (ended_ || ReadsAhead()) changed_.NotifyOne();
}

}  // namespace mirror
