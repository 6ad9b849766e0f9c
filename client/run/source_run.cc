#include "client/run/source_run.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/config/source_config.h"
#include "client/cycle/cycle_report.h"
#include "client/exchange/datajoin/sqlite_boxes.h"
#include "client/exchange/exchange_tables.h"
#include "client/exchange/import_delivery.h"
#include "client/exchange/inbox.h"
#include "client/exchange/ledger_rows.h"
#include "client/exchange/mariadb_deliveries.h"
#include "client/exchange/postgres_deliveries.h"
#include "client/run/check_source.h"
#include "client/run/datajoin_run.h"
#include "client/run/last_run.h"
#include "client/run/open_log.h"
#include "client/run/open_source.h"
#include "client/run/source_rules.h"
#include "client/source/capture/capture_history.h"
#include "client/source/capture/capture_state.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/steps/pipeline_reader.h"
#include "client/state/lock_file.h"
#include "client/state/run_state.h"
#include "client/state/work_note.h"
#include "client/wire/mirror_client.h"

// Selects, by the kind of a source, the class that applies deliveries. A new kind
// that takes deliveries is a line in source_run.cc, and KindTraits.takes_deliveries.

namespace mirror {
namespace {

using Target = absl::StatusOr<std::unique_ptr<DeliveryTarget>>;

// --- SQLite -------------------------------------------------------------------

/// Opens the file for each call; imports share one that stays open.
class SqliteTarget : public DeliveryTarget {
 public:
  SqliteTarget(const SourceConfig& source, MakeInboxLayout layout)
      : source_(source), rules_(RulesOfExchange(source)), layout_(std::move(layout)) {}

  absl::Status EmptyInbox() override {
    const absl::StatusOr<std::unique_ptr<SqliteFile>> file = Open();
    return file.ok() ? mirror::EmptyInbox(**file) : file.status();
  }
  absl::Status FillInbox(const FetchedDeliveries& fetched, std::int64_t now_ms) override {
    ASSIGN_OR_RETURN(const std::unique_ptr<SqliteFile> file, Open());
    // First: a layout must not show values that the ledger has removed.
    RETURN_IF_ERROR(ForgetValuesOfGone(*file, rules_));
    const Shown shown(*file, rules_, layout_);
    return mirror::FillInbox(*file, fetched, now_ms, shown.layout.get());
  }
  absl::StatusOr<std::vector<v1::Delivery>> ReadInbox() override {
    ASSIGN_OR_RETURN(const std::unique_ptr<SqliteFile> file, Open());
    return mirror::ReadInbox(*file);
  }
  absl::StatusOr<ImportResult> Import(const v1::Delivery& delivery) override {
    if (importer_ == nullptr) {
      ASSIGN_OR_RETURN(importer_, Importer::Open(source_.path, rules_, &NowMs));
      shown_.emplace(importer_->file(), rules_, layout_);
      importer_->set_layout(shown_->layout.get());
    }
    return importer_->Import(delivery);
  }
  absl::Status WithBoxes(const std::function<absl::Status(BoxSource&)>& work) override {
    ASSIGN_OR_RETURN(const std::unique_ptr<SqliteFile> file, Open());
    SqliteBoxes boxes(*file, rules_);
    return work(boxes);
  }
  void EndImport() override {
    shown_.reset();
    importer_.reset();
  }

 private:
  /// The layout of one connection.
  struct Shown {
    Shown(const SqliteFile& file, const ExchangeRules& rules, const MakeInboxLayout& make)
        : boxes(file, rules), layout(make ? make(boxes) : nullptr) {}
    SqliteBoxes boxes;
    std::unique_ptr<InboxLayout> layout;  ///< Null: none.
  };

  absl::StatusOr<std::unique_ptr<SqliteFile>> Open() const {
    absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(source_.path, Use::kChange);
    if (file.ok()) (*file)->TakeLongValues();
    return file;
  }

