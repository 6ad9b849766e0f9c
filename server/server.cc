#include "server/server.h"

#include <grpc/support/log.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/host_name.h"
#include "base/http/metrics_listener.h"
#include "base/human_text.h"
#include "base/log_format.h"
#include "base/mutex.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "certs/api_key.h"
#include "certs/key.h"
#include "certs/keyed_hash.h"
#include "server/config/config.h"
#include "server/config/http_config.h"
#include "server/config/hub_keys.h"
#include "server/data_check.h"
#include "server/hooks/delivery/hook_runner.h"
#include "server/http/http_service.h"
#include "server/hub/hubs.h"
#include "server/jobs/fleet.h"
#include "server/jobs/uploads.h"
#include "server/metrics.h"
#include "server/open_store.h"
#include "server/rpc/admin/admin_service.h"
#include "server/rpc/admin/audit.h"
#include "server/rpc/checked_service.h"
#include "server/rpc/listener/endpoint.h"
#include "server/rpc/message_memory.h"
#include "server/rpc/mirror_service.h"
#include "server/rules_print.h"
#include "server/source/gate.h"
#include "server/source/source_calls.h"
#include "server/storages/storages.h"
#include "server/store/postgres/place/control.h"
#include "server/store/postgres/place/listed_rows.h"
#include "server/tenant/summary_keeper.h"
#include "server/tenant/tenants.h"
#include "server/watch/events.h"
#include "server/watch/expiry.h"
#include "server/watch/freshness.h"
#include "server/watch/shared_lists.h"
#include "server/watch/time_series.h"

namespace mirror {

void SetUpLog(const ServerConfig& config) {
  auto logger = spdlog::stderr_logger_mt("mirror-server");
  SetFormat(*logger, config.log_format);
  SetLevel(*logger, config.log_level);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  // gRPC logs each stranger's failed handshake as an error.
  gpr_set_log_function([](gpr_log_func_args* args) { spdlog::debug("gRPC: {}", args->message); });
}

namespace {

/// Returns what operators see of the door for JSON. `http`: null: the door is off, and its keys are read
/// where `config` says. Errors: those of ReadApiKeys(). Threads: any.
absl::StatusOr<HttpDoorSeen> LookAtHttpDoor(HttpService* http, const HttpConfig& config, bool with_keys) {
  HttpDoorSeen seen;
  if (http != nullptr) {
    seen.url = http->url();
    if (!with_keys) return seen;
    ApiKeys::Seen keys = http->Keys();
    seen.keys = std::move(keys.keys);
    seen.used_ms = std::move(keys.used_ms);
    seen.left_out = std::move(keys.left_out);
    return seen;
  }
  if (!with_keys) return seen;
  ASSIGN_OR_RETURN(FoundApiKeys found, ReadApiKeys(config.api_keys));
  seen.keys = std::move(found.keys);
  seen.left_out = std::move(found.left_out);
  return seen;
}

/// The lists of storages and jobs in the control database. Threads: any.
class ControlLists final : public SharedLists {
 public:
  explicit ControlLists(std::shared_ptr<PostgresControl> control) : control_(std::move(control)) {}

  absl::Status Forget(const std::string& context_id) override {
    return ForgetListedRow(*control_, context_id);
  }
  absl::Status Keep(const std::string& context_id, const ListedDocuments& documents) override {
    return KeepListedRow(*control_, context_id,
                         {documents.storage, documents.member, static_cast<std::int64_t>(documents.jobs)});
  }
  absl::StatusOr<std::map<std::string, ListedDocuments>> ReadAll() override {
    ASSIGN_OR_RETURN(auto rows, ReadListedRows(*control_));
    std::map<std::string, ListedDocuments> all;
    for (auto& [context_id, row] : rows) {
      all[context_id] = {std::move(row.storage), std::move(row.member), static_cast<std::uint64_t>(row.jobs)};
    }
    return all;
  }

