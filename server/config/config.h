#ifndef MIRROR_SERVER_CONFIG_CONFIG_H_
#define MIRROR_SERVER_CONFIG_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/http/metrics_listener.h"
#include "base/log_words.h"
#include "base/peer_address.h"
#include "server/config/http_config.h"
#include "server/hub/plan/hub_rules.h"
#include "server/journal/journal_rules.h"
#include "server/plan/breaker.h"
#include "server/plan/column_rules.h"
#include "server/plan/tenant_rules.h"

namespace mirror {

// The contents of mirror-server.toml. Paths are complete: a relative path starts at the file's folder.

/// The listener for sources.
struct ListenConfig {
  std::string address = "127.0.0.1";  ///< An IP address, or "localhost".
  std::uint16_t port = 7443;          ///< 0: the system chooses.
  std::string certificate, key;       ///< PEM. Empty only with `plaintext`.
  std::string client_ca;              ///< PEM. Set: each source must show a certificate of this CA.
  bool plaintext = false;             ///< No TLS; loopback only.
  std::uint32_t connections_max = 1'000;
  std::uint32_t connections_per_address_max = 200;  ///< Without an admitted call.
  /// Addresses and networks of balancers and proxies, see AddressRanges: the limit above does not bind them.
  std::vector<std::string> proxies;
  friend bool operator==(const ListenConfig&, const ListenConfig&) = default;
};

/// The listener for operators; mutual TLS always.
struct AdminConfig {
  std::string address = "127.0.0.1";
  std::uint16_t port = 7444;
  std::string certificate, key, client_ca;
  friend bool operator==(const AdminConfig&, const AdminConfig&) = default;
};

/// The identity of this endpoint.
struct ApplicationConfig {
  std::string id;   ///< The audience of tokens.
  std::string key;  ///< PEM; signs Authenticate's answer.
  std::string key_id;
  friend bool operator==(const ApplicationConfig&, const ApplicationConfig&) = default;
};

enum class StoreKind { kSqlite, kPostgres };

struct DataConfig {
  StoreKind store = StoreKind::kSqlite;
  std::string dir = "data";
  bool automatic_provisioning = true;
  std::chrono::seconds drop_grace = std::chrono::hours(24 * 7);
  std::uint64_t wal_bytes_max = 1ULL << 30;
  std::uint32_t open_tenants_max = 0;  ///< 0: from the descriptor limit.
  friend bool operator==(const DataConfig&, const DataConfig&) = default;
};

/// A database that holds mirrors.
struct PostgresPlaceConfig {
  std::string name;                      ///< Used in messages, and to say where a mirror is kept.
  std::string conninfo;                  ///< libpq's, without a password.
  std::uint32_t connections = 8;         ///< The most, for each of writing, reading and scanning.
  bool citus = false;                    ///< The coordinator of a cluster that distributes schemas.
  std::int64_t relations_max = 100'000;  ///< A place with this many relations takes no new mirror.
  friend bool operator==(const PostgresPlaceConfig&, const PostgresPlaceConfig&) = default;
};

/// [postgres] and [[postgres.place]]. Empty when the store is not PostgreSQL.
struct PostgresConfig {
  std::string control;     ///< Conninfo of libpq: the list of mirrors, events, the audit log.
  std::string passfile;    ///< Used by all connections; empty: libpq's default.
  bool replicated = true;  ///< Acknowledged data is on a standby, too.
  std::int64_t merge_rows_max = 20'000'000;
  std::vector<PostgresPlaceConfig> places;
  friend bool operator==(const PostgresConfig&, const PostgresConfig&) = default;
};

struct TokensConfig {
  std::vector<std::string> algorithms = {"ES256", "RS256"};
  std::string context_claim = "http://schemes.superoffice.net/identity/ctx";
  std::chrono::seconds lifetime_max = std::chrono::minutes(30);
  std::chrono::seconds leeway = std::chrono::seconds(60);
  friend bool operator==(const TokensConfig&, const TokensConfig&) = default;
};

/// One issuer in one environment.
struct IssuerConfig {
  std::string name, environment;
  std::string keys;                   ///< Folder of its certificates.
  std::vector<std::string> contexts;  ///< Context ids that it may push; '*' stands for any characters.
  friend bool operator==(const IssuerConfig&, const IssuerConfig&) = default;
};

/// Bytes that a stream counts before it reads a message whose size is not known yet.
inline constexpr std::uint64_t kStreamBytesMin = 1 << 20;

struct LimitsConfig {
  std::uint64_t message_bytes_max = 16ULL << 20;
  std::uint32_t columns_max = 2'000;
  std::uint32_t tables_max = 10'000;
  std::uint32_t batch_rows_max = 1'000'000;
  std::uint64_t batch_cells_max = 10'000'000;
  std::uint64_t bytes_in_flight_tenant_max = 64ULL << 20;
  std::uint64_t bytes_in_flight_max = 256ULL << 20;
  std::uint32_t streams_per_tenant_max = 4;
  std::uint32_t calls_max = 64;  ///< Calls at a time, not counting streams.
  std::uint32_t nonces_max = 10'000;
  std::uint64_t value_bytes_max = 1'000'000'000;
  std::chrono::seconds cycle_idle = std::chrono::minutes(10);
  friend bool operator==(const LimitsConfig&, const LimitsConfig&) = default;
};

/// Decides what happens when a hook is called and does not answer.
enum class OnError {
  kAccept,  ///< The cycle begins as if there were no hook.
  kRefuse,  ///< No cycle begins.
};

/// One [[hook]]: exactly one of command, sql and url.
struct HookConfig {
  std::string name;             ///< For events; "hook-1" and so on when none is given.
  std::vector<std::string> on;  ///< completed, authenticated, table, wiped, event.
  std::string context_id = "*";
  std::vector<std::string> command;  ///< A program's absolute path, and its arguments.
  std::string sql, url;
  std::chrono::milliseconds timeout{10'000};
  OnError on_error = OnError::kAccept;  ///< For `authenticated`.
  friend bool operator==(const HookConfig&, const HookConfig&) = default;
};

struct HooksConfig {
  std::chrono::milliseconds authenticated_timeout{2'000};
  std::vector<HookConfig> hooks;
  friend bool operator==(const HooksConfig&, const HooksConfig&) = default;
};

struct ServerConfig {
  std::string file;  ///< The path as the operator gave it.
  ListenConfig listen;
  AdminConfig admin;
  ApplicationConfig application;
  DataConfig data;
  PostgresConfig postgres;
  TokensConfig tokens;
  std::vector<IssuerConfig> issuers;
  LimitsConfig limits;
  HooksConfig hooks;          ///< [hooks] and [[hook]].
  BreakerConfig breaker;      ///< [breaker], and its keys in [[tenant]].
  ColumnRulesConfig columns;  ///< The column rules of [[tenant.table]], and [data] 'hash_key'.
  HttpConfig http;            ///< [http]
  MetricsConfig metrics = {.enabled = true, .port = 7445};
  /// Pauses the tenant when two completed cycles in a row end within this time and the source of the one does
  /// not know what the other committed: two databases feed the tenant. 0: never.
  std::int64_t miss_window_ms = 3'600'000;
  ReceiptRules receipts;       ///< [data] receipts, and those of [[tenant]].
  IndexRules indexes;          ///< From [[tenant]] and [[tenant.index]].
  FreshnessRules freshness;    ///< From [[tenant]].
  JournalConfig journal;       ///< [journal], and the keys of [[tenant.table]].
  std::vector<HubRules> hubs;  ///< [[hub]], by storage.
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;
};

/// Reads and checks the whole file. Then the environment (MIRROR_LISTEN_PORT and so on, for every key of a
/// table that stands once) replaces the file's values. Errors: kInvalidArgument naming file, line and key, or
/// the variable, also for an unknown variable that begins with MIRROR_; kNotFound, kPermissionDenied for the
/// file itself. Does not check whether the files that it names can be used.
absl::StatusOr<ServerConfig> LoadServerConfig(const std::string& path);

/// Returns the addresses to which no limit per address applies: this machine's, and
/// those of `proxies`, which the caller has checked.
AddressRanges UnlimitedOf(const std::vector<std::string>& proxies);

}  // namespace mirror

#endif  // MIRROR_SERVER_CONFIG_CONFIG_H_
