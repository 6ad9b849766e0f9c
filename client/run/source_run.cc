#include "client/run/source_run.h"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/folded_name.h"
#include "certs/keyed_hash.h"
#include "client/run/last_run.h"
#include "client/run/table_check.h"
#include "client/source/capture/capture_history.h"
#include "client/source/capture/capture_reader.h"
#include "client/source/capture/capture_rule.h"
#include "client/source/capture/capture_state.h"
#include "client/source/files/file_reader.h"
#include "client/source/sqlite/sqlite_reader.h"
#include "client/source/steps/pipeline_history.h"
#include "client/state/host_id.h"
#include "client/state/lock_file.h"
#include "client/state/run_mark.h"
#include "client/state/run_state.h"
#include "client/state/work_note.h"
#include "proto/wire/table.h"

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
    targets[FoldName(SentName(table))] = {table.preserve_target,
                                          table.deletes == "mark"     ? Deletes::kMark
                                          : table.deletes == "ignore" ? Deletes::kIgnore
                                                                      : Deletes::kApply,
                                          table.push == "staged"};
  }
  return targets;
}

Type TypeNamed(const std::string& name) {
  return name == "integer" ? Type::kInt64 : name == "real" ? Type::kDouble : Type::kText;
}

CsvEncoding EncodingNamed(const std::string& name) {
  if (name == "latin-1") return CsvEncoding::kLatin1;
  return name == "windows-1252" ? CsvEncoding::kWindows1252 : CsvEncoding::kUtf8;
}

/// Why there is no key where one is needed.
absl::StatusOr<std::optional<TenantHashKey>> HashKeyOf(const SourceConfig& source) {
  const bool needed = std::any_of(source.tables.begin(), source.tables.end(),
                                  [](const TableConfig& table) { return !table.steps.hash.empty(); });
  if (!needed) return std::optional<TenantHashKey>();
  const absl::StatusOr<std::string> secret = ReadHashSecret(source.hash_key);
  if (!secret.ok()) return secret.status();
  return std::optional<TenantHashKey>(std::in_place, *secret, source.context_id);
}

/// `takes`: which tables it is about; empty: all.
Pipeline PipelineOf(const SourceConfig& source, std::map<std::string, std::string> records,
                    const std::function<bool(const std::string&)>& takes = {}) {
  std::vector<TableSteps> steps;
  for (const TableConfig& table : source.tables) {
    if (table.steps.any() && (!takes || takes(table.name))) steps.push_back(table.steps);
  }
  return {std::move(steps), HashKeyOf(source), std::move(records)};
}

/// The key that cannot be read is told by who reads what is made with it.
std::optional<TenantHashKey> KeyOrNone(const SourceConfig& source) {
  absl::StatusOr<std::optional<TenantHashKey>> key = HashKeyOf(source);
  return key.ok() ? *std::move(key) : std::nullopt;
}

FileTable FileOf(const SourceConfig& source, const TableConfig& table) {
  FileTable file;
  file.name = table.name;
  file.file = table.file;
  file.key = table.key;
  file.all_files = table.files == "all";
  for (const auto& [column, type] : table.types) file.types[column] = TypeNamed(type);
  if (!table.separator.empty()) file.csv.separator = table.separator.front();
  if (!table.decimal.empty()) file.csv.decimal = table.decimal.front();
  file.csv.quote = table.quote.front();
  file.csv.encoding = EncodingNamed(table.encoding);
  file.workbook = source.kind == "xlsx";
  file.sheet = table.sheet;
  file.steps = table.steps;
  return file;
}

std::unique_ptr<SourceReader> OpenFiles(const SourceConfig& source,
                                        std::map<std::string, std::string> records) {
  FileReaderOptions options{source.path, {}, source.rejects, source.settle_ms};
  options.records = std::move(records);
  options.hash_key = KeyOrNone(source);
  options.keeps_rejects = source.keeps_rejects;
  for (const TableConfig& table : source.tables) options.tables.push_back(FileOf(source, table));
  return OpenFileReader(std::move(options));
}

