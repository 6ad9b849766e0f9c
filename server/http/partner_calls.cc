#include "server/http/partner_calls.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/http/counts_json.h"
#include "server/http/http_error.h"
#include "server/http/idempotency.h"
#include "server/records/record_merge.h"

namespace mirror {
namespace {

constexpr std::size_t kRowsMax = 1'000;
constexpr char kUpsertFeature[] = "UPSERT_BY_EXTERNAL_ID";
constexpr char kDeleteFeature[] = "DELETE_BY_EXTERNAL_ID";
constexpr char kAllOrNothing[] = "API_ERROR_ON_FAILURES";

/// Members of a partner that are not its record.
const std::vector<std::string_view>& BesideRecord() {
  static const std::vector<std::string_view> names = {"externalId", "record",    "dataSource",
                                                      "datasource", "createdAt", "modifiedAt"};
  return names;
}

std::string_view View(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

/// `dataSource` of a body, in either spelling.
absl::StatusOr<std::string> SourceOfBody(const JsonView& body) {
  for (const char* const name : {"dataSource", "datasource"}) {
    const absl::StatusOr<std::optional<std::string>> text = TextMember(body, name);
    if (!text.ok()) return text.status();
    if (*text) return **text;
  }
  return std::string();
}

RecordItem ItemOf(const JsonView& partner) {
  RecordItem item;
  const std::optional<JsonView> id = partner.Find("externalId");
  if (id && id->Is(JsonKind::kString)) item.external_id = id->text();
  absl::Status status = id && !id->Is(JsonKind::kString)
                            ? absl::InvalidArgumentError("the external id is no text")
                            : CheckExternalId(item.external_id);
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

absl::StatusOr<std::vector<RecordItem>> ItemsOf(const JsonView& body) {
  const std::optional<JsonView> partners = body.Find("businessPartners");
  if (!partners || !partners->Is(JsonKind::kArray))
    return absl::InvalidArgumentError("there is no list 'businessPartners'. Nothing was written.");
  const std::vector<JsonView> all = partners->Elements();
  if (all.empty() || all.size() > kRowsMax) {
    return absl::InvalidArgumentError(absl::StrCat("'businessPartners' has ", all.size(),
                                                   " entries, and 1 to ", kRowsMax,
                                                   " can be in one request. Nothing was written."));
  }
  std::vector<RecordItem> items;
  for (const JsonView& partner : all) {
    if (!partner.Is(JsonKind::kObject))
      return absl::InvalidArgumentError("an entry of 'businessPartners' is no object. Nothing was written.");
    items.push_back(ItemOf(partner));
  }
  return items;
}

/// `externalId`: one text, or a list of them.
absl::StatusOr<std::vector<std::string>> IdsOf(const JsonView& body) {
  const std::optional<JsonView> ids = body.Find("externalId");
  std::vector<std::string> texts;
  if (ids && ids->Is(JsonKind::kString)) {
    texts.emplace_back(ids->text());
  } else if (ids && ids->Is(JsonKind::kArray)) {
    for (const JsonView& id : ids->Elements()) {
      if (!id.Is(JsonKind::kString))
        return absl::InvalidArgumentError("'externalId' is no list of texts. Nothing was done.");
      texts.emplace_back(id.text());
    }
  } else {
    return absl::InvalidArgumentError(
        "'externalId' is neither a text nor a list of texts. Nothing was done. To remove all, use clear.");
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

void WritePartner(const PartnerRow& row, const DataSource& source, JsonWriter* json) {
  json->Begin('{')
      .Member("id", row.id)
      .Member("externalId", row.external_id)
      .Member("dataSource", source.id)
      .Member("createdAt", row.created_at)
      .Member("modifiedAt", row.modified_at);
  if (row.record) json->Member("record", *row.record);
  json->End('}');
}

}  // namespace

void PartnerCalls::AddTo(HttpRoutes* routes) {
  const auto add = [&](std::string_view method, std::string_view path, ApiRole role, HttpBody body,
                       HttpAnswer (PartnerCalls::*answer)(HttpCall&)) {
    routes->Add({method, path, role, body, [this, answer](HttpCall& call) { return (this->*answer)(call); }});
  };
  add("PUT", "/v4/storages/{}/businesspartners", ApiRole::kWriter, HttpBody::kJson, &PartnerCalls::Upsert);
  add("GET", "/v4/storages/{}/businesspartners", ApiRole::kReader, HttpBody::kNone, &PartnerCalls::List);
  add("POST", "/v4/storages/{}/businesspartners/fetch", ApiRole::kReader, HttpBody::kJson,
      &PartnerCalls::Fetch);
  add("POST", "/v4/storages/{}/businesspartners/delete", ApiRole::kWriter, HttpBody::kJson,
      &PartnerCalls::Delete);
}

absl::StatusOr<PartnerCalls::Asked> PartnerCalls::Find(const HttpCall& call, const std::string& source) {
  if (!call.Sees(call.parts[0])) return NoStorage(call.parts[0]);
  absl::StatusOr<DataSource> found = storages_.FindSource(call.parts[0], source);
  if (!found.ok()) return found.status();
  absl::StatusOr<std::shared_ptr<Tenant>> tenant = storages_.TenantOf(*found);
  if (!tenant.ok()) return tenant.status();
  return Asked{*std::move(found), *std::move(tenant)};
}

HttpAnswer PartnerCalls::Upsert(HttpCall& call) {
  if (!call.Sees(call.parts[0])) return ErrorAnswer(NoStorage(call.parts[0]));
  const absl::StatusOr<JsonDocument> body = JsonBody(call);
  if (!body.ok()) return ErrorAnswer(body.status());
  Warnings warnings;
  warnings.AddUnknown(body->root(), {"dataSource", "datasource", "featuresOn", "businessPartners"});
  const absl::StatusOr<std::vector<std::string>> features =
      FeaturesOf(body->root(), {kUpsertFeature, kAllOrNothing}, &warnings);
  if (!features.ok()) return ErrorAnswer(features.status());
  const absl::StatusOr<std::string> source = SourceOfBody(body->root());
  if (!source.ok()) return ErrorAnswer(source.status());
  absl::StatusOr<std::vector<RecordItem>> items = ItemsOf(body->root());
  if (!items.ok()) return ErrorAnswer(items.status());
  const absl::StatusOr<Asked> asked = Find(call, *source);
  if (!asked.ok()) return ErrorAnswer(asked.status());
  RecordRequest request;
  request.items = *std::move(items);
  request.updates_known = Has(*features, kUpsertFeature);
  request.all_or_nothing = Has(*features, kAllOrNothing);
  request.bytes = call.body.size();
  absl::StatusOr<std::optional<RememberedRequest>> remember =
      RememberOf(call, "upsert", call.parts[0], call.body);
  if (!remember.ok()) return ErrorAnswer(remember.status());
  request.remember = *std::move(remember);
  if (request.remember) {
    request.remember->answer = [&](const RecordOutcome& outcome) {
      return UpsertJson(outcome, *features, warnings);
    };
  }
  const RecordOutcome outcome = asked->tenant->ApplyRecords(request, call.now_ms);
  audit_.AddRows(call, "upsert", asked->source.tenant, outcome);
  if (!outcome.status.ok()) return Refused(outcome);
  if (!outcome.remembered.empty()) return JsonAnswer(outcome.remembered);
  return JsonAnswer(UpsertJson(outcome, *features, warnings));
}

HttpAnswer PartnerCalls::List(HttpCall& call) {
  const absl::StatusOr<AskedPage> page = PageOf(call);
  if (!page.ok()) return ErrorAnswer(page.status());
  const std::string source = call.Query("dataSource").value_or(call.Query("datasource").value_or(""));
  const absl::StatusOr<Asked> asked = Find(call, source);
  if (!asked.ok()) return ErrorAnswer(asked.status());
  std::vector<std::string> ids = call.target.All("externalId");
  // An id may hold a comma: given more than once, none is split.
  if (ids.size() == 1) ids = absl::StrSplit(std::string(ids.front()), ',');
  if (ids.size() > kRowsMax) {
    return ErrorAnswer(absl::InvalidArgumentError(
        absl::StrCat("'externalId' has more than ", kRowsMax, " ids. Nothing was read.")));
  }
  JsonWriter json;
  std::optional<std::string> next;
  std::vector<PartnerRow> rows;
  std::uint64_t total = 0;
  if (ids.empty()) {
    absl::StatusOr<RecordsCalls::PartnerPage> read =
        asked->tenant->ReadPartnerPage(page->start_after.value_or(""), page->limit);
    if (!read.ok()) return ErrorAnswer(read.status());
    rows = std::move(read->partners);
    total = read->total;
    if (!read->is_last && !rows.empty()) next = rows.back().external_id;
  } else {
    absl::StatusOr<std::vector<PartnerRow>> read = asked->tenant->ReadPartners(ids);
    if (!read.ok()) return ErrorAnswer(read.status());
    std::sort(read->begin(), read->end(),
              [](const PartnerRow& a, const PartnerRow& b) { return a.external_id < b.external_id; });
    read->erase(
        std::unique(read->begin(), read->end(),
                    [](const PartnerRow& a, const PartnerRow& b) { return a.external_id == b.external_id; }),
        read->end());
    total = read->size();
    for (PartnerRow& row : *read) {
      if (page->start_after && row.external_id <= *page->start_after) continue;
      if (rows.size() == page->limit) {
        next = rows.back().external_id;
        break;
      }
      rows.push_back(std::move(row));
    }
  }
  BeginPage(*page, next, total, &json);
  json.Key("values").Begin('[');
  for (const PartnerRow& row : rows) WritePartner(row, asked->source, &json);
  json.End(']').End('}');
  return JsonAnswer(std::move(json));
}

HttpAnswer PartnerCalls::Fetch(HttpCall& call) {
  if (!call.Sees(call.parts[0])) return ErrorAnswer(NoStorage(call.parts[0]));
  const absl::StatusOr<JsonDocument> body = JsonBody(call);
  if (!body.ok()) return ErrorAnswer(body.status());
  Warnings warnings;
  warnings.AddUnknown(body->root(), {"dataSource", "datasource", "externalId"});
  const absl::StatusOr<std::string> source = SourceOfBody(body->root());
  if (!source.ok()) return ErrorAnswer(source.status());
  const absl::StatusOr<std::vector<std::string>> ids = IdsOf(body->root());
  if (!ids.ok()) return ErrorAnswer(ids.status());
  const absl::StatusOr<Asked> asked = Find(call, *source);
  if (!asked.ok()) return ErrorAnswer(asked.status());
  const absl::StatusOr<std::vector<PartnerRow>> rows = asked->tenant->ReadPartners(*ids);
  if (!rows.ok()) return ErrorAnswer(rows.status());
  JsonWriter json;
  json.Begin('{');
  if (body->root().Find("externalId")->Is(JsonKind::kString)) {
    json.Key("businessPartner");
    if (rows->empty()) {
      json.Null();
    } else {
      WritePartner(rows->front(), asked->source, &json);
    }
    json.Member("status", rows->empty() ? "NOT_FOUND" : "OK");
  } else {
    std::map<std::string_view, const PartnerRow*> by_id;
    for (const PartnerRow& row : *rows) by_id[row.external_id] = &row;
    json.Key("values").Begin('[');
    for (const std::string& id : *ids) {
      if (const auto found = by_id.find(id); found != by_id.end())
        WritePartner(*found->second, asked->source, &json);
    }
    json.End(']').Key("missing").Begin('[');
    for (const std::string& id : *ids) {
      if (!by_id.contains(id)) json.String(id);
    }
    json.End(']');
  }
  warnings.WriteTo(&json);
  json.End('}');
  return JsonAnswer(std::move(json));
}

HttpAnswer PartnerCalls::Delete(HttpCall& call) {
  if (!call.Sees(call.parts[0])) return ErrorAnswer(NoStorage(call.parts[0]));
  const absl::StatusOr<bool> erase = ErasesNow(call);
  if (!erase.ok()) return ErrorAnswer(erase.status());
  const absl::StatusOr<JsonDocument> body = JsonBody(call);
  if (!body.ok()) return ErrorAnswer(body.status());
  Warnings warnings;
  warnings.AddUnknown(body->root(), {"dataSource", "datasource", "externalId", "featuresOn"});
  const absl::StatusOr<std::vector<std::string>> features =
      FeaturesOf(body->root(), {kDeleteFeature, kAllOrNothing}, &warnings);
  if (!features.ok()) return ErrorAnswer(features.status());
  if (!Has(*features, kDeleteFeature)) {
    return ErrorAnswer(
        absl::InvalidArgumentError(absl::StrCat("'featuresOn' does not have ", kDeleteFeature,
                                                ". Nothing was deleted. Add it if the business "
                                                "partners shall go.")));
  }
  const absl::StatusOr<std::string> source = SourceOfBody(body->root());
  if (!source.ok()) return ErrorAnswer(source.status());
  const absl::StatusOr<std::vector<std::string>> ids = IdsOf(body->root());
  if (!ids.ok()) return ErrorAnswer(ids.status());
  const absl::StatusOr<Asked> asked = Find(call, *source);
  if (!asked.ok()) return ErrorAnswer(asked.status());
  RecordRequest request;
  request.operation = RecordOperation::kDelete;
  for (const std::string& id : *ids) request.items.push_back({.external_id = id});
  request.all_or_nothing = Has(*features, kAllOrNothing);
  request.bytes = call.body.size();
  absl::StatusOr<std::optional<RememberedRequest>> remember = RememberOf(
      call, "delete", call.parts[0], absl::StrCat(call.Query("erase").value_or(""), "\n", call.body));
  if (!remember.ok()) return ErrorAnswer(remember.status());
  request.remember = *std::move(remember);
  const auto answer = [&](const RecordOutcome& outcome, std::optional<std::int64_t> erased_ms) {
    JsonWriter json;
    json.Begin('{');
    WriteCounts(outcome.deletes, outcome.failures, erased_ms, &json);
    WriteFeatures(*features, &json);
    warnings.WriteTo(&json);
    return json.End('}').Take();
  };
  if (request.remember) {
    request.remember->answer = [&](const RecordOutcome& outcome) { return answer(outcome, std::nullopt); };
  }
  const RecordOutcome outcome = asked->tenant->ApplyRecords(request, call.now_ms);
  audit_.AddRows(call, "delete", asked->source.tenant, outcome);
  if (!outcome.status.ok()) return Refused(outcome);
  const bool erased = *erase && asked->tenant->EraseDeleted(call.now_ms).ok();
  if (!erased) erasure_.Note(asked->source.tenant);
  if (!outcome.remembered.empty())
    return JsonAnswer(erased ? WithErasedAt(outcome.remembered, call.now_ms) : outcome.remembered);
  return JsonAnswer(answer(outcome, erased ? std::optional(call.now_ms) : std::nullopt));
}

}  // namespace mirror
