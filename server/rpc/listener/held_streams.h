#ifndef MIRROR_SERVER_RPC_LISTENER_HELD_STREAMS_H_
#define MIRROR_SERVER_RPC_LISTENER_HELD_STREAMS_H_

#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"

namespace mirror {

class HeldStream;

/// Streams that any client may open without a token and leave open. They occupy no thread. Their number is
/// limited: one more ends the oldest. So a client that opens many blocks only itself. This object must
/// outlive its streams. Threads: any.
class HeldStreams {
 public:
  explicit HeldStreams(std::size_t most) : most_(most) {}

  /// Ends all streams, and from now on each new one. A write in progress finishes first.
  void Close();

 private:
  friend class HeldStream;
  void Add(HeldStream* stream);
  void Remove(HeldStream* stream);

  const std::size_t most_;
  Mutex mutex_;
  bool closed_ MIRROR_GUARDED_BY(mutex_) = false;
  std::list<HeldStream*> streams_ MIRROR_GUARDED_BY(mutex_);  ///< Oldest first.
};

class HeldStreamThread;

/// A service that has only such streams. It must outlive the server and the HeldStreamThread.
class HeldService : public grpc::Service {
 public:
  /// Ends all its streams, and from now on each new one, because a server that stops waits for them.
  virtual void EndAll() = 0;

 protected:
  using MakeStream = std::function<std::unique_ptr<HeldStream>()>;
  /// Adds a method. `path`: a string literal such as "/grpc.health.v1.Health/Check".
  void AddStream(const char* path, MakeStream make);

 private:
  friend class HeldStreamThread;
  /// Begins to wait for one call of each method. When a call came, waits for the next one.
  void Serve(HeldStreamThread* thread);
  void Await(int method);

  std::vector<MakeStream> methods_;
  HeldStreamThread* thread_ = nullptr;
};

/// The one thread that serves all held streams of a server. gRPC's own threads for such calls would also read
/// from every connection, and would pass each message of all other calls to another thread.
class HeldStreamThread {
 public:
  /// Called before `builder` builds its server.
  explicit HeldStreamThread(grpc::ServerBuilder& builder);
  ~HeldStreamThread();
  HeldStreamThread(const HeldStreamThread&) = delete;
  HeldStreamThread& operator=(const HeldStreamThread&) = delete;

  /// Begins to serve. Called once, after the server has started. Errors: kResourceExhausted: the system
  /// cannot start a thread; no stream is served.
  absl::Status Serve(HeldService& service);
  /// Returns when the last stream has ended. Called after the server's Shutdown().
  void Stop();

 private:
  friend class HeldService;
  void Work();

  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::thread thread_;
  /// Number of streams, with those that wait for a call. Only the thread uses it after its start.
  std::size_t live_ = 0;
  bool stopped_ = false;
};

/// A stream of requests and answers as bytes. Each request is answered before the next one is read.
class HeldStream {
 public:
  virtual ~HeldStream() = default;
  HeldStream(const HeldStream&) = delete;
  HeldStream& operator=(const HeldStream&) = delete;

  /// Ends the stream. Only the first call has an effect. If an answer is being written, the stream is
  /// cancelled: a status could be sent only after that answer, and the client may never read it.
  void End(const grpc::Status& status);

 protected:
  explicit HeldStream(HeldStreams& all);

  /// Called when the call has come; its first request may come later. `peer`: the name that gRPC gives the
  /// connection.
  virtual void Begin(const std::string& /*peer*/) {}
  /// Handles a request, of which at most 4 KB are read. Calls Answer() or End(), or leaves the stream open
  /// without an answer.
  virtual void Take(const std::string& request) = 0;
  /// Called from Take(): sends the answer, then reads the next request.
  void Answer(const std::string& answer);
  /// Called from Take(): sends the answer, then keeps the stream open until End() or AnswerLast().
  void AnswerAndHold(const std::string& answer);
  /// Sends this answer after the current write, then ends the stream with OK. May be called at any time.
  void AnswerLast(const std::string& answer);

 private:
  friend class HeldService;
  friend class HeldStreams;
  friend class HeldStreamThread;
  /// The operations that were requested from gRPC; gRPC reports each one when it is done.
  enum Event : std::uint8_t { kArrived, kRead, kWritten, kEnded, kGone };
  struct Tag {
    HeldStream* stream;
    Event event;
  };

  /// Does what End() does, but never waits for a write in progress, because the client may never read.
  void EndAtOnce(const grpc::Status& status);
  Tag* Ask(Event event) MIRROR_REQUIRES(mutex_);
  /// Returns true if no operation is pending and the stream has to be deleted.
  bool Happened(Event event, bool ok);
  void OnArrived();
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void Write(const std::string& answer, bool read_on);
  void Finish(const grpc::Status& status) MIRROR_REQUIRES(mutex_);
  void WriteLast(bool ok) MIRROR_REQUIRES(mutex_);

  HeldStreams& all_;
  std::function<void()> await_next_;
  std::array<Tag, 5> tags_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_;
  Mutex mutex_;
  int asked_ MIRROR_GUARDED_BY(mutex_) = 0;
  bool ended_ MIRROR_GUARDED_BY(mutex_) = false;
  bool writing_ MIRROR_GUARDED_BY(mutex_) = false;
  bool read_on_ MIRROR_GUARDED_BY(mutex_) = false;             ///< After the current write.
  std::optional<std::string> last_ MIRROR_GUARDED_BY(mutex_);  ///< See AnswerLast().
  int requests_ = 0;
  grpc::ByteBuffer request_;  ///< Used by gRPC during a read, then by OnRead().
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_HELD_STREAMS_H_
