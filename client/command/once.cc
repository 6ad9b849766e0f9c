
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <iomanip>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/name_pattern.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "base/system_user.h"
#include "base/text/nearest_word.h"
#include "client/command/commands.h"
#include "client/command/expiry.h"
#include "client/command/json_lines.h"
#include "client/command/progress.h"
#include "client/command/report.h"
#include "client/config/config.h"
#include "client/run/open_log.h"
#include "client/run/open_source.h"
#include "client/run/source_rules.h"
#include "client/run/source_run.h"
#include "client/source/capture/capture_reader.h"
#include "client/source/capture/capture_state.h"
#include "client/state/run_state.h"
#include "client/wire/connect.h"
#include "client/wire/mirror_client.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

absl::StatusOr<WaitingChanges> Waiting(const SourceConfig& source, const std::string& state_dir,
                                       const RunState& runs) {
  if (!UsesLog(source)) return WaitingChanges();
  return CountWaiting(source, {state_dir, runs.source_id()});
}

/// "all 1,234 rows are sent"
std::string AllRows(SourceReader& reader, const std::string& table) {
  const absl::StatusOr<std::uint64_t> rows = reader.CountRows(table);
  if (!rows.ok()) return absl::StrCat("all rows are sent (", rows.status().message(), ")");
  if (*rows == 0) return "it has no rows";
  return *rows == 1 ? "its one row is sent" : absl::StrCat("all ", Grouped(*rows), " rows are sent");
}

/// Describes the waiting changes of a table; `waiting` is absent if there is
/// no log at all. A server's log is not read for it, only its staged part.
std::string WordsOf(const SourceConfig& source, SourceReader& reader, const RunState& runs,
                    const std::string& table, const WaitingChanges& waiting, bool no_mirror) {
  if (!waiting && runs.tables().FindConfirmed(table) == nullptr) {
    return absl::StrCat("never sent: ", AllRows(reader, table));
  }
  if (!waiting && no_mirror) return absl::StrCat("no mirror yet: ", AllRows(reader, table));
  if (!waiting) return "sent whole if its number of rows changed";
  const auto found = waiting->find(FoldName(table));
  if (found == waiting->end()) {
    const char* const first = source.kind == SourceKind::kPostgres
                                  ? "new: after 'mirror-agent install' adds it to the publication, "
                              : IsServer(source.kind) ? "new: "
                                                      : "new: a log is made, and ";
    return absl::StrCat(first, AllRows(reader, table));
  }
  if (!found->second) return absl::StrCat("never sent: ", AllRows(reader, table));
  if (no_mirror) return absl::StrCat("no mirror yet: ", AllRows(reader, table));
  const std::string changes = Counted(static_cast<std::uint64_t>(*found->second), "change");
  if (IsServer(source.kind))
    return absl::StrCat(changes, " staged since it was sent last; the server's log may have more");
  if (*found->second == 0) return "nothing changed since it was sent last";
  return absl::StrCat(changes, " logged since it was sent last");
}

/// Returns the tables that the log cannot log, by the names they are sent under, and why.
std::map<std::string, std::string> SentUnlogged(const SourceConfig& source,
                                                const std::map<std::string, std::string>& unlogged) {
  std::map<std::string, std::string> sent;
  for (const auto& [name, why] : unlogged) {
    std::string as = name;
    for (const TableConfig& own : source.tables) {
      if (SameName(own.name, name)) as = SentName(own);
    }
    sent[FoldName(as)] = why;
  }
  return sent;
}

/// Describes the extra work of a run for a staged table.
const char* StagedWords(const SourceConfig& source, const std::string& table) {
  for (const TableConfig& one : source.tables) {
    if (one.staged && SameName(SentName(one), table))
      return ". It is staged: the run compares it with the mirror, and sends only what differs there";
  }
  return "";
}

/// Whether a run would report problems, and end with exit code 1.
bool HasTroubles(const SourceSchema& schema) {
  return !schema.refused.empty() ||
         std::any_of(schema.tables.begin(), schema.tables.end(),
                     [](const SourceTable& table) { return !table.problem.empty(); });
}

void PrintRefused(const SourceSchema& schema, std::ostream& out) {
  for (const std::string& note : schema.notes) out << "  " << Printable(note) << '\n';
  for (const RefusedTable& table : schema.refused) {
    out << "  " << Printable(table.name) << ": " << Printable(table.reason) << '\n';
  }
}

