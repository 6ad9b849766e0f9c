#include "tools/mirrorctl/web/web_api.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/admin_output.h"
#include "tools/mirrorctl/admin/consequences.h"
#include "tools/mirrorctl/web/page_history.h"

// The calls of the page about hubs. Errors: those of HubClient.

namespace mirror {
namespace {

/// A decision about a hub that a page posts.
struct HubAct {
  std::string act;  ///< commit, rollback, thaw, resume, merge, part or rebuild.
  std::string golden_id = {}, other_id = {}, data_source = {}, take = {}, confirm = {};
  struct Row {
    std::string data_source, table, key;
  };
  std::vector<Row> rows = {};
  bool dry_run = false, insert = false;
};

constexpr std::uint32_t kDuplicatesPerLook = 100;

/// Greatest number of deliveries that a page lists.
constexpr std::uint32_t kListedPerLook = 100;

/// Converts the deliveries that would be made to the list of tables of a dialog. `resumes`: some of these
/// deliveries would have to be decided later.
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

/// Returns {hubs}.
absl::StatusOr<Json> ShowHubs(AdminClient& admin) {
  ASSIGN_OR_RETURN(const v1::ListHubsResponse hubs, HubClient(admin).Hubs());
  return ToJson(hubs);
}

/// Returns {duplicates}.
absl::StatusOr<Json> ShowDuplicates(AdminClient& admin, const std::string& storage) {
  v1::ListDuplicatesRequest request;
  request.set_storage(storage);
  request.set_limit(kDuplicatesPerLook);
  ASSIGN_OR_RETURN(const v1::ListDuplicatesResponse found, HubClient(admin).Duplicates(request));
  return ToJson(found);
}

/// Returns {changes, first}: held deliveries without values. A call for operators.
absl::StatusOr<Json> ShowHeld(AdminClient& admin, const std::string& storage) {
  ASSIGN_OR_RETURN(const v1::ListHeldResponse held, Held(admin, storage));
  return ToJson(held);
}

/// Returns {deliveries, first}: deliveries that sources refused, without values. A call for operators.
absl::StatusOr<Json> ShowRefused(AdminClient& admin, const std::string& storage) {
  v1::ListRefusedRequest request;
  request.set_storage(storage);
  request.set_limit(kListedPerLook);
  ASSIGN_OR_RETURN(const v1::ListRefusedResponse answer, HubClient(admin).Refused(request));
  return Json{{"deliveries", answer.deliveries()}, {"first", ToJsonArray(answer.refused())}};
}

/// Returns a record with its values. Each row also has its key as the text `key_text`, because browsers would
/// round large numbers. Only operators may call this.
absl::StatusOr<Json> ShowGolden(AdminClient& admin, const v1::ExplainGoldenRequest& request) {
  ASSIGN_OR_RETURN(const v1::ExplainGoldenResponse record, HubClient(admin).Explain(request));
  Json json = ToJson(record);
  for (int i = 0; i < record.members_size(); ++i) {
    json["members"][static_cast<std::size_t>(i)]["key_text"] = record.members(i).key();
  }
  return json;
}

/// Carries out a decision. Returns {deliveries}, {records}, {resumed}, {golden_id} or {suspended}. For a dry
/// run, which every act except rebuild has, returns the consequences that a dialog shows. Errors: also
/// kNotFound: there is no such act.
absl::StatusOr<Json> ActOnHub(AdminClient& admin, const std::string& storage, const HubAct& act) {
  if (act.act == "resume") return Resume(admin, storage, act);
  if (act.act == "commit" || act.act == "rollback") return Decide(admin, storage, act);
  if (act.act == "thaw") return Thaw(admin, storage, act);
  if (act.act == "merge") return Merge(admin, storage, act);
  if (act.act == "part") return Part(admin, storage, act);
  // A rebuild has no dry run here, so that such a request is refused.
  if (act.dry_run) return absl::NotFoundError("there is no such call");
  if (act.act == "rebuild") return Rebuild(admin, storage, act);
  return absl::NotFoundError("there is no such call");
}

constexpr std::uint32_t kEventsMax = 500;
constexpr std::uint32_t kAuditMax = 1'000;
constexpr std::uint32_t kStoragesPerLook = 100, kJobsPerLook = 100, kJobsOfTenant = 20;
constexpr int kOk = 200;
constexpr char kJson[] = "application/json; charset=utf-8";

int StatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kFailedPrecondition:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return 503;
    default:
      return 502;
  }
}

