#include "server/http/http_service.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/embedded_file.h"
#include "base/folded_name.h"
#include "base/host_name.h"
#include "base/http/identity_files.h"
#include "base/http/listener.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "server/config/config.h"
#include "server/http/api_keys.h"
#include "server/http/asked_source.h"
#include "server/http/http_audit.h"
#include "server/http/http_calls.h"
#include "server/http/http_error.h"
#include "server/http/http_routes.h"
#include "server/http/json_door.h"
#include "server/http/row_stream_source.h"
#include "server/records/record_mapper.h"
#include "server/storages/storages.h"
#include "server/tenant/changes.h"
#include "server/watch/door_counters.h"

MIRROR_EMBEDDED(openapi);

namespace mirror {

/// Serves the changes of a data source as JSON: pages, or live events. Threads: any.
class ChangeCalls {
 public:
  /// `followers_max`: followers at a time; each runs once a second. All references must outlive it.
  ChangeCalls(Storages& storages, ApiKeys& keys, std::size_t followers_max, DoorCounters& counters)
      : storages_(storages),
        keys_(keys),
        counters_(counters),
        followers_(followers_max, counters, "changes are being followed") {}
  void AddTo(HttpRoutes* routes);
  /// Returns the number of open ones.
  std::size_t followers() const { return followers_.count(); }

 private:
  absl::StatusOr<HttpAnswer> List(HttpCall& call);
  absl::StatusOr<HttpAnswer> Follow(HttpCall& call, const AskedSource& source, AskedChanges asked);

  Storages& storages_;
  ApiKeys& keys_;
  DoorCounters& counters_;
  StreamPlaces followers_;
};

namespace {

constexpr char kEvents[] = "text/event-stream";
/// Time between two readings, waited in steps that notice the server's end.
constexpr std::chrono::milliseconds kFollowInterval{1'000};
/// A follower without news gets a token so often: this shows whether the client is still there.
constexpr std::chrono::seconds kHeartbeat{15};

bool WantsEvents(const HttpCall& call) {
  const std::string* const accept = call.head.Find(HttpFieldName::kAccept);
  return accept != nullptr && absl::StrContains(absl::AsciiStrToLower(*accept), kEvents);
}

absl::StatusOr<AskedChanges> AskedOfCall(const HttpCall& call) {
  AskedChanges asked;
  asked.since = call.Query("since").value_or("");
  asked.table = call.Query("table").value_or("");
  const std::optional<std::string> count = call.Query("count");
  std::uint32_t number = 0;
  if (!count) return asked;
  if (!absl::SimpleAtoi(*count, &number) || number < 1 || number > kChangesPerPageMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("'count' is not 1 to ", kChangesPerPageMax, ". Nothing was read."));
  }
  asked.count_max = number;
  return asked;
}

std::string NextMember(const std::string& token) {
  JsonWriter json;
  json.Key("next").String(token);
  return absl::StrCat(",", json.Take());
}

HttpAnswer RefusedPage(const absl::Status& status) {
  const std::optional<std::string> token = TokenToGoOn(status);
  if (!token) return ErrorAnswer(status);
  return ErrorAnswer(410, "OUT_OF_RANGE", std::string_view(status.message().data(), status.message().size()),
                     NextMember(*token));
}

absl::StatusOr<ChangesPage> ReadChangesOf(Tenant& tenant, const AskedChanges& asked, DoorCounters& counters) {
  const absl::StatusOr<CommittedReading> reading = tenant.OpenCommitted(ReadingKind::kPage);
  if (absl::IsResourceExhausted(reading.status())) counters.Limit(DoorLimit::kPagesOfSource);
  if (!reading.ok()) return reading.status();
  return ReadChanges(*reading->snapshot, asked, tenant.journal_rules().get());
}

void AppendEvent(std::string_view kind, const std::string& token, const std::string& json, std::string* out) {
  absl::StrAppend(out, "id: ", token, "\nevent: ", std::string(kind), "\ndata: ", json, "\n\n");
}

std::string TokenJson(const std::string& token) {
  JsonWriter json;
  return json.Begin('{').Member("next", token).End('}').Take();
}

/// Sends events of changes, until the key loses its right, or the journal no longer has the place.
class ChangeFollower final : public HttpBodySource {
 public:
  struct Asker {
    std::string sent;  ///< The key, as it was sent.
    std::string storage;
  };
  ChangeFollower(std::shared_ptr<Tenant> tenant, AskedChanges asked, Asker asker, std::shared_ptr<void> place,
                 ApiKeys& keys, DoorCounters& counters)
      : tenant_(std::move(tenant)),
        asked_(std::move(asked)),
        asker_(std::move(asker)),
        place_(std::move(place)),
        keys_(keys),
        counters_(counters) {}

