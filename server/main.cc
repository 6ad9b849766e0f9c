#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <grpc/support/log.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "certs/tls.h"
#include "proto/exposition/metrics_listener.h"
#include "proto/wire/clock.h"
#include "server/admin_service.h"
#include "server/config.h"
#include "server/endpoint.h"
#include "server/events.h"
#include "server/freshness.h"
#include "server/gate.h"
#include "server/message_memory.h"
#include "server/metrics.h"
#include "server/mirror_service.h"
#include "server/store/catalog.h"
#include "server/store/sqlite_store.h"
#include "server/summary_keeper.h"
#include "server/tenants.h"

namespace mirror {
namespace {

constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2;
constexpr std::chrono::seconds kDrainTime{10};
/// How long a stream that is waiting for its next message is left alone once the server drains.
constexpr std::chrono::seconds kDrainIdle{1};
constexpr std::chrono::milliseconds kDrainLook{100};
constexpr std::int64_t kHousekeepingS = 1;
/// How often the catalog is told what changed of tenants.
constexpr std::chrono::seconds kKeepInterval{10};

/// A database open for writing has its file, its log and its index of the log.
constexpr std::uint64_t kDescriptorsPerTenant = 3;
constexpr std::uint64_t kOpenTenantsMax = 4'000;
/// Operators' connections, pollers, the catalog, certificate files, the log.
constexpr std::uint64_t kSpareDescriptors = 200;

int Fail(int code, const absl::Status& status) {
  std::cerr << "mirror-server: " << status.message() << std::endl;
  return code;
}

void SetUpLog(const std::string& level) {
  auto logger = spdlog::stderr_logger_mt("mirror-server");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  // gRPC calls each stranger's failed handshake an error.
  gpr_set_log_function([](gpr_log_func_args* args) { spdlog::debug("gRPC: {}", args->message); });
}

/// Raises the limit as far as this process may; gives what it is then.
std::uint64_t RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1'024;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1'024;
  return limit.rlim_cur;
}

/// Shares the descriptors out: connections get what they are promised, or half; the open tenants a third of
/// the rest.
void FitToDescriptors(std::uint64_t descriptors, ServerConfig* config) {
  std::uint32_t& connections = config->listen.connections_max;
  const auto connections_max =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(descriptors / 2, UINT32_MAX));
  if (connections > connections_max) {
    spdlog::warn("[listen] 'connections_max' {} is cut to {}: this process may open {} files", connections,
                 connections_max, descriptors);
    connections = connections_max;
  }
  const std::uint64_t taken = connections + kSpareDescriptors;
  const std::uint64_t left = descriptors > taken ? descriptors - taken : 0;
  const std::uint64_t tenants = std::clamp<std::uint64_t>(left / kDescriptorsPerTenant, 1, kOpenTenantsMax);
  std::uint32_t& open = config->data.open_tenants_max;
  if (open > tenants) {
    spdlog::warn("[data] 'open_tenants_max' {} is cut to {}: this process may open {} files", open, tenants,
                 descriptors);
  }
  if (open == 0 || open > tenants) open = static_cast<std::uint32_t>(tenants);
}

/// What the gate knows of keys that end.
std::vector<ExpiringKey> ExpiringKeysOf(const Gate& gate) {
  std::vector<ExpiringKey> expiring;
  for (const KeyInfo& key : gate.keys()) {
    if (key.not_after == 0) continue;
    expiring.push_back(
        {absl::StrCat(key.issuer, "/", key.environment, "/", key.key_id), "issuer", key.not_after});
  }
  return expiring;
}

TenantsOptions TenantsOptionsOf(const ServerConfig& config) {
  TenantsOptions options;
  options.data_dir = config.data.dir;
  options.open_max = config.data.open_tenants_max;
  options.wal_bytes_max = config.data.wal_bytes_max;
  options.value_bytes_max = static_cast<std::int64_t>(config.limits.value_bytes_max);
  options.tenant.cycle_idle_ms = std::chrono::milliseconds(config.limits.cycle_idle).count();
  options.tenant.breaker = config.breaker;
  options.tenant.freshness = config.freshness;
  options.tenant.miss_window_ms = config.miss_window_ms;
  options.tenant.drop_grace_ms = std::chrono::milliseconds(config.data.drop_grace).count();
  options.tenant.nonces_max = config.limits.nonces_max;
  options.tenant.automatic_provisioning = config.data.automatic_provisioning;
  return options;
}

/// SIGHUP and ReloadKeys: keys, [application], [tokens], [[issuer]] and [log] are read again; what cannot be
/// read leaves all as it was.
class Reloader {
 public:
  Reloader(const ServerConfig& started_with, Gate& gate, Events& events)
      : started_with_(started_with), gate_(gate), events_(events) {}

  absl::StatusOr<std::size_t> Run() {
    const std::lock_guard lock(mutex_);
    absl::StatusOr<std::size_t> keys = Read();
    if (keys.ok()) {
      events_.Add("", Severity::kInformation, "keys.reloaded", absl::StrCat("keys were read again: ", *keys));
    } else {
      events_.Add("", Severity::kError, "keys.not_reloaded",
                  absl::StrCat("keys and configuration were not read again, the old ones stay in force: ",
                               keys.status().message()));
    }
    return keys;
  }

