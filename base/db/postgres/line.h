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

/// Possible effect of a statement if the connection is lost before the answer.
enum class IfLost : std::uint8_t {
  kNothing,  ///< No durable change was made.
  kUnknown,  ///< The statement commits: it is not known whether it succeeded.
};

/// Uses libpq without blocking calls: it waits in poll(), with a time limit. If the server is silent for
/// longer, the connection counts as lost and is closed. Threads: one at a time.
class Line {
 public:
  using Clock = std::chrono::steady_clock;

  /// Connects. Errors: those of ReadTarget(); a Failure that names all hosts that were tried.
  static absl::StatusOr<std::unique_ptr<Line>> Open(const ConnectAs& as);
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  pg_conn* handle() const { return handle_; }
  bool IsOpen() const;
  /// Returns true if neither a transaction nor a statement is running.
  bool IsIdle() const;
  /// Returns true in a transaction, also in one that has failed.
  bool InTransaction() const;
  /// Returns the id of the server's process if the connection was lost before the answer to a commit. This
  /// process may still exist, and wait for the answer of a standby. 0: there is no such process.
  int left_pid() const { return is_left_ ? pid_ : 0; }
  void SetAnswerWithin(std::chrono::milliseconds within) { answer_within_ = within; }
  std::chrono::milliseconds answer_within() const { return answer_within_; }
  void Close();

  /// Prepares for a statement; call it before each one. It sends nothing. Errors: kLost: the connection is
  /// already closed.
  absl::Status Begin(IfLost if_lost, std::string_view doing);
  /// Checks the result of a PQsend…() or PQput…(), and sends everything that is queued. `sent`: the result of
  /// that call.
  absl::Status Send(int sent, std::string_view doing);
  /// Waits until Next() would return at once, at most this time; returns true if it would.
  bool HasNext(std::chrono::milliseconds within);
  /// Returns a result as libpq does: null after the last one. A server's error is in the result.
  absl::StatusOr<Result> Next(std::string_view doing);
  /// Waits until more data have come. Errors: the connection is lost.
  absl::Status WaitForMore(std::string_view doing);
  /// Waits until NextPiece() would return at once, at most this time; returns true if it would. The last
  /// piece stays valid.
  bool HasPiece(std::chrono::milliseconds within);
  /// Returns the next piece of an incoming COPY, valid until the next call. At the end it has 0 bytes: then
  /// call Finish() for the result.
  absl::StatusOr<std::string_view> NextPiece(std::string_view doing);
  /// Reads all results of one statement; returns the last one, or the first error.
  absl::StatusOr<Result> Finish(std::string_view doing);

  /// Makes a status from a result that is an error. Closes the connection if the server has closed it.
  absl::Status ErrorOf(const pg_result* result, std::string_view doing);
  /// Marks the connection as lost and closes it.
  absl::Status Cut(std::string_view doing, const Failure& why = {});

  /// Reads data that came without a request, such as the server's end of an idle connection. False: the
  /// connection is closed.
  bool HearWhatCame();

  /// Returns true if the server refused a write, because it is a standby or read-only.
  bool refused_to_write() const { return refused_to_write_; }

  /// Returns the size in bytes of the largest message that was sent or received. libpq's buffers keep this
  /// size.
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
  /// Id of the server's process, stored because libpq does not return it after the connection is lost.
  int pid_ = 0;
  std::size_t largest_ = 0;
  std::vector<std::string> warnings_;
  char* piece_ = nullptr;  ///< Buffers that libpq allocated.
  char* next_piece_ = nullptr;
  int next_size_ = 0;  ///< Size from libpq; 0: no piece has come.
};

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_LINE_H_
