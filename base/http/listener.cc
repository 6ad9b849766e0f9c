#include "base/http/listener.h"

#include <fcntl.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <list>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/http/body_room.h"
#include "base/http/connection.h"
#include "base/http/turns.h"
#include "base/mutex.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

/// Makes a context for TLS 1.2 or later, with forward secrecy, and without compression, renegotiation and
/// tickets. Errors: kInvalidArgument: the certificate or the key cannot be read, or they do not belong
/// together.
absl::StatusOr<std::shared_ptr<boost::asio::ssl::context>> MakeHttpTls(const HttpIdentity& identity) {
  namespace ssl = boost::asio::ssl;
  const auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* const tls = context->native_handle();
  SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
  SSL_CTX_set_options(tls, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                               SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
  // An idle connection keeps no buffers.
  SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
  boost::system::error_code error;
  if (SSL_CTX_set_cipher_list(tls, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
    return absl::InternalError("this OpenSSL has no cipher that is good enough");
  context->use_certificate_chain(boost::asio::buffer(identity.certificate_chain), error);
  if (error) return absl::InvalidArgumentError("the certificate cannot be read");
  context->use_private_key(boost::asio::buffer(identity.private_key), ssl::context::pem, error);
  if (error || SSL_CTX_check_private_key(tls) != 1)
    return absl::InvalidArgumentError("the key cannot be read, or does not belong to the certificate");
  return context;
}

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// Pause before the next try when the system has no descriptor for another connection.
constexpr std::chrono::milliseconds kAcceptPause{100};
/// Greatest number of connections that are accepted before the existing ones run again. If many clients
/// reconnect all the time, a new client must still leave the queue soon. It also limits the number of
/// connections that were closed and have not called Left() yet.
constexpr std::size_t kAcceptsAtOnce = 32;

/// Prevents that programs that this one starts inherit the descriptor.
void CloseOnExec(int descriptor) { fcntl(descriptor, F_SETFD, FD_CLOEXEC); }

}  // namespace

/// The listener's socket and its connections. Everything except Listen(), Stop() and SetTls() runs in the
/// listener's own thread.
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
  void Rests(HttpConnection& connection) override;
  void Knows(HttpConnection& connection) override;
  bool IsOfCrowd(const HttpConnection& connection) const override {
    return !connection.is_known() && strangers_ > limits_.strangers_kept_max;
  }
  void Left(HttpConnection& connection) override;

 private:
  error_code ListenAt(const tcp::endpoint& endpoint);
  void Work();
  void Accept();
  void Take(const error_code& error, tcp::socket socket);
  bool Begin(tcp::socket socket);
  void AcceptLater();
  /// Returns true if there is a place for another connection. If all are in use, it closes a connection other
  /// than newest().
  bool MakeRoom();
  bool LetGoOne();
  void Count(HttpConnection& connection);
  void Uncount(HttpConnection& connection);
  /// Returns the newest connection, if it had no time to send a request yet. Null: it has sent one.
  const HttpConnection* newest() const {
    return connections_.empty() || connections_.back()->has_rested ? nullptr : connections_.back().get();
  }
  std::size_t accepts_at_once() const {
    return std::clamp<std::size_t>(limits_.connections_max / 8, 1, kAcceptsAtOnce);
  }
  using Connections = std::list<std::shared_ptr<HttpConnection>>;

  const std::shared_ptr<HttpDoor> door_;
  const HttpLimits limits_;
  HttpTurns turns_;
  HttpBodyRoom body_room_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_{io_};
  asio::steady_timer pause_{io_}, stop_{io_};
  std::uint16_t port_ = 0;
  Connections connections_;  ///< The newest is last.
  std::size_t strangers_ = 0;
  std::unordered_map<std::string, std::size_t> groups_;  ///< Strangers by HttpConnection::group.
  std::size_t leaving_ = 0;                              ///< See HttpConnection::is_let_go.
  /// True: the listener accepts connections, or is about to. False: the next connection that leaves starts
  /// this again.
  bool accepting_ = false;
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
  if (!error) acceptor_.non_blocking(true, error);
  if (!error) port_ = acceptor_.local_endpoint(error).port();
  return error;
}

absl::Status HttpListener::Core::Start() {
  RETURN_IF_ERROR(turns_.Start());
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
      // Out of memory. The only effect is that a connection may stay open that was to be closed.
    }
  }
}

