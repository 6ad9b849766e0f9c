#include "server/rpc/admin/admin_service.h"

#include <grpcpp/security/auth_context.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/cut_message.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "certs/issue.h"
#include "proto/wire/codec.h"
#include "proto/wire/source_objects_codec.h"
#include "proto/wire/table.h"
#include "server/plan/tenant_summary.h"
#include "server/rpc/admin/asked_tenant.h"
#include "server/rpc/rpc_status.h"
#include "server/source/call_log.h"
#include "server/store/home.h"
#include "server/watch/events.h"

namespace mirror {
namespace {

constexpr std::string_view kRolePrefix = "mirror:role:";
constexpr std::uint32_t kEventsDefault = 100;
constexpr std::uint32_t kEventsMaxPerCall = 1'000;
constexpr std::uint32_t kEventsPerWatch = 100;
constexpr std::size_t kKindBytesMax = 100;
constexpr std::uint32_t kAuditPerLook = 500;
constexpr int kWatchersMax = 16;
constexpr std::chrono::milliseconds kWatchPatience{250};
constexpr std::size_t kPauseReasonBytesMax = 500;
/// Any number works: bytes are not limited at this port.
constexpr std::uint64_t kVouchedBytes = 1;

/// The other end of the connection.
struct Peer {
  std::string name = "?";
  std::vector<std::string> roles;  ///< URI names of the certificate that begin as a role.
};

Peer PeerOf(const grpc::ServerContext& context) {
  Peer peer;
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  if (auth == nullptr) return peer;
  for (auto property : *auth) {
    const std::string_view key(property.first.data(), property.first.size());
    const std::string_view value(property.second.data(), property.second.size());
    if (key == "x509_common_name") peer.name = std::string(value);
    if (key == "peer_uri" && value.starts_with(kRolePrefix)) peer.roles.emplace_back(value);
  }
  return peer;
}

absl::Status NoRole(const std::string& why) {
  return absl::PermissionDeniedError(
      absl::StrCat(why,
                   ". Nothing was done. Use a certificate with exactly one role; "
                   "'mirrorctl certs issue-operator' or 'issue-viewer' makes one."));
}

absl::Status CheckRole(const Peer& peer, bool operator_needed) {
  if (peer.roles.size() != 1) {
    return NoRole(absl::StrCat("the client certificate names ", peer.roles.size(), " roles"));
  }
  if (peer.roles.front() == RoleUri(Role::kOperator)) return absl::OkStatus();
  if (peer.roles.front() != RoleUri(Role::kViewer)) {
    return NoRole("the client certificate names a role that is not known here");
  }
  if (!operator_needed) return absl::OkStatus();
  return absl::PermissionDeniedError(
      "this call needs the role operator, but the client certificate has the role viewer. Nothing was done. "
      "Use an operator's certificate; 'mirrorctl certs issue-operator' makes one.");
}

void EncodeEvent(const EventRecord& event, v1::Event* message) {
  message->set_id(event.id);
  message->set_time_ms(event.time_ms);
  message->set_context_id(event.context_id);
  message->set_severity(static_cast<v1::Severity>(event.severity));
  message->set_kind(event.kind);
  message->set_message(event.message);
}

std::int64_t SinceOf(const v1::ListEventsRequest& request) { return request.since_ms(); }
std::int64_t SinceOf(const v1::WatchEventsRequest& /*request*/) { return 0; }

/// Errors: a kind that no event can have.
template <typename Request>
absl::StatusOr<EventFilter> FilterOf(const Request& request) {
  if (request.kind().size() > kKindBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("'kind' is over ", kKindBytesMax, " bytes. Give a kind of events, as cycle.failed."));
  }
  RETURN_IF_ERROR(CheckKindPattern(request.kind()));
  EventFilter filter;
  filter.context_id = request.context_id();
  filter.kind = request.kind();
  filter.since_ms = SinceOf(request);
  // A severity of a newer client is above all that exist here.
  filter.severity = static_cast<Severity>(std::clamp<int>(request.severity(), 1, 3));
  return filter;
}

void EncodePoint(const AuditPoint& point, v1::AuditPoint* message) {
  message->set_chain(point.chain);
  message->set_id(point.id);
  message->set_hash(point.hash);
}

void EncodeState(const AuditState& state, v1::AuditState* message) {
  EncodePoint(state.before, message->mutable_before());
  EncodePoint(state.last, message->mutable_last());
  if (state.sealed) message->set_seal(FormatSeal(*state.sealed));
}

void EncodeRecord(const AuditRecord& record, v1::AuditRecord* message) {
  message->set_id(record.id);
  message->set_time_ms(record.time_ms);
  message->set_who(record.who);
  message->set_call(record.call);
  message->set_outcome(record.outcome);
  message->set_seal(record.seal);
  message->set_hash(record.hash);
}

/// Returns the state shown to the operator; the record has no own state for a table waiting for population.
std::string StateOf(const TableRecord& record) {
  if (record.state == TableState::kMirrored && record.position.lsn == Lsn{}) return "unpopulated";
  return std::string(ToString(record.state));
}

std::string StateOf(const TableInfo& table) {
  if (!table.is_agreed) return "unsent";
  if (table.held) return "held";
  std::string state = StateOf(table.record);
  return table.unsent && state == ToString(TableState::kMirrored) ? "unsent" : state;
}

void EncodeUnsent(const TableInfo& table, v1::TableInfo* message) {
  if (!table.unsent) return;
  message->set_unsent(std::string(ToString(table.unsent->reason)));
  message->set_unsent_why(std::string(UnsentWords(table.unsent->reason)));
  message->set_unsent_since_ms(table.unsent->since_ms);
}

void EncodeCheck(const TableCheck& check, v1::TableInfo* message) {
  message->set_equality(static_cast<v1::Equality>(check.equality));
  message->set_compared_lsn(check.position.lsn.value);
  message->set_compared_ms(check.checked_ms);
  message->set_rows_differ(check.rows_differ);
  message->set_verify_wanted(check.wanted);
}

std::string StateOf(const KeyInfo& key, std::int64_t now_s) {
  if (key.not_after != 0 && now_s > key.not_after) return "expired";
  return now_s < key.not_before ? "not yet valid" : "valid";
}

void EncodeDated(const DatedKey& key, v1::DiagnoseResponse::Key* message) {
  message->set_name(key.name);
  message->set_kind(std::string(KindName(key.kind)));
  message->set_not_after(key.not_after_s);
}

/// Failures become findings: a full disk hides neither its free space nor the stores.
void DiagnoseDisk(const StoreHome& home, v1::DiagnoseResponse* response) {
  const absl::StatusOr<StoreHome::Space> space = home.FindSpace();
  const absl::StatusOr<std::chrono::microseconds> sync = home.SyncTime();
  response->set_disk_is_elsewhere(absl::IsUnimplemented(space.status()));
  const std::vector<std::string> findings = home.TryWriting();
  for (const std::string& finding : findings) response->add_findings(CutMessage(finding));
  for (const absl::Status& status : {space.status(), sync.status()}) {
    if (status.ok() || absl::IsUnimplemented(status) || !findings.empty()) continue;
    response->add_findings(CutMessage(std::string(status.message())));
  }
  if (space.ok()) response->set_disk_free_bytes(space->free_bytes);
  if (sync.ok()) response->set_fsync_us(static_cast<std::uint64_t>(sync->count()));
}

/// Adds one finding for an error that several checks of the same database met.
void NoteUnlessSaid(const absl::Status& status, v1::DiagnoseResponse* response) {
  if (status.ok()) return;
  const std::string words = CutMessage(std::string(status.message()));
  const auto& said = response->findings();
  if (std::none_of(said.begin(), said.end(),
                   [&](const std::string& finding) { return absl::StrContains(finding, words); })) {
    response->add_findings(words);
  }
}

absl::Status WriteLooks(Looks& looks, const v1::ListAuditRequest& request,
                        grpc::ServerWriter<v1::AuditEntry>* writer) {
  ASSIGN_OR_RETURN(const std::vector<AuditRecord> records, looks.Last(request.limit()));
  v1::AuditEntry entry;
  for (const AuditRecord& look : records) {
    EncodeRecord(look, entry.mutable_record());
    if (!writer->Write(entry)) break;
  }
  return absl::OkStatus();
}

/// Writes the state of the chain, then the records, in pages: adding a record never waits for a reader.
absl::Status WriteAudit(Audit& audit, const grpc::ServerContext& context, const v1::ListAuditRequest& request,
                        grpc::ServerWriter<v1::AuditEntry>* writer) {
  ASSIGN_OR_RETURN(const AuditState state, audit.State());
  v1::AuditEntry entry;
  EncodeState(state, entry.mutable_state());
  if (!writer->Write(entry)) return absl::OkStatus();
  std::uint64_t after_id = state.before.id;
  if (request.limit() > 0 && state.last.id > request.limit()) {
    after_id = std::max(after_id, state.last.id - request.limit());
  }
  while (!context.IsCancelled()) {
    ASSIGN_OR_RETURN(const std::vector<AuditRecord> records, audit.After(after_id, kAuditPerLook));
    for (const AuditRecord& record : records) {
      entry.Clear();
      EncodeRecord(record, entry.mutable_record());
      if (!writer->Write(entry)) return absl::OkStatus();
      after_id = record.id;
    }
    if (records.size() < kAuditPerLook) break;
  }
  return absl::OkStatus();
}

}  // namespace