  absl::StatusOr<bool> Next(std::string* piece) override {
    // The first reading comes at once, and so does one after a page that was not the last.
    if (!std::exchange(is_due_, false)) std::this_thread::sleep_for(kFollowInterval);
    const std::shared_ptr<const ApiKey> key = keys_.Find(asker_.sent);
    if (key == nullptr || !key->IsFor(asker_.storage)) return false;
    absl::StatusOr<ChangesPage> page = ReadChangesOf(*tenant_, asked_, counters_);
    if (absl::IsResourceExhausted(page.status())) return true;
    if (const std::optional<std::string> token = TokenToGoOn(page.status())) {
      AppendEvent("gone", *token, TokenJson(*token), piece);
      return false;
    }
    if (!page.ok()) return page.status();
    asked_.since = page->next;
    is_due_ = !page->complete;
    std::string json;
    for (const Change& change : page->changes) {
      json.clear();
      AppendChangeJson(change, /*with_keys=*/true, &json);
      AppendEvent("change", ToString(JournalToken{change.entry.number, change.entry.salt}), json, piece);
    }
    const auto now = std::chrono::steady_clock::now();
    if (piece->empty() && now >= heard_ + kHeartbeat) {
      AppendEvent("token", asked_.since, TokenJson(asked_.since), piece);
    }
    if (!piece->empty()) heard_ = now;
    return true;
  }

 private:
  const std::shared_ptr<Tenant> tenant_;
  AskedChanges asked_;
  const Asker asker_;
  const std::shared_ptr<void> place_;
  ApiKeys& keys_;
  DoorCounters& counters_;
  bool is_due_ = true;
  /// Long ago: the client gets its position at once.
  std::chrono::steady_clock::time_point heard_ = {};
};

}  // namespace

void ChangeCalls::AddTo(HttpRoutes* routes) {
  routes->Add("listChanges", "GET", "/v4/storages/{}/changes", ApiRole::kReader, HttpBody::kNone, this,
              &ChangeCalls::List, {"dataSource", "datasource", "table", "since", "count"});
}

absl::StatusOr<HttpAnswer> ChangeCalls::Follow(HttpCall& call, const AskedSource& source,
                                               AskedChanges asked) {
  // A client that was cut off sends the last token that it received.
  if (const std::string* const last = call.head.Find(HttpFieldName::kLastEventId)) asked.since = *last;
  ASSIGN_OR_RETURN(std::shared_ptr<void> place, followers_.Take(call.key->name, source.source.tenant));
  // A fault of the token is answered by a status, as long as one can be sent.
  AskedChanges first = asked;
  first.count_max = 1;
  const absl::StatusOr<ChangesPage> page = ReadChangesOf(*source.tenant, first, counters_);
  if (!page.ok()) return RefusedPage(page.status());
  const std::string* const sent = call.head.Find(HttpFieldName::kApiKey);
  HttpAnswer answer{.status = 200, .content_type = kEvents};
  answer.fields.emplace_back("Cache-Control", "no-store");
  answer.stream = std::make_unique<ChangeFollower>(
      source.tenant, std::move(asked),
      ChangeFollower::Asker{.sent = sent == nullptr ? "" : *sent, .storage = call.parts[0]}, std::move(place),
      keys_, counters_);
  return answer;
}

absl::StatusOr<HttpAnswer> ChangeCalls::List(HttpCall& call) {
  ASSIGN_OR_RETURN(AskedChanges asked, AskedOfCall(call));
  ASSIGN_OR_RETURN(const AskedSource source, FindSourceOf(storages_, call.parts[0], SourceOfQuery(call)));
  if (WantsEvents(call)) return Follow(call, source, std::move(asked));
  const absl::StatusOr<ChangesPage> page = ReadChangesOf(*source.tenant, asked, counters_);
  if (!page.ok()) return RefusedPage(page.status());
  JsonWriter json;
  json.Begin('{').Key("changes").Begin('[');
  std::string change_json;
  for (const Change& change : page->changes) {
    change_json.clear();
    AppendChangeJson(change, /*with_keys=*/true, &change_json);
    json.Raw(change_json);
  }
  json.End(']').Member("next", page->next).Key("complete").Bool(page->complete).End('}');
  counters_.pages.Add();
  return JsonAnswer(std::move(json));
}

/// Mappers of a storage. Threads: any.
class MapperCalls {
 public:
  /// All references must outlive it.
  MapperCalls(Storages& storages, HttpAudit& audit) : storages_(storages), audit_(audit) {}
  void AddTo(HttpRoutes* routes);

