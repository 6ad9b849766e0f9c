#include "tools/mirrorctl/admin/admin_client.h"

#include <grpc/support/log.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/sync_stream.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/folded_name.h"
#include "base/interruption.h"
#include "base/mutex.h"
#include "certs/connect_failure.h"
#include "certs/key.h"
#include "certs/tls.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "proto/wire/spelling.h"

namespace mirror {
namespace {

using Stub = v1::MirrorAdmin::Stub;

/// Time limit of most calls.
constexpr std::chrono::seconds kPatience(30);
/// Time limit of calls that end a cycle, drop tables or read whole databases.
constexpr std::chrono::seconds kLongPatience(600);
/// Time limit of a copy of a whole mirror. The time depends on the disk.
constexpr std::chrono::seconds kCopyPatience(6 * 3'600);

/// Possible effect of a call without an answer.
enum class Effect { kReads, kChanges, kMoves };

/// Returns a request for this tenant.
template <typename Request>
Request ForTenant(const std::string& context_id) {
  Request request;
  request.set_context_id(context_id);
  return request;
}

/// Lets `interruption` cancel the call while this object lives. Null: nothing cancels it.
class Canceller {
 public:
  Canceller(grpc::ClientContext& context, const Interruption* interruption) {
    if (interruption == nullptr) return;
    waiting_ = std::jthread([&context, interruption](const std::stop_token& stop) {
      constexpr std::chrono::milliseconds kLook(20);
      while (!stop.stop_requested()) {
        if (interruption->Wait(kLook)) return context.TryCancel();
      }
    });
  }

 private:
  std::jthread waiting_;
};

template <typename Request, typename Message>
using StreamCall = std::unique_ptr<grpc::ClientReader<Message>> (Stub::*)(grpc::ClientContext*,
                                                                          const Request&);

/// Time limit for connecting, with the handshake.
constexpr int kConnectMs = 10'000;
/// Greatest size of a received message. A row of an export has at most a gigabyte; 10,000 tables or 1,000
/// events are far smaller.
constexpr int kReceiveBytesMax = (1 << 30) + (64 << 20);
/// Interval of pings. With them a watch without events detects that the server's machine is down. A server
/// treats more than one ping in five minutes as an attack.
constexpr int kKeepaliveMs = 360'000;

/// Suppresses gRPC's own lines about a refused handshake; our error says what to do. GRPC_VERBOSITY turns
/// them on again.
void QuietGrpc() {
  if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function([](gpr_log_func_args* /*line*/) {});
}

/// Returns true if the call was never sent. The context's peer is then still the target of the channel.
bool NeverConnected(const grpc::ClientContext& context) {
  const std::string peer = context.peer();
  return !absl::StartsWith(peer, "ipv4:") && !absl::StartsWith(peer, "ipv6:");
}

/// Returns true if `text` contains `part`, ignoring case; TLS libraries may write '_' for a space.
bool Holds(const std::string& text, std::string_view part) {
  return absl::StrContains(absl::StrReplaceAll(absl::AsciiStrToLower(text), {{"_", " "}}),
                           absl::string_view(part.data(), part.size()));
}

/// Greatest number of entries of a page.
constexpr std::uint32_t kStoragesAtOnce = 500, kJobsAtOnce = 500;

template <typename Request>
Effect EffectOf(const Request& request) {
  return request.dry_run() ? Effect::kReads : Effect::kChanges;
}

}  // namespace

class AdminClient::Service {
 public:
  Service(ControlConfig control, std::unique_ptr<Stub> made)
      : config(std::move(control)), stub(std::move(made)) {}

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                const Request& request, Effect effect, std::chrono::seconds patience) {
    grpc::ClientContext context;
    context.set_deadline(
        std::min<std::chrono::system_clock::time_point>(end, std::chrono::system_clock::now() + patience));
    const Canceller canceller(context, interruption);
    Response response;
    const grpc::Status status = (stub.get()->*method)(&context, request, &response);
    NoteSpelling(context);
    if (!status.ok()) return Explain(status, context, effect);
    return response;
  }
  /// Calls `each` with the messages that `method` streams, until `each` returns false. `interrupted`: text of
  /// the error kCancelled if `until` came.
  template <typename Request, typename Message, typename Each>
  absl::Status Stream(StreamCall<Request, Message> method, const Request& request,
                      std::chrono::seconds patience, const Interruption& until, const char* interrupted,
                      const Each& each) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + patience);
    const auto [wanted, status] = Read(method, request, context, until, each);
    NoteSpelling(context);
    if (!wanted) return absl::OkStatus();
    if (until.Wait(std::chrono::milliseconds(0))) return absl::CancelledError(interrupted);
    return status.ok() ? absl::OkStatus() : Explain(status, context, Effect::kReads);
  }
  /// Does the same without a time limit. It is no error if `until` comes. `again`: advice how to continue if
  /// the server stopped.
  template <typename Request, typename Message, typename Each>
  absl::Status Watch(StreamCall<Request, Message> method, const Request& request, const Interruption& until,
                     const char* again, const Each& each) {
    grpc::ClientContext context;
    const auto [wanted, status] = Read(method, request, context, until, each);
    if (!wanted || until.Wait(std::chrono::milliseconds(0))) return absl::OkStatus();
    if (!status.ok()) return Explain(status, context, Effect::kReads);
    return absl::UnavailableError(
        absl::StrCat("the server at ", config.address,
                     " ended the watch, probably because it is stopping: call again ", again));
  }
  absl::Status Explain(const grpc::Status& status, const grpc::ClientContext& context, Effect effect) const;
  /// Stores the spelling that the server sent. Called after each call.
  void NoteSpelling(const grpc::ClientContext& context);

  const ControlConfig config;
  const std::unique_ptr<Stub> stub;
  /// Deadline of all calls.
  std::chrono::system_clock::time_point end = std::chrono::system_clock::time_point::max();
  const Interruption* interruption = nullptr;  ///< Also cancels the calls.
  std::string spelled() {
    const MutexLock lock(mutex_);
    return spelled_;
  }

 private:
  /// Reads the messages. Returns whether `each` accepted all of them, and how the call ended.
  template <typename Request, typename Message, typename Each>
  std::pair<bool, grpc::Status> Read(StreamCall<Request, Message> method, const Request& request,
                                     grpc::ClientContext& context, const Interruption& until,
                                     const Each& each) {
    const std::unique_ptr<grpc::ClientReader<Message>> stream = (stub.get()->*method)(&context, request);
    const Canceller canceller(context, &until);
    Message message;
    bool wanted = true;
    while (wanted && stream->Read(&message)) wanted = each(message);
    if (!wanted) {
      context.TryCancel();
      while (stream->Read(&message)) continue;
    }
    return {wanted, stream->Finish()};
  }
  absl::Status NotReached(const std::string& grpc_words) const;

  Mutex mutex_;
  std::string spelled_ MIRROR_GUARDED_BY(mutex_);  ///< Result of SpelledAs().
};

