#include "server/http/http_calls.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "server/http/asked_source.h"
#include "server/http/http_call.h"
#include "server/http/http_error.h"
#include "server/http/page_values.h"
#include "server/records/record_merge.h"

namespace mirror {
namespace {

constexpr std::size_t kRowsMax = 1'000;
constexpr char kUpsertFeature[] = "UPSERT_BY_EXTERNAL_ID";
constexpr char kDeleteFeature[] = "DELETE_BY_EXTERNAL_ID";
constexpr char kAllOrNothing[] = "API_ERROR_ON_FAILURES";

/// Returns the members of a partner that do not belong to its record.
const std::vector<std::string_view>& BesideRecord() {
  static const std::vector<std::string_view> names = {"externalId", "record",    "dataSource",
                                                      "datasource", "createdAt", "modifiedAt"};
  return names;
}

std::string_view View(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

/// `place`: its index in the request's list, which identifies an item without an id.
RecordItem ItemOf(const JsonView& partner, std::size_t place) {
  RecordItem item;
  const std::optional<JsonView> id = partner.Find("externalId");
  if (id && id->Is(JsonKind::kString)) item.external_id = id->text();
  absl::Status status = id && !id->Is(JsonKind::kString)
                            ? absl::InvalidArgumentError("the external id is not a text")
                            : CheckExternalId(item.external_id);
  if (!status.ok() && item.external_id.empty()) {
    status = absl::InvalidArgumentError(
        absl::StrCat(std::string(View(status)), ": 'businessPartners[", place, "]'"));
  }
  if (status.ok()) {
    const std::optional<JsonView> record = partner.Find("record");
    const bool is_text = record && record->Is(JsonKind::kString);
    absl::StatusOr<std::vector<RecordAttribute>> attributes = is_text ? ParseRecord(record->text())
                                                              : record && !record->Is(JsonKind::kNull)
                                                                  ? AttributesOf(*record)
                                                                  : AttributesOf(partner, BesideRecord());
    if (attributes.ok()) item.attributes = *std::move(attributes);
    status = attributes.status();
  }
  if (!status.ok()) item.failure = View(status);
  return item;
}

/// The business partners of a body, and their members beside the records.
struct AskedPartners {
  std::vector<RecordItem> items;
  /// Data sources, spelled as in the request. An empty one: some partners name none.
  std::set<std::string, std::less<>> sources;
  /// Members beside a `record`.
  std::set<std::string_view> unknown;
};

absl::Status AddPartner(const JsonView& partner, AskedPartners* asked) {
  if (!partner.Is(JsonKind::kObject))
    return absl::InvalidArgumentError(
        "an entry of 'businessPartners' is not an object. Nothing was written.");
  const absl::StatusOr<std::string> source = SourceOfBody(partner);
  if (!source.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("'businessPartners[", asked->items.size(),
                                                   "]': ", std::string(source.status().message())));
  }
  if (!asked->sources.contains(*source)) asked->sources.insert(*source);
  asked->items.push_back(ItemOf(partner, asked->items.size()));
  const std::optional<JsonView> record = partner.Find("record");
  // Without a `record` all other members are the record.
  if (!record || record->Is(JsonKind::kNull)) return absl::OkStatus();
  for (const auto& [name, value] : partner.Members()) {
    if (std::find(BesideRecord().begin(), BesideRecord().end(), name) == BesideRecord().end())
      asked->unknown.insert(name);
  }
  return absl::OkStatus();
}

absl::StatusOr<AskedPartners> PartnersOf(const JsonView& body) {
  const std::optional<JsonView> partners = body.Find("businessPartners");
  if (!partners || !partners->Is(JsonKind::kArray))
    return absl::InvalidArgumentError("there is no list 'businessPartners'. Nothing was written.");
  const std::vector<JsonView> all = partners->Elements();
  if (all.empty() || all.size() > kRowsMax) {
    return absl::InvalidArgumentError(absl::StrCat("'businessPartners' has ", all.size(),
                                                   " entries, and 1 to ", kRowsMax,
                                                   " can be in one request. Nothing was written."));
  }
  AskedPartners asked;
  for (const JsonView& partner : all) {
    RETURN_IF_ERROR(AddPartner(partner, &asked));
  }
  return asked;
}

/// Finds the one data source that the request (`of_request`) and its partners name: each is a
/// database of its own, and a transaction cannot span two.
absl::StatusOr<AskedSource> FindSourceOfPartners(Storages& storages, const std::string& storage,
                                                 const std::string& of_request,
                                                 const AskedPartners& partners) {
  std::optional<AskedSource> found;
  for (const std::string& name : partners.sources) {
    ASSIGN_OR_RETURN(AskedSource one, FindSourceOf(storages, storage, name.empty() ? of_request : name));
    if (found && found->source.id != one.source.id) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the business partners of this request are for the data sources '", found->source.id, "' and '",
          one.source.id,
          "'. Nothing was written. A request is about one data source: send one for each of them."));
    }
    if (!found) found = std::move(one);
  }
  return *std::move(found);
}

