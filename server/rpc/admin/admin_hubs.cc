#include "server/rpc/admin/admin_service.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/cut_message.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "proto/wire/exchange/value_json.h"
#include "server/hub/hubs.h"

namespace mirror {
namespace {

constexpr std::uint32_t kListedMax = 10'000;
/// The length of a list without a limit from its caller.
constexpr std::uint32_t kListed = 100;
constexpr int kPartedRowsMax = 1'000;
constexpr std::size_t kCallBytesMax = 1'000;

template <typename Request>
std::uint32_t LimitOf(const Request& request) {
  return request.limit() == 0 ? kListed : std::min(request.limit(), kListedMax);
}

v1::HubTaking ToMessage(Hubs::Taking taking) {
  switch (taking) {
    case Hubs::Taking::kDeclines:
      return v1::HUB_TAKING_DECLINES;
    case Hubs::Taking::kNeverAsks:
      return v1::HUB_TAKING_NEVER_ASKS;
    default:
      return v1::HUB_TAKING_UNSPECIFIED;
  }
}

/// Returns the member's first table without a column that says when its rows changed. Empty: none.
std::string TableWithoutChanged(const HubRules& rules, const std::string& data_source) {
  for (const HubEntity& entity : rules.entities) {
    for (const HubMember& member : entity.members) {
      if (member.data_source == data_source && member.changed.empty()) return member.table;
    }
  }
  return "";
}

/// `Message`: a message with `frozen`.
template <typename Message>
void EncodeFrozen(const std::vector<HubFile::FrozenRecord>& records, Message* message) {
  for (const HubFile::FrozenRecord& one : records) {
    v1::FrozenRecord* const record = message->add_frozen();
    record->set_entity(one.entity);
    record->set_golden_id(one.golden_id);
    for (const std::string& attribute : one.attributes) record->add_attributes(attribute);
  }
}

void EncodeMembers(Hubs& hubs, const Hub& hub, const WatchedHub& watched, v1::HubState* message) {
  for (std::size_t i = 0; i < watched.standing.members.size(); ++i) {
    const MemberState& state = watched.standing.members[i];
    v1::HubMemberState* const member = message->add_members();
    member->set_data_source(state.data_source);
    member->set_context_id(watched.tenants.at(i));
    member->set_stopped(WhyStopped(watched, i));
    member->set_cycle(state.feed.cycle);
    member->set_read_ms(state.feed.at);
    member->set_suspended_ms(state.feed.suspended.value_or(0));
    member->set_source_restored(state.feed.own_restore);
    member->set_trouble(state.trouble);
    member->set_absent(state.absent);
    member->set_rows(state.figures.rows);
    member->set_open(state.figures.open);
    member->set_held(state.figures.held);
    member->set_dropped(state.figures.dropped);
    member->set_refused(state.figures.refused);
    if (IsWritten(hub.rules(), state.data_source))
      member->set_taking(ToMessage(hubs.TakingOf(member->context_id())));
    member->set_knows_newest(TableWithoutChanged(hub.rules(), state.data_source).empty());
    const Hubs::Report report = hubs.LastReport(member->context_id());
    member->set_last_conflicts(static_cast<std::uint32_t>(report.conflicts));
    member->set_last_refused(static_cast<std::uint32_t>(report.refused));
  }
}

/// Encodes the hub's present state. A hub that cannot be read says why, and does not block the others.
void EncodeHub(Hubs& hubs, Hub& hub, v1::HubState* message) {
  message->set_storage(hub.rules().storage);
  hubs.RefreshIfFollower(hub);
  const absl::Status looked = hubs.LookAt(hub);
  for (const WatchedHub& watched : hubs.watch().All()) {
    if (watched.storage != hub.rules().storage) continue;
    message->set_failing(CutMessage(watched.failing));
    message->set_failing_since_ms(watched.failing_since_ms);
    message->set_behind_since_ms(watched.behind_since_ms);
    message->set_derived_ms(watched.standing.derived_ms);
    if (!looked.ok()) break;
    message->set_records(watched.standing.records);
    message->set_holds_all(watched.standing.holds_all);
    message->set_frozen_records(watched.standing.frozen.records);
    EncodeFrozen(watched.standing.frozen.first, message);
    return EncodeMembers(hubs, hub, watched, message);
  }
  message->set_trouble(CutMessage(std::string(looked.message())));
  for (const std::string& name : hub.rules().data_sources) {
    v1::HubMemberState* const member = message->add_members();
    member->set_data_source(name);
    member->set_context_id(hubs.ContextOf(hub.rules(), name));
  }
}

ResumeMode ModeOf(v1::HubTake take) {
  switch (take) {
    case v1::HUB_TAKE_THEIRS:
      return ResumeMode::kTheirs;
    case v1::HUB_TAKE_OURS:
      return ResumeMode::kOurs;
    case v1::HUB_TAKE_NEWEST:
      return ResumeMode::kNewest;
    default:
      return ResumeMode::kAsIs;
  }
}

absl::Status CheckNewest(const HubRules& rules, const std::string& data_source) {
  const std::string table = TableWithoutChanged(rules, data_source);
  if (table.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "'newest' needs 'changed' of table '", table, "' of '", data_source,
      "' in the configuration: a column that says when a row was changed. Nothing was resumed. Take "
      "'ours' or 'theirs'."));
}

/// Returns the modes that are possible besides "theirs".
std::string OtherTakesOf(const HubRules& rules, const std::string& data_source) {
  return TableWithoutChanged(rules, data_source).empty() ? "ours or newest" : "ours";
}

/// Returns the members to resume, and the mode of each.
absl::StatusOr<std::map<std::string, ResumeMode>> ModesOf(Hub& hub, const v1::ResumeHubRequest& request) {
  ASSIGN_OR_RETURN(const HubStanding standing, hub.Stand());
  const std::vector<MemberState>& members = standing.members;
  std::map<std::string, ResumeMode> modes;
  if (!request.data_source().empty()) {
    if (request.take() == v1::HUB_TAKE_UNSPECIFIED) {
      return absl::InvalidArgumentError(absl::StrCat("'take' is missing: ", "theirs or ",
                                                     OtherTakesOf(hub.rules(), request.data_source()),
                                                     ". Nothing was resumed."));
    }
    if (request.take() == v1::HUB_TAKE_NEWEST) {
      RETURN_IF_ERROR(CheckNewest(hub.rules(), request.data_source()));
    }
    modes[request.data_source()] = ModeOf(request.take());
    return modes;
  }
  const bool leaves_out_somebody =
      request.without().empty() ||
      std::any_of(members.begin(), members.end(),
                  [&](const MemberState& member) { return member.data_source == request.without(); });
  if (!leaves_out_somebody) {
    return absl::InvalidArgumentError(absl::StrCat("'", request.without(), "' is no data source of hub '",
                                                   hub.rules().storage, "'. Nothing was resumed."));
  }
  for (const MemberState& member : members) {
    if (!member.feed.suspended || member.data_source == request.without()) continue;
    if (member.feed.own_restore) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the source of '", member.data_source,
          "' was restored: decide what counts there, with 'mirrorctl hub resume ", hub.rules().storage, " ",
          member.data_source, " --take theirs' (or ", OtherTakesOf(hub.rules(), member.data_source),
          "), or leave it out with --without. Nothing was resumed."));
    }
    modes[member.data_source] = request.insert() ? ResumeMode::kTheirs : ResumeMode::kAsIs;
  }
  return modes;
}

