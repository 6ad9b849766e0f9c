#include "tools/mirror_harness/attack/http_line.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/mirror_harness/attack/attack.h"

namespace mirror::harness {
namespace {

using Clock = std::chrono::steady_clock;

constexpr timeval kTlsPatience = {10, 0};

/// Returns the value of a field in a head; empty: the field is missing.
std::string FieldOf(const std::string& head, const std::string& name) {
  const std::string lower = absl::AsciiStrToLower(head), start = absl::StrCat("\r\n", name, ":");
  const std::size_t at = lower.find(start);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + start.size();
  return std::string(absl::StripAsciiWhitespace(lower.substr(begin, lower.find("\r\n", begin) - begin)));
}

/// Returns the length of a chunked body, with its last chunk; npos: the body is incomplete. `body` gets the
/// decoded content.
std::size_t ChunkedLength(const std::string& text, std::string* body) {
  std::size_t at = 0;
  body->clear();
  while (true) {
    const std::size_t end = text.find("\r\n", at);
    if (end == std::string::npos) return end;
    const std::size_t size = std::strtoul(text.c_str() + at, nullptr, 16);
    if (text.size() < end + 2 + size + 2) return std::string::npos;
    body->append(text, end + 2, size);
    at = end + 2 + size + 2;
    if (size == 0) return at;
  }
}

}  // namespace

absl::StatusOr<HttpDoorPlace> HttpDoorAt(const std::string& url) {
  HttpDoorPlace door;
  door.tls = absl::StartsWith(url, "https://");
  if (!door.tls && !absl::StartsWith(url, "http://"))
    return absl::InvalidArgumentError(absl::StrCat("'", url, "' does not begin with http:// or https://"));
  const std::string rest = url.substr(url.find("://") + 3);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  door.address = rest.substr(0, slash);
  door.base = rest.substr(slash);
  while (absl::EndsWith(door.base, "/")) door.base.pop_back();
  const std::size_t colon = door.address.rfind(':');
  int port = 0;
  if (colon == std::string::npos || colon == 0 || !absl::SimpleAtoi(door.address.substr(colon + 1), &port) ||
      port < 1 || port > 65'535)
    return absl::InvalidArgumentError(absl::StrCat("'", url, "' does not name host:port"));
  return door;
}

std::string HttpSaid::name(bool is_open) const {
  if (status != 0) return absl::StrCat(status);
  return is_open ? kOpen : kClosed;
}

void HttpLine::FreeTls::operator()(SSL* tls) const { SSL_free(tls); }

absl::StatusOr<HttpLine> HttpLine::Connect(const HttpDoorPlace& door) {
  ASSIGN_OR_RETURN(RawSocket socket, RawSocket::Connect(door.address));
  HttpLine line(std::move(socket));
  if (!door.tls) return line;
  setsockopt(line.socket_.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &kTlsPatience, sizeof(kTlsPatience));
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  line.tls_.reset(SSL_new(context.get()));
  SSL_set_fd(line.tls_.get(), line.socket_.descriptor());
  if (SSL_connect(line.tls_.get()) == 1) return line;
  ERR_clear_error();
  return absl::UnavailableError("the door refused the TLS handshake");
}

HttpLine::~HttpLine() { ERR_clear_error(); }

bool HttpLine::Send(std::string_view bytes) {
  if (tls_ == nullptr) return socket_.Send(bytes);
  return bytes.empty() || SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
}

bool HttpLine::Hear(Clock::time_point deadline) {
  if (gone_) return false;
  char piece[16 << 10];
  if (tls_ == nullptr || SSL_pending(tls_.get()) == 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd waited = {socket_.descriptor(), POLLIN, 0};
    const int ready = poll(&waited, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (ready == 0) return false;
    if (ready < 0) return errno == EINTR;
  }
  const ssize_t got = tls_ == nullptr ? recv(socket_.descriptor(), piece, sizeof(piece), 0)
                                      : SSL_read(tls_.get(), piece, sizeof(piece));
  gone_ = got <= 0;
  if (!gone_) received_.append(piece, static_cast<std::size_t>(got));
  return !gone_;
}

HttpSaid HttpLine::Answer(std::chrono::milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  while (true) {
    const std::size_t end = received_.find("\r\n\r\n");
    if (end != std::string::npos) {
      HttpSaid said;
      said.head = received_.substr(0, end);
      if (!absl::StartsWith(said.head, "HTTP/1.1 ") ||
          !absl::SimpleAtoi(said.head.substr(9, 3), &said.status))
        return said;
      std::size_t length = 0;
      if (absl::EndsWith(FieldOf(said.head, "transfer-encoding"), "chunked")) {
        length = ChunkedLength(received_.substr(end + 4), &said.body);
      } else if (absl::SimpleAtoi(FieldOf(said.head, "content-length"), &length)) {
        said.body = received_.substr(end + 4, length);
        if (received_.size() < end + 4 + length) length = std::string::npos;
      }
      if (length != std::string::npos) {
        received_.erase(0, end + 4 + length);
        return said;
      }
    }
    if (!Hear(deadline)) return {};
  }
}

bool HttpLine::Closed(std::chrono::milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  while (Hear(deadline)) {
  }
  return gone_;
}

std::string HttpLine::Request(const HttpDoorPlace& door, std::string_view method, std::string_view path,
                              std::string_view key, const Fields& more, std::string_view body) {
  std::string request = absl::StrCat(std::string(method), " ", door.base, std::string(path),
                                     " HTTP/1.1\r\nHost: ", door.address, "\r\n");
  if (!key.empty()) absl::StrAppend(&request, "X-API-KEY: ", std::string(key), "\r\n");
  for (const auto& [name, value] : more) absl::StrAppend(&request, name, ": ", value, "\r\n");
  if (!body.empty()) absl::StrAppend(&request, "Content-Length: ", body.size(), "\r\n");
  return absl::StrCat(request, "\r\n", std::string(body));
}

HttpSaid AskOnce(const HttpDoorPlace& door, const std::string& request, std::chrono::milliseconds patience) {
  absl::StatusOr<HttpLine> line = HttpLine::Connect(door);
  if (!line.ok()) return {};
  line->Send(request);  // Sending may fail, because an answer may come before everything was sent.
  return line->Answer(patience);
}

}  // namespace mirror::harness