absl::Status NoSuchCall() { return absl::NotFoundError("there is no such call"); }

std::string First(const HttpTarget& target, std::string_view name) {
  const std::vector<std::string> all = target.All(name);
  return all.empty() ? std::string() : all.front();
}

/// Returns a number from the query of the target; `otherwise` if there is none.
template <typename Number>
Number NumberOf(const HttpTarget& target, std::string_view name, Number most, Number otherwise) {
  Number number = 0;
  return absl::SimpleAtoi(First(target, name), &number) && number > 0 ? std::min(number, most) : otherwise;
}

v1::Severity SeverityOf(const std::string& word) {
  if (word == "error") return v1::SEVERITY_ERROR;
  return word == "warning" ? v1::SEVERITY_WARNING : v1::SEVERITY_UNSPECIFIED;
}

absl::StatusOr<Json> ShowTenant(AdminClient& admin, const std::string& context_id) {
  LookClient looks(admin);
  ASSIGN_OR_RETURN(const v1::Tenant tenant, looks.Tenant(context_id));
  Json shown = {{"tenant", ToJson(tenant)}};
  // The tables of a damaged or deleted mirror cannot be listed. The tenant's state says why.
  const absl::StatusOr<v1::ListTablesResponse> tables = admin.Tables(context_id);
  shown["tables"] = tables.ok() ? ToJsonArray(tables->tables()) : Json::array();
  if (!tables.ok()) shown["tables_error"] = std::string(tables.status().message());
  const absl::StatusOr<v1::ListHoldsResponse> holds = admin.ListHolds(context_id);
  shown["holds"] = holds.ok() ? ToJsonArray(holds->holds()) : Json::array();
  const absl::StatusOr<v1::ListCyclesResponse> cycles = looks.Cycles(context_id);
  shown["cycles"] = cycles.ok() ? ToJsonArray(cycles->cycles()) : Json::array();
  if (tenant.door() == "records") {
    v1::ListImportJobsRequest of_it;
    of_it.set_context_id(context_id);
    of_it.set_page_size(kJobsOfTenant);
    const absl::StatusOr<v1::ListImportJobsResponse> jobs = looks.ImportJobs(of_it);
    shown["jobs"] = jobs.ok() ? ToJsonArray(jobs->jobs()) : Json::array();
  }
  return shown;
}

/// Returns keys of rows, which are values. The server therefore has this call in its audit log.
absl::StatusOr<Json> ShowHoldKeys(AdminClient& admin, const std::string& context_id) {
  const absl::StatusOr<v1::ListHoldsResponse> holds = admin.ListHolds(context_id, /*with_keys=*/true);
  if (!holds.ok()) return holds.status();
  return ToJson(*holds);
}

absl::StatusOr<Json> ShowEvents(AdminClient& admin, const HttpTarget& target) {
  v1::ListEventsRequest request;
  request.set_context_id(First(target, "tenant"));
  request.set_kind(First(target, "kind"));
  request.set_severity(SeverityOf(First(target, "severity")));
  request.set_limit(NumberOf<std::uint32_t>(target, "limit", kEventsMax, kEventsMax));
  request.set_before_id(NumberOf<std::uint64_t>(target, "before", UINT64_MAX, 0));
  ASSIGN_OR_RETURN(const v1::ListEventsResponse events, admin.Events(request));
  return ToJson(events);
}

absl::StatusOr<Json> ShowAudit(AdminClient& admin, const HttpTarget& target) {
  Json records = Json::array();
  RETURN_IF_ERROR(admin.Audit(NumberOf<std::uint32_t>(target, "limit", kAuditMax, kAuditMax),
                              First(target, "looks") == "1", [&](const v1::AuditEntry& entry) {
                                if (entry.has_record()) records.push_back(RecordJson(entry.record()));
                              }));
  return Json{{"records", records}};
}

absl::StatusOr<Json> ShowKeys(AdminClient& admin) {
  ASSIGN_OR_RETURN(const v1::ListKeysResponse keys, admin.Keys());
  Json dated = Json::array();
  for (const v1::DiagnoseResponse::Key& key : keys.dated()) dated.push_back(DatedJson(key));
  Json shown = {{"keys", ToJsonArray(keys.keys())}, {"dated", dated}};
  // If the server cannot read the folder of API keys, the certificates are still shown.
  const absl::StatusOr<v1::ListApiKeysResponse> api_keys = LookClient(admin).ApiKeys();
  if (!api_keys.ok()) {
    shown["api_keys_error"] = std::string(api_keys.status().message());
    return shown;
  }
  shown["api_keys"] = ToJsonArray(api_keys->keys());
  shown["http_url"] = api_keys->http_url();
  shown["left_out"] = std::vector<std::string>(api_keys->left_out().begin(), api_keys->left_out().end());
  return shown;
}

