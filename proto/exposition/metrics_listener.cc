#include "proto/exposition/metrics_listener.h"

#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/exposition/metric_page.h"

namespace mirror {
namespace {

constexpr std::size_t kBodyBytesMax = 1'024;
constexpr std::chrono::seconds kPatience{2};

/// The library's own queue takes any number of connections, each with a descriptor that the endpoint needs.
/// This one lets the thread that accepts wait instead.
class BoundedQueue final : public httplib::TaskQueue {
 public:
  /// Throws std::system_error when there are no threads.
  BoundedQueue() {
    try {
      for (int i = 0; i < kMetricsThreads; ++i) threads_.emplace_back([this] { Work(); });
    } catch (const std::system_error&) {
      shutdown();
      throw;
    }
  }
  ~BoundedQueue() override { shutdown(); }

  void enqueue(std::function<void()> connection) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_.size() < kMetricsThreads; });
    waiting_.push_back(std::move(connection));
    changed_.notify_all();
  }

  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    threads_.clear();
  }

 private:
  void Work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return over_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      const std::function<void()> connection = std::move(waiting_.front());
      waiting_.pop_front();
      changed_.notify_all();
      lock.unlock();
      connection();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool over_ = false;
  std::vector<std::jthread> threads_;
};

/// Not the library's own: with SO_REUSEPORT two servers would share the port without a word.
void SetSocketOptions(int socket) {
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

using Clock = std::chrono::steady_clock;

/// A connection with an end: the library's own limits count each read and write alone, so that whoever sends
/// a byte in time each time would hold a thread for ever.
class BoundedStream final : public httplib::Stream {
 public:
  BoundedStream(socket_t socket, const std::atomic<bool>& stopping) : socket_(socket), stopping_(stopping) {}

  bool is_readable() const override { return at_ < filled_ || Await(POLLIN, request_end_, true); }
  bool is_writable() const override { return Await(POLLOUT, AnswerEnd(), false); }

  ssize_t read(char* to, std::size_t size) override {
    if (at_ == filled_) {
      if (!Await(POLLIN, request_end_, true)) return -1;
      const ssize_t got = recv(socket_, buffer_, sizeof(buffer_), 0);
      if (got <= 0) return got;
      at_ = 0;
      filled_ = static_cast<std::size_t>(got);
    }
    const std::size_t taken = std::min(size, filled_ - at_);
    std::memcpy(to, buffer_ + at_, taken);
    at_ += taken;
    return static_cast<ssize_t>(taken);
  }

  ssize_t write(const char* from, std::size_t size) override {
    if (!Await(POLLOUT, AnswerEnd(), false)) return -1;
    return send(socket_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  socket_t socket() const override { return socket_; }

 private:
  /// How soon a stop is noticed.
  static constexpr std::chrono::milliseconds kLook{100};

  /// The page may take its time to be made: the answer's begins with its first byte.
  Clock::time_point AnswerEnd() const {
    if (!answer_end_) answer_end_ = Clock::now() + kMetricsAnswerTime;
    return *answer_end_;
  }

  /// Within kPatience, and before `end`. False: too late, or nobody waits for it any more.
  bool Await(short events, Clock::time_point end, bool ends_with_stop) const {
    end = std::min(end, Clock::now() + kPatience);
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
      if (left.count() <= 0 || (ends_with_stop && stopping_)) return false;
      pollfd one{socket_, events, 0};
      const int ready = poll(&one, 1, static_cast<int>(std::min(left, kLook).count()));
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
    }
  }

  const socket_t socket_;
  const std::atomic<bool>& stopping_;
  const Clock::time_point request_end_ = Clock::now() + kMetricsRequestTime;
  mutable std::optional<Clock::time_point> answer_end_;
  char buffer_[4'096] = {};
  std::size_t at_ = 0, filled_ = 0;
};

class BoundedServer final : public httplib::Server {
 public:
  std::atomic<bool> stopping{false};

 private:
  bool process_and_close_socket(socket_t socket) override {
    BoundedStream stream(socket, stopping);
    bool closed = false;
    const bool good = process_request(stream, /*close_connection=*/true, closed, nullptr);
    ::shutdown(socket, SHUT_RDWR);
    ::close(socket);
    return good;
  }
};

}  // namespace

struct MetricsListener::Server {
  BoundedServer http;
  std::unique_ptr<BoundedQueue> queue = std::make_unique<BoundedQueue>();
  std::thread accepting;
  std::atomic<bool> begun{false};
};

absl::StatusOr<std::unique_ptr<MetricsListener>> MetricsListener::Open(const MetricsConfig& config,
                                                                       std::function<std::string()> text) {
  const auto no_threads = [] {
    return absl::UnavailableError(
        "the system gives no threads for the metrics. Look at the limit of processes and threads");
  };
  std::unique_ptr<Server> server;
  try {
    server = std::make_unique<Server>();
  } catch (const std::system_error&) {
    return no_threads();
  }
  BoundedServer& http = server->http;
  http.set_socket_options(SetSocketOptions);
  http.set_keep_alive_max_count(1);
  http.set_payload_max_length(kBodyBytesMax);
  http.new_task_queue = [from = server.get()]() -> httplib::TaskQueue* {
    from->begun = true;
    from->begun.notify_all();
    return from->queue.release();
  };
  http.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("ok\n", "text/plain");
  });
  http.Get("/metrics", [text = std::move(text)](const httplib::Request&, httplib::Response& response) {
    response.set_content(text(), MetricPage::ContentType());
  });
  int port = config.port;
  if (port == 0) {
    port = http.bind_to_any_port(config.address);
  } else if (!http.bind_to_port(config.address, port)) {
    port = -1;
  }
  if (port <= 0) {
    return absl::UnavailableError(absl::StrCat(
        "the metrics cannot listen on ", config.address, ":", config.port,
        ": another program has the port, or the address is not of this machine. Set 'port' or 'address' of "
        "[metrics], or 'enabled' to false"));
  }
  try {
    server->accepting = std::thread([from = server.get()] { from->http.listen_after_bind(); });
  } catch (const std::system_error&) {
    return no_threads();
  }
  const bool v6 = config.address.find(':') != std::string::npos;
  return std::unique_ptr<MetricsListener>(new MetricsListener(
      std::move(server), absl::StrCat(v6 ? "[" : "", config.address, v6 ? "]" : "", ":", port)));
}

MetricsListener::MetricsListener(std::unique_ptr<Server> server, std::string address)
    : server_(std::move(server)), address_(std::move(address)) {}

MetricsListener::~MetricsListener() {
  // It may not have come to its accept yet: stop() before that would do nothing.
  server_->begun.wait(false);
  server_->http.stopping = true;
  server_->http.stop();
  server_->accepting.join();
}

}  // namespace mirror
