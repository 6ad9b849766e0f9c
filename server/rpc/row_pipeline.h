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

/// Messages of a stream that were read and are not answered yet, and bytes of those that wait after the ones
/// being applied. Above one of these limits the stream is not read.
inline constexpr std::size_t kAheadMessagesMax = 8;
inline constexpr std::uint64_t kAheadBytesMax = 4 << 20;
/// A stream keeps the memory of its messages for the next ones, up to this.
inline constexpr std::uint64_t kKeptMessageBytesMax = 4 << 20;

/// Steps that a RowPipeline takes with the call that it serves. Threads: two. Read() and Decode() never run
/// twice at the same time, Apply() and Write() likewise.
class RowStreamCall {
 public:
  virtual ~RowStreamCall() = default;

  /// Blocks. False: no more messages, or the call was cancelled. See StreamMessages::Read.
  virtual bool Read(v1::RowDataRequest* message, std::shared_ptr<void>* room) = 0;
  /// Errors end the stream when all messages before are done. Refused parts are noted in the response.
  virtual absl::Status Decode(const v1::RowDataRequest& message, RowRequest* rows,
                              v1::RowDataResponse* response) = 0;
  /// Applies the requests; returns an answer for each, in order.
  virtual std::vector<RowAnswer> Apply(const std::vector<const RowRequest*>& requests) = 0;
  /// Adds the outcomes of a message to its response and sends it. False: the client no longer listens.
  virtual bool Write(const std::vector<BatchOutcome>& outcomes, v1::RowDataResponse* response) = 0;
  virtual bool IsCancelled() const = 0;
  /// Ends a blocking read, and the call with this status.
  virtual void Abort(const absl::Status& status) = 0;
  /// Makes `bytes` the amount that the stream holds. Errors: kResourceExhausted; then nothing changed.
  virtual absl::Status Hold(std::uint64_t bytes) = 0;
  /// Does the same for a message that is read while others are not answered yet. False: not now.
  virtual bool HoldAhead(std::uint64_t bytes) = 0;
  /// Notes whether the stream waits only for its next message.
  virtual void SetWaiting(bool waits) = 0;
};

/// Serves one RowDataStream: reads and decodes messages while those before them are applied,
/// and answers them in order. From the second message on, a second thread helps the handler's:
/// one reads while the other applies. A thread that read a message applies it itself if
/// nothing is in its way. A source that waits for each answer before it sends a small message
/// is served by one thread at a time. Threads: Run() once.
class RowPipeline {
 public:
  /// `call` must outlive it.
  explicit RowPipeline(RowStreamCall& call) : call_(call) {}
  RowPipeline(const RowPipeline&) = delete;
  RowPipeline& operator=(const RowPipeline&) = delete;

  /// Returns the status of the call.
  absl::Status Run();

 private:
  struct Buffer {
    std::shared_ptr<void> room;  ///< Destroyed after the message.
    std::unique_ptr<v1::RowDataRequest> message;
    std::uint64_t bytes = 0;  ///< The most that its memory has held.
  };
  struct Item {
    Buffer buffer;
    std::uint64_t bytes = 0;
    /// Counted and decoded. False: it came while there was no room, and both happen once those
    /// before it have been answered; at most one of a stream.
    bool held = false;
    absl::Status status;
    RowRequest rows;
    v1::RowDataResponse response;
  };

  void Work();
  /// Starts a second thread, once there is work for it.
  void CallHelp() MIRROR_REQUIRES(mutex_);
  bool ReadsAhead() const MIRROR_REQUIRES(mutex_);
  bool MayRead() MIRROR_REQUIRES(mutex_);
  bool Hold(std::uint64_t bytes, absl::Status* status) MIRROR_REQUIRES(mutex_);
  /// Both release the mutex while they work.
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
  /// Bytes of all messages that are not answered, and of the kept buffers.
  std::uint64_t bytes_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::uint64_t queued_bytes_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< In messages that wait.
  std::uint64_t reading_bytes_ MIRROR_GUARDED_BY(mutex_) =
      0;                                                      ///< Counted for the message that is being read.
  std::uint64_t reading_kept_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Memory of its buffer.
  /// Size of the largest message so far; the next one may be as large.
  std::uint64_t largest_ MIRROR_GUARDED_BY(mutex_) = kStreamBytesMin;
  std::size_t unanswered_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::atomic<std::size_t> unwritten_ = 0;            ///< Messages whose answers have not begun to leave.
  std::uint64_t read_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Messages so far.
  /// Consecutive messages that were read ahead and came only when all before them had been answered.
  std::uint32_t in_step_ MIRROR_GUARDED_BY(mutex_) = 0;
  bool reading_ MIRROR_GUARDED_BY(mutex_) = false;
  bool applying_ MIRROR_GUARDED_BY(mutex_) = false;
  bool ended_ MIRROR_GUARDED_BY(mutex_) = false;  ///< Nothing more is read.
  bool waits_ MIRROR_GUARDED_BY(mutex_) = false;
  absl::Status status_ MIRROR_GUARDED_BY(mutex_);
  std::thread helper_ MIRROR_GUARDED_BY(mutex_);
  bool alone_ MIRROR_GUARDED_BY(mutex_) = false;  ///< No second thread could be started.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ROW_PIPELINE_H_
