#include "base/http/listener.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <iterator>
#include <list>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "base/http/body_room.h"
#include "base/http/connection.h"
#include "base/http/tls.h"
#include "base/http/turns.h"
#include "base/mutex.h"

namespace mirror {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// Until the next look when the system has no descriptor for another connection.
constexpr std::chrono::milliseconds kAcceptPause{100};

/// A program that this one starts must not have it open.
void CloseOnExec(int descriptor) { fcntl(descriptor, F_SETFD, FD_CLOEXEC); }

}  // namespace

/// All connections. All but Listen() to Stop(), and SetTls(), happens on its thread.
class HttpListener::Core : public HttpConnectionHost {
 public:
  Core(std::shared_ptr<HttpDoor> door, const HttpLimits& limits)
      : door_(std::move(door)),
        limits_(limits),
        turns_(limits.answers_max, limits.answers_of_one_max),
        body_room_(limits.bodies_bytes_max) {}

  absl::Status Listen(const std::string& address, std::uint16_t port);
  absl::Status Start();
  void Stop();
  std::uint16_t port() const { return port_; }
  HttpConnections connections() const { return {.open = open_, .let_go = let_go_}; }
  void SetTls(std::shared_ptr<asio::ssl::context> tls) {
    const MutexLock lock(mutex_);
    tls_ = std::move(tls);
  }
  std::shared_ptr<asio::ssl::context> tls() {
    const MutexLock lock(mutex_);
    return tls_;
  }

  const HttpLimits& limits() const override { return limits_; }
  HttpDoor& door() override { return *door_; }
  HttpTurns& turns() override { return turns_; }
  HttpBodyRoom& body_room() override { return body_room_; }
  bool is_stopping() const override { return stopping_; }
  void Rests() override;
  void Left(HttpConnection& connection) override;

 private:
  error_code ListenAt(const tcp::endpoint& endpoint);
  void Work();
  void Accept();
  void Take(const error_code& error, tcp::socket socket);
  bool Begin(tcp::socket socket);
  void AcceptLater();
  using Connections = std::list<std::shared_ptr<HttpConnection>>;
  /// Of those before `end`, to make room.
  void LetGoOldest(Connections::iterator end);

  const std::shared_ptr<HttpDoor> door_;
  const HttpLimits limits_;
  HttpTurns turns_;
  HttpBodyRoom body_room_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_{io_};
  asio::steady_timer pause_{io_}, stop_{io_};
  std::uint16_t port_ = 0;
  Connections connections_;                     ///< The newest last.
  const HttpConnection* let_go_now_ = nullptr;  ///< That one is closed, and has not left yet.
  bool accepting_ = false;                      ///< Or about to; else a connection that leaves makes it so.
  std::atomic<bool> stopping_ = false;
  std::atomic<std::size_t> open_ = 0;
  std::atomic<std::uint64_t> let_go_ = 0;
  Mutex mutex_;
  std::shared_ptr<asio::ssl::context> tls_ MIRROR_GUARDED_BY(mutex_);  ///< Null: plain text.
  std::thread thread_;
};

absl::Status HttpListener::Core::Listen(const std::string& address, std::uint16_t port) {
  error_code error;
  const auto found = tcp::resolver(io_).resolve(address, std::to_string(port), tcp::resolver::passive, error);
  if (error) return absl::UnavailableError("it is not an address or a known name");
  for (const tcp::endpoint endpoint : found) {
    error = ListenAt(endpoint);
    if (!error) return absl::OkStatus();
  }
  return absl::UnavailableError("another program uses the port, or this machine does not have the address");
}

error_code HttpListener::Core::ListenAt(const tcp::endpoint& endpoint) {
  error_code error;
  acceptor_.close(error);
  acceptor_.open(endpoint.protocol(), error);
  if (error) return error;
  CloseOnExec(acceptor_.native_handle());
  acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(tcp::acceptor::max_listen_connections, error);
  if (!error) port_ = acceptor_.local_endpoint(error).port();
  return error;
}

absl::Status HttpListener::Core::Start() {
  if (absl::Status started = turns_.Start(); !started.ok()) return started;
  accepting_ = true;
  Accept();
  try {
    thread_ = std::thread([this] { Work(); });
  } catch (const std::system_error&) {
    return absl::UnavailableError("the system cannot start a thread");
  }
  return absl::OkStatus();
}

void HttpListener::Core::Work() {
  while (true) {
    try {
      io_.run();
      return;
    } catch (const std::exception&) {
      // For want of memory, of a connection that was to be let go, at most.
    }
  }
}

