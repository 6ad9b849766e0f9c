
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "base/system_user.h"
#include "base/text/text_stream.h"
#include "client/command/commands.h"
#include "client/command/json_lines.h"
#include "client/config/config.h"
#include "client/run/check_source.h"
#include "client/run/last_run.h"
#include "client/run/open_log.h"
#include "client/run/open_source.h"
#include "client/run/source_rules.h"
#include "client/state/lock_file.h"
#include "client/state/run_state.h"

namespace mirror {
namespace {

/// Result and warnings, for people; each warning is a sentence.
struct Done {
  std::string words;
  std::vector<std::string> warnings = {};
};
using Act = std::function<absl::StatusOr<Done>(const AgentConfig& config, const SourceConfig& source)>;

/// Form of a source's result: a line, or a script that another person runs.
enum class Told { kInALine, kAsScript };

/// The sources of a command, and the message if there is none.
struct Meant {
  std::string context_id;  ///< See PickSources().
  std::function<bool(const SourceConfig&)> is_meant;
  std::string none;
};

/// Removes all sources but the one whose script is to be printed. Errors: several
/// sources have a script; a script that is for two databases could not be run.
absl::Status PickScript(const Meant& meant, AgentConfig* config) {
  const auto has_one = [&meant](const SourceConfig& source) {
    return meant.is_meant(source) && HasInstallScript(source);
  };
  std::vector<std::string> scripts;
  for (const SourceConfig& source : config->sources) {
    if (has_one(source))
      scripts.push_back(absl::StrCat("'", source.context_id, "' (", ToString(source.kind), ")"));
  }
  // If none has a script, each source says why.
  if (scripts.size() == 1) std::erase_if(config->sources, [&](const auto& one) { return !has_one(one); });
  if (scripts.size() < 2) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--print-sql prints the script of one source, and several sources have a script: ",
                   absl::StrJoin(scripts, ", "), ". Nothing was printed. Name one with --context-id"));
}

/// Calls `act` for each source that is meant.
int ForEachSource(const std::string& file, const Meant& meant, const Act& act, Told told, std::ostream& out,
                  std::ostream& plain_err) {
  absl::StatusOr<AgentConfig> config = LoadAgentConfig(file);
  if (config.ok() && !meant.context_id.empty()) {
    if (absl::Status picked = PickSources(meant.context_id, &*config); !picked.ok()) config = picked;
  }
  if (config.ok() && told == Told::kAsScript) {
    if (absl::Status one = PickScript(meant, &*config); !one.ok()) config = one;
  }
  std::optional<JsonLines> lines;
  if (config.ok() && WantsJson(*config)) lines.emplace(plain_err, *config, spdlog::level::err, "failure");
  std::ostream& err = lines ? lines->stream() : plain_err;
  if (!config.ok()) {
    err << kFailedHere << config.status().message() << '\n';
    return kExitWrongUse;
  }
  if (absl::Status own = CheckOwnFolder(config->agent.state_dir, config->file); !own.ok()) {
    err << kFailedHere << own.message() << '\n';
    return kExitWrongUse;
  }
  int exit_code = kExitDone, sources = 0;
  for (const SourceConfig& source : config->sources) {
    if (!meant.is_meant(source)) continue;
    ++sources;
    // The lock excludes a cycle, which reads or renews the log.
    const absl::StatusOr<LockFile> lock = LockFile::Acquire(config->agent.state_dir, source.context_id);
    const absl::StatusOr<Done> done = lock.ok() ? act(*config, source) : lock.status();
    if (done.ok() && told == Told::kAsScript) {
      // Another program reads the script: a line break could end a psql command, or fall into a name.
      AsItIs(out) << "-- " << source.context_id << "  " << Printable(source.path) << '\n' << done->words;
    } else if (done.ok()) {
      out << source.context_id << "  " << source.path << ": " << done->words << '\n';
      for (const std::string& warning : done->warnings)
        err << kFailedHere << source.context_id << ": " << warning << '\n';
    } else {
      err << kFailedHere << source.context_id << ": " << done.status().message() << '\n';
      exit_code = kExitFailed;
    }
  }
  if (sources > 0) return exit_code;
  err << kFailedHere << config->file << ": there is no [[source]] " << meant.none << '\n';
  return kExitWrongUse;
}

