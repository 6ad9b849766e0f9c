#ifndef MIRROR_SERVER_RPC_ROW_PIPELINE_H_
#define MIRROR_SERVER_RPC_ROW_PIPELINE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "mirror/v1/mirror_client.pb.h"
#include "server/config/config.h"
#include "server/plan/row_request.h"

namespace mirror {

/// Maximum number of messages of a stream that were read and are not answered yet, and maximum bytes of those
/// that are not being applied yet. At one of these limits the stream is not read.
inline constexpr std::size_t kAheadMessagesMax = 8;
inline constexpr std::uint64_t kAheadBytesMax = 4 << 20;
/// Maximum bytes of message memory that a stream keeps for its next messages.
inline constexpr std::uint64_t kKeptMessageBytesMax = 4 << 20;

/// Steps of a RowPipeline for the call that it serves. Threads: two. Read() and Decode() never run twice at
/// the same time; nor do Apply() and Write().
class RowStreamCall {
 public:
  virtual ~RowStreamCall() = default;

  /// Reads the next message; blocks. Returns false if there are no more messages, or the call was cancelled.
  /// See StreamMessages::Read().
  virtual bool Read(v1::RowDataRequest* message, std::shared_ptr<void>* room) = 0;
  /// Decodes a message, and notes refused parts in the response. An error ends the stream after all earlier
  /// messages are done.
  virtual absl::Status Decode(const v1::RowDataRequest& message, RowRequest* rows,
                              v1::RowDataResponse* response) = 0;
  /// Applies the requests. Returns an answer for each, in order.
  virtual std::vector<RowAnswer> Apply(const std::vector<const RowRequest*>& requests) = 0;
  /// Adds the outcomes of a message to its response and sends it. Returns false if the client no longer
  /// reads.
  virtual bool Write(const std::vector<BatchOutcome>& outcomes, v1::RowDataResponse* response) = 0;
  virtual bool IsCancelled() const = 0;
  /// Ends a blocking read, and ends the call with this status.
  virtual void Abort(const absl::Status& status) = 0;
  /// Sets the number of bytes that the stream holds. Errors: kResourceExhausted; then nothing was changed.
  virtual absl::Status Hold(std::uint64_t bytes) = 0;
  /// Does the same for a message that is read while earlier ones are not answered yet. Returns false if that
  /// is not possible now.
  virtual bool HoldAhead(std::uint64_t bytes) = 0;
  /// Notes whether the stream waits only for its next message.
  virtual void SetWaiting(bool waits) = 0;
};

/// Serves one RowDataStream. It reads and decodes messages while earlier ones are applied, and answers them
/// in order. From the second message on, a second thread helps the handler's thread: one reads while the
/// other applies. If no other work is pending, the thread that read a message also applies it. So a source
/// that waits for each answer, and sends small messages, is served by one thread at a time. Threads: Run()
/// once.
class RowPipeline {
 public:
  /// `call` must outlive this object.
  explicit RowPipeline(RowStreamCall& call) : call_(call) {}
  RowPipeline(const RowPipeline&) = delete;
  RowPipeline& operator=(const RowPipeline&) = delete;

  /// Serves the call until its end. Returns its status.
  absl::Status Run();

 private:
  struct Buffer {
    std::shared_ptr<void> room;  ///< Destroyed after the message.
    std::unique_ptr<v1::RowDataRequest> message;
    std::uint64_t bytes = 0;  ///< The largest number of bytes that its memory has held.
  };
  struct Item {
    Buffer buffer;
    std::uint64_t bytes = 0;
    /// The message was counted and decoded. False: there was no room when it came. Both happen after the
    /// earlier messages were answered. At most one message of a stream is in this state.
    bool held = false;
    absl::Status status;
    RowRequest rows;
    v1::RowDataResponse response;
  };

  void Work();
  /// Starts a second thread, if there is work for it.
  void CallHelp() MIRROR_REQUIRES(mutex_);
  bool ReadsAhead() const MIRROR_REQUIRES(mutex_);
  bool MayRead() MIRROR_REQUIRES(mutex_);
  bool Hold(std::uint64_t bytes, absl::Status* status) MIRROR_REQUIRES(mutex_);
  /// Read() and Apply() release the mutex while they work.
  void Read() MIRROR_REQUIRES(mutex_);
  void Apply() MIRROR_REQUIRES(mutex_);
  absl::Status Answer(std::vector<std::unique_ptr<Item>>& group);
  void Decode(Item& item);
  void End(const absl::Status& status) MIRROR_REQUIRES(mutex_);
  void GiveBack(std::unique_ptr<Item> item) MIRROR_REQUIRES(mutex_);
  void Changed() MIRROR_REQUIRES(mutex_);
  bool over() const MIRROR_REQUIRES(mutex_) { return ended_ && !reading_ && !applying_ && queue_.empty(); }

  RowStreamCall& call_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::unique_ptr<Item>> queue_ MIRROR_GUARDED_BY(mutex_);
  std::vector<Buffer> kept_ MIRROR_GUARDED_BY(mutex_);
  Buffer next_ MIRROR_GUARDED_BY(mutex_);  ///< The buffer for the next message.
  /// Bytes of all messages that are not answered, and of the buffers kept for later messages.
  std::uint64_t bytes_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::uint64_t queued_bytes_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Bytes of messages that wait to be applied.
  std::uint64_t reading_bytes_ MIRROR_GUARDED_BY(mutex_) =
      0;                                                      ///< Counted for the message that is being read.
  std::uint64_t reading_kept_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Bytes of memory in its buffer.
  /// Size of the largest message so far; the next one may be as large.
  std::uint64_t largest_ MIRROR_GUARDED_BY(mutex_) = kStreamBytesMin;
  std::size_t unanswered_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::atomic<std::size_t> unwritten_ = 0;            ///< Number of messages whose answers are not being sent
                                                      ///< yet.
  std::uint64_t read_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Number of messages read so far.
  /// Number of consecutive messages that came only after all earlier ones were answered, although the stream
  /// was read ahead.
  std::uint32_t in_step_ MIRROR_GUARDED_BY(mutex_) = 0;
  bool reading_ MIRROR_GUARDED_BY(mutex_) = false;
  bool applying_ MIRROR_GUARDED_BY(mutex_) = false;
  bool ended_ MIRROR_GUARDED_BY(mutex_) = false;  ///< No further message is read.
  bool waits_ MIRROR_GUARDED_BY(mutex_) = false;
  absl::Status status_ MIRROR_GUARDED_BY(mutex_);
  std::thread helper_ MIRROR_GUARDED_BY(mutex_);
  bool alone_ MIRROR_GUARDED_BY(mutex_) = false;  ///< No second thread could be started.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ROW_PIPELINE_H_
