#ifndef MIRROR_SERVER_RPC_LISTENER_HELD_STREAMS_H_
#define MIRROR_SERVER_RPC_LISTENER_HELD_STREAMS_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>

#include <cstddef>
#include <list>
#include <string>

#include "base/mutex.h"

namespace mirror {

class HeldStream;

/// Streams that anybody may open without a token and leave open. They hold no thread, and there are never
/// more than so many of them: one more ends the oldest. So whoever opens many shuts out nobody but himself.
/// It must outlive its streams. Threads: any.
class HeldStreams {
 public:
  explicit HeldStreams(std::size_t most) : most_(most) {}

  std::size_t size();

 private:
  friend class HeldStream;
  void Add(HeldStream* stream);
  void Remove(HeldStream* stream);

  const std::size_t most_;
  Mutex mutex_;
  std::list<HeldStream*> streams_ MIRROR_GUARDED_BY(mutex_);  ///< The oldest first.
};

/// A stream of requests and answers as bytes, each answered before the next one is read. It deletes itself
/// when gRPC is done with it.
class HeldStream : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  HeldStream(const HeldStream&) = delete;
  HeldStream& operator=(const HeldStream&) = delete;

  /// Nothing more is written. Only the first status counts.
  void End(const grpc::Status& status);

 protected:
  /// Reads the first request.
  explicit HeldStream(HeldStreams& all);
  ~HeldStream() override = default;

  /// A request came, at most 4 KB of it. Calls Answer() or End(), or leaves the stream open and silent.
  virtual void Take(const std::string& request) = 0;
  /// From Take(): the answer, and then the next request is read.
  void Answer(const std::string& answer);
  /// From Take(): the answer, and then the stream stays open until End() or AnswerLast().
  void AnswerAndHold(const std::string& answer);
  /// At any time: the stream ends well behind it; or UNAVAILABLE, when another answer is on its way still.
  void AnswerLast(const std::string& answer);

 private:
  void OnReadDone(bool ok) final;
  void OnWriteDone(bool ok) final;
  void OnCancel() final;
  void OnDone() final;

  void Write(const std::string& answer, bool read_on);

  HeldStreams& all_;
  Mutex mutex_;
  bool ended_ MIRROR_GUARDED_BY(mutex_) = false;
  bool writing_ MIRROR_GUARDED_BY(mutex_) = false;
  bool read_on_ MIRROR_GUARDED_BY(mutex_) = false;  ///< Behind what is being written.
  int requests_ = 0;
  grpc::ByteBuffer request_;  ///< gRPC's while a read is under way, then OnReadDone()'s.
  grpc::ByteBuffer answer_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_HELD_STREAMS_H_