absl::StatusOr<Json> ShowStorages(AdminClient& admin, const HttpTarget& target) {
  v1::ListStoragesRequest request;
  request.set_id_pattern(First(target, "find"));
  request.set_with_records(First(target, "records") == "1");
  request.set_page_size(kStoragesPerLook);
  request.set_page_token(First(target, "page"));
  ASSIGN_OR_RETURN(const v1::ListStoragesResponse storages, LookClient(admin).Storages(request));
  return Json{{"storages", ToJsonArray(storages.storages())},
              {"next", storages.next_page_token()},
              {"http_url", storages.http_url()}};
}

absl::StatusOr<Json> ShowJobs(AdminClient& admin, const HttpTarget& target) {
  v1::ListImportJobsRequest request;
  request.set_storage(First(target, "storage"));
  for (const std::string& state : target.All("state")) request.add_states(state);
  request.set_page_size(kJobsPerLook);
  request.set_page_token(First(target, "page"));
  ASSIGN_OR_RETURN(const v1::ListImportJobsResponse jobs, LookClient(admin).ImportJobs(request));
  return Json{
      {"jobs", ToJsonArray(jobs.jobs())}, {"next", jobs.next_page_token()}, {"http_url", jobs.http_url()}};
}

absl::StatusOr<Json> ShowServers(AdminClient& admin) {
  ASSIGN_OR_RETURN(const v1::ListServersResponse servers, admin.Servers());
  return ToJson(servers);
}

v1::RowOfTable RowAskedFor(const std::string& context_id, const HttpTarget& target) {
  v1::RowOfTable row;
  row.set_context_id(context_id);
  row.set_table(First(target, "table"));
  row.set_key(First(target, "key"));
  return row;
}

v1::ExplainGoldenRequest GoldenAskedFor(const std::string& storage, const HttpTarget& target) {
  v1::ExplainGoldenRequest asked;
  asked.set_storage(storage);
  asked.set_golden_id(First(target, "id"));
  asked.set_data_source(First(target, "source"));
  asked.set_table(First(target, "table"));
  asked.set_key(First(target, "key"));
  return asked;
}

v1::DiffTableRequest DiffAskedFor(const std::string& context_id, const HttpTarget& target) {
  v1::DiffTableRequest asked;
  asked.set_context_id(context_id);
  asked.set_table(First(target, "table"));
  asked.set_from(First(target, "from"));
  asked.set_to(First(target, "to"));
  return asked;
}

/// The body that a page posts: an object, or nothing.
struct Posted {
  std::string reason, confirm, expect;
  bool dry_run = false;
  std::vector<std::string> tables;
  bool all = false;
  HubAct hub = {};
};

absl::StatusOr<Posted> ReadPosted(const std::string& body) {
  Posted posted;
  if (body.empty()) return posted;
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  try {
    posted.reason = json.value("reason", "");
    posted.confirm = json.value("confirm", "");
    posted.expect = json.value("expect", "");
    posted.dry_run = json.value("dry_run", false);
    posted.all = json.value("all", false);
    posted.tables = json.value("tables", std::vector<std::string>());
    posted.hub.data_source = json.value("data_source", "");
    posted.hub.take = json.value("take", "");
    posted.hub.golden_id = json.value("golden_id", "");
    posted.hub.other_id = json.value("other_id", "");
    posted.hub.insert = json.value("insert", false);
    posted.hub.confirm = posted.confirm;
    posted.hub.dry_run = posted.dry_run;
    for (const Json& row : json.value("rows", Json::array())) {
      posted.hub.rows.push_back({row.value("data_source", ""), row.value("table", ""), row.value("key", "")});
    }
  } catch (const Json::exception&) {
    return absl::InvalidArgumentError(
        "what the page sent cannot be read. Nothing was done. Load the page "
        "again.");
  }
  return posted;
}

absl::StatusOr<Json> Done(const absl::Status& status) {
  if (!status.ok()) return status;
  return Json{{"done", true}};
}