 private:
  const std::shared_ptr<PostgresControl> control_;
};

}  // namespace

/// Handles SIGHUP and ReloadKeys: reads keys, [application], [tokens], [[issuer]], [log], the indexes of
/// [[tenant]] and [[hub]] again; if something cannot be read, all stays as it was. Threads: any.
class Reloader {
 public:
  /// Applies the other settings that need no restart. Returns
  /// the sections that do need one.
  using Apply = std::function<std::vector<std::string>(const ServerConfig&)>;
  /// `gate` and `events` must outlive it.
  Reloader(const ServerConfig& started_with, Gate& gate, Apply apply, Events& events)
      : started_with_(started_with),
        gate_(gate),
        apply_(std::move(apply)),
        events_(events),
        in_force_(started_with) {}

  /// Returns the number of keys. Reports the outcome itself, as an event.
  absl::StatusOr<std::size_t> Run();
  /// Returns the keys as last read, and the listeners as started.
  ServerConfig in_force();

 private:
  absl::StatusOr<std::size_t> Read() MIRROR_REQUIRES(mutex_);

  const ServerConfig started_with_;  ///< The file's content.
  Gate& gate_;
  const Apply apply_;
  Events& events_;
  Mutex mutex_;
  ServerConfig in_force_ MIRROR_GUARDED_BY(mutex_);
  /// Sections that a restart would change.
  std::vector<std::string> changed_ MIRROR_GUARDED_BY(mutex_);
};

namespace {

/// Returns the rules of [[tenant.table]]: the rules for [[hub]] come after them.
std::vector<JournalRule> JournalOfTenants(const ServerConfig& config) {
  std::vector<JournalRule> rules = config.journal.rules;
  rules.resize(rules.size() - HubJournal(config.hubs).size());
  return rules;
}

}  // namespace

absl::StatusOr<std::size_t> Reloader::Run() {
  const MutexLock lock(mutex_);
  absl::StatusOr<std::size_t> keys = Read();
  if (keys.ok()) {
    const std::string restart =
        changed_.empty() ? ""
                         : absl::StrCat("; changes in ", absl::StrJoin(changed_, ", "),
                                        " since the start are not in force: restart the server for them");
    events_.Add(
        "", changed_.empty() ? Severity::kInformation : Severity::kWarning, "keys.reloaded",
        absl::StrCat(
            "[application], [tokens], [[issuer]] with its keys, [log], the indexes of [[tenant]], and "
            "[[hub]] were read again; keys: ",
            *keys, restart));
  } else {
    events_.Add("", Severity::kError, "keys.not_reloaded",
                absl::StrCat("keys and configuration cannot be read, and the old ones stay in force. Correct "
                             "this, then reload again: ",
                             keys.status().message()));
  }
  return keys;
}

ServerConfig Reloader::in_force() {
  const MutexLock lock(mutex_);
  return in_force_;
}

absl::StatusOr<std::size_t> Reloader::Read() {
  ASSIGN_OR_RETURN(const ServerConfig config, LoadServerConfig(started_with_.file));
  ASSIGN_OR_RETURN(std::size_t keys, gate_.Reload(config));
  in_force_.application = config.application;
  changed_ = apply_(config);
  SetLevel(*spdlog::default_logger(), config.log_level);
  SetFormat(*spdlog::default_logger(), config.log_format);
  const std::pair<const char*, bool> others[] = {
      {"[listen]", config.listen == started_with_.listen},
      {"[admin]", config.admin == started_with_.admin},
      {"[data]", config.data == started_with_.data},
      {"[postgres]", config.postgres == started_with_.postgres},
      {"[limits]", config.limits == started_with_.limits},
      {"[hooks] and [[hook]]", config.hooks == started_with_.hooks},
      {"[metrics]", config.metrics == started_with_.metrics},
      {"[[tenant]]", config.columns == started_with_.columns && config.freshness == started_with_.freshness &&
                         config.receipts == started_with_.receipts &&
                         JournalOfTenants(config) == JournalOfTenants(started_with_) &&
                         config.breaker.rules == started_with_.breaker.rules},
      {"[journal]", config.journal.keep_ms == started_with_.journal.keep_ms &&
                        config.journal.bytes_max == started_with_.journal.bytes_max},
      {"[breaker]", config.breaker.limits == started_with_.breaker.limits &&
                        config.miss_window_ms == started_with_.miss_window_ms}};
  for (const auto& [name, same] : others) {
    if (!same) changed_.emplace_back(name);
  }
  // The listeners notice changed certificates by themselves, good or bad.
  if (absl::Status files = CheckListenerFiles(started_with_); !files.ok()) {
    events_.Add("", Severity::kError, "tls.bad", std::string(files.message()));
  }
  return keys;
}

namespace {

constexpr std::chrono::seconds kDrainTime{10};
/// How long a stream may wait for its next message once the server drains.
constexpr std::chrono::seconds kDrainIdle{1};
constexpr std::chrono::milliseconds kDrainLook{100};
/// KeepHouse() looks for cycles without progress each time it was called so often.
constexpr std::uint64_t kIdleLookEvery = 10;
/// How often changes of tenants are written to the catalog.
constexpr std::chrono::seconds kKeepInterval{10};
/// How often the catalog is read for changes that other servers wrote.
constexpr std::chrono::seconds kTakeInterval{30};
/// Never a tenant's name: a context id has no space.
constexpr char kNoTenant[] = "all servers";

/// A database that is open for writing has its file, its log and the log's index.
constexpr std::uint64_t kDescriptorsPerTenant = 3;
constexpr std::uint64_t kOpenTenantsMax = 4'000;
/// Operators' connections, pollers, the catalog, certificate files, the log; and mirrors' logs
/// once more, while large transactions are written.
constexpr std::uint64_t kSpareDescriptors = 200;

/// Raises the limit as far as this process may; returns the limit after that.
std::uint64_t RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1'024;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1'024;
  return limit.rlim_cur;
}

/// Divides the descriptors: connections get what is configured, or half;
/// the open tenants a third of the rest.
void FitToDescriptors(std::uint64_t descriptors, ServerConfig* config) {
  std::uint32_t& connections = config->listen.connections_max;
  const auto connections_max =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(descriptors / 2, UINT32_MAX));
  if (connections > connections_max) {
    spdlog::warn(
        "[listen] 'connections_max' {} is cut to {}: this process may open {} files. For more, raise "
        "LimitNOFILE of the service",
        connections, connections_max, descriptors);
    connections = connections_max;
  }
  const std::uint64_t taken = connections + kSpareDescriptors;
  const std::uint64_t left = descriptors > taken ? descriptors - taken : 0;
  const std::uint64_t tenants = std::clamp<std::uint64_t>(left / kDescriptorsPerTenant, 1, kOpenTenantsMax);
  std::uint32_t& open = config->data.open_tenants_max;
  if (open > tenants) {
    spdlog::warn(
        "[data] 'open_tenants_max' {} is cut to {}: this process may open {} files. For more, raise "
        "LimitNOFILE of the service",
        open, tenants, descriptors);
  }
  if (open == 0 || open > tenants) open = static_cast<std::uint32_t>(tenants);
}

