#include "server/rpc/listener/endpoint.h"

#include <google/protobuf/io/coded_stream.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "certs/grpc_locks.h"
#include "certs/tls.h"
#include "server/rpc/listener/arriving_calls.h"

namespace mirror {
namespace {

/// The most at a time. A check is answered at once; it is held only until its request has come.
constexpr std::size_t kChecksMax = 64, kWatchesMax = 64;

/// HealthCheckResponse, as bytes: its one field is the status.
const std::string kServing = "\x08\x01", kNotServing = "\x08\x02", kServiceUnknown = "\x08\x03";

/// Returns HealthCheckRequest.service; absent: the bytes are no such message.
std::optional<std::string> ServiceIn(const std::string& request) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(request.data()),
                                            static_cast<int>(request.size()));
  constexpr std::uint32_t kServiceTag = 1U << 3U | 2U;
  std::string service;
  while (const std::uint32_t tag = in.ReadTag()) {
    std::uint32_t length = 0;
    if (tag != kServiceTag || !in.ReadVarint32(&length) || length > request.size() ||
        !in.ReadString(&service, static_cast<int>(length))) {
      return std::nullopt;
    }
  }
  return service;
}

}  // namespace

class HealthService::Stream final : public HeldStream {
 public:
  Stream(HealthService& service, HeldStreams& all, bool watches)
      : HeldStream(all), service_(service), watches_(watches) {}
  ~Stream() override {
    {
      const MutexLock lock(service_.mutex_);
      service_.watching_.erase(this);
      service_.told_.NotifyAll();
    }
    if (is_held_) service_.vouched_->Release(peer_);
  }

  void TellStopped() { AnswerLast(kNotServing); }

 private:
  void Begin(const std::string& peer) override {
    peer_ = peer;
    if (service_.vouched_ != nullptr) service_.vouched_->NoteOpenCall(peer);
  }
  void Take(const std::string& request) override {
    const std::optional<std::string> asked = ServiceIn(request);
    if (!asked) return End({grpc::StatusCode::INVALID_ARGUMENT, "the bytes are not a HealthCheckRequest"});
    const bool known = asked->empty() || *asked == service_.service_;
    if (!watches_ && !known) return End({grpc::StatusCode::NOT_FOUND, "there is no such service here"});
    const MutexLock lock(service_.mutex_);
    const std::string& status = service_.stopped_ ? kNotServing : known ? kServing : kServiceUnknown;
    if (!watches_ || service_.stopped_) return AnswerLast(status);
    service_.watching_.insert(this);
    is_held_ = service_.vouched_ != nullptr;
    if (is_held_) service_.vouched_->Hold(peer_);
    AnswerAndHold(status);
  }

  HealthService& service_;
  const bool watches_;
  std::string peer_;
  bool is_held_ = false;  ///< In AuthenticatedTraffic.
};

HealthService::HealthService(std::string service, AuthenticatedTraffic* vouched)
    : service_(std::move(service)), vouched_(vouched), checks_(kChecksMax), watches_(kWatchesMax) {
  AddStream("/grpc.health.v1.Health/Check",
            [this] { return std::make_unique<Stream>(*this, checks_, false); });
  AddStream("/grpc.health.v1.Health/Watch",
            [this] { return std::make_unique<Stream>(*this, watches_, true); });
}

HealthService::~HealthService() = default;

void HealthService::Stop(std::chrono::system_clock::time_point until) {
  const MutexLock lock(mutex_);
  if (std::exchange(stopped_, true)) return;
  for (Stream* const stream : watching_) stream->TellStopped();
  while (!watching_.empty() && told_.WaitUntil(mutex_, until)) {
  }
}

void HealthService::EndAll() {
  checks_.Close();
  watches_.Close();
}

