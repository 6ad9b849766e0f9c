#include "client/command/once.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/name_pattern.h"
#include "base/text/nearest_word.h"
#include "base/text/text_stream.h"
#include "client/command/dry_run.h"
#include "client/command/expiry.h"
#include "client/command/json_lines.h"
#include "client/command/progress.h"
#include "client/command/report.h"
#include "client/command/run_totals.h"
#include "client/config/config.h"
#include "client/run/source_run.h"
#include "client/wire/connect.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

constexpr int kDone = 0, kFailed = 1, kWrongUse = 2;

/// Errors: a table of --repopulate that no source has.
absl::Status CheckTables(const AgentConfig& config, const std::vector<std::string>& tables) {
  if (tables.empty()) return absl::OkStatus();
  std::vector<std::string> known;
  std::string unread;
  for (const SourceConfig& source : config.sources) {
    const auto names = OpenReader(source, {})->TableNames();
    if (names.ok()) {
      known.insert(known.end(), names->begin(), names->end());
    } else {
      absl::StrAppend(&unread, " (", names.status().message(), ")");
    }
  }
  for (const std::string& table : tables) {
    const bool found = std::any_of(known.begin(), known.end(),
                                   [&](const std::string& name) { return SameName(name, table); });
    if (found) continue;
    return absl::InvalidArgumentError(absl::StrCat("no source has a table '", table, "'", unread,
                                                   ". Nothing was sent.", DidYouMean(table, known)));
  }
  return absl::OkStatus();
}

}  // namespace

int Once(const OnceOptions& options, std::ostream& out, std::ostream& plain_err) {
  absl::StatusOr<AgentConfig> config = LoadAgentConfig(options.config);
  std::optional<JsonLines> lines;
  if (config.ok() && WantsJson(*config)) lines.emplace(plain_err, *config, spdlog::level::err, "failure");
  std::ostream& err = lines ? lines->stream() : plain_err;
  const auto wrong = [&err](const std::string& words) {
    err << "mirror-agent: " << words << '\n';
    return kWrongUse;
  };
  if (!config.ok()) return wrong(std::string(config.status().message()));
  if (config->sources.empty()) {
    return wrong(
        absl::StrCat(config->file, ": there is no [[source]]: add one with 'context_id' and 'path'"));
  }
  if (!options.context_id.empty()) {
    std::vector<std::string> tenants;
    for (const SourceConfig& source : config->sources) tenants.push_back(source.context_id);
    std::erase_if(config->sources, [&](const SourceConfig& source) {
      return !MatchesExactly(source.context_id, options.context_id);
    });
    if (config->sources.empty())
      return wrong(absl::StrCat("there is no [[source]] '", options.context_id, "'.",
                                DidYouMean(options.context_id, tenants)));
  }
  const absl::StatusOr<Connection> connection = Connect(*config);
  if (!connection.ok()) return wrong(std::string(connection.status().message()));
  if (const absl::Status status = CheckTables(*config, options.tables); !status.ok()) {
    return wrong(std::string(status.message()));
  }

  for (const std::string& warning : ExpiryWarnings(*config, std::time(nullptr))) {
    err << "mirror-agent: warning: " << warning << '\n';
  }
  int exit_code = kDone;
  if (options.dry_run) {
    for (const SourceConfig& source : config->sources) {
      if (!DryRun(source, config->agent.state_dir, *connection, out, err)) exit_code = kFailed;
    }
    return exit_code;
  }
  const bool lines_only = config->sources.size() > 1 && !options.details && !options.verify;
  RunTotals totals;
  nlohmann::ordered_json sources = nlohmann::ordered_json::array();
  for (const SourceConfig& source : config->sources) {
    const auto begin = std::chrono::steady_clock::now();
    Progress progress(err, options.terminal && !lines);
    RunRequest request;
    request.repopulate = options.repopulate;
    (options.verify ? request.verify_tables : request.tables) = options.tables;
    request.progress = [&](const Work& work) { progress.Show(work); };
    request.verify = options.verify;
    if (options.verify) request.repair = options.repair;
    SourceRun run{&source, RunSource(*config, source, *connection, request), 0};
    progress.Clear();
    run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (!run.report.Good() ||
        (options.verify && (run.report.outcome != Outcome::kDone || !AllEqual(run.report))))
      exit_code = kFailed;
    if (options.json) {
      sources.push_back(ToJson(run, options.show_keys));
      std::ostringstream unused;
      PrintRun(run, unused, err);
    } else if (options.verify) {
      PrintComparison(run, out, err);
      if (options.show_keys) PrintKeys(run.report, out);
    } else if (lines_only) {
      PrintRunInALine(run, /*only_failed=*/options.failed, out, err);
    } else {
      PrintRun(run, out, err);
    }
    totals.Add(run);
  }
  if (lines_only && !options.json) totals.Print(out);
  if (options.json) {
    AsItIs(out) << nlohmann::ordered_json{{"sources", std::move(sources)}}.dump(
                       2, ' ', false, nlohmann::ordered_json::error_handler_t::replace)
                << '\n';
  }
  return exit_code;
}

}  // namespace mirror
