#include "base/db/postgres/line.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror::postgres {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kWarningsMax = 16;

/// Waits for events on a socket until `until`. Returns those that came; 0: the time is over.
short Poll(int socket, short events, Line::Clock::time_point until) {
  for (;;) {
    // The time is rounded up. If none is left, poll() only checks for pending events.
    const auto left = std::chrono::ceil<milliseconds>(until - Line::Clock::now());
    pollfd one{socket, events, 0};
    const int ready = poll(&one, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000)));
    if (ready > 0) return one.revents;
    if (ready < 0 && errno != EINTR) return POLLERR;
    if (Line::Clock::now() >= until) return 0;
  }
}

void KeepWarning(void* warnings, const PGresult* notice) {
  auto& kept = *static_cast<std::vector<std::string>*>(warnings);
  const char* const severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
  const char* const sqlstate = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
  if (severity == nullptr || sqlstate == nullptr || std::string_view(severity) != "WARNING") return;
  if (kept.size() < kWarningsMax) kept.emplace_back(sqlstate);
}

/// Returns connect_timeout of the parameters, the time for one host.
milliseconds OwnTimeout(const Parameters& parameters) {
  for (const auto& [keyword, value] : parameters) {
    int seconds = 0;
    if (keyword == "connect_timeout" && absl::SimpleAtoi(value, &seconds) && seconds > 0) {
      return std::chrono::seconds(seconds);
    }
  }
  return milliseconds::max();
}

Login LoginOf(const PGconn* handle, const Parameters& parameters) {
  Login login{.lacks_password = PQconnectionNeedsPassword(handle) == 1};
  login.replication = FindParameter(parameters, "replication") != nullptr;
  if (const std::string* const passfile = FindParameter(parameters, "passfile")) {
    // The path is written in full: SourceWords() finds it by that.
    std::error_code error;
    const std::filesystem::path whole = std::filesystem::absolute(*passfile, error);
    login.passfile = error ? *passfile : whole.string();
  }
  return login;
}

absl::Status Refused(const std::string& name, const Failure& failure) {
  return ToStatus(failure, absl::StrCat(name, " cannot be used"));
}

}  // namespace

void ClearResult::operator()(pg_result* result) const { PQclear(result); }

Line::~Line() { Close(); }

void Line::Close() {
  PQfreemem(std::exchange(piece_, nullptr));
  PQfreemem(std::exchange(next_piece_, nullptr));
  next_size_ = 0;
  if (handle_ != nullptr) PQfinish(handle_);
  handle_ = nullptr;
}

bool Line::IsOpen() const { return handle_ != nullptr && PQstatus(handle_) == CONNECTION_OK; }

bool Line::IsIdle() const { return IsOpen() && PQtransactionStatus(handle_) == PQTRANS_IDLE; }