namespace {

constexpr int kMetadataBytesMax = 16 * 1024;
constexpr int kHandshakeMs = 5'000;
constexpr int kConnectionIdleMs = 5 * 60'000;
constexpr int kKeepaliveMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
constexpr int kPingIntervalMinMs = 10'000;
constexpr int kStreamsPerConnectionMax = 100;
/// Threads that wait for calls. With two, the thread that takes a call handles it itself. More than gRPC's
/// two may stay after a burst of calls, so that the next burst need not make them.
constexpr int kPollersMin = 2, kPollersMax = 6;
/// gRPC reads a new connection in the thread that hands it over, as long as bytes wait there. With several, a
/// connection that is about to be ended for that blocks no other.
constexpr int kAcceptors = 4;
/// Threads beside those of handlers: gRPC's pollers.
constexpr int kSpareThreads = 64;
constexpr int kAdminMessageBytesMax = 4 << 20;
constexpr int kAdminCallsMax = 64;
constexpr std::uint32_t kAdminConnectionsMax = 100;
constexpr std::uint32_t kAdminConnectionsPerAddressMax = 50;
constexpr std::size_t kAdminMemoryBytesMax = 256U << 20;

ServerTls TlsOf(const ListenConfig& listen) { return {listen.certificate, listen.key, listen.client_ca}; }
ServerTls TlsOf(const AdminConfig& admin) { return {admin.certificate, admin.key, admin.client_ca}; }

/// The most that a stranger may send before a call with a good token: a handshake, the headers of a hundred
/// calls, and for each call's message what gRPC takes before a handler reads it: 64 KB, each answered. A call
/// with a token vouches for its connection before its message is read, so the message itself may have any
/// size. Only with late handlers can a source with many calls at once exceed it.
constexpr std::uint64_t kStrangerBytesMax = 256 << 10;
/// The limit for all strangers together, beyond each one's handshake: the beginnings of thirty large messages
/// at once. Strangers that called without a good token have an eighth of it: a cancelled call takes thirty
/// bytes on the wire, and 13 KB here until a handler has seen it.
constexpr std::uint64_t kStrangersBytesMax = 2 << 20;
/// The part of these that may come without an answer of ours in between.
constexpr std::uint64_t kUnansweredBytesMax = 32 << 10;
/// Strangers that may have begun a large message: gRPC takes 64 KB unanswered, and headers.
constexpr std::uint32_t kFewStrangers = 6;
constexpr std::uint64_t kMessageBeginBytes = 68 << 10;
/// Time for a stranger to send its first bytes. Clients of TLS and of HTTP/2 send first.
constexpr std::chrono::milliseconds kSilenceMax{kHandshakeMs};
/// The idle time of a stranger. A rarer health check uses its own connection each time, or holds a watch.
constexpr std::chrono::milliseconds kStrangerIdleMax{10'000};
/// Time between two checks of connections to be closed: an answer is on its way for a moment.
constexpr std::chrono::milliseconds kCloseLook{20};
/// Time to tell the watchers of health that the server stops.
constexpr std::chrono::seconds kTellTime{1};
/// Bytes of TLS: a certificate, its proof, two tickets, settings.
constexpr std::uint64_t kHandshakeSentBytes = 1'500;

}  // namespace

std::string AddressText(const std::string& address, std::uint16_t port) {
  return address.find(':') == std::string::npos ? absl::StrCat(address, ":", port)
                                                : absl::StrCat("[", address, "]:", port);
}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(const Options& options, grpc::Service* service) {
  LeaveGrpcLocksUnchecked();
  ASSIGN_OR_RETURN(std::unique_ptr<AcceptLoop> accept, AcceptLoop::Bind(options.accept));
  std::unique_ptr<Listener> listener(new Listener());
  listener->accept_ = std::move(accept);
  listener->calls_ = options.calls;

  grpc::ServerBuilder builder;
  builder.RegisterService(service);
  listener->health_ = std::make_unique<HealthService>(
      options.service_name, options.accept.unvouched ? options.accept.unvouched->vouched : nullptr);
  builder.RegisterService(listener->health_.get());
  listener->held_ = std::make_unique<HeldStreamThread>(builder);
  builder.SetMaxReceiveMessageSize(options.message_bytes_max);
  using Sync = grpc::ServerBuilder::SyncServerOption;
  builder.SetSyncServerOption(Sync::NUM_CQS, 1);
  builder.SetSyncServerOption(Sync::MIN_POLLERS, kPollersMin);
  builder.SetSyncServerOption(Sync::MAX_POLLERS, kPollersMax);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytesMax);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kConnectionIdleMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kPingIntervalMinMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // gRPC would unpack a whole message before it checks its size, a thousand times what came.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnectionMax);
  // It would widen a fast sender's window to 16 MB, before a handler has checked the sender.
  // A handler that reads widens it by a megabyte.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  grpc::ResourceQuota quota(options.accept.name);
  quota.SetMaxThreads(options.threads_max + kSpareThreads);
  quota.Resize(options.memory_bytes_max);
  builder.SetResourceQuota(quota);
  for (int i = 0; i < kAcceptors; ++i) {
    listener->acceptors_.push_back(builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, options.credentials));
  }
  listener->server_ = builder.BuildAndStart();
  if (listener->server_ == nullptr) {
    return absl::InternalError(absl::StrCat("gRPC does not start the listener for ", options.accept.name,
                                            "; its log above says why"));
  }
  RETURN_IF_ERROR(listener->held_->Serve(*listener->health_));
  return listener;
}

