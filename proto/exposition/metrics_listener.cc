#include "proto/exposition/metrics_listener.h"

#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/exposition/metric_page.h"

namespace mirror {
namespace {

constexpr std::size_t kBodyBytesMax = 1'024;
constexpr int kPatienceS = 2;

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

}  // namespace

struct MetricsListener::Server {
  httplib::Server http;
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
  httplib::Server& http = server->http;
  http.set_socket_options(SetSocketOptions);
  http.set_keep_alive_max_count(1);
  http.set_read_timeout(kPatienceS);
  http.set_write_timeout(kPatienceS);
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
  server_->http.stop();
  server_->accepting.join();
}

}  // namespace mirror