/// Reads `externalId`: one text, or a list of them.
/// `without`: what to do instead, if it is missing.
absl::StatusOr<std::vector<std::string>> IdsOf(const JsonView& body, std::string_view without) {
  const std::optional<JsonView> ids = body.Find("externalId");
  std::vector<std::string> texts;
  if (ids && ids->Is(JsonKind::kString)) {
    texts.emplace_back(ids->text());
  } else if (ids && ids->Is(JsonKind::kArray)) {
    for (const JsonView& id : ids->Elements()) {
      if (!id.Is(JsonKind::kString))
        return absl::InvalidArgumentError("'externalId' is not a list of texts. Nothing was done.");
      texts.emplace_back(id.text());
    }
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "'externalId' is neither a text nor a list of texts. Nothing was done. ", std::string(without)));
  }
  if (texts.empty() || texts.size() > kRowsMax) {
    return absl::InvalidArgumentError(absl::StrCat("'externalId' has ", texts.size(), " ids, and 1 to ",
                                                   kRowsMax, " can be in one request. Nothing was done."));
  }
  return texts;
}

void WriteFeatures(const std::vector<std::string>& features, JsonWriter* json) {
  json->Key("featuresOn").Begin('[');
  for (const std::string& feature : features) json->String(feature);
  json->End(']');
}

std::string UpsertJson(const RecordOutcome& outcome, const std::vector<std::string>& features,
                       const Warnings& warnings) {
  JsonWriter json;
  json.Begin('{')
      .Member("numberOfAccepted", outcome.inserts + outcome.updates)
      .Member("numberOfInserts", outcome.inserts)
      .Member("numberOfUpdates", outcome.updates)
      .Member("numberOfUnchanged", outcome.unchanged)
      .Member("numberOfFailed", static_cast<std::uint64_t>(outcome.failures.size()));
  WriteFeatures(features, &json);
  if (!outcome.failures.empty()) {
    json.Key("failures");
    WriteFailures(outcome.failures, &json);
  }
  warnings.WriteTo(&json);
  return json.End('}').Take();
}

HttpAnswer Refused(const RecordOutcome& outcome) {
  if (outcome.failures.empty()) return ErrorAnswer(outcome.status);
  JsonWriter failures;
  WriteFailures(outcome.failures, &failures);
  return ErrorAnswer(outcome.status, absl::StrCat(",\"failures\":", failures.Take()));
}

absl::Status TooManyValues(std::size_t ids) {
  return absl::InvalidArgumentError(absl::StrCat("the business partners of these ", ids,
                                                 " ids have more than ", kValuesBytesMax >> 20,
                                                 " MB. Nothing was read. Ask for fewer ids in one request."));
}

std::string PartnerJson(const PartnerRow& row, const DataSource& source) {
  JsonWriter json;
  json.Begin('{')
      .Member("id", row.id)
      .Member("externalId", row.external_id)
      .Member("dataSource", source.id)
      .Member("createdAt", row.created_at)
      .Member("modifiedAt", row.modified_at);
  if (row.record) json.Member("record", *row.record);
  return json.End('}').Take();
}

}  // namespace

void PartnerCalls::AddTo(HttpRoutes* routes) {
  routes->Add("upsertBusinessPartners", "PUT", "/v4/storages/{}/businesspartners", ApiRole::kWriter,
              HttpBody::kJson, this, &PartnerCalls::Upsert);
  routes->Add("listBusinessPartners", "GET", "/v4/storages/{}/businesspartners", ApiRole::kReader,
              HttpBody::kNone, this, &PartnerCalls::List,
              {"dataSource", "datasource", "externalId", "limit", "startAfter"});
  routes->Add("fetchBusinessPartners", "POST", "/v4/storages/{}/businesspartners/fetch", ApiRole::kReader,
              HttpBody::kJson, this, &PartnerCalls::Fetch, {}, "/storages/{}/businesspartners/fetch");
  routes->Add("deleteBusinessPartners", "POST", "/v4/storages/{}/businesspartners/delete", ApiRole::kWriter,
              HttpBody::kJson, this, &PartnerCalls::Delete, {"erase"},
              "/storages/{}/businesspartners/delete");
}

