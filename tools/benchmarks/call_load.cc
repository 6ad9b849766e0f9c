#include "tools/benchmarks/call_load.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "client/config/config.h"
#include "client/wire/connect.h"
#include "tools/benchmarks/batch_maker.h"
#include "tools/benchmarks/step.h"
#include "tools/mirror_harness/synthetic/synthetic_source.h"

namespace mirror::bench {
namespace {

constexpr std::uint64_t kRowsOfTable = 100;
constexpr char kHolder[] = "mirror-bench-calls";

/// A tenant with its open cycle.
struct OpenTenant {
  std::optional<harness::SyntheticSource> source;
  std::vector<std::string> tables;
  std::vector<StepHead> heads;
};

/// A table that one caller writes.
struct Lane {
  OpenTenant* tenant = nullptr;
  std::size_t table = 0;
  std::uint64_t seq = 0;
};

absl::Status Send(OpenTenant* tenant, v1::ChangeBatch batch) {
  v1::RowDataRequest request;
  request.set_cycle(tenant->source->cycle());
  *request.add_batches() = std::move(batch);
  ASSIGN_OR_RETURN(const auto answer, tenant->source->client().RowData(request));
  if (answer.results_size() == 1 && answer.results(0).code() == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "a batch of tenant '", tenant->source->client().context_id(),
      "' was refused: ", answer.results_size() == 1 ? answer.results(0).message() : "no result"));
}

absl::Status BeginCycle(const BenchRows& rows, bool populate, OpenTenant* tenant) {
  const auto begun = tenant->source->Authenticate(kHolder, true);
  if (!begun.ok()) return begun.status();
  std::vector<TableSchema> tables;
  for (const std::string& name : tenant->tables) {
    tables.push_back(rows.schema());
    tables.back().name = name;
  }
  ASSIGN_OR_RETURN(const auto answer, tenant->source->Announce(tables));
  tenant->heads.clear();
  for (const v1::TableStatus& status : answer.tables()) {
    const Lsn base{status.position().lsn()};
    tenant->heads.push_back({status.schema_hash(), base, {Lsn{base.value + 2}, "bench"}, populate});
  }
  return absl::OkStatus();
}

/// Populates the tables in one cycle and opens the next one.
absl::Status OpenCycle(const BenchRows& rows, OpenTenant* tenant) {
  RETURN_IF_ERROR(BeginCycle(rows, true, tenant));
  const BatchMaker all(&rows, {Verb::kPopulate, 1, kRowsOfTable});
  for (std::size_t i = 0; i < tenant->tables.size(); ++i) {
    v1::ChangeBatch batch;
    all.Encode(0, tenant->heads[i], &batch);
    batch.set_table(tenant->tables[i]);
    RETURN_IF_ERROR(Send(tenant, std::move(batch)));
  }
  RETURN_IF_ERROR(tenant->source->Complete().status());
  return BeginCycle(rows, false, tenant);
}

absl::Status CallOnce(const BenchRows& rows, std::uint32_t rows_per_call, Lane* lane) {
  const auto version = static_cast<std::uint32_t>(++lane->seq);
  Step step{Verb::kUpsert, 1 + static_cast<std::int64_t>(lane->seq * rows_per_call % kRowsOfTable),
            rows_per_call};
  step.version = version;
  v1::ChangeBatch batch;
  BatchMaker(&rows, step).Encode(0, lane->tenant->heads[lane->table], &batch);
  batch.set_table(lane->tenant->tables[lane->table]);
  batch.set_seq(lane->seq);
  batch.clear_commit();  // The cycle stays open for the next batches.
  batch.clear_planned();
  return Send(lane->tenant, std::move(batch));
}

/// Keeps the first error of any thread.
class FirstFailure {
 public:
  void Note(const absl::Status& status) {
    const MutexLock lock(mutex_);
    if (status_.ok()) status_ = status;
  }
  absl::Status status() {
    const MutexLock lock(mutex_);
    return status_;
  }

 private:
  Mutex mutex_;
  absl::Status status_ MIRROR_GUARDED_BY(mutex_);
};

/// Runs `each(caller)` for every caller in a thread of its own.
template <typename Each>
absl::Status InThreads(std::uint32_t callers, const Each& each) {
  FirstFailure failure;
  std::vector<std::thread> threads;
  for (std::uint32_t caller = 0; caller < callers; ++caller) {
    threads.emplace_back([&, caller] { failure.Note(each(caller)); });
  }
  for (std::thread& thread : threads) thread.join();
  return failure.status();
}

/// Returns the bytes of a request. Called before the measurement begins.
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

