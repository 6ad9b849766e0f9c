#include "server/rpc/listener/held_streams.h"

#include <grpcpp/support/slice.h>

#include <algorithm>
#include <vector>

namespace mirror {
namespace {

constexpr std::size_t kRequestBytesMax = 4 << 10;
/// Of one stream.
constexpr int kRequestsMax = 1'000;

grpc::Status TooMuch(const char* what) { return {grpc::StatusCode::RESOURCE_EXHAUSTED, what}; }

}  // namespace

std::size_t HeldStreams::size() {
  const MutexLock lock(mutex_);
  return streams_.size();
}

void HeldStreams::Add(HeldStream* stream) {
  const MutexLock lock(mutex_);
  streams_.push_back(stream);
  if (streams_.size() <= most_) return;
  // It is not deleted before it was removed, for which it waits here.
  HeldStream* const oldest = streams_.front();
  streams_.pop_front();
  oldest->End(TooMuch("too many streams like this one are open, and this was the oldest. Open it again."));
}

void HeldStreams::Remove(HeldStream* stream) {
  const MutexLock lock(mutex_);
  streams_.remove(stream);
}

HeldStream::HeldStream(HeldStreams& all) : all_(all) {
  StartRead(&request_);
  all_.Add(this);
}

void HeldStream::End(const grpc::Status& status) {
  const MutexLock lock(mutex_);
  if (ended_) return;
  ended_ = true;
  Finish(status);
}

void HeldStream::Answer(const std::string& answer) { Write(answer, true); }

void HeldStream::AnswerAndHold(const std::string& answer) { Write(answer, false); }

void HeldStream::Write(const std::string& answer, bool read_on) {
  const grpc::Slice slice(answer);
  const MutexLock lock(mutex_);
  if (ended_) return;
  answer_ = grpc::ByteBuffer(&slice, 1);
  writing_ = true;
  read_on_ = read_on;
  StartWrite(&answer_);
}

void HeldStream::AnswerLast(const std::string& answer) {
  const grpc::Slice slice(answer);
  const MutexLock lock(mutex_);
  if (ended_) return;
  ended_ = true;
  if (writing_) return Finish({grpc::StatusCode::UNAVAILABLE, "the answer changed. Ask again."});
  answer_ = grpc::ByteBuffer(&slice, 1);
  StartWriteAndFinish(&answer_, {}, grpc::Status::OK);
}

void HeldStream::OnReadDone(bool ok) {
  if (!ok) return End(grpc::Status::OK);
  if (++requests_ > kRequestsMax) return End(TooMuch("too many requests on one stream. Open another one."));
  if (request_.Length() > kRequestBytesMax) return End(TooMuch("the request is too large"));
  std::vector<grpc::Slice> slices;
  std::string request;
  if (request_.Dump(&slices).ok()) {
    for (const grpc::Slice& slice : slices)
      request.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  request_.Clear();
  Take(request);
}

void HeldStream::OnWriteDone(bool ok) {
  if (!ok) return End(grpc::Status::CANCELLED);
  const MutexLock lock(mutex_);
  writing_ = false;
  if (read_on_ && !ended_) StartRead(&request_);
}

void HeldStream::OnCancel() { End(grpc::Status::CANCELLED); }

void HeldStream::OnDone() {
  all_.Remove(this);
  delete this;
}

}  // namespace mirror