/// Checks that the user repeated the context id. This is required for acts that need a population afterwards,
/// or worse.
absl::Status CheckTyped(const Posted& posted, const std::string& context_id) {
  if (posted.confirm == context_id) return absl::OkStatus();
  return absl::InvalidArgumentError("the context id was not repeated. Nothing was done.");
}

/// Returns the counts of a dry run, or a text that says that the act is done.
template <typename Answer>
absl::StatusOr<Json> DoneOrCounted(const absl::StatusOr<Answer>& answer) {
  if (answer.ok() && answer->has_consequences()) return ToJson(answer->consequences());
  return Done(answer.status());
}

/// Copies the fields that every destructive act has.
template <typename Message>
void SetMeant(const Posted& posted, Message* message) {
  message->set_dry_run(posted.dry_run);
  message->set_expect(posted.expect);
}

absl::StatusOr<Json> Invalidate(AdminClient& admin, const std::string& context_id, const Posted& posted) {
  const absl::Status typed = posted.dry_run ? absl::OkStatus() : CheckTyped(posted, context_id);
  if (!typed.ok()) return typed;
  v1::InvalidateLsnRequest request;
  request.set_context_id(context_id);
  request.set_all(posted.all);
  request.mutable_tables()->Add(posted.tables.begin(), posted.tables.end());
  SetMeant(posted, &request);
  return DoneOrCounted(admin.Invalidate(request));
}

absl::StatusOr<Json> Verify(AdminClient& admin, const std::string& context_id, const Posted& posted) {
  v1::VerifyRequest request;
  request.set_context_id(context_id);
  request.mutable_tables()->Add(posted.tables.begin(), posted.tables.end());
  return Done(admin.Verify(request).status());
}

absl::StatusOr<Json> ActOnTenant(AdminClient& admin, const std::string& act, const std::string& context_id,
                                 const Posted& posted) {
  if (act == "pause") return Done(admin.Pause(context_id, posted.reason).status());
  if (act == "resume") return Done(admin.Resume(context_id).status());
  if (act == "verify") return Verify(admin, context_id, posted);
  if (act == "invalidate") return Invalidate(admin, context_id, posted);
  if (act != "accept") return NoSuchCall();
  const absl::Status typed = posted.dry_run ? absl::OkStatus() : CheckTyped(posted, context_id);
  if (!typed.ok()) return typed;
  v1::AcceptSourceRequest request;
  request.set_context_id(context_id);
  SetMeant(posted, &request);
  return DoneOrCounted(admin.AcceptSource(request));
}

absl::StatusOr<Json> DecideHold(AdminClient& admin, const std::string& act, const std::string& context_id,
                                const std::string& number, const Posted& posted) {
  std::uint64_t hold_id = 0;
  if (!absl::SimpleAtoi(number, &hold_id)) return NoSuchCall();
  if (act == "commit") {
    v1::CommitHoldRequest request;
    request.set_context_id(context_id);
    request.set_hold_id(hold_id);
    SetMeant(posted, &request);
    return DoneOrCounted(admin.CommitHold(request));
  }
  if (act == "rollback") return Done(admin.RollbackHold(context_id, hold_id).status());
  return NoSuchCall();
}

}  // namespace

HttpAnswer JsonError(const absl::Status& status) { return {StatusOf(status), kJson, ErrorLine(status)}; }

HttpAnswer WebApi::Ask(const Work& work) {
  std::shared_ptr<AdminClient> client;
  {
    const MutexLock lock(mutex_);
    if (!client_) {
      absl::StatusOr<std::unique_ptr<AdminClient>> opened = AdminClient::Open(config_);
      if (!opened.ok()) return JsonError(opened.status());
      client_ = *std::move(opened);
      client_->EndAt(&interruption_);
    }
    client = client_;
  }
  const absl::StatusOr<Json> answer = work(*client);
  if (answer.ok()) return {kOk, kJson, JsonLine(*answer)};
  // gRPC's pauses between its attempts grow. Therefore the next call opens a new client.
  const MutexLock lock(mutex_);
  if (absl::IsUnavailable(answer.status()) && client_ == client) client_.reset();
  return JsonError(answer.status());
}

Json WebApi::About() const {
  return {{"address", config_.address}, {"operator", is_operator_}, {"version", MIRROR_VERSION}};
}