bool Line::InTransaction() const {
  if (!IsOpen()) return false;
  const PGTransactionStatusType status = PQtransactionStatus(handle_);
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

absl::StatusOr<std::unique_ptr<Line>> Line::Open(const ConnectAs& as) {
  ASSIGN_OR_RETURN(const Target target, ReadTarget(as));
  const Clock::time_point until = Clock::now() + as.connect_within;
  absl::Status refused;
  std::size_t left = target.attempts.size();
  for (const Parameters& attempt : target.attempts) {
    std::unique_ptr<Line> line(new Line(target.name));
    line->answer_within_ = as.answer_within;
    const Clock::time_point now = Clock::now();
    const milliseconds share(std::chrono::duration_cast<milliseconds>(until - now).count() /
                             static_cast<std::int64_t>(left--));
    const milliseconds own = OwnTimeout(attempt);
    const Clock::time_point end = own == milliseconds::max() ? now + share : std::min(now + own, until);
    absl::Status connected = line->Connect(attempt, end);
    if (connected.ok()) return line;
    // If there are several hosts, an error that says more than that a host is not ready is kept.
    if (refused.ok() || TroubleOf(refused) == Trouble::kNotReady) refused = std::move(connected);
  }
  return refused;
}

absl::Status Line::Connect(const Parameters& parameters, Clock::time_point until) {
  std::vector<const char*> keywords, values;
  for (const auto& [keyword, value] : parameters) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  handle_ = PQconnectStartParams(keywords.data(), values.data(), 0);
  if (handle_ == nullptr) return absl::ResourceExhaustedError("no memory for a connection");
  // libpq keeps only the text of a refusal: with this setting the text contains the SQLSTATE.
  PQsetErrorVerbosity(handle_, PQERRORS_VERBOSE);
  PQsetNoticeReceiver(handle_, KeepWarning, &warnings_);
  PostgresPollingStatusType state =
      PQstatus(handle_) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED)
      return Refused(name_, ReadRefusal(PQerrorMessage(handle_), LoginOf(handle_, parameters)));
    const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (Poll(PQsocket(handle_), events, until) == 0) {
      return Refused(name_, {.trouble = Trouble::kNotReady, .words = "it did not answer in time"});
    }
    state = PQconnectPoll(handle_);
  }
  PQsetErrorVerbosity(handle_, PQERRORS_DEFAULT);
  pid_ = PQbackendPID(handle_);
  if (PQsetnonblocking(handle_, 1) != 0) return Cut("connecting");
  return absl::OkStatus();
}

absl::Status Line::Begin(IfLost if_lost, std::string_view doing) {
  if_lost_ = IfLost::kNothing;
  if (!IsOpen()) return Cut(doing);
  if_lost_ = if_lost;
  warnings_.clear();
  return absl::OkStatus();
}

absl::Status Line::Wait(short events, short& came, std::string_view doing) {
  const bool for_ever = answer_within_ == milliseconds(0);
  came = Poll(PQsocket(handle_), events,
              Clock::now() + (for_ever ? std::chrono::hours(24 * 365) : answer_within_));
  if (came != 0) return absl::OkStatus();
  return Cut(doing, {.words = absl::StrCat("the server said nothing for ", answer_within_.count(), " ms")});
}

absl::Status Line::Send(int sent, std::string_view doing) {
  // Reads while it sends: otherwise client and server could wait for each other, both with full buffers.
  while (sent == 1) {
    const int left = PQflush(handle_);
    if (left == 0) return absl::OkStatus();
    if (left < 0) break;
    short came = 0;
    RETURN_IF_ERROR(Wait(POLLIN | POLLOUT, came, doing));
    if ((came & POLLOUT) == 0 && PQconsumeInput(handle_) != 1) break;
  }
  if (IsOpen()) {
    return ToStatus({.words = "libpq did not take it"}, doing);
  }
  return Cut(doing);
}

absl::Status Line::WaitForMore(std::string_view doing) {
  short came = 0;
  RETURN_IF_ERROR(Wait(POLLIN, came, doing));
  // The server may have sent a message before the connection was lost: PQgetResult() returns it.
  PQconsumeInput(handle_);
  return absl::OkStatus();
}

bool Line::HasNext(milliseconds within) {
  std::optional<Clock::time_point> until;  // Set only when it is needed, as in HasPiece().
  while (IsOpen() && PQisBusy(handle_) == 1) {
    if (!until) until = Clock::now() + within;
    if (Poll(PQsocket(handle_), POLLIN, *until) == 0) return false;
    PQconsumeInput(handle_);
  }
  return true;
}

absl::StatusOr<Result> Line::Next(std::string_view doing) {
  if (handle_ == nullptr) return Cut(doing);
  while (PQstatus(handle_) == CONNECTION_OK && PQisBusy(handle_) == 1) {
    RETURN_IF_ERROR(WaitForMore(doing));
  }
  Result result(PQgetResult(handle_));
  if (result != nullptr) NoteSize(PQresultMemorySize(result.get()));
  return result;
}

