#include "server/rpc/admin/admin_hubs.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "proto/wire/exchange/value_json.h"
#include "server/hub/hubs.h"

namespace mirror {
namespace {

constexpr std::uint32_t kDuplicatesMax = 10'000;

absl::Status EncodeHub(Hubs& hubs, Hub& hub, v1::HubState* message) {
  message->set_storage(hub.rules().storage);
  hubs.LookIfOthersDerive(hub);
  const absl::StatusOr<Hub::Figures> figures = hub.Count();
  if (!figures.ok()) return figures.status();
  message->set_records(figures->records);
  message->set_holds_all(figures->holds_all);
  const absl::StatusOr<std::vector<MemberState>> members = hub.Members();
  if (!members.ok()) return members.status();
  for (const MemberState& state : *members) {
    v1::HubMemberState* const member = message->add_members();
    member->set_data_source(state.data_source);
    member->set_context_id(hubs.ContextOf(hub.rules(), state.data_source));
    member->set_cycle(state.feed.cycle);
    member->set_read_ms(state.feed.at);
    member->set_suspended_ms(state.feed.suspended.value_or(0));
    member->set_source_restored(state.feed.own_restore);
    member->set_trouble(state.trouble);
    member->set_rows(state.figures.rows);
    member->set_open(state.figures.open);
    member->set_held(state.figures.held);
    member->set_dropped(state.figures.dropped);
    member->set_refused(state.figures.refused);
    const Hubs::Report report = hubs.LastReport(member->context_id());
    member->set_last_conflicts(static_cast<std::uint32_t>(report.conflicts));
    member->set_last_refused(static_cast<std::uint32_t>(report.refused));
  }
  return absl::OkStatus();
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

/// Every table of a member has a column that says when its rows changed.
absl::Status CheckNewest(const HubRules& rules, const std::string& data_source) {
  for (const HubEntity& entity : rules.entities) {
    for (const HubMember& member : entity.members) {
      if (member.data_source != data_source || !member.changed.empty()) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "'newest' needs 'changed' of table '", member.table, "' of '", data_source,
          "' in the configuration: a column that says when a row was changed. Nothing was resumed. Take "
          "'ours' or 'theirs'."));
    }
  }
  return absl::OkStatus();
}

/// Which members, and what counts of each.
absl::StatusOr<std::map<std::string, ResumeMode>> ModesOf(Hub& hub, const v1::ResumeHubRequest& request) {
  const absl::StatusOr<std::vector<MemberState>> members = hub.Members();
  if (!members.ok()) return members.status();
  std::map<std::string, ResumeMode> modes;
  if (!request.data_source().empty()) {
    if (request.take() == v1::HUB_TAKE_UNSPECIFIED) {
      return absl::InvalidArgumentError("'take' is missing: theirs, ours or newest. Nothing was resumed.");
    }
    if (request.take() == v1::HUB_TAKE_NEWEST) {
      if (absl::Status status = CheckNewest(hub.rules(), request.data_source()); !status.ok()) return status;
    }
    modes[request.data_source()] = ModeOf(request.take());
    return modes;
  }
  for (const MemberState& member : *members) {
    if (!member.feed.suspended || member.data_source == request.without()) continue;
    if (member.feed.own_restore) {
      return absl::FailedPreconditionError(
          absl::StrCat("the source of '", member.data_source,
                       "' was restored: say what counts of it, 'mirrorctl hub "
                       "resume ",
                       hub.rules().storage, " ", member.data_source,
                       " --take theirs|ours|newest', or leave it out with --without. Nothing was resumed."));
    }
    modes[member.data_source] = request.insert() ? ResumeMode::kTheirs : ResumeMode::kAsIs;
  }
  return modes;
}

void Encode(const Hub::Explained& explained, v1::ExplainGoldenResponse* response) {
  const char* const operations[] = {"", "INSERT", "UPDATE", "DELETE"};
  const char* const states[] = {"", "OPEN", "HELD", "DROPPED"};
  response->set_golden_id(explained.record.id);
  response->set_entity(explained.record.entity);
  for (const std::string& name : explained.record.had) response->add_had(name);
  for (const MemberRow& row : explained.rows) {
    v1::GoldenMember* const member = response->add_members();
    member->set_data_source(row.ref.data_source);
    member->set_table(row.ref.table);
    member->set_key(row.ref.key);
    member->set_joined_by(row.joined_by);
    member->set_doomed(row.doomed);
    member->set_unsure(row.unsure);
    member->set_touched_ms(row.touched);
  }
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
  for (const HubDelivery& delivery : explained.deliveries) {
    v1::GoldenDelivery* const message = response->add_deliveries();
    message->set_delivery_id(delivery.id);
    message->set_data_source(delivery.data_source);
    message->set_table(delivery.table);
    message->set_operation(operations[static_cast<int>(delivery.operation)]);
    message->set_key(delivery.key);
    message->set_state(states[static_cast<int>(delivery.state)]);
    for (const auto& [column, wish] : delivery.columns) message->add_columns(column);
  }
}

}  // namespace

