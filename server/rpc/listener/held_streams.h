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

/// Streams that anybody may open without a token and leave open. They hold no thread, and there are never
/// more than so many of them: one more ends the oldest. So whoever opens many shuts out nobody but himself.
/// It must outlive its streams. Threads: any.
class HeldStreams {
 public:
  explicit HeldStreams(std::size_t most) : most_(most) {}

  /// Ends all, and from now on each that comes. What is being said to one goes first.
  void Close();

 private:
  friend class HeldStream;
  void Add(HeldStream* stream);
  void Remove(HeldStream* stream);

  const std::size_t most_;
  Mutex mutex_;
  bool closed_ MIRROR_GUARDED_BY(mutex_) = false;
  std::list<HeldStream*> streams_ MIRROR_GUARDED_BY(mutex_);  ///< The oldest first.
};

class HeldStreamThread;

/// A service of such streams alone. It must outlive the server and its HeldStreamThread.
class HeldService : public grpc::Service {
 public:
  /// Ends all its streams, and from now on each that comes: a server waits for them when it stops.
  virtual void EndAll() = 0;

 protected:
  using MakeStream = std::function<std::unique_ptr<HeldStream>()>;
  /// `path`: a literal, "/grpc.health.v1.Health/Check".
  void AddStream(const char* path, MakeStream make);

 private:
  friend class HeldStreamThread;
  /// One call of each method is waited for from here on, and another one as soon as it came.
  void Serve(HeldStreamThread* thread);
  void Await(int method);

  std::vector<MakeStream> methods_;
  HeldStreamThread* thread_ = nullptr;
};

/// The one thread that serves all held streams of a server. gRPC's own threads for such calls would take what
/// comes on every connection, and pass each message of all other calls on to the thread that handles it.
class HeldStreamThread {
 public:
  /// Before `builder` builds its server.
  explicit HeldStreamThread(grpc::ServerBuilder& builder);
  ~HeldStreamThread();
  HeldStreamThread(const HeldStreamThread&) = delete;
  HeldStreamThread& operator=(const HeldStreamThread&) = delete;

  /// Once, when the server has started. Errors: kResourceExhausted: the system has no thread; nothing is
  /// served.
  absl::Status Serve(HeldService& service);
  /// Behind the server's Shutdown(): returns when the last stream is gone.
  void Stop();

 private:
  friend class HeldService;
  void Work();

  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::thread thread_;
  /// Streams that there are, and those that are waited for. The thread's own once it runs.
  std::size_t live_ = 0;
  bool stopped_ = false;
};

/// A stream of requests and answers as bytes, each answered before the next one is read.
class HeldStream {
 public:
  virtual ~HeldStream() = default;
  HeldStream(const HeldStream&) = delete;
  HeldStream& operator=(const HeldStream&) = delete;

  /// Nothing more is written. Only the first status counts; while an answer is on its way, the stream is
  /// cancelled, since a status would wait behind it for a client that need not read.
  void End(const grpc::Status& status);

 protected:
  explicit HeldStream(HeldStreams& all);

  /// The call is there, its first request need not be. `peer`: as gRPC names it.
  virtual void Begin(const std::string& /*peer*/) {}
  /// A request came, at most 4 KB of it. Calls Answer() or End(), or leaves the stream open and silent.
  virtual void Take(const std::string& request) = 0;
  /// From Take(): the answer, and then the next request is read.
  void Answer(const std::string& answer);
  /// From Take(): the answer, and then the stream stays open until End() or AnswerLast().
  void AnswerAndHold(const std::string& answer);
  /// At any time: behind what is on its way, and then the stream ends well.
  void AnswerLast(const std::string& answer);

 private:
  friend class HeldService;
  friend class HeldStreams;
  friend class HeldStreamThread;
  /// What gRPC has been asked for, and says when it has it.
  enum Event : std::uint8_t { kArrived, kRead, kWritten, kEnded, kGone };
  struct Tag {
    HeldStream* stream;
    Event event;
  };

  /// As End(), but what is on its way is not waited for in any case: its client need not read.
  void EndAtOnce(const grpc::Status& status);
  Tag* Ask(Event event) MIRROR_REQUIRES(mutex_);
  /// True: nothing more is asked for, and the stream is to be deleted.
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
  bool read_on_ MIRROR_GUARDED_BY(mutex_) = false;             ///< Behind what is being written.
  std::optional<std::string> last_ MIRROR_GUARDED_BY(mutex_);  ///< See AnswerLast().
  int requests_ = 0;
  grpc::ByteBuffer request_;  ///< gRPC's while a read is under way, then OnRead()'s.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_LISTENER_HELD_STREAMS_H_