bool Line::HasPiece(milliseconds within) {
  std::optional<Clock::time_point> until;
  while (IsOpen() && next_size_ == 0) {
    next_size_ = PQgetCopyData(handle_, &next_piece_, 1);
    if (next_size_ != 0) break;
    // Set only when it is needed: on some machines reading the clock takes as long as reading a row.
    if (!until) until = Clock::now() + within;
    if (Poll(PQsocket(handle_), POLLIN, *until) == 0) return false;
    PQconsumeInput(handle_);
  }
  return true;
}

absl::StatusOr<std::string_view> Line::NextPiece(std::string_view doing) {
  PQfreemem(std::exchange(piece_, std::exchange(next_piece_, nullptr)));
  int ready = std::exchange(next_size_, 0);
  while (IsOpen()) {
    const int size = ready != 0 ? std::exchange(ready, 0) : PQgetCopyData(handle_, &piece_, 1);
    if (size > 0) {
      NoteSize(static_cast<std::size_t>(size));
      return std::string_view(piece_, static_cast<std::size_t>(size));
    }
    if (size < 0) return std::string_view();
    RETURN_IF_ERROR(WaitForMore(doing));
  }
  if (handle_ == nullptr) return Cut(doing);
  return std::string_view();
}

bool Line::HearWhatCame() {
  // A server may send a message before it ends the connection. The number of reads is limited, in case that
  // the server never stops sending.
  for (int times = 0; IsOpen() && times < 8; ++times) {
    if (Poll(PQsocket(handle_), POLLIN, Clock::now()) == 0) return true;
    PQconsumeInput(handle_);
    PQisBusy(handle_);
  }
  Close();
  return false;
}

absl::StatusOr<Result> Line::Finish(std::string_view doing) {
  Result last;
  absl::Status failed;
  for (;;) {
    absl::StatusOr<Result> next = Next(doing);
    if (!next.ok()) return failed.ok() ? next.status() : failed;
    if (*next == nullptr) break;
    const ExecStatusType status = PQresultStatus(next->get());
    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
      if (failed.ok()) failed = ErrorOf(next->get(), doing);
      if (handle_ == nullptr) return failed;
    }
    last = *std::move(next);
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      return Cut(doing, {.words = "COPY is for CopyIn and CopyOut"});
    }
  }
  if (!failed.ok()) return failed;
  if (!IsOpen()) return Cut(doing);
  return last;
}

absl::Status Line::ErrorOf(const pg_result* result, std::string_view doing) {
  Failure failure = ReadFailure(result);
  refused_to_write_ = refused_to_write_ || failure.trouble == Trouble::kReadOnly;
  // The server itself may have lost a connection to another server, as Citus to its workers. Our connection
  // is then still usable, unless the other server may have committed.
  const char* const severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (failure.sqlstate.starts_with("08") && severity != nullptr && std::string_view(severity) == "ERROR" &&
      IsOpen() && if_lost_ == IfLost::kNothing) {
    failure.trouble = Trouble::kNotReady;
    return ToStatus(failure, doing);
  }
  if (failure.trouble == Trouble::kLost || !IsOpen()) return Cut(doing, failure);
  return ToStatus(failure, doing);
}

absl::Status Line::Cut(std::string_view doing, const Failure& why) {
  Failure failure = why;
  failure.trouble = if_lost_ == IfLost::kUnknown ? Trouble::kCommitUnknown : Trouble::kLost;
  std::string words = absl::StrCat("the connection to ", name_, " was lost");
  if (!why.words.empty()) absl::StrAppend(&words, " (", why.words, ")");
  failure.words = failure.trouble == Trouble::kCommitUnknown
                      ? absl::StrCat(words, " before the answer came: the commit may have succeeded")
                      : absl::StrCat(words, "; what was not committed is rolled back");
  is_left_ = is_left_ || if_lost_ == IfLost::kUnknown;
  Close();
  return ToStatus(failure, doing);
}

}  // namespace mirror::postgres