 private:
  absl::StatusOr<HttpAnswer> List(HttpCall& call);
  absl::StatusOr<HttpAnswer> Get(HttpCall& call);
  absl::StatusOr<HttpAnswer> Put(HttpCall& call, bool is_new);
  absl::StatusOr<HttpAnswer> Delete(HttpCall& call);

  Storages& storages_;
  HttpAudit& audit_;
};

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

/// Returns the mapper of a body; for a change its id is in the path.
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
  routes->Add("listMappers", "GET", "/storages/{}/mappers", ApiRole::kOwner, HttpBody::kNone, this,
              &MapperCalls::List, {"limit", "startAfter"});
  routes->Add({"createMapper", "POST", "/storages/{}/mappers", ApiRole::kOwner, HttpBody::kJson,
               [this](HttpCall& call) { return AnswerOrError(Put(call, /*is_new=*/true)); }});
  routes->Add("getMapper", "GET", "/storages/{}/mappers/{}", ApiRole::kOwner, HttpBody::kNone, this,
              &MapperCalls::Get);
  routes->Add({"updateMapper", "PUT", "/storages/{}/mappers/{}", ApiRole::kOwner, HttpBody::kJson,
               [this](HttpCall& call) { return AnswerOrError(Put(call, /*is_new=*/false)); }});
  routes->Add("deleteMapper", "DELETE", "/storages/{}/mappers/{}", ApiRole::kOwner, HttpBody::kNone, this,
              &MapperCalls::Delete);
}

absl::StatusOr<HttpAnswer> MapperCalls::List(HttpCall& call) {
  ASSIGN_OR_RETURN(const AskedPage asked, PageOf(call));
  ASSIGN_OR_RETURN(const std::vector<RecordMapper> mappers, storages_.ListMappers(call.parts[0]));
  std::vector<const RecordMapper*> sorted;
  for (const RecordMapper& mapper : mappers) sorted.push_back(&mapper);
  std::sort(sorted.begin(), sorted.end(), [](const RecordMapper* a, const RecordMapper* b) {
    return FoldName(a->id()) < FoldName(b->id());
  });
  std::size_t from = 0;
  const std::string after = FoldName(asked.start_after.value_or(""));
  while (!after.empty() && from < sorted.size() && FoldName(sorted[from]->id()) <= after) ++from;
  const std::size_t end = std::min(sorted.size(), from + asked.limit);
  std::optional<std::string> next;
  if (end < sorted.size()) next = sorted[end - 1]->id();
  JsonWriter json;
  BeginPage(asked, next, sorted.size(), &json);
  json.Key("values").Begin('[');
  for (std::size_t i = from; i < end; ++i) json.Raw(MapperJson(*sorted[i]));
  json.End(']').End('}');
  return JsonAnswer(std::move(json));
}

