#include "tools/mirrorctl/web/page_hubs.h"

#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "tools/mirrorctl/admin/hub_client.h"

namespace mirror {
namespace {

constexpr std::uint32_t kDuplicatesPerLook = 100;

/// A question lists tables; here they are what would be written where.
Json AsConsequences(const v1::ResumeHubResponse& answer) {
  Json tables = Json::array();
  for (const v1::HubChange& change : answer.changes()) {
    Json objects = Json::array();
    if (change.held() > 0) objects.push_back(absl::StrCat(Grouped(change.held()), " of them held"));
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
  if (act.take == "theirs") request.set_take(v1::HUB_TAKE_THEIRS);
  if (act.take == "ours") request.set_take(v1::HUB_TAKE_OURS);
  if (act.take == "newest") request.set_take(v1::HUB_TAKE_NEWEST);
  const absl::StatusOr<v1::ResumeHubResponse> answer = HubClient(admin).Resume(request);
  if (!answer.ok()) return answer.status();
  if (act.dry_run) return AsConsequences(*answer);
  return Json{{"resumed", std::vector<std::string>(answer->resumed().begin(), answer->resumed().end())}};
}

}  // namespace

absl::StatusOr<Json> ShowHubs(AdminClient& admin) {
  const absl::StatusOr<v1::ListHubsResponse> hubs = HubClient(admin).Hubs();
  if (!hubs.ok()) return hubs.status();
  return Json{{"hubs", ToJsonArray(hubs->hubs())}};
}

absl::StatusOr<Json> ShowDuplicates(AdminClient& admin, const std::string& storage) {
  v1::ListDuplicatesRequest request;
  request.set_storage(storage);
  request.set_limit(kDuplicatesPerLook);
  const absl::StatusOr<v1::ListDuplicatesResponse> found = HubClient(admin).Duplicates(request);
  if (!found.ok()) return found.status();
  return Json{{"duplicates", ToJsonArray(found->duplicates())}};
}

absl::StatusOr<Json> ShowGolden(AdminClient& admin, const v1::ExplainGoldenRequest& request) {
  const absl::StatusOr<v1::ExplainGoldenResponse> record = HubClient(admin).Explain(request);
  if (!record.ok()) return record.status();
  return ToJson(*record);
}

absl::StatusOr<Json> ActOnHub(AdminClient& admin, const std::string& storage, const HubAct& act) {
  if (act.act == "resume") return Resume(admin, storage, act);
  if (act.act == "thaw") {
    const absl::StatusOr<v1::ThawHubResponse> thawed = HubClient(admin).Thaw(storage, act.golden_id);
    if (!thawed.ok()) return thawed.status();
    return Json{{"records", thawed->records()}};
  }
  if (act.act != "commit" && act.act != "rollback") return absl::NotFoundError("there is no such call");
  const absl::StatusOr<v1::DecideHubResponse> decided = HubClient(admin).Decide(storage, act.act == "commit");
  if (!decided.ok()) return decided.status();
  return Json{{"deliveries", decided->deliveries()}};
}

}  // namespace mirror
