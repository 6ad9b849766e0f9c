#include "server/source/source_calls.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/human_text.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "proto/wire/codec.h"
#include "proto/wire/heartbeat.h"
#include "proto/wire/receipt.h"
#include "proto/wire/refusal.h"
#include "server/hub/hubs.h"
#include "server/source/encode_outcome.h"
#include "server/source/request_check.h"
#include "server/source/source_words.h"

namespace mirror {
namespace {

/// Capabilities of this endpoint beyond the first version of the protocol.
constexpr const char* kCapabilities[] = {"row_data_stream",   "advance",     "value_parts",
                                         "digest_ranges",     "source_time", kUnsentCapability,
                                         kHeartbeatCapability};
/// For tenants with receipts.
constexpr char kReceiptsCapability[] = "receipts";
/// For members of a hub.
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
  return absl::StrCat("cycle ", busy.cycle, " has been running since ", FormatUnixTime(busy.since_ms / 1'000),
                      ". No cycle began. Try again later: a cycle that makes no progress for ", idle.count(),
                      " s ends; if no source runs it, as after a change by hand, 'mirrorctl resume ",
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

/// Returns the completion that comes with the rows of the request. Absent: none does. Its faults
/// are reported when ReplicationCompleted is called.
std::optional<Completion> EndOf(const v1::RowDataRequest& request, const WireLimits& limits) {
  if (!request.has_completed() || request.completed().cycle() != request.cycle()) return std::nullopt;
  absl::StatusOr<Completion> end = DecodeCompletion(request.completed(), limits);
  return end.ok() ? std::optional(*std::move(end)) : std::nullopt;
}

}  // namespace

SourceCalls::SourceCalls(Gate& gate, Tenants& tenants, const LimitsConfig& limits, HookRunner* hooks,
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

absl::StatusOr<SourceCalls::Served> SourceCalls::Serve(const Caller& caller) {
  ASSIGN_OR_RETURN(InFlight::Call place, in_flight_.BeginCall(caller.context_id));
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> tenant, tenants_.Find(caller));
  return Served{std::move(place), std::move(tenant)};
}

// --- Authenticate -------------------------------------------------------------

absl::Status SourceCalls::Authenticate(SourceCall& call, const v1::AuthenticateRequest& request,
                                       v1::AuthenticateResponse* response) {
  const std::string& context_id = call.caller().context_id;
  ASSIGN_OR_RETURN(const InFlight::Call place, in_flight_.BeginCall(context_id));
  absl::Status done = AnswerBegin(call, request, response);
  if (!request.probe()) NoteOutcome(context_id, done, *response);
  if (!response->accepted()) tenants_.ForgetUnlessThere(context_id);
  return done;
}

/// Shows an operator that a tenant's cycles cannot begin. A caller that was not admitted says nothing of it.
void SourceCalls::NoteOutcome(const std::string& context_id, const absl::Status& done,
                              const v1::AuthenticateResponse& response) {
  if (response.accepted()) return tenants_.NoteBegun(context_id);
  if (response.do_not_replicate_by() == v1::DO_NOT_REPLICATE_BY_HOOK) {
    // A caller that was refused from the first has no tenant.
    if (!tenants_.home().Exists(context_id)) return;
    return tenants_.NoteFailure(context_id, absl::StrCat("a hook refuses its cycles: ", response.reason()));
  }
  if (done.ok() || absl::IsPermissionDenied(done) || absl::IsUnauthenticated(done)) return;
  tenants_.NoteFailure(context_id, std::string(done.message()));
}

/// Uses up a token before hooks are asked: a token that a hook refuses must not be good for another try, nor
/// run the hook again. If the mirror remembers the nonce, this removes it from `caller`.
absl::StatusOr<Admission> SourceCalls::UseToken(Caller* caller, Tenant& tenant, std::int64_t now_ms) {
  if (!tenants_.home().Exists(caller->context_id)) {
    RETURN_IF_ERROR(asked_.Add(*caller, now_ms));
    return Admission{};
  }
  absl::StatusOr<Admission> looked = tenant.Authenticate(*caller, "", false, /*probe=*/true, now_ms);
  if (looked.ok()) caller->nonce.clear();
  return looked;
}

/// Asks before a cycle begins, and before a mirror is made for it. Returns a text: why none may begin.
absl::StatusOr<std::string> SourceCalls::AskHooks(const Caller& caller) {
  const HookCaller asking{caller.context_id, caller.issuer, caller.environment};
  if (!tenants_.home().Exists(caller.context_id)) RETURN_IF_ERROR(hooks_->ResolveConnection(asking));
  return hooks_->Authenticated(asking);
}

/// Begins a cycle; hooks, if there are any, are asked first.
absl::StatusOr<Admission> SourceCalls::BeginCycle(const Caller& caller,
                                                  const v1::AuthenticateRequest& request, Tenant& tenant,
                                                  std::int64_t now_ms) {
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

absl::Status SourceCalls::AnswerBegin(const SourceCall& call, const v1::AuthenticateRequest& request,
                                      v1::AuthenticateResponse* response) {
  const Caller& caller = call.caller();
  if (request.holder().size() > kHolderBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("'holder' is over ", kHolderBytesMax,
                                                   " bytes. No cycle began. Send a shorter random id."));
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant, tenants_.FindOrTakeIn(caller));
  const std::int64_t now_ms = SharedNowMs();
  if (tenant == nullptr) return AnswerDeleted(caller, now_ms, response);
  ASSIGN_OR_RETURN(const Admission admission, BeginCycle(caller, request, *tenant, now_ms));
  if (admission.accepted && !request.announced_sha256().empty()) {
    announcements_.AnnounceKept(caller, *tenant, admission.cycle, request.announced_sha256(), response);
  }
  if (admission.accepted && call.HasLeft()) {
    tenant->TakeBack(admission.cycle, SharedNowMs());
    return absl::CancelledError("the caller left before its cycle began. No cycle runs.");
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
  if (head.number > 0) tenant->SignedReceipts(head);
  response->set_signed_response(std::move(signed_answer));
  EncodeAdmission(admission, caller.context_id, cycle_idle_, response);
  FillTerms(caller, now_ms, response);
  return absl::OkStatus();
}

/// Answers for a deleted tenant: no database exists that could remember the nonce.
absl::Status SourceCalls::AnswerDeleted(const Caller& caller, std::int64_t now_ms,
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

/// Fills in what holds for every source, and this endpoint's identity.
void SourceCalls::FillTerms(const Caller& caller, std::int64_t now_ms,
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

// --- The other calls of a cycle ------------------------------------------------

absl::Status SourceCalls::TableSchema(SourceCall& call, v1::TableSchemaRequest& request,
                                      v1::TableSchemaResponse* response) {
  ASSIGN_OR_RETURN(const Served served, Serve(call.caller()));
  if (!request.dry_run()) return announcements_.Announce(call.caller(), *served.tenant, &request, response);
  return announcements_.Look(
      call.caller(), *served.tenant, request, [&call] { return !call.HasLeft(); }, response);
}

absl::Status SourceCalls::RowData(SourceCall& call, const v1::RowDataRequest& request,
                                  v1::RowDataResponse* response) {
  const Caller& caller = call.caller();
  ASSIGN_OR_RETURN(Served served, Serve(caller));
  const std::uint64_t bytes = request.ByteSizeLong();
  const bool wait_for_gaps = served.place.MayWait(bytes);
  Tenant& tenant = *served.tenant;
  RowRequest rows;
  const RowDecoder decoder(caller, tenant, limits_);
  RETURN_IF_ERROR(decoder.Decode(request, &rows, response));
  rows.bytes = bytes;
  // If a part was refused, the cycle continues.
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

absl::StatusOr<SourceCalls::RowStream> SourceCalls::OpenStream(const Caller& caller) {
  ASSIGN_OR_RETURN(std::shared_ptr<Tenant> tenant, tenants_.Find(caller));
  ASSIGN_OR_RETURN(InFlight::Stream held, in_flight_.OpenStream(caller.context_id));
  const RowDecoder decoder(caller, *tenant, limits_);
  return RowStream{std::move(tenant), decoder, std::move(held)};
}

absl::Status SourceCalls::Wipe(SourceCall& call, const v1::WipeRequest& request, v1::WipeResponse* response) {
  ASSIGN_OR_RETURN(const Served served, Serve(call.caller()));
  RETURN_IF_ERROR(CheckPosition("'target'", request.has_target(), request.target()));
  // An unknown reason makes no difference here.
  const PopulateReason reason =
      v1::PopulateReason_IsValid(request.reason()) && request.reason() != v1::POPULATE_REASON_UNSPECIFIED
          ? static_cast<PopulateReason>(request.reason())
          : PopulateReason::kRequested;
  ASSIGN_OR_RETURN(const BatchOutcome outcome,
                   served.tenant->Wipe(call.caller(), request.cycle(), request.table(),
                                       DecodePosition(request.target()), reason, SharedNowMs()));
  EncodeOutcome(outcome, response->mutable_result());
  return absl::OkStatus();
}

absl::Status SourceCalls::ReplicationCompleted(SourceCall& call,
                                               const v1::ReplicationCompletedRequest& request,
                                               v1::ReplicationCompletedResponse* response) {
  ASSIGN_OR_RETURN(const Served served, Serve(call.caller()));
  ASSIGN_OR_RETURN(const Completion completion, DecodeCompletion(request, limits_));
  ASSIGN_OR_RETURN(const std::vector<TableVerdict> verdicts,
                   served.tenant->Complete(call.caller(), request.cycle(), completion.tables, SharedNowMs(),
                                           completion.as_of, completion.unsent));
  AnswerCompleted(call.caller(), request.cycle(), *served.tenant, verdicts, response);
  return absl::OkStatus();
}

absl::Status SourceCalls::Heartbeat(SourceCall& call, const v1::HeartbeatRequest& request,
                                    v1::HeartbeatResponse* response) {
  // Taken first: a wait makes the look older, never younger.
  const std::int64_t arrived_ms = SharedNowMs();
  ASSIGN_OR_RETURN(const Served served, Serve(call.caller()));
  ASSIGN_OR_RETURN(const mirror::Heartbeat heartbeat, DecodeHeartbeat(request, limits_));
  // The time that a message lay here is not part of the age: its caller has given up waiting by now.
  if (call.HasLeft()) return absl::CancelledError("the caller left. Nothing was noted.");
  ASSIGN_OR_RETURN(const std::int64_t within_ms,
                   served.tenant->TakeHeartbeat(call.caller(), heartbeat, arrived_ms));
  response->set_next_within_ms(static_cast<std::uint32_t>(within_ms));
  return absl::OkStatus();
}

/// Answers for a cycle that is over in any case: the next Authenticate
/// signs receipts that cannot be signed now.
void SourceCalls::AnswerCompleted(const Caller& caller, std::int64_t cycle, Tenant& tenant,
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
