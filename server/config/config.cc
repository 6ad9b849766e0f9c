#include "server/config/config.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "base/peer_address.h"
#include "base/status_macros.h"
#include "base/text/config_file.h"
#include "base/text/config_key.h"
#include "base/text/own_variables.h"
#include "server/config/hook_check.h"
#include "server/config/hub_keys.h"
#include "server/config/postgres_keys.h"

namespace mirror {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kMega = 1ULL << 20, kGiga = 1ULL << 30, kTera = 1ULL << 40;
/// A running server gives a sign of life every few seconds.
constexpr seconds kJobLeaseMin{15};

/// Sets a text that `check` accepts; `check` returns what is wrong with it.
Setter SetChecked(std::string* target, std::string (*check)(const std::string&)) {
  return [target, check](const Given& given) {
    ASSIGN_OR_RETURN(std::string text, AsText(given));
    if (const std::string wrong = check(text); !wrong.empty()) return given.Wrong(wrong);
    *target = std::move(text);
    return absl::OkStatus();
  };
}

std::string WrongUrlBeginning(const std::string& text) {
  const bool is_url = absl::StartsWith(text, "https://") || absl::StartsWith(text, "http://");
  if (text.empty() || (is_url && text.back() != '/' && text.find_first_of(" ?#\"") == std::string::npos))
    return "";
  return absl::StrCat("cannot be '", text, "': give the beginning of a URL, as https://mirror.example.org");
}

/// `taken`: other listeners' sections and their ports. 0: the system chooses.
absl::Status CheckPort(const ConfigFile& file, const char* section, std::uint16_t port,
                       const std::vector<std::pair<const char*, std::uint16_t>>& taken) {
  for (const auto& [name, other] : taken) {
    if (port == 0 || port != other) continue;
    return file.Wrong(
        section, "port",
        absl::StrCat("is already that of [", name, "], ", port, ": each listener needs a port of its own"));
  }
  return absl::OkStatus();
}

absl::Status CheckBasePaths(const ConfigFile& file, const HttpConfig& http) {
  for (const std::string& path : http.base_paths) {
    if (path.empty() || (path.front() == '/' && path.back() != '/' && path.find("//") == std::string::npos))
      continue;
    return file.Wrong(
        "http", "base_paths",
        absl::StrCat("cannot have '", path, "': a path begins with '/' and does not end with one"));
  }
  return absl::OkStatus();
}

/// Returns the keys of [http]. `set_address`: checks like those of the other listeners.
ConfigKeys HttpKeys(HttpConfig& http, const std::filesystem::path& folder, Setter set_address) {
  return {{"enabled", SetFlag(&http.enabled)},
          {"address", std::move(set_address)},
          {"port", SetWhole(&http.port, 0, 65'535)},
          {"plaintext", SetFlag(&http.plaintext)},
          {"certificate", SetPath(&http.certificate, folder)},
          {"key", SetPath(&http.key, folder)},
          {"api_keys", SetPath(&http.api_keys, folder)},
          {"public_url", SetChecked(&http.public_url, WrongUrlBeginning)},
          {"base_paths", SetTexts(&http.base_paths, ListRule::kAny)},
          {"connections_max", SetWhole(&http.connections_max, 1, 100'000)},
          {"connections_per_address_max", SetWhole(&http.connections_per_address_max, 1, 100'000)},
          {"header_limit", SetSize(&http.header_limit, 1'024, kMega)},
          {"body_limit", SetSize(&http.body_limit, 1'024, 64 * kMega)},
          {"file_limit", SetSize(&http.file_limit, 1'024, 100 * kMega)},
          {"upload_limit", SetSize(&http.upload_limit, 1'024, kTera)},
          {"requests_max", SetWhole(&http.requests_max, 1, 1'024)},
          {"requests_per_key", SetWhole(&http.requests_per_key, 1, 100'000)},
          {"head_time", SetSpan(&http.head_time, seconds(1), minutes(5))},
          {"body_time", SetSpan(&http.body_time, seconds(1), hours(1))},
          {"stream_time", SetSpan(&http.stream_time, seconds(1), hours(24))},
          {"disk_free_min", SetSize(&http.disk_free_min, kMega, 1'000 * kTera)},
          {"uploads_max", SetSize(&http.uploads_max, kMega, 1'000 * kTera)},
          {"uploads_per_key", SetSize(&http.uploads_per_key, kMega, 1'000 * kTera)},
          {"links_per_key", SetWhole(&http.links_per_key, 1, 10'000)},
          {"upload_kept", SetSpan(&http.upload_kept, minutes(1), hours(24 * 7))},
          {"jobs_max", SetWhole(&http.jobs_max, 1, 64)},
          {"jobs_waiting_max", SetWhole(&http.jobs_waiting_max, 1, 10'000)},
          {"job_time", SetSpan(&http.job_time, seconds(1), hours(24))},
          {"job_lease", SetSpan(&http.job_lease, kJobLeaseMin, hours(24))},
          {"erase_within", SetSpan(&http.erase_within, seconds(1), hours(24 * 30))}};
}

/// Called after all sections: fills in defaults of [http] from other sections. Errors: keys that conflict.
absl::Status FinishHttp(const ConfigFile& file, bool is_loopback, ServerConfig* config) {
  HttpConfig& http = config->http;
  if (http.api_keys.empty()) http.api_keys = (file.folder() / "apikeys").lexically_normal().string();
  http.uploads = absl::StrCat(config->data.dir, "/.uploads");
  http.proxies = config->listen.proxies;
  if (!http.enabled) return absl::OkStatus();
  if (http.plaintext && !is_loopback) {
    return file.Wrong("http", "plaintext",
                      absl::StrCat("is for a loopback address only, not for '", http.address,
                                   "': keys and records would be readable on the way"));
  }
  if (http.certificate.empty() != http.key.empty())
    return file.Wrong("http", http.key.empty() ? "certificate" : "key",
                      "cannot be alone: set both 'certificate' and 'key', or neither");
  if (!http.plaintext && http.certificate.empty()) {
    http.certificate = config->listen.certificate;
    http.key = config->listen.key;
    if (http.certificate.empty()) return file.Missing("http", "certificate");
  }
  RETURN_IF_ERROR(
      CheckPort(file, "http", http.port,
                {{"listen", config->listen.port},
                 {"admin", config->admin.port},
                 {"metrics", config->metrics.enabled ? config->metrics.port : std::uint16_t{0}}}));
  return CheckBasePaths(file, http);
}

constexpr seconds kMonth = hours(24 * 30);
constexpr seconds kJournalKeepMax = hours(24 * 3'650);
/// Each hook has threads of its own.
constexpr std::size_t kHooksMax = 16;
constexpr std::int64_t kRowsMinMax = 1'000'000'000'000, kTablesMinMax = 100'000;

std::string WrongPattern(const std::string& text) {
  const bool good = !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '*';
  });
  if (good) return "";
  return absl::StrCat("cannot be '", text, "': a pattern is 1 to 64 letters, digits, '_', '-' and '*'");
}
Setter SetPattern(std::string* target) { return SetChecked(target, WrongPattern); }

std::string WrongIndexName(const std::string& text) {
  const bool good = !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
  });
  if (good) return "";
  return absl::StrCat("cannot be '", text, "': a name is 1 to 32 letters, digits and '_'");
}

/// Sets texts that `check` accepts; `check` returns what is wrong with one.
Setter SetAllChecked(std::vector<std::string>* target, ListRule rule,
                     std::string (*check)(const std::string&)) {
  return [target, rule, check](const Given& given) {
    std::vector<std::string> texts;
    RETURN_IF_ERROR(SetTexts(&texts, rule)(given));
    for (const std::string& text : texts) {
      if (const std::string wrong = check(text); !wrong.empty()) return given.Wrong(wrong);
    }
    *target = std::move(texts);
    return absl::OkStatus();
  };
}

/// For addresses and networks, see AddressRanges.
std::string WrongRange(const std::string& text) {
  const absl::Status added = AddressRanges().Add(text);
  return added.ok() ? "" : absl::StrCat("cannot have '", text, "': ", std::string(added.message()));
}

/// Refuses the members that every token has already.
std::string WrongClaim(const std::string& text) {
  if (text.empty()) return "must not be empty";
  for (const char* const taken : {"iss", "aud", "nonce", "nbf", "exp", "iat"}) {
    if (text == taken) return absl::StrCat("cannot be '", text, "', which means something else in a token");
  }
  return "";
}

std::string WrongAddress(const std::string& text) {
  in6_addr ignored{};
  if (text == "localhost" || inet_pton(AF_INET, text.c_str(), &ignored) == 1 ||
      inet_pton(AF_INET6, text.c_str(), &ignored) == 1) {
    return "";
  }
  return absl::StrCat("must be an IP address of this machine, as \"127.0.0.1\", or \"0.0.0.0\" ",
                      "or \"::\" for all of them; not '", text, "'");
}
Setter SetAddress(std::string* target) { return SetChecked(target, WrongAddress); }

bool IsLoopback(const std::string& address) {
  return address == "localhost" || address == "::1" || absl::StartsWith(address, "127.");
}

Setter SetHookCommand(std::vector<std::string>* target) {
  return [target](const Given& given) {
    std::vector<std::string> words;
    RETURN_IF_ERROR(SetTexts(&words, ListRule::kSome)(given));
    if (!absl::StartsWith(words.front(), "/")) {
      return given.Wrong("must begin with the program's absolute path: no shell searches for it");
    }
    *target = std::move(words);
    return absl::OkStatus();
  };
}

/// Accepts only `false`, which 'mirrorctl init' wrote into each file.
Setter SetNoReflection() {
  return [](const Given& given) {
    ASSIGN_OR_RETURN(const bool wanted, AsFlag(given));
    if (!wanted) return absl::OkStatus();
    return given.Wrong(
        "can only be false: servers never describe their calls. Remove the line, and give tools the .proto "
        "files: 'grpcurl -import-path proto -proto mirror/v1/mirror_client.proto ...', for operators' calls "
        "mirror/v1/mirror_admin.proto");
  };
}

std::string WrongSql(const std::string& text) { return std::string(CheckHookSql(text).message()); }
/// Does not show the URL, which may hold a secret.
std::string WrongUrl(const std::string& text) { return std::string(ParseHookUrl(text).status().message()); }

class Loader {
 public:
  explicit Loader(ConfigFile file) : file_(std::move(file)) {
    config_.file = file_.path();
    config_.data.dir = (file_.folder() / config_.data.dir).lexically_normal().string();
  }

  absl::StatusOr<ServerConfig> Load() {
    ConfigForm form;
    form.prefix = "MIRROR_";
    form.sections = {{"listen", ListenKeys()},
                     {"admin", AdminKeys()},
                     {"application", ApplicationKeys()},
                     {"data", DataKeys()},
                     {"tokens", TokensKeys()},
                     {"limits", LimitsKeys()},
                     {"breaker", BreakerKeys()},
                     {"journal", JournalKeys()},
                     {"metrics", MetricsKeys()},
                     {"http", HttpKeys(config_.http, file_.folder(), SetAddress(&config_.http.address))},
                     {"hooks", HooksKeys()},
                     {"log", LogKeys()},
                     {"postgres", PostgresKeys(config_.postgres, file_.folder())}};
    form.blocks = {"issuer", "tenant", "hook", "hub"};
    form.let_through = OwnVariables();
    // Variables of mirror-agent, which may have the same environment.
    for (const char* const theirs : {"MIRROR_ENDPOINT_*", "MIRROR_IDENTITY_*", "MIRROR_AGENT_*"}) {
      form.let_through.emplace_back(theirs);
    }
    RETURN_IF_ERROR(file_.ReadSections(form));
    RETURN_IF_ERROR(Issuers());
    RETURN_IF_ERROR(TenantRules());
    RETURN_IF_ERROR(Hubs());
    RETURN_IF_ERROR(ReadPostgres(file_, config_.data.store, config_.postgres));
    RETURN_IF_ERROR(Hooks());
    RETURN_IF_ERROR(CheckListeners());
    RETURN_IF_ERROR(CheckMetrics());
    RETURN_IF_ERROR(CheckLimits());
    RETURN_IF_ERROR(FinishHttp(file_, IsLoopback(config_.http.address), &config_));
    return std::move(config_);
  }

 private:
  ConfigKeys ListenKeys() {
    ListenConfig& listen = config_.listen;
    return {{"address", SetAddress(&listen.address)},
            {"port", SetWhole(&listen.port, 0, 65'535)},
            {"certificate", Path(&listen.certificate)},
            {"key", Path(&listen.key)},
            {"client_ca", Path(&listen.client_ca)},
            {"plaintext", SetFlag(&listen.plaintext)},
            {"reflection", SetNoReflection()},
            {"connections_max", SetWhole(&listen.connections_max, 1, 100'000)},
            {"connections_per_address_max", SetWhole(&listen.connections_per_address_max, 1, 100'000)},
            {"proxies", SetAllChecked(&listen.proxies, ListRule::kAny, WrongRange)}};
  }
  ConfigKeys AdminKeys() {
    AdminConfig& admin = config_.admin;
    return {{"address", SetAddress(&admin.address)},
            {"port", SetWhole(&admin.port, 0, 65'535)},
            {"certificate", Path(&admin.certificate), &admin.certificate},
            {"key", Path(&admin.key), &admin.key},
            {"client_ca", Path(&admin.client_ca), &admin.client_ca}};
  }
  ConfigKeys ApplicationKeys() {
    ApplicationConfig& application = config_.application;
    return {{"id", SetText(&application.id), &application.id},
            {"key", Path(&application.key), &application.key},
            {"key_id", SetText(&application.key_id), &application.key_id}};
  }
  ConfigKeys DataKeys() {
    DataConfig& data = config_.data;
    return {{"store",
             SetOneOf(&data.store, {{"sqlite", StoreKind::kSqlite}, {"postgres", StoreKind::kPostgres}})},
            {"dir", Path(&data.dir), &data.dir},
            {"automatic_provisioning", SetFlag(&data.automatic_provisioning)},
            {"drop_grace", SetSpan(&data.drop_grace, seconds(0), hours(24 * 365))},
            {"wal_max", SetSize(&data.wal_bytes_max, kMega, kTera)},
            {"open_tenants_max", SetWhole(&data.open_tenants_max, 0, 100'000)},
            {"receipts", SetFlag(&config_.receipts.on)},
            {"hash_key", Path(&config_.columns.hash_key)}};
  }
  ConfigKeys TokensKeys() {
    TokensConfig& tokens = config_.tokens;
    return {{"algorithms", SetSomeOf(&tokens.algorithms, {"ES256", "RS256"})},
            {"context_claim", SetChecked(&tokens.context_claim, WrongClaim)},
            {"lifetime_max", SetSpan(&tokens.lifetime_max, seconds(10), minutes(30))},
            {"leeway", SetSpan(&tokens.leeway, seconds(0), minutes(5))}};
  }
  ConfigKeys LimitsKeys() {
    LimitsConfig& limits = config_.limits;
    return {{"message_bytes_max", SetSize(&limits.message_bytes_max, 64 * 1024, 256 * kMega)},
            {"columns_max", SetWhole(&limits.columns_max, 1, 2'000)},
            {"tables_max", SetWhole(&limits.tables_max, 1, 100'000)},
            {"batch_rows_max", SetWhole(&limits.batch_rows_max, 1, 1'000'000)},
            {"batch_cells_max", SetWhole(&limits.batch_cells_max, 1, 1'000'000'000)},
            {"bytes_in_flight_tenant_max", SetSize(&limits.bytes_in_flight_tenant_max, kMega, 64 * kGiga)},
            {"bytes_in_flight_max", SetSize(&limits.bytes_in_flight_max, kMega, 64 * kGiga)},
            {"streams_per_tenant_max", SetWhole(&limits.streams_per_tenant_max, 1, 1'000)},
            {"calls_max", SetWhole(&limits.calls_max, 1, 4'096)},
            {"nonces_max", SetWhole(&limits.nonces_max, 1, 1'000'000)},
            {"value_bytes_max", SetSize(&limits.value_bytes_max, 1'000, 1'000'000'000)},
            {"cycle_idle", SetSpan(&limits.cycle_idle, seconds(1), hours(24))}};
  }
  ConfigKeys BreakerKeys() {
    BreakerLimits& limits = config_.breaker.limits;
    return {{"enabled", SetFlag(&limits.on)},
            {"rows_percent", SetWhole(&limits.rows_percent, 0, 100)},
            {"rows_min", SetWhole(&limits.rows_min, 0, kRowsMinMax)},
            {"tables_percent", SetWhole(&limits.tables_percent, 0, 100)},
            {"tables_min", SetWhole(&limits.tables_min, 1, kTablesMinMax)},
            {"window", SetMilliseconds(&limits.window_ms, seconds(0), kMonth)},
            {"miss_window", SetMilliseconds(&config_.miss_window_ms, seconds(0), kMonth)}};
  }
  ConfigKeys JournalKeys() {
    return {{"keep", SetMilliseconds(&config_.journal.keep_ms, minutes(1), kJournalKeepMax)},
            {"max", SetSize(&config_.journal.bytes_max, kMega, kTera)}};
  }
  ConfigKeys HooksKeys() {
    return {
        {"authenticated_timeout", SetSpan(&config_.hooks.authenticated_timeout, seconds(1), seconds(10))}};
  }
  ConfigKeys MetricsKeys() {
    MetricsConfig& metrics = config_.metrics;
    return {{"enabled", SetFlag(&metrics.enabled)},
            {"address", SetAddress(&metrics.address)},
            {"port", SetWhole(&metrics.port, 0, 65'535)},
            {"allow_remote", SetFlag(&metrics.allow_remote)}};
  }
  ConfigKeys LogKeys() {
    return {{"level", SetOneOf(&config_.log_level, LogLevelWords())},
            {"format", SetOneOf(&config_.log_format, LogFormatWords())}};
  }

  Setter Path(std::string* target) const { return SetPath(target, file_.folder()); }

  /// Reads [[tenant]] and its [[tenant.table]]: settings that differ for some.
  absl::Status TenantRules() {
    ASSIGN_OR_RETURN(const std::vector<ConfigTable> blocks, file_.Blocks("tenant"));
    for (const ConfigTable& block : blocks) {
      BreakerRule rule;
      std::optional<std::int64_t> freshness;
      std::optional<bool> receipts, follow;
      RETURN_IF_ERROR(block.Read(
          {{"context_id", SetPattern(&rule.context)},
           {"breaker", SetFlag(&rule.on)},
           {"rows_percent", SetWhole(&rule.rows_percent, 0, 100)},
           {"rows_min", SetWhole(&rule.rows_min, 0, kRowsMinMax)},
           {"tables_percent", SetWhole(&rule.tables_percent, 0, 100)},
           {"tables_min", SetWhole(&rule.tables_min, 1, kTablesMinMax)},
           {"freshness", SetMilliseconds(&freshness, seconds(0), kMonth)},
           {"receipts", SetFlag(&receipts)},
           {"indexes", SetOneOf<std::optional<bool>>(&follow, {{"none", false}, {"follow", true}})},
           {"table", SetElsewhere()},
           {"index", SetElsewhere()}}));
      RETURN_IF_ERROR(block.CheckHas({"context_id"}));
      // A rule that sets nothing is not a change that a restart would bring into force.
      if (rule != BreakerRule{.context = rule.context}) config_.breaker.rules.push_back(rule);
      if (freshness) config_.freshness.push_back({rule.context, "*", false, *freshness});
      if (receipts) config_.receipts.tenants.push_back({rule.context, *receipts});
      if (follow) config_.indexes.follow.push_back({rule.context, *follow});
      RETURN_IF_ERROR(TableRules(block, rule.context));
      RETURN_IF_ERROR(Indexes(block, rule.context));
    }
    return absl::OkStatus();
  }

  absl::Status Indexes(const ConfigTable& tenant, const std::string& context) {
    ASSIGN_OR_RETURN(const std::vector<ConfigTable> blocks, tenant.Blocks("index", "tenant.index"));
    for (const ConfigTable& block : blocks) {
      ConfiguredIndex index{.context = context};
      std::vector<std::string> columns, descending, nocase;
      RETURN_IF_ERROR(block.Read({{"table", SetText(&index.table)},
                                  {"columns", SetTexts(&columns, ListRule::kSome)},
                                  {"name", SetChecked(&index.index.name, WrongIndexName)},
                                  {"descending", SetTexts(&descending, ListRule::kSome)},
                                  {"nocase", SetTexts(&nocase, ListRule::kSome)}}));
      RETURN_IF_ERROR(block.CheckHas({"table", "columns"}));
      RETURN_IF_ERROR(SetColumns(block, columns, descending, nocase, &index.index));
      if (index.index.name.empty()) index.index.name = absl::StrJoin(columns, "_");
      config_.indexes.configured.push_back(std::move(index));
    }
    return absl::OkStatus();
  }

  static absl::Status SetColumns(const ConfigTable& block, const std::vector<std::string>& columns,
                                 const std::vector<std::string>& descending,
                                 const std::vector<std::string>& nocase, SourceIndex* index) {
    if (columns.size() > kObjectColumnsMax) {
      return block.Wrong("columns",
                         absl::StrCat("has ", columns.size(), " columns; the limit is ", kObjectColumnsMax));
    }
    const auto find = [&](const std::string& name) {
      return std::find_if(index->columns.begin(), index->columns.end(),
                          [&](const IndexColumn& column) { return FoldName(column.name) == FoldName(name); });
    };
    for (const std::string& name : columns) {
      if (find(name) != index->columns.end()) {
        return block.Wrong("columns", absl::StrCat("names '", name, "' twice"));
      }
      index->columns.push_back({name});
    }
    for (const auto& [key, names] : {std::pair("descending", &descending), std::pair("nocase", &nocase)}) {
      for (const std::string& name : *names) {
        const auto column = find(name);
        if (column == index->columns.end()) {
          return block.Wrong(key, absl::StrCat("names '", name, "', which is not one of 'columns'",
                                               Suggestion(name, columns)));
        }
        if (names == &descending) column->descending = true;
        if (names == &nocase) column->collation = Collation::kNocase;
      }
    }
    return absl::OkStatus();
  }

  absl::Status TableRules(const ConfigTable& tenant, const std::string& context) {
    ASSIGN_OR_RETURN(const std::vector<ConfigTable> blocks, tenant.Blocks("table", "tenant.table"));
    for (const ConfigTable& block : blocks) {
      BreakerRule rule;
      rule.context = context;
      rule.of_table = true;
      ColumnRuleBlock columns;
      std::optional<std::int64_t> freshness;
      JournalRule journal;
      RETURN_IF_ERROR(block.Read(
          {{"name", SetText(&rule.table)},
           {"plain", SetTexts(&columns.plain, ListRule::kSome)},
           {"leave_out", SetTexts(&columns.leave_out, ListRule::kSome)},
           {"hash", SetTexts(&columns.hash, ListRule::kSome)},
           {"mask", SetTexts(&columns.mask, ListRule::kSome)},
           {"mask_keep", SetWhole(&columns.mask_keep, 0, kMaskKeepMax)},
           {"breaker", SetFlag(&rule.on)},
           {"rows_percent", SetWhole(&rule.rows_percent, 0, 100)},
           {"rows_min", SetWhole(&rule.rows_min, 0, kRowsMinMax)},
           {"freshness", SetMilliseconds(&freshness, seconds(0), kMonth)},
           {"journal", SetOneOf<std::optional<bool>>(&journal.journal, {{"off", false}, {"keys", true}})},
           {"history", SetFlag(&journal.history)},
           {"history_keep", SetMilliseconds(&journal.history_keep_ms, minutes(1), kJournalKeepMax)},
           {"history_max", SetSize(&journal.history_bytes_max, kMega, kTera)}}));
      RETURN_IF_ERROR(block.CheckHas({"name"}));
      if (journal.history.value_or(false) && !journal.journal.value_or(true)) {
        return block.Wrong("journal", "cannot be \"off\" while 'history' is true: history needs it");
      }
      journal.context = context;
      journal.table = rule.table;
      if (journal != JournalRule{.context = context, .table = rule.table}) {
        config_.journal.rules.push_back(std::move(journal));
      }
      columns.context = context;
      columns.table = rule.table;
      if (!columns.hash.empty() && config_.columns.hash_key.empty()) {
        return block.Wrong("hash",
                           "needs a key: set [data] 'hash_key' to a file made by 'openssl rand -hex 32', "
                           "mode 0600");
      }
      const bool says = !columns.plain.empty() || !columns.leave_out.empty() || !columns.hash.empty() ||
                        !columns.mask.empty();
      if (says) config_.columns.blocks.push_back(std::move(columns));
      if (freshness) config_.freshness.push_back({context, rule.table, true, *freshness});
      config_.breaker.rules.push_back(std::move(rule));
    }
    return absl::OkStatus();
  }

  absl::Status Hooks() {
    ASSIGN_OR_RETURN(const std::vector<ConfigTable> blocks, file_.Blocks("hook"));
    for (const ConfigTable& block : blocks) {
      if (config_.hooks.hooks.size() == kHooksMax) {
        return block.Wrong(
            absl::StrCat("is one of ", blocks.size(), "; the limit is ", kHooksMax, ". Remove some"));
      }
      HookConfig hook;
      hook.name = absl::StrCat("hook-", config_.hooks.hooks.size() + 1);
      RETURN_IF_ERROR(
          block.Read({{"name", SetText(&hook.name)},
                      {"on", SetSomeOf(&hook.on, {"completed", "authenticated", "table", "wiped", "event"})},
                      {"context_id", SetPattern(&hook.context_id)},
                      {"command", SetHookCommand(&hook.command)},
                      {"sql", SetChecked(&hook.sql, WrongSql)},
                      {"url", SetChecked(&hook.url, WrongUrl)},
                      {"timeout", SetSpan(&hook.timeout, seconds(1), hours(1))},
                      {"on_error", SetOneOf(&hook.on_error,
                                            {{"accept", OnError::kAccept}, {"refuse", OnError::kRefuse}})}}));
      RETURN_IF_ERROR(block.CheckHas({"on"}));
      RETURN_IF_ERROR(CheckHook(block, hook));
      config_.hooks.hooks.push_back(std::move(hook));
    }
    return absl::OkStatus();
  }

  absl::Status CheckHook(const ConfigTable& block, const HookConfig& hook) const {
    const bool asks = std::find(hook.on.begin(), hook.on.end(), "authenticated") != hook.on.end();
    if (block.Has("on_error") && !asks) {
      return block.Wrong("on_error",
                         "is for hooks that have \"authenticated\" in 'on': other hooks are called again "
                         "until they succeed");
    }
    const int ways = (hook.command.empty() ? 0 : 1) + (hook.sql.empty() ? 0 : 1) + (hook.url.empty() ? 0 : 1);
    if (ways != 1) return block.Wrong("must have exactly one of 'command', 'sql' and 'url'");
    if (!hook.sql.empty() && config_.data.store == StoreKind::kPostgres) {
      return block.Wrong(
          "sql",
          "runs in a mirror's SQLite file, but [data] 'store' is \"postgres\": use a program ('command') or "
          "a service ('url') instead");
    }
    for (const HookConfig& other : config_.hooks.hooks) {
      if (other.name == hook.name)
        return block.Wrong("name", absl::StrCat("'", hook.name, "' is there twice: give each hook its own"));
    }
    return absl::OkStatus();
  }

  absl::Status Issuers() {
    ASSIGN_OR_RETURN(const std::vector<ConfigTable> blocks, file_.Blocks("issuer"));
    if (blocks.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          file_.path(), ": there is no [[issuer]]: without one no source can call. Add one with ",
          "name, environment, keys and contexts."));
    }
    for (const ConfigTable& block : blocks) {
      IssuerConfig issuer;
      RETURN_IF_ERROR(
          block.Read({{"name", SetText(&issuer.name), &issuer.name},
                      {"environment", SetText(&issuer.environment), &issuer.environment},
                      {"keys", Path(&issuer.keys), &issuer.keys},
                      {"contexts", SetAllChecked(&issuer.contexts, ListRule::kSome, WrongPattern)}}));
      RETURN_IF_ERROR(block.CheckHas({"contexts"}));
      if (issuer.name.front() == ':')
        return block.Wrong("name", "cannot begin with ':': such names belong to the endpoint itself");
      for (const IssuerConfig& other : config_.issuers) {
        if (other.name != issuer.name || other.environment != issuer.environment) continue;
        return block.Wrong(absl::StrCat("'name' '", issuer.name, "' in environment '", issuer.environment,
                                        "' is there twice: put all its contexts into one block"));
      }
      config_.issuers.push_back(std::move(issuer));
    }
    return absl::OkStatus();
  }

  absl::Status Hubs() {
    ASSIGN_OR_RETURN(std::vector<HubRules> hubs, ReadHubs(file_));
    config_.hubs = std::move(hubs);
    // The last rule counts: a hub reads news from the journal, whatever the
    // configuration says elsewhere about its tables.
    for (JournalRule& rule : HubJournal(config_.hubs)) config_.journal.rules.push_back(std::move(rule));
    return absl::OkStatus();
  }

  absl::Status CheckListeners() const {
    const ListenConfig& listen = config_.listen;
    if (!listen.plaintext && listen.certificate.empty()) return file_.Missing("listen", "certificate");
    if (!listen.plaintext && listen.key.empty()) return file_.Missing("listen", "key");
    if (listen.plaintext && !IsLoopback(listen.address)) {
      return file_.Wrong("listen", "plaintext",
                         absl::StrCat("is for a loopback address only, not for '", listen.address,
                                      "': tokens and rows would be readable on the way"));
    }
    if (listen.plaintext && !listen.client_ca.empty()) {
      return file_.Wrong("listen", "client_ca",
                         "has no effect with 'plaintext': without TLS clients show no certificate");
    }
    return CheckPort(file_, "admin", config_.admin.port, {{"listen", listen.port}});
  }

  absl::Status CheckMetrics() const {
    const MetricsConfig& metrics = config_.metrics;
    if (!metrics.enabled) return absl::OkStatus();
    if (!metrics.allow_remote && !IsLoopback(metrics.address)) {
      return file_.Wrong("metrics", "address",
                         "is not a loopback address: the metrics have neither TLS nor a password. Set "
                         "'allow_remote' if only people who may see them can reach that address");
    }
    return CheckPort(file_, "metrics", metrics.port,
                     {{"listen", config_.listen.port}, {"admin", config_.admin.port}});
  }

  absl::Status CheckLimits() const {
    const LimitsConfig& limits = config_.limits;
    if (limits.bytes_in_flight_tenant_max < limits.message_bytes_max) {
      return file_.Wrong("limits", "bytes_in_flight_tenant_max",
                         absl::StrCat("is below 'message_bytes_max' (", SizeWords(limits.message_bytes_max),
                                      "): a message of that size could never be accepted"));
    }
    if (limits.bytes_in_flight_max < limits.bytes_in_flight_tenant_max) {
      return file_.Wrong(
          "limits", "bytes_in_flight_max",
          absl::StrCat("is below 'bytes_in_flight_tenant_max' (",
                       SizeWords(limits.bytes_in_flight_tenant_max), "), which is a part of it"));
    }
    return absl::OkStatus();
  }

  ConfigFile file_;
  ServerConfig config_;
};

}  // namespace

AddressRanges UnlimitedOf(const std::vector<std::string>& proxies) {
  AddressRanges ranges = AddressRanges::Loopback();
  for (const std::string& proxy : proxies) ranges.Add(proxy).IgnoreError();
  return ranges;
}

absl::StatusOr<ServerConfig> LoadServerConfig(const std::string& path) {
  ASSIGN_OR_RETURN(
      ConfigFile file,
      ConfigFile::Open(path, "name another configuration with --config ('mirrorctl init' writes one)"));
  return Loader(std::move(file)).Load();
}

}  // namespace mirror
