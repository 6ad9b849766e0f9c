#include "base/http/listener.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <deque>
#include <exception>
#include <iterator>
#include <list>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"

namespace mirror {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

/// Of what a refused client still sends, so that the kernel does not take the answer back from it.
constexpr std::size_t kDrainedBytesMax = 64 << 10;
constexpr std::chrono::seconds kDrainTime{1};
/// Until the next look when the system has no descriptor for another connection.
constexpr std::chrono::milliseconds kAcceptPause{100};

constexpr char kNoBodies[] = "This port accepts no request bodies.\n";

/// A program that this one starts must not have it open.
void CloseOnExec(int descriptor) { fcntl(descriptor, F_SETFD, FD_CLOEXEC); }

HttpAnswer Words(int status, std::string text) { return {status, "text/plain", std::move(text)}; }

/// Why a request is not for the handler.
std::optional<HttpAnswer> Refusal(const http::request<http::empty_body>& request, bool has_body) {
  if (has_body) return Words(413, kNoBodies);
  if (request.method() == http::verb::get || request.method() == http::verb::head) return std::nullopt;
  return Words(405, "This port accepts only GET and HEAD.\n");
}

HttpAnswer Unreadable(const error_code& error) {
  if (error == http::error::body_limit) return Words(413, kNoBodies);
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return Words(431, "The header is too large.\n");
  return Words(400, "This is not an HTTP request.\n");
}

}  // namespace

/// All connections, and who of them is answered.
class HttpListener::Door {
 public:
  Door(Handler handler, const HttpLimits& limits) : handler_(std::move(handler)), limits_(limits) {}

  absl::Status Listen(const std::string& address, std::uint16_t port);
  absl::Status Start();
  void Stop();
  std::uint16_t port() const { return port_; }
  const Handler& handler() const { return handler_; }
  const HttpLimits& limits() const { return limits_; }

 private:
  class Client;
  using Place = std::list<std::shared_ptr<Client>>::iterator;

  error_code ListenAt(const tcp::endpoint& endpoint);
  void Work();
  void Accept();
  void Take(const error_code& error, tcp::socket socket);
  void AcceptLater();
  void Leave(Client& client);
  absl::Status Begin(tcp::socket socket) MIRROR_REQUIRES(mutex_);
  /// The client has sent its request: it is answered now or when its turn comes.
  void WantAnswer(const std::shared_ptr<Client>& client);
  /// Its answer is on its way: others may have its place.
  void Answered(Client& client);
  void LetGoOldest() MIRROR_REQUIRES(mutex_);

  const Handler handler_;
  const HttpLimits limits_;
  asio::io_context io_;
  tcp::acceptor acceptor_{asio::make_strand(io_)};
  asio::steady_timer pause_{acceptor_.get_executor()};
  std::uint16_t port_ = 0;
  std::vector<std::thread> threads_;
  Mutex mutex_;
  std::list<std::shared_ptr<Client>> clients_ MIRROR_GUARDED_BY(mutex_);  ///< The newest last.
  std::deque<std::shared_ptr<Client>> waiting_ MIRROR_GUARDED_BY(mutex_);
  std::size_t answering_ MIRROR_GUARDED_BY(mutex_) = 0;
  /// Or about to; else a connection that leaves makes it so.
  bool accepting_ MIRROR_GUARDED_BY(mutex_) = false;
  bool stopping_ MIRROR_GUARDED_BY(mutex_) = false;
};

/// One connection. All of it happens on its stream's strand.
class HttpListener::Door::Client : public std::enable_shared_from_this<Client> {
  /// No memory for a step of one connection is that one's end.
  template <class Step>
  auto Guarded(Step step) {
    return [self = shared_from_this(), step](const auto&... results) {
      try {
        step(*self, results...);
      } catch (const std::bad_alloc&) {
        self->Leave();
      }
    };
  }

 public:
  Client(Door& door, tcp::socket socket)
      : door_(door), stream_(std::move(socket)), buffer_(door.limits().header_bytes_max) {
    parser_.header_limit(static_cast<std::uint32_t>(door.limits().header_bytes_max));
  }