std::string WordOf(HubOperation operation) {
  const char* const words[] = {"", "INSERT", "UPDATE", "DELETE"};
  return words[static_cast<int>(operation)];
}

void Encode(const HubDelivery& delivery, v1::GoldenDelivery* message) {
  const char* const states[] = {"", "OPEN", "HELD", "DROPPED"};
  message->set_delivery_id(delivery.id);
  message->set_data_source(delivery.data_source);
  message->set_table(delivery.table);
  message->set_operation(WordOf(delivery.operation));
  message->set_key(delivery.key);
  message->set_state(states[static_cast<int>(delivery.state)]);
  for (const auto& [column, wish] : delivery.columns) message->add_columns(column);
  if (!delivery.refused) return;
  // A delivery refused before the hub counted refusals was refused at least once.
  message->set_refusals(static_cast<std::uint64_t>(std::max<std::int64_t>(delivery.refused->attempts, 1)));
  message->set_tried_again_ms(delivery.refused->until);
  message->set_refusal(CutMessage(delivery.refused->reason));
}

/// Encodes what would be made. `Message`: has `changes` and `first`.
template <typename Message>
void EncodeMade(const Hub::Preview& preview, Message* message) {
  for (const auto& [place, count] : preview.made) {
    v1::HubChange* const change = message->add_changes();
    change->set_data_source(place.data_source);
    change->set_table(place.table);
    change->set_operation(WordOf(place.operation));
    change->set_deliveries(count.deliveries);
    change->set_held(count.held);
  }
  for (HubDelivery delivery : preview.first) {
    delivery.id.clear();  // The id will never be used.
    Encode(delivery, message->add_first());
  }
}

