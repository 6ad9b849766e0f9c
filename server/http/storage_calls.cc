#include "server/http/http_calls.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "server/http/asked_source.h"
#include "server/http/http_error.h"
#include "server/storages/storage_ids.h"

namespace mirror {
namespace {

void WriteSource(const DataSource& source, const Warnings& warnings, JsonWriter* json) {
  json->Begin('{').Member("id", source.id).Member("name", source.name);
  if (!source.mapper.empty()) json->Member("dataMapperDefinitionId", source.mapper);
  json->Key("default").Bool(source.is_default);
  json->Member("door", source.door == Door::kRecords ? "records" : "cycles");
  if (source.door == Door::kCycles) json->Member("tenant", source.tenant);
  warnings.WriteTo(json);
  json->End('}');
}

/// Writes all but the end of the object.
void BeginStorage(const StorageInfo& storage, const std::vector<DataSource>& sources, JsonWriter* json) {
  json->Begin('{')
      .Member("id", storage.id)
      .Member("name", storage.name)
      .Member("status", "CREATED_SUCCESSFULLY")
      .Key("dataSources")
      .Begin('[');
  for (const DataSource& source : sources)
    json->Begin('{').Member("id", source.id).Member("name", source.name).End('}');
  json->End(']');
}

HttpAnswer CountsAnswer(std::uint64_t rows, bool erased) {
  JsonWriter json;
  json.Begin('{');
  WriteCounts(rows, {}, erased ? std::optional(SharedNowMs()) : std::nullopt, &json);
  json.End('}');
  return JsonAnswer(std::move(json));
}

}  // namespace

void StorageCalls::AddTo(HttpRoutes* routes) {
  routes->Add("createStorage", "POST", "/v2/storages", ApiRole::kOwner, HttpBody::kJson, this,
              &StorageCalls::CreateStorage);
  routes->Add("listStorages", "GET", "/v2/storages", ApiRole::kReader, HttpBody::kNone, this,
              &StorageCalls::ListStorages, {"limit", "startAfter"});
  routes->Add("getStorage", "GET", "/v2/storages/{}", ApiRole::kReader, HttpBody::kNone, this,
              &StorageCalls::GetStorage);
  routes->Add("deleteStorage", "DELETE", "/storages/{}", ApiRole::kOwner, HttpBody::kNone, this,
              &StorageCalls::DeleteStorage, {"confirm"});
  routes->Add("clearStorage", "POST", "/storages/{}/clear", ApiRole::kOwner, HttpBody::kNone, this,
              &StorageCalls::ClearStorage, {"erase"});
  routes->Add("createDataSource", "POST", "/storages/{}/datasources", ApiRole::kOwner, HttpBody::kJson, this,
              &StorageCalls::CreateSource);
  routes->Add("listDataSources", "GET", "/storages/{}/datasources", ApiRole::kReader, HttpBody::kNone, this,
              &StorageCalls::ListSources, {"limit", "startAfter"});
  routes->Add("getDataSource", "GET", "/storages/{}/datasources/{}", ApiRole::kReader, HttpBody::kNone, this,
              &StorageCalls::GetSource);
  routes->Add("updateDataSource", "PUT", "/storages/{}/datasources/{}", ApiRole::kOwner, HttpBody::kJson,
              this, &StorageCalls::ChangeSource);
  routes->Add("deleteDataSource", "DELETE", "/storages/{}/datasources/{}", ApiRole::kOwner, HttpBody::kNone,
              this, &StorageCalls::DeleteSource);
  routes->Add("clearDataSource", "POST", "/storages/{}/datasources/{}/clear", ApiRole::kOwner,
              HttpBody::kNone, this, &StorageCalls::ClearSource, {"erase"});
}

absl::StatusOr<HttpAnswer> StorageCalls::CreateStorage(HttpCall& call) {
  ASSIGN_OR_RETURN(const JsonDocument body, JsonBody(call));
  Warnings warnings;
  warnings.AddUnknown(body.root(), {"name", "id", "featuresOn"});
  const absl::StatusOr<std::optional<std::string>> name = TextMember(body.root(), "name");
  const absl::StatusOr<std::optional<std::string>> id = TextMember(body.root(), "id");
  const absl::Status features = FeaturesOf(body.root(), {"DATA_MIRROR"}, &warnings).status();
  for (const absl::Status& status : {name.status(), id.status(), features}) {
    RETURN_IF_ERROR(status);
  }
  if (!*name) return absl::InvalidArgumentError("a storage needs a 'name'. Nothing was done.");
  const std::string asked = id->value_or(IdFromName(**name));
  if (!call.Sees(asked)) return NoStorage(asked);
  const absl::StatusOr<StorageInfo> made = storages_.Create(**name, id->value_or(""), call.now_ms);
  audit_.Add(call, absl::StrCat("create storage ", asked), made.status());
  if (!made.ok()) return made.status();
  ASSIGN_OR_RETURN(const std::vector<DataSource> sources, storages_.ListSources(made->id));
  JsonWriter json;
  BeginStorage(*made, sources, &json);
  warnings.WriteTo(&json);
  json.End('}');
  return JsonAnswer(std::move(json), 201);
}

absl::StatusOr<HttpAnswer> StorageCalls::ListStorages(HttpCall& call) {
  ASSIGN_OR_RETURN(const AskedPage asked, PageOf(call));
  const absl::StatusOr<Storages::Page> page = storages_.List(
      asked.start_after.value_or(""), asked.limit, [&](const std::string& id) { return call.Sees(id); });
  if (!page.ok()) return page.status();
  JsonWriter json;
  std::optional<std::string> next;
  if (!page->is_last) next = page->storages.back().id;
  BeginPage(asked, next, page->total, &json);
  json.Key("values").Begin('[');
  for (const StorageInfo& storage : page->storages) {
    // A storage that is damaged, or was deleted meanwhile, does not hide others.
    const absl::StatusOr<std::vector<DataSource>> sources = storages_.ListSources(storage.id);
    const DataSource only = {.id = kDefaultSource, .name = kDefaultSource};
    BeginStorage(storage, sources.ok() ? *sources : std::vector<DataSource>{only}, &json);
    json.End('}');
  }
  json.End(']').End('}');
  return JsonAnswer(std::move(json));
}

absl::StatusOr<HttpAnswer> StorageCalls::GetStorage(HttpCall& call) {
  ASSIGN_OR_RETURN(const StorageInfo found, storages_.Find(call.parts[0]));
  ASSIGN_OR_RETURN(const std::vector<DataSource> sources, storages_.ListSources(found.id));
  JsonWriter json;
  BeginStorage(found, sources, &json);
  json.End('}');
  return JsonAnswer(std::move(json));
}

absl::StatusOr<HttpAnswer> StorageCalls::DeleteStorage(HttpCall& call) {
  const std::string& id = call.parts[0];
  const absl::StatusOr<StorageInfo> found = storages_.Find(id);
  // A lost storage is deleted, too.
  if (!found.ok() && !absl::IsDataLoss(found.status())) return found.status();
  if (FoldName(call.Query("confirm").value_or("")) != FoldName(id)) {
    return absl::InvalidArgumentError(absl::StrCat("this deletes storage '", id,
                                                   "' with all its rows. Nothing was done. To confirm, add "
                                                   "'?confirm=",
                                                   id, "'."));
  }
  const absl::StatusOr<std::vector<DataSource>> sources = storages_.ListSources(id);
  const absl::StatusOr<std::uint64_t> rows = storages_.Delete(id, call.now_ms);
  // Also for a storage that was half deleted: jobs that wait for a deleted mirror are over.
  bool erased = sources.ok();
  for (const DataSource& source : sources.ok() ? *sources : std::vector<DataSource>())
    erased = jobs_.RemoveEnded(source.tenant) && erased;
  audit_.Add(call, absl::StrCat("delete storage ", id, rows.ok() ? absl::StrCat(": ", *rows, " rows") : ""),
             rows.status());
  if (!rows.ok()) return rows.status();
  counters_.requested.deleted.Add(*rows);
  return CountsAnswer(*rows, erased);
}

absl::StatusOr<HttpAnswer> StorageCalls::Clear(HttpCall& call, const std::vector<DataSource>& sources,
                                               const std::string& what) {
  std::uint64_t rows = 0;
  ASSIGN_OR_RETURN(const bool erase, ErasesNow(call));
  bool all_erased = erase;
  absl::Status status;
  for (const DataSource& source : sources) {
    if (source.door == Door::kRecords) continue;
    status = absl::FailedPreconditionError(
        absl::StrCat("the rows of data source '", source.id, "' come by cycles of tenant '", source.tenant,
                     "'. Nothing was cleared. Change them at their source."));
  }
  std::vector<std::shared_ptr<Tenant>> tenants;
  for (const DataSource& source : sources) {
    if (!status.ok()) break;
    absl::StatusOr<std::shared_ptr<Tenant>> tenant = storages_.TenantOf(source);
    // Either all of them can be cleared, or none is.
    status = tenant.ok() ? (*tenant)->TakesRecords() : tenant.status();
    if (status.ok()) tenants.push_back(*std::move(tenant));
  }
  std::size_t done = 0;
  for (; status.ok() && done < tenants.size(); ++done) {
    const absl::StatusOr<std::uint64_t> cleared = tenants[done]->ClearRecords(call.now_ms);
    status = cleared.status();
    if (!cleared.ok()) break;
    rows += *cleared;
    counters_.requested.deleted.Add(*cleared);
    const bool no_files = jobs_.RemoveEnded(sources[done].tenant);
    if (!erasure_.EraseOrNote(sources[done].tenant, *tenants[done], erase) || !no_files) all_erased = false;
  }
  if (!status.ok() && done > 0) {
    // An operator paused or deleted one of them meanwhile.
    status = absl::Status(
        status.code(), absl::StrCat(done, " of ", sources.size(), " data sources were cleared, with ", rows,
                                    " rows; then: ", std::string(status.message()),
                                    " Send the same request again to clear the rest."));
  }
  audit_.Add(call, absl::StrCat(what, ": ", rows, " rows"), status);
  RETURN_IF_ERROR(status);
  return CountsAnswer(rows, all_erased);
}

absl::StatusOr<HttpAnswer> StorageCalls::ClearStorage(HttpCall& call) {
  ASSIGN_OR_RETURN(const std::vector<DataSource> sources, storages_.ListSources(call.parts[0]));
  return Clear(call, sources, absl::StrCat("clear storage ", call.parts[0]));
}

absl::StatusOr<HttpAnswer> StorageCalls::ClearSource(HttpCall& call) {
  ASSIGN_OR_RETURN(const DataSource source, storages_.FindSource(call.parts[0], call.parts[1]));
  return Clear(call, {source}, absl::StrCat("clear data source ", call.parts[0], "/", source.id));
}

absl::StatusOr<DataSource> StorageCalls::TryCreateSource(HttpCall& call, Warnings* warnings) {
  ASSIGN_OR_RETURN(const JsonDocument body, JsonBody(call));
  const JsonView root = body.root();
  warnings->AddUnknown(root,
                       {"dataSource", "datasource", "name", "dataMapperDefinitionId", "door", "tenant"});
  DataSource source;
  ASSIGN_OR_RETURN(const std::string id, SourceOfBody(root));
  source.id = id;
  for (const auto& [name, member] :
       {std::pair("name", &source.name), std::pair("dataMapperDefinitionId", &source.mapper),
        std::pair("tenant", &source.tenant)}) {
    ASSIGN_OR_RETURN(const std::optional<std::string> text, TextMember(root, name));
    if (text) *member = *text;
  }
  ASSIGN_OR_RETURN(const std::optional<std::string> door, TextMember(root, "door"));
  if (door && *door != "records" && *door != "cycles")
    return absl::InvalidArgumentError("'door' is \"records\" or \"cycles\". Nothing was done.");
  source.door = door && *door == "cycles" ? Door::kCycles : Door::kRecords;
  if (source.id.empty())
    return absl::InvalidArgumentError("a data source needs an id as 'dataSource'. Nothing was done.");
  if (source.door == Door::kRecords && !source.tenant.empty()) {
    return absl::InvalidArgumentError(
        "'tenant' is for a data source of cycles; one of records makes its own. Nothing was done. Say "
        "\"door\":\"cycles\", or leave 'tenant' out.");
  }
  if (source.door == Door::kCycles && source.tenant.empty())
    return absl::InvalidArgumentError("a data source of cycles needs its 'tenant'. Nothing was done.");
  if (source.door == Door::kCycles && !call.Sees(source.tenant)) return NoTenant(source.tenant);
  std::uint64_t rows_there = 0;
  absl::StatusOr<DataSource> made = storages_.AddSource(call.parts[0], source, call.now_ms, &rows_there);
  if (made.ok() && rows_there > 0) {
    warnings->AddText(absl::StrCat("took back data source '", made->id, "' with ", Counted(rows_there, "row"),
                                   " that ", rows_there == 1 ? "was" : "were", " there"));
  }
  return made;
}

absl::StatusOr<HttpAnswer> StorageCalls::CreateSource(HttpCall& call) {
  Warnings warnings;
  const absl::StatusOr<DataSource> made = TryCreateSource(call, &warnings);
  audit_.Add(call,
             absl::StrCat("create data source ", call.parts[0], made.ok() ? absl::StrCat("/", made->id) : ""),
             made.status());
  if (!made.ok()) return made.status();
  JsonWriter json;
  json.Begin('{').Member("id", made->id).Member("name", made->name);
  if (!made->mapper.empty()) json.Member("dataMapperDefinitionId", made->mapper);
  if (made->door == Door::kCycles) {
    const std::string was_storage =
        IsStorageId(made->tenant) ? absl::StrCat("calls to the storage '", made->tenant, "' answer 404, and ")
                                  : std::string();
    warnings.AddText(absl::StrCat("tenant '", made->tenant, "' is in storage '", call.parts[0],
                                  "' alone from now on: ", was_storage, "only keys for '", call.parts[0],
                                  "' see it"));
  }
  warnings.WriteTo(&json);
  json.End('}');
  return JsonAnswer(std::move(json), 201);
}

absl::StatusOr<HttpAnswer> StorageCalls::ListSources(HttpCall& call) {
  ASSIGN_OR_RETURN(const AskedPage asked, PageOf(call));
  ASSIGN_OR_RETURN(const std::vector<DataSource> sources, storages_.ListSources(call.parts[0]));
  // The default one is the first; the others are ordered by id.
  std::size_t from = 0;
  const std::string after = FoldName(asked.start_after.value_or(""));
  while (!after.empty() && from < sources.size() &&
         (sources[from].is_default || FoldName(sources[from].id) <= after)) {
    if (sources[from++].is_default && after == kDefaultSource) break;
  }
  const std::size_t end = std::min(sources.size(), from + asked.limit);
  std::optional<std::string> next;
  if (end < sources.size()) next = sources[end - 1].id;
  JsonWriter json;
  BeginPage(asked, next, sources.size(), &json);
  json.Key("values").Begin('[');
  for (std::size_t i = from; i < end; ++i) WriteSource(sources[i], Warnings(), &json);
  json.End(']').End('}');
  return JsonAnswer(std::move(json));
}

absl::StatusOr<HttpAnswer> StorageCalls::GetSource(HttpCall& call) {
  ASSIGN_OR_RETURN(const DataSource source, storages_.FindSource(call.parts[0], call.parts[1]));
  JsonWriter json;
  WriteSource(source, Warnings(), &json);
  return JsonAnswer(std::move(json));
}

absl::StatusOr<DataSource> StorageCalls::TryChangeSource(HttpCall& call, Warnings* warnings) {
  ASSIGN_OR_RETURN(const JsonDocument body, JsonBody(call));
  warnings->AddUnknown(body.root(), {"name", "dataMapperDefinitionId", "default"});
  ASSIGN_OR_RETURN(const std::optional<std::string> name, TextMember(body.root(), "name"));
  ASSIGN_OR_RETURN(const std::optional<std::string> mapper,
                   TextMember(body.root(), "dataMapperDefinitionId"));
  ASSIGN_OR_RETURN(const DataSource there, storages_.FindSource(call.parts[0], call.parts[1]));
  const std::optional<JsonView> as_default = body.root().Find("default");
  if (as_default && as_default->IsTrue() != there.is_default) {
    return absl::FailedPreconditionError(
        "the default data source of a storage is its first one, and stays so. Nothing was done.");
  }
  return storages_.ChangeSource(call.parts[0], there.id, name.value_or(""), mapper.value_or(""), call.now_ms);
}

absl::StatusOr<HttpAnswer> StorageCalls::ChangeSource(HttpCall& call) {
  Warnings warnings;
  const absl::StatusOr<DataSource> changed = TryChangeSource(call, &warnings);
  audit_.Add(call, absl::StrCat("change data source ", call.parts[0], "/", call.parts[1]), changed.status());
  if (!changed.ok()) return changed.status();
  JsonWriter json;
  WriteSource(*changed, warnings, &json);
  return JsonAnswer(std::move(json));
}

absl::StatusOr<HttpAnswer> StorageCalls::DeleteSource(HttpCall& call) {
  ASSIGN_OR_RETURN(const DataSource source, storages_.FindSource(call.parts[0], call.parts[1]));
  const absl::StatusOr<std::uint64_t> rows =
      storages_.DeleteSource(call.parts[0], call.parts[1], call.now_ms);
  audit_.Add(call,
             absl::StrCat("delete data source ", call.parts[0], "/", call.parts[1],
                          rows.ok() ? absl::StrCat(": ", *rows, " rows") : ""),
             rows.status());
  if (!rows.ok()) return rows.status();
  counters_.requested.deleted.Add(*rows);
  // A tenant of cycles only leaves the storage: nothing of it was erased.
  const bool erased = source.door == Door::kRecords && jobs_.RemoveEnded(source.tenant);
  return CountsAnswer(*rows, erased);
}

}  // namespace mirror