void HttpListener::Core::Stop() {
  asio::post(io_, [this] {
    stopping_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    // Connections with a request stay until the answer is sent; streams are cut.
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
  for (std::size_t taken = 1; taken < accepts_at_once(); ++taken) {
    if (!MakeRoom()) break;
    tcp::socket next(io_);
    error_code none;
    acceptor_.accept(next, none);
    if (none == asio::error::would_block || none == asio::error::try_again) break;
    if (none || !Begin(std::move(next))) return AcceptLater();
  }
  accepting_ = MakeRoom();
  if (accepting_) Accept();
}

bool HttpListener::Core::MakeRoom() {
  if (connections_.size() - leaving_ < limits_.connections_max) return true;
  return leaving_ < accepts_at_once() && LetGoOne();
}

void HttpListener::Core::Count(HttpConnection& connection) {
  connection.is_counted = true;
  ++strangers_;
  if (!connection.group.empty()) ++groups_[connection.group];
}

void HttpListener::Core::Uncount(HttpConnection& connection) {
  if (!std::exchange(connection.is_counted, false)) return;
  --strangers_;
  const auto group = groups_.find(connection.group);
  if (group != groups_.end() && --group->second == 0) groups_.erase(group);
}

void HttpListener::Core::Knows(HttpConnection& connection) { Uncount(connection); }

bool HttpListener::Core::Begin(tcp::socket socket) {
  const std::size_t before = connections_.size();
  try {
    CloseOnExec(socket.native_handle());
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    tcp::endpoint peer = socket.remote_endpoint(ignored);
    const bool is_limited = !limits_.unlimited.Has(*peer.data());
    const std::string address = is_limited ? AddressGroup(*peer.data()) : "";
    const auto group = groups_.find(address);
    if (limits_.connections_per_address_max > 0 && group != groups_.end() &&
        group->second >= limits_.connections_per_address_max) {
      ++let_go_;
      socket.close(ignored);
      return true;
    }
    const std::shared_ptr<HttpConnection> connection = MakeHttpConnection(*this, std::move(socket), tls());
    connection->place = connections_.insert(connections_.end(), connection);
    ++open_;
    connection->group = address;
    Count(*connection);
    connection->Run();
    return true;
  } catch (const std::exception&) {
    // Out of memory; for OpenSSL this is a system_error.
    if (connections_.size() > before) {
      Uncount(*connections_.back());
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

/// Closes a connection to make room, but none with an unanswered request.
bool HttpListener::Core::LetGoOne() {
  const HttpConnection* const spared = newest();
  // Strangers who request pages without a key and do not read the answers, or announce a body for such a
  // request, must not keep others out.
  const auto rank = [](const HttpConnection& one) {
    return (one.is_known() ? 3 : 0) + (one.is_taking_body() ? 2 : one.is_writing() ? 1 : 0);
  };
  HttpConnection* found = nullptr;
  // The best choice yet: its rank, and the number of connections outside of its group.
  std::pair<int, std::size_t> best;
  for (const std::shared_ptr<HttpConnection>& one : connections_) {
    if (one->has_asked() || one->is_let_go || one.get() == spared) continue;
    const auto group = groups_.find(one->group);
    const std::size_t of_group = group == groups_.end() ? 1 : group->second;
    const std::pair<int, std::size_t> now(rank(*one), connections_.size() - of_group);
    if (found != nullptr && now >= best) continue;
    found = one.get();
    best = now;
  }
  if (found == nullptr) return false;
  ++let_go_;
  ++leaving_;
  found->is_let_go = true;
  Uncount(*found);
  found->Close();
  return true;
}

void HttpListener::Core::Rests(HttpConnection& connection) {
  connection.has_rested = true;
  // Stops accepting if all places are in use and no connection can be closed for a new one.
  if (accepting_ || stopping_ || !MakeRoom()) return;
  accepting_ = true;
  Accept();
}

void HttpListener::Core::Left(HttpConnection& connection) {
  leaving_ -= connection.is_let_go ? 1 : 0;
  Uncount(connection);
  connections_.erase(connection.place);
  --open_;
  if (stopping_ && connections_.empty()) stop_.cancel();
  if (accepting_ || stopping_ || !MakeRoom()) return;
  accepting_ = true;
  Accept();
}

absl::StatusOr<std::unique_ptr<HttpListener>> HttpListener::Open(
    const std::string& address, std::uint16_t port, std::shared_ptr<HttpDoor> door, const HttpLimits& limits,
    const std::optional<HttpIdentity>& identity) {
  auto core = std::make_unique<Core>(std::move(door), limits);
  if (identity) {
    ASSIGN_OR_RETURN(auto tls, MakeHttpTls(*identity));
    core->SetTls(std::move(tls));
  }
  RETURN_IF_ERROR(core->Listen(address, port));
  RETURN_IF_ERROR(core->Start());
  return std::unique_ptr<HttpListener>(new HttpListener(std::move(core)));
}

HttpListener::HttpListener(std::unique_ptr<Core> core) : core_(std::move(core)) {}

HttpListener::~HttpListener() { core_->Stop(); }

std::uint16_t HttpListener::port() const { return core_->port(); }

HttpConnections HttpListener::connections() const { return core_->connections(); }

absl::Status HttpListener::SetIdentity(const HttpIdentity& identity) {
  if (core_->tls() == nullptr) return absl::FailedPreconditionError("this port is served without TLS");
  ASSIGN_OR_RETURN(auto tls, MakeHttpTls(identity));
  core_->SetTls(std::move(tls));
  return absl::OkStatus();
}

}  // namespace mirror
