#include "tools/mirrorctl/admin/admin_client.h"

#include <grpc/support/log.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/sync_stream.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/folded_name.h"
#include "certs/connect_failure.h"
#include "certs/key.h"
#include "certs/tls.h"
#include "proto/wire/spelling.h"
#include "tools/mirrorctl/admin/admin_calls.h"

namespace mirror {
namespace {

/// For a connection with its handshake.
constexpr int kConnectMs = 10'000;
/// One row of an export has a gigabyte at most; 10,000 tables, or 1,000 events, are well below.
constexpr int kReceiveBytesMax = (1 << 30) + (64 << 20);
/// A watch without events notices that the server's machine has gone. A server counts more than one ping in
/// five minutes as an attack.
constexpr int kKeepaliveMs = 360'000;

/// gRPC writes lines of its own about a refused handshake; ours says what to do. GRPC_VERBOSITY brings them
/// back.
void QuietGrpc() {
  if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function([](gpr_log_func_args* /*line*/) {});
}

/// Whether the call never left: then the peer is still what the channel was opened with.
bool NeverConnected(const grpc::ClientContext& context) {
  const std::string peer = context.peer();
  return !absl::StartsWith(peer, "ipv4:") && !absl::StartsWith(peer, "ipv6:");
}

const char* NameOf(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::CANCELLED:
      return "CANCELLED";
    case grpc::StatusCode::INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "DEADLINE_EXCEEDED";
    case grpc::StatusCode::NOT_FOUND:
      return "NOT_FOUND";
    case grpc::StatusCode::ALREADY_EXISTS:
      return "ALREADY_EXISTS";
    case grpc::StatusCode::PERMISSION_DENIED:
      return "PERMISSION_DENIED";
    case grpc::StatusCode::UNAUTHENTICATED:
      return "UNAUTHENTICATED";
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return "RESOURCE_EXHAUSTED";
    case grpc::StatusCode::FAILED_PRECONDITION:
      return "FAILED_PRECONDITION";
    case grpc::StatusCode::ABORTED:
      return "ABORTED";
    case grpc::StatusCode::OUT_OF_RANGE:
      return "OUT_OF_RANGE";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "UNIMPLEMENTED";
    case grpc::StatusCode::INTERNAL:
      return "INTERNAL";
    case grpc::StatusCode::UNAVAILABLE:
      return "UNAVAILABLE";
    case grpc::StatusCode::DATA_LOSS:
      return "DATA_LOSS";
    default:
      return "UNKNOWN";
  }
}

/// In any case of letters; the words of a TLS library may be joined with '_'.
bool Holds(const std::string& text, std::string_view part) {
  return absl::StrContains(absl::StrReplaceAll(absl::AsciiStrToLower(text), {{"_", " "}}),
                           absl::string_view(part.data(), part.size()));
}

}  // namespace

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
  // Who is not reached is told so sooner: a call that ran out of time may wait at the server.
  if (code != grpc::StatusCode::DEADLINE_EXCEEDED && NeverConnected(context)) return NotReached(words);
  // A table says nothing of a move.
  const std::string next =
      effect == Effect::kReads
          ? "nothing was changed, so ask again"
          : absl::StrCat("whether it was done is not known, so look with 'mirrorctl events' and 'mirrorctl ",
                         effect == Effect::kMoves ? "tenants" : "tables", "' before you ask again");
  if (code == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return absl::DeadlineExceededError(
        absl::StrCat("no answer came from ", config.address,
                     " in time, as when the server waits for its database or for a mirror's lock: ", next));
  }
  // These words are gRPC's own: the server writes sentences.
  if (code == grpc::StatusCode::UNAVAILABLE &&
      (words == "Socket closed" || words == "Connection reset by peer" || words == "Broken pipe" ||
       Holds(words, "keepalive") || Holds(words, "goaway"))) {
    return absl::UnavailableError(absl::StrCat("the connection to ", config.address, " broke (", words,
                                               "): check that mirror-server runs; ", next));
  }
  if (code == grpc::StatusCode::CANCELLED && (words.empty() || absl::EqualsIgnoreCase(words, "cancelled"))) {
    return absl::UnavailableError(absl::StrCat("the server at ", config.address,
                                               " ended the call, as it does when it stops: check that "
                                               "mirror-server runs; ",
                                               next));
  }
  if (code == grpc::StatusCode::UNIMPLEMENTED && words.empty()) {
    return absl::UnimplementedError(
        absl::StrCat("UNIMPLEMENTED: the server at ", config.address,
                     " does not know this call: check that [endpoint] address in '", config.file,
                     "' is its [admin] address and port, and that it is not older than this mirrorctl"));
  }
  return absl::Status(static_cast<absl::StatusCode>(code),
                      absl::StrCat(NameOf(code), ": ", words.empty() ? "the server gave no reason" : words));
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
      return absl::UnavailableError(
          absl::StrCat("what listens at ", at, " does not speak TLS: check that [endpoint] address in '",
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
        "the server at ", at, " does not take the certificate '", config.tls.certificate,
        "': it is not for clients, as its extended key usage lacks clientAuth. Issue it anew, as with "
        "'mirrorctl certs issue-operator'",
        because));
  }
  // A server without a place closes the connection as one does that does not take the certificate.
  return absl::UnavailableError(absl::StrCat(
      "the server at ", at,
      failure == ConnectFailure::kClosed
          ? " closed the connection before a call was made: all places may be taken (its log then says so; "
            "ask again), or it"
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
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // The operator's door is not behind the web's proxy.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectMs);  // Also the limit of one attempt.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // "dns:///" also takes an address; without it, a host called "unix" would be a socket.
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
        service_->Call(&v1::MirrorAdmin::Stub::ListTenants, request, Effect::kReads, kPatience);
    if (!page.ok()) return page.status();
    request.set_page_token(page->next_page_token());
    for (v1::Tenant& tenant : *page->mutable_tenants()) *all.add_tenants() = std::move(tenant);
    *all.mutable_totals() = page->totals();
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<v1::ListIndexesResponse> AdminClient::Indexes(const v1::ListIndexesRequest& request) {
  return service_->Call(&v1::MirrorAdmin::Stub::ListIndexes, request, Effect::kReads, kPatience);
}

absl::StatusOr<v1::ListTablesResponse> AdminClient::Tables(const std::string& context_id) {
  v1::ListTablesRequest request;
  request.set_context_id(context_id);
  return service_->Call(&v1::MirrorAdmin::Stub::ListTables, request, Effect::kReads, kPatience);
}

absl::StatusOr<v1::InvalidateLsnResponse> AdminClient::Invalidate(const v1::InvalidateLsnRequest& request) {
  return service_->Call(&v1::MirrorAdmin::Stub::InvalidateLsn, request, Effect::kChanges, kLongPatience);
}

absl::StatusOr<v1::ResetTableResponse> AdminClient::Reset(const v1::ResetTableRequest& request) {
  return service_->Call(&v1::MirrorAdmin::Stub::ResetTable, request, Effect::kChanges, kLongPatience);
}

absl::StatusOr<v1::PauseTenantResponse> AdminClient::Pause(const std::string& context_id,
                                                           const std::string& reason) {
  v1::PauseTenantRequest request;
  request.set_context_id(context_id);
  request.set_reason(reason);
  return service_->Call(&v1::MirrorAdmin::Stub::PauseTenant, request, Effect::kChanges, kPatience);
}

absl::StatusOr<v1::ResumeTenantResponse> AdminClient::Resume(const std::string& context_id) {
  v1::ResumeTenantRequest request;
  request.set_context_id(context_id);
  return service_->Call(&v1::MirrorAdmin::Stub::ResumeTenant, request, Effect::kChanges, kPatience);
}

absl::StatusOr<v1::DeleteMirrorResponse> AdminClient::Delete(const v1::DeleteMirrorRequest& request) {
  return service_->Call(&v1::MirrorAdmin::Stub::DeleteMirror, request, Effect::kChanges, kLongPatience);
}

absl::Status AdminClient::Allow(const std::string& context_id) {
  v1::AllowTenantRequest request;
  request.set_context_id(context_id);
  return service_->Call(&v1::MirrorAdmin::Stub::AllowTenant, request, Effect::kChanges, kPatience).status();
}

absl::StatusOr<v1::AcceptSourceResponse> AdminClient::AcceptSource(const v1::AcceptSourceRequest& request) {
  return service_->Call(&v1::MirrorAdmin::Stub::AcceptSource, request, Effect::kChanges, kPatience);
}

absl::StatusOr<v1::VerifyResponse> AdminClient::Verify(const v1::VerifyRequest& request) {
  return service_->Call(&v1::MirrorAdmin::Stub::Verify, request, Effect::kChanges, kPatience);
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
    return service_->Call(&v1::MirrorAdmin::Stub::Backup, request, Effect::kReads, kCopyPatience);
  }
  return service_->Explain(status, context, Effect::kReads);
}

absl::StatusOr<v1::RestoreResponse> AdminClient::Restore(const v1::RestoreRequest& request) {
  return service_->Call(&v1::MirrorAdmin::Stub::Restore, request, Effect::kChanges, kCopyPatience);
}

absl::StatusOr<v1::ListHoldsResponse> AdminClient::ListHolds(const std::string& context_id, bool with_keys) {
  v1::ListHoldsRequest request;
  request.set_context_id(context_id);
  request.set_with_keys(with_keys);
  absl::StatusOr<v1::ListHoldsResponse> answer =
      service_->Call(&v1::MirrorAdmin::Stub::ListHolds, request, Effect::kReads, kPatience);
  return with_keys && absl::IsPermissionDenied(answer.status()) ? ListHolds(context_id) : answer;
}

absl::StatusOr<v1::CommitHoldResponse> AdminClient::CommitHold(const v1::CommitHoldRequest& request) {
  return service_->Call(&v1::MirrorAdmin::Stub::CommitHold, request, Effect::kChanges,
                        request.dry_run() ? kLongPatience : kPatience);
}

absl::StatusOr<v1::Hold> AdminClient::RollbackHold(const std::string& context_id, std::uint64_t hold_id) {
  v1::RollbackHoldRequest request;
  request.set_context_id(context_id);
  request.set_hold_id(hold_id);
  absl::StatusOr<v1::RollbackHoldResponse> answer =
      service_->Call(&v1::MirrorAdmin::Stub::RollbackHold, request, Effect::kChanges, kPatience);
  if (!answer.ok()) return answer.status();
  return std::move(*answer->mutable_hold());
}

absl::StatusOr<v1::ListEventsResponse> AdminClient::Events(const v1::ListEventsRequest& request) {
  return service_->Call(&v1::MirrorAdmin::Stub::ListEvents, request, Effect::kReads, kPatience);
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
  return service_->Call(&v1::MirrorAdmin::Stub::ListKeys, v1::ListKeysRequest(), Effect::kReads, kPatience);
}

absl::StatusOr<v1::ReloadKeysResponse> AdminClient::ReloadKeys() {
  return service_->Call(&v1::MirrorAdmin::Stub::ReloadKeys, v1::ReloadKeysRequest(), Effect::kChanges,
                        kPatience);
}

absl::StatusOr<v1::DiagnoseResponse> AdminClient::Diagnose(const std::string& context_id) {
  v1::DiagnoseRequest request;
  request.set_context_id(context_id);
  return service_->Call(&v1::MirrorAdmin::Stub::Diagnose, request, Effect::kReads, kLongPatience);
}

absl::StatusOr<v1::ListServersResponse> AdminClient::Servers() {
  return service_->Call(&v1::MirrorAdmin::Stub::ListServers, v1::ListServersRequest(), Effect::kReads,
                        kPatience);
}

absl::Status AdminClient::Follow(const v1::WatchEventsRequest& request, const Interruption& interruption,
                                 const std::function<bool(const v1::Event&)>& each) {
  return service_->Watch(&v1::MirrorAdmin::Stub::WatchEvents, request, interruption, "when it runs", each);
}

absl::StatusOr<v1::MoveLook> MoveClient::LookAtMove(const std::string& context_id, bool with_contents) {
  v1::LookAtMoveRequest request;
  request.set_context_id(context_id);
  request.set_with_contents(with_contents);
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::LookAtMove, request, Effect::kReads,
                               with_contents ? kCopyPatience : kPatience);
}

