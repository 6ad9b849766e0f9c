#include "server/rpc/mirror_service.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/clocks/shared_clock.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/codec.h"
#include "proto/wire/limits.h"
#include "proto/wire/receipt.h"
#include "proto/wire/refusal.h"
#include "proto/wire/source_objects_codec.h"
#include "server/hub/hubs.h"
#include "server/plan/announce_plan.h"
#include "server/plan/caller.h"
#include "server/rpc/call_log.h"
#include "server/rpc/encode_outcome.h"
#include "server/rpc/request_check.h"
#include "server/rpc/row_decoder.h"
#include "server/rpc/rpc_status.h"
#include "server/rpc/source_words.h"
#include "server/tenant/dry_run.h"
#include "server/tenant/tenant.h"

namespace mirror {
namespace {

/// Where the mirror has the table, and what the announcement would make of it.
absl::Status EncodePlanned(Snapshot& snapshot, const SchemaAnswer& answer, v1::TableStatus* status) {
  status->set_table(answer.table);
  const auto action = static_cast<SchemaAction>(answer.action);
  status->set_wanted(IsWanted(action));
  status->set_action(static_cast<v1::TableAction>(action));
  status->set_reason(SourceWords(answer.reason));
  ASSIGN_OR_RETURN(const std::optional<TableRecord> record, snapshot.ReadTable(answer.table));
  EncodePosition(record ? record->position : Position{}, status->mutable_position());
  status->set_row_count(record ? record->row_count : -1);
  return absl::OkStatus();
}

/// TableSchema as a dry run: `tables` are those of the request. Errors: as Tenant::LookAtAnnouncement();
/// kInvalidArgument: the request names a cycle.
absl::Status LookAtAnnouncement(Tenant& tenant, const Caller& caller, const v1::TableSchemaRequest& request,
                                const std::vector<AnnouncedTable>& tables, std::int64_t now_ms,
                                const GoOn& go_on, v1::TableSchemaResponse* response) {
  if (request.cycle() != 0) {
    return absl::InvalidArgumentError(
        "a dry run is part of no cycle, and the request names one. Nothing was done. Leave 'cycle' out.");
  }
  const absl::StatusOr<LookedAnnouncement> looked =
      tenant.LookAtAnnouncement(caller, request.source_id(), tables, now_ms);
  if (!looked.ok()) return looked.status();
  ASSIGN_OR_RETURN(const std::vector<AnnouncedLoss> losses, CountLosses(*looked, go_on));
  for (const SchemaAnswer& answer : looked->planned.answers) {
    RETURN_IF_ERROR(EncodePlanned(*looked->snapshot, answer, response->add_tables()));
  }
  for (const AnnouncedLoss& loss : losses) {
    v1::AnnouncedLoss* const message = response->add_losses();
    message->set_table(loss.table);
    message->set_retired(loss.retired);
    message->set_rows(loss.rows);
    message->mutable_columns()->Add(loss.columns.begin(), loss.columns.end());
    message->set_values(loss.values);
    message->set_held(loss.held);
  }
  return absl::OkStatus();
}

std::vector<AnnouncedTable> DecodeTables(const v1::TableSchemaRequest& request, const WireLimits& limits) {
  std::map<std::string, int> times;
  for (const v1::Table& table : request.tables()) ++times[FoldName(table.name())];
  std::vector<AnnouncedTable> tables;
  tables.reserve(static_cast<std::size_t>(request.tables_size()));
  for (const v1::Table& message : request.tables()) {
    AnnouncedTable table{message.name(), DecodeTable(message, limits)};
    if (table.schema.ok() && message.has_source_objects()) {
      absl::StatusOr<SourceObjects> objects = DecodeObjects(message.source_objects(), *table.schema);
      if (objects.ok()) {
        table.objects = *std::move(objects);
      } else {
        table.objects = objects.status();
      }
    }
    const auto place = static_cast<int>(tables.size());
    if (request.table_identities_size() == request.tables_size())
      table.identity = request.table_identities(place);
    if (times[FoldName(message.name())] > 1) {
      table.schema = absl::InvalidArgumentError(absl::StrCat(
          "table '", message.name(), "' is announced twice (names are compared by ASCII case only). ",
          "Neither is mirrored. Announce each table once."));
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

absl::Status CheckAnnouncement(const v1::TableSchemaRequest& request, const WireLimits& limits) {
  if (static_cast<std::uint64_t>(request.tables_size()) > limits.tables_max) {
    return absl::ResourceExhaustedError(
        absl::StrCat(request.tables_size(), " tables; the limit is ", limits.tables_max,
                     ". Nothing was changed. Announce fewer tables, or give the endpoint's [limits] "
                     "'tables_max' more."));
  }
  if (request.source_id().empty() || request.source_id().size() > kSourceIdBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("'source_id' must have 1 to ", kSourceIdBytesMax,
                     " bytes. Nothing was changed. Send the id that was made when the "
                     "source was installed."));
  }
  return absl::OkStatus();
}

/// Gives what tells one set of rules from another; empty when all columns are kept as they are sent.
std::string SetColumnRules(const ColumnRules& rules, std::vector<AnnouncedTable>* tables) {
  std::string told;
  for (AnnouncedTable& table : *tables) {
    if (!table.schema.ok()) continue;
    if (absl::Status status = rules.Set(&*table.schema); !status.ok()) {
      absl::StrAppend(&told, std::string(status.message()));
      table.schema = std::move(status);
    } else if (PlainColumns(*table.schema).size() < table.schema->columns.size()) {
      absl::StrAppend(&told, SchemaHash(*table.schema));
    }
  }
  return told;
}

void EncodeStatus(const TableAnswer& answer, const AnnouncedTable& table, v1::TableStatus* status) {
  status->set_table(answer.table);
  status->set_wanted(answer.wanted);
  if (answer.wanted && table.schema.ok()) {
    for (const Column& column : table.schema->columns) {
      status->add_rules(static_cast<v1::ColumnRule>(column.rule));
    }
  }
  EncodePosition(answer.position, status->mutable_position());
  if (answer.pending) EncodePosition(*answer.pending, status->mutable_pending());
  status->set_schema_hash(answer.schema_hash);
  status->set_action(static_cast<v1::TableAction>(answer.action));
  status->set_reason(SourceWords(answer.reason));
  status->set_row_count(answer.row_count);
  status->set_verify_wanted(answer.verify_wanted);
  status->set_source_accepted(answer.source_accepted);
}

void Encode(const Announcement& answer, const std::vector<AnnouncedTable>& tables,
            v1::TableSchemaResponse* response) {
  for (const std::string& table : answer.held_tables) response->add_held_tables(table);
  response->set_held_reason(SourceWords(answer.held_reason));
  for (std::size_t i = 0; i < answer.tables.size(); ++i) {
    EncodeStatus(answer.tables[i], tables[i], response->add_tables());
  }
}

}  // namespace

Announcements::Announcements(const WireLimits& limits, std::function<absl::Status()> may_agree)
    : limits_(limits), may_agree_(std::move(may_agree)) {}

absl::Status Announcements::Announce(const Caller& caller, Tenant& tenant, v1::TableSchemaRequest* request,
                                     v1::TableSchemaResponse* response) {
  RETURN_IF_ERROR(MayAgree());
  const std::int64_t cycle = request->cycle();
  request->clear_cycle();
  const std::string sha256 = AnnouncementSha256(*request);
  const absl::StatusOr<Decoded> decoded = Decode(tenant, *request);
  if (!decoded.ok()) {
    tenant.NoteRefusedAnnouncement(cycle, std::string(decoded.status().message()));
    return decoded.status();
  }
  ASSIGN_OR_RETURN(const Announcement answer,
                   tenant.Announce(caller, cycle, request->source_id(), HexDigest(sha256 + decoded->rules),
                                   decoded->tables, SharedNowMs()));
  Encode(answer, decoded->tables, response);
  // One that set a table aside is to come again: that is when such tables are dropped.
  if (answer.repeats) {
    kept_.Keep(caller.context_id, sha256, request->SerializeAsString(), std::chrono::steady_clock::now());
  } else {
    kept_.Forget(caller.context_id);
  }
  return absl::OkStatus();
}

absl::Status Announcements::Look(const Caller& caller, Tenant& tenant, const v1::TableSchemaRequest& request,
                                 const GoOn& go_on, v1::TableSchemaResponse* response) {
  RETURN_IF_ERROR(MayAgree());
  ASSIGN_OR_RETURN(const Decoded decoded, Decode(tenant, request));
  return LookAtAnnouncement(tenant, caller, request, decoded.tables, SharedNowMs(), go_on, response);
}

void Announcements::AnnounceKept(const Caller& caller, Tenant& tenant, std::int64_t cycle,
                                 const std::string& sha256, v1::AuthenticateResponse* response) {
  const std::optional<std::string> kept =
      kept_.Find(caller.context_id, sha256, std::chrono::steady_clock::now());
  v1::TableSchemaRequest request;
  if (!kept || !MayAgree().ok() || !request.ParseFromString(*kept)) return;
  const absl::StatusOr<Decoded> decoded = Decode(tenant, request);
  if (!decoded.ok()) return;
  const absl::StatusOr<Announcement> answer =
      tenant.Announce(caller, cycle, request.source_id(), HexDigest(sha256 + decoded->rules), decoded->tables,
                      SharedNowMs(), Tenant::Announcing::kRepetition);
  if (answer.ok()) Encode(*answer, decoded->tables, response->mutable_announced());
}

absl::Status Announcements::MayAgree() const { return may_agree_ ? may_agree_() : absl::OkStatus(); }

absl::StatusOr<Announcements::Decoded> Announcements::Decode(const Tenant& tenant,
                                                             const v1::TableSchemaRequest& request) const {
  RETURN_IF_ERROR(CheckAnnouncement(request, limits_));
  Decoded decoded;
  decoded.tables = DecodeTables(request, limits_);
  decoded.rules = SetColumnRules(tenant.column_rules(), &decoded.tables);
  return decoded;
}

namespace {

/// What this endpoint can do beyond the first version of the protocol.
constexpr const char* kCapabilities[] = {"row_data_stream", "advance",     "value_parts",
                                         "digest_ranges",   "source_time", kUnsentCapability};
/// Where the tenant has them.
constexpr char kReceiptsCapability[] = "receipts";
/// Where it is a member of a hub.
constexpr char kDeliveriesCapability[] = "deliveries";

WireLimits WireLimitsOf(const LimitsConfig& config) {
  WireLimits limits;
  limits.message_bytes_max = config.message_bytes_max;
  limits.tables_max = config.tables_max;
  limits.columns_max = config.columns_max;
  limits.batch_rows_max = config.batch_rows_max;
  limits.batch_cells_max = config.batch_cells_max;
  limits.value_bytes_max = config.value_bytes_max;
  return limits;
}

std::string BusyText(const BusyCycle& busy, const std::string& context_id, std::chrono::seconds idle) {
  return absl::StrCat("cycle ", busy.cycle, " is at work since ", FormatUnixTime(busy.since_ms / 1'000),
                      ". No cycle began. Try again later: a cycle that makes no progress for ", idle.count(),
                      " s is over; if no source runs it, as after a change by hand, 'mirrorctl resume ",
                      context_id, "' ends it.");
}

void EncodeAdmission(const Admission& admission, const std::string& context_id,
                     std::chrono::seconds cycle_idle, v1::AuthenticateResponse* response) {
  response->set_accepted(admission.accepted);
  response->set_cycle(admission.cycle);
  if (admission.busy) {
    response->mutable_busy()->set_cycle(admission.busy->cycle);
    response->mutable_busy()->set_holder(admission.busy->holder);
    response->mutable_busy()->set_since_ms(admission.busy->since_ms);
  }
  response->set_do_not_replicate(admission.do_not_replicate);
  response->set_do_not_replicate_by(static_cast<v1::DoNotReplicateBy>(admission.by));
  response->set_reason(
      SourceWords(admission.busy ? BusyText(*admission.busy, context_id, cycle_idle) : admission.reason));
}

/// What ends the cycle with the rows of the request. Absent: nothing does. What is wrong with it is told when
/// ReplicationCompleted is called.
std::optional<Completion> EndOf(const v1::RowDataRequest& request, const WireLimits& limits) {
  if (!request.has_completed() || request.completed().cycle() != request.cycle()) return std::nullopt;
  absl::StatusOr<Completion> end = DecodeCompletion(request.completed(), limits);
  return end.ok() ? std::optional(*std::move(end)) : std::nullopt;
}

/// Whether the caller gave up. A call that waited for a lock, or hung with its process, may begin a cycle
/// long after that: nobody would know its number, and it would be in others' way until it is idle.
bool HasLeft(const grpc::ServerContext& context) {
  return context.IsCancelled() || context.deadline() < std::chrono::system_clock::now();
}

}  // namespace

MirrorService::MirrorService(Gate& gate, Tenants& tenants, const LimitsConfig& limits, HookRunner* hooks,
                             ServerCounters& counters, std::function<absl::Status()> may_agree, Hubs* hubs)
    : gate_(gate),
      tenants_(tenants),
      hooks_(hooks),
      counters_(counters),
      hubs_(hubs),
      limits_(WireLimitsOf(limits)),
      announcements_(limits_, std::move(may_agree)),
      streams_per_tenant_max_(limits.streams_per_tenant_max),
      cycle_idle_(limits.cycle_idle),
      in_flight_({limits.bytes_in_flight_tenant_max, limits.bytes_in_flight_max,
                  limits.streams_per_tenant_max, limits.calls_max}) {}

MirrorService::Refused MirrorService::TakeRefused() {
  const MutexLock lock(refused_mutex_);
  return std::exchange(refused_, {});
}

/// The first lines of every call but Authenticate.
grpc::Status MirrorService::Admit(const char* name, const grpc::ServerContext& context,
                                  const std::function<absl::Status(const Caller&)>& work) {
  CallLog log(name, counters_);
  const absl::StatusOr<Caller> caller = gate_.Admit(context);
  if (!caller.ok()) return log.Finish(caller.status());
  log.set_tenant(caller->context_id);
  return log.Finish(work(*caller));
}

grpc::Status MirrorService::Serve(const char* name, const grpc::ServerContext& context,
                                  const std::function<absl::Status(const Caller&, InFlight::Call&)>& work) {
  return Admit(name, context, [&](const Caller& caller) -> absl::Status {
    absl::StatusOr<InFlight::Call> place = in_flight_.BeginCall(caller.context_id);
    return place.ok() ? work(caller, *place) : place.status();
  });
}

// --- Authenticate -------------------------------------------------------------

grpc::Status MirrorService::Authenticate(grpc::ServerContext* context, const v1::AuthenticateRequest* request,
                                         v1::AuthenticateResponse* response) {
  CallLog log("Authenticate", counters_);
  const absl::StatusOr<Caller> caller = gate_.AdmitToken(request->request_token());
  if (!caller.ok()) {
    const MutexLock lock(refused_mutex_);
    ++refused_.calls;
    refused_.last = std::string(caller.status().message());
    AddRefusal(caller.status(), context);
    return log.Finish(caller.status());
  }
  log.set_tenant(caller->context_id);
  const absl::StatusOr<InFlight::Call> place = in_flight_.BeginCall(caller->context_id);
  if (!place.ok()) return log.Finish(place.status());
  const absl::Status done = DoAuthenticate(*context, *caller, *request, response);
  if (!request->probe()) NoteOutcome(caller->context_id, done, *response);
  if (!response->accepted()) tenants_.ForgetUnlessThere(caller->context_id);
  AddRefusal(done, context);
  return log.Finish(done);
}

/// An operator is to see that a tenant's cycles cannot begin. Who was not let in says nothing of the tenant.
void MirrorService::NoteOutcome(const std::string& context_id, const absl::Status& done,
                                const v1::AuthenticateResponse& response) {
  if (response.accepted()) return tenants_.NoteBegun(context_id);
  if (response.do_not_replicate_by() == v1::DO_NOT_REPLICATE_BY_HOOK) {
    // Who is kept out from the first is nobody's tenant.
    if (!tenants_.home().Exists(context_id)) return;
    return tenants_.NoteFailure(context_id, absl::StrCat("a hook refuses its cycles: ", response.reason()));
  }
  if (done.ok() || absl::IsPermissionDenied(done) || absl::IsUnauthenticated(done)) return;
  tenants_.NoteFailure(context_id, std::string(done.message()));
}

/// Before anybody is asked about it, a token is used: one that a hook refuses must not be good for another
/// try, nor run the hook again. Where the mirror remembers it, `caller` is left without its nonce.
absl::StatusOr<Admission> MirrorService::UseToken(Caller* caller, Tenant& tenant, std::int64_t now_ms) {
  if (!tenants_.home().Exists(caller->context_id)) {
    RETURN_IF_ERROR(asked_.Add(*caller, now_ms));
    return Admission{};
  }
  absl::StatusOr<Admission> looked = tenant.Authenticate(*caller, "", false, /*probe=*/true, now_ms);
  if (looked.ok()) caller->nonce.clear();
  return looked;
}

/// Before a cycle begins, and before a mirror is made for it. A text: the reason why there shall be none.
absl::StatusOr<std::string> MirrorService::AskHooks(const Caller& caller) {
  const HookCaller asking{caller.context_id, caller.issuer, caller.environment};
  if (!tenants_.home().Exists(caller.context_id)) {
    RETURN_IF_ERROR(hooks_->ResolveConnection(asking));
  }
  return hooks_->Authenticated(asking);
}

/// Where hooks are asked, they are so before a cycle begins.
absl::StatusOr<Admission> MirrorService::Begin(const Caller& caller, const v1::AuthenticateRequest& request,
                                               Tenant& tenant, std::int64_t now_ms) {
  Caller beginning = caller;
  if (hooks_ != nullptr && !request.probe() && hooks_->Asks(caller.context_id)) {
    absl::StatusOr<Admission> looked = UseToken(&beginning, tenant, now_ms);
    if (!looked.ok() || looked->do_not_replicate) return looked;
    ASSIGN_OR_RETURN(std::string refusal, AskHooks(caller));
    if (!refusal.empty()) {
      return Admission{.do_not_replicate = true, .by = PausedBy::kHook, .reason = std::move(refusal)};
    }
  }
  std::optional<SourceCycles> known;
  if (request.has_completing()) known = SourceCycles{request.completing(), request.completed()};
  return tenant.Authenticate(beginning, request.holder(), request.take_over(), request.probe(), now_ms,
                             known);
}

absl::Status MirrorService::DoAuthenticate(const grpc::ServerContext& context, const Caller& caller,
                                           const v1::AuthenticateRequest& request,
                                           v1::AuthenticateResponse* response) {
  if (request.holder().size() > kHolderBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("'holder' is over ", kHolderBytesMax,
                                                   " bytes. No cycle began. Send a shorter random id."));
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant, tenants_.FindOrTakeIn(caller));
  const std::int64_t now_ms = SharedNowMs();
  if (tenant == nullptr) return AnswerDeleted(caller, now_ms, response);
  ASSIGN_OR_RETURN(const Admission admission, Begin(caller, request, *tenant, now_ms));
  if (admission.accepted && !request.announced_sha256().empty()) {
    announcements_.AnnounceKept(caller, *tenant, admission.cycle, request.announced_sha256(), response);
  }
  if (admission.accepted && HasLeft(context)) {
    tenant->TakeBack(admission.cycle, SharedNowMs());
    return absl::CancelledError("the caller was gone before its cycle began. No cycle runs.");
  }
  if (hubs_ != nullptr && hubs_->HasMember(caller.context_id)) {
    response->add_capabilities(kDeliveriesCapability);
  }
  Answer answer;
  answer.nonce = caller.nonce;
  answer.context_id = caller.context_id;
  answer.cycle = admission.cycle;
  ReceiptHead head;
  if (tenant->keeps_receipts()) {
    response->add_capabilities(kReceiptsCapability);
    if (admission.accepted) {
      ASSIGN_OR_RETURN(Tenant::Receipts receipts,
                       tenant->ReadReceipts({request.receipts_after(),
                                             BytesOfHex(request.receipts_after_sha256(), 32).value_or("")},
                                            now_ms));
      for (std::string& text : receipts.texts) response->add_receipts(std::move(text));
      head = receipts.head;
      answer.receipts = SignedHead{head.number, HexOf(head.hash)};
    }
  }
  ASSIGN_OR_RETURN(std::string signed_answer, gate_.Sign(std::move(answer)));
  if (head.number > 0) (tenant)->SignedReceipts(head);
  response->set_signed_response(std::move(signed_answer));
  EncodeAdmission(admission, caller.context_id, cycle_idle_, response);
  FillTerms(caller, now_ms, response);
  return absl::OkStatus();
}

/// No database is there that could remember the nonce.
absl::Status MirrorService::AnswerDeleted(const Caller& caller, std::int64_t now_ms,
                                          v1::AuthenticateResponse* response) {
  RETURN_IF_ERROR(asked_.Add(caller, now_ms));
  Answer answer;
  answer.nonce = caller.nonce;
  answer.context_id = caller.context_id;
  ASSIGN_OR_RETURN(std::string signed_answer, gate_.Sign(std::move(answer)));
  counters_.cycles_told_not.Add();
  response->set_signed_response(std::move(signed_answer));
  response->set_do_not_replicate(true);
  response->set_do_not_replicate_by(v1::DO_NOT_REPLICATE_BY_DELETED);
  response->set_reason("the mirror's operator deleted this mirror and did not allow it again");
  FillTerms(caller, now_ms, response);
  return absl::OkStatus();
}

/// What holds for every source, and who answers.
void MirrorService::FillTerms(const Caller& caller, std::int64_t now_ms,
                              v1::AuthenticateResponse* response) const {
  for (const char* const capability : kCapabilities) response->add_capabilities(capability);
  v1::Limits* const limits = response->mutable_limits();
  limits->set_message_bytes_max(limits_.message_bytes_max);
  limits->set_tables_max(limits_.tables_max);
  limits->set_columns_max(limits_.columns_max);
  limits->set_batch_rows_max(limits_.batch_rows_max);
  limits->set_batch_cells_max(limits_.batch_cells_max);
  limits->set_value_bytes_max(limits_.value_bytes_max);
  limits->set_part_bytes_max(PartBytesMax(limits_));
  limits->set_streams_per_tenant_max(streams_per_tenant_max_);
  limits->set_digest_ranges_max(kDigestRangesMax);
  limits->set_message_entries_max(kMessageEntriesMax);
  response->set_server_version(MIRROR_VERSION);
  response->set_server_time_ms(now_ms);
  response->set_application_id(caller.application_id);
}

// --- TableSchema --------------------------------------------------------------

grpc::Status MirrorService::TableSchema(grpc::ServerContext* context, v1::TableSchemaRequest* request,
                                        v1::TableSchemaResponse* response) {
  return Serve("TableSchema", *context, [&](const Caller& caller, InFlight::Call&) {
    return DoTableSchema(*context, caller, request, response);
  });
}

absl::Status MirrorService::DoTableSchema(const grpc::ServerContext& context, const Caller& caller,
                                          v1::TableSchemaRequest* request,
                                          v1::TableSchemaResponse* response) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant, tenants_.Find(caller));
  if (!request->dry_run()) return announcements_.Announce(caller, *tenant, request, response);
  return announcements_.Look(
      caller, *tenant, *request, [&context] { return !context.IsCancelled(); }, response);
}

// --- RowData ------------------------------------------------------------------

grpc::Status MirrorService::RowData(grpc::ServerContext* context, const v1::RowDataRequest* request,
                                    v1::RowDataResponse* response) {
  return Serve("RowData", *context, [&](const Caller& caller, InFlight::Call& place) -> absl::Status {
    ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant, tenants_.Find(caller));
    return DoRowData(caller, *tenant, *request, place.MayWait(request->ByteSizeLong()), response);
  });
}