 private:
  absl::StatusOr<std::size_t> Read() {
    const absl::StatusOr<ServerConfig> config = LoadServerConfig(started_with_.file);
    if (!config.ok()) return config.status();
    absl::StatusOr<std::size_t> keys = gate_.Reload(*config);
    if (!keys.ok()) return keys.status();
    spdlog::default_logger()->set_level(spdlog::level::from_str(config->log_level));
    const std::pair<const char*, bool> others[] = {{"listen", config->listen == started_with_.listen},
                                                   {"admin", config->admin == started_with_.admin},
                                                   {"data", config->data == started_with_.data},
                                                   {"metrics", config->metrics == started_with_.metrics},
                                                   {"limits", config->limits == started_with_.limits}};
    for (const auto& [name, same] : others) {
      if (!same) spdlog::warn("[{}] has changed in {}: that needs a restart", name, started_with_.file);
    }
    // Certificates of the listeners are noticed by themselves, good or bad.
    if (absl::Status files = CheckListenerFiles(started_with_); !files.ok()) {
      events_.Add("", Severity::kError, "tls.bad", std::string(files.message()));
    }
    return keys;
  }

  const ServerConfig started_with_;  ///< As the file had it.
  Gate& gate_;
  Events& events_;
  std::mutex mutex_;
};

/// Everything that serves, from the catalog up.
class Server {
 public:
  static absl::StatusOr<std::unique_ptr<Server>> Open(const ServerConfig& as_written) {
    ServerConfig config = as_written;
    FitToDescriptors(RaiseDescriptorLimit(), &config);
    auto server = std::make_unique<Server>();
    absl::StatusOr<std::unique_ptr<Gate>> gate = Gate::Open(config);
    if (!gate.ok()) return gate.status();
    server->gate_ = *std::move(gate);
    std::error_code error;
    std::filesystem::create_directories(config.data.dir, error);
    if (error) {
      return absl::FailedPreconditionError(
          absl::StrCat("the data folder '", config.data.dir, "' cannot be made: ", error.message()));
    }
    absl::StatusOr<std::unique_ptr<Catalog>> catalog = OpenSqliteCatalog(config.data.dir);
    if (!catalog.ok()) return catalog.status();
    server->catalog_ = *std::move(catalog);
    server->events_ = std::make_unique<Events>(*server->catalog_, server->counters_);
    TenantsOptions options = TenantsOptionsOf(config);
    options.tenant.counters = &server->counters_;
    absl::StatusOr<std::unique_ptr<Tenants>> tenants = Tenants::Open(options, *server->events_);
    if (!tenants.ok()) return tenants.status();
    server->tenants_ = *std::move(tenants);
    server->keeper_ = std::make_unique<SummaryKeeper>(*server->catalog_, *server->tenants_);
    server->keeper_->Restore();
    server->freshness_ = std::make_unique<FreshnessWatch>(*server->events_);
    server->reloader_ = std::make_unique<Reloader>(as_written, *server->gate_, *server->events_);
    server->mirror_ =
        std::make_unique<MirrorService>(*server->gate_, *server->tenants_, config.limits, server->counters_);
    server->admin_ =
        std::make_unique<AdminService>(*server->gate_, *server->tenants_, *server->events_, *server->catalog_,
                                       [reloader = server->reloader_.get()] { return reloader->Run(); });
    absl::StatusOr<std::unique_ptr<Endpoint>> endpoint =
        Endpoint::Open(config, server->mirror_.get(), server->admin_.get());
    if (!endpoint.ok()) return endpoint.status();
    server->endpoint_ = *std::move(endpoint);
    server->stream_idle_ = config.limits.cycle_idle;
    server->metrics_config_ = config.metrics;
    return server;
  }

  void Start() {
    endpoint_->Start();
    ServeMetrics();
    std::cout << "mirror-server ready: sources on " << endpoint_->address() << ", admin on "
              << endpoint_->admin_address() << std::endl;
  }

  void Reload() { static_cast<void>(reloader_->Run()); }  // It says itself how it went.

  /// Once in a while.
  void KeepHouse() {
    mirror_->CancelIdleStreams(stream_idle_);
    WatchFreshness();
    const auto now = std::chrono::steady_clock::now();
    if (now - kept_ < kKeepInterval) return;
    kept_ = now;
    keeper_->Keep();
  }

  /// Lets the calls that run end, then ends the cycles.
  void Stop() {
    spdlog::info("stopping: running calls have {} s to end", kDrainTime.count());
    admin_->EndWatching();
    std::atomic<bool> stopped{false};
    std::thread drain([&] {
      endpoint_->Stop(kDrainTime);
      stopped = true;
    });
    while (!stopped) {
      mirror_->CancelIdleStreams(kDrainIdle);
      std::this_thread::sleep_for(kDrainLook);
    }
    drain.join();
    metrics_.reset();
    tenants_->EndCycles();
    keeper_->Keep();
    spdlog::info("stopped");
  }