void AdminClient::Service::NoteSpelling(const grpc::ClientContext& context) {
  const auto& metadata = context.GetServerTrailingMetadata();
  const auto found = metadata.find(kSpellingMetadata);
  if (found == metadata.end()) return;
  const MutexLock lock(mutex_);
  spelled_ = std::string(found->second.data(), found->second.size());
}

absl::Status AdminClient::Service::Explain(const grpc::Status& status, const grpc::ClientContext& context,
                                           Effect effect) const {
  const grpc::StatusCode code = status.error_code();
  const std::string words = status.error_message();
  // Reports first that the server is not reachable. After DEADLINE_EXCEEDED that is not certain: the call may
  // still run at the server.
  if (code != grpc::StatusCode::DEADLINE_EXCEEDED && NeverConnected(context)) return NotReached(words);
  // A move is not visible in the list of tables.
  const std::string next =
      effect == Effect::kReads
          ? "nothing was changed, so ask again"
          : absl::StrCat(
                "it is not known whether the command took effect, so check with 'mirrorctl events' "
                "and 'mirrorctl ",
                effect == Effect::kMoves ? "tenants" : "tables", "' before you repeat it");
  if (code == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return absl::DeadlineExceededError(
        absl::StrCat("no answer came from ", config.address,
                     " in time (the server may be waiting for its database or for a mirror's lock): ", next));
  }
  // These texts are gRPC's own, because the server writes sentences.
  if (code == grpc::StatusCode::UNAVAILABLE &&
      (words == "Socket closed" || words == "Connection reset by peer" || words == "Broken pipe" ||
       Holds(words, "keepalive") || Holds(words, "goaway"))) {
    return absl::UnavailableError(absl::StrCat("the connection to ", config.address, " broke (", words,
                                               "): check that mirror-server runs; ", next));
  }
  if (code == grpc::StatusCode::CANCELLED && (words.empty() || absl::EqualsIgnoreCase(words, "cancelled"))) {
    return absl::UnavailableError(absl::StrCat("the server at ", config.address,
                                               " ended the call, probably because it is stopping: check that "
                                               "mirror-server runs; ",
                                               next));
  }
  if (code == grpc::StatusCode::UNIMPLEMENTED && words.empty()) {
    return absl::UnimplementedError(
        absl::StrCat("UNIMPLEMENTED: the server at ", config.address,
                     " does not know this call: check that [endpoint] address in '", config.file,
                     "' is its [admin] address and port, and that the server is not older than this "
                     "mirrorctl"));
  }
  // An unknown code becomes kUnknown.
  const absl::StatusCode known = absl::Status(static_cast<absl::StatusCode>(code), words).code();
  return absl::Status(known, absl::StrCat(absl::StatusCodeToString(known), ": ",
                                          words.empty() ? "the server gave no reason" : words));
}