  void Run() {
    asio::post(stream_.get_executor(), Guarded([](Client& client) { client.Read(); }));
  }
  /// Unless it is being answered, or waits for that.
  void LetGo() {
    asio::post(stream_.get_executor(), [self = shared_from_this()] {
      if (!self->busy_) self->stream_.close();
    });
  }
  void Answer() {
    asio::post(stream_.get_executor(), Guarded([](Client& client) { client.Make(); }));
  }

  // The door's.
  Place place MIRROR_GUARDED_BY(&Door::mutex_);
  bool has_asked MIRROR_GUARDED_BY(&Door::mutex_) = false;

 private:
  void Read() {
    stream_.expires_after(door_.limits().request_time);
    http::async_read_header(
        stream_, buffer_, parser_,
        Guarded([](Client& client, const error_code& error, std::size_t) { client.HaveRead(error); }));
  }

  void HaveRead(const error_code& error) {
    // Gone, too late, or let go: nobody is there to be told.
    const bool readable = !error || error.category() == make_error_code(http::error::bad_method).category();
    if (!readable || error == http::error::end_of_stream || error == http::error::partial_message)
      return Leave();
    busy_ = true;
    const http::request<http::empty_body>& request = parser_.get();
    is_head_ = !error && request.method() == http::verb::head;
    std::optional<HttpAnswer> refusal =
        error ? Unreadable(error)
              : Refusal(request, parser_.chunked() || parser_.content_length().value_or(0) > 0);
    if (refusal) return Write(*std::move(refusal));
    const auto target = request.target();
    request_.path = std::string(target.substr(0, target.find('?')));
    request_.came = std::chrono::steady_clock::now();
    door_.WantAnswer(shared_from_this());
  }

  void Make() {
    counted_ = true;
    HttpAnswer answer;
    try {
      answer = door_.handler()(request_);
    } catch (const std::exception&) {
      answer = Words(500, "The answer could not be made.\n");
    }
    Write(std::move(answer));
  }

  void Write(HttpAnswer answer) {
    answer_.version(11);
    answer_.result(static_cast<unsigned>(answer.status));
    answer_.set(http::field::content_type, answer.content_type);
    answer_.set(http::field::cache_control, "no-store");
    answer_.keep_alive(false);
    answer_.content_length(answer.body.size());
    if (answer.status == 405) answer_.set(http::field::allow, "GET, HEAD");
    if (!is_head_) answer_.body() = std::move(answer.body);
    stream_.expires_after(door_.limits().answer_time);
    serializer_.emplace(answer_);
    http::async_write(stream_, *serializer_,
                      Guarded([](Client& client, const error_code& error, std::size_t) {
                        if (error) return client.Leave();
                        client.Drain();
                      }));
  }

  /// The answer is on its way: what keeps others waiting is over.
  void Drain() {
    answer_ = {};
    BeCounted(false);
    busy_ = false;
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream_.expires_after(kDrainTime);
    ReadOn();
  }

  void ReadOn() {
    stream_.async_read_some(asio::buffer(rest_),
                            Guarded([](Client& client, const error_code& error, std::size_t bytes) {
                              client.drained_ += bytes;
                              if (error || client.drained_ >= kDrainedBytesMax) return client.Leave();
                              client.ReadOn();
                            }));
  }

  void BeCounted(bool counted) {
    if (std::exchange(counted_, counted) && !counted) door_.Answered(*this);
  }

  void Leave() {
    BeCounted(false);
    stream_.close();
    door_.Leave(*this);
  }

  Door& door_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  http::request_parser<http::empty_body> parser_;
  HttpRequest request_;
  http::response<http::string_body> answer_;
  std::optional<http::response_serializer<http::string_body>> serializer_;
  std::array<char, 4'096> rest_{};
  std::size_t drained_ = 0;
  bool is_head_ = false;
  bool busy_ = false;
  bool counted_ = false;  ///< One of the door's `answering_`.
};

absl::Status HttpListener::Door::Listen(const std::string& address, std::uint16_t port) {
  error_code error;
  const auto found = tcp::resolver(io_).resolve(address, std::to_string(port), tcp::resolver::passive, error);
  if (error) return absl::UnavailableError("it is not an address or a known name");
  for (const tcp::endpoint endpoint : found) {
    error = ListenAt(endpoint);
    if (!error) return absl::OkStatus();
  }
  return absl::UnavailableError("another program uses the port, or this machine does not have the address");
}

