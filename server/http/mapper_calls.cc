#include "server/http/mapper_calls.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/http/http_error.h"
#include "server/records/mapper_json.h"

namespace mirror {
namespace {

HttpAnswer MapperAnswer(const RecordMapper& mapper, const Warnings& warnings, int status) {
  std::string json = MapperJson(mapper);
  JsonWriter more;
  warnings.WriteTo(&more);
  if (const std::string members = more.Take(); !members.empty()) {
    json.pop_back();
    absl::StrAppend(&json, ",", members, "}");
  }
  return JsonAnswer(std::move(json), status);
}

/// The mapper of a body; of a change its id stands in the path.
absl::StatusOr<RecordMapper> MapperOfCall(HttpCall& call, bool is_new, Warnings* warnings) {
  ASSIGN_OR_RETURN(const JsonDocument body, JsonBody(call));
  warnings->AddUnknown(body.root(), {"id", "columns", "unmapped"});
  if (is_new) return MapperOf(body.root());
  ASSIGN_OR_RETURN(const std::optional<std::string> id, TextMember(body.root(), "id"));
  if (id && FoldName(*id) != FoldName(call.parts[1]))
    return absl::InvalidArgumentError("the id of a mapper cannot be changed. Nothing was done.");
  std::string named = "{\"id\":";
  AppendJsonString(call.parts[1], &named);
  for (const auto& [name, value] : body.root().Members()) {
    if (name != "columns" && name != "unmapped") continue;
    named.push_back(',');
    AppendJsonString(name, &named);
    named.push_back(':');
    value.AppendTo(&named);
  }
  named.push_back('}');
  ASSIGN_OR_RETURN(const JsonDocument whole, JsonDocument::Parse(named));
  return MapperOf(whole.root());
}

}  // namespace

void MapperCalls::AddTo(HttpRoutes* routes) {
  routes
      ->Add("listMappers", "GET", "/storages/{}/mappers", ApiRole::kOwner, HttpBody::kNone, this,
            &MapperCalls::List)
      .query = {"limit", "startAfter"};
  routes->Add({"createMapper", "POST", "/storages/{}/mappers", ApiRole::kOwner, HttpBody::kJson,
               [this](HttpCall& call) { return Put(call, /*is_new=*/true); }});
  routes->Add("getMapper", "GET", "/storages/{}/mappers/{}", ApiRole::kOwner, HttpBody::kNone, this,
              &MapperCalls::Get);
  routes->Add({"updateMapper", "PUT", "/storages/{}/mappers/{}", ApiRole::kOwner, HttpBody::kJson,
               [this](HttpCall& call) { return Put(call, /*is_new=*/false); }});
  routes->Add("deleteMapper", "DELETE", "/storages/{}/mappers/{}", ApiRole::kOwner, HttpBody::kNone, this,
              &MapperCalls::Delete);
}

HttpAnswer MapperCalls::List(HttpCall& call) {
  const absl::StatusOr<AskedPage> asked = PageOf(call);
  if (!asked.ok()) return ErrorAnswer(asked.status());
  const absl::StatusOr<std::vector<RecordMapper>> mappers = storages_.ListMappers(call.parts[0]);
  if (!mappers.ok()) return ErrorAnswer(mappers.status());
  std::vector<const RecordMapper*> sorted;
  for (const RecordMapper& mapper : *mappers) sorted.push_back(&mapper);
  std::sort(sorted.begin(), sorted.end(), [](const RecordMapper* a, const RecordMapper* b) {
    return FoldName(a->id()) < FoldName(b->id());
  });
  std::size_t from = 0;
  const std::string after = FoldName(asked->start_after.value_or(""));
  while (!after.empty() && from < sorted.size() && FoldName(sorted[from]->id()) <= after) ++from;
  const std::size_t end = std::min(sorted.size(), from + asked->limit);
  std::optional<std::string> next;
  if (end < sorted.size()) next = sorted[end - 1]->id();
  JsonWriter json;
  BeginPage(*asked, next, sorted.size(), &json);
  json.Key("values").Begin('[');
  for (std::size_t i = from; i < end; ++i) json.Raw(MapperJson(*sorted[i]));
  json.End(']').End('}');
  return JsonAnswer(std::move(json));
}

HttpAnswer MapperCalls::Get(HttpCall& call) {
  const absl::StatusOr<RecordMapper> mapper = storages_.FindMapper(call.parts[0], call.parts[1]);
  if (!mapper.ok()) return ErrorAnswer(mapper.status());
  return MapperAnswer(*mapper, Warnings(), 200);
}

HttpAnswer MapperCalls::Put(HttpCall& call, bool is_new) {
  Warnings warnings;
  const absl::StatusOr<RecordMapper> mapper = MapperOfCall(call, is_new, &warnings);
  if (!mapper.ok()) return ErrorAnswer(mapper.status());
  const absl::Status kept = storages_.PutMapper(call.parts[0], *mapper, is_new, call.now_ms);
  audit_.Add(call, absl::StrCat(is_new ? "create" : "change", " mapper ", call.parts[0], "/", mapper->id()),
             kept);
  if (!kept.ok()) return ErrorAnswer(kept);
  return MapperAnswer(*mapper, warnings, is_new ? 201 : 200);
}

HttpAnswer MapperCalls::Delete(HttpCall& call) {
  const absl::StatusOr<RecordMapper> mapper = storages_.FindMapper(call.parts[0], call.parts[1]);
  if (!mapper.ok()) return ErrorAnswer(mapper.status());
  const absl::Status gone = storages_.DeleteMapper(call.parts[0], call.parts[1], call.now_ms);
  audit_.Add(call, absl::StrCat("delete mapper ", call.parts[0], "/", call.parts[1]), gone);
  if (!gone.ok()) return ErrorAnswer(gone);
  return MapperAnswer(*mapper, Warnings(), 200);
}

}  // namespace mirror