TenantsOptions TenantsOptionsOf(const ServerConfig& config, const HookRunner* hooks) {
  TenantsOptions options;
  options.open_max = config.data.open_tenants_max;
  options.tenant.cycle_idle_ms = std::chrono::milliseconds(config.limits.cycle_idle).count();
  options.tenant.breaker = config.breaker;
  options.tenant.freshness = config.freshness;
  options.tenant.receipts = config.receipts;
  options.tenant.journal = config.journal;
  options.tenant.indexes->Set(config.indexes);
  options.tenant.miss_window_ms = config.miss_window_ms;
  options.tenant.drop_grace_ms = std::chrono::milliseconds(config.data.drop_grace).count();
  options.tenant.columns = config.columns;
  options.tenant.nonces_max = config.limits.nonces_max;
  options.tenant.automatic_provisioning = config.data.automatic_provisioning;
  if (hooks != nullptr) options.tenant.hooks = &hooks->book();
  return options;
}

std::vector<ExpiringKey> ExpiringKeysOf(const std::vector<DatedKey>& keys) {
  std::vector<ExpiringKey> expiring;
  for (const DatedKey& key : keys)
    expiring.push_back({key.name, std::string(KindName(key.kind)), key.not_after_s});
  return expiring;
}

/// Returns the key to hash columns with; absent when nothing is to be hashed.
absl::StatusOr<std::optional<std::string>> HashSecret(const ServerConfig& config) {
  if (config.columns.hash_key.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(std::string secret, ReadHashSecret(config.columns.hash_key));
  return secret;
}

/// `application_key`: see RulesPrint().
FleetOptions FleetOptionsOf(const ServerConfig& config, const std::string& application_key,
                            std::string address, std::string admin_address) {
  FleetOptions options;
  options.host = HostName();
  options.address = std::move(address);
  options.admin_address = std::move(admin_address);
  options.rules = RulesPrint(config, application_key);
  for (const PostgresPlaceConfig& place : config.postgres.places) options.places.push_back(place.name);
  options.has_hubs = !config.hubs.empty();
  options.set_clock = &SetSharedClock;
  // The key was read before, or nothing was opened.
  if (const auto secret = HashSecret(config); secret.ok() && secret->has_value()) {
    options.hash_key = absl::StrCat(absl::Hex(TenantHashKey(**secret, kNoTenant).fingerprint()));
  }
  return options;
}

}  // namespace

