#include "tools/mirror_harness/read_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/text/command_line.h"
#include "base/text/text_stream.h"
#include "tools/mirror_harness/attack/hostile.h"

namespace mirror::harness {
namespace {

constexpr const char* kFooter = R"(Example: a local endpoint, made and filled
  cd /tmp && mirrorctl init --dir m --context-id Cust
  mirror-server --config m/mirror-server.toml &
  mirror-harness push --config m/mirror-agent.toml --context-id Cust --rows 1000000 --check m/data
  mirror-harness cycle --config m/mirror-agent.toml --context-id Cust --cycles 50 --check m/data

Exit code: 0 done and equal, 1 refused, failed or different, 2 wrong usage.)";

void AddCommon(CLI::App* app, Options* options, const char* rows_text) {
  app->add_option("--config", options->config, "The agent's configuration: endpoint and identity")
      ->required()
      ->check(CLI::ExistingFile);
  app->add_option("--context-id", options->context_id,
                  "Tenants are ID-1, ID-2, ... (default: of the configuration's first [[source]])");
  app->add_option("--tenants", options->tenants, "How many tenants")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app->add_option("--tables", options->tables, "Tables of each tenant")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app->add_option("--rows", options->rows, rows_text)
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40));
  app->add_option("--columns", options->columns, "Columns of each table; 12 are 184 bytes of values a row")
      ->check(CLI::Range(2, 2'000))
      ->capture_default_str();
  app->add_option(
         "--schema", options->schema,
         "Table definitions in the form of superoffice-tables.json, instead of --tables and --columns")
      ->check(CLI::ExistingFile);
  app->add_option("--seed", options->seed, "Makes a run repeatable (default: random; it is always printed)");
  app->add_option("--batch-bytes", options->batch_bytes, "About so many bytes in a request")
      ->check(CLI::Range(1'000, 100'000'000))
      ->capture_default_str();
  app->add_option("--window", options->window, "Requests in flight on a stream")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app->add_option("--clients", options->clients, "Tenants at a time (default: all, at most 4)")
      ->check(CLI::Range(1, 1'000));
  app->add_flag("--unary", options->unary, "RowData, one call after the other, instead of RowDataStream");
  app->add_option(
         "--check", options->check,
         "The mirror's data folder: compare every row at the end (the wait for it is not in the figures)")
      ->check(CLI::ExistingDirectory);
  app->add_option(
      "--take-over", options->take_over,
      "Take the place of a cycle whose holder is known to be dead; the answer to a busy tenant names it");
  app->add_flag("--json", options->json, "Print one JSON object instead of text");
  app->footer(kFooter);
}

void AddServerPid(CLI::App* app, Options* options) {
  app->add_option("--server-pid", options->server_pid, "The server's process, on this machine")
      ->check(CLI::Range(1, 1 << 22));
}

CLI::App* AddHostile(CLI::App* all, Options* options) {
  CLI::App* app = all->add_subcommand(
      "hostile", "Attack an endpoint in every way known here; each must be refused, an honest tenant served");
  app->add_option("--config", options->config, "The agent's configuration: endpoint and identity")
      ->check(CLI::ExistingFile);
  app->add_option("--context-id", options->context_id,
                  "Tenants are called ID-hostile-... (default: of the configuration's first [[source]])");
  app->add_option("--metrics", options->metrics,
                  "The server's metrics, host:port; without it they are not attacked");
  app->add_option("--only", options->only, "These attacks or themes");
  app->add_option("--seconds", options->seconds, "How long each flood lasts")
      ->check(CLI::Range(0.1, 3'600.0))
      ->capture_default_str();
  app->add_flag("--list", options->list, "Print name, expected outcome and meaning of each attack, and end");
  app->add_flag("--json", options->json, "Print one JSON object instead of text");
  AddServerPid(app, options);
  app->footer(
      "Example:\n  mirror-harness hostile --config m/mirror-agent.toml --server-pid $(pidof mirror-server)\n"
      "Whatever it makes stands in tenants of its own, which an operator may remove ('mirrorctl delete').\n"
      "Exit code: 0 all refused rightly, the honest tenant served, memory bounded; 1 something was not; 2 "
      "wrong usage.");
  return app;
}

CLI::App* AddConformance(CLI::App* all, Options* options) {
  CLI::App* app = all->add_subcommand(
      "conformance",
      "Examine any endpoint of this protocol, over the wire alone, and report each requirement");
  app->add_option("--target", options->target, "The endpoint, host:port")->required();
  app->add_option("--config", options->config,
                  "The agent's configuration: identity, and who signs the endpoint's TLS")
      ->required()
      ->check(CLI::ExistingFile);
  app->add_option(
      "--context-id,--context", options->context_id,
      "A tenant whose tables may be lost (default: a new one, ID-conformance-..., where ID is the "
      "configuration's first [[source]])");
  app->add_flag("--json", options->json, "Print one JSON object instead of text");
  app->footer(
      "Example:\n  mirror-harness conformance --config m/mirror-agent.toml --target 127.0.0.1:7443\n"
      "Exit code: 0 nothing failed, 1 something did, or the endpoint was not reached, 2 wrong usage.");
  return app;
}

CLI::App* AddPush(CLI::App* app, Options* options) {
  CLI::App* push = app->add_subcommand("push", "Populate every table once and print the rates");
  AddCommon(push, options, "Rows of each table (default 100000)");
  push->add_flag(
      "--baseline", options->baseline,
      "First insert the same rows into a bare SQLite file (one prepared statement a row, WAL, full "
      "synchronous, 5,000 rows a transaction; only SQLite's work is timed) and print the ratio");
  push->add_option("--baseline-dir", options->baseline_dir,
                   "Where that file goes for the while (default: --check, else the configuration's folder)")
      ->check(CLI::ExistingDirectory);
  return push;
}

CLI::App* AddCycle(CLI::App* app, Options* options, std::string* mix) {
  CLI::App* cycle = app->add_subcommand("cycle", "Populate, then run cycles of random changes");
  AddCommon(cycle, options, "Rows of each table at first (default 1000)");
  cycle->add_option("--cycles", options->cycles, "Cycles after the population")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  cycle->add_option("--changes", options->changes, "Changed rows in each cycle of a tenant; 0: quiet cycles")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 32))
      ->capture_default_str();
  cycle->add_option("--mix", *mix, "Percent of inserts,updates,deletes")->capture_default_str();
  return cycle;
}

CLI::App* AddSoak(CLI::App* app, Options* options, std::string* mix) {
  CLI::App* soak = app->add_subcommand(
      "soak", "Cycles of random changes for some minutes; the server's memory and descriptors must stay");
  AddCommon(soak, options, "Rows of each table at first (default 500, and then never over 900)");
  soak->add_option("--minutes", options->minutes, "How long")
      ->check(CLI::Range(0.01, 100'000.0))
      ->capture_default_str();
  AddServerPid(soak, options);
  soak->footer(
      "Example:\n  mirror-harness soak --config m/mirror-agent.toml --minutes 30 --server-pid $(pidof "
      "mirror-server)\n"
      "Exit code: 0 done and equal, 1 refused, failed or different, 2 wrong usage.");
  soak->add_option("--changes", options->changes, "Changed rows in each cycle of a tenant")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 32))
      ->capture_default_str();
  soak->add_option(
          "--mix", *mix,
          "Percent of inserts,updates,deletes. With --rows over 900 a server's [breaker] holds tables that "
          "lose more than half of their rows in a day")
      ->capture_default_str();
  return soak;
}

/// "30,50,20". Empty text: fine; else what is wrong with it.
std::string ReadMix(const std::string& text, Mix* mix) {
  std::istringstream in(text);
  char comma1 = 0, comma2 = 0;
  long long inserts = -1, updates = -1, deletes = -1;
  in >> inserts >> comma1 >> updates >> comma2 >> deletes;
  const bool whole = !in.fail() && in.peek() == std::istringstream::traits_type::eof();
  if (!whole || comma1 != ',' || comma2 != ',' || inserts < 0 || updates < 0 || deletes < 0 ||
      inserts > 100 || updates > 100 || deletes > 100 || inserts + updates + deletes != 100) {
    return "--mix '" + text +
           "': expected three percentages that add up to 100, as 30,50,20 (inserts,updates,deletes)";
  }
  *mix = {static_cast<std::uint32_t>(inserts), static_cast<std::uint32_t>(updates),
          static_cast<std::uint32_t>(deletes)};
  return {};
}

/// Checks what was asked of a command that runs cycles, and fills in what was not said. Empty text: fine;
/// else what is wrong with it.
std::string CompleteCycles(const CLI::App& used, const std::string& mix, Options* options) {
  // A table that stays below what a server's breaker looks at is never held, however many rows come and go.
  constexpr std::uint64_t kSoakRows = 500, kSoakRowsMax = 900;
  const bool soak = options->command == Command::kSoak;
  if (used.count("--rows") == 0) {
    options->rows = options->command == Command::kPush ? 100'000 : soak ? kSoakRows : 1'000;
  }
  if (!options->schema.empty() && used.count("--tables") + used.count("--columns") > 0) {
    return "--schema brings its own tables: leave out --tables and --columns";
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

}  // namespace

std::optional<Options> ReadOptions(int argc, char** argv, int* exit_code) {
  Options options;
  options.seed = std::random_device{}();
  std::string mix = "30,50,20";

  CLI::App app(
      "Runs synthetic replication cycles against a mirror endpoint and knows what the mirror must hold.",
      "mirror-harness");
  app.formatter(std::make_shared<HelpFormat>());
  app.set_version_flag("--version", std::string("mirror-harness ") + MIRROR_VERSION);
  app.require_subcommand(1);
  app.footer(kFooter);

  CLI::App* push = AddPush(&app, &options);
  CLI::App* cycle = AddCycle(&app, &options, &mix);
  CLI::App* soak = AddSoak(&app, &options, &mix);
  CLI::App* hostile = AddHostile(&app, &options);
  CLI::App* conformance = AddConformance(&app, &options);

  const auto wrong = [&](const std::string& reason) {
    TextStream(std::cerr) << "mirror-harness: " << reason << "\n";
    *exit_code = 2;
    return std::nullopt;
  };
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      return wrong(WrongUsageWords(app, error) + "\nRun with --help for more information.");
    }
    *exit_code = app.exit(error);  // --help or --version.
    return std::nullopt;
  }
  if (conformance->parsed()) {
    options.command = Command::kConformance;
    return options;
  }
  if (hostile->parsed()) {
    options.command = Command::kHostile;
    if (!options.list && options.config.empty()) return wrong("hostile needs --config, or --list");
    if (const std::string name = UnknownAttack(options.only); !name.empty()) {
      return wrong("--only " + name + ": there is no such attack; see --list");
    }
    return options;
  }
  options.command = soak->parsed() ? Command::kSoak : cycle->parsed() ? Command::kCycle : Command::kPush;
  CLI::App* used = soak->parsed() ? soak : cycle->parsed() ? cycle : push;
  if (const std::string reason = CompleteCycles(*used, mix, &options); !reason.empty()) return wrong(reason);
  return options;
}

}  // namespace mirror::harness
