#include "tools/mirrorctl/web/page_hubs.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "tools/mirrorctl/admin/hub_client.h"

namespace mirror {
namespace {

constexpr std::uint32_t kDuplicatesPerLook = 100;

/// Deliveries that a page lists.
constexpr std::uint32_t kListedPerLook = 100;

/// A question lists tables; here they are what would be written where. `resumes`: of a part of these it would
/// be decided later.
template <typename Response>
Json AsConsequences(const Response& answer, bool resumes) {
  Json tables = Json::array();
  for (const v1::HubChange& change : answer.changes()) {
    Json objects = Json::array();
    if (resumes && change.held() > 0)
      objects.push_back(absl::StrCat(Grouped(change.held()), " of them held"));
    tables.push_back(
        {{"table", absl::StrCat(change.operation(), " in ", change.data_source(), " ", change.table())},
         {"rows", change.deliveries()},
         {"objects", objects}});
  }
  Json notes = Json::array();
  if (answer.changes().empty()) notes.push_back("Nothing would be written.");
  return {{"tables", tables}, {"notes", notes}, {"token", ""}};
}

absl::StatusOr<Json> Resume(AdminClient& admin, const std::string& storage, const HubAct& act) {
  v1::ResumeHubRequest request;
  request.set_storage(storage);
  request.set_data_source(act.data_source);
  request.set_dry_run(act.dry_run);
  request.set_insert(act.insert);
  if (act.take == "theirs") request.set_take(v1::HUB_TAKE_THEIRS);
  if (act.take == "ours") request.set_take(v1::HUB_TAKE_OURS);
  if (act.take == "newest") request.set_take(v1::HUB_TAKE_NEWEST);
  ASSIGN_OR_RETURN(const v1::ResumeHubResponse answer, HubClient(admin).Resume(request));
  if (act.dry_run) return AsConsequences(answer, /*resumes=*/true);
  return Json{{"resumed", std::vector<std::string>(answer.resumed().begin(), answer.resumed().end())}};
}

absl::StatusOr<v1::ListHeldResponse> Held(AdminClient& admin, const std::string& storage) {
  v1::ListHeldRequest request;
  request.set_storage(storage);
  request.set_limit(kListedPerLook);
  return HubClient(admin).Held(request);
}

absl::StatusOr<Json> Decide(AdminClient& admin, const std::string& storage, const HubAct& act) {
  if (act.dry_run) {
    const absl::StatusOr<v1::ListHeldResponse> held = Held(admin, storage);
    return held.ok() ? absl::StatusOr<Json>(AsConsequences(*held, /*resumes=*/false)) : held.status();
  }
  ASSIGN_OR_RETURN(const v1::DecideHubResponse decided,
                   HubClient(admin).Decide(storage, act.act == "commit"));
  return Json{{"deliveries", decided.deliveries()}};
}

absl::StatusOr<Json> Thaw(AdminClient& admin, const std::string& storage, const HubAct& act) {
  v1::ThawHubRequest request;
  request.set_storage(storage);
  request.set_golden_id(act.golden_id);
  request.set_dry_run(act.dry_run);
  ASSIGN_OR_RETURN(const v1::ThawHubResponse thawed, HubClient(admin).Thaw(request));
  if (act.dry_run) return AsConsequences(thawed.preview(), /*resumes=*/true);
  return Json{{"records", thawed.records()}};
}

absl::StatusOr<Json> Merge(AdminClient& admin, const std::string& storage, const HubAct& act) {
  v1::MergeGoldenRequest request;
  request.set_storage(storage);
  request.add_golden_ids(act.golden_id);
  request.add_golden_ids(act.other_id);
  request.set_dry_run(act.dry_run);
  ASSIGN_OR_RETURN(const v1::MergeGoldenResponse merged, HubClient(admin).Merge(request));
  if (act.dry_run) return AsConsequences(merged.preview(), /*resumes=*/true);
  return Json{{"golden_id", merged.golden_id()}};
}

absl::StatusOr<Json> Part(AdminClient& admin, const std::string& storage, const HubAct& act) {
  v1::PartGoldenRequest request;
  request.set_storage(storage);
  request.set_golden_id(act.golden_id);
  request.set_dry_run(act.dry_run);
  for (const HubAct::Row& row : act.rows) {
    v1::PartGoldenRow* const added = request.add_rows();
    added->set_data_source(row.data_source);
    added->set_table(row.table);
    added->set_key(row.key);
  }
  ASSIGN_OR_RETURN(const v1::PartGoldenResponse parted, HubClient(admin).Part(request));
  if (act.dry_run) return AsConsequences(parted.preview(), /*resumes=*/true);
  return Json{{"golden_id", parted.golden_id()}};
}

absl::StatusOr<Json> Rebuild(AdminClient& admin, const std::string& storage, const HubAct& act) {
  v1::RebuildHubRequest request;
  request.set_storage(storage);
  request.set_confirm(act.confirm);
  ASSIGN_OR_RETURN(const v1::RebuildHubResponse rebuilt, HubClient(admin).Rebuild(request));
  return Json{
      {"suspended", std::vector<std::string>(rebuilt.suspended().begin(), rebuilt.suspended().end())}};
}

}  // namespace

absl::StatusOr<Json> ShowHubs(AdminClient& admin) {
  ASSIGN_OR_RETURN(const v1::ListHubsResponse hubs, HubClient(admin).Hubs());
  return ToJson(hubs);
}

absl::StatusOr<Json> ShowDuplicates(AdminClient& admin, const std::string& storage) {
  v1::ListDuplicatesRequest request;
  request.set_storage(storage);
  request.set_limit(kDuplicatesPerLook);
  ASSIGN_OR_RETURN(const v1::ListDuplicatesResponse found, HubClient(admin).Duplicates(request));
  return ToJson(found);
}

absl::StatusOr<Json> ShowHeld(AdminClient& admin, const std::string& storage) {
  ASSIGN_OR_RETURN(const v1::ListHeldResponse held, Held(admin, storage));
  return ToJson(held);
}

absl::StatusOr<Json> ShowRefused(AdminClient& admin, const std::string& storage) {
  v1::ListRefusedRequest request;
  request.set_storage(storage);
  request.set_limit(kListedPerLook);
  ASSIGN_OR_RETURN(const v1::ListRefusedResponse answer, HubClient(admin).Refused(request));
  return Json{{"deliveries", answer.deliveries()}, {"first", ToJsonArray(answer.refused())}};
}

absl::StatusOr<Json> ShowGolden(AdminClient& admin, const v1::ExplainGoldenRequest& request) {
  ASSIGN_OR_RETURN(const v1::ExplainGoldenResponse record, HubClient(admin).Explain(request));
  Json json = ToJson(record);
  for (int i = 0; i < record.members_size(); ++i) {
    json["members"][static_cast<std::size_t>(i)]["key_text"] = record.members(i).key();
  }
  return json;
}

absl::StatusOr<Json> ActOnHub(AdminClient& admin, const std::string& storage, const HubAct& act) {
  if (act.act == "resume") return Resume(admin, storage, act);
  if (act.act == "commit" || act.act == "rollback") return Decide(admin, storage, act);
  if (act.act == "thaw") return Thaw(admin, storage, act);
  if (act.act == "merge") return Merge(admin, storage, act);
  if (act.act == "part") return Part(admin, storage, act);
  // Of this one the page shows no dry run: who asks for one gets it not done.
  if (act.dry_run) return absl::NotFoundError("there is no such call");
  if (act.act == "rebuild") return Rebuild(admin, storage, act);
  return absl::NotFoundError("there is no such call");
}

}  // namespace mirror