void Encode(const MemberRow& row, v1::GoldenMember* member) {
  member->set_data_source(row.ref.data_source);
  member->set_table(row.ref.table);
  member->set_key(row.ref.key);
  member->set_joined_by(row.joined_by);
  member->set_doomed(row.doomed);
  member->set_unsure(row.unsure);
  member->set_touched_ms(row.touched);
  member->set_without_match(row.indexed.empty());
}

void Encode(const Hub::Preview& preview, v1::GoldenPreview* message) {
  for (const Hub::Preview::Outcome& one : preview.records) {
    v1::GoldenOutcome* const record = message->add_records();
    if (!one.is_new) record->set_golden_id(one.record.id);
    record->set_entity(one.record.entity);
    record->set_rows(one.row_count);
    for (const MemberRow& row : one.rows) Encode(row, record->add_members());
  }
  message->set_withdrawn(preview.withdrawn);
  EncodeMade(preview, message);
}

v1::HeldWhy ToMessage(Hub::HeldWhy why) {
  switch (why) {
    case Hub::HeldWhy::kUnsure:
      return v1::HELD_WHY_UNSURE;
    case Hub::HeldWhy::kAnew:
      return v1::HELD_WHY_ANEW;
    default:
      return v1::HELD_WHY_MANY;
  }
}

void Encode(const Hub::Held& held, bool dropped, v1::ListHeldResponse* response) {
  for (const auto& [place, count] : held.counts) {
    v1::HubChange* const change = response->add_changes();
    change->set_data_source(place.data_source);
    change->set_table(place.table);
    change->set_operation(WordOf(place.operation));
    change->set_deliveries(count);
    if (!dropped) change->set_held(count);
  }
  for (const Hub::Held::One& one : held.first) {
    v1::HeldDelivery* const message = response->add_held();
    Encode(one.delivery, message->mutable_delivery());
    message->set_golden_id(one.delivery.golden_id);
    if (!dropped) message->set_why(ToMessage(one.why));
  }
}

void Encode(const Hub::Explained& explained, v1::ExplainGoldenResponse* response) {
  response->set_golden_id(explained.record.id);
  response->set_entity(explained.record.entity);
  for (const std::string& name : explained.record.had) response->add_had(name);
  for (const MemberRow& row : explained.rows) Encode(row, response->add_members());
  for (const auto& [name, given] : explained.record.values) {
    v1::GoldenAttribute* const attribute = response->add_attributes();
    attribute->set_name(name);
    attribute->set_value(ValueJson(given.value));
    attribute->set_version_ms(given.ms);
    attribute->set_data_source(given.giver.data_source);
    attribute->set_table(given.giver.table);
    attribute->set_key(given.giver.key);
    attribute->set_frozen(explained.record.frozen.count(name) > 0);
  }
  for (const HubDelivery& delivery : explained.deliveries) Encode(delivery, response->add_deliveries());
}

