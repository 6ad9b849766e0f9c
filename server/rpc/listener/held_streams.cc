#include "server/rpc/listener/held_streams.h"

#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/support/slice.h>

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

constexpr std::size_t kRequestBytesMax = 4 << 10;
/// Limit for one stream.
constexpr int kRequestsMax = 1'000;

grpc::Status TooMuch(const char* what) { return {grpc::StatusCode::RESOURCE_EXHAUSTED, what}; }

grpc::Status Stops() { return {grpc::StatusCode::UNAVAILABLE, "the server stops. Try again."}; }

grpc::ByteBuffer BytesOf(const std::string& text) {
  const grpc::Slice slice(text);
  return {&slice, 1};
}

}  // namespace

void HeldStreams::Add(HeldStream* stream) {
  const MutexLock lock(mutex_);
  streams_.push_back(stream);
  if (closed_) return stream->End(Stops());
  if (streams_.size() <= most_) return;
  // It cannot be deleted before it was removed, and its removal waits for the lock held here.
  HeldStream* const oldest = streams_.front();
  streams_.pop_front();
  oldest->EndAtOnce(
      TooMuch("too many streams like this one are open, and this was the oldest. Open it again."));
}

void HeldStreams::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  for (HeldStream* const stream : streams_) stream->End(Stops());
}

void HeldStreams::Remove(HeldStream* stream) {
  const MutexLock lock(mutex_);
  streams_.remove(stream);
}

void HeldService::AddStream(const char* path, MakeStream make) {
  using grpc::internal::RpcMethod;
  // All are streams: so a call is known before its message has come, and can be bounded.
  AddMethod(new grpc::internal::RpcServiceMethod(path, RpcMethod::BIDI_STREAMING, nullptr));
  MarkMethodAsync(static_cast<int>(methods_.size()));
  methods_.push_back(std::move(make));
}

void HeldService::Serve(HeldStreamThread* thread) {
  thread_ = thread;
  for (std::size_t i = 0; i < methods_.size(); ++i) Await(static_cast<int>(i));
}

void HeldService::Await(int method) {
  HeldStream* const stream = methods_[static_cast<std::size_t>(method)]().release();
  ++thread_->live_;
  stream->await_next_ = [this, method] { Await(method); };
  grpc::ServerCompletionQueue* const queue = thread_->queue_.get();
  const MutexLock lock(stream->mutex_);
  RequestAsyncBidiStreaming(method, &stream->context_, &stream->stream_, queue, queue,
                            stream->Ask(HeldStream::kArrived));
}

HeldStreamThread::HeldStreamThread(grpc::ServerBuilder& builder)
    // If it were polled often, gRPC would leave all connections to it.
    : queue_(builder.AddCompletionQueue(/*is_frequently_polled=*/false)) {}

HeldStreamThread::~HeldStreamThread() { Stop(); }

absl::Status HeldStreamThread::Serve(HeldService& service) {
  service.Serve(this);
  try {
    thread_ = std::thread([this] { Work(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the system has no thread for health checks: ", error.what()));
  }
  return absl::OkStatus();
}

void HeldStreamThread::Stop() {
  if (std::exchange(stopped_, true)) return;
  // A stream may still have to ask for its end, which a shut down queue would refuse.
  if (thread_.joinable()) {
    thread_.join();
  } else {
    Work();
  }
  queue_->Shutdown();
  void* tag = nullptr;
  for (bool ok = false; queue_->Next(&tag, &ok);) {
  }
}

/// Serves events. Each method has a stream that waits for a call until the server is shut down.
void HeldStreamThread::Work() {
  void* tag = nullptr;
  for (bool ok = false; live_ > 0 && queue_->Next(&tag, &ok);) {
    const auto* const asked = static_cast<HeldStream::Tag*>(tag);
    HeldStream* const stream = asked->stream;
    if (!stream->Happened(asked->event, ok)) continue;
    delete stream;
    --live_;
  }
}

HeldStream::HeldStream(HeldStreams& all)
    : all_(all),
      tags_{{{this, kArrived}, {this, kRead}, {this, kWritten}, {this, kEnded}, {this, kGone}}},
      stream_(&context_) {
  context_.AsyncNotifyWhenDone(&tags_[kGone]);
}

HeldStream::Tag* HeldStream::Ask(Event event) {
  ++asked_;
  return &tags_[event];
}

bool HeldStream::Happened(Event event, bool ok) {
  if (event == kArrived && ok) OnArrived();
  if (event == kRead) OnRead(ok);
  if (event == kWritten) OnWritten(ok);
  if (event == kGone && context_.IsCancelled()) End(grpc::Status::CANCELLED);
  {
    const MutexLock lock(mutex_);
    if (--asked_ > 0) return false;
  }
  all_.Remove(this);
  return true;
}

void HeldStream::OnArrived() {
  await_next_();
  {
    const MutexLock lock(mutex_);
    Ask(kGone);
  }
  Begin(context_.peer());
  all_.Add(this);
  const MutexLock lock(mutex_);
  if (!ended_) stream_.Read(&request_, Ask(kRead));
}

void HeldStream::OnRead(bool ok) {
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

void HeldStream::OnWritten(bool ok) {
  if (!ok) End(grpc::Status::CANCELLED);
  const MutexLock lock(mutex_);
  writing_ = false;
  if (last_) return WriteLast(ok);
  if (read_on_ && !ended_) stream_.Read(&request_, Ask(kRead));
}

void HeldStream::WriteLast(bool ok) {
  if (ok) {
    stream_.WriteAndFinish(BytesOf(*last_), {}, grpc::Status::OK, Ask(kEnded));
  } else {
    stream_.Finish(grpc::Status::CANCELLED, Ask(kEnded));
  }
}

void HeldStream::End(const grpc::Status& status) {
  const MutexLock lock(mutex_);
  if (!ended_) Finish(status);
}

void HeldStream::EndAtOnce(const grpc::Status& status) {
  const MutexLock lock(mutex_);
  if (!ended_) return Finish(status);
  context_.TryCancel();
}

void HeldStream::Finish(const grpc::Status& status) {
  ended_ = true;
  if (writing_) context_.TryCancel();
  stream_.Finish(status, Ask(kEnded));
}

void HeldStream::Answer(const std::string& answer) { Write(answer, true); }

void HeldStream::AnswerAndHold(const std::string& answer) { Write(answer, false); }

void HeldStream::Write(const std::string& answer, bool read_on) {
  const MutexLock lock(mutex_);
  if (ended_) return;
  writing_ = true;
  read_on_ = read_on;
  stream_.Write(BytesOf(answer), Ask(kWritten));
}

void HeldStream::AnswerLast(const std::string& answer) {
  const MutexLock lock(mutex_);
  if (ended_) return;
  ended_ = true;
  last_ = answer;
  if (!writing_) WriteLast(true);
}

}  // namespace mirror