void HttpListener::Core::Stop() {
  asio::post(io_, [this] {
    stopping_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    // Whoever has asked is answered first, and then sees that this stops; a stream is cut.
    for (const std::shared_ptr<HttpConnection>& connection : connections_) {
      const bool is_answered = connection->has_asked() || connection->is_writing();
      if (!is_answered || connection->is_taking_body() || connection->is_streaming()) connection->Close();
    }
    if (connections_.empty()) return;
    stop_.expires_after(limits_.stop_time);
    stop_.async_wait([this](const error_code& cancelled) {
      if (cancelled) return;
      for (const std::shared_ptr<HttpConnection>& connection : connections_) connection->Close();
    });
  });
  if (thread_.joinable()) thread_.join();
  turns_.Stop();
}

void HttpListener::Core::Accept() {
  acceptor_.async_accept(
      [this](const error_code& error, tcp::socket socket) { Take(error, std::move(socket)); });
}

void HttpListener::Core::Take(const error_code& error, tcp::socket socket) {
  if (stopping_) return;
  if (error || !Begin(std::move(socket))) return AcceptLater();
  if (connections_.size() < limits_.connections_max) return Accept();
  accepting_ = false;
  // The newest has had no time to ask.
  LetGoOldest(std::prev(connections_.end()));
}

bool HttpListener::Core::Begin(tcp::socket socket) {
  const std::size_t before = connections_.size();
  try {
    CloseOnExec(socket.native_handle());
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const std::shared_ptr<HttpConnection> connection = MakeHttpConnection(*this, std::move(socket), tls());
    connection->place = connections_.insert(connections_.end(), connection);
    ++open_;
    connection->Run();
    return true;
  } catch (const std::exception&) {
    // For want of memory, of which OpenSSL's is a system_error.
    if (connections_.size() > before) {
      connections_.pop_back();
      --open_;
    }
    ++let_go_;
    return false;
  }
}

void HttpListener::Core::AcceptLater() {
  pause_.expires_after(kAcceptPause);
  pause_.async_wait([this](const error_code& cancelled) {
    if (!cancelled) Accept();
  });
}

/// Whoever has asked stays.
void HttpListener::Core::LetGoOldest(Connections::iterator end) {
  if (let_go_now_ != nullptr) return;
  const auto find = [&](auto is_meant) {
    return std::find_if(connections_.begin(), end, [&](const auto& connection) {
      return !connection->has_asked() && is_meant(*connection);
    });
  };
  auto oldest = find([](const HttpConnection& one) { return !one.is_writing() && !one.is_taking_body(); });
  // A crowd that asks for what needs no key, and reads none of it, or promises a body for which none is
  // asked, keeps nobody out.
  if (oldest == end) oldest = find([](const HttpConnection& one) { return one.is_writing(); });
  if (oldest == end) oldest = find([](const HttpConnection&) { return true; });
  if (oldest == end) return;
  ++let_go_;
  let_go_now_ = oldest->get();
  (*oldest)->Close();
}

void HttpListener::Core::Rests() {
  // All connections are taken, and when the last of them came all others had asked.
  if (!accepting_ && !stopping_) LetGoOldest(connections_.end());
}

void HttpListener::Core::Left(HttpConnection& connection) {
  if (let_go_now_ == &connection) let_go_now_ = nullptr;
  connections_.erase(connection.place);
  --open_;
  if (stopping_ && connections_.empty()) stop_.cancel();
  if (accepting_ || stopping_) return;
  accepting_ = true;
  Accept();
}

absl::StatusOr<std::unique_ptr<HttpListener>> HttpListener::Open(
    const std::string& address, std::uint16_t port, std::shared_ptr<HttpDoor> door, const HttpLimits& limits,
    const std::optional<HttpIdentity>& identity) {
  auto core = std::make_unique<Core>(std::move(door), limits);
  if (identity) {
    auto tls = MakeHttpTls(*identity);
    if (!tls.ok()) return tls.status();
    core->SetTls(*std::move(tls));
  }
  if (absl::Status status = core->Listen(address, port); !status.ok()) return status;
  if (absl::Status status = core->Start(); !status.ok()) return status;
  return std::unique_ptr<HttpListener>(new HttpListener(std::move(core)));
}

HttpListener::HttpListener(std::unique_ptr<Core> core) : core_(std::move(core)) {}

HttpListener::~HttpListener() { core_->Stop(); }

std::uint16_t HttpListener::port() const { return core_->port(); }

HttpConnections HttpListener::connections() const { return core_->connections(); }

absl::Status HttpListener::SetIdentity(const HttpIdentity& identity) {
  if (core_->tls() == nullptr) return absl::FailedPreconditionError("it listens without TLS");
  auto tls = MakeHttpTls(identity);
  if (!tls.ok()) return tls.status();
  core_->SetTls(*std::move(tls));
  return absl::OkStatus();
}

}  // namespace mirror