absl::Status AdminClient::Service::NotReached(const std::string& grpc_words) const {
  const std::string reason = ConnectReason(grpc_words);
  const std::string because = absl::StrCat(" (", reason, ")");
  const std::string& at = config.address;
  const ConnectFailure failure = ConnectFailureIn(reason);
  switch (failure) {
    case ConnectFailure::kNobody:
      return absl::UnavailableError(absl::StrCat(
          "no server answers at ", at, ": check that mirror-server runs and that [endpoint] address in '",
          config.file, "' is its [admin] address and port", because));
    case ConnectFailure::kNoTls:
      return absl::UnavailableError(absl::StrCat(
          "the program that listens at ", at, " does not speak TLS: check that [endpoint] address in '",
          config.file, "' is the server's [admin] address and port", because));
    case ConnectFailure::kCertificate:
      return absl::UnavailableError(absl::StrCat(
          "the certificate of the server at ", at, " is not trusted: it must be signed by the CA '",
          config.tls.ca, "', be valid now and name that host, so check [endpoint] ca and address in '",
          config.file, "', and that this is the [admin] port", because));
    default:
      break;
  }
  if (const auto own = ReadCertificateInfo(config.tls.certificate); own.ok() && !own->is_for_clients) {
    return absl::UnavailableError(absl::StrCat(
        "the server at ", at, " does not accept the certificate '", config.tls.certificate,
        "': it is not for clients, because its extended key usage lacks clientAuth. Issue a new one, for "
        "example with 'mirrorctl certs issue-operator'",
        because));
  }
  // A server that has no place for the connection closes it in the same way as a server that rejects the
  // certificate.
  return absl::UnavailableError(absl::StrCat(
      "the server at ", at,
      failure == ConnectFailure::kClosed
          ? " closed the connection before a call was made: all its connections may be in use (its log then "
            "says so; ask again), or it"
          : "",
      " refused the TLS handshake: the certificate '", config.tls.certificate,
      "' must be signed by the CA that its [admin] client_ca names, be valid now and be for clients, and the "
      "port must be its [admin] port",
      because));
}

AdminClient::AdminClient(std::unique_ptr<Service> service) : service_(std::move(service)) {}

AdminClient::~AdminClient() = default;

absl::StatusOr<std::unique_ptr<AdminClient>> AdminClient::Open(const ControlConfig& config) {
  const auto credentials = MakeChannelCredentials(config.tls);
  if (!credentials.ok()) {
    return absl::Status(credentials.status().code(),
                        absl::StrCat(config.file, ": [endpoint]: ", credentials.status().message()));
  }
  QuietGrpc();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kReceiveBytesMax);
  // The administration is never called through a web proxy.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // This is also the time limit of one attempt.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // "dns:///" also accepts an address; without it, a host called "unix" would be a socket.
  const std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomChannel(absl::StrCat("dns:///", config.address), *credentials, arguments);
  return std::unique_ptr<AdminClient>(
      new AdminClient(std::make_unique<Service>(config, v1::MirrorAdmin::NewStub(channel))));
}