HttpAnswer PartnerCalls::Replayed(const RecordOutcome& outcome) {
  counters_.replayed.Add();
  return JsonAnswer(outcome.remembered);
}

absl::StatusOr<HttpAnswer> PartnerCalls::Upsert(HttpCall& call) {
  ASSIGN_OR_RETURN(const JsonDocument body, JsonBody(call));
  Warnings warnings;
  warnings.AddUnknown(body.root(), {"dataSource", "datasource", "featuresOn", "businessPartners"});
  ASSIGN_OR_RETURN(const std::vector<std::string> features,
                   FeaturesOf(body.root(), {kUpsertFeature, kAllOrNothing}, &warnings));
  ASSIGN_OR_RETURN(const std::string source, SourceOfBody(body.root()));
  ASSIGN_OR_RETURN(AskedPartners partners, PartnersOf(body.root()));
  if (!source.empty()) partners.sources.insert(source);
  ASSIGN_OR_RETURN(const AskedSource asked, FindSourceOfPartners(storages_, call.parts[0], source, partners));
  for (const std::string_view name : partners.unknown) warnings.AddMember(name);
  RecordRequest request;
  request.items = std::move(partners.items);
  request.updates_known = Has(features, kUpsertFeature);
  request.all_or_nothing = Has(features, kAllOrNothing);
  request.bytes = call.body.size();
  ASSIGN_OR_RETURN(std::optional<RememberedRequest> remember,
                   RememberOf(call, "upsert", call.parts[0], call.body));
  request.remember = std::move(remember);
  if (request.remember) {
    request.remember->answer = [&](const RecordOutcome& outcome) {
      return UpsertJson(outcome, features, warnings);
    };
  }
  const RecordOutcome outcome = asked.tenant->ApplyRecords(request, call.now_ms);
  audit_.AddUpsert(call, asked.source.tenant, outcome);
  if (!outcome.status.ok()) return Refused(outcome);
  if (!outcome.remembered.empty()) return Replayed(outcome);
  counters_.requested.Count(outcome.inserts, outcome.updates, outcome.deletes, outcome.failures.size());
  return JsonAnswer(UpsertJson(outcome, features, warnings));
}

absl::StatusOr<HttpAnswer> PartnerCalls::List(HttpCall& call) {
  ASSIGN_OR_RETURN(const AskedPage page, PageOf(call));
  ASSIGN_OR_RETURN(const AskedSource asked, FindSourceOf(storages_, call.parts[0], SourceOfQuery(call)));
  std::vector<std::string> ids = call.target.All("externalId");
  // An id may contain a comma: if there are several, none is split.
  if (ids.size() == 1) ids = absl::StrSplit(std::string(ids.front()), ',');
  if (ids.size() > kRowsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("'externalId' has more than ", kRowsMax, " ids. Nothing was read."));
  }
  PageValues values(page.limit);
  const auto take = [&](const std::string& id, const PartnerRow* row) {
    return row == nullptr || values.Add(PartnerJson(*row, asked.source), id);
  };
  const std::string after = page.start_after.value_or("");
  absl::StatusOr<std::uint64_t> total = 0;
  if (ids.empty()) {
    total = asked.tenant->ReadPartnersBehind(after, take);
  } else {
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    total = asked.tenant->CountPartners(ids);
    if (page.start_after) ids.erase(ids.begin(), std::upper_bound(ids.begin(), ids.end(), after));
    if (absl::Status read = asked.tenant->ReadPartners(ids, take); !read.ok()) total = read;
  }
  if (!total.ok()) return total.status();
  counters_.pages.Add();
  counters_.page_rows.Add(values.count());
  JsonWriter json;
  BeginPage(page, values.next(), *total, &json);
  json.Key("values").Raw(values.Take()).End('}');
  return JsonAnswer(std::move(json));
}

