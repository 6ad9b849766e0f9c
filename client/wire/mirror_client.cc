#include "client/wire/mirror_client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/mutex.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "certs/connect_failure.h"
#include "certs/grpc_locks.h"
#include "mirror/v1/mirror_client.grpc.pb.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/codec.h"
#include "proto/wire/refusal.h"

namespace mirror {
namespace {

/// Cancels a call if a single step of it waits too long. A deadline for the
/// whole call does not help, because a stream may last for days. Keepalive does
/// not help, either: an endpoint may answer pings and never answer the call.
///
/// Threads: one of its own; Begin() and End() by the waiting thread.
class SilenceWatch {
 public:
  /// `context` outlives it.
  SilenceWatch(grpc::ClientContext& context, std::chrono::milliseconds max) : context_(context), max_(max) {}
  ~SilenceWatch();
  SilenceWatch(const SilenceWatch&) = delete;
  SilenceWatch& operator=(const SilenceWatch&) = delete;

  /// Errors: the system cannot start a thread.
  absl::Status Start();
  /// To be called around each step that waits for the endpoint.
  void Begin();
  void End();
  /// Whether it cancelled the call.
  bool ended() const;
  std::chrono::milliseconds max() const { return max_; }

 private:
  void Watch();

  grpc::ClientContext& context_;
  const std::chrono::milliseconds max_;
  mutable Mutex mutex_;
  CondVar woken_;
  std::optional<std::chrono::steady_clock::time_point> waiting_since_ MIRROR_GUARDED_BY(mutex_);
  bool ended_ MIRROR_GUARDED_BY(mutex_) = false;
  bool over_ MIRROR_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

SilenceWatch::~SilenceWatch() {
  if (!thread_.joinable()) return;
  {
    const MutexLock lock(mutex_);
    over_ = true;
  }
  woken_.NotifyAll();
  thread_.join();
}

absl::Status SilenceWatch::Start() {
  try {
    thread_ = std::thread([this] { Watch(); });
  } catch (const std::system_error&) {
    return absl::UnavailableError(
        "the system cannot start a thread to watch the stream of rows. Nothing was sent; the next cycle "
        "tries again. Check the limit of processes and threads");
  }
  return absl::OkStatus();
}

void SilenceWatch::Begin() {
  const MutexLock lock(mutex_);
  waiting_since_ = std::chrono::steady_clock::now();
}

void SilenceWatch::End() {
  const MutexLock lock(mutex_);
  waiting_since_.reset();
}

bool SilenceWatch::ended() const {
  const MutexLock lock(mutex_);
  return ended_;
}

void SilenceWatch::Watch() {
  const MutexLock lock(mutex_);
  while (!over_ && !ended_) {
    const auto now = std::chrono::steady_clock::now();
    // A wait that begins after `now` is cancelled at the latest one more `max_` after `until`.
    const auto until = waiting_since_.value_or(now) + max_;
    if (waiting_since_ && now >= until) {
      ended_ = true;
      context_.TryCancel();
      return;
    }
    woken_.WaitUntil(mutex_, until);
  }
}

}  // namespace

bool HasNoMirrorYet(const absl::Status& status) {
  if (status.GetPayload(kNoMirrorPayload).has_value()) return true;
  // An endpoint of version 0.1.0 says so only in its message.
  return absl::IsPermissionDenied(status) && absl::StrContains(status.message(), "no mirror here yet");
}

namespace {

constexpr int kReceiveBytesMax = 64 << 20;
/// Seconds. The clock of the token's maker may be a little ahead of the endpoint's.
constexpr std::int64_t kTokenBackdated = 120;
constexpr std::int64_t kAuthTokenLife = 120;
constexpr std::int64_t kCallTokenLife = 300;
/// Maximum of late answers after the end of a stream: more than any window.
constexpr std::size_t kAnswersDrained = 1'024;
constexpr int kReconnectMs = 1'000;
/// For one attempt to connect, TLS handshake included: as mirrorctl. Longer than the endpoint waits.
constexpr int kConnectMs = 10'000;
constexpr int kKeepaliveTimeMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 20'000;

std::int64_t NowSeconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// The endpoint's address as the operator of the source knows it.
std::string AddressOf(const grpc::ClientContext& context) {
  const std::string peer = context.peer();
  return std::string(
      absl::StripPrefix(absl::StripPrefix(absl::StripPrefix(peer, "dns:///"), "ipv4:"), "ipv6:"));
}

/// Whether the call never reached an endpoint: then peer() is still the target of the channel.
bool NeverConnected(const grpc::ClientContext& context) {
  const std::string peer = context.peer();
  return !absl::StartsWith(peer, "ipv4:") && !absl::StartsWith(peer, "ipv6:") &&
         !absl::StartsWith(peer, "unix:");
}

/// State after a broken call.
enum class Left {
  kNothing,    ///< The cycle did not begin.
  kCommitted,  ///< Acknowledged rows are committed.
};

std::string Words(Left left) {
  return left == Left::kNothing ? "Nothing was sent."
                                : "What was acknowledged before is committed, the rest is not; run again to "
                                  "continue from there.";
}

absl::Status NotReached(const std::string& address, const std::string& reason, Left left) {
  const ConnectFailure failure = ConnectFailureIn(reason);
  if (failure == ConnectFailure::kCertificate) {
    return absl::UnavailableError(absl::StrCat(
        "the certificate of the endpoint at ", address, " is not trusted (", reason, "). ", Words(left),
        " It must be signed by the authority that 'ca' of [endpoint] "
        "names, be valid now and name that host, and 'address' must be "
        "the endpoint's [listen], not its [admin]."));
  }
  if (left == Left::kCommitted) {
    // The endpoint answered before, so neither the port nor a certificate is wrong.
    return absl::UnavailableError(absl::StrCat(
        "the connection to the endpoint at ", address, " broke and cannot be opened again (", reason, "). ",
        Words(left), " Check whether mirror-server runs: it may have stopped, or it may be starting."));
  }
  if (failure == ConnectFailure::kNobody) {
    return absl::UnavailableError(
        absl::StrCat("nobody answers at ", address, " (", reason, "). ", Words(left),
                     " Check that mirror-server runs and that 'address' of [endpoint] is its [listen]."));
  }
  // An endpoint closes the connection if it has no free place for one, and if it rejects the certificate.
  const bool is_closed = failure == ConnectFailure::kClosed;
  return absl::UnavailableError(absl::StrCat(
      "the endpoint at ", address, is_closed ? " closed the connection before a call was made, or" : "",
      " refused the TLS handshake (", reason, "). ", Words(left),
      is_closed ? " All its connections may be in use (its log then says so): run again. Behind a load "
                  "balancer, there may be no server that answers."
                : "",
      " Check that this is the port of its [listen] and, where it asks for mutual TLS, 'certificate' and "
      "'key' of [endpoint]: the certificate has to be for clients."));
}

absl::Status ToStatus(const grpc::Status& status, const grpc::ClientContext& context, Left left) {
  if (status.ok()) return absl::OkStatus();
  const std::string address = AddressOf(context);
  const std::string& words = status.error_message();
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE && NeverConnected(context)) {
    return NotReached(address, ConnectReason(words), left);
  }
  // The endpoint's own messages end with a full stop; gRPC's do not.
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE && !absl::EndsWith(words, ".")) {
    return absl::UnavailableError(
        absl::StrCat("the connection to ", address, " broke (", words, "). ", Words(left)));
  }
  if (status.error_code() == grpc::StatusCode::CANCELLED && !absl::EndsWith(words, ".")) {
    return absl::UnavailableError(
        absl::StrCat("the endpoint at ", address, " ended the call; it may be stopping. ", Words(left)));
  }
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return absl::DeadlineExceededError(
        absl::StrCat(address, " did not answer in time (", words, "). ", Words(left)));
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), words);
}