void AdminClient::EndWithin(std::chrono::milliseconds time) {
  service_->end = std::chrono::system_clock::now() + time;
}

void AdminClient::EndAt(const Interruption* interruption) { service_->interruption = interruption; }

std::string AdminClient::SpelledAs(const std::string& context_id) const {
  const std::string spelled = service_->spelled();
  return SameName(spelled, context_id) ? spelled : context_id;
}

absl::StatusOr<v1::ListTenantsResponse> AdminClient::Tenants(v1::ListTenantsRequest request) {
  v1::ListTenantsResponse all;
  do {
    absl::StatusOr<v1::ListTenantsResponse> page =
        service_->Call(&Stub::ListTenants, request, Effect::kReads, kPatience);
    if (!page.ok()) return page.status();
    request.set_page_token(page->next_page_token());
    for (v1::Tenant& tenant : *page->mutable_tenants()) *all.add_tenants() = std::move(tenant);
    *all.mutable_totals() = page->totals();
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<v1::ListIndexesResponse> AdminClient::Indexes(const v1::ListIndexesRequest& request) {
  return service_->Call(&Stub::ListIndexes, request, Effect::kReads, kPatience);
}

absl::StatusOr<v1::ListTablesResponse> AdminClient::Tables(const std::string& context_id) {
  return service_->Call(&Stub::ListTables, ForTenant<v1::ListTablesRequest>(context_id), Effect::kReads,
                        kPatience);
}

absl::StatusOr<v1::InvalidateLsnResponse> AdminClient::Invalidate(const v1::InvalidateLsnRequest& request) {
  return service_->Call(&Stub::InvalidateLsn, request, Effect::kChanges, kLongPatience);
}

absl::StatusOr<v1::ResetTableResponse> AdminClient::Reset(const v1::ResetTableRequest& request) {
  return service_->Call(&Stub::ResetTable, request, Effect::kChanges, kLongPatience);
}

absl::StatusOr<v1::PauseTenantResponse> AdminClient::Pause(const std::string& context_id,
                                                           const std::string& reason) {
  auto request = ForTenant<v1::PauseTenantRequest>(context_id);
  request.set_reason(reason);
  return service_->Call(&Stub::PauseTenant, request, Effect::kChanges, kPatience);
}

absl::StatusOr<v1::ResumeTenantResponse> AdminClient::Resume(const std::string& context_id) {
  return service_->Call(&Stub::ResumeTenant, ForTenant<v1::ResumeTenantRequest>(context_id), Effect::kChanges,
                        kPatience);
}

absl::StatusOr<v1::DeleteMirrorResponse> AdminClient::Delete(const v1::DeleteMirrorRequest& request) {
  return service_->Call(&Stub::DeleteMirror, request, Effect::kChanges, kLongPatience);
}

absl::Status AdminClient::Allow(const std::string& context_id) {
  return service_
      ->Call(&Stub::AllowTenant, ForTenant<v1::AllowTenantRequest>(context_id), Effect::kChanges, kPatience)
      .status();
}

absl::StatusOr<v1::AcceptSourceResponse> AdminClient::AcceptSource(const v1::AcceptSourceRequest& request) {
  return service_->Call(&Stub::AcceptSource, request, Effect::kChanges, kPatience);
}

absl::StatusOr<v1::VerifyResponse> AdminClient::Verify(const v1::VerifyRequest& request) {
  return service_->Call(&Stub::Verify, request, Effect::kChanges, kPatience);
}

absl::StatusOr<v1::BackupResponse> AdminClient::Backup(
    const v1::BackupRequest& request, const std::function<void(const v1::BackupProgress&)>& each) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCopyPatience);
  const auto stream = service_->stub->BackupWatched(&context, request);
  v1::BackupProgress step;
  v1::BackupResponse made;
  while (stream->Read(&step)) {
    if (step.has_made()) {
      made = std::move(*step.mutable_made());
    } else {
      each(step);
    }
  }
  const grpc::Status status = stream->Finish();
  service_->NoteSpelling(context);
  if (status.ok()) return made;
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return service_->Call(&Stub::Backup, request, Effect::kReads, kCopyPatience);
  }
  return service_->Explain(status, context, Effect::kReads);
}