error_code HttpListener::Door::ListenAt(const tcp::endpoint& endpoint) {
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

absl::Status HttpListener::Door::Start() {
  {
    const MutexLock lock(mutex_);
    accepting_ = true;
  }
  asio::post(acceptor_.get_executor(), [this] { Accept(); });
  try {
    for (std::size_t i = 0; i < limits_.answers_max; ++i) threads_.emplace_back([this] { Work(); });
  } catch (const std::system_error&) {
    if (threads_.empty()) return absl::UnavailableError("the system cannot start a thread");
  }
  return absl::OkStatus();
}

void HttpListener::Door::Work() {
  while (true) {
    try {
      io_.run();
      return;
    } catch (const std::bad_alloc&) {
      // Of a connection that was to be let go, at most.
    }
  }
}

void HttpListener::Door::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    for (const std::shared_ptr<Client>& client : clients_) client->LetGo();
  }
  asio::post(acceptor_.get_executor(), [this] {
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
  });
  for (std::thread& thread : threads_) thread.join();
}

void HttpListener::Door::Accept() {
  acceptor_.async_accept(asio::make_strand(io_), [this](const error_code& error, tcp::socket socket) {
    Take(error, std::move(socket));
  });
}

void HttpListener::Door::Take(const error_code& error, tcp::socket socket) {
  bool begun = false;
  {
    const MutexLock lock(mutex_);
    if (stopping_) return;
    if (!error && Begin(std::move(socket)).ok()) {
      begun = true;
      if (clients_.size() >= limits_.connections_max) {
        accepting_ = false;
        LetGoOldest();
        return;
      }
    }
  }
  if (!begun) return AcceptLater();
  Accept();
}

absl::Status HttpListener::Door::Begin(tcp::socket socket) {
  const std::size_t before = clients_.size();
  try {
    CloseOnExec(socket.native_handle());
    const auto client = std::make_shared<Client>(*this, std::move(socket));
    client->place = clients_.insert(clients_.end(), client);
    client->Run();
    return absl::OkStatus();
  } catch (const std::bad_alloc&) {
    if (clients_.size() > before) clients_.pop_back();
    return absl::ResourceExhaustedError("no memory for another connection");
  }
}

void HttpListener::Door::AcceptLater() {
  pause_.expires_after(kAcceptPause);
  pause_.async_wait([this](const error_code& cancelled) {
    if (!cancelled) Accept();
  });
}

/// Whoever has asked stays, and so does the newest.
void HttpListener::Door::LetGoOldest() {
  const auto oldest = std::find_if(clients_.begin(), std::prev(clients_.end()),
                                   [](const std::shared_ptr<Client>& client)
                                       MIRROR_REQUIRES(&Door::mutex_) { return !client->has_asked; });
  if (oldest != std::prev(clients_.end())) (*oldest)->LetGo();
}

void HttpListener::Door::Leave(Client& client) {
  const MutexLock lock(mutex_);
  clients_.erase(client.place);
  if (accepting_ || stopping_) return;
  accepting_ = true;
  asio::post(acceptor_.get_executor(), [this] { Accept(); });
}

void HttpListener::Door::WantAnswer(const std::shared_ptr<Client>& client) {
  const MutexLock lock(mutex_);
  client->has_asked = true;
  if (answering_ >= limits_.answers_max) {
    waiting_.push_back(client);
    return;
  }
  client->Answer();
  ++answering_;
}

void HttpListener::Door::Answered(Client& client) {
  const MutexLock lock(mutex_);
  client.has_asked = false;
  if (waiting_.empty()) {
    --answering_;
    return;
  }
  waiting_.front()->Answer();
  waiting_.pop_front();
}

absl::StatusOr<std::unique_ptr<HttpListener>> HttpListener::Open(const std::string& address,
                                                                 std::uint16_t port, Handler handler,
                                                                 const HttpLimits& limits) {
  auto door = std::make_unique<Door>(std::move(handler), limits);
  if (absl::Status status = door->Listen(address, port); !status.ok()) return status;
  if (absl::Status status = door->Start(); !status.ok()) return status;
  return std::unique_ptr<HttpListener>(new HttpListener(std::move(door)));
}

HttpListener::HttpListener(std::unique_ptr<Door> door) : door_(std::move(door)) {}

HttpListener::~HttpListener() { door_->Stop(); }

std::uint16_t HttpListener::port() const { return door_->port(); }

}  // namespace mirror