AdminService::AdminService(Gate& gate, Tenants& tenants, Events& events, Audit& audit, Looks& looks,
                           AuthenticatedTraffic& vouched, Reload reload, DatedKeys dated_keys,
                           const FreshnessWatch& freshness, const TimeSeries& time_series, Servers servers,
                           Storages& storages, HttpDoorLook look_at_door)
    : AdminChanges(gate, tenants, freshness, time_series, storages, std::move(look_at_door)),
      events_(events),
      audit_(audit),
      looks_(looks),
      vouched_(vouched),
      reload_(std::move(reload)),
      dated_keys_(std::move(dated_keys)),
      servers_(std::move(servers)) {}

grpc::Status AdminService::Serve(const grpc::ServerContext& context, Needs needs, const std::string& call,
                                 const std::function<absl::Status()>& act) {
  CallLog log("MirrorAdmin");
  const Peer peer = PeerOf(context);
  log.set_tenant(peer.name);
  // A connection with a role keeps its place, even if this call needs the other role.
  if (peer.roles.size() == 1) vouched_.Vouch(context.peer(), kVouchedBytes);
  absl::Status status = CheckRole(peer, needs != Needs::kViewer);
  // Its record gets a place before anything is done, or shown.
  bool acts = status.ok() && needs == Needs::kOperator;
  if (acts) {
    status = audit_.Reserve();
    acts = status.ok();
  }
  if (status.ok()) status = act();
  // A call that ended because the server stops was not cancelled by its caller.
  if (absl::IsCancelled(status) && stopping_ && !context.IsCancelled())
    status = absl::UnavailableError(absl::StrCat("this server stops: ", std::string(status.message())));
  if (acts) {
    audit_.Add(peer.name, call, status);
  } else {
    looks_.Add(peer.name, call, status, NowMs());
  }
  return ToRpcStatus(log.Finish(status));
}