/// What the reader of the feeds calls that of a table.
std::string FeedName(const TableConfig& table) {
  return table.deletes_from->file.empty() ? table.deletes_from->table : absl::StrCat(table.name, ".deletes");
}

/// Null: there are none.
absl::StatusOr<std::unique_ptr<SourceReader>> OpenFeeds(const SourceConfig& source, CaptureState& state) {
  std::vector<std::string> names;
  std::map<std::string, std::string> records;
  FileReaderOptions files{source.path, {}, source.rejects, source.settle_ms};
  files.keeps_rejects = source.keeps_rejects;
  // Its own record is kept with that of the table alone; a feed that lacks entries is read again.
  files.looks_twice = false;
  for (const TableConfig& table : source.tables) {
    if (!table.deletes_from) continue;
    names.push_back(FeedName(table));
    const absl::StatusOr<std::optional<CaptureState::Table>> known = state.Find(SentName(table));
    if (!known.ok()) return known.status();
    if (*known && !(*known)->feed_record.empty()) records[names.back()] = (*known)->feed_record;
    FileTable file = FileOf(source, table);
    file.name = names.back();
    file.file = table.deletes_from->file;
    file.key = table.deletes_from->key;
    // They are made what the table's own key is.
    file.types.clear();
    for (const std::string& part : file.key) {
      if (part != table.deletes_from->watermark) file.types[part] = Type::kText;
    }
    for (const auto& [column, type] : table.deletes_from->types) file.types[column] = TypeNamed(type);
    file.steps = {};
    files.tables.push_back(std::move(file));
  }
  if (names.empty()) return std::unique_ptr<SourceReader>();
  files.records = records;
  if (source.kind != "sqlite") return OpenFileReader(std::move(files));
  SqliteReaderOptions tables;
  tables.path = source.path;
  tables.copy.at_once = source.copy_at_once_bytes;
  tables.include = names;
  tables.records = std::move(records);
  for (const std::string& name : names) tables.keyless_views.insert(FoldName(name));
  return OpenSqliteReader(std::move(tables));
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

}  // namespace

std::string RejectsOf(const SourceConfig& source, const std::string& state_dir) {
  return !source.rejects.empty() ? source.rejects
                                 : absl::StrCat(state_dir, "/", source.context_id, ".rejects");
}

const std::string& SentName(const TableConfig& table) {
  return table.steps.as.empty() ? table.name : table.steps.as;
}

std::optional<CaptureRules> RulesOf(const SourceConfig& source) {
  using How = CaptureRule::How;
  CaptureRules rules;
  rules.others = source.strategy != "cdc" && source.strategy != "populate";
  for (const TableConfig& table : source.tables) {
    const std::string& strategy = StrategyOf(source, table);
    if (strategy == "cdc" || strategy == "populate") {
      rules.logged.insert(FoldName(SentName(table)));
      continue;
    }
    CaptureRule& rule = rules.tables[FoldName(SentName(table))];
    for (const How how : {How::kSynthetic, How::kWatermark, How::kWatermarkCdc, How::kWindow}) {
      if (ToString(how) == strategy) rule.how = how;
    }
    rule.column = table.steps.SentColumn(table.watermark);
    rule.by_column = table.column_hashes;
    if (table.deletes_from) {
      rule.deletes_from = {FeedName(table), table.deletes_from->key, table.deletes_from->watermark};
    }
    rule.filtered = !table.steps.where.empty();
    rule.precision = table.precision;
    rule.window_ms = table.window_ms;
    rule.time = table.time;
  }
  if (!rules.others && rules.tables.empty()) return std::nullopt;
  return rules;
}