const char* TriedOnly(bool dry_run) { return dry_run ? " dry run" : ""; }

template <typename Response>
absl::Status DecideOrTry(Hub& hub, HandDecision decision, bool dry_run, Response* response) {
  if (!dry_run) {
    ASSIGN_OR_RETURN(const std::string decided, hub.Decide(std::move(decision), SharedNowMs()));
    response->set_golden_id(decided);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const Hub::Preview preview, hub.Try({.decision = std::move(decision)}, SharedNowMs()));
  if (preview.records.size() == 1) response->set_golden_id(preview.records.front().record.id);
  Encode(preview, response->mutable_preview());
  return absl::OkStatus();
}

/// Adds what a new file would lack.
absl::Status TellLoss(Hub& hub, v1::RebuildHubResponse* response) {
  ASSIGN_OR_RETURN(const HubStanding standing, hub.Stand(/*by_hand=*/true));
  v1::HubLoss* const loss = response->mutable_loss();
  loss->set_records(standing.records);
  loss->set_rows_by_hand(standing.by_hand.rows);
  loss->set_parted(standing.by_hand.parted);
  for (const MemberState& member : standing.members) {
    const HubFile::Figures& of = member.figures;
    loss->set_rows(loss->rows() + of.rows);
    loss->set_deliveries(loss->deliveries() + of.open + of.held + of.dropped);
    if (member.feed.cycle > 0) response->add_suspended(member.data_source);
  }
  return absl::OkStatus();
}