Listener::~Listener() { Stop(std::chrono::system_clock::now()); }

void Listener::Start() {
  std::vector<HandoverThreads::Handover> handovers;
  for (const auto& acceptor : acceptors_) {
    handovers.emplace_back([&acceptor = *acceptor](int socket) {
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
      connection.fd = socket;
      acceptor.HandleNewConnection(&connection);
    });
  }
  handovers_ = std::make_unique<HandoverThreads>(std::move(handovers));
  accept_->Start([this](int socket) { handovers_->Take(socket); });
}

void Listener::Stop(std::chrono::system_clock::time_point deadline) {
  if (accept_) accept_->Stop();
  if (!server_) return;
  const auto soon = std::min(deadline, std::chrono::system_clock::now() + kTellTime);
  const bool handed_over = handovers_ == nullptr || handovers_->Stop(soon);
  health_->Stop(soon);
  if (calls_ != nullptr) CloseConnections(deadline);
  // The accept loop ends no connection any more, and gRPC would wait for one that sends without a pause.
  if (!handed_over) accept_->CloseAllBut({});
  health_->EndAll();
  server_->Shutdown(deadline);
  server_->Wait();
  handovers_.reset();
  held_->Stop();
  server_.reset();
}

void Listener::CloseConnections(std::chrono::system_clock::time_point deadline) {
  calls_->Refuse();
  std::set<std::string> busy;
  do {
    std::this_thread::sleep_for(kCloseLook);
    busy = calls_->TakeBusy();
    accept_->CloseAllBut(busy);
  } while (!busy.empty() && std::chrono::system_clock::now() < deadline);
  accept_->CloseAllBut({});
}