struct Server::Parts {
  // In the order of their dependencies.
  ServerCounters counters;
  std::unique_ptr<Gate> gate;
  OpenedStore store;
  std::unique_ptr<Events> events;
  std::unique_ptr<Fleet> fleet;  ///< Null: no other server has these mirrors.
  std::unique_ptr<Audit> audit;
  std::unique_ptr<Looks> admin_looks;
  std::unique_ptr<HookRunner> hooks;   ///< Null: there are none.
  std::unique_ptr<SharedLists> lists;  ///< Null if `fleet` is.
  std::unique_ptr<Tenants> tenants;
  std::unique_ptr<Storages> storages;
  std::unique_ptr<Hubs> hubs;
  Reloader::Apply take_again;
  std::unique_ptr<Reloader> reloader;
  std::unique_ptr<ExpiryWatch> expiry;
  std::unique_ptr<SourceCalls> source_calls;
  std::unique_ptr<MirrorService> mirror;
  AuthenticatedTraffic vouched, admin_vouched;
  RunningCalls calls;
  std::unique_ptr<CheckedService> checked;
  std::unique_ptr<AdminService> admin;
  std::unique_ptr<SummaryKeeper> keeper;
  std::unique_ptr<FreshnessWatch> freshness;
  TimeSeries time_series;
  std::unique_ptr<Endpoint> endpoint;
  std::unique_ptr<FleetJobs> fleet_jobs;     ///< Null if `fleet` or `http` is.
  std::unique_ptr<HttpService> http;         ///< Null: not asked for.
  std::unique_ptr<MetricsListener> metrics;  ///< Null: not asked for, or not possible.
  MetricsConfig metrics_config;
  std::int64_t started_ms = NowMs();
  std::chrono::steady_clock::time_point kept = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point taken = kept;

  /// Opens the store, and the receivers of its events.
  absl::Status OpenData(const ServerConfig& config, std::shared_ptr<MirrorHooks> program_hooks);
  absl::Status OpenTenants(const ServerConfig& config);
  /// `as_written`: the configuration that a reload is compared with.
  void Watch(const ServerConfig& as_written);
  absl::Status OpenEndpoint(const ServerConfig& config, AdminService::Reload reload);
  absl::Status OpenFleet(const ServerConfig& config);
  absl::Status OpenHttp(const HttpConfig& config);
  void StartHooks();
  void StartHubs();
  void WatchPlaces();
  absl::StatusOr<std::vector<ListedServer>> Servers() const;
  /// Returns whether this server does that work for all tenants, alone or as the one that has the duty.
  bool Does(Duty duty) const { return fleet == nullptr || fleet->Holds(duty); }
  void ServeMetrics();
  void LookAtTenants();
  void TellRefused();
  std::chrono::seconds stream_idle{600};
  std::uint64_t looks = 0;
};

