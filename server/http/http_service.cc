#include "server/http/http_service.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/embedded_file.h"
#include "base/host_name.h"
#include "base/http/identity_files.h"
#include "base/http/listener.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "server/config/config.h"
#include "server/http/change_calls.h"
#include "server/http/http_error.h"
#include "server/http/http_routes.h"
#include "server/http/import_calls.h"
#include "server/http/json_door.h"
#include "server/http/mapper_calls.h"
#include "server/http/partner_calls.h"
#include "server/http/storage_calls.h"
#include "server/http/table_calls.h"

MIRROR_EMBEDDED(openapi);

namespace mirror {
namespace {

std::string UrlOfHost(const HttpConfig& config, const std::string& host, std::uint16_t port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  return absl::StrCat(config.plaintext ? "http://" : "https://", is_v6 ? "[" : "", host, is_v6 ? "]:" : ":",
                      port);
}

/// What links begin with. `is_shared`: links have to come back to this server among several.
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
  // An upload that is not whole by then is of no use: nobody keeps it longer.
  limits.sink_time = config.upload_kept;
  limits.answer_time = std::chrono::seconds(60);
  limits.stream_time = config.stream_time;
  return limits;
}

/// The first one is for what is none of them.
std::vector<DoorCallCounters> CountersOf(const HttpRoutes& routes) {
  const std::vector<std::string_view> names = routes.Names();
  std::vector<DoorCallCounters> calls(names.size() + 1);
  calls.front().name = "none";
  for (std::size_t i = 0; i < names.size(); ++i) calls[i + 1].name = names[i];
  return calls;
}

/// What is asked for without a key.
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
  std::vector<Uploads::Upload> left;  ///< Of a former process, with jobs that are not over.
  std::shared_ptr<JsonDoor> door;
  Mutex listening;
  std::unique_ptr<HttpListener> listener MIRROR_GUARDED_BY(listening);  ///< Null: it was stopped.
  std::string url;
  std::int64_t flushed_ms = 0;
  Mutex reloading;
  HttpIdentityFiles identity MIRROR_GUARDED_BY(reloading);
  /// Why they cannot be read; empty: they can.
  std::string keys_failure MIRROR_GUARDED_BY(reloading), identity_failure MIRROR_GUARDED_BY(reloading);
  bool identity_told MIRROR_GUARDED_BY(reloading) = false;  ///< `identity_failure`.

  /// What is read for a start. Errors: the certificate's.
  absl::Status ReadFirst(std::optional<HttpIdentity>* first);
  absl::Status ReloadKeys() MIRROR_REQUIRES(reloading);
  /// `at_once`: what fails is told, though it may be different in a moment.
  absl::Status ReloadIdentity(bool at_once) MIRROR_REQUIRES(reloading);
  /// Keys and certificate, where their files are others than those that were read.
  void TakeReplaced();
  void TellLeftOut(const std::vector<std::string>& left_out) {
    for (const std::string& one : left_out) events.Add("", Severity::kWarning, "http.key_left_out", one);
  }
  void TellUnread() {
    for (const auto& [id, why] : uploads.unread()) {
      events.Add("", Severity::kError, "http.upload_unread",
                 absl::StrCat("an uploaded file stays where it is, and its job waits: ", why,
                              " Put it right, and restart the server."));
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
  // It waits for the calls that it has.
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
  // What has nothing to do with it starts all the same.
  keys_failure = std::string(loaded.status().message());
  events.Add("", Severity::kError, "http.not_reloaded",
             absl::StrCat("the HTTP door has no keys, and refuses everybody until they can be read: ",
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
  // It is tried every second, and told once.
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
  // Whoever replaces a pair does so file by file: what is so at the next look, too, is told.
  if ((at_once || !is_new) && !std::exchange(identity_told, true))
    events.Add("", Severity::kError, "http.not_reloaded", words);
  return absl::Status(set.code(), words);
}

absl::Status HttpService::Reload() {
  const MutexLock lock(parts_->reloading);
  // Whoever asks for it is told.
  parts_->keys_failure.clear();
  parts_->identity_failure.clear();
  absl::Status keys = parts_->ReloadKeys();
  const absl::Status identity =
      parts_->config.plaintext ? absl::OkStatus() : parts_->ReloadIdentity(/*at_once=*/true);
  return keys.ok() ? identity : keys;
}

void HttpService::Parts::TakeReplaced() {
  const MutexLock lock(reloading);
  // Both tell themselves what cannot be read, which is tried until it can, whatever its files look like.
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