absl::StatusOr<HttpAnswer> MapperCalls::Get(HttpCall& call) {
  ASSIGN_OR_RETURN(const RecordMapper mapper, storages_.FindMapper(call.parts[0], call.parts[1]));
  return MapperAnswer(mapper, Warnings(), 200);
}

absl::StatusOr<HttpAnswer> MapperCalls::Put(HttpCall& call, bool is_new) {
  Warnings warnings;
  ASSIGN_OR_RETURN(const RecordMapper mapper, MapperOfCall(call, is_new, &warnings));
  const absl::Status kept = storages_.PutMapper(call.parts[0], mapper, is_new, call.now_ms);
  audit_.Add(call, absl::StrCat(is_new ? "create" : "change", " mapper ", call.parts[0], "/", mapper.id()),
             kept);
  RETURN_IF_ERROR(kept);
  return MapperAnswer(mapper, warnings, is_new ? 201 : 200);
}

absl::StatusOr<HttpAnswer> MapperCalls::Delete(HttpCall& call) {
  ASSIGN_OR_RETURN(const RecordMapper mapper, storages_.FindMapper(call.parts[0], call.parts[1]));
  const absl::Status gone = storages_.DeleteMapper(call.parts[0], call.parts[1], call.now_ms);
  audit_.Add(call, absl::StrCat("delete mapper ", call.parts[0], "/", call.parts[1]), gone);
  RETURN_IF_ERROR(gone);
  return MapperAnswer(mapper, Warnings(), 200);
}

namespace {

std::string UrlOfHost(const HttpConfig& config, const std::string& host, std::uint16_t port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  return absl::StrCat(config.plaintext ? "http://" : "https://", is_v6 ? "[" : "", host, is_v6 ? "]:" : ":",
                      port);
}

/// Returns the beginning of links. `is_shared`: several servers; links must lead back to this one.
std::string OwnUrl(const HttpConfig& config, std::uint16_t port, bool is_shared) {
  std::string url = config.public_url;
  if (url.empty() && is_shared) {
    const bool is_any = config.address == "0.0.0.0" || config.address == "::";
    url = UrlOfHost(config, is_any ? HostName() : config.address, port);
  }
  return url.empty() ? url : absl::StrCat(url, LinkBaseOf(config));
}

HttpLimits LimitsOf(const HttpConfig& config) {
  HttpLimits limits;
  limits.header_bytes_max = config.header_limit;
  limits.connections_max = config.connections_max;
  limits.connections_per_address_max = config.connections_per_address_max;
  limits.unlimited = UnlimitedOf(config.proxies);
  limits.answers_max = config.requests_max;
  limits.answers_of_one_max = std::max<std::size_t>(1, config.requests_max / 2);
  limits.keep_alive = true;
  limits.bodies_bytes_max = std::max(limits.bodies_bytes_max, 4 * config.body_limit);
  limits.request_time = config.head_time;
  limits.body_time = config.body_time;
  // An upload that is not complete by then is of no use: it is not kept longer.
  limits.sink_time = config.upload_kept;
  limits.answer_time = std::chrono::seconds(60);
  limits.stream_time = config.stream_time;
  return limits;
}

/// The first entry counts requests that match no call.
std::vector<DoorCallCounters> CountersOf(const HttpRoutes& routes) {
  const std::vector<std::string_view> names = routes.Names();
  std::vector<DoorCallCounters> calls(names.size() + 1);
  calls.front().name = "none";
  for (std::size_t i = 0; i < names.size(); ++i) calls[i + 1].name = names[i];
  return calls;
}

/// Adds the calls that need no key.
void AddOpenCalls(HttpRoutes* routes) {
  routes->Add({"getHealth", "GET", "/healthz", std::nullopt, HttpBody::kNone, [](HttpCall&) {
                 return HttpAnswer{
                     .status = 200, .content_type = "text/plain; charset=utf-8", .body = "ok\n"};
               }});
  routes->Add({"getOpenApi", "GET", "/openapi.json", std::nullopt, HttpBody::kNone, [](HttpCall&) {
                 const EmbeddedFile* const file = FindEmbedded(mirror_embedded_openapi, "openapi.json");
                 return HttpAnswer{
                     .status = 200, .content_type = kJsonType, .body = std::string(file->bytes())};
               }});
}

}  // namespace