/// Returns the problems that would make deliveries fail, so that they are known at the installation.
std::vector<std::string> LackedByDeliveries(const SourceConfig& source) {
  std::vector<std::string> lacked;
  const SourceFindings findings = CheckDeliveries(source);
  for (const SourceFinding& one : findings.all()) {
    if (one.outcome != SourceFinding::Outcome::kOk)
      lacked.push_back(absl::StrCat(one.step, ": ", one.words, ". ", one.next));
  }
  return lacked;
}

absl::StatusOr<Done> InstallOne(const AgentConfig& config, const SourceConfig& source, bool take_over,
                                Told told) {
  // Opening the log undoes a half-finished installation.
  (void)OpenLog(source, {});
  // Captured tables need no log.
  const std::optional<CaptureRules> rules = RulesOf(source);
  ASSIGN_OR_RETURN(RunState state, RunState::Load(config.agent.state_dir, source.context_id));
  SourceConfig with_twins = source;
  with_twins.keeps_twins = true;
  const std::unique_ptr<SourceReader> reader = OpenSource(
      with_twins, {}, nullptr,
      [&source, &rules](const std::string& table) { return !rules || !Captures(source, *rules, table); });
  ASSIGN_OR_RETURN(const std::vector<std::string> tables, reader->TableNames());
  // The source keeps the id that it had before it had a log,
  // unless the database, its path or the machine changed.
  ASSIGN_OR_RETURN(const std::string bound, state.Bind(reader->Mark()));
  const LogUser user = {config.agent.state_dir, state.source_id(), take_over, state.is_new()};
  if (told == Told::kAsScript) {
    // The script contains the id, so the id must be saved now.
    RETURN_IF_ERROR(state.Save());
    ASSIGN_OR_RETURN(std::string script, PrintInstall(source, user, tables));
    return Done{std::move(script)};
  }
  ASSIGN_OR_RETURN(const InstalledLog log, InstallLog(source, user, tables));
  state.KeepSourceId(log.source_id);
  RETURN_IF_ERROR(state.Save());
  ForgetUnlogged(config.agent.state_dir, source.context_id);
  return Done{log.words, LackedByDeliveries(source)};
}

absl::StatusOr<Done> UninstallOne(const AgentConfig& config, const SourceConfig& source) {
  // Also works if its state is unreadable.
  const absl::StatusOr<RunState> state = RunState::Load(config.agent.state_dir, source.context_id);
  ASSIGN_OR_RETURN(const bool there,
                   UninstallLog(source, {config.agent.state_dir, state.ok() ? state->source_id() : ""}));
  std::string done = there ? "the change log is removed" : "there was no change log";
  ASSIGN_OR_RETURN(const std::string left, LeftByUninstall(source));
  if (!left.empty()) absl::StrAppend(&done, "; ", left);
  if (there) {
    ASSIGN_OR_RETURN(const std::string kept, KeptAfterUninstall(source));
    if (!kept.empty()) absl::StrAppend(&done, "; ", kept);
  }
  return Done{done};
}

}  // namespace

int Install(const InstallOptions& options, std::ostream& out, std::ostream& err) {
  const Told told = options.print_sql ? Told::kAsScript : Told::kInALine;
  const Act act = [&options, told](const AgentConfig& agent, const SourceConfig& source) {
    return InstallOne(agent, source, options.take_over, told);
  };
  return ForEachSource(options.config, {options.context_id, UsesLog, "with strategy = \"cdc\""}, act, told,
                       out, err);
}

int Uninstall(const std::string& config, std::ostream& out, std::ostream& err) {
  // Includes sources whose strategy was changed after the installation: their log may still exist.
  const auto can_have_one = [](const SourceConfig& source) { return TraitsOf(source.kind).has_log; };
  return ForEachSource(config, {"", can_have_one, "of a kind that can have a change log"}, UninstallOne,
                       Told::kInALine, out, err);
}

}  // namespace mirror