/// Serves metrics; if that fails, the server runs without them.
void Server::Parts::ServeMetrics() {
  if (!metrics_config.enabled) return;
  MetricsSources sources{counters,
                         *tenants,
                         *freshness,
                         [this] { return source_calls->usage(); },
                         [this] { return ExpiringKeysOf(expiry->keys()); },
                         store.look};
  sources.hubs = [this] { return Does(Duty::kHubs) ? hubs->watch().All() : std::vector<WatchedHub>(); };
  if (http) sources.door = [door = http.get()] { return door->Figures(); };
  if (fleet) {
    sources.fleet = [this] {
      return FleetShare{.shows_tenants = fleet->Holds(Duty::kSummaries), .running = fleet->Running()};
    };
  }
  absl::StatusOr<std::unique_ptr<MetricsListener>> listener = MetricsListener::Open(
      metrics_config, [sources = std::move(sources)] { return ServerMetricsText(sources, SharedNowMs()); },
      [this] { return fleet ? fleet->WhyNotReady() : std::string(); });
  if (!listener.ok()) {
    events->Add("", Severity::kError, "metrics.not_served", std::string(listener.status().message()));
    return;
  }
  metrics = *std::move(listener);
  spdlog::info("the metrics are served on {}", metrics->address());
  if (metrics_config.allow_remote) {
    spdlog::warn("the metrics are served on {} without TLS and without a password", metrics->address());
  }
}

/// Checks the age of the tenants' tables, and records this minute's measurements.
void Server::Parts::LookAtTenants() {
  const std::vector<Tenants::Seen> all = tenants->AllSeen();
  std::vector<FreshnessWatch::Seen> aged;
  std::vector<TimeSeries::Seen> measured;
  for (const Tenants::Seen& tenant : all) {
    aged.push_back({tenant.context_id, tenant.summary});
    measured.push_back({.context_id = tenant.context_id,
                        .rows = tenant.rows.rows,
                        .source_ms = tenant.summary->oldest_source_ms,
                        .cycle_ended_ms = tenant.rows.last_ended_ms,
                        .cycle_ms = tenant.rows.last_took_ms,
                        .paused = tenant.summary->paused});
  }
  hubs->watch().NoteCompleted(all);
  freshness->Look(aged, SharedNowMs(), Does(Duty::kSummaries));
  time_series.Look(measured, SharedNowMs());
}

/// Reports refused sources. Their names are not known: none proved its identity.
void Server::Parts::TellRefused() {
  const MirrorService::Refused refused = mirror->TakeRefused();
  if (refused.calls == 0) return;
  events->Add("", Severity::kWarning, "source.not_admitted",
              absl::StrCat(Counted(refused.calls, "Authenticate"), refused.calls == 1 ? " was" : " were",
                           " refused in the last seconds, and no cycle began. The last one: ", refused.last));
}

Server::Server() : parts_(std::make_unique<Parts>()) {}
Server::~Server() {
  if (parts_->hubs) parts_->hubs->Stop();
  if (parts_->store.late) parts_->store.late->Stop();
  if (parts_->fleet) parts_->fleet->Stop();
  if (parts_->hooks) parts_->hooks->Stop();
}

absl::Status Server::Parts::OpenData(const ServerConfig& config, std::shared_ptr<MirrorHooks> program_hooks) {
  ASSIGN_OR_RETURN(store, OpenConfiguredStore(config));
  for (const std::string& note : store.notes) spdlog::warn("{}", note);
  admin_looks = std::make_unique<Looks>(*store.look_log, config.data.dir + "/looks-waiting");
  events = std::make_unique<Events>(*store.catalog, &SharedNowMs, counters);
  if (!program_hooks && config.hooks.hooks.empty()) return absl::OkStatus();
  hooks = std::make_unique<HookRunner>(
      config.hooks, std::move(program_hooks),
      [here = store.home.get()](const std::string& context_id) { return here->Location(context_id); },
      *events);
  events->Listen([runner = hooks.get()](const EventRecord&) { runner->WakeEvents(); });
  return absl::OkStatus();
}