absl::StatusOr<Hub*> AdminHubs::Find(const std::string& storage) const {
  Hub* const hub = hubs_ == nullptr ? nullptr : hubs_->Find(storage);
  if (hub != nullptr) return hub;
  return absl::NotFoundError(
      absl::StrCat("there is no hub '", storage,
                   "'. Nothing was done. 'mirrorctl hub status' shows those that there are."));
}

grpc::Status AdminHubs::ListHubs(grpc::ServerContext* context, const v1::ListHubsRequest* request,
                                 v1::ListHubsResponse* response) {
  return Serve(*context, Needs::kViewer, absl::StrCat("ListHubs ", request->storage()),
               [&]() -> absl::Status {
                 if (!request->storage().empty()) {
                   const absl::StatusOr<Hub*> hub = Find(request->storage());
                   if (!hub.ok()) return hub.status();
                   return EncodeHub(*hubs_, **hub, response->add_hubs());
                 }
                 if (hubs_ == nullptr) return absl::OkStatus();
                 for (const auto& hub : hubs_->all()) {
                   if (absl::Status status = EncodeHub(*hubs_, *hub, response->add_hubs()); !status.ok())
                     return status;
                 }
                 return absl::OkStatus();
               });
}

grpc::Status AdminHubs::ResumeHub(grpc::ServerContext* context, const v1::ResumeHubRequest* request,
                                  v1::ResumeHubResponse* response) {
  const std::string call = absl::StrCat("ResumeHub ", request->storage(), " ", request->data_source(), " ",
                                        v1::HubTake_Name(request->take()));
  return Serve(*context, Needs::kOperator, call, [&]() -> absl::Status {
    const absl::StatusOr<Hub*> hub = Find(request->storage());
    if (!hub.ok()) return hub.status();
    const absl::StatusOr<std::map<std::string, ResumeMode>> modes = ModesOf(**hub, *request);
    if (!modes.ok()) return modes.status();
    if (absl::Status status = (*hub)->Resume(*modes, NowMs()); !status.ok()) return status;
    for (const auto& [name, mode] : *modes) response->add_resumed(name);
    return absl::OkStatus();
  });
}

grpc::Status AdminHubs::DecideHub(grpc::ServerContext* context, const v1::DecideHubRequest* request,
                                  v1::DecideHubResponse* response) {
  const std::string call =
      absl::StrCat("DecideHub ", request->storage(), request->commit() ? " commit" : " rollback");
  return Serve(*context, Needs::kOperator, call, [&]() -> absl::Status {
    const absl::StatusOr<Hub*> hub = Find(request->storage());
    if (!hub.ok()) return hub.status();
    const absl::StatusOr<std::size_t> decided = (*hub)->DecideHeld(request->commit());
    if (!decided.ok()) return decided.status();
    response->set_deliveries(*decided);
    return absl::OkStatus();
  });
}

grpc::Status AdminHubs::ThawHub(grpc::ServerContext* context, const v1::ThawHubRequest* request,
                                v1::ThawHubResponse* response) {
  const std::string call = absl::StrCat("ThawHub ", request->storage(), " ", request->golden_id());
  return Serve(*context, Needs::kOperator, call, [&]() -> absl::Status {
    const absl::StatusOr<Hub*> hub = Find(request->storage());
    if (!hub.ok()) return hub.status();
    const absl::StatusOr<std::size_t> thawed = (*hub)->Thaw(request->golden_id(), NowMs());
    if (!thawed.ok()) return thawed.status();
    response->set_records(*thawed);
    return absl::OkStatus();
  });
}

grpc::Status AdminHubs::ExplainGolden(grpc::ServerContext* context, const v1::ExplainGoldenRequest* request,
                                      v1::ExplainGoldenResponse* response) {
  return Serve(*context, Needs::kOperator, absl::StrCat("ExplainGolden ", request->storage()),
               [&]() -> absl::Status {
                 const absl::StatusOr<Hub*> hub = Find(request->storage());
                 if (!hub.ok()) return hub.status();
                 const absl::StatusOr<Hub::Explained> explained =
                     request->golden_id().empty()
                         ? (*hub)->ExplainRow({request->data_source(), request->table(), request->key()})
                         : (*hub)->Explain(request->golden_id());
                 if (!explained.ok()) return explained.status();
                 Encode(*explained, response);
                 return absl::OkStatus();
               });
}

grpc::Status AdminHubs::ListDuplicates(grpc::ServerContext* context, const v1::ListDuplicatesRequest* request,
                                       v1::ListDuplicatesResponse* response) {
  return Serve(
      *context, Needs::kViewer, absl::StrCat("ListDuplicates ", request->storage()), [&]() -> absl::Status {
        const absl::StatusOr<Hub*> hub = Find(request->storage());
        if (!hub.ok()) return hub.status();
        const std::uint32_t limit = request->limit() == 0 ? 100 : std::min(request->limit(), kDuplicatesMax);
        const absl::StatusOr<std::vector<HubFile::Duplicate>> found = (*hub)->FindDuplicates(limit);
        if (!found.ok()) return found.status();
        for (const HubFile::Duplicate& one : *found) {
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

}  // namespace mirror
