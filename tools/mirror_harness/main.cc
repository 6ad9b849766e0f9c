// mirror-harness: a source that invents its rows and knows the expected content of the mirror.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/text/command_line.h"
#include "base/text/text_stream.h"
#include "certs/openssl.h"
#include "client/config/config.h"
#include "tools/mirror_harness/attack/hostile.h"
#include "tools/mirror_harness/conformance.h"
#include "tools/mirror_harness/synthetic/baseline.h"
#include "tools/mirror_harness/synthetic/checker.h"
#include "tools/mirror_harness/synthetic/report.h"
#include "tools/mirror_harness/synthetic/schema_file.h"
#include "tools/mirror_harness/synthetic/tenant.h"

namespace mirror::harness {
namespace {

constexpr const char* kFooter = R"(Example: a local endpoint, made and filled
  cd /tmp && mirrorctl init --dir m --context-id Cust
  mirror-server --config m/mirror-server.toml &
  mirror-harness push --config m/mirror-agent.toml --context-id Cust --rows 1000000 --check m/data
  mirror-harness cycle --config m/mirror-agent.toml --context-id Cust --cycles 50 --check m/data

Exit code: 0 done and equal, 1 refused, failed or different, 2 wrong usage.)";

void AddConfig(const cli::Option& config) { config.ExistingFile().Variable("MIRROR_AGENT_CONFIG"); }

void AddCommon(const cli::Command& app, Options* options, const char* rows_text) {
  AddConfig(app.Add("--config", options->config, "The agent's configuration: endpoint and identity"));
  app.Add("--context-id", options->context_id,
          "Tenants are ID-1, ID-2, ... (default ID: that of the configuration's first [[source]])")
      .ValueName("ID");
  app.Add("--tenants", options->tenants, "How many tenants").Within(1, 100'000).ShowDefault();
  app.Add("--tables", options->tables, "Tables of each tenant").Within(1, 10'000).ShowDefault();
  app.Add("--rows", options->rows, rows_text).Within(std::int64_t{0}, std::int64_t{1} << 40);
  app.Add("--columns", options->columns, "Columns of each table; 12 make rows with 184 bytes of values")
      .Within(2, 2'000)
      .ShowDefault();
  app.Add("--schema", options->schema,
          "Table definitions in the form of superoffice-tables.json, instead of --tables and --columns")
      .ExistingFile();
  app.Add("--seed", options->seed, "Makes a run repeatable (default: random; it is always printed)");
  app.Add("--batch-bytes", options->batch_bytes, "Approximate bytes of a request")
      .Within(1'000, 100'000'000)
      .ShowDefault();
  app.Add("--window", options->window, "Requests in flight on a stream").Within(1, 64).ShowDefault();
  app.Add("--clients", options->clients, "Tenants at a time (default: all, at most 4)").Within(1, 1'000);
  app.AddFlag("--unary", options->unary, "RowData, one call after the other, instead of RowDataStream");
  app.Add("--check", options->check,
          "The server's data folder, for mirrors in SQLite files: at the end, compare every row (the "
          "figures do not include this time)")
      .ExistingFolder();
  app.Add("--take-over", options->take_over,
          "Replace the running cycle of holder ID, if you know that this program is dead. The message "
          "that refuses a busy tenant names the holder")
      .ValueName("ID");
  app.AddFlag("--json", options->json, "Print one JSON object instead of text");
  app.Footer(kFooter);
}

void AddServerPid(const cli::Command& app, Options* options) {
  app.Add("--server-pid", options->server_pid, "The server's process id, on this machine").Within(1, 1 << 22);
}

cli::Command AddHostile(const cli::Command& all, Options* options) {
  const cli::Command app = all.AddCommand(
      "hostile", "Run every known attack on an endpoint; it must refuse each one and serve an honest tenant");
  AddConfig(app.Add("--config", options->config, "The agent's configuration: endpoint and identity"));
  app.Add("--context-id", options->context_id,
          "Tenants are called ID-hostile-... (default ID: that of the configuration's first [[source]])")
      .ValueName("ID");
  app.Add("--metrics", options->metrics,
          "The server's metrics, host:port; without it the metrics are not attacked")
      .ValueName("HOST:PORT");
  app.Add("--http", options->http,
          "The server's HTTP door, such as http://127.0.0.1:7447; without it the door is not attacked")
      .ValueName("URL");
  app.Add("--api-key", options->api_key, "With --http: an owner's key for storages called Hostile-...")
      .ValueName("KEY");
  app.Add("--attackers-key", options->attackers_key,
          "With --http: the key that attacks use, made by 'mirrorctl apikey issue'. Without it, attacks use "
          "the key of --api-key; those that need a key of their own need this option")
      .ValueName("KEY");
  app.Add("--only", options->only, "Only these attacks or themes").ValueName("NAME...");
  app.Add("--seconds", options->seconds, "How long each flood lasts").Within(0.1, 3'600.0).ShowDefault();
  app.AddFlag("--list", options->list, "Print name, expected outcome and meaning of each attack, and end");
  app.AddFlag("--json", options->json, "Print one JSON object instead of text");
  AddServerPid(app, options);
  app.Footer(
      "Example:\n  mirror-harness hostile --config m/mirror-agent.toml --server-pid $(pidof mirror-server)\n"
      "It writes only to tenants of its own, which an operator can remove ('mirrorctl delete').\n"
      "Exit code: 0 each attack ended as expected, honest clients were served, memory stayed in its limit; 1 "
      "one of these failed; 2 wrong usage.");
  return app;
}

cli::Command AddConformance(const cli::Command& all, Options* options) {
  const cli::Command app = all.AddCommand(
      "conformance",
      "Test any endpoint of this protocol, only over the network, and report each requirement");
  app.Add("--target", options->target, "The endpoint, host:port").ValueName("HOST:PORT").Required();
  AddConfig(app.Add("--config", options->config,
                    "The agent's configuration: identity, and the CA of the endpoint's TLS"));
  app.Add("--context-id,--context", options->context_id,
          "A tenant whose tables may be lost (default: a new one, ID-conformance-..., where ID is the "
          "configuration's first [[source]])")
      .ValueName("ID");
  app.AddFlag("--json", options->json, "Print one JSON object instead of text");
  app.Footer(
      "Example:\n  mirror-harness conformance --config m/mirror-agent.toml --target 127.0.0.1:7443\n"
      "Exit code: 0 no requirement failed, 1 one failed, or the endpoint was not reached, 2 wrong usage.");
  return app;
}

cli::Command AddPush(const cli::Command& app, Options* options) {
  const cli::Command push = app.AddCommand("push", "Populate every table once and print the rates");
  AddCommon(push, options, "Rows of each table (default 100000)");
  push.AddFlag("--baseline", options->baseline,
               "First insert the same rows into a bare SQLite file (one prepared statement a row, WAL, full "
               "synchronous, 5,000 rows a transaction; only SQLite's work is timed) and print the ratio");
  push.Add("--baseline-dir", options->baseline_dir,
           "The folder in which --baseline makes its file. The file is removed at the end (default: "
           "--check, else the configuration's folder)")
      .ExistingFolder();
  return push;
}

cli::Command AddCycle(const cli::Command& app, Options* options, std::string* mix) {
  const cli::Command cycle = app.AddCommand("cycle", "Populate, then run cycles of random changes");
  AddCommon(cycle, options, "Rows of each table at first (default 1000)");
  cycle.Add("--cycles", options->cycles, "Cycles after the population").Within(0, 1'000'000).ShowDefault();
  cycle.Add("--changes", options->changes, "Changed rows in each cycle of a tenant; 0: no changes")
      .Within(std::int64_t{0}, std::int64_t{1} << 32)
      .ShowDefault();
  cycle.Add("--mix", *mix, "Percent of inserts,updates,deletes").ShowDefault();
  return cycle;
}

cli::Command AddSoak(const cli::Command& app, Options* options, std::string* mix) {
  const cli::Command soak = app.AddCommand(
      "soak", "Run cycles of changes for some minutes; the server's memory and descriptors must not grow");
  AddCommon(soak, options,
            "Rows of each table at first; up to 900, no table grows above 900 rows (default 500)");
  soak.Add("--minutes", options->minutes, "How long").Within(0.01, 100'000.0).ShowDefault();
  AddServerPid(soak, options);
  soak.Footer(
      "Example:\n  mirror-harness soak --config m/mirror-agent.toml --minutes 30 --server-pid $(pidof "
      "mirror-server)\n"
      "Exit code: 0 done and equal, 1 refused, failed or different, 2 wrong usage.");
  soak.Add("--changes", options->changes, "Changed rows in each cycle of a tenant")
      .Within(std::int64_t{0}, std::int64_t{1} << 32)
      .ShowDefault();
  soak.Add("--mix", *mix,
           "Percent of inserts,updates,deletes. With --rows over 900 a server's [breaker] holds tables that "
           "lose more than half of their rows in a day")
      .ShowDefault();
  return soak;
}

/// Parses "30,50,20". Returns what is wrong with it; empty: nothing.
std::string ReadMix(const std::string& text, Mix* mix) {
  std::istringstream in(text);
  char comma1 = 0, comma2 = 0;
  long long inserts = -1, updates = -1, deletes = -1;
  in >> inserts >> comma1 >> updates >> comma2 >> deletes;
  const bool whole = !in.fail() && in.peek() == std::istringstream::traits_type::eof();
  if (!whole || comma1 != ',' || comma2 != ',' || inserts < 0 || updates < 0 || deletes < 0 ||
      inserts > 100 || updates > 100 || deletes > 100 || inserts + updates + deletes != 100) {
    return "--mix '" + text +
           "': expected three percentages that add up to 100, such as 30,50,20 (inserts,updates,deletes)";
  }
  *mix = {static_cast<std::uint32_t>(inserts), static_cast<std::uint32_t>(updates),
          static_cast<std::uint32_t>(deletes)};
  return {};
}

/// Checks the options of a command that runs cycles, and sets the defaults. Returns what is wrong with them;
/// empty: nothing.
std::string CompleteCycles(const cli::Command& used, const std::string& mix, Options* options) {
  // Rows of a table in a soak. A server's breaker ignores tables of so few rows, so that no change is held.
  constexpr std::uint64_t kSoakRows = 500, kSoakRowsMax = 900;
  const bool soak = options->command == Command::kSoak;
  if (!used.Find("--rows").given()) {
    options->rows = options->command == Command::kPush ? 100'000 : soak ? kSoakRows : 1'000;
  }
  if (!options->schema.empty() && (used.Find("--tables").given() || used.Find("--columns").given())) {
    return "--schema has its own tables: leave out --tables and --columns";
  }
  if (std::string reason = ReadMix(mix, &options->mix); !reason.empty()) return reason;
  if (soak && options->rows <= kSoakRowsMax) options->mix.rows_max = kSoakRowsMax;
  if (options->clients == 0) options->clients = std::min(options->tenants, 4U);
  if (options->baseline_dir.empty()) {
    const std::filesystem::path folder = std::filesystem::path(options->config).parent_path();
    options->baseline_dir = !options->check.empty() ? options->check : folder.empty() ? "." : folder.string();
  }
  return {};
}

/// Returns what is wrong with the options of 'hostile'; empty: nothing.
std::string WrongHostile(const Options& options) {
  if (!options.http.empty() && !options.list && options.api_key.empty())
    return "--http needs --api-key: the last line that 'mirrorctl init --http-port' prints is a key";
  if (options.http.empty() && !(options.api_key.empty() && options.attackers_key.empty()))
    return "--api-key and --attackers-key need --http, the address of the HTTP door";
  if (const std::string name = UnknownAttack(options.only); !name.empty())
    return "--only " + name + ": there is no such attack; see --list";
  const std::string greedy = AttackWithAKeyOfItsOwn(options.only);
  if (options.http.empty() || options.list || !options.attackers_key.empty() || greedy.empty()) return {};
  return greedy +
         " takes all places of its key, so it needs --attackers-key, a different key from --api-key. "
         "Otherwise honest calls would be refused. Nothing was done. 'mirrorctl apikey issue attacker --dir "
         "DIR --storages 'Hostile-*' --role owner' makes such a key";
}

/// Reads the command line. Absent: there is nothing to run, and `exit_code` is set: 0 after --help and
/// --version, 2 after wrong usage, whose reason is on stderr.
std::optional<Options> ReadOptions(int argc, char** argv, int* exit_code) {
  Options options;
  options.seed = std::random_device{}();
  std::string mix = "30,50,20";

  const cli::Program app(
      "Runs synthetic replication cycles against a mirror endpoint and knows what the mirror must contain.",
      "mirror-harness", "mirror-harness " MIRROR_VERSION);
  app.RequireCommand();
  app.Footer(kFooter);

  const cli::Command push = AddPush(app, &options);
  const cli::Command cycle = AddCycle(app, &options, &mix);
  const cli::Command soak = AddSoak(app, &options, &mix);
  const cli::Command hostile = AddHostile(app, &options);
  const cli::Command conformance = AddConformance(app, &options);

  const auto wrong = [&](const std::string& reason) {
    TextStream(std::cerr, TerminalAt(STDERR_FILENO)) << "mirror-harness: " << reason << "\n";
    *exit_code = 2;
    return std::nullopt;
  };
  app.SpeakToShells(
      {.name = "mirror-harness",
       .variables = {kNoColour},
       .files = {{"mirror-agent.toml", "The agent's configuration: endpoint and identity"}},
       .see_also = {"mirror-agent.toml(5)", "mirror-agent(1)", "mirrorctl(1)", "mirror-server(8)"}});
  TextStream help(std::cout, TerminalAt(STDOUT_FILENO));
  const cli::Outcome outcome = app.Parse(argc, argv, help);
  if (!outcome.wrong.empty()) return wrong(outcome.wrong + "\nRun with --help for more information.");
  if (outcome.answered) {
    *exit_code = 0;
    return std::nullopt;
  }
  // The configuration must be named. A search could find the real one, and this program makes tenants and
  // attacks.
  if (!options.list && options.config.empty()) {
    return wrong(
        "--config or MIRROR_AGENT_CONFIG must name a file: this program never searches for one. Nothing was "
        "done");
  }
  if (conformance.given()) {
    options.command = Command::kConformance;
    return options;
  }
  if (hostile.given()) {
    options.command = Command::kHostile;
    if (const std::string reason = WrongHostile(options); !reason.empty()) return wrong(reason);
    return options;
  }
  options.command = soak.given() ? Command::kSoak : cycle.given() ? Command::kCycle : Command::kPush;
  const cli::Command used = soak.given() ? soak : cycle.given() ? cycle : push;
  if (const std::string reason = CompleteCycles(used, mix, &options); !reason.empty()) return wrong(reason);
  return options;
}

int Fail(const absl::Status& status, int exit_code = 1) {
  TextStream(std::cerr, TerminalAt(STDERR_FILENO))
      << "mirror-harness: " << std::string(status.message()) << "\n";
  return exit_code;
}

absl::StatusOr<std::string> ContextId(const Options& options, const AgentConfig& config) {
  if (!options.context_id.empty()) return options.context_id;
  if (!config.sources.empty()) return config.sources.front().context_id;
  return absl::InvalidArgumentError(
      absl::StrCat(options.config, " has no [[source]] to name the tenants after: give --context-id ID"));
}

absl::Status Measure(const Options& options, const AgentConfig& config,
                     const std::vector<std::unique_ptr<Tenant>>& tenants, Report* report) {
  if (options.baseline) {
    ASSIGN_OR_RETURN(const std::vector<RowModel> tables, MakeTables(options, 1));
    ASSIGN_OR_RETURN(const BaselineResult baseline, RunBaseline(tables, options.baseline_dir));
    report->baseline = baseline;
  }
  for (const auto& tenant : tenants) report->tables += tenant->tables().size();
  Meter meter(options.command == Command::kPush ? report->tables * options.rows : 0);
  const Meter::Clock::time_point start = Meter::Clock::now();
  std::optional<ProcessWatch> watch;
  if (options.command == Command::kSoak && options.server_pid != 0) {
    watch.emplace(options.server_pid, SoakTime(options));
  }
  const std::vector<absl::Status> failures = RunTenants(options, config, tenants, &meter);
  if (watch) report->soak = watch->Result();
  report->seconds = std::chrono::duration<double>(Meter::Clock::now() - start).count();
  report->totals = meter.totals();
  meter.Quiet();
  for (const absl::Status& failure : failures) Fail(failure);
  report->tenants_failed = failures.size();
  if (!failures.empty()) report->first_failure = std::string(failures.front().message());
  return absl::OkStatus();
}

void Count(const std::vector<std::unique_ptr<Tenant>>& tenants, Report* report) {
  for (const auto& tenant : tenants) {
    report->verdicts_different += tenant->verdicts_different();
    report->rows_changed += tenant->rows_changed();
    for (const TableState& table : tenant->tables()) report->tables_behind += table.behind ? 1 : 0;
  }
}

int Attack(const Options& options, const AgentConfig& config, const std::string& context_id) {
  const absl::StatusOr<HostileReport> report = RunHostile(options, config, context_id);
  if (!report.ok()) return Fail(report.status());
  std::cout << (options.json ? HostileJson(*report) : HostileText(*report)) << std::flush;
  return report->good() ? 0 : 1;
}

int ExamineEndpoint(const Options& options, const AgentConfig& config) {
  const std::string first = config.sources.empty() ? "" : config.sources.front().context_id;
  if (first.empty() && options.context_id.empty()) {
    return Fail(absl::InvalidArgumentError(
        absl::StrCat(options.config, " has no [[source]] to name a tenant after: give --context-id ID")));
  }
  const absl::StatusOr<ConformanceReport> report = RunConformance(options, config, first);
  if (!report.ok()) return Fail(report.status());
  std::cout << (options.json ? ConformanceJson(*report) : ConformanceText(*report)) << std::flush;
  return report->good() ? 0 : 1;
}

int Run(const Options& options) {
  if (options.list) {
    std::cout << ListAttacks();
    return 0;
  }
  const absl::StatusOr<AgentConfig> config = LoadAgentConfig(options.config);
  if (!config.ok()) return Fail(config.status());
  if (options.command == Command::kConformance) return ExamineEndpoint(options, *config);
  const absl::StatusOr<std::string> context_id = ContextId(options, *config);
  if (!context_id.ok()) return Fail(context_id.status());
  if (!options.schema.empty()) {
    const absl::Status schema = LoadSchemaFile(options.schema).status();
    if (!schema.ok()) return Fail(schema, 2);
  }
  if (options.server_pid != 0) {
    if (const absl::Status there = ProcessWatch::Check(options.server_pid); !there.ok()) return Fail(there);
  }
  if (options.command == Command::kHostile) return Attack(options, *config, *context_id);
  const absl::StatusOr<std::vector<std::unique_ptr<Tenant>>> tenants = MakeTenants(options, *context_id);
  if (!tenants.ok()) return Fail(tenants.status());

  // The seed is printed at once, on a line of its own, so that a failed run can be repeated.
  std::cerr << "seed " << options.seed << "\n";
  Report report;
  if (const absl::Status measured = Measure(options, *config, *tenants, &report); !measured.ok()) {
    return Fail(measured);
  }
  Count(*tenants, &report);
  if (!options.check.empty()) {
    report.check.emplace();
    for (const auto& tenant : *tenants) CheckTenant(options.check, tenant.get(), &*report.check);
  }
  std::cout << (options.json ? ReportJson(options, report) : ReportText(options, report)) << std::flush;
  return report.good() ? 0 : 1;
}

}  // namespace
}  // namespace mirror::harness

int main(int argc, char** argv) {
  mirror::LeaveOpenSslToTheEnd();
  int exit_code = 0;
  const auto options = mirror::harness::ReadOptions(argc, argv, &exit_code);
  if (options) exit_code = mirror::harness::Run(*options);
  mirror::TextStream err(std::cerr, mirror::TerminalAt(STDERR_FILENO));
  return mirror::ExitCode(exit_code, std::cout, err, "mirror-harness");
}
