#include "client/run/source_run.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/folded_name.h"
#include "client/run/last_run.h"
#include "client/run/open_reader.h"
#include "client/run/source_rules.h"
#include "client/run/table_check.h"
#include "client/source/capture/capture_history.h"
#include "client/source/capture/capture_state.h"
#include "client/source/steps/pipeline_history.h"
#include "client/state/lock_file.h"
#include "client/state/run_mark.h"
#include "client/state/run_state.h"
#include "client/state/work_note.h"

namespace mirror {
namespace {

CycleReport Failed(const absl::Status& status) {
  CycleReport report;
  report.status = status;
  return report;
}

/// The tables of `wanted` that this source has.
std::vector<std::string> Own(const std::vector<std::string>& names, const std::vector<std::string>& wanted) {
  std::vector<std::string> own;
  for (const std::string& name : names) {
    const auto same = [&](const std::string& other) { return SameName(name, other); };
    if (std::any_of(wanted.begin(), wanted.end(), same)) own.push_back(name);
  }
  return own;
}

void SetVerification(const SourceConfig& source, const RunRequest& request, const RunState& state,
                     CycleOptions* cycle) {
  cycle->now_ms = NowMs();
  cycle->count_interval_ms = source.count_interval_ms;
  cycle->repair = request.repair.value_or(source.repair);
  cycle->verify_tables = request.verify_tables;
  if (request.verify) {
    cycle->verify = request.verify_tables.empty() ? CycleOptions::Verify::kAll : CycleOptions::Verify::kSome;
  } else if (source.verify_interval_ms > 0 && state.verified_ms() > 0) {
    const std::int64_t since = cycle->now_ms - state.verified_ms();
    if (since < 0 || since >= source.verify_interval_ms) cycle->verify = CycleOptions::Verify::kAll;
  }
}

std::map<std::string, TargetRule> TargetsOf(const SourceConfig& source) {
  std::map<std::string, TargetRule> targets;
  for (const TableConfig& table : source.tables) {
    targets[FoldName(SentName(table))] = {table.preserve_target, table.deletes, table.staged};
  }
  return targets;
}

/// Tables of which other rows are sent from now on: what the mirror has of them is not brought on.
absl::Status GiveUpChanged(const SourceConfig& source, ChangeLog* log, RunState* state,
                           std::vector<std::string>* notes) {
  const Pipeline pipeline = PipelineOf(source, state->Records());
  // Which key made what the mirror has cannot be told either.
  if (!pipeline.key().ok()) return pipeline.key().status();
  const std::optional<CaptureRules> rules = RulesOf(source);
  for (const Pipeline::Change& change : pipeline.Changed()) {
    // Of those a look finds what is otherwise.
    if (rules && rules->Find(change.name) != nullptr) continue;
    absl::Status given_up = log != nullptr ? log->GiveUp(change.source) : state->GiveUp(change.name);
    if (!given_up.ok()) return given_up;
    if (!change.recorded) continue;
    notes->push_back(absl::StrCat("table '", change.name,
                                  "': what its [[source.table]] says of its rows changed, "
                                  "so that all of them are sent"));
  }
  return absl::OkStatus();
}

/// Tables of the configuration that are none of the source. Of one whose rows are not sent as they are, who
/// takes the schema says so, and nothing of the source is sent: it would go out under the name that was
/// meant.
absl::Status CheckTables(const SourceConfig& source, SourceReader& reader, std::vector<std::string>* notes,
                         std::vector<TableReport>* refused) {
  const absl::StatusOr<std::vector<std::string>> sent = reader.TableNames();
  // Who takes the schema says why it cannot be read.
  if (!sent.ok()) return absl::OkStatus();
  const absl::StatusOr<std::vector<IdleTable>> idle = FindIdleTables(source, *sent);
  if (!idle.ok()) return idle.status();
  for (const IdleTable& one : *idle) {
    if (one.why == IdleTable::Why::kLeftOut) {
      notes->push_back(one.words);
      continue;
    }
    TableReport& report = refused->emplace_back();
    report.table = SentName(*one.table);
    report.result = TableResult::kRefused;
    report.reason = one.words;
  }
  return absl::OkStatus();
}

/// Tables that are to be logged and are not: what changes in them without changing their number is not seen.
/// Where the whole source is to be logged, those that were populated or compared are as they should be for
/// now.
void FailUnlogged(const SourceConfig& source, CycleReport* report) {
  for (TableReport& table : report->tables) {
    const auto own = std::find_if(source.tables.begin(), source.tables.end(), [&](const TableConfig& one) {
      return one.strategy.has_value() && SameName(SentName(one), table.table);
    });
    const bool has_own = own != source.tables.end();
    const bool up_to_date =
        !has_own && (table.action == "populate" || table.equality != TableReport::Equality::kNone);
    if ((has_own ? *own->strategy : source.strategy) != Strategy::kCdc || up_to_date) continue;
    if (table.result != TableResult::kOk) continue;
    table.result = TableResult::kFailed;
    table.reason =
        "its strategy is \"cdc\", and no change log is installed: changes that keep its number of rows are "
        "not sent. Run 'mirror-agent install'";
  }
}

/// `compared`: all tables were, by digests.
CycleReport RunLocked(const AgentConfig& config, const SourceConfig& source, const Connection& connection,
                      const RunRequest& request, LockFile& lock, WorkNote& work, bool* compared) {
  absl::StatusOr<RunState> state = RunState::Load(config.agent.state_dir, source.context_id);
  if (!state.ok()) return Failed(state.status());
  absl::StatusOr<std::unique_ptr<ChangeLog>> log = nullptr;
  if (UsesLog(source)) {
    log = ChangeLog::Open(OwnLogOptionsOf(source, config.agent.state_dir, state->source_id()));
  }
  if (!log.ok()) return Failed(log.status());
  // It stays the same source when it is read without the log one day.
  if (*log != nullptr) state->KeepSourceId((*log)->source_id());
  SourceConfig placed = source;
  placed.rejects = RejectsOf(source, config.agent.state_dir);
  std::unique_ptr<SourceReader> reader;
  std::optional<PipelineHistory> named;
  absl::StatusOr<std::unique_ptr<CaptureState>> capture = nullptr;
  std::optional<CaptureHistory> captured;
  if (const std::optional<CaptureRules> rules = RulesOf(source)) {
    capture = CaptureState::Open(config.agent.state_dir, source.context_id);
    if (!capture.ok()) return Failed(capture.status());
    const auto never_sent = [&state, targets = TargetsOf(source)](const std::string& table) {
      const auto target = targets.find(FoldName(table));
      const bool staged = target != targets.end() && target->second.staged;
      return !staged && state->FindConfirmed(table) == nullptr;
    };
    absl::StatusOr<CapturedSource> opened =
        OpenCaptured(placed, *rules, state->Records(), **capture, log->get(), never_sent);
    if (!opened.ok()) return Failed(opened.status());
    if (*log != nullptr && opened->logged != nullptr) named.emplace(**log, *opened->logged);
    reader = std::move(opened->reader);
    History& base = named ? static_cast<History&>(*named) : *state;
    captured.emplace(**capture, base, !rules->others, *rules);
  }
  std::vector<std::string> notes;
  if (absl::Status given_up = GiveUpChanged(placed, log->get(), &*state, &notes); !given_up.ok()) {
    return Failed(given_up);
  }
  if (reader == nullptr) {
    std::unique_ptr<PipelineReader> opened = OpenReader(placed, state->Records(), log->get());
    if (*log != nullptr) named.emplace(**log, *opened);
    reader = std::move(opened);
  }
  History* const history = captured ? static_cast<History*>(&*captured) : named ? &*named : nullptr;

  std::vector<TableReport> refused;
  if (absl::Status checked = CheckTables(placed, *reader, &notes, &refused); !checked.ok()) {
    return Failed(checked);
  }

  CycleOptions cycle;
  cycle.batch_bytes = config.agent.batch_bytes;
  cycle.window = config.agent.window;
  cycle.read_ahead = request.read_ahead;
  cycle.staging = absl::StrCat(config.agent.state_dir, "/", source.context_id, ".staging");
  cycle.progress = [&](const Work& done) {
    work.Show(done);
    if (request.progress) request.progress(done);
  };
  cycle.stop = request.stop;
  cycle.targets = TargetsOf(source);
  cycle.repopulate_all = request.repopulate && request.tables.empty();
  if (!request.tables.empty()) {
    const auto names = reader->TableNames();
    if (!names.ok()) return Failed(names.status());
    cycle.repopulate = Own(*names, request.tables);
  }
  SetVerification(source, request, *state, &cycle);
  MirrorClient client(connection.channel, connection.identity, source.context_id);
  client.set_counters(request.counters);
  client.set_patience(connection.patience);
  absl::StatusOr<std::unique_ptr<ReceiptBook>> receipts = nullptr;
  if (config.agent.receipts) receipts = ReceiptBook::Open(config.agent.state_dir, source.context_id);
  ReceiptBook* const book = receipts.ok() ? receipts->get() : nullptr;
  CycleReport report = RunOnce({*reader, client, lock, *state, history, book}, cycle);
  report.notes.insert(report.notes.begin(), notes.begin(), notes.end());
  if (!receipts.ok()) report.notes.emplace_back(receipts.status().message());
  const bool all = cycle.verify == CycleOptions::Verify::kAll && report.outcome == Outcome::kDone;
  *compared = all;
  // The first one is due an interval after the source was first seen.
  if (all || state->verified_ms() == 0) {
    state->SetVerified(cycle.now_ms);
    if (absl::Status saved = state->Save(); !saved.ok()) report.notes.emplace_back(saved.message());
  }
  if (report.outcome == Outcome::kDone) {
    report.tables.insert(report.tables.end(), refused.begin(), refused.end());
    if (log->get() == nullptr) FailUnlogged(source, &report);
  }
  const bool logless = log->get() == nullptr && IsLogged(source.strategy);
  if (logless) {
    report.notes.push_back(absl::StrCat(
        source.strategy == Strategy::kCdc ? "no change log is installed ('mirror-agent install' makes it)"
                                          : "without a change log",
        ": changes that keep a table's number of rows are not seen, send them with --repopulate"));
  }
  return report;
}

}  // namespace

CycleReport RunSource(const AgentConfig& config, const SourceConfig& source, const Connection& connection,
                      const RunRequest& request) {
  absl::StatusOr<LockFile> lock = LockFile::Acquire(config.agent.state_dir, source.context_id);
  // Who holds it will tell how its own run ended.
  if (!lock.ok()) return Failed(lock.status());
  const std::int64_t begun_ms = NowMs();
  bool compared = false;
  CycleReport report;
  WorkNote work(config.agent.state_dir, source.context_id, begun_ms);
  const absl::Status marked = MarkBegin(config.agent.state_dir, source.context_id, begun_ms);
  try {
    report =
        marked.ok() ? RunLocked(config, source, connection, request, *lock, work, &compared) : Failed(marked);
  } catch (const std::exception& error) {
    // Memory that is not there, mostly. The other tenants of this process go on.
    report = Failed(absl::InternalError(
        absl::StrCat("the run was broken off (", error.what(),
                     "). What was acknowledged is committed; run again, it goes on from there")));
  }
  const absl::Status kept =
      KeepLastRun(config.agent.state_dir, source.context_id, report, begun_ms, NowMs(), compared);
  if (!kept.ok()) report.notes.emplace_back(kept.message());
  if (!kept.ok() && !marked.ok()) ForgetLastRun(config.agent.state_dir, source.context_id);
  return report;
}

}  // namespace mirror