absl::Status MoveClient::CheckRoom(const v1::MoveLook& look, const std::string& place) {
  v1::CheckRoomRequest request;
  *request.mutable_look() = look;
  request.set_place(place);
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::CheckRoom, request, Effect::kReads, kPatience)
      .status();
}

absl::Status MoveClient::BeginMove(const std::string& context_id, const std::string& move_id,
                                   const std::string& address) {
  v1::BeginMoveRequest request;
  request.set_context_id(context_id);
  request.set_move_id(move_id);
  request.set_address(address);
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::BeginMove, request, Effect::kMoves, kLongPatience)
      .status();
}

absl::StatusOr<v1::ImportMirrorResponse> MoveClient::ImportFrom(
    MoveClient& from, const v1::ImportHeader& header, const std::function<void(std::uint64_t)>& each) {
  const auto deadline = std::chrono::system_clock::now() + kCopyPatience;
  grpc::ClientContext reading, writing;
  reading.set_deadline(deadline);
  writing.set_deadline(deadline);
  v1::ExportMirrorRequest wanted;
  wanted.set_context_id(header.context_id());
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
  // Half a mirror is none: the other side hears of it.
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
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::LeaveMove, request, Effect::kMoves, kCopyPatience)
      .status();
}

absl::Status MoveClient::Arrive(const std::string& context_id, const std::string& move_id) {
  v1::ArriveMoveRequest request;
  request.set_context_id(context_id);
  request.set_move_id(move_id);
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ArriveMove, request, Effect::kMoves, kPatience)
      .status();
}

absl::Status MoveClient::Drop(const v1::DropMoveRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::DropMove, request, Effect::kMoves, kCopyPatience)
      .status();
}

absl::Status MoveClient::Stay(const std::string& context_id, const std::string& move_id) {
  v1::StayMoveRequest request;
  request.set_context_id(context_id);
  request.set_move_id(move_id);
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::StayMove, request, Effect::kMoves, kPatience).status();
}

absl::StatusOr<v1::MoveToPlaceResponse> MoveClient::MoveToPlace(const v1::MoveToPlaceRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::MoveToPlace, request, Effect::kMoves, kCopyPatience);
}

}  // namespace mirror