absl::StatusOr<v1::RestoreResponse> AdminClient::Restore(const v1::RestoreRequest& request) {
  return service_->Call(&Stub::Restore, request, Effect::kChanges, kCopyPatience);
}

absl::StatusOr<v1::ListHoldsResponse> AdminClient::ListHolds(const std::string& context_id, bool with_keys) {
  auto request = ForTenant<v1::ListHoldsRequest>(context_id);
  request.set_with_keys(with_keys);
  absl::StatusOr<v1::ListHoldsResponse> answer =
      service_->Call(&Stub::ListHolds, request, Effect::kReads, kPatience);
  return with_keys && absl::IsPermissionDenied(answer.status()) ? ListHolds(context_id) : answer;
}

absl::StatusOr<v1::CommitHoldResponse> AdminClient::CommitHold(const v1::CommitHoldRequest& request) {
  return service_->Call(&Stub::CommitHold, request, Effect::kChanges,
                        request.dry_run() ? kLongPatience : kPatience);
}

absl::StatusOr<v1::Hold> AdminClient::RollbackHold(const std::string& context_id, std::uint64_t hold_id) {
  auto request = ForTenant<v1::RollbackHoldRequest>(context_id);
  request.set_hold_id(hold_id);
  absl::StatusOr<v1::RollbackHoldResponse> answer =
      service_->Call(&Stub::RollbackHold, request, Effect::kChanges, kPatience);
  if (!answer.ok()) return answer.status();
  return std::move(*answer->mutable_hold());
}

absl::StatusOr<v1::ListEventsResponse> AdminClient::Events(const v1::ListEventsRequest& request) {
  return service_->Call(&Stub::ListEvents, request, Effect::kReads, kPatience);
}

absl::Status AdminClient::Audit(std::uint64_t limit, bool looks,
                                const std::function<void(const v1::AuditEntry&)>& each) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kLongPatience);
  v1::ListAuditRequest request;
  request.set_limit(limit);
  request.set_looks(looks);
  const auto stream = service_->stub->ListAudit(&context, request);
  v1::AuditEntry entry;
  while (stream->Read(&entry)) each(entry);
  const grpc::Status status = stream->Finish();
  return status.ok() ? absl::OkStatus() : service_->Explain(status, context, Effect::kReads);
}

absl::StatusOr<v1::ListKeysResponse> AdminClient::Keys() {
  return service_->Call(&Stub::ListKeys, v1::ListKeysRequest(), Effect::kReads, kPatience);
}

absl::StatusOr<v1::ReloadKeysResponse> AdminClient::ReloadKeys() {
  return service_->Call(&Stub::ReloadKeys, v1::ReloadKeysRequest(), Effect::kChanges, kPatience);
}

absl::StatusOr<v1::DiagnoseResponse> AdminClient::Diagnose(const std::string& context_id) {
  return service_->Call(&Stub::Diagnose, ForTenant<v1::DiagnoseRequest>(context_id), Effect::kReads,
                        kLongPatience);
}

absl::StatusOr<v1::ListServersResponse> AdminClient::Servers() {
  return service_->Call(&Stub::ListServers, v1::ListServersRequest(), Effect::kReads, kPatience);
}

absl::Status AdminClient::Follow(const v1::WatchEventsRequest& request, const Interruption& interruption,
                                 const std::function<bool(const v1::Event&)>& each) {
  return service_->Watch(&Stub::WatchEvents, request, interruption, "when the server runs", each);
}

absl::StatusOr<v1::MoveLook> MoveClient::LookAtMove(const std::string& context_id, bool with_contents) {
  auto request = ForTenant<v1::LookAtMoveRequest>(context_id);
  request.set_with_contents(with_contents);
  return admin_.service_->Call(&Stub::LookAtMove, request, Effect::kReads,
                               with_contents ? kCopyPatience : kPatience);
}

absl::Status MoveClient::CheckRoom(const v1::MoveLook& look, const std::string& place) {
  v1::CheckRoomRequest request;
  *request.mutable_look() = look;
  request.set_place(place);
  return admin_.service_->Call(&Stub::CheckRoom, request, Effect::kReads, kPatience).status();
}