HttpAnswer WebApi::Live() {
  HttpAnswer answer{200, "application/x-ndjson; charset=utf-8"};
  answer.stream = feed_.Open();
  if (answer.stream) return answer;
  return JsonError(absl::ResourceExhaustedError(absl::StrCat(
      "there are ", kLiveTabsMax, " pages open already. Close one of them, then load this one again.")));
}

HttpAnswer WebApi::Get(const HttpTarget& target) {
  const std::vector<std::string>& path = target.segments;
  const std::string& name = path[1];
  if (path.size() == 2) {
    if (name == "about") return {200, kJson, JsonLine(About())};
    if (name == "live") return Live();
    if (name == "events") return Ask([&](AdminClient& admin) { return ShowEvents(admin, target); });
    if (name == "audit") return Ask([&](AdminClient& admin) { return ShowAudit(admin, target); });
    if (name == "storages") return Ask([&](AdminClient& admin) { return ShowStorages(admin, target); });
    if (name == "jobs") return Ask([&](AdminClient& admin) { return ShowJobs(admin, target); });
    if (name == "keys") return Ask(ShowKeys);
    if (name == "servers") return Ask(ShowServers);
    if (name == "hubs") return Ask(ShowHubs);
  }
  if (name == "hubs" && path.size() == 4 && path[3] == "duplicates")
    return Ask([&](AdminClient& admin) { return ShowDuplicates(admin, path[2]); });
  if (name == "hubs" && path.size() == 4 && path[3] == "held")
    return Ask([&](AdminClient& admin) { return ShowHeld(admin, path[2]); });
  if (name == "hubs" && path.size() == 4 && path[3] == "refused")
    return Ask([&](AdminClient& admin) { return ShowRefused(admin, path[2]); });
  if (name == "hubs" && path.size() == 4 && path[3] == "golden")
    return Ask([&](AdminClient& admin) { return ShowGolden(admin, GoldenAskedFor(path[2], target)); });
  const bool of_one = name == "tenants" && path.size() == 4 && path[3] == "minutes";
  if (of_one || (name == "minutes" && path.size() == 2)) {
    return Ask([&](AdminClient& admin) -> absl::StatusOr<Json> {
      ASSIGN_OR_RETURN(const v1::TimeSeries minutes, LookClient(admin).Minutes(of_one ? path[2] : ""));
      return ToJson(minutes);
    });
  }
  if (name == "tenants" && path.size() == 4 && path[3] == "history")
    return Ask([&](AdminClient& admin) { return ShowRowHistory(admin, RowAskedFor(path[2], target)); });
  if (name == "tenants" && path.size() == 4 && path[3] == "diff") {
    return Ask([&](AdminClient& admin) {
      return ShowTableDiff(admin, DiffAskedFor(path[2], target), interruption_);
    });
  }
  if (name == "tenants" && path.size() == 5 && path[3] == "holds" && path[4] == "keys")
    return Ask([&](AdminClient& admin) { return ShowHoldKeys(admin, path[2]); });
  if (name != "tenants" || path.size() != 3) return JsonError(NoSuchCall());
  return Ask([&](AdminClient& admin) { return ShowTenant(admin, path[2]); });
}

HttpAnswer WebApi::Post(const HttpTarget& target, const std::string& body) {
  const std::vector<std::string>& path = target.segments;
  const absl::StatusOr<Posted> posted = ReadPosted(body);
  if (!posted.ok()) return JsonError(posted.status());
  if (posted->dry_run || !posted->expect.empty()) {
    HttpAnswer knows = Ask([](AdminClient& admin) { return Done(CheckKnowsDryRuns(admin)); });
    if (knows.status != kOk) return knows;
  }
  if (path[1] == "tenants" && path.size() == 4)
    return Ask([&](AdminClient& admin) { return ActOnTenant(admin, path[3], path[2], *posted); });
  if (path[1] == "tenants" && path.size() == 6 && path[3] == "holds")
    return Ask([&](AdminClient& admin) { return DecideHold(admin, path[5], path[2], path[4], *posted); });
  if (path[1] == "hubs" && path.size() == 4) {
    HubAct act = posted->hub;
    act.act = path[3];
    return Ask([&](AdminClient& admin) { return ActOnHub(admin, path[2], act); });
  }
  return JsonError(NoSuchCall());
}

HttpAnswer WebApi::Answer(const std::string& method, const HttpTarget& target, const std::string& body) {
  if (target.segments.size() < 2) return JsonError(NoSuchCall());
  return method == "POST" ? Post(target, body) : Get(target);
}

}  // namespace mirror
