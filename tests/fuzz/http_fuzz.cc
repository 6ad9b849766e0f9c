// Any bytes that a client sends to the HTTP listener. Whatever the door is given is a request as HTTP has it,
// with no body that is longer than it admitted; each answer begins as one; and the listener goes on.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "base/http/listener.h"

namespace mirror {
namespace {

constexpr std::uint64_t kBodyMax = 1'000;

void Require(bool holds) {
  if (!holds) std::abort();
}

/// What may stand in a line of a header: nothing that ends it.
bool IsOneLine(const std::string& text) {
  for (const char c : text) {
    if (c == '\r' || c == '\n' || c == '\0') return false;
  }
  return true;
}

class CheckingDoor : public HttpDoor {
 public:
  HttpAdmission Admit(const HttpHead& head) override {
    Require(!head.method.empty() && !head.path.empty());
    Require(head.path.find('?') == std::string::npos && head.path.find(' ') == std::string::npos);
    Require(IsOneLine(head.method) && IsOneLine(head.path) && IsOneLine(head.query));
    for (const auto& [name, value] : head.fields) {
      Require(!name.empty() && IsOneLine(name) && IsOneLine(value) && absl::AsciiStrToLower(name) == name);
    }
    for (const HttpField& field : kHttpFields) {
      const auto count = std::count_if(head.fields.begin(), head.fields.end(),
                                       [&](const auto& sent) { return sent.first == field.name; });
      Require(field.may_repeat || count <= 1);
    }
    if (const std::string* const length = head.Find(HttpFieldName::kContentLength))
      Require(!length->empty() && std::all_of(length->begin(), length->end(), absl::ascii_isdigit));
    HttpAdmission admission;
    admission.body_bytes_max = kBodyMax;
    admission.answer = [](const HttpHead& asked, const std::string& body) {
      Require(body.size() <= kBodyMax && (asked.has_body || body.empty()));
      Require(!asked.content_length || *asked.content_length == body.size());
      return HttpAnswer{200, "text/plain", body};
    };
    return admission;
  }
};

std::unique_ptr<HttpListener> Open() {
  HttpLimits limits;
  limits.keep_alive = true;
  auto listener = HttpListener::Open("127.0.0.1", 0, std::make_shared<CheckingDoor>(), limits);
  Require(listener.ok());
  return *std::move(listener);
}

std::string Ask(std::uint16_t port, const std::string& bytes) {
  const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // Of one address the ports are used up after a while: each is kept for a minute behind its connection.
  static std::uint32_t calls = 0;
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + ++calls % 200);
  Require(bind(file, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(port);
  const bool connected = connect(file, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  Require(connected || errno == EINTR);
  // Refused, it may be gone before all was sent.
  if (send(file, bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0) shutdown(file, SHUT_WR);
  std::string answer;
  char piece[4096];
  // The fuzzer's clock interrupts.
  for (ssize_t got = 1; got > 0 || (got < 0 && errno == EINTR);) {
    got = recv(file, piece, sizeof piece, 0);
    if (got > 0) answer.append(piece, static_cast<std::size_t>(got));
  }
  close(file);
  return answer;
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::unique_ptr<mirror::HttpListener> listener = mirror::Open();
  if (size > 100'000) return 0;
  const std::string answer =
      mirror::Ask(listener->port(), std::string(reinterpret_cast<const char*>(data), size));
  mirror::Require(answer.empty() || answer.starts_with("HTTP/1.1 "));
  const std::string next =
      mirror::Ask(listener->port(), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  mirror::Require(next.starts_with("HTTP/1.1 200"));
  return 0;
}