  const SourceConfig& source_;
  const ExchangeRules rules_;
  const MakeInboxLayout layout_;
  std::unique_ptr<Importer> importer_;  ///< Null: nothing was imported yet.
  std::optional<Shown> shown_;          ///< Uses `importer_`.
};

Target OpenSqliteTarget(const SourceConfig& source, MakeInboxLayout layout) {
  const absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(source.path, Use::kLooks);
  if (!file.ok() || !CheckExchangeTables(**file).ok()) return nullptr;
  return std::make_unique<SqliteTarget>(source, std::move(layout));
}

// --- Servers ------------------------------------------------------------------

template <typename Deliveries, typename Options>
Target OpenServerTarget(const SourceConfig& source, const std::string& state_dir, Options options) {
  options.rules = RulesOfExchange(source);
  options.clock = &NowMs;
  // If several tables have one sent name, deliveries go to the table that the last run sent under it.
  const absl::StatusOr<RunState> state = RunState::Load(state_dir, source.context_id);
  options.members.choice = ChoiceOf(state.ok() ? WithLastTables(source, state->tables()) : source);
  options.members.keys = options.rules.keys;
  options.members.records = [&source, state_dir]() -> absl::StatusOr<std::map<std::string, std::string>> {
    ASSIGN_OR_RETURN(const RunState last, RunState::Load(state_dir, source.context_id));
    return PipelineOf(source, last.tables().Records()).InnerRecords();
  };
  auto target = std::make_unique<Deliveries>(options);
  absl::Status checked = target->Check();
  if (absl::IsFailedPrecondition(checked)) return nullptr;
  if (!checked.ok()) return checked;
  return target;
}

// --- PostgreSQL ---------------------------------------------------------------

Target OpenPostgresTarget(const SourceConfig& source, const std::string& state_dir, MakeInboxLayout layout) {
  PostgresDeliveriesOptions options;
  options.layout = std::move(layout);
  options.access = PostgresAccessOf(source);
  options.members.schema = source.server.schema;
  return OpenServerTarget<PostgresDeliveries>(source, state_dir, std::move(options));
}

// --- MariaDB ------------------------------------------------------------------

Target OpenMariadbTarget(const SourceConfig& source, const std::string& state_dir) {
  MariadbDeliveriesOptions options;
  options.access = MariadbAccessOf(source);
  return OpenServerTarget<MariadbDeliveries>(source, state_dir, std::move(options));
}

/// Opens the source for deliveries. Null: it takes none, by its configuration, or because the exchange's
/// tables are missing. `state_dir`: has the agent's records on the source's values. `layout`: shows the
/// exchange in more tables. `source` must outlive the result. Errors: the source cannot be reached.
Target OpenTarget(const SourceConfig& source, const std::string& state_dir, MakeInboxLayout layout) {
  if (!source.accept.any()) return nullptr;
  switch (source.kind) {
    case SourceKind::kSqlite:
      return OpenSqliteTarget(source, std::move(layout));
    case SourceKind::kPostgres:
      return OpenPostgresTarget(source, state_dir, std::move(layout));
    case SourceKind::kMariadb:
      return OpenMariadbTarget(source, state_dir);
    default:
      return nullptr;
  }
}

/// Number of fetches; the endpoint itself waits for its hub for a while.
constexpr int kAsks = 3;
/// Maximum of reports in one call.
constexpr int kReportsMax = 10'000;

void Count(const v1::Delivery& delivery, const ImportResult& result, ExchangeFigures* figures) {
  switch (result.outcome) {
    case v1::DELIVERY_OUTCOME_APPLIED:
      ++figures->applied;
      break;
    case v1::DELIVERY_OUTCOME_ALREADY:
      ++figures->already;
      break;
    case v1::DELIVERY_OUTCOME_CONFLICT:
      ++figures->conflicts;
      break;
    case v1::DELIVERY_OUTCOME_LATER:
      ++figures->later;
      break;
    default:
      ++figures->refused;
      if (figures->refusals.size() == kRefusalsTold) break;
      figures->refusals.push_back(absl::StrCat("table '", delivery.table(), "': ", result.reason));
  }
}

/// Fetches deliveries after the completed `cycle`, and puts the answer into the
/// source's inbox. Asks kAsks times if the hub is not ready; then this run does
/// nothing more. Errors: those of the call and the source; the inbox stays unchanged.
absl::Status Transport(DeliveryTarget& target, MirrorClient& client, std::int64_t cycle,
                       ExchangeFigures* figures) {
  FetchedDeliveries fetched;
  for (int ask = 1;; ++ask) {
    ASSIGN_OR_RETURN(FetchAnswer answer, client.FetchDeliveries(cycle));
    figures->waiting = answer.waiting;
    if (answer.waiting.empty()) {
      fetched.deliveries = std::move(answer.deliveries);
      fetched.whole = answer.whole;
      break;
    }
    if (ask == kAsks) return absl::OkStatus();
  }
  figures->fetched = fetched.deliveries.size();
  return target.FillInbox(fetched, NowMs());
}

/// Applies the inbox's deliveries, each in a transaction of its own, and reports them if `client`
/// is set. Errors: the source cannot be read or written; deliveries applied before stay.
absl::Status ImportInbox(DeliveryTarget& target, MirrorClient* client, std::int64_t cycle,
                         ExchangeFigures* figures) {
  ASSIGN_OR_RETURN(const std::vector<v1::Delivery> deliveries, target.ReadInbox());
  if (deliveries.empty()) return absl::OkStatus();
  v1::ReportDeliveriesRequest reports;
  reports.set_cycle(cycle);
  for (const v1::Delivery& delivery : deliveries) {
    ASSIGN_OR_RETURN(const ImportResult result, target.Import(delivery));
    Count(delivery, result, figures);
    if (reports.reports_size() == kReportsMax) continue;
    v1::DeliveryReport* const report = reports.add_reports();
    report->set_delivery_id(delivery.delivery_id());
    report->set_outcome(result.outcome);
    report->set_reason(result.reason.substr(0, 1'000));
  }
  // The report is only shown to people: losing it changes nothing.
  if (client != nullptr) client->ReportDeliveries(reports).IgnoreError();
  return absl::OkStatus();
}

/// Returns a sentence for a source that fetches no deliveries: how many wait for it, and what to do.
/// Empty: none waits, or the endpoint does not say. `accepts`: the source's configuration accepts some.
std::string WaitingUnfetched(MirrorClient& client, std::int64_t cycle, bool accepts) {
  const absl::StatusOr<std::uint64_t> waiting = client.CountDeliveries(cycle);
  if (!waiting.ok() || *waiting == 0) return "";
  return absl::StrCat(*waiting == 1 ? "1 delivery waits" : absl::StrCat(*waiting, " deliveries wait"),
                      " at the server, and none is fetched: ",
                      accepts ? "the source lacks the exchange's tables. Run 'mirror-agent install'"
                              : "'accept' of this [[source]] is empty. Set it to the changes that a hub may "
                                "make in this database, then run 'mirror-agent install'");
}

CycleReport Failed(const absl::Status& status) {
  CycleReport report;
  report.status = status;
  return report;
}

/// Returns the tables of `wanted` that this source has.
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
  cycle->key_look_interval_ms = request.key_look_interval_ms;
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

/// Gives up the history of tables whose settings now send other rows: net changes cannot update their mirror.
absl::Status GiveUpChanged(const SourceConfig& source, const std::optional<CaptureRules>& rules,
                           SourceLog* log, RunState* state, std::vector<std::string>* notes) {
  const Pipeline pipeline = PipelineOf(source, state->tables().Records());
  // Without the key it is unknown whether the mirror's hashes were made with it.
  if (!pipeline.key().ok()) return pipeline.key().status();
  for (const Pipeline::Change& change : pipeline.Changed()) {
    // For captured tables the next reading finds the differences.
    if (rules && rules->Find(change.name) != nullptr) continue;
    absl::Status given_up = log != nullptr ? log->GiveUp(change.source) : state->GiveUp(change.name);
    if (!given_up.ok()) return given_up;
    if (!change.recorded) continue;
    notes->push_back(absl::StrCat("table '", change.name,
                                  "': its [[source.table]] changed what is sent, so all rows are sent"));
  }
  return absl::OkStatus();
}

/// Reports configured tables that the source does not have. If such a table has
/// steps, reading the schema fails with an error, and nothing of the source is
/// sent: otherwise the table that was meant would be sent without its steps.
absl::Status CheckTables(const SourceConfig& source, SourceReader& reader, std::vector<std::string>* notes,
                         std::vector<TableReport>* refused) {
  const absl::StatusOr<std::vector<std::string>> sent = reader.TableNames();
  // Reading the schema reports the error.
  if (!sent.ok()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<IdleTable> idle, FindIdleTables(source, *sent));
  for (const IdleTable& one : idle) {
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

/// Whether a table should be logged and is not, so that the run did not see changes that keep its number of
/// rows. If the strategy is the whole source's, a table that the run populated or compared does not count:
/// it is up to date for now.
bool LacksLog(const SourceConfig& source, const TableReport& table) {
  const auto own = std::find_if(source.tables.begin(), source.tables.end(), [&](const TableConfig& one) {
    return one.strategy.has_value() && SameName(SentName(one), table.table);
  });
  const bool has_own = own != source.tables.end();
  const bool up_to_date = !has_own && (table.action == TableReport::Action::kPopulate ||
                                       table.equality != TableReport::Equality::kNone);
  const Strategy strategy = has_own ? *own->strategy : source.strategy;
  return table.result == TableResult::kOk && strategy == Strategy::kCdc && !up_to_date;
}

void FailUnlogged(const SourceConfig& source, CycleReport* report) {
  for (TableReport& table : report->tables) {
    if (!LacksLog(source, table)) continue;
    table.result = TableResult::kFailed;
    table.unsent = UnsentReason::kNoLog;
    table.reason =
        "the strategy is \"cdc\", and no change log is installed: changes that keep a table's number of rows "
        "are "
        "not sent. Run 'mirror-agent install'";
  }
}

/// Whether the run before may have applied deliveries, and ended before its second push.
bool MayBeUntold(const std::string& state_dir, const std::string& context_id) {
  const std::optional<std::int64_t> begun_ms = LoadMark(state_dir, context_id);
  const absl::StatusOr<std::optional<LastRun>> last = LastRun::Load(state_dir, context_id);
  return !last.ok() || !last->has_value() || (*last)->outcome != Outcome::kDone ||
         (*last)->begun_ms < begun_ms.value_or(0);
}

/// A push, the deliveries for the source, and a push that reports their results.
class ExchangingRun {
 public:
  ExchangingRun(const SourceConfig& source, DeliveryTarget& target, const DatajoinRun& datajoin,
                const Connection& connection, const RunRequest& request, bool may_be_untold)
      : target_(target),
        datajoin_(datajoin),
        request_(request),
        may_be_untold_(may_be_untold),
        client_(connection.line->Channel(), connection.identity, source.context_id) {
    client_.set_counters(request.counters);
    client_.set_patience(connection.patience);
  }

  CycleReport Go(const std::function<CycleReport()>& push) {
    CycleReport report;
    const bool imports_alone = request_.exchange == RunRequest::Exchange::kImport;
    if (!imports_alone) {
      if (absl::Status ready = datajoin_.Begin(target_); !ready.ok()) return Failed(ready);
      if (absl::Status emptied = target_.EmptyInbox(); !emptied.ok()) return Failed(emptied);
      report = push();
      datajoin_.Pushed(target_, report);
      if (report.outcome != Outcome::kDone || !report.delivers) return report;
      figures_.emplace();
      absl::Status fetched = Transport(target_, client_, report.cycle, &*figures_);
      datajoin_.Fetched(target_, fetched, figures_->waiting);
      if (!fetched.ok()) return Ended(std::move(report), fetched);
    } else {
      if (absl::Status there = datajoin_.Check(target_); !there.ok()) return Failed(there);
      figures_.emplace();
    }
    if (request_.exchange != RunRequest::Exchange::kTransport) {
      absl::Status imported =
          ImportInbox(target_, imports_alone ? nullptr : &client_, report.cycle, &*figures_);
      target_.EndImport();
      const bool tried = figures_->applied + figures_->conflicts + figures_->refused > 0;
      // The hub gets the results together with the changed rows.
      if (tried || (imports_alone && may_be_untold_)) {
        CycleReport told = push();
        // Heartbeats can only follow the last cycle.
        report.heartbeat = told.heartbeat;
        if (imports_alone || !told.Good()) report = std::move(told);
      } else if (imports_alone) {
        report.outcome = Outcome::kDone;
        report.pushes = false;
      }
      if (!imported.ok()) return Ended(std::move(report), imported);
    }
    report.exchange = std::move(figures_);
    return report;
  }

 private:
  CycleReport Ended(CycleReport report, const absl::Status& status) {
    report.outcome = Outcome::kFailed;
    report.status = status;
    report.exchange = std::move(figures_);
    return report;
  }

  DeliveryTarget& target_;
  const DatajoinRun& datajoin_;
  const RunRequest& request_;
  const bool may_be_untold_;
  MirrorClient client_;
  std::optional<ExchangeFigures> figures_;
};

/// A push of a source that takes no deliveries; notes whether some wait for it.
CycleReport PushAlone(const SourceConfig& source, const Connection& connection, const RunRequest& request,
                      const std::function<CycleReport()>& push) {
  CycleReport report = push();
  if (report.outcome != Outcome::kDone || !report.delivers) return report;
  MirrorClient client(connection.line->Channel(), connection.identity, source.context_id);
  client.set_counters(request.counters);
  client.set_patience(connection.patience);
  std::string waits = WaitingUnfetched(client, report.cycle, source.accept.any());
  if (!waits.empty()) report.notes.push_back(std::move(waits));
  return report;
}

/// One run of a source whose lock is held.
class LockedRun {
 public:
  LockedRun(const AgentConfig& config, const SourceConfig& source, const Connection& connection,
            const RunRequest& request)
      : config_(config), source_(source), connection_(connection), request_(request), placed_(source) {
    placed_.rejects = RejectsOf(source, config.agent.state_dir);
  }

  CycleReport Go(LockFile& lock, WorkNote& work) {
    if (absl::Status opened = Open(); !opened.ok()) return Failed(opened);
    const absl::StatusOr<CycleOptions> cycle = OptionsOf(work);
    if (!cycle.ok()) return Failed(cycle.status());
    CycleReport report = RunCycle(lock, *cycle);
    compared_ = cycle->verify == CycleOptions::Verify::kAll && report.outcome == Outcome::kDone;
    KeepVerified(*cycle, &report);
    AddRemarks(&report);
    if (log_ == nullptr) return report;
    report.log = log_->Figures();
    for (std::string& note : NearBounds(*report.log, source_)) report.notes.push_back(std::move(note));
    report.unlogged = std::move(why_unlogged_);
    return report;
  }

  /// Whether all tables were compared by digests.
  bool compared() const { return compared_; }

 private:
  absl::Status Open() {
    RETURN_IF_ERROR(OpenMemory());
    RETURN_IF_ERROR(OpenWithCaptures());
    if (absl::Status given_up =
            GiveUpChanged(placed_, RulesOf(source_, unlogged_), log_.get(), &*state_, &notes_);
        !given_up.ok()) {
      return given_up;
    }
    if (reader_ == nullptr) OpenAlone();
    return CheckTables(placed_, *reader_, &notes_, &refused_);
  }

  absl::Status OpenMemory() {
    ASSIGN_OR_RETURN(RunState state, RunState::Load(config_.agent.state_dir, source_.context_id));
    state_.emplace(std::move(state));
    placed_ = WithLastTables(std::move(placed_), state_->tables());
    if (!UsesLog(source_)) return absl::OkStatus();
    const LogUser user = {config_.agent.state_dir, state_->source_id(), false, state_->is_new()};
    ASSIGN_OR_RETURN(log_, OpenLog(source_, user, request_.kept, request_.stop));
    if (log_ != nullptr) {
      ASSIGN_OR_RETURN(auto unlogged, log_->Unlogged());
      why_unlogged_ = KeepToBeLogged(source_, std::move(unlogged));
      for (const auto& [name, why] : why_unlogged_) unlogged_.insert(name);
    }
    // The source keeps this id if it is read without the log one day.
    if (log_ != nullptr) state_->KeepSourceId(log_->source_id());
    return absl::OkStatus();
  }

  /// Does nothing if no table is captured.
  absl::Status OpenWithCaptures() {
    const std::optional<CaptureRules> rules = RulesOf(source_, unlogged_);
    if (!rules) return absl::OkStatus();
    ASSIGN_OR_RETURN(capture_, CaptureState::Open(config_.agent.state_dir, source_.context_id));
    const auto never_sent = [this, targets = TargetsOf(source_)](const std::string& table) {
      const auto target = targets.find(FoldName(table));
      const bool staged = target != targets.end() && target->second.staged;
      return !staged && state_->tables().FindConfirmed(table) == nullptr;
    };
    absl::StatusOr<CapturedSource> opened =
        OpenCaptured(placed_, *rules, state_->tables().Records(), *capture_, log_.get(), never_sent);
    if (!opened.ok()) return opened.status();
    if (log_ != nullptr && opened->logged != nullptr) logged_.emplace(*log_, *opened->logged);
    reader_ = std::move(opened->reader);
    History& base = logged_ ? static_cast<History&>(*logged_) : *state_;
    captured_.emplace(*capture_, base, !rules->others, *rules);
    return absl::OkStatus();
  }

  void OpenAlone() {
    // The types of a table that was never sent need no check before: reading all of its rows checks them.
    placed_.trusts_types = true;
    std::unique_ptr<PipelineReader> opened = OpenReader(placed_, state_->tables().Records(), log_.get());
    if (log_ != nullptr) logged_.emplace(*log_, *opened);
    reader_ = std::move(opened);
  }

  absl::StatusOr<CycleOptions> OptionsOf(WorkNote& work) {
    CycleOptions cycle;
    cycle.batch_bytes = config_.agent.batch_bytes;
    cycle.window = config_.agent.window;
    cycle.read_ahead = request_.read_ahead;
    cycle.staging = absl::StrCat(config_.agent.state_dir, "/", source_.context_id, ".staging");
    cycle.progress = [this, &work](const Work& done) {
      work.Show(done);
      if (request_.progress) request_.progress(done);
    };
    cycle.stop = request_.stop;
    if (log_ == nullptr) {
      cycle.lacks_log = [this](const TableReport& table) { return LacksLog(source_, table); };
    }
    for (const TableReport& table : refused_) cycle.refused.push_back(table.table);
    cycle.targets = TargetsOf(source_);
    cycle.repopulate_all = request_.repopulate && request_.tables.empty();
    if (!request_.tables.empty()) {
      ASSIGN_OR_RETURN(const std::vector<std::string> names, reader_->TableNames());
      cycle.repopulate = Own(names, request_.tables);
    }
    SetVerification(source_, request_, *state_, &cycle);
    return cycle;
  }

  /// Null: the run state is the history.
  History* history() {
    if (captured_) return &*captured_;
    return logged_ ? &*logged_ : nullptr;
  }

  CycleReport RunCycle(LockFile& lock, const CycleOptions& cycle) {
    MirrorClient client(connection_.line->Channel(), connection_.identity, source_.context_id);
    client.set_counters(request_.counters);
    client.set_patience(connection_.patience);
    absl::StatusOr<std::unique_ptr<ReceiptBook>> receipts = nullptr;
    if (config_.agent.receipts) receipts = ReceiptBook::Open(config_.agent.state_dir, source_.context_id);
    ReceiptBook* const book = receipts.ok() ? receipts->get() : nullptr;
    CycleMarks* const marks = log_ == nullptr ? nullptr : log_->marks();
    CycleReport report = RunOnce({*reader_, client, lock, *state_, history(), book, marks}, cycle);
    if (marks == nullptr && source_.accept.any()) {
      report.notes.emplace_back(
          "'accept' is set, and the source lacks the exchange's tables: nothing is imported until "
          "'mirror-agent install' has made them");
    }
    report.notes.insert(report.notes.begin(), notes_.begin(), notes_.end());
    if (!receipts.ok()) report.notes.emplace_back(receipts.status().message());
    return report;
  }

  void KeepVerified(const CycleOptions& cycle, CycleReport* report) {
    // The first comparison is due an interval after the source was first read.
    if (!compared_ && state_->verified_ms() != 0) return;
    state_->SetVerified(cycle.now_ms);
    if (absl::Status saved = state_->Save(); !saved.ok()) report->notes.emplace_back(saved.message());
  }

  /// Adds tables that no cycle could send, and notes on changes that are not seen without a change log.
  void AddRemarks(CycleReport* report) {
    if (report->outcome == Outcome::kDone) {
      report->tables.insert(report->tables.end(), refused_.begin(), refused_.end());
      if (log_ == nullptr) FailUnlogged(source_, report);
    }
    if (log_ != nullptr || !IsLogged(source_.strategy)) return;
    const char* const why = source_.strategy == Strategy::kCdc
                                ? "no change log is installed ('mirror-agent install' makes it)"
                                : "without a change log";
    report->notes.push_back(absl::StrCat(why, std::string(kUnlogged)));
  }

  const AgentConfig& config_;
  const SourceConfig& source_;
  const Connection& connection_;
  const RunRequest& request_;
  std::optional<RunState> state_;
  std::unique_ptr<SourceLog> log_;  ///< Null: not used or not installed.
  std::set<std::string> unlogged_;  ///< Tables that the log cannot log.
  std::map<std::string, std::string> why_unlogged_;
  SourceConfig placed_;  ///< With the path of its rejects.
  std::unique_ptr<SourceReader> reader_;
  std::optional<PipelineHistory> logged_;  ///< For tables that are not captured, by the change log.
  std::unique_ptr<CaptureState> capture_;
  std::optional<CaptureHistory> captured_;
  std::vector<std::string> notes_;
  std::vector<TableReport> refused_;
  bool compared_ = false;
};

}  // namespace

CycleReport RunSource(const AgentConfig& config, const SourceConfig& source, const Connection& connection,
                      const RunRequest& request) {
  absl::StatusOr<LockFile> lock = LockFile::Acquire(config.agent.state_dir, source.context_id);
  // The process that holds the lock records its own result.
  if (!lock.ok()) return Failed(lock.status());
  const std::int64_t begun_ms = NowMs();
  bool compared = false;
  CycleReport report;
  WorkNote work(config.agent.state_dir, source.context_id, begun_ms);
  const bool may_be_untold = MayBeUntold(config.agent.state_dir, source.context_id);
  const absl::Status marked = MarkBegin(config.agent.state_dir, source.context_id, begun_ms);
  try {
    const auto push = [&] {
      LockedRun run(config, source, connection, request);
      CycleReport pushed = run.Go(*lock, work);
      compared = compared || run.compared();
      return pushed;
    };
    const DatajoinRun datajoin(source);
    const auto target = OpenTarget(source, config.agent.state_dir, datajoin.layout());
    if (!marked.ok()) {
      report = Failed(marked);
    } else if (!target.ok()) {
      report = Failed(target.status());
    } else if (*target != nullptr) {
      report = ExchangingRun(source, **target, datajoin, connection, request, may_be_untold).Go(push);
    } else if (request.exchange != RunRequest::Exchange::kAll) {
      report =
          Failed(absl::FailedPreconditionError("the source takes no deliveries. Nothing was done. Set "
                                               "'accept' of its [[source]], then run 'mirror-agent "
                                               "install'."));
    } else {
      report = PushAlone(source, connection, request, push);
    }
  } catch (const std::exception& error) {
    // Mostly out of memory. The other tenants of this process continue.
    report = Failed(absl::InternalError(
        absl::StrCat("the run was aborted (", error.what(),
                     "). What was acknowledged is committed; run again to continue from there")));
  }
  const absl::Status kept =
      KeepLastRun(config.agent.state_dir, source.context_id, report, begun_ms, NowMs(), compared);
  if (!kept.ok()) report.notes.emplace_back(kept.message());
  if (!kept.ok() && !marked.ok()) ForgetLastRun(config.agent.state_dir, source.context_id);
  return report;
}

}  // namespace mirror