absl::Status Server::Parts::OpenTenants(const ServerConfig& config) {
  TenantsOptions options = TenantsOptionsOf(config, hooks.get());
  ASSIGN_OR_RETURN(options.tenant.hash_secret, HashSecret(config));
  options.tenant.counters = &counters;
  options.tenant.start = store.start.get();
  if (store.control) {
    lists = std::make_unique<ControlLists>(store.control);
    options.tenant.lists = lists.get();
  }
  options.tenant.forget_summary = [kept = store.catalog.get()](const std::string& context_id) {
    // If it cannot be written, the catalog is outdated until the tenant is next opened.
    kept->KeepSummaries({{context_id, ""}}).IgnoreError();
  };
  options.tenant.records_changed = [this](const std::string& id) { hubs ? hubs->NoteChanged(id) : void(); };
  options.tenant.forget_in_hubs = [this](auto& id) { return hubs ? hubs->Forget(id) : absl::OkStatus(); };
  ASSIGN_OR_RETURN(tenants, Tenants::Open(*store.home, options, *events));
  storages = std::make_unique<Storages>(*tenants, *events);
  hubs = std::make_unique<Hubs>(config.hubs, store.hub_files, *tenants, *storages, *events);
  take_again = [this, indexes = options.tenant.indexes,
                journal = config.journal](const ServerConfig& read) -> std::vector<std::string> {
    indexes->Set(read.indexes);
    if (!IsJournaled(read.hubs, journal)) return {"[[hub]]"};
    hubs->TakeRules(read.hubs);
    return {};
  };
  keeper = std::make_unique<SummaryKeeper>(*store.catalog, *tenants, store.control != nullptr);
  keeper->Restore();
  freshness = std::make_unique<FreshnessWatch>(config.freshness, *events);
  return absl::OkStatus();
}

void Server::Parts::Watch(const ServerConfig& as_written) {
  // Open() begins it, when nothing can prevent this server from serving any more.
  audit = std::make_unique<Audit>(
      *store.audit_log, *events,
      [signer = gate.get()](std::string_view text) { return signer->SignText(text); },
      Audit::Options{.dir = as_written.data.dir});
  reloader = std::make_unique<Reloader>(as_written, *gate, take_again, *events);
  expiry = std::make_unique<ExpiryWatch>(
      [signer = gate.get(), loaded = reloader.get()] {
        return ServerKeys(loaded->in_force(), signer->keys());
      },
      *events);
}

absl::Status Server::Parts::OpenEndpoint(const ServerConfig& config, AdminService::Reload reload) {
  source_calls = std::make_unique<SourceCalls>(
      *gate, *tenants, config.limits, hooks.get(), counters,
      [this] { return fleet ? fleet->MayAgree() : absl::OkStatus(); }, hubs.get());
  mirror = std::make_unique<MirrorService>(*gate, *source_calls, counters);
  checked = std::make_unique<CheckedService>(
      *mirror, *gate, vouched, calls, config.limits.message_bytes_max,
      MemoryShare::Limits{config.limits.bytes_in_flight_tenant_max, config.limits.bytes_in_flight_max});
  admin = std::make_unique<AdminService>(
      *gate, *tenants, *events, *audit, *admin_looks, admin_vouched, std::move(reload),
      [watched = expiry.get()] { return watched->keys(); }, *freshness, time_series,
      [this] { return Servers(); }, *storages,
      [this, http_config = config.http](bool with_keys) {
        return LookAtHttpDoor(http.get(), http_config, with_keys);
      });
  admin->SetHubs(hubs.get());
  ASSIGN_OR_RETURN(endpoint,
                   Endpoint::Open(config, checked.get(), admin.get(), {&vouched, &admin_vouched}, &calls));
  stream_idle = config.limits.cycle_idle;
  metrics_config = config.metrics;
  return store.control ? OpenFleet(config) : absl::OkStatus();
}

absl::Status Server::Parts::OpenFleet(const ServerConfig& config) {
  fleet = std::make_unique<Fleet>(
      store.control,
      FleetOptionsOf(config, gate->application_key(), endpoint->address(), endpoint->admin_address()),
      *events);
  RETURN_IF_ERROR(fleet->SetClock());
  RETURN_IF_ERROR(fleet->CheckHashKey());
  if (!hooks) return absl::OkStatus();
  hooks->Share({.is_here = [this] { return fleet->Holds(Duty::kHooks); },
                .waits = [this](const std::string& context_id) { fleet->HookWaits(context_id); }});
  return absl::OkStatus();
}