/// Reads the source with a copy of the agent's state.
/// False: a run would not be good.
absl::StatusOr<bool> ShowCaptured(const SourceConfig& source, const CaptureRules& rules,
                                  const std::map<std::string, std::string>& unlogged,
                                  const std::string& state_dir, const RunState& runs, bool no_mirror,
                                  std::ostream& out, std::vector<SourceTable>* tables) {
  ASSIGN_OR_RETURN(std::unique_ptr<CaptureState> state, CaptureState::OpenCopy(state_dir, source.context_id));
  ASSIGN_OR_RETURN(const CapturedSource opened,
                   OpenCaptured(source, rules, runs.tables().Records(), *state, nullptr));
  SourceReader* const reader = opened.reader.get();
  ASSIGN_OR_RETURN(const auto waiting, Waiting(source, state_dir, runs));
  ASSIGN_OR_RETURN(const SourceSchema schema, reader->Schema());
  *tables = schema.tables;
  PrintRefused(schema, out);
  for (const SourceTable& table : schema.tables) {
    out << "  " << Printable(table.schema.name) << ": ";
    if (const auto why = unlogged.find(FoldName(table.schema.name)); why != unlogged.end())
      out << "found by comparing, since " << Printable(why->second) << ": ";
    if (table.problem.empty() && rules.Find(table.schema.name) == nullptr) {
      out << WordsOf(source, *reader, runs, table.schema.name, waiting, no_mirror) << '\n';
      continue;
    }
    ASSIGN_OR_RETURN(const std::optional<CaptureState::Table> captured, state->Find(table.schema.name));
    const absl::StatusOr<std::optional<std::int64_t>> sent =
        captured ? state->LastSent(*captured) : std::optional<std::int64_t>();
    if (!sent.ok()) return sent.status();
    if (!table.problem.empty()) {
      out << Printable(table.problem) << '\n';
    } else if (!*sent || **sent < captured->floor) {
      out << "not sent in its present form yet: " << AllRows(*reader, table.schema.name)
          << StagedWords(source, table.schema.name) << '\n';
    } else if (no_mirror) {
      out << "no mirror yet: " << AllRows(*reader, table.schema.name)
          << StagedWords(source, table.schema.name) << '\n';
    } else if (captured->key_parts == 0) {
      out << (captured->changed > **sent ? "it changed, and has no key: all rows are sent\n"
                                         : "nothing changed since it was sent last\n");
    } else {
      ASSIGN_OR_RETURN(const CaptureState::Noted noted, state->CountNoted(*captured, **sent));
      out << Counted(noted.inserts, "insert") << ", " << Counted(noted.updates, "update") << ", "
          << Counted(noted.deletes, "delete") << StagedWords(source, table.schema.name) << '\n';
    }
  }
  return !HasTroubles(schema);
}

absl::StatusOr<bool> Show(const SourceConfig& source, const std::string& state_dir, const RunState& runs,
                          bool no_mirror, std::ostream& out, std::vector<SourceTable>* tables) {
  std::map<std::string, std::string> unlogged;
  if (UsesLog(source)) {
    ASSIGN_OR_RETURN(auto found, FindUnlogged(source));
    unlogged = KeepToBeLogged(source, std::move(found));
  }
  std::set<std::string> names;
  for (const auto& [name, why] : unlogged) names.insert(name);
  if (const std::optional<CaptureRules> rules = RulesOf(source, names)) {
    return ShowCaptured(source, *rules, SentUnlogged(source, unlogged), state_dir, runs, no_mirror, out,
                        tables);
  }
  const auto reader = OpenReader(source, runs.tables().Records());
  ASSIGN_OR_RETURN(const SourceSchema schema, reader->Schema());
  ASSIGN_OR_RETURN(const WaitingChanges waiting, Waiting(source, state_dir, runs));
  *tables = schema.tables;
  PrintRefused(schema, out);
  for (const SourceTable& table : schema.tables) {
    out << "  " << Printable(table.schema.name) << ": "
        << (table.problem.empty() ? WordsOf(source, *reader, runs, table.schema.name, waiting, no_mirror)
                                  : Printable(table.problem))
        << '\n';
  }
  return !HasTroubles(schema);
}

void PrintLoss(const LossOfMirror& loss, std::ostream& out) {
  out << "  " << Printable(loss.table) << ": ";
  if (!loss.retired) {
    out << "the mirror drops " << Counted(loss.columns.size(), "column") << " ("
        << Printable(ListNames(loss.columns)) << ") with " << Counted(loss.values, "value") << '\n';
    return;
  }
  const std::string rows =
      loss.rows < 0 ? std::string("all of its rows") : Counted(static_cast<std::uint64_t>(loss.rows), "row");
  out << "this run no longer announces it: "
      << (loss.held ? "the mirror keeps it, with " : "the mirror sets it aside, with ") << rows
      << (loss.held ? ", until an operator allows the drop\n" : "\n");
}