absl::StatusOr<HttpAnswer> PartnerCalls::Fetch(HttpCall& call) {
  ASSIGN_OR_RETURN(const JsonDocument body, JsonBody(call));
  Warnings warnings;
  warnings.AddUnknown(body.root(), {"dataSource", "datasource", "externalId"});
  ASSIGN_OR_RETURN(const std::string source, SourceOfBody(body.root()));
  ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                   IdsOf(body.root(), "For a page of all of them use GET on 'businesspartners'."));
  ASSIGN_OR_RETURN(const AskedSource asked, FindSourceOf(storages_, call.parts[0], source));
  PageValues values(ids.size());
  std::vector<std::string> missing;
  std::string only;
  const bool is_one = body.root().Find("externalId")->Is(JsonKind::kString);
  const absl::Status read =
      asked.tenant->ReadPartners(ids, [&](const std::string& id, const PartnerRow* row) {
        if (row == nullptr) {
          missing.push_back(id);
          return true;
        }
        if (!is_one) return values.Add(PartnerJson(*row, asked.source), id);
        only = PartnerJson(*row, asked.source);
        return true;
      });
  RETURN_IF_ERROR(read);
  // Refused, because values that are cut off would count neither as found nor as missing.
  if (values.next()) return TooManyValues(ids.size());
  JsonWriter json;
  json.Begin('{');
  if (is_one) {
    json.Key("businessPartner").Raw(only.empty() ? "null" : only);
    json.Member("status", only.empty() ? "NOT_FOUND" : "OK");
  } else {
    json.Key("values").Raw(values.Take()).Key("missing").Begin('[');
    for (const std::string& id : missing) json.String(id);
    json.End(']');
  }
  warnings.WriteTo(&json);
  json.End('}');
  return JsonAnswer(std::move(json));
}

absl::StatusOr<HttpAnswer> PartnerCalls::Delete(HttpCall& call) {
  ASSIGN_OR_RETURN(const bool erase, ErasesNow(call));
  ASSIGN_OR_RETURN(const JsonDocument body, JsonBody(call));
  Warnings warnings;
  warnings.AddUnknown(body.root(), {"dataSource", "datasource", "externalId", "featuresOn"});
  ASSIGN_OR_RETURN(const std::vector<std::string> features,
                   FeaturesOf(body.root(), {kDeleteFeature, kAllOrNothing}, &warnings));
  if (!Has(features, kDeleteFeature)) {
    return absl::InvalidArgumentError(absl::StrCat("'featuresOn' does not have ", kDeleteFeature,
                                                   ". Nothing was deleted. Add it to delete the business "
                                                   "partners."));
  }
  ASSIGN_OR_RETURN(const std::string source, SourceOfBody(body.root()));
  ASSIGN_OR_RETURN(const std::vector<std::string> ids, IdsOf(body.root(), "To remove all, use clear."));
  ASSIGN_OR_RETURN(const AskedSource asked, FindSourceOf(storages_, call.parts[0], source));
  RecordRequest request;
  request.operation = RecordOperation::kDelete;
  for (const std::string& id : ids) request.items.push_back({.external_id = id});
  request.all_or_nothing = Has(features, kAllOrNothing);
  request.bytes = call.body.size();
  ASSIGN_OR_RETURN(std::optional<RememberedRequest> remember,
                   RememberOf(call, "delete", call.parts[0],
                              absl::StrCat(call.Query("erase").value_or(""), "\n", call.body)));
  request.remember = std::move(remember);
  const auto answer = [&](const RecordOutcome& outcome, std::optional<std::int64_t> erased_ms) {
    JsonWriter json;
    json.Begin('{');
    WriteCounts(outcome.deletes, outcome.failures, erased_ms, &json);
    WriteFeatures(features, &json);
    warnings.WriteTo(&json);
    return json.End('}').Take();
  };
  if (request.remember) {
    request.remember->answer = [&](const RecordOutcome& outcome) { return answer(outcome, std::nullopt); };
  }
  const RecordOutcome outcome = asked.tenant->ApplyRecords(request, call.now_ms);
  audit_.AddDelete(call, asked.source.tenant, outcome);
  if (!outcome.status.ok()) return Refused(outcome);
  const std::optional<std::int64_t> erased_ms =
      erasure_.EraseOrNote(asked.source.tenant, *asked.tenant, erase);
  if (!outcome.remembered.empty()) {
    HttpAnswer first = Replayed(outcome);
    // The rest stays as it was; the time of erasure is the present one.
    if (erased_ms) first.body = WithErasedAt(first.body, *erased_ms);
    return first;
  }
  counters_.requested.Count(outcome.inserts, outcome.updates, outcome.deletes, outcome.failures.size());
  return JsonAnswer(answer(outcome, erased_ms));
}

}  // namespace mirror
