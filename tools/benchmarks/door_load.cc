#include "tools/benchmarks/door_load.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "tools/benchmarks/stopwatch.h"

namespace mirror::bench {
namespace {

/// Of a request the bytes, made before the clock runs.
std::string RequestOf(const DoorLoadOptions& options, std::uint64_t number) {
  const std::string id = absl::StrFormat("%08d", number);
  const std::string body =
      absl::StrCat(R"({"featuresOn":["UPSERT_BY_EXTERNAL_ID"],"businessPartners":[{"externalId":")", id,
                   R"(","record":"{\"COMPANY_NAME\":\"name )", id,
                   R"(\",\"COUNTRY_CODE\":\"CH\",\"CITY\":\"St. Gallen\",\"POSTAL_CODE\":\"9000\"}"}]})");
  return absl::StrCat("PUT /v4/storages/", options.storage, "/businesspartners HTTP/1.1\r\nHost: bench\r\n",
                      "X-API-KEY: ", options.key, "\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
}

class DoorConnection {
 public:
  explicit DoorConnection(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    is_open_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  DoorConnection(const DoorConnection&) = delete;
  DoorConnection& operator=(const DoorConnection&) = delete;
  ~DoorConnection() { ::close(socket_); }

  bool is_open() const { return is_open_; }
  int socket() const { return socket_; }

  bool Send(std::string_view request) {
    return ::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(request.size());
  }

  /// Whether an answer is whole by now. Errors: it is not what was asked for.
  absl::StatusOr<bool> Take() {
    std::array<char, 4'096> piece{};
    const ssize_t bytes = ::recv(socket_, piece.data(), piece.size(), 0);
    if (bytes <= 0) return absl::UnavailableError("the server closed a connection");
    got_.append(piece.data(), static_cast<std::size_t>(bytes));
    const std::size_t head = got_.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    if (!absl::StartsWith(got_, "HTTP/1.1 200")) return absl::InternalError(got_.substr(0, 300));
    constexpr std::string_view kLength = "Content-Length: ";
    const std::size_t length = got_.find(kLength) + kLength.size();
    std::size_t body = 0;
    if (!absl::SimpleAtoi(got_.substr(length, got_.find("\r\n", length) - length), &body))
      return absl::InternalError("an answer has no length");
    if (got_.size() < head + 4 + body) return false;
    got_.clear();
    return true;
  }

 private:
  const int socket_;
  bool is_open_ = false;
  std::string got_;
};

}  // namespace

absl::StatusOr<StepTime> RunDoor(const DoorLoadOptions& options) {
  std::vector<std::string> requests;
  for (std::uint64_t one = 0; one < options.count; ++one)
    requests.push_back(RequestOf(options, options.first + one));
  std::vector<std::optional<DoorConnection>> connections(options.connections);
  std::vector<pollfd> polled;
  for (std::optional<DoorConnection>& connection : connections) {
    connection.emplace(options.port);
    if (!connection->is_open()) return absl::UnavailableError("the server takes no connection");
    polled.push_back({connection->socket(), POLLIN, 0});
  }
  std::uint64_t sent = 0;
  StepTime time;
  const auto send = [&](DoorConnection& connection) {
    return sent == requests.size() || connection.Send(requests[sent++]);
  };
  const Clock::time_point start = Clock::now();
  for (std::optional<DoorConnection>& connection : connections) {
    if (!send(*connection)) return absl::UnavailableError("the server takes no request");
  }
  constexpr int kSilenceMs = 60'000;
  while (time.rows < requests.size()) {
    if (::poll(polled.data(), polled.size(), kSilenceMs) <= 0)
      return absl::UnavailableError("the server says nothing");
    for (std::size_t one = 0; one < polled.size(); ++one) {
      if (polled[one].revents == 0) continue;
      ASSIGN_OR_RETURN(const bool whole, connections[one]->Take());
      if (!whole) continue;
      ++time.rows;
      if (!send(*connections[one])) return absl::UnavailableError("the server takes no request");
    }
  }
  time.seconds = Since(start);
  return time;
}

}  // namespace mirror::bench