absl::StatusOr<std::unique_ptr<Endpoint>> Endpoint::Open(const ServerConfig& config, grpc::Service* mirror,
                                                         grpc::Service* admin, const VouchedPorts& vouched,
                                                         RunningCalls* calls) {
  grpc::EnableDefaultHealthCheckService(false);
  const ListenConfig& listen = config.listen;
  const LimitsConfig& limits = config.limits;
  absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> credentials =
      listen.plaintext ? grpc::InsecureServerCredentials() : MakeServerCredentials(TlsOf(listen));
  if (!credentials.ok()) return credentials.status();
  Listener::Options sources;
  sources.accept = {"sources", listen.address, listen.port, listen.connections_max,
                    listen.connections_per_address_max};
  sources.accept.unvouched = UnvouchedLimits(limits, !config.listen.plaintext, vouched.sources);
  sources.accept.unlimited = UnlimitedOf(listen.proxies);
  sources.credentials = *std::move(credentials);
  sources.calls = calls;
  sources.service_name = "mirror.v1.MirrorClientService";
  sources.message_bytes_max = static_cast<int>(limits.message_bytes_max);
  const std::uint64_t streams_max = limits.bytes_in_flight_max / kStreamBytesMin;
  sources.threads_max = static_cast<int>(limits.calls_max + std::min<std::uint64_t>(streams_max, 10'000) +
                                         ArrivingCalls::Limits().all_max);
  sources.memory_bytes_max = limits.bytes_in_flight_max + limits.calls_max * limits.message_bytes_max;
  ASSIGN_OR_RETURN(std::unique_ptr<Listener> opened, Listener::Open(sources, mirror));

  credentials = MakeServerCredentials(TlsOf(config.admin));
  if (!credentials.ok()) return credentials.status();
  Listener::Options operators;
  operators.accept = {"admin", config.admin.address, config.admin.port, kAdminConnectionsMax,
                      kAdminConnectionsPerAddressMax};
  operators.accept.unvouched = AdminUnvouchedLimits(vouched.admin);
  operators.accept.unlimited = sources.accept.unlimited;
  operators.credentials = *std::move(credentials);
  operators.service_name = "mirror.v1.MirrorAdmin";
  operators.message_bytes_max = kAdminMessageBytesMax;
  operators.threads_max = kAdminCallsMax;
  operators.memory_bytes_max = kAdminMemoryBytesMax;
  ASSIGN_OR_RETURN(std::unique_ptr<Listener> opened_admin, Listener::Open(operators, admin));

  std::unique_ptr<Endpoint> endpoint(new Endpoint(AddressText(listen.address, opened->port()),
                                                  AddressText(config.admin.address, opened_admin->port())));
  endpoint->sources_ = std::move(opened);
  endpoint->operators_ = std::move(opened_admin);
  return endpoint;
}

void Endpoint::Start() {
  operators_->Start();
  sources_->Start();
}

void Endpoint::Stop(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::system_clock::now() + patience;
  std::thread operators([&] { operators_->Stop(deadline); });
  sources_->Stop(deadline);
  operators.join();
}

std::string Endpoint::address() const { return address_; }
std::string Endpoint::admin_address() const { return admin_address_; }

AcceptOptions::Unvouched UnvouchedLimits(const LimitsConfig& limits, bool tls,
                                         AuthenticatedTraffic* vouched) {
  AcceptOptions::Unvouched unvouched;
  unvouched.vouched = vouched;
  unvouched.stranger_max = kStrangerBytesMax;
  unvouched.strangers_max = kStrangersBytesMax;
  unvouched.unanswered_max = kUnansweredBytesMax;
  unvouched.few = kFewStrangers;
  unvouched.unanswered_of_few_max = kFewStrangers * kMessageBeginBytes;
  if (tls) unvouched.handshake_sent = kHandshakeSentBytes;
  unvouched.connection_max = limits.bytes_in_flight_tenant_max + 2 * limits.message_bytes_max + (1 << 20);
  unvouched.silence_max = kSilenceMax;
  unvouched.idle_max = kStrangerIdleMax;
  return unvouched;
}

AcceptOptions::Unvouched AdminUnvouchedLimits(AuthenticatedTraffic* vouched) {
  constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
  AcceptOptions::Unvouched unvouched;
  unvouched.vouched = vouched;
  unvouched.stranger_max = unvouched.strangers_max = unvouched.connection_max = kAny;
  unvouched.silence_max = kSilenceMax;
  unvouched.idle_max = kStrangerIdleMax;
  return unvouched;
}

absl::Status CheckListenerFiles(const ServerConfig& config) {
  if (!config.listen.plaintext) {
    const auto sources = MakeServerCredentials(TlsOf(config.listen));
    if (!sources.ok()) return sources.status();
  }
  return MakeServerCredentials(TlsOf(config.admin)).status();
}

}  // namespace mirror