absl::Status MirrorService::DoRowData(const Caller& caller, Tenant& tenant, const v1::RowDataRequest& request,
                                      bool wait_for_gaps, v1::RowDataResponse* response) {
  RowRequest rows;
  const RowDecoder decoder(caller, tenant, limits_);
  RETURN_IF_ERROR(decoder.Decode(request, &rows, response));
  rows.bytes = request.ByteSizeLong();
  // Where a part was refused the cycle goes on.
  std::optional<Completion> end;
  if (response->results_size() == 0) end = EndOf(request, limits_);
  const Tenant::LastRows last =
      end ? tenant.ApplyAndComplete(caller, rows, wait_for_gaps, *end, SharedNowMs())
          : Tenant::LastRows{tenant.Apply(caller, rows, wait_for_gaps, SharedNowMs()), std::nullopt};
  if (!last.rows.ok()) return last.rows.status();
  EncodeOutcomes(*last.rows, response);
  if (last.verdicts) {
    AnswerCompleted(caller, rows.cycle, tenant, *last.verdicts, response->mutable_completed());
  }
  return absl::OkStatus();
}

// --- The rest -----------------------------------------------------------------

grpc::Status MirrorService::Wipe(grpc::ServerContext* context, const v1::WipeRequest* request,
                                 v1::WipeResponse* response) {
  return Serve("Wipe", *context,
               [&](const Caller& caller, InFlight::Call&) { return DoWipe(caller, *request, response); });
}