// --- Tables --------------------------------------------------------------------

grpc::Status AdminService::ListTables(grpc::ServerContext* context, const v1::ListTablesRequest* request,
                                      v1::ListTablesResponse* response) {
  return ServeTenant(*context, Needs::kViewer, absl::StrCat("ListTables ", request->context_id()), *request,
                     [&](Tenant& tenant) -> absl::Status {
                       ASSIGN_OR_RETURN(const std::vector<TableInfo> tables, tenant.Tables());
                       const bool has_records = tenant.summary().HasRecords();
                       response->set_door(std::string(DoorWord(tenant.summary())));
                       for (const TableInfo& table : tables) {
                         v1::TableInfo* const message = response->add_tables();
                         message->set_table(table.record.table);
                         EncodePosition(table.record.position, message->mutable_position());
                         if (table.record.pending)
                           EncodePosition(*table.record.pending, message->mutable_pending());
                         message->set_schema_hash(table.record.schema_hash);
                         message->set_row_count(table.record.row_count);
                         message->set_state(StateOf(table));
                         message->set_columns(table.columns);
                         message->set_cycle(table.record.cycle);
                         if (!has_records) message->set_source_time_ms(table.source_ms);
                         if (!has_records) message->set_freshness_target_ms(table.target_ms);
                         EncodeCheck(table.check, message);
                         EncodeUnsent(table, message);
                       }
                       return absl::OkStatus();
                     });
}

grpc::Status AdminService::ListIndexes(grpc::ServerContext* context, const v1::ListIndexesRequest* request,
                                       v1::ListIndexesResponse* response) {
  return ServeTenant(*context, Needs::kViewer, absl::StrCat("ListIndexes ", request->context_id()), *request,
                     [&](Tenant& tenant) -> absl::Status {
                       ASSIGN_OR_RETURN(const std::vector<IndexesOfTable> tables,
                                        tenant.Indexes({request->tables().begin(), request->tables().end()}));
                       response->set_follow(tenant.follows_indexes());
                       for (const IndexesOfTable& table : tables) {
                         v1::TableIndexes* const message = response->add_tables();
                         message->set_table(table.table);
                         if (table.objects) EncodeObjects(*table.objects, message->mutable_source_objects());
                         for (const std::string& line : table.lines) message->add_lines(line);
                         for (const std::string& name : table.followed) message->add_followed(name);
                       }
                       return absl::OkStatus();
                     });
}

