// Attacks by a stranger on the port of the metrics, which has neither TLS nor a password.
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/attack/raw_socket.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

using Clock = std::chrono::steady_clock;

/// More bytes than the kernel's buffers of two sockets can hold. A listener that accepts more than this keeps
/// the bytes in its own memory.
constexpr std::size_t kTakenMax = 48 << 20;
constexpr std::size_t kPiece = 64 << 10;
constexpr int kHalfRequests = 300;

constexpr char kGet[] = "GET /healthz HTTP/1.1\r\nHost: metrics\r\n\r\n";

/// Returns an empty text if a new client is answered, otherwise the reason.
std::string AnswersStill(const Target& target) {
  absl::StatusOr<RawSocket> socket = RawSocket::Connect(target.metrics());
  if (!socket.ok()) return std::string(socket.status().message());
  if (!socket->Send(kGet)) return "a proper request was not accepted";
  const std::string answer = socket->Receive(kAttackPatience);
  return absl::StartsWith(answer, "HTTP/1.1 200") ? "" : "a proper request was not answered";
}

/// Returns OK if a new client is answered.
Outcome AnswersBeside(const Target& target, std::string words) {
  const std::string fault = AnswersStill(target);
  return {{fault.empty() ? "OK" : kOpen}, std::move(words), fault};
}

/// Sends `begin`, and then `more` again and again, until the other side closes or has accepted too much.
Outcome SendForEver(const Target& target, const std::string& begin, const std::string& more) {
  absl::StatusOr<RawSocket> socket = RawSocket::Connect(target.metrics());
  if (!socket.ok()) return OutcomeOf(socket.status());
  std::size_t taken = 0;
  bool open = socket->Send(begin);
  while (open && taken < kTakenMax) {
    open = socket->Send(more);
    if (open) taken += more.size();
  }
  return {{open ? kOpen : kClosed}, absl::StrCat(taken >> 10, " KB were sent"), AnswersStill(target)};
}

Outcome HalfRequests(Target& target) {
  std::vector<RawSocket> crowd;
  for (int i = 0; i < kHalfRequests; ++i) {
    absl::StatusOr<RawSocket> socket = RawSocket::Connect(target.metrics());
    if (!socket.ok()) break;  // The listener accepts no more connections.
    socket->Send("GET /metrics HTTP/1.1\r\nX: ");
    crowd.push_back(*std::move(socket));
  }
  return AnswersBeside(target, absl::StrCat(crowd.size(), " connections"));
}

/// Requests pages and never reads them.
Outcome UnreadPages(Target& target) {
  std::vector<RawSocket> crowd;
  const auto end = Clock::now() + target.flood_time();
  std::size_t asked = 0;
  while (Clock::now() < end) {
    absl::StatusOr<RawSocket> socket = RawSocket::Connect(target.metrics());
    if (!socket.ok()) break;
    socket->Send("GET /metrics HTTP/1.1\r\nHost: metrics\r\n\r\n");
    crowd.push_back(*std::move(socket));
    ++asked;
    if (crowd.size() == kHalfRequests) crowd.clear();
  }
  crowd.clear();
  return AnswersBeside(target, absl::StrCat(asked, " pages"));
}

Attack::Run Endless(const std::string& begin, const std::string& more) {
  return [begin, more](Target& target) { return SendForEver(target, begin, more); };
}

}  // namespace

Theme MetricsAttacks() {
  const std::string piece(kPiece, 'x');
  const std::string chunk = absl::StrCat("10000\r\n", piece, "\r\n");
  const std::string header = absl::StrCat("X: ", std::string(4'000, 'x'), "\r\n");
  return {
      "metrics",
      {
          {"chunks", "A POST whose chunks never end.", "CLOSED",
           Endless("POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", chunk)},
          {"chunks-of-get", "A GET whose chunks never end.", "CLOSED",
           Endless("GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", chunk)},
          {"no-length", "A POST with a body without a length.", "CLOSED",
           Endless("POST /metrics HTTP/1.1\r\n\r\n", piece)},
          {"huge-length", "A body of 99 GB.", "CLOSED",
           Endless("POST /metrics HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", piece)},
          {"gzip", "A packed body that never ends.", "CLOSED",
           Endless("POST /metrics HTTP/1.1\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
                   chunk)},
          {"header", "A header that never ends.", "CLOSED", Endless("GET /metrics HTTP/1.1\r\nX: ", piece)},
          {"headers", "Endless headers.", "CLOSED", Endless("GET /metrics HTTP/1.1\r\n", header)},
          {"path", "A path that never ends.", "CLOSED", Endless("GET /", piece)},
          {"half-requests", "300 connections that never finish their request.", "OK", HalfRequests},
          {"unread-pages", "Pages that the client does not read, 300 at a time.", "OK", UnreadPages},
      }};
}

}  // namespace mirror::harness