  /// Receives bytes. Returns true if the answer is complete. Errors: it is not the expected answer.
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

absl::StatusOr<StepTime> RunCalls(const CallLoadOptions& options, const BenchRows& rows,
                                  const std::function<void()>& ready) {
  ASSIGN_OR_RETURN(const AgentConfig config, LoadAgentConfig(options.config));
  const std::uint32_t tables = options.tenants < options.callers ? options.callers : 1;
  std::vector<OpenTenant> tenants(options.tenants);
  std::vector<std::vector<Lane>> lanes(options.callers);
  std::vector<Connection> connections;
  for (std::uint32_t caller = 0; caller < options.callers; ++caller) {
    ASSIGN_OR_RETURN(const Connection connection, Connect(config));
    connections.push_back(connection);
  }
  for (std::uint32_t i = 0; i < options.tenants; ++i) {
    const Connection& connection = connections[i % options.callers];
    tenants[i].source.emplace(std::make_unique<MirrorClient>(connection.line->Channel(), connection.identity,
                                                             absl::StrCat(options.context_id, "-", i + 1)),
                              kHolder);
    for (std::uint32_t table = 0; table < tables; ++table) {
      tenants[i].tables.push_back(absl::StrCat("contact_", table + 1));
      lanes[(i + table) % options.callers].push_back({&tenants[i], table});
    }
  }
  RETURN_IF_ERROR(InThreads(options.callers, [&](std::uint32_t caller) {
    for (std::size_t i = caller; i < tenants.size(); i += options.callers) {
      RETURN_IF_ERROR(OpenCycle(rows, &tenants[i]));
    }
    return absl::OkStatus();
  }));
  ready();

  std::vector<std::vector<double>> took(options.callers);
  const Clock::time_point start = Clock::now();
  RETURN_IF_ERROR(InThreads(options.callers, [&](std::uint32_t caller) {
    for (std::uint64_t i = 0; i < options.calls / options.callers; ++i) {
      const Clock::time_point begun = Clock::now();
      Lane* lane = &lanes[caller][i % lanes[caller].size()];
      RETURN_IF_ERROR(CallOnce(rows, options.rows_per_call, lane));
      took[caller].push_back(Since(begun) * 1e6);
    }
    return absl::OkStatus();
  }));
  StepTime time{0, Since(start), {}};
  for (const std::vector<double>& calls : took) {
    time.call_us.insert(time.call_us.end(), calls.begin(), calls.end());
  }
  time.rows = time.call_us.size() * options.rows_per_call;
  return time;
}

absl::StatusOr<StepTime> RunDoor(const DoorLoadOptions& options) {
  std::vector<std::string> requests;
  for (std::uint64_t one = 0; one < options.count; ++one)
    requests.push_back(RequestOf(options, options.first + one));
  std::vector<std::optional<DoorConnection>> connections(options.connections);
  std::vector<pollfd> polled;
  for (std::optional<DoorConnection>& connection : connections) {
    connection.emplace(options.port);
    if (!connection->is_open()) return absl::UnavailableError("the server accepts no connection");
    polled.push_back({connection->socket(), POLLIN, 0});
  }
  std::uint64_t sent = 0;
  StepTime time;
  const auto send = [&](DoorConnection& connection) {
    return sent == requests.size() || connection.Send(requests[sent++]);
  };
  const Clock::time_point start = Clock::now();
  for (std::optional<DoorConnection>& connection : connections) {
    if (!send(*connection)) return absl::UnavailableError("the server accepts no request");
  }
  constexpr int kSilenceMs = 60'000;
  while (time.rows < requests.size()) {
    if (::poll(polled.data(), polled.size(), kSilenceMs) <= 0)
      return absl::UnavailableError("the server does not answer");
    for (std::size_t one = 0; one < polled.size(); ++one) {
      if (polled[one].revents == 0) continue;
      ASSIGN_OR_RETURN(const bool whole, connections[one]->Take());
      if (!whole) continue;
      ++time.rows;
      if (!send(*connections[one])) return absl::UnavailableError("the server accepts no request");
    }
  }
  time.seconds = Since(start);
  return time;
}

}  // namespace mirror::bench
