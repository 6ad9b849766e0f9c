// FetchDeliveries and ReportDeliveries of the SourceCalls: what a hub wants written at the source.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "proto/wire/codec.h"
#include "proto/wire/exchange/value_json.h"
#include "proto/wire/row_digest.h"
#include "server/hub/hubs.h"
#include "server/source/source_calls.h"

namespace mirror {
namespace {

/// The approximate size of one message.
constexpr std::size_t kMessageBytes = 1'000'000;
constexpr int kReportsMax = 10'000;

void AddToDigest(const Literal& value, RowDigest* digest) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    digest->AddInteger(*integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    digest->AddReal(*real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    digest->AddText(*text);
  } else if (const auto* bytes = std::get_if<Bytes>(&value)) {
    digest->AddBytes(bytes->value);
  } else {
    digest->AddNull();
  }
}

void EncodeValue(const Literal& value, v1::Literal* message) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    message->set_int_value(*integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    message->set_double_value(*real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    // A text that is not UTF-8 would make the whole answer unreadable.
    CountUtf8(*text) ? message->set_text_value(*text) : message->set_raw_text_value(*text);
  } else if (const auto* bytes = std::get_if<Bytes>(&value)) {
    message->set_bytes_value(bytes->value);
  } else {
    message->set_null_value(true);
  }
}

/// Encodes a record's keys as rows of the caller's tables would have them.
void EncodeAbsent(const HubEntity& entity, const HubDelivery& delivery, v1::Delivery* message) {
  for (const HubMember& member : entity.members) {
    if (member.data_source != delivery.data_source) continue;
    for (const HubKey& key : delivery.match_keys) {
      const std::vector<std::string>& rule = entity.match[key.rule];
      const bool has_all = std::all_of(rule.begin(), rule.end(), [&](const std::string& attribute) {
        return member.columns.count(attribute) > 0;
      });
      if (!has_all) continue;
      v1::MatchKey* const absent = message->add_absent();
      absent->set_table(member.table);
      for (std::size_t i = 0; i < rule.size(); ++i) {
        const auto how = entity.normalise.find(rule[i]);
        absent->add_columns(member.columns.at(rule[i]));
        absent->add_normalise(how == entity.normalise.end() ? v1::NORMALISE_UNSPECIFIED
                                                            : static_cast<v1::Normalise>(how->second));
        absent->add_values(key.parts[i]);
      }
    }
  }
}

absl::Status EncodeKey(const HubEntity& entity, const HubDelivery& delivery, v1::Delivery* message) {
  if (delivery.operation != HubOperation::kInsert) {
    ASSIGN_OR_RETURN(std::vector<Literal> key, KeyOfJson(delivery.key));
    for (const Literal& value : key) EncodeValue(value, message->add_key());
    return absl::OkStatus();
  }
  const auto member = std::find_if(entity.members.begin(), entity.members.end(), [&](const HubMember& one) {
    return one.data_source == delivery.data_source && one.table == delivery.table;
  });
  if (member == entity.members.end()) return absl::OkStatus();
  for (const std::string& attribute : member->key) {
    EncodeValue(delivery.columns.at(member->columns.at(attribute)).value, message->add_key());
  }
  return absl::OkStatus();
}

absl::Status EncodeDelivery(const HubRules& rules, const HubDelivery& delivery, v1::Delivery* message) {
  const HubEntity* const entity = rules.Find(delivery.data_source, delivery.table).entity;
  if (entity == nullptr) return absl::InternalError("a delivery for a table that belongs to no member");
  message->set_delivery_id(delivery.id);
  message->set_operation(static_cast<v1::Operation>(delivery.operation));
  message->set_table(delivery.table);
  message->set_golden_id(delivery.golden_id);
  for (const auto& [column, wish] : delivery.columns) {
    v1::DeliveredValue* const value = message->add_columns();
    value->set_column(column);
    value->set_version_ms(wish.version_ms);
    EncodeValue(wish.value, value->mutable_value());
  }
  RowDigest digest;
  for (const auto& [column, value] : delivery.locked) {
    message->add_row_columns(column);
    AddToDigest(value, &digest);
  }
  if (!delivery.locked.empty()) message->set_row_digest(digest.Finish());
  EncodeAbsent(*entity, delivery, message);
  return EncodeKey(*entity, delivery, message);
}

using SendDeliveries = SourceCalls::Send<v1::FetchDeliveriesResponse>;

absl::Status NoTable() {
  return absl::FailedPreconditionError(
      "no hub of this endpoint has a table of this tenant. Nothing was done.");
}

/// Checks, for a member of a hub, that `cycle` is the last one that it completed, and none runs.
absl::Status CheckLastCycle(Tenant& tenant, Hubs* hubs, const Caller& caller, std::int64_t cycle) {
  if (hubs == nullptr || !hubs->HasMember(caller.context_id)) return NoTable();
  ASSIGN_OR_RETURN(const TenantRecord record, tenant.ReadTenantRow());
  if (!record.active && record.completed_cycle == cycle) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("cycle ", cycle, " is not the last one that was completed, ",
                                         record.completed_cycle, ". Nothing was done. Push first."));
}

/// Sends the count, to a source that takes no deliveries.
absl::Status CountOpen(Hubs* hubs, const Caller& caller, const SendDeliveries& send) {
  if (hubs == nullptr || !hubs->HasMember(caller.context_id)) return NoTable();
  ASSIGN_OR_RETURN(const std::uint64_t open, hubs->CountUndelivered(caller.context_id));
  v1::FetchDeliveriesResponse message;
  message.set_open(open);
  return send(message) ? absl::OkStatus() : absl::CancelledError("the caller left");
}

absl::Status HandOut(Hubs& hubs, const Caller& caller, const v1::FetchDeliveriesRequest& request,
                     const SendDeliveries& send) {
  ASSIGN_OR_RETURN(HandedOut out, hubs.HandOut(caller.context_id, request.cycle(), request.limit()));
  v1::FetchDeliveriesResponse message;
  std::size_t bytes = 0;
  for (const HubDelivery& delivery : out.deliveries) {
    RETURN_IF_ERROR(EncodeDelivery(out.rules, delivery, message.add_deliveries()));
    bytes += message.deliveries(message.deliveries_size() - 1).ByteSizeLong();
    if (bytes < kMessageBytes) continue;
    if (!send(message)) return absl::CancelledError("the caller left");
    message.Clear();
    bytes = 0;
  }
  message.set_whole(out.whole);
  message.set_waiting(out.waiting);
  return send(message) ? absl::OkStatus() : absl::CancelledError("the caller left");
}

}  // namespace