absl::Status MoveClient::BeginMove(const std::string& context_id, const std::string& move_id,
                                   const std::string& address) {
  auto request = ForTenant<v1::BeginMoveRequest>(context_id);
  request.set_move_id(move_id);
  request.set_address(address);
  return admin_.service_->Call(&Stub::BeginMove, request, Effect::kMoves, kLongPatience).status();
}

absl::StatusOr<v1::ImportMirrorResponse> MoveClient::ImportFrom(
    MoveClient& from, const v1::ImportHeader& header, const std::function<void(std::uint64_t)>& each) {
  const auto deadline = std::chrono::system_clock::now() + kCopyPatience;
  grpc::ClientContext reading, writing;
  reading.set_deadline(deadline);
  writing.set_deadline(deadline);
  auto wanted = ForTenant<v1::ExportMirrorRequest>(header.context_id());
  wanted.set_move_id(header.move_id());
  const auto source = from.admin_.service_->stub->ExportMirror(&reading, wanted);
  v1::ImportMirrorResponse response;
  const auto sink = admin_.service_->stub->ImportMirror(&writing, &response);
  v1::ImportMirrorRequest piece;
  *piece.mutable_header() = header;
  bool taken = sink->Write(piece);
  v1::MirrorPart part;
  std::uint64_t bytes = 0;
  while (taken && source->Read(&part)) {
    if (part.data().empty()) break;
    bytes += part.data().size();
    piece.mutable_data()->swap(*part.mutable_data());
    taken = sink->Write(piece);
    each(bytes);
  }
  if (!taken) reading.TryCancel();
  while (!taken && source->Read(&part)) continue;
  const grpc::Status read = taken ? source->Finish() : grpc::Status::OK;
  // If the export failed, the import is cancelled, because it would be incomplete.
  if (!read.ok()) writing.TryCancel();
  sink->WritesDone();
  const grpc::Status written = sink->Finish();
  if (!taken) source->Finish();
  if (!read.ok()) return from.admin_.service_->Explain(read, reading, Effect::kReads);
  if (!written.ok()) return admin_.service_->Explain(written, writing, Effect::kMoves);
  for (const std::string& what : part.left_out()) response.add_left_out(what);
  return response;
}

absl::Status MoveClient::Leave(const v1::LeaveMoveRequest& request) {
  return admin_.service_->Call(&Stub::LeaveMove, request, Effect::kMoves, kCopyPatience).status();
}

absl::Status MoveClient::Arrive(const std::string& context_id, const std::string& move_id) {
  auto request = ForTenant<v1::ArriveMoveRequest>(context_id);
  request.set_move_id(move_id);
  return admin_.service_->Call(&Stub::ArriveMove, request, Effect::kMoves, kPatience).status();
}

absl::Status MoveClient::Drop(const v1::DropMoveRequest& request) {
  return admin_.service_->Call(&Stub::DropMove, request, Effect::kMoves, kCopyPatience).status();
}

absl::Status MoveClient::Stay(const std::string& context_id, const std::string& move_id) {
  auto request = ForTenant<v1::StayMoveRequest>(context_id);
  request.set_move_id(move_id);
  return admin_.service_->Call(&Stub::StayMove, request, Effect::kMoves, kPatience).status();
}

absl::StatusOr<v1::MoveToPlaceResponse> MoveClient::MoveToPlace(const v1::MoveToPlaceRequest& request) {
  return admin_.service_->Call(&Stub::MoveToPlace, request, Effect::kMoves, kCopyPatience);
}

absl::Status ExportClient::Read(const v1::ExportTableRequest& request, const Interruption& interruption,
                                const std::function<absl::Status(v1::ExportPart*)>& each) {
  absl::Status taken;
  const absl::Status read =
      admin_.service_->Stream(&Stub::ExportTable, request, kCopyPatience, interruption,
                              "interrupted: the export was stopped", [&](v1::ExportPart& part) {
                                taken = each(&part);
                                return taken.ok();
                              });
  return taken.ok() ? read : taken;
}

absl::StatusOr<v1::ListChangesResponse> HistoryClient::Changes(v1::ListChangesRequest* request) {
  absl::StatusOr<v1::ListChangesResponse> answer =
      admin_.service_->Call(&Stub::ListChanges, *request, Effect::kReads, kPatience);
  if (!request->with_keys() || !absl::IsPermissionDenied(answer.status())) return answer;
  request->set_with_keys(false);
  return Changes(request);
}