/// Returns the audit log's text for a call that names records.
std::string CallOf(const char* name, const v1::PartGoldenRequest& request) {
  std::string call =
      absl::StrCat(name, " ", request.storage(), " ", request.golden_id(), TriedOnly(request.dry_run()));
  for (const v1::PartGoldenRow& row : request.rows()) {
    if (call.size() > kCallBytesMax) return absl::StrCat(call, " ...");
    absl::StrAppend(&call, " ", row.data_source(), ":", row.table());
  }
  return call;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Hub>> AdminHubs::Find(const std::string& storage) const {
  const std::shared_ptr<Hub> hub = hubs_ == nullptr ? nullptr : hubs_->Find(storage);
  if (hub != nullptr) return hub;
  return absl::NotFoundError(absl::StrCat("there is no hub '", storage,
                                          "'. Nothing was done. 'mirrorctl hub status' lists the hubs."));
}

std::map<std::string, std::shared_ptr<const TenantInHub>> AdminHubs::HubsOfTenants() const {
  if (hubs_ == nullptr) return {};
  return hubs_->watch().OfTenants();
}

grpc::Status AdminHubs::ListHubs(grpc::ServerContext* context, const v1::ListHubsRequest* request,
                                 v1::ListHubsResponse* response) {
  return Serve(*context, Needs::kViewer, absl::StrCat("ListHubs ", request->storage()),
               [&]() -> absl::Status {
                 if (!request->storage().empty()) {
                   ASSIGN_OR_RETURN(const std::shared_ptr<Hub> hub, Find(request->storage()));
                   EncodeHub(*hubs_, *hub, response->add_hubs());
                   return absl::OkStatus();
                 }
                 if (hubs_ == nullptr) return absl::OkStatus();
                 for (const std::shared_ptr<Hub>& hub : hubs_->all()) {
                   EncodeHub(*hubs_, *hub, response->add_hubs());
                 }
                 return absl::OkStatus();
               });
}

grpc::Status AdminHubs::ResumeHub(grpc::ServerContext* context, const v1::ResumeHubRequest* request,
                                  v1::ResumeHubResponse* response) {
  const std::string call = absl::StrCat("ResumeHub ", request->storage(), " ", request->data_source(), " ",
                                        v1::HubTake_Name(request->take()), TriedOnly(request->dry_run()));
  return ServeHub(*context, Needs::kOperator, call, *request, [&](Hub& hub) -> absl::Status {
    ASSIGN_OR_RETURN(const auto modes, ModesOf(hub, *request));
    if (request->dry_run()) {
      ASSIGN_OR_RETURN(const Hub::Preview preview, hub.Try({.modes = modes}, SharedNowMs()));
      for (const std::string& name : preview.resumed) response->add_resumed(name);
      EncodeMade(preview, response);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const std::vector<std::string> resumed, hub.Resume(modes, SharedNowMs()));
    hubs_->LookAt(hub).IgnoreError();
    for (const std::string& name : resumed) response->add_resumed(name);
    return absl::OkStatus();
  });
}

grpc::Status AdminHubs::DecideHub(grpc::ServerContext* context, const v1::DecideHubRequest* request,
                                  v1::DecideHubResponse* response) {
  const std::string call =
      absl::StrCat("DecideHub ", request->storage(), request->commit() ? " commit" : " rollback",
                   request->dropped() ? " dropped" : "");
  return ServeHub(*context, Needs::kOperator, call, *request, [&](Hub& hub) -> absl::Status {
    if (request->dropped() && !request->commit()) {
      return absl::InvalidArgumentError("'dropped' works only with 'commit'. Nothing was decided.");
    }
    ASSIGN_OR_RETURN(const std::size_t decided, hub.DecideHeld(request->commit(), request->dropped()));
    hubs_->LookAt(hub).IgnoreError();
    response->set_deliveries(decided);
    return absl::OkStatus();
  });
}

grpc::Status AdminHubs::ListHeld(grpc::ServerContext* context, const v1::ListHeldRequest* request,
                                 v1::ListHeldResponse* response) {
  const std::string call = absl::StrCat("ListHeld ", request->storage());
  return ServeHub(*context, Needs::kOperator, call, *request, [&](Hub& hub) -> absl::Status {
    ASSIGN_OR_RETURN(const Hub::Held held, hub.ListHeld(LimitOf(*request), request->dropped()));
    Encode(held, request->dropped(), response);
    return absl::OkStatus();
  });
}

grpc::Status AdminHubs::ListRefused(grpc::ServerContext* context, const v1::ListRefusedRequest* request,
                                    v1::ListRefusedResponse* response) {
  const std::string call = absl::StrCat("ListRefused ", request->storage(), " ", request->data_source());
  return ServeHub(*context, Needs::kOperator, call, *request, [&](Hub& hub) -> absl::Status {
    ASSIGN_OR_RETURN(const Hub::Refused refused, hub.ListRefused(request->data_source(), LimitOf(*request)));
    response->set_deliveries(refused.count);
    for (const HubDelivery& one : refused.first) {
      v1::RefusedDelivery* const message = response->add_refused();
      Encode(one, message->mutable_delivery());
      message->set_golden_id(one.golden_id);
    }
    return absl::OkStatus();
  });
}

grpc::Status AdminHubs::ThawHub(grpc::ServerContext* context, const v1::ThawHubRequest* request,
                                v1::ThawHubResponse* response) {
  const std::string call =
      absl::StrCat("ThawHub ", request->storage(), " ", request->golden_id(), TriedOnly(request->dry_run()));
  return ServeHub(*context, Needs::kOperator, call, *request, [&](Hub& hub) -> absl::Status {
    if (request->dry_run()) {
      ASSIGN_OR_RETURN(const Hub::Preview preview, hub.Try({.thawed = request->golden_id()}, SharedNowMs()));
      response->set_records(preview.thawed);
      EncodeFrozen(preview.frozen, response);
      Encode(preview, response->mutable_preview());
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const std::size_t thawed, hub.Thaw(request->golden_id(), SharedNowMs()));
    response->set_records(thawed);
    return absl::OkStatus();
  });
}

grpc::Status AdminHubs::ExplainGolden(grpc::ServerContext* context, const v1::ExplainGoldenRequest* request,
                                      v1::ExplainGoldenResponse* response) {
  return ServeHub(*context, Needs::kOperator, absl::StrCat("ExplainGolden ", request->storage()), *request,
                  [&](Hub& hub) -> absl::Status {
                    ASSIGN_OR_RETURN(
                        const Hub::Explained explained,
                        request->golden_id().empty()
                            ? hub.ExplainRow({request->data_source(), request->table(), request->key()})
                            : hub.Explain(request->golden_id()));
                    Encode(explained, response);
                    return absl::OkStatus();
                  });
}

grpc::Status AdminHubs::ListDuplicates(grpc::ServerContext* context, const v1::ListDuplicatesRequest* request,
                                       v1::ListDuplicatesResponse* response) {
  return ServeHub(*context, Needs::kViewer, absl::StrCat("ListDuplicates ", request->storage()), *request,
                  [&](Hub& hub) -> absl::Status {
                    ASSIGN_OR_RETURN(const std::vector<HubFile::Duplicate> found,
                                     hub.FindDuplicates(LimitOf(*request)));
                    for (const HubFile::Duplicate& one : found) {
                      v1::Duplicate* const message = response->add_duplicates();
                      message->set_entity(one.entity);
                      message->add_golden_ids(one.golden_id);
                      if (!one.other_id.empty()) message->add_golden_ids(one.other_id);
                      message->set_data_source(one.data_source);
                      message->set_rows(one.rows);
                    }
                    return absl::OkStatus();
                  });
}

grpc::Status AdminHubs::MergeGolden(grpc::ServerContext* context, const v1::MergeGoldenRequest* request,
                                    v1::MergeGoldenResponse* response) {
  const std::string call =
      absl::StrCat("MergeGolden ", request->storage(), " ", absl::StrJoin(request->golden_ids(), " "),
                   TriedOnly(request->dry_run()));
  return ServeHub(*context, Needs::kOperator, call, *request, [&](Hub& hub) -> absl::Status {
    if (request->golden_ids_size() != 2) {
      return absl::InvalidArgumentError("'golden_ids' must name two records. Nothing was merged.");
    }
    return DecideOrTry(hub, {.golden_id = request->golden_ids(0), .other_id = request->golden_ids(1)},
                       request->dry_run(), response);
  });
}

grpc::Status AdminHubs::PartGolden(grpc::ServerContext* context, const v1::PartGoldenRequest* request,
                                   v1::PartGoldenResponse* response) {
  return ServeHub(*context, Needs::kOperator, CallOf("PartGolden", *request), *request,
                  [&](Hub& hub) -> absl::Status {
                    if (request->rows().empty() || request->rows_size() > kPartedRowsMax) {
                      return absl::InvalidArgumentError(
                          absl::StrCat("'rows' must be 1 to ", kPartedRowsMax, " rows. Nothing was parted."));
                    }
                    HandDecision decision{.golden_id = request->golden_id()};
                    for (const v1::PartGoldenRow& row : request->rows()) {
                      decision.rows.push_back({row.data_source(), row.table(), row.key()});
                    }
                    return DecideOrTry(hub, std::move(decision), request->dry_run(), response);
                  });
}

grpc::Status AdminHubs::RebuildHub(grpc::ServerContext* context, const v1::RebuildHubRequest* request,
                                   v1::RebuildHubResponse* response) {
  return ServeHub(
      *context, Needs::kOperator,
      absl::StrCat("RebuildHub ", request->storage(), TriedOnly(request->dry_run())), *request,
      [&](Hub& hub) -> absl::Status {
        if (request->dry_run()) return TellLoss(hub, response);
        if (request->confirm() != request->storage()) {
          return absl::InvalidArgumentError(
              "'confirm' must repeat the storage: links, versions, and what was merged or parted by hand "
              "would be lost. Nothing was rebuilt.");
        }
        ASSIGN_OR_RETURN(const std::vector<std::string> suspended, hub.Rebuild(SharedNowMs()));
        hubs_->LookAt(hub).IgnoreError();
        for (const std::string& name : suspended) response->add_suspended(name);
        return absl::OkStatus();
      });
}

}  // namespace mirror