absl::Status SourceCalls::FetchDeliveries(SourceCall& call, const v1::FetchDeliveriesRequest& request,
                                          const Send<v1::FetchDeliveriesResponse>& send) {
  ASSIGN_OR_RETURN(const Served served, Serve(call.caller()));
  if (request.count_only()) return CountOpen(hubs_, call.caller(), send);
  RETURN_IF_ERROR(CheckLastCycle(*served.tenant, hubs_, call.caller(), request.cycle()));
  return HandOut(*hubs_, call.caller(), request, send);
}

absl::Status SourceCalls::ReportDeliveries(SourceCall& call, const v1::ReportDeliveriesRequest& request,
                                           v1::ReportDeliveriesResponse* /*response*/) {
  ASSIGN_OR_RETURN(const Served served, Serve(call.caller()));
  if (request.reports_size() > kReportsMax) {
    return absl::ResourceExhaustedError(absl::StrCat(request.reports_size(), " reports; the limit is ",
                                                     kReportsMax, ". Nothing was noted. Send fewer."));
  }
  RETURN_IF_ERROR(CheckLastCycle(*served.tenant, hubs_, call.caller(), request.cycle()));
  int conflicts = 0, refused = 0;
  for (const v1::DeliveryReport& report : request.reports()) {
    conflicts += report.outcome() == v1::DELIVERY_OUTCOME_CONFLICT ? 1 : 0;
    refused += report.outcome() == v1::DELIVERY_OUTCOME_REFUSED ? 1 : 0;
  }
  hubs_->NoteReport(call.caller().context_id, conflicts, refused);
  return absl::OkStatus();
}

}  // namespace mirror