/// Adds the machine-readable details of the refusal.
absl::Status WithRefusal(absl::Status status, const grpc::ClientContext& context) {
  for (const auto& [name, value] : context.GetServerTrailingMetadata()) {
    const std::string key(name.data(), name.size());
    if (!key.starts_with(kRefusalPrefix)) continue;
    status.SetPayload(key, absl::Cord(absl::string_view(value.data(), value.size())));
  }
  return status;
}

void Authorize(const std::string& token, grpc::ClientContext* context) {
  context->AddMetadata("authorization", absl::StrCat("Bearer ", token));
}

void SetDeadline(std::chrono::milliseconds timeout, grpc::ClientContext* context) {
  context->set_deadline(std::chrono::system_clock::now() + timeout);
}

/// Records the time between its construction and destruction.
class Timed {
 public:
  Timed(WireCounters* counters, const char* call) : counters_(counters), call_(call) {}
  ~Timed() {
    if (counters_ != nullptr) counters_->Of(call_).Note(std::chrono::steady_clock::now() - begin_);
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  WireCounters* const counters_;
  const char* const call_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

class GrpcRowStream : public RowStream {
 public:
  /// The context must exist before the call begins and until it ends.
  GrpcRowStream(std::unique_ptr<grpc::ClientContext> context, WireCounters* counters,
                std::chrono::milliseconds silence_max)
      : context_(std::move(context)), counters_(counters), watch_(*context_, silence_max) {}

  ~GrpcRowStream() override {
    if (call_ == nullptr || end_) return;
    context_->TryCancel();
    Drain();
  }

  absl::Status Start(v1::MirrorClientService::Stub& stub) {
    RETURN_IF_ERROR(watch_.Start());
    call_ = stub.RowDataStream(context_.get());
    return absl::OkStatus();
  }

  absl::Status Send(const v1::RowDataRequest& request) override {
    if (end_) return Ended();
    if (counters_ != nullptr) {
      counters_->sent_bytes.Add(request.ByteSizeLong());
      sent_.push_back(std::chrono::steady_clock::now());
    }
    if (Watched([&] { return call_->Write(request); })) return absl::OkStatus();
    Drain();
    return Ended();
  }

  absl::StatusOr<v1::RowDataResponse> Receive() override {
    v1::RowDataResponse response;
    if (!answers_.empty()) {
      response = std::move(answers_.front());
      answers_.pop_front();
      return response;
    }
    if (!end_ && Watched([&] { return call_->Read(&response); })) {
      NoteAnswer();
      return response;
    }
    Drain();
    return Ended();
  }

  absl::Status Finish() override {
    if (!end_) {
      Watched([&] { return call_->WritesDone(); });
      Drain();
    }
    return *end_;
  }

 private:
  void NoteAnswer() {
    if (sent_.empty()) return;
    counters_->Of("RowDataStream").Note(std::chrono::steady_clock::now() - sent_.front());
    sent_.pop_front();
  }

  /// The call has ended: collects late answers and the status.
  /// gRPC returns the status only after the last answer was read.
  void Drain() {
    if (end_) return;
    v1::RowDataResponse response;
    // At most so many answers are expected; more are not read from a misbehaving endpoint.
    while (Watched([&] { return call_->Read(&response); })) {
      if (answers_.size() < kAnswersDrained) {
        answers_.push_back(std::move(response));
      } else {
        context_->TryCancel();
      }
    }
    grpc::Status status;
    Watched([&] {
      status = call_->Finish();
      return true;
    });
    end_ = watch_.ended() && !status.ok() ? Silent() : ToStatus(status, *context_, Left::kCommitted);
  }

  bool Watched(const std::function<bool()>& step) {
    watch_.Begin();
    const bool done = step();
    watch_.End();
    return done;
  }

  absl::Status Silent() const {
    return absl::DeadlineExceededError(
        absl::StrCat(AddressOf(*context_), " accepted no rows and gave no answer for ",
                     watch_.max().count() / 1'000, " s. ", Words(Left::kCommitted)));
  }

  absl::Status Ended() const {
    if (!end_->ok()) return *end_;
    return absl::UnavailableError(
        "the endpoint closed the stream of rows without a reason. What was acknowledged is applied; the next "
        "cycle continues from there");
  }

  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::RowDataRequest, v1::RowDataResponse>> call_;
  std::deque<v1::RowDataResponse> answers_;  ///< At most kAnswersDrained.
  std::optional<absl::Status> end_;
  WireCounters* const counters_;
  std::deque<std::chrono::steady_clock::time_point> sent_;  ///< Unanswered requests; only with counters.
  SilenceWatch watch_;
};

}  // namespace

struct MirrorClient::Service {
  const std::unique_ptr<v1::MirrorClientService::Stub> stub;
};

MirrorClient::MirrorClient(std::shared_ptr<grpc::Channel> channel, Identity identity, std::string context_id)
    : channel_(std::move(channel)),
      service_(new Service{v1::MirrorClientService::NewStub(channel_)}),
      identity_(std::move(identity)),
      context_id_(std::move(context_id)) {}

MirrorClient::~MirrorClient() = default;

absl::StatusOr<std::string> MirrorClient::Token(TokenUse use, const std::string& nonce) const {
  if (!token_override_.empty()) return token_override_;
  if (identity_.key == nullptr) {
    return absl::FailedPreconditionError(
        "the source has no signing key: set 'key' and 'key_id' of [identity]");
  }
  const std::int64_t now = NowSeconds();
  Claims claims;
  claims.issuer = identity_.issuer;
  claims.audience = identity_.application_id;
  claims.context_id = context_id_;
  claims.nonce = nonce;
  claims.not_before = now - kTokenBackdated;
  claims.issued = now;
  claims.expires = now + (use == TokenUse::kAuthenticate ? kAuthTokenLife : kCallTokenLife);
  return SignToken(*identity_.key, use, claims, identity_.context_claim);
}

absl::StatusOr<std::string> MirrorClient::CallToken() {
  if (!token_override_.empty()) return token_override_;
  const MutexLock lock(mutex_);
  const std::int64_t now = NowSeconds();
  const bool fresh = now >= call_token_made_ && now - call_token_made_ < kCallTokenReused;
  if (!call_token_.empty() && fresh) return call_token_;
  absl::StatusOr<std::string> token = Token(TokenUse::kCall, NewNonce());
  if (!token.ok()) return token.status();
  call_token_ = *token;
  call_token_made_ = now;
  return token;
}

template <typename Response, typename Call>
absl::StatusOr<Response> MirrorClient::Unary(const char* name, const Call& call,
                                             std::chrono::milliseconds timeout) {
  ASSIGN_OR_RETURN(const std::string token, CallToken());
  grpc::ClientContext context;
  Authorize(token, &context);
  SetDeadline(timeout, &context);
  Response response;
  const Timed timed(counters_, name);
  const grpc::Status status = call(&context, &response);
  if (status.ok()) return response;
  ForgetToken(status);
  return ToStatus(status, context, Left::kCommitted);
}

void MirrorClient::ForgetToken(const grpc::Status& status) {
  if (status.error_code() != grpc::StatusCode::UNAUTHENTICATED) return;
  const MutexLock lock(mutex_);
  call_token_.clear();
}

absl::StatusOr<v1::AuthenticateResponse> MirrorClient::Authenticate(const std::string& holder, bool take_over,
                                                                    bool probe, const ReceiptHead& receipts,
                                                                    const std::optional<KnownCycles>& cycles,
                                                                    const std::string& announced_sha256) {
  const std::string nonce = NewNonce();
  ASSIGN_OR_RETURN(std::string token, Token(TokenUse::kAuthenticate, nonce));
  v1::AuthenticateRequest request;
  request.set_request_token(std::move(token));
  request.set_holder(holder);
  request.set_take_over(take_over);
  request.set_probe(probe);
  request.set_receipts_after(receipts.number);
  request.set_receipts_after_sha256(HexOf(receipts.hash));
  request.set_announced_sha256(announced_sha256);
  if (cycles) {
    request.set_completing(cycles->completing);
    request.set_completed(cycles->completed);
  }

  grpc::ClientContext context;
  SetDeadline(patience_.authenticate, &context);
  v1::AuthenticateResponse response;
  const grpc::Status status = [&] {
    const Timed timed(counters_, "Authenticate");
    return service_->stub->Authenticate(&context, request, &response);
  }();
  if (!status.ok()) return WithRefusal(ToStatus(status, context, Left::kNothing), context);

  if (identity_.application_key == nullptr) {
    return absl::FailedPreconditionError(
        "the endpoint's answer cannot be checked: set 'application_certificate' of [identity]");
  }
  Answer expected;
  expected.nonce = nonce;
  expected.context_id = context_id_;
  expected.application_id = identity_.application_id;
  const auto answer =
      VerifyAnswer(response.signed_response(), *identity_.application_key, expected, NowSeconds());
  if (!answer.ok()) {
    return absl::UnauthenticatedError(
        absl::StrCat("at ", AddressOf(context), ": ", answer.status().message()));
  }
  if (answer->cycle != response.cycle()) {
    return absl::UnauthenticatedError(
        absl::StrCat("the endpoint at ", AddressOf(context), " signed cycle ", answer->cycle, " but says ",
                     response.cycle(), ": something on the way changed its answer. No row was sent"));
  }
  // Only the number is signed. A cycle that began and is
  // unknown to this agent would block all others.
  if (response.accepted() != (response.cycle() != 0)) {
    return absl::UnauthenticatedError(
        absl::StrCat("the endpoint at ", AddressOf(context),
                     response.accepted() ? " began a cycle without" : " began no cycle and gave",
                     " a number: something on the way changed its answer. No row was sent"));
  }
  return response;
}

absl::StatusOr<SignedHead> MirrorClient::OpenReceiptHead(const std::string& token) const {
  // Moves the head out of the answer in place: with a copy, gcc warns that the head may be missing.
  absl::StatusOr<Answer> answer =
      VerifyReceiptHead(token, *identity_.application_key, context_id_, identity_.application_id);
  if (!answer.ok()) return answer.status();
  return *std::move(answer->receipts);
}

absl::StatusOr<v1::TableSchemaResponse> MirrorClient::TableSchema(const v1::TableSchemaRequest& request) {
  return Unary<v1::TableSchemaResponse>(
      "TableSchema",
      [&](auto* context, auto* response) { return service_->stub->TableSchema(context, request, response); },
      patience_.call);
}

absl::StatusOr<v1::RowDataResponse> MirrorClient::RowData(const v1::RowDataRequest& request) {
  const bool has_rows = request.batches_size() + request.parts_size() > 0;
  if (counters_ != nullptr && has_rows) counters_->sent_bytes.Add(request.ByteSizeLong());
  return Unary<v1::RowDataResponse>(
      "RowData",
      [&](auto* context, auto* response) { return service_->stub->RowData(context, request, response); },
      patience_.long_call);
}

absl::StatusOr<v1::WipeResponse> MirrorClient::Wipe(const v1::WipeRequest& request) {
  return Unary<v1::WipeResponse>(
      "Wipe", [&](auto* context, auto* response) { return service_->stub->Wipe(context, request, response); },
      patience_.call);
}

absl::StatusOr<v1::ReplicationCompletedResponse> MirrorClient::ReplicationCompleted(
    const v1::ReplicationCompletedRequest& request) {
  return Unary<v1::ReplicationCompletedResponse>(
      "ReplicationCompleted",
      [&](auto* context, auto* response) {
        return service_->stub->ReplicationCompleted(context, request, response);
      },
      patience_.call);
}

absl::StatusOr<v1::DigestRangesResponse> MirrorClient::DigestRanges(const v1::DigestRangesRequest& request) {
  return Unary<v1::DigestRangesResponse>(
      "DigestRanges",
      [&](auto* context, auto* response) { return service_->stub->DigestRanges(context, request, response); },
      patience_.long_call);
}

absl::Status MirrorClient::ReadRows(const v1::ReadRowsRequest& request,
                                    const std::function<absl::Status(const v1::ReadRowsResponse&)>& take) {
  ASSIGN_OR_RETURN(const std::string token, CallToken());
  grpc::ClientContext context;
  Authorize(token, &context);
  SetDeadline(patience_.long_call, &context);
  const Timed timed(counters_, "ReadRows");
  const auto reader = service_->stub->ReadRows(&context, request);
  absl::Status taken;
  v1::ReadRowsResponse response;
  while (taken.ok() && reader->Read(&response)) taken = take(response);
  if (!taken.ok()) {
    context.TryCancel();
    while (reader->Read(&response)) {
    }
  }
  const grpc::Status status = reader->Finish();
  ForgetToken(status);
  return taken.ok() ? ToStatus(status, context, Left::kCommitted) : taken;
}

absl::StatusOr<FetchAnswer> MirrorClient::FetchDeliveries(std::int64_t cycle) {
  ASSIGN_OR_RETURN(const std::string token, CallToken());
  v1::FetchDeliveriesRequest request;
  request.set_cycle(cycle);
  request.set_limit(kDeliveriesMax);
  grpc::ClientContext context;
  Authorize(token, &context);
  SetDeadline(patience_.long_call, &context);
  const Timed timed(counters_, "FetchDeliveries");
  const auto reader = service_->stub->FetchDeliveries(&context, request);
  FetchAnswer answer;
  std::size_t bytes = 0;
  bool cut = false;
  v1::FetchDeliveriesResponse response;
  while (reader->Read(&response)) {
    if (!response.waiting().empty()) answer.waiting = response.waiting();
    answer.whole = response.whole();
    for (v1::Delivery& delivery : *response.mutable_deliveries()) {
      bytes += delivery.ByteSizeLong();
      // A delivery above the limit is taken alone, or it would block the others for ever.
      cut = cut || answer.deliveries.size() == kDeliveriesMax ||
            (bytes > kDeliveryBytesMax && !answer.deliveries.empty());
      if (!cut) answer.deliveries.push_back(std::move(delivery));
    }
    if (cut) context.TryCancel();
  }
  const grpc::Status status = reader->Finish();
  ForgetToken(status);
  if (cut) answer.whole = false;
  if (!status.ok() && !cut) return ToStatus(status, context, Left::kCommitted);
  return answer;
}

absl::StatusOr<std::uint64_t> MirrorClient::CountDeliveries(std::int64_t cycle) {
  ASSIGN_OR_RETURN(const std::string token, CallToken());
  v1::FetchDeliveriesRequest request;
  request.set_cycle(cycle);
  request.set_count_only(true);
  request.set_limit(1);  // An endpoint that does not know counting returns at most one.
  grpc::ClientContext context;
  Authorize(token, &context);
  SetDeadline(patience_.call, &context);
  const Timed timed(counters_, "FetchDeliveries");
  const auto reader = service_->stub->FetchDeliveries(&context, request);
  std::uint64_t open = 0;
  v1::FetchDeliveriesResponse response;
  while (reader->Read(&response)) open = std::max(open, response.open());
  const grpc::Status status = reader->Finish();
  ForgetToken(status);
  if (!status.ok()) return ToStatus(status, context, Left::kCommitted);
  return open;
}

absl::Status MirrorClient::ReportDeliveries(const v1::ReportDeliveriesRequest& request) {
  return Unary<v1::ReportDeliveriesResponse>(
             "ReportDeliveries",
             [&](grpc::ClientContext* context, v1::ReportDeliveriesResponse* response) {
               return service_->stub->ReportDeliveries(context, request, response);
             },
             patience_.call)
      .status();
}

absl::StatusOr<std::chrono::milliseconds> MirrorClient::Heartbeat(const HeartbeatTerms& terms,
                                                                  std::chrono::milliseconds age) {
  v1::HeartbeatRequest request;
  request.set_cycle(terms.cycle);
  request.set_holder(terms.holder);
  request.set_source_id(terms.source_id);
  request.set_age_ms(static_cast<std::uint64_t>(age.count()));
  for (const std::string& table : terms.stale) request.add_stale_tables(table);
  ASSIGN_OR_RETURN(
      const v1::HeartbeatResponse response,
      Unary<v1::HeartbeatResponse>(
          "Heartbeat",
          [&](auto* context, auto* answer) { return service_->stub->Heartbeat(context, request, answer); },
          patience_.heartbeat));
  return std::chrono::milliseconds(response.next_within_ms());
}

absl::StatusOr<std::unique_ptr<RowStream>> MirrorClient::OpenRowStream() {
  ASSIGN_OR_RETURN(std::string token, CallToken());
  auto context = std::make_unique<grpc::ClientContext>();
  Authorize(token, context.get());
  auto stream = std::make_unique<GrpcRowStream>(std::move(context), counters_, patience_.long_call);
  RETURN_IF_ERROR(stream->Start(*service_->stub));
  return stream;
}

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& address,
                                           const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  LeaveGrpcLocksUnchecked();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kReceiveBytesMax);
  arguments.SetMaxSendMessageSize(kReceiveBytesMax);
  // Detects an endpoint that vanished, without so many pings that it objects.
  // A caller that waits for an endpoint retries at once; for the others, see Line.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectMs);  // gRPC's name of the connect timeout.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  // Each channel has its own connection: otherwise channels to one address would share one.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

absl::StatusOr<AnnouncedLook> LookAtAnnouncement(MirrorClient& client, const std::string& source_id,
                                                 const std::vector<TableSchema>& tables) {
  v1::TableSchemaRequest request;
  request.set_dry_run(true);
  request.set_source_id(source_id);
  for (const TableSchema& table : tables) EncodeTable(table, request.add_tables());
  ASSIGN_OR_RETURN(const v1::TableSchemaResponse answer, client.TableSchema(request));
  AnnouncedLook look;
  for (const v1::TableStatus& table : answer.tables()) {
    const bool refused = table.action() == v1::TABLE_ACTION_REFUSED;
    if (!refused && table.action() != v1::TABLE_ACTION_REPOPULATE) continue;
    look.tables.push_back({table.table(), refused, table.reason()});
  }
  for (const v1::AnnouncedLoss& loss : answer.losses()) {
    look.losses.push_back({.table = loss.table(),
                           .retired = loss.retired(),
                           .rows = loss.rows(),
                           .columns = {loss.columns().begin(), loss.columns().end()},
                           .values = loss.values(),
                           .held = loss.held()});
  }
  return look;
}

}  // namespace mirror
