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

// For this room: what is sent and comes back over one connection.

namespace mirror::postgres {

struct ClearResult {
  void operator()(pg_result* result) const;
};
using Result = std::unique_ptr<pg_result, ClearResult>;

/// What it means when the line is cut before the answer has come.
enum class IfLost : std::uint8_t {
  kNothing,  ///< Nothing was changed that lasts.
  kUnknown,  ///< It commits.
};

/// libpq without a call that blocks: it waits in poll(), and no longer than it may. A server that is silent
/// for longer counts as gone, and the connection is closed. Threads: one at a time.
class Line {
 public:
  using Clock = std::chrono::steady_clock;

  /// Errors: those of ReadTarget() and Failure, with all hosts that were tried.
  static absl::StatusOr<std::unique_ptr<Line>> Open(const ConnectAs& as);
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  pg_conn* handle() const { return handle_; }
  bool IsOpen() const;
  /// Between statements, and outside of a transaction.
  bool IsIdle() const;
  /// In a transaction, failed or not.
  bool InTransaction() const;
  /// The server's process, where the line was cut before its answer to what commits: it may be at that still,
  /// for as long as no standby answers it. 0: none is left so.
  int left_pid() const { return is_left_ ? pid_ : 0; }
  void SetAnswerWithin(std::chrono::milliseconds within) { answer_within_ = within; }
  std::chrono::milliseconds answer_within() const { return answer_within_; }
  void Close();

  /// First of each statement. Errors: kLost: the connection is closed already, nothing was sent.
  absl::Status Begin(IfLost if_lost, std::string_view doing);
  /// Behind a PQsend…() or PQput…(): whether it went well, and all that is queued has left. `sent`: what that
  /// call gave.
  absl::Status Send(int sent, std::string_view doing);
  /// Whether Next() would not wait, or does not any more within this time.
  bool HasNext(std::chrono::milliseconds within);
  /// As libpq has it: null behind the last one of a statement. An error of the server's is in the result.
  absl::StatusOr<Result> Next(std::string_view doing);
  /// Until more than now has come. Errors: the line is cut.
  absl::Status WaitForMore(std::string_view doing);
  /// Whether NextPiece() would not wait, or does not any more within this time. What that gave last stays.
  bool HasPiece(std::chrono::milliseconds within);
  /// The next piece of a COPY that comes: 0 bytes at its end, when Finish() has the result. It is there until
  /// the next call.
  absl::StatusOr<std::string_view> NextPiece(std::string_view doing);
  /// All results of one statement: the last, or the first error.
  absl::StatusOr<Result> Finish(std::string_view doing);

  /// Of a result that is an error. Closes the line when the server did, with what that means.
  absl::Status ErrorOf(const pg_result* result, std::string_view doing);
  /// The line is cut; closes this end.
  absl::Status Cut(std::string_view doing, const Failure& why = {});

  /// What came without being asked for, as the end of an idle connection. False: it is closed.
  bool HearWhatCame();

  /// The server has refused to write: it is a standby, or was told to write nothing.
  bool refused_to_write() const { return refused_to_write_; }

  /// Of what came or went as a whole the largest, in bytes: libpq's buffers have grown to that, and stay so.
  std::size_t largest() const { return largest_; }
  void NoteSize(std::size_t bytes) { largest_ = std::max(largest_, bytes); }

  /// SQLSTATEs of warnings since Begin().
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
  int pid_ = 0;  ///< As libpq does not tell it of a lost one.
  std::size_t largest_ = 0;
  std::vector<std::string> warnings_;
  char* piece_ = nullptr;  ///< libpq's, as the next one.
  char* next_piece_ = nullptr;
  int next_size_ = 0;  ///< As libpq has it; 0: it has not come.
};

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_LINE_H_