 private:
  void WatchFreshness() {
    std::vector<FreshnessWatch::Seen> tenants;
    for (Tenants::Seen& seen : tenants_->AllSeen()) {
      tenants.push_back({std::move(seen.context_id), std::move(seen.summary)});
    }
    freshness_->Look(tenants, NowMs());
  }

  /// Without them the work goes on.
  void ServeMetrics() {
    if (!metrics_config_.enabled) return;
    MetricsSources sources{counters_, *tenants_, *freshness_, [this] { return mirror_->usage(); },
                           [this] { return ExpiringKeysOf(*gate_); }};
    absl::StatusOr<std::unique_ptr<MetricsListener>> listener = MetricsListener::Open(
        metrics_config_, [sources = std::move(sources)] { return ServerMetricsText(sources, NowMs()); });
    if (!listener.ok()) {
      events_->Add("", Severity::kError, "metrics.not_served", std::string(listener.status().message()));
      return;
    }
    metrics_ = *std::move(listener);
    if (metrics_config_.allow_remote) {
      spdlog::warn("the metrics are served on {} without TLS and without a password", metrics_->address());
    }
    std::cout << "mirror-server metrics: http://" << metrics_->address() << "/metrics" << std::endl;
  }

  // In the order in which they stand on each other.
  ServerCounters counters_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Events> events_;
  std::unique_ptr<Tenants> tenants_;
  std::unique_ptr<SummaryKeeper> keeper_;
  std::unique_ptr<FreshnessWatch> freshness_;
  std::unique_ptr<Reloader> reloader_;
  std::unique_ptr<MirrorService> mirror_;
  std::unique_ptr<AdminService> admin_;
  std::unique_ptr<Endpoint> endpoint_;
  std::unique_ptr<MetricsListener> metrics_;
  std::chrono::seconds stream_idle_{600};
  MetricsConfig metrics_config_;
  std::chrono::steady_clock::time_point kept_ = std::chrono::steady_clock::now();
};

/// The signals that this process waits for; blocked in all threads.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return signals;
}

int Serve(const ServerConfig& config, const sigset_t& signals) {
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Open(config);
  if (!server.ok()) return Fail(kFailed, server.status());
  (*server)->Start();
  while (true) {
    const timespec patience{kHousekeepingS, 0};
    const int number = sigtimedwait(&signals, nullptr, &patience);
    if (number == SIGHUP) (*server)->Reload();
    if (number == SIGTERM || number == SIGINT) break;
    (*server)->KeepHouse();
  }
  (*server)->Stop();
  return kDone;
}

absl::Status CheckDataFolder(const ServerConfig& config) {
  std::error_code error;
  const std::filesystem::file_status found = std::filesystem::status(config.data.dir, error);
  if (!std::filesystem::exists(found) || std::filesystem::is_directory(found)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(config.file, ": [data] 'dir' is '", config.data.dir,
                   "', which is not a folder. Nothing was started. Name a folder, or a path where one can be "
                   "made."));
}

/// Everything that can be known without taking a port or a folder.
absl::Status CheckFiles(const ServerConfig& config) {
  const absl::StatusOr<std::unique_ptr<Gate>> gate = Gate::Open(config);
  if (!gate.ok()) return gate.status();
  if (absl::Status data = CheckDataFolder(config); !data.ok()) return data;
  return CheckListenerFiles(config);
}

int Main(int argc, char** argv) {
  CLI::App app("The mirror endpoint: takes changes from sources and keeps a database for each tenant.");
  app.footer(
      "Signals: SIGTERM lets running calls end and stops; SIGHUP reads keys and configuration again.\n"
      "Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage or configuration.\n"
      "Example:\n  mirrorctl init --dir dev --context-id Cust26759\n"
      "  mirror-server --config dev/mirror-server.toml");
  app.set_version_flag("--version", absl::StrCat("mirror-server ", MIRROR_VERSION));
  std::string file;
  bool check_only = false;
  app.add_option("--config", file, "Configuration, mirror-server.toml")->required();
  app.add_flag("--check-config", check_only, "Check configuration, keys and certificates, and end");
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return absl::StrCat("mirror-server: ", error.what(), "\nRun with --help for more information.\n");
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUsage;
  }

  // Partners read the mirrors as members of the group; keys have modes of their own.
  umask(027);
  const sigset_t signals = BlockSignals();
  KeepMessageMemory();
  ConfigureSqlite();
  const absl::StatusOr<ServerConfig> config = LoadServerConfig(file);
  if (!config.ok()) return Fail(kWrongUsage, config.status());
  if (absl::Status files = CheckFiles(*config); !files.ok()) return Fail(kWrongUsage, files);
  if (check_only) {
    std::cout << file << ": no errors" << std::endl;
    return kDone;
  }
  SetUpLog(config->log_level);
  return Serve(*config, signals);
}

}  // namespace
}  // namespace mirror

int main(int argc, char** argv) { return mirror::Main(argc, argv); }