absl::Status Server::Parts::OpenHttp(const HttpConfig& config) {
  if (fleet) {
    ASSIGN_OR_RETURN(std::string name, NameUploadFolder(config.uploads));
    fleet_jobs = std::make_unique<FleetJobs>(store.control, *fleet, std::move(name));
  }
  ASSIGN_OR_RETURN(
      http,
      HttpService::Open(
          config, *tenants, *storages,
          [log = audit.get()](const std::string& who, const std::string& what, const absl::Status& outcome) {
            log->AddLate(who, what, outcome);
          },
          [list = admin_looks.get()](const std::string& who, const std::string& what,
                                     const absl::Status& outcome) { list->Add(who, what, outcome, NowMs()); },
          *events, fleet_jobs.get()));
  if (fleet_jobs) fleet_jobs->Begin(http->own_url());
  return absl::OkStatus();
}

void Server::Parts::StartHooks() {
  HookDuty duty;
  if (hooks) {
    duty = {.begin = [this] { hooks->Start(*tenants, *store.hook_cursor); },
            .end = [this] { hooks->Stop(); },
            .wake = [this](const std::string& context_id) { hooks->WakeHere(context_id); },
            .wake_events = [this] { hooks->WakeEvents(); }};
  }
  if (fleet) {
    fleet->Start(std::move(duty));
  } else if (hooks) {
    duty.begin();
  }
}

void Server::Parts::StartHubs() {
  DerivesHere derives;
  if (fleet) derives = [this] { return fleet->Holds(Duty::kHubs); };
  hubs->Start(std::move(derives));
}

/// Watches places that did not answer when they were opened.
void Server::Parts::WatchPlaces() {
  if (!store.late) return;
  store.late->Start([this](const ClosedPlaces::Told& told) {
    events->Add("", told.is_open ? Severity::kInformation : Severity::kError, "server.place", told.words);
  });
}

/// If mirrors are files, this server is the only one.
absl::StatusOr<std::vector<ListedServer>> Server::Parts::Servers() const {
  if (fleet) {
    absl::StatusOr<std::vector<ListedServer>> all = fleet->Servers();
    if (!all.ok() || !store.late) return all;
    for (ListedServer& server : *all) {
      if (server.here) server.closed_places = store.late->FindClosed();
    }
    return all;
  }
  ListedServer alone;
  alone.host = HostName();
  alone.address = endpoint->address();
  alone.admin_address = endpoint->admin_address();
  alone.version = MIRROR_VERSION;
  alone.started_ms = started_ms;
  alone.here = true;
  return std::vector<ListedServer>{alone};
}

absl::StatusOr<std::unique_ptr<Server>> Server::Open(const ServerConfig& as_written,
                                                     std::shared_ptr<MirrorHooks> hooks) {
  ServerConfig config = as_written;
  FitToDescriptors(RaiseDescriptorLimit(), &config);
  std::unique_ptr<Server> server(new Server());
  Parts& parts = *server->parts_;
  ASSIGN_OR_RETURN(parts.gate, Gate::Open(config));
  RETURN_IF_ERROR(parts.OpenData(config, std::move(hooks)));
  RETURN_IF_ERROR(parts.OpenTenants(config));
  parts.Watch(as_written);
  RETURN_IF_ERROR(parts.OpenEndpoint(config, [here = server.get()] { return here->Reload(); }));
  parts.audit->Begin();
  if (config.http.enabled) RETURN_IF_ERROR(parts.OpenHttp(config.http));
  return server;
}

