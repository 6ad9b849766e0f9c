#ifndef MIRROR_BASE_DB_POSTGRES_LINE_H_
#define MIRROR_BASE_DB_POSTGRES_LINE_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/target.h"

struct pg_conn;
struct pg_result;

// Only for the files of this folder: requests and answers of one connection.

namespace mirror::postgres {

struct ClearResult {
  void operator()(pg_result* result) const;
};
using Result = std::unique_ptr<pg_result, ClearResult>;

/// Meaning of a connection lost before the answer.
enum class IfLost : std::uint8_t {
  kNothing,  ///< No durable change was made.
  kUnknown,  ///< The statement commits.
};

/// libpq without blocking calls: waits in poll(), with a time limit. A server that is silent for longer
/// counts as lost, and the connection is closed. Threads: one at a time.
class Line {
 public:
  using Clock = std::chrono::steady_clock;

  /// Errors: those of ReadTarget(), and Failure, with all hosts that were tried.
  static absl::StatusOr<std::unique_ptr<Line>> Open(const ConnectAs& as);
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  pg_conn* handle() const { return handle_; }
  bool IsOpen() const;
  /// True between statements, outside of a transaction.
  bool IsIdle() const;
  /// True in a transaction, failed or not.
  bool InTransaction() const;
  /// Returns the server's process if the connection was lost before the answer to a commit: the process may
  /// still wait, as long as no standby answers it. 0: there is no such process.
  int left_pid() const { return is_left_ ? pid_ : 0; }
  void SetAnswerWithin(std::chrono::milliseconds within) { answer_within_ = within; }
  std::chrono::milliseconds answer_within() const { return answer_within_; }
  void Close();

  /// Call before each statement; sends nothing. Errors: kLost: the connection is closed already, nothing was
  /// sent.
  absl::Status Begin(IfLost if_lost, std::string_view doing);
  /// Call after a PQsend…() or PQput…(): checks its result and sends everything that is queued. `sent`: the
  /// result of that call.
  absl::Status Send(int sent, std::string_view doing);
  /// Returns true if Next() would not wait, or will not within this time.
  bool HasNext(std::chrono::milliseconds within);
  /// Returns a result as libpq does: null after the last one. A server's error is in the result.
  absl::StatusOr<Result> Next(std::string_view doing);
  /// Waits until more data have come. Errors: the connection is lost.
  absl::Status WaitForMore(std::string_view doing);
  /// Returns true if NextPiece() would not wait, or will not within this time. Keeps the last piece valid.
  bool HasPiece(std::chrono::milliseconds within);
  /// Returns the next piece of an incoming COPY: 0 bytes at its end, then Finish() has the result. Valid
  /// until the next call.
  absl::StatusOr<std::string_view> NextPiece(std::string_view doing);
  /// Reads all results of one statement; returns the last one, or the first error.
  absl::StatusOr<Result> Finish(std::string_view doing);

  /// Converts a result that is an error. Closes the connection if the server closed it.
  absl::Status ErrorOf(const pg_result* result, std::string_view doing);
  /// Marks the connection as lost and closes it.
  absl::Status Cut(std::string_view doing, const Failure& why = {});

  /// Reads unrequested data, such as the end of an idle connection. False: the connection is closed.
  bool HearWhatCame();

  /// The server refused a write: it is a standby, or is set to read-only.
  bool refused_to_write() const { return refused_to_write_; }

  /// Size of the largest single message sent or received, in bytes: libpq's buffers keep that size.
  std::size_t largest() const { return largest_; }
  void NoteSize(std::size_t bytes) { largest_ = std::max(largest_, bytes); }

  /// Returns the SQLSTATEs of warnings since Begin().
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  explicit Line(std::string name) : name_(std::move(name)) {}
  absl::Status Connect(const Parameters& parameters, Clock::time_point until);
  absl::Status Wait(short events, short& came, std::string_view doing);

  const std::string name_;
  pg_conn* handle_ = nullptr;
  std::chrono::milliseconds answer_within_{0};
  IfLost if_lost_ = IfLost::kNothing;
  bool refused_to_write_ = false;
  bool is_left_ = false;
  int pid_ = 0;  ///< Stored here because libpq does not give it after a loss.
  std::size_t largest_ = 0;
  std::vector<std::string> warnings_;
  char* piece_ = nullptr;  ///< Buffer of libpq; so is the next one.
  char* next_piece_ = nullptr;
  int next_size_ = 0;  ///< Size from libpq; 0: no piece has come.
};

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_LINE_H_