grpc::Status AdminService::PauseTenant(grpc::ServerContext* context, const v1::PauseTenantRequest* request,
                                       v1::PauseTenantResponse* response) {
  return Serve(*context, Needs::kOperator, absl::StrCat("PauseTenant ", request->context_id()),
               [&]() -> absl::Status {
                 if (request->reason().size() > kPauseReasonBytesMax) {
                   return absl::InvalidArgumentError(
                       absl::StrCat("the reason is over ", kPauseReasonBytesMax,
                                    " bytes. The tenant was not paused. Give a shorter one."));
                 }
                 ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant,
                                  FindAskedTenant(tenants_, request->context_id(), *context));
                 response->set_context_id(tenant->context_id());
                 absl::Status paused = tenant->Pause(request->reason(), SharedNowMs());
                 response->set_door(std::string(DoorWord(tenant->summary())));
                 return paused;
               });
}

grpc::Status AdminService::ResumeTenant(grpc::ServerContext* context, const v1::ResumeTenantRequest* request,
                                        v1::ResumeTenantResponse* response) {
  return ServeTenant(*context, Needs::kOperator, absl::StrCat("ResumeTenant ", request->context_id()),
                     *request, [&](Tenant& tenant) -> absl::Status {
                       response->set_context_id(tenant.context_id());
                       absl::Status resumed = tenant.Resume(SharedNowMs());
                       response->set_door(std::string(DoorWord(tenant.summary())));
                       return resumed;
                     });
}

grpc::Status AdminService::AllowTenant(grpc::ServerContext* context, const v1::AllowTenantRequest* request,
                                       v1::AllowTenantResponse* /*response*/) {
  return Serve(*context, Needs::kOperator, absl::StrCat("AllowTenant ", request->context_id()),
               [&]() -> absl::Status {
                 ASSIGN_OR_RETURN(const std::string allowed, tenants_.Allow(request->context_id()));
                 TellSpelling(allowed, request->context_id(), *context);
                 events_.Add(allowed, Severity::kInformation, "tenant.allowed",
                             "an operator allowed the deleted tenant to be mirrored again");
                 return absl::OkStatus();
               });
}

// --- Events, keys, health -----------------------------------------------------

grpc::Status AdminService::ListEvents(grpc::ServerContext* context, const v1::ListEventsRequest* request,
                                      v1::ListEventsResponse* response) {
  return Serve(*context, Needs::kViewer, absl::StrCat("ListEvents ", request->context_id()),
               [&]() -> absl::Status {
                 const std::uint32_t limit =
                     request->limit() == 0 ? kEventsDefault : std::min(request->limit(), kEventsMaxPerCall);
                 ASSIGN_OR_RETURN(EventFilter filter, FilterOf(*request));
                 filter.context_id = SpellingOf(tenants_, filter.context_id, *context);
                 ASSIGN_OR_RETURN(const std::vector<EventRecord> events,
                                  events_.Last(filter, request->before_id(), limit));
                 for (const EventRecord& event : events) EncodeEvent(event, response->add_events());
                 return absl::OkStatus();
               });
}

grpc::Status AdminService::WatchEvents(grpc::ServerContext* context, const v1::WatchEventsRequest* request,
                                       grpc::ServerWriter<v1::Event>* writer) {
  return Serve(*context, Needs::kViewer, absl::StrCat("WatchEvents ", request->context_id()),
               [&]() -> absl::Status {
                 return WatchWithin(watchers_, kWatchersMax, "events", "ListEvents",
                                    [&] { return Watch(*context, *request, writer); });
               });
}

absl::Status AdminService::Watch(grpc::ServerContext& context, const v1::WatchEventsRequest& request,
                                 grpc::ServerWriter<v1::Event>* writer) {
  std::uint64_t after_id = request.after_id();
  ASSIGN_OR_RETURN(EventFilter filter, FilterOf(request));
  filter.context_id = SpellingOf(tenants_, filter.context_id, context);
  while (!context.IsCancelled()) {
    if (stopping_) return absl::UnavailableError("the server stops. Watch again when it is back.");
    ASSIGN_OR_RETURN(const std::vector<EventRecord> events,
                     events_.After(filter.context_id, after_id, kEventsPerWatch));
    for (const EventRecord& event : events) {
      after_id = event.id;
      if (!Matches(filter, event)) continue;
      v1::Event message;
      EncodeEvent(event, &message);
      if (!writer->Write(message)) return absl::OkStatus();
    }
    if (events.size() < kEventsPerWatch) events_.Wait(kWatchPatience);
  }
  return absl::OkStatus();
}