absl::Status HistoryClient::FollowChanges(const v1::ListChangesRequest& request,
                                          const Interruption& interruption,
                                          const std::function<bool(const v1::Change&)>& each) {
  return admin_.service_->Watch(&Stub::WatchChanges, request, interruption,
                                "with --since and the last token when the server runs", each);
}

absl::StatusOr<v1::ExplainRowResponse> HistoryClient::Explain(const v1::RowOfTable& row) {
  return admin_.service_->Call(&Stub::ExplainRow, row, Effect::kReads, kLongPatience);
}

absl::StatusOr<v1::ReadRowHistoryResponse> HistoryClient::Versions(const v1::RowOfTable& row) {
  return admin_.service_->Call(&Stub::ReadRowHistory, row, Effect::kReads, kLongPatience);
}

absl::Status HistoryClient::Diff(const v1::DiffTableRequest& request, std::chrono::seconds patience,
                                 const Interruption& interruption,
                                 const std::function<bool(const v1::DiffPart&)>& each) {
  return admin_.service_->Stream(&Stub::DiffTable, request, patience, interruption,
                                 "interrupted: the comparison was stopped", each);
}

absl::Status HistoryClient::Verify(const v1::VerifyHistoryRequest& request, const Interruption& interruption,
                                   const std::function<void(const v1::VerifiedMoment&)>& each) {
  return admin_.service_->Stream(&Stub::VerifyHistory, request, kCopyPatience, interruption,
                                 "interrupted: the output is not complete",
                                 [&each](const v1::VerifiedMoment& moment) {
                                   each(moment);
                                   return true;
                                 });
}

absl::StatusOr<v1::EraseRowResponse> HistoryClient::Erase(const v1::EraseRowRequest& request) {
  return admin_.service_->Call(&Stub::EraseRow, request,
                               request.dry_run() ? Effect::kReads : Effect::kChanges, kLongPatience);
}

absl::StatusOr<v1::Tenant> LookClient::Tenant(const std::string& context_id) {
  return admin_.service_->Call(&Stub::GetTenant, ForTenant<v1::GetTenantRequest>(context_id), Effect::kReads,
                               kPatience);
}

absl::StatusOr<v1::ListCyclesResponse> LookClient::Cycles(const std::string& context_id) {
  return admin_.service_->Call(&Stub::ListCycles, ForTenant<v1::ListCyclesRequest>(context_id),
                               Effect::kReads, kPatience);
}

absl::StatusOr<v1::TimeSeries> LookClient::Minutes(const std::string& context_id) {
  return admin_.service_->Call(&Stub::GetTimeSeries, ForTenant<v1::GetTimeSeriesRequest>(context_id),
                               Effect::kReads, kPatience);
}

absl::Status LookClient::Follow(const Interruption& interruption,
                                const std::function<void(const v1::TenantsNews&)>& each) {
  grpc::ClientContext context;
  const auto stream = admin_.service_->stub->WatchTenants(&context, v1::WatchTenantsRequest());
  const Canceller canceller(context, &interruption);
  v1::TenantsNews news;
  while (stream->Read(&news)) each(news);
  const grpc::Status status = stream->Finish();
  if (interruption.Wait(std::chrono::milliseconds(0))) return absl::OkStatus();
  if (status.ok())
    return absl::UnavailableError("the server ended the watch, probably because it is stopping");
  return admin_.service_->Explain(status, context, Effect::kReads);
}

absl::StatusOr<v1::ListStoragesResponse> LookClient::Storages(const v1::ListStoragesRequest& request) {
  return admin_.service_->Call(&Stub::ListStorages, request, Effect::kReads, kPatience);
}