bool UsesLog(const SourceConfig& source) {
  return source.strategy == "cdc" ||
         std::any_of(source.tables.begin(), source.tables.end(),
                     [](const TableConfig& table) { return table.strategy == "cdc"; });
}

ChangeLogOptions LogOptionsOf(const SourceConfig& source) {
  return {source.path, HostId(), source.retention_ms, source.max_log};
}

ChangeLogOptions OwnLogOptionsOf(const SourceConfig& source, const std::string& state_dir,
                                 const std::string& source_id) {
  ChangeLogOptions options = LogOptionsOf(source);
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::weakly_canonical(state_dir, error);
  options.owner = {source.context_id, error ? state_dir : folder.string(), options.host, source_id};
  return options;
}

std::unique_ptr<SourceReader> OpenSource(const SourceConfig& source,
                                         std::map<std::string, std::string> records, ChangeLog* log,
                                         std::function<bool(const std::string&)> takes) {
  if (source.kind != "sqlite") return OpenFiles(source, std::move(records));
  SqliteReaderOptions options{source.path, source.include, source.skip, source.blocked, std::move(records)};
  for (const TableConfig& table : source.tables) {
    if (table.steps.any()) options.steps.push_back(table.steps);
    if (!table.key.empty()) options.keys[FoldName(table.name)] = table.key;
  }
  options.hash_key = KeyOrNone(source);
  options.copy.at_once = source.copy_at_once_bytes;
  options.log = log;
  options.takes = std::move(takes);
  return OpenSqliteReader(std::move(options));
}

std::unique_ptr<PipelineReader> OpenReader(const SourceConfig& source,
                                           std::map<std::string, std::string> records, ChangeLog* log,
                                           std::function<bool(const std::string&)> takes) {
  Pipeline pipeline = PipelineOf(source, std::move(records), takes);
  auto inner = OpenSource(source, pipeline.InnerRecords(), log, std::move(takes));
  return std::make_unique<PipelineReader>(std::move(inner), std::move(pipeline));
}

bool Captures(const SourceConfig& source, const CaptureRules& rules, const std::string& table) {
  for (const TableConfig& own : source.tables) {
    if (SameName(own.name, table)) return rules.Find(SentName(own)) != nullptr;
  }
  return rules.Find(table) != nullptr;
}

absl::StatusOr<CapturedSource> OpenCaptured(const SourceConfig& source, const CaptureRules& rules,
                                            const std::map<std::string, std::string>& records,
                                            CaptureState& state, ChangeLog* log,
                                            std::function<bool(const std::string&)> never_sent) {
  const auto captures = [rules, source](const std::string& table) { return Captures(source, rules, table); };
  std::unique_ptr<PipelineReader> others;
  if (!rules.others || !rules.logged.empty()) {
    others =
        OpenReader(source, records, log, [captures](const std::string& table) { return !captures(table); });
  }
  auto captured = OpenReader(source, records, nullptr, captures);
  const PipelineReader* const logged = others.get();
  absl::StatusOr<std::unique_ptr<SourceReader>> feeds = OpenFeeds(source, state);
  if (!feeds.ok()) return feeds.status();
  CaptureSources sources{std::move(captured), std::move(others), *std::move(feeds)};
  return CapturedSource{OpenCaptureReader(std::move(sources), state, rules, std::move(never_sent)), logged};
}

namespace {

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
      return !one.strategy.empty() && SameName(SentName(one), table.table);
    });
    const bool has_own = own != source.tables.end();
    const bool up_to_date =
        !has_own && (table.action == "populate" || table.equality != TableReport::Equality::kNone);
    if ((has_own ? own->strategy : source.strategy) != "cdc" || up_to_date) continue;
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
  const bool logless = log->get() == nullptr && (source.strategy == "cdc" || source.strategy == "populate");
  if (logless) {
    report.notes.push_back(absl::StrCat(
        source.strategy == "cdc" ? "no change log is installed ('mirror-agent install' makes it)"
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