grpc::Status AdminService::ListAudit(grpc::ServerContext* context, const v1::ListAuditRequest* request,
                                     grpc::ServerWriter<v1::AuditEntry>* writer) {
  return Serve(*context, Needs::kViewer, "ListAudit", [&] {
    return request->looks() ? WriteLooks(looks_, *request, writer)
                            : WriteAudit(audit_, *context, *request, writer);
  });
}

grpc::Status AdminService::ListKeys(grpc::ServerContext* context, const v1::ListKeysRequest* /*request*/,
                                    v1::ListKeysResponse* response) {
  return Serve(*context, Needs::kViewer, "ListKeys", [&] {
    const std::int64_t now_s = std::time(nullptr);
    for (const KeyInfo& key : gate_.keys()) {
      v1::KeyInfo* const message = response->add_keys();
      message->set_issuer(key.issuer);
      message->set_environment(key.environment);
      message->set_key_id(key.key_id);
      message->set_algorithm(std::string(ToString(key.algorithm)));
      message->set_not_before(key.not_before);
      message->set_not_after(key.not_after);
      message->set_thumbprint(absl::AsciiStrToUpper(key.thumbprint));
      message->set_state(StateOf(key, now_s));
    }
    for (const DatedKey& key : dated_keys_()) EncodeDated(key, response->add_dated());
    return absl::OkStatus();
  });
}

grpc::Status AdminService::ReloadKeys(grpc::ServerContext* context, const v1::ReloadKeysRequest* /*request*/,
                                      v1::ReloadKeysResponse* response) {
  return Serve(*context, Needs::kOperator, "ReloadKeys", [&]() -> absl::Status {
    const absl::StatusOr<std::size_t> keys = reload_();
    // The code of a file that cannot be read would look like one about the caller's own rights.
    if (!keys.ok()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the keys were not read again, and the old ones stay in force: ", keys.status().message()));
    }
    response->set_keys(static_cast<std::uint32_t>(*keys));
    return absl::OkStatus();
  });
}

grpc::Status AdminService::Diagnose(grpc::ServerContext* context, const v1::DiagnoseRequest* request,
                                    v1::DiagnoseResponse* response) {
  return Serve(*context, Needs::kViewer, absl::StrCat("Diagnose ", request->context_id()),
               [&]() -> absl::Status {
                 ASSIGN_OR_RETURN(const auto asked,
                                  FindAsked(tenants_, SpellingOf(tenants_, request->context_id(), *context)));
                 DiagnoseDisk(tenants_.home(), response);
                 NoteUnlessSaid(servers_().status(), response);
                 response->set_open_tenants(static_cast<std::uint32_t>(tenants_.open_count()));
                 response->set_open_tenants_max(static_cast<std::uint32_t>(tenants_.open_max()));
                 for (const std::shared_ptr<Tenant>& tenant : asked) {
                   if (context->IsCancelled()) return absl::CancelledError("the call was cancelled");
                   const absl::Status sound = tenant->CheckIntegrity();
                   v1::DiagnoseResponse::Store* const store = response->add_stores();
                   store->set_context_id(tenant->context_id());
                   store->set_ok(sound.ok());
                   store->set_detail(sound.ok() ? "ok" : CutMessage(std::string(sound.message())));
                 }
                 for (const DatedKey& key : dated_keys_()) EncodeDated(key, response->add_keys());
                 response->set_server_time_ms(NowMs());  // Last, so that no check comes after it.
                 return absl::OkStatus();
               });
}

grpc::Status AdminService::ListServers(grpc::ServerContext* context,
                                       const v1::ListServersRequest* /*request*/,
                                       v1::ListServersResponse* response) {
  return Serve(*context, Needs::kOperatorLook, "ListServers", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<ListedServer> servers, servers_());
    for (const ListedServer& server : servers) {
      v1::ServerInfo* const message = response->add_servers();
      message->set_server_id(server.server_id);
      message->set_host(server.host);
      message->set_address(server.address);
      message->set_admin_address(server.admin_address);
      message->set_version(server.version);
      message->set_rules(server.rules);
      message->set_clock_ahead_ms(server.clock_ahead_ms);
      message->set_started_ms(server.started_ms);
      message->set_silent_ms(server.silent_ms);
      message->mutable_duties()->Add(server.duties.begin(), server.duties.end());
      message->set_here(server.here);
      message->mutable_closed_places()->Add(server.closed_places.begin(), server.closed_places.end());
    }
    return absl::OkStatus();
  });
}

}  // namespace mirror