void Server::Start() {
  parts_->expiry->Look(NowMs() / 1'000);
  parts_->StartHooks();
  parts_->WatchPlaces();
  parts_->StartHubs();
  parts_->endpoint->Start();
  if (parts_->http) {
    parts_->http->Start();
    spdlog::info("JSON is served on {}", parts_->http->url());
  }
  parts_->ServeMetrics();
}

std::string Server::address() const { return parts_->endpoint->address(); }
std::string Server::admin_address() const { return parts_->endpoint->admin_address(); }
std::string Server::http_url() const { return parts_->http ? parts_->http->url() : std::string(); }
std::string Server::metrics_address() const {
  return parts_->metrics ? parts_->metrics->address() : std::string();
}

absl::StatusOr<std::size_t> Server::Reload() {
  absl::StatusOr<std::size_t> keys = parts_->reloader->Run();
  if (const absl::Status passfile = CheckStoreFiles(parts_->reloader->in_force()); !passfile.ok()) {
    parts_->events->Add(
        "", Severity::kError, "keys.not_reloaded",
        absl::StrCat("connections to PostgreSQL that are open stay, and no new one can be made. "
                     "Correct this, then reload again: ",
                     passfile.message()));
  } else if (parts_->store.reconnect) {
    parts_->store.reconnect();
  }
  if (parts_->fleet) {
    parts_->fleet->SetRules(RulesPrint(parts_->reloader->in_force(), parts_->gate->application_key()));
  }
  const absl::Status http = parts_->http ? parts_->http->Reload() : absl::OkStatus();
  parts_->expiry->Look(NowMs() / 1'000);
  if (!keys.ok() || http.ok()) return keys;
  return absl::FailedPreconditionError(absl::StrCat("the sources' keys were read again, and there are ",
                                                    *keys, "; but ", std::string(http.message()),
                                                    ". Correct this, then reload again."));
}

void Server::KeepHouse() {
  parts_->mirror->EndIdleStreams(parts_->stream_idle,
                                 absl::CancelledError("the stream sent nothing for too long"));
  parts_->expiry->LookDaily(NowMs() / 1'000);
  parts_->audit->KeepHouse(NowMs());
  parts_->admin_looks->KeepHouse(NowMs());
  parts_->events->KeepHouse();
  parts_->LookAtTenants();
  if (parts_->http) parts_->http->KeepHouse(NowMs());
  GiveBackMessageMemory();
  if (++parts_->looks % kIdleLookEvery == 0) {
    parts_->tenants->EndIdleCycles(parts_->fleet && parts_->fleet->Holds(Duty::kIdleCycles));
  }
  const auto now = std::chrono::steady_clock::now();
  if (now - parts_->kept < kKeepInterval) return;
  parts_->kept = now;
  parts_->keeper->Keep();
  if (parts_->fleet && now - parts_->taken >= kTakeInterval) {
    parts_->taken = now;
    parts_->keeper->TakeOthers();
  }
  parts_->TellRefused();
}

void Server::Stop() {
  spdlog::info("stopping: running calls have {} s to end", kDrainTime.count());
  parts_->admin->EndWatching();
  if (parts_->http) parts_->http->Stop();
  std::atomic<bool> stopped{false};
  std::thread drain([&] {
    parts_->endpoint->Stop(kDrainTime);
    stopped = true;
  });
  while (!stopped) {
    parts_->mirror->EndIdleStreams(
        kDrainIdle,
        absl::UnavailableError("this server stops. What was answered is committed; the same messages "
                               "again are safe."));
    std::this_thread::sleep_for(kDrainLook);
  }
  drain.join();
  parts_->hubs->Stop();
  if (parts_->store.late) parts_->store.late->Stop();
  if (parts_->fleet) parts_->fleet->Stop();
  if (parts_->hooks) parts_->hooks->Stop();
  parts_->tenants->EndCycles();
  parts_->events->EndFloods();
  parts_->audit->Seal();
  // Before the parts that wait for other processes' connections.
  parts_->keeper->Keep();
  parts_->metrics.reset();
}

absl::Status CheckServerFiles(const ServerConfig& config) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Gate> gate, Gate::Open(config));
  RETURN_IF_ERROR(CheckDataFolder(config));
  if (const auto secret = HashSecret(config); !secret.ok()) return secret.status();
  RETURN_IF_ERROR(CheckStoreFiles(config));
  return CheckListenerFiles(config);
}

absl::StatusOr<std::vector<std::string>> CheckOtherServers(const ServerConfig& config,
                                                           PostgresControl& control) {
  const absl::StatusOr<SigningKey> key = SigningKey::Load(config.application.key, config.application.key_id);
  const FleetOptions self = FleetOptionsOf(config, key.ok() ? key->PublicThumbprint() : "",
                                           AddressText(config.listen.address, config.listen.port),
                                           AddressText(config.admin.address, config.admin.port));
  RETURN_IF_ERROR(CheckHashKey(control, self));
  // Without the key nothing can be compared; CheckServerFiles() refuses that.
  if (!key.ok()) return std::vector<std::string>();
  return FindOtherRules(control, self);
}

}  // namespace mirror