absl::Status MirrorService::DoWipe(const Caller& caller, const v1::WipeRequest& request,
                                   v1::WipeResponse* response) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant, tenants_.Find(caller));
  if (absl::Status status = CheckPosition("'target'", request.has_target(), request.target()); !status.ok()) {
    return status;
  }
  // A reason that is not known here is none that matters here.
  const PopulateReason reason =
      v1::PopulateReason_IsValid(request.reason()) && request.reason() != v1::POPULATE_REASON_UNSPECIFIED
          ? static_cast<PopulateReason>(request.reason())
          : PopulateReason::kRequested;
  ASSIGN_OR_RETURN(const BatchOutcome outcome,
                   tenant->Wipe(caller, request.cycle(), request.table(), DecodePosition(request.target()),
                                reason, SharedNowMs()));
  EncodeOutcome(outcome, response->mutable_result());
  return absl::OkStatus();
}

grpc::Status MirrorService::ReplicationCompleted(grpc::ServerContext* context,
                                                 const v1::ReplicationCompletedRequest* request,
                                                 v1::ReplicationCompletedResponse* response) {
  return Serve("ReplicationCompleted", *context,
               [&](const Caller& caller, InFlight::Call&) { return DoComplete(caller, *request, response); });
}

absl::Status MirrorService::DoComplete(const Caller& caller, const v1::ReplicationCompletedRequest& request,
                                       v1::ReplicationCompletedResponse* response) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant, tenants_.Find(caller));
  ASSIGN_OR_RETURN(const Completion completion, DecodeCompletion(request, limits_));
  ASSIGN_OR_RETURN(const std::vector<TableVerdict> verdicts,
                   tenant->Complete(caller, request.cycle(), completion.tables, SharedNowMs(),
                                    completion.as_of, completion.unsent));
  AnswerCompleted(caller, request.cycle(), *tenant, verdicts, response);
  return absl::OkStatus();
}

/// The cycle is over whatever comes of it: receipts that are not signed now are so with the next
/// Authenticate.
void MirrorService::AnswerCompleted(const Caller& caller, std::int64_t cycle, Tenant& tenant,
                                    const std::vector<TableVerdict>& verdicts,
                                    v1::ReplicationCompletedResponse* response) {
  if (hubs_ != nullptr) hubs_->NoteCompleted(caller.context_id);
  for (const TableVerdict& verdict : verdicts) {
    v1::TableVerdict* const message = response->add_tables();
    message->set_table(verdict.table);
    message->set_comparison(static_cast<v1::Comparison>(verdict.comparison));
    message->set_reason(SourceWords(verdict.reason));
  }
  const absl::StatusOr<std::optional<ReceiptHead>> head = tenant.UnsignedReceipts();
  if (!head.ok() || !*head) return;
  const SignedHead end{(*head)->number, HexOf((*head)->hash)};
  absl::StatusOr<std::string> receipts = gate_.SignReceipts({"", caller.context_id, "", cycle, 0, end});
  if (!receipts.ok()) return;
  response->set_signed_receipts(*std::move(receipts));
  tenant.SignedReceipts(**head);
}

}  // namespace mirror