/// Shows the effects of the announcement on the mirror, according
/// to the endpoint; nothing is done there. False: unknown.
bool ShowAnnounced(MirrorClient& client, const std::string& source_id, const std::vector<SourceTable>& tables,
                   std::ostream& out, std::ostream& err) {
  std::vector<TableSchema> schemas;
  for (const SourceTable& table : tables) schemas.push_back(table.schema);
  const absl::StatusOr<AnnouncedLook> look = LookAtAnnouncement(client, source_id, schemas);
  if (absl::IsAborted(look.status())) {
    out << "  the endpoint is an older version and cannot say what a run would do to its tables\n";
    return true;
  }
  if (!look.ok()) {
    err << kFailedHere << Printable(std::string(look.status().message())) << '\n';
    return false;
  }
  for (const AnnouncedLook::Table& table : look->tables) {
    out << "  " << Printable(table.table) << (table.refused ? ": refused" : ": to be populated anew")
        << (table.reason.empty() ? "" : absl::StrCat(": ", Printable(table.reason))) << '\n';
  }
  for (const LossOfMirror& loss : look->losses) PrintLoss(loss, out);
  return true;
}

/// `mirror-agent once --dry-run` for one source: proves both sides to each other without
/// beginning a cycle. For each table it prints the number of log entries since the last
/// sent position; for a captured table, the result of reading its rows. Then it prints
/// the effects of the announcement on the mirror: tables set aside, columns dropped,
/// populations. Writes nothing, here or there. False: there was an error; `err` has it.
bool DryRun(const SourceConfig& configured, const std::string& state_dir, const Connection& connection,
            std::ostream& out, std::ostream& err) {
  const absl::StatusOr<RunState> runs = RunState::Load(state_dir, configured.context_id);
  SourceConfig source = runs.ok() ? WithLastTables(configured, runs->tables()) : configured;
  source.rejects = RejectsOf(configured, state_dir);
  source.keeps_rejects = false;
  out << source.context_id << "  " << Printable(source.path) << '\n';
  MirrorClient client(connection.line->Channel(), connection.identity, source.context_id);
  const auto answer = client.Authenticate("", /*take_over=*/false, /*probe=*/true);
  const bool no_mirror = HasNoMirrorYet(answer.status());
  std::vector<SourceTable> tables;
  const absl::StatusOr<bool> looked = runs.ok() ? Show(source, state_dir, *runs, no_mirror, out, &tables)
                                                : absl::StatusOr<bool>(runs.status());
  if (!looked.ok())
    err << kFailedHere << source.context_id << ": " << Printable(std::string(looked.status().message()))
        << '\n';
  if (no_mirror) {
    out << "  the endpoint accepted the token and has no mirror of this tenant yet: the first run makes it. "
           "Nothing was "
           "sent.\n";
    return looked.value_or(false);
  }
  if (!answer.ok()) {
    err << kFailedHere << source.context_id << ": " << Printable(std::string(answer.status().message()))
        << '\n';
    return false;
  }
  out << "  the endpoint, version " << Printable(answer->server_version())
      << ", accepted the token, and its signature is right"
      << (answer->do_not_replicate() ? ". It takes no changes now; a run shows the reason" : "")
      << ". Nothing was sent.\n";
  // Before its first run the agent has no id for the source.
  const bool can_ask = looked.ok() && runs.ok() && !runs->source_id().empty() && !answer->do_not_replicate();
  const bool told = !can_ask || ShowAnnounced(client, runs->source_id(), tables, out, err);
  return looked.value_or(false) && told;
}

/// Summary of the runs of several sources, in two lines.
class RunTotals {
 public:
  void Add(const SourceRun& run);
  void Print(std::ostream& out) const;

 private:
  std::uint64_t sources_ = 0, rows_ = 0;
  double seconds_ = 0;
  std::map<std::string, std::uint64_t> outcomes_;
  std::vector<std::string> not_good_;
};

constexpr std::size_t kNamesMost = 10;

/// A run that is done with problems in some tables is not good.
std::string WordOf(const CycleReport& report) {
  if (report.outcome == Outcome::kDone && !report.Good()) return "done in part";
  if (report.outcome == Outcome::kDoNotReplicate) return "told not to replicate";
  return std::string(ToString(report.outcome));
}

void RunTotals::Add(const SourceRun& run) {
  ++sources_;
  seconds_ += run.seconds;
  ++outcomes_[WordOf(run.report)];
  if (!run.report.Good()) not_good_.push_back(run.config->context_id);
  for (const TableReport& table : run.report.tables) {
    if (table.result == TableResult::kOk) rows_ += table.inserts + table.updates + table.deletes;
  }
}

void RunTotals::Print(std::ostream& out) const {
  out << '\n' << Counted(sources_, "source") << ":";
  const char* before = " ";
  for (const auto& [word, count] : outcomes_) {
    out << before << Grouped(count) << ' ' << word;
    before = ", ";
  }
  out << "; " << Counted(rows_, "row") << " sent in " << std::fixed << std::setprecision(2) << seconds_
      << " s\n";
  if (!not_good_.empty()) out << "not good: " << ListNames(not_good_, kNamesMost) << '\n';
}

/// Errors: no source has a table of --repopulate.
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
  // For --json: one document, printed when it is complete, so that a script never reads half of one.
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