struct HttpService::Parts {
  Parts(const HttpConfig& http, Tenants& all, Storages& kept, HttpAudit::Write write, HttpAudit::Write look,
        Events& told, JobServers* servers)
      : config(http),
        tenants(all),
        events(told),
        keys(http.api_keys, http.requests_per_key),
        storages(kept),
        audit(std::move(write), std::move(look)),
        erasure(all, http.erase_within, told),
        uploads(http.uploads,
                {.file_bytes_max = http.upload_limit,
                 .key_bytes_max = http.uploads_per_key,
                 .bytes_max = http.uploads_max,
                 .free_bytes_min = http.disk_free_min,
                 .key_announced_max = http.links_per_key,
                 .kept_ms = std::chrono::milliseconds(http.upload_kept).count()},
                servers == nullptr ? std::string() : servers->here(), counters),
        jobs(all, uploads,
             {.running_max = http.jobs_max,
              .waiting_max = http.jobs_waiting_max,
              .time = http.job_time,
              .lease = http.job_lease,
              .told = [this](const ImportJob& job) { audit.AddEnd(job); }},
             told, servers, counters),
        storage_calls(storages, audit, erasure, jobs, counters),
        partner_calls(storages, audit, erasure, counters),
        mapper_calls(storages, audit),
        table_calls(storages, std::max<std::size_t>(1, http.requests_max / 2), counters),
        change_calls(storages, keys, std::max<std::size_t>(1, http.requests_max / 8), counters),
        import_calls(config, storages, uploads, jobs, audit, servers, own_url, counters),
        identity(http.certificate, http.key) {}

  const HttpConfig config;
  std::string own_url;
  Tenants& tenants;
  Events& events;
  DoorCounters counters;
  ApiKeys keys;
  Storages& storages;
  HttpAudit audit;
  Erasure erasure;
  Uploads uploads;
  ImportJobs jobs;
  StorageCalls storage_calls;
  PartnerCalls partner_calls;
  MapperCalls mapper_calls;
  TableCalls table_calls;
  ChangeCalls change_calls;
  ImportCalls import_calls;
  std::vector<Uploads::Upload> left;  ///< From a former process, with jobs that are not over.
  std::shared_ptr<JsonDoor> door;
  Mutex listening;
  std::unique_ptr<HttpListener> listener MIRROR_GUARDED_BY(listening);  ///< Null: stopped.
  std::string url;
  std::int64_t flushed_ms = 0;
  Mutex reloading;
  HttpIdentityFiles identity MIRROR_GUARDED_BY(reloading);
  /// Why they cannot be read; empty: they can.
  std::string keys_failure MIRROR_GUARDED_BY(reloading), identity_failure MIRROR_GUARDED_BY(reloading);
  bool identity_told MIRROR_GUARDED_BY(reloading) = false;  ///< `identity_failure` was reported.

