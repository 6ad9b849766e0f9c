#include "client/command/once.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/name_pattern.h"
#include "base/system_user.h"
#include "base/text/nearest_word.h"
#include "client/command/dry_run.h"
#include "client/command/exit_code.h"
#include "client/command/expiry.h"
#include "client/command/json_lines.h"
#include "client/command/progress.h"
#include "client/command/report.h"
#include "client/command/run_totals.h"
#include "client/command/source_names.h"
#include "client/config/config.h"
#include "client/run/open_reader.h"
#include "client/run/source_run.h"
#include "client/wire/connect.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

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

int DryRunAll(const AgentConfig& config, const Connection& connection, std::ostream& out, std::ostream& err) {
  int exit_code = kExitDone;
  for (const SourceConfig& source : config.sources) {
    if (!DryRun(source, config.agent.state_dir, connection, out, err)) exit_code = kExitFailed;
  }
  return exit_code;
}

SourceRun RunOneSource(const OnceOptions& options, const AgentConfig& config, const SourceConfig& source,
                       const Connection& connection, Progress& progress) {
  const auto begin = std::chrono::steady_clock::now();
  RunRequest request;
  request.repopulate = options.repopulate;
  (options.verify ? request.verify_tables : request.tables) = options.tables;
  request.progress = [&](const Work& work) { progress.Show(work); };
  request.verify = options.verify;
  request.exchange = options.exchange;
  if (options.verify) request.repair = options.repair;
  SourceRun run{&source, RunSource(config, source, connection, request), 0};
  progress.Clear();
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return run;
}

bool WentWell(const OnceOptions& options, const CycleReport& report) {
  return report.Good() && (!options.verify || (report.outcome == Outcome::kDone && AllEqual(report)));
}

int RunAll(const OnceOptions& options, const AgentConfig& config, const Connection& connection,
           bool draws_progress, std::ostream& out, std::ostream& err) {
  int exit_code = kExitDone;
  const bool lines_only = config.sources.size() > 1 && !options.details && !options.verify;
  RunTotals totals;
  // For --json: one document, printed when it is whole, so that a script never reads half of one.
  std::vector<SourceRun> runs;
  for (const SourceConfig& source : config.sources) {
    Progress progress(err, draws_progress);
    SourceRun run = RunOneSource(options, config, source, connection, progress);
    if (!WentWell(options, run.report)) exit_code = kExitFailed;
    if (options.json) {
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
    if (options.json) runs.push_back(std::move(run));
  }
  if (lines_only && !options.json) totals.Print(out);
  if (options.json) PrintJson(runs, options.show_keys, out);
  return exit_code;
}

}  // namespace

int Once(const OnceOptions& options, std::ostream& out, std::ostream& plain_err) {
  absl::StatusOr<AgentConfig> config = LoadAgentConfig(options.config);
  std::optional<JsonLines> lines;
  if (config.ok() && WantsJson(*config)) lines.emplace(plain_err, *config, spdlog::level::err, "failure");
  std::ostream& err = lines ? lines->stream() : plain_err;
  const auto wrong = [&err](const absl::Status& status) {
    err << kFailedHere << status.message() << '\n';
    return kExitWrongUse;
  };
  if (!config.ok()) return wrong(config.status());
  if (absl::Status picked = PickSources(options.context_id, &*config); !picked.ok()) return wrong(picked);
  if (!options.dry_run) {
    if (absl::Status own = CheckOwnFolder(config->agent.state_dir, config->file); !own.ok())
      return wrong(own);
  }
  const absl::StatusOr<Connection> connection = Connect(*config);
  if (!connection.ok()) return wrong(connection.status());
  if (absl::Status there = CheckTables(*config, options.tables); !there.ok()) return wrong(there);
  for (const std::string& warning : ExpiryWarnings(*config, std::time(nullptr))) {
    err << "mirror-agent: " << kWarningWord << ' ' << warning << '\n';
  }
  if (options.dry_run) return DryRunAll(*config, *connection, out, err);
  return RunAll(options, *config, *connection, options.terminal && !lines, out, err);
}

}  // namespace mirror