absl::StatusOr<v1::ListStoragesResponse> LookClient::AllStorages(v1::ListStoragesRequest request) {
  request.set_page_size(kStoragesAtOnce);
  v1::ListStoragesResponse all;
  do {
    absl::StatusOr<v1::ListStoragesResponse> page = Storages(request);
    if (!page.ok()) return page.status();
    request.set_page_token(page->next_page_token());
    for (v1::StorageInfo& storage : *page->mutable_storages()) *all.add_storages() = std::move(storage);
    all.set_http_url(page->http_url());
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<v1::ListImportJobsResponse> LookClient::ImportJobs(const v1::ListImportJobsRequest& request) {
  return admin_.service_->Call(&Stub::ListImportJobs, request, Effect::kReads, kPatience);
}

absl::StatusOr<v1::ListImportJobsResponse> LookClient::LastImportJobs(v1::ListImportJobsRequest request,
                                                                      std::uint32_t count) {
  v1::ListImportJobsResponse last;
  do {
    request.set_page_size(std::min(kJobsAtOnce, count - static_cast<std::uint32_t>(last.jobs_size())));
    absl::StatusOr<v1::ListImportJobsResponse> page = ImportJobs(request);
    if (!page.ok()) return page.status();
    request.set_page_token(page->next_page_token());
    for (v1::ImportJobInfo& job : *page->mutable_jobs()) *last.add_jobs() = std::move(job);
    last.set_http_url(page->http_url());
    last.set_next_page_token(page->next_page_token());
  } while (!request.page_token().empty() && static_cast<std::uint32_t>(last.jobs_size()) < count);
  return last;
}

absl::StatusOr<v1::ListApiKeysResponse> LookClient::ApiKeys() {
  return admin_.service_->Call(&Stub::ListApiKeys, v1::ListApiKeysRequest(), Effect::kReads, kPatience);
}

absl::StatusOr<v1::ListHubsResponse> HubClient::Hubs(const std::string& storage) {
  v1::ListHubsRequest request;
  request.set_storage(storage);
  return admin_.service_->Call(&Stub::ListHubs, request, Effect::kReads, kPatience);
}

absl::StatusOr<v1::ResumeHubResponse> HubClient::Resume(const v1::ResumeHubRequest& request) {
  return admin_.service_->Call(&Stub::ResumeHub, request, EffectOf(request), kLongPatience);
}

absl::StatusOr<v1::DecideHubResponse> HubClient::Decide(const std::string& storage, bool commit,
                                                        bool dropped) {
  v1::DecideHubRequest request;
  request.set_storage(storage);
  request.set_commit(commit);
  request.set_dropped(dropped);
  return admin_.service_->Call(&Stub::DecideHub, request, Effect::kChanges, kLongPatience);
}

absl::StatusOr<v1::ListHeldResponse> HubClient::Held(const v1::ListHeldRequest& request) {
  return admin_.service_->Call(&Stub::ListHeld, request, Effect::kReads, kLongPatience);
}

absl::StatusOr<v1::ListRefusedResponse> HubClient::Refused(const v1::ListRefusedRequest& request) {
  return admin_.service_->Call(&Stub::ListRefused, request, Effect::kReads, kLongPatience);
}

absl::StatusOr<v1::ThawHubResponse> HubClient::Thaw(const v1::ThawHubRequest& request) {
  return admin_.service_->Call(&Stub::ThawHub, request, EffectOf(request), kLongPatience);
}

absl::StatusOr<v1::ExplainGoldenResponse> HubClient::Explain(const v1::ExplainGoldenRequest& request) {
  return admin_.service_->Call(&Stub::ExplainGolden, request, Effect::kReads, kPatience);
}

absl::StatusOr<v1::ListDuplicatesResponse> HubClient::Duplicates(const v1::ListDuplicatesRequest& request) {
  return admin_.service_->Call(&Stub::ListDuplicates, request, Effect::kReads, kLongPatience);
}

absl::StatusOr<v1::MergeGoldenResponse> HubClient::Merge(const v1::MergeGoldenRequest& request) {
  return admin_.service_->Call(&Stub::MergeGolden, request, EffectOf(request), kLongPatience);
}

absl::StatusOr<v1::PartGoldenResponse> HubClient::Part(const v1::PartGoldenRequest& request) {
  return admin_.service_->Call(&Stub::PartGolden, request, EffectOf(request), kLongPatience);
}

absl::StatusOr<v1::RebuildHubResponse> HubClient::Rebuild(const v1::RebuildHubRequest& request) {
  return admin_.service_->Call(&Stub::RebuildHub, request, EffectOf(request), kLongPatience);
}

}  // namespace mirror