  /// Reads the files for a start. Errors: the certificate's.
  absl::Status ReadFirst(std::optional<HttpIdentity>* first);
  absl::Status ReloadKeys() MIRROR_REQUIRES(reloading);
  /// `at_once`: reports a failure, though it may be over in a moment.
  absl::Status ReloadIdentity(bool at_once) MIRROR_REQUIRES(reloading);
  /// Reads keys and certificate again if their files differ from those that were read.
  void TakeReplaced();
  void TellLeftOut(const std::vector<std::string>& left_out) {
    for (const std::string& one : left_out) events.Add("", Severity::kWarning, "http.key_left_out", one);
  }
  void TellUnread() {
    for (const auto& [id, why] : uploads.unread()) {
      events.Add("", Severity::kError, "http.upload_unread",
                 absl::StrCat("an uploaded file stays where it is, and its job waits: ", why,
                              " Correct it, and restart the server."));
    }
  }
};

HttpService::HttpService(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
HttpService::~HttpService() { Stop(); }

void HttpService::Stop() {
  std::unique_ptr<HttpListener> listener;
  {
    const MutexLock lock(parts_->listening);
    listener = std::move(parts_->listener);
  }
  // The destructor waits for the running calls.
  listener.reset();
  parts_->jobs.Stop();
  parts_->erasure.Stop();
  parts_->audit.Flush();
}

absl::StatusOr<std::unique_ptr<HttpService>> HttpService::Open(const HttpConfig& config, Tenants& tenants,
                                                               Storages& storages, HttpAudit::Write audit,
                                                               HttpAudit::Write look, Events& events,
                                                               JobServers* servers) {
  auto parts =
      std::make_unique<Parts>(config, tenants, storages, std::move(audit), std::move(look), events, servers);
  std::optional<HttpIdentity> identity;
  RETURN_IF_ERROR(parts->ReadFirst(&identity));
  ASSIGN_OR_RETURN(std::vector<Uploads::Upload> left, parts->uploads.Open());
  parts->left = std::move(left);
  parts->TellUnread();
  HttpRoutes routes;
  AddOpenCalls(&routes);
  parts->storage_calls.AddTo(&routes);
  parts->partner_calls.AddTo(&routes);
  parts->mapper_calls.AddTo(&routes);
  parts->table_calls.AddTo(&routes);
  parts->change_calls.AddTo(&routes);
  parts->import_calls.AddTo(&routes);
  parts->counters.calls = CountersOf(routes);
  parts->door =
      std::make_shared<JsonDoor>(config, parts->keys, std::move(routes), parts->audit, parts->counters);
  absl::StatusOr<std::unique_ptr<HttpListener>> listener =
      HttpListener::Open(config.address, config.port, parts->door, LimitsOf(config), identity);
  if (!listener.ok()) {
    return absl::Status(
        listener.status().code(),
        absl::StrCat("[http]: ", std::string(listener.status().message()), ". Nothing was started."));
  }
  parts->url = UrlOfHost(config, config.address, (*listener)->port());
  parts->own_url = OwnUrl(config, (*listener)->port(), servers != nullptr);
  {
    const MutexLock lock(parts->listening);
    parts->listener = *std::move(listener);
  }
  return std::unique_ptr<HttpService>(new HttpService(std::move(parts)));
}

void HttpService::Start() {
  parts_->jobs.Start(parts_->left);
  parts_->erasure.Start();
  parts_->door->Start();
}

const std::string& HttpService::url() const { return parts_->url; }

DoorFigures HttpService::Figures() {
  DoorFigures figures{.counters = parts_->counters};
  {
    const MutexLock lock(parts_->listening);
    if (parts_->listener) {
      const HttpConnections connections = parts_->listener->connections();
      figures.connections = connections.open;
      figures.connections_let_go = connections.let_go;
    }
  }
  figures.streams = parts_->table_calls.streams() + parts_->change_calls.followers();
  const ImportJobs::Load jobs = parts_->jobs.FindLoad();
  figures.jobs_running = jobs.running;
  figures.jobs_waiting = jobs.waiting;
  figures.upload_bytes = parts_->uploads.FindBytes();
  figures.upload_bytes_max = parts_->config.uploads_max;
  const Erasure::Left left = parts_->erasure.FindLeft();
  figures.erasures = left.tenants;
  figures.oldest_erasure_ms = left.oldest_ms;
  figures.erase_within_ms = std::chrono::milliseconds(parts_->config.erase_within).count();
  return figures;
}

const std::string& HttpService::own_url() const { return parts_->own_url; }

absl::Status HttpService::Parts::ReadFirst(std::optional<HttpIdentity>* first) {
  const MutexLock lock(reloading);
  if (!config.plaintext) {
    ASSIGN_OR_RETURN(*first, identity.Read());
  }
  const absl::StatusOr<std::vector<std::string>> loaded = keys.Load();
  if (loaded.ok()) {
    TellLeftOut(*loaded);
    return absl::OkStatus();
  }
  // Everything that does not need keys starts all the same.
  keys_failure = std::string(loaded.status().message());
  events.Add("", Severity::kError, "http.not_reloaded",
             absl::StrCat("the keys of the HTTP door cannot be read; it refuses everybody until they can: ",
                          keys_failure));
  return absl::OkStatus();
}

absl::Status HttpService::Parts::ReloadKeys() {
  const absl::StatusOr<std::vector<std::string>> loaded = keys.Load();
  if (loaded.ok()) {
    keys_failure.clear();
    TellLeftOut(*loaded);
    return absl::OkStatus();
  }
  // The reading is tried every second, and reported once.
  const std::string failure(loaded.status().message());
  const std::string words = absl::StrCat("the keys of the HTTP door stay as they were: ", failure);
  if (std::exchange(keys_failure, failure) != failure)
    events.Add("", Severity::kError, "http.not_reloaded", words);
  return absl::Status(loaded.status().code(), words);
}

absl::Status HttpService::Parts::ReloadIdentity(bool at_once) {
  const absl::StatusOr<HttpIdentity> read = identity.Read();
  absl::Status set = read.status();
  if (set.ok()) {
    const MutexLock lock(listening);
    if (listener) set = listener->SetIdentity(*read);
  }
  if (set.ok()) {
    identity_failure.clear();
    return set;
  }
  const std::string failure(set.message());
  const std::string words = absl::StrCat("the certificate of the HTTP door stays as it was: ", failure);
  const bool is_new = std::exchange(identity_failure, failure) != failure;
  if (is_new) identity_told = false;
  // Operators replace a pair file by file: a fault is reported if the next check finds it, too.
  if ((at_once || !is_new) && !std::exchange(identity_told, true))
    events.Add("", Severity::kError, "http.not_reloaded", words);
  return absl::Status(set.code(), words);
}

absl::Status HttpService::Reload() {
  const MutexLock lock(parts_->reloading);
  // An operator who asks for it gets the report again.
  parts_->keys_failure.clear();
  parts_->identity_failure.clear();
  absl::Status keys = parts_->ReloadKeys();
  const absl::Status identity =
      parts_->config.plaintext ? absl::OkStatus() : parts_->ReloadIdentity(/*at_once=*/true);
  return keys.ok() ? identity : keys;
}

void HttpService::Parts::TakeReplaced() {
  const MutexLock lock(reloading);
  // Both report what cannot be read, and try it again until it can, even if the files do not change.
  if (keys.IsStale() || !keys_failure.empty()) ReloadKeys().IgnoreError();
  if (!config.plaintext && (identity.IsStale() || !identity_failure.empty()))
    ReloadIdentity(/*at_once=*/false).IgnoreError();
}

ApiKeys::Seen HttpService::Keys() { return parts_->keys.See(); }

void HttpService::KeepHouse(std::int64_t now_ms) {
  constexpr std::int64_t kFlushEveryMs = 10'000;
  parts_->TakeReplaced();
  parts_->uploads.KeepHouse(now_ms);
  if (now_ms - parts_->flushed_ms >= kFlushEveryMs) {
    parts_->flushed_ms = now_ms;
    parts_->audit.Flush();
  }
}

}  // namespace mirror
