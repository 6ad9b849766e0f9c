#include "tools/mirror_harness/synthetic/tenant.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/folded_name.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "client/wire/connect.h"
#include "client/wire/mirror_client.h"
#include "proto/wire/codec.h"
#include "tools/mirror_harness/synthetic/row_model.h"
#include "tools/mirror_harness/synthetic/schema_file.h"

namespace mirror::harness {
namespace {

constexpr int kAttempts = 8;
/// Pause before the next attempt, multiplied by the number of the attempt.
constexpr std::chrono::milliseconds kPause(500);
constexpr std::uint64_t kVerdictsShown = 10;

bool WorthAnotherCycle(const absl::Status& status) {
  return status.code() == absl::StatusCode::kAborted || status.code() == absl::StatusCode::kUnavailable;
}

std::uint64_t RandomBits() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

absl::Status Prefixed(const std::string& context_id, const char* call, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("tenant '", context_id, "', ", call, ": ",
                                                  absl::StatusCodeToString(status.code()), ": ",
                                                  std::string(status.message())));
}

absl::StatusOr<std::vector<TableRecipe>> MakeRecipes(const Options& options) {
  std::vector<TableRecipe> recipes;
  if (options.schema.empty()) {
    for (std::uint32_t i = 1; i <= options.tables; ++i) recipes.push_back(BenchTable(i, options.columns));
    return recipes;
  }
  ASSIGN_OR_RETURN(std::vector<TableSchema> schemas, LoadSchemaFile(options.schema));
  for (TableSchema& schema : schemas) {
    TableRecipe recipe{std::move(schema), {}};
    for (std::uint32_t i = 0; i < recipe.schema.columns.size(); ++i) {
      recipe.columns.push_back(RecipeFor(recipe.schema.columns[i], i));
    }
    recipes.push_back(std::move(recipe));
  }
  return recipes;
}

std::uint64_t TenantSeed(const Options& options, std::uint32_t number) {
  return MixBits(options.seed * 0x9e3779b97f4a7c15ULL + number);
}

absl::StatusOr<std::vector<RowModel>> MakeTables(const Options& options,
                                                 const std::vector<TableRecipe>& recipes,
                                                 std::uint32_t number) {
  std::vector<RowModel> tables;
  for (const TableRecipe& recipe : recipes) {
    ASSIGN_OR_RETURN(
        RowModel model,
        RowModel::Make(recipe, MixBits(TenantSeed(options, number) + tables.size() + 1), options.rows));
    tables.push_back(std::move(model));
  }
  return tables;
}

/// Collects the errors of all threads.
class Failures {
 public:
  void Add(const absl::Status& status) {
    const MutexLock lock(mutex_);
    list_.push_back(status);
  }
  std::vector<absl::Status> Take() {
    const MutexLock lock(mutex_);
    return std::move(list_);
  }

 private:
  Mutex mutex_;
  std::vector<absl::Status> list_ MIRROR_GUARDED_BY(mutex_);
};

/// Runs one client. It runs a cycle of each of the tenants first, first + clients, ..., and repeats that.
void RunClient(const Options& options, const AgentConfig& config,
               const std::vector<std::unique_ptr<Tenant>>& tenants, std::size_t first, Meter* meter,
               Failures* failures) {
  const absl::StatusOr<Connection> connection = Connect(config);
  if (!connection.ok()) return failures->Add(connection.status());
  struct Mine {
    Tenant* tenant;
    SyntheticSource source;
  };
  std::vector<Mine> mine;
  for (std::size_t i = first; i < tenants.size(); i += options.clients) {
    mine.push_back({tenants[i].get(), SyntheticSource(std::make_unique<MirrorClient>(
                                                          connection->line->Channel(), connection->identity,
                                                          tenants[i]->context_id()),
                                                      Tenant::kSourceId)});
  }
  const auto run = [&](auto&& cycle) {
    std::erase_if(mine, [&](Mine& one) {
      const absl::Status status = cycle(one);
      if (!status.ok()) failures->Add(status);
      return !status.ok();
    });
  };
  run([&](Mine& one) { return one.tenant->Populate(&one.source, meter); });
  if (options.command == Command::kSoak) {
    const auto end = std::chrono::steady_clock::now() + SoakTime(options);
    while (!mine.empty() && std::chrono::steady_clock::now() < end) {
      run([&](Mine& one) { return one.tenant->ChangeAndSend(&one.source, meter); });
    }
  }
  if (options.command != Command::kCycle) return;
  for (std::uint32_t i = 0; i < options.cycles; ++i) {
    run([&](Mine& one) { return one.tenant->ChangeAndSend(&one.source, meter); });
  }
}

}  // namespace

Tenant::Tenant(const Options& options, std::string context_id, std::uint64_t seed,
               std::vector<RowModel> tables)
    : options_(options),
      context_id_(std::move(context_id)),
      holder_(options.take_over.empty() ? absl::StrFormat("harness-%016x", RandomBits()) : options.take_over),
      random_(seed),
      lineage_seed_(RandomBits()) {
  schema_.set_source_id(kSourceId);
  for (RowModel& model : tables) {
    EncodeTable(model.schema(), schema_.add_tables());
    tables_.push_back({std::move(model), {}, true, {}, {}, {}, {}});
  }
}

absl::Status Tenant::Populate(SyntheticSource* source, Meter* meter) {
  const Meter::Clock::time_point start = Meter::Clock::now();
  absl::Status status = RunCycle(source, meter);
  if (status.ok()) meter->Population(Meter::Clock::now() - start);
  populate_all_ = false;
  return status;
}

absl::Status Tenant::ChangeAndSend(SyntheticSource* source, Meter* meter) {
  ++version_;
  target_set_ = false;
  for (TableState& table : tables_) table.changes = {};
  std::vector<std::uint64_t> counts(tables_.size(), 0);
  for (std::uint64_t i = 0; i < options_.changes; ++i) ++counts[random_.Below(counts.size())];
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    if (counts[i] == 0) continue;
    tables_[i].changes = ChangeRows(counts[i], options_.mix, version_, &random_, &tables_[i].model);
    rows_changed_ += tables_[i].changes.rows();
  }
  const Meter::Clock::time_point start = Meter::Clock::now();
  absl::Status status = RunCycle(source, meter);
  if (status.ok()) meter->Cycle(Meter::Clock::now() - start);
  return status;
}

absl::Status Tenant::RunCycle(SyntheticSource* source, Meter* meter) {
  for (int attempt = 1;; ++attempt) {
    const absl::Status status = TryCycle(source, attempt > 1, meter);
    const bool never_there = send_.cycle == 0;
    if (status.ok() || never_there || !WorthAnotherCycle(status) || attempt == kAttempts) return status;
    meter->Say(
        absl::StrCat(std::string(status.message()), "\n  A new cycle continues from the mirror's position."));
    std::this_thread::sleep_for(kPause * attempt);
  }
}

absl::Status Tenant::TryCycle(SyntheticSource* source, bool again, Meter* meter) {
  Meter::Clock::time_point since = Meter::Clock::now();
  const auto part = [&](Meter::Part which) {
    const Meter::Clock::time_point now = Meter::Clock::now();
    if (!populate_all_) meter->CyclePart(which, now - since);
    since = now;
  };
  ASSIGN_OR_RETURN(v1::AuthenticateResponse begun, Begin(source, again));
  part(Meter::Part::kAuthenticate);
  ASSIGN_OR_RETURN(v1::TableSchemaResponse announced, Announce(source, std::move(begun)));
  Work work = Plan(announced, meter);
  part(Meter::Part::kTableSchema);
  RETURN_IF_ERROR(Send(source, &work, meter));
  part(Meter::Part::kRows);
  const absl::Status completed = Complete(*source, work, meter);
  part(Meter::Part::kCompleted);
  return completed;
}

absl::StatusOr<v1::AuthenticateResponse> Tenant::Begin(SyntheticSource* source, bool again) {
  const bool take_over = again || !options_.take_over.empty();
  absl::StatusOr<v1::AuthenticateResponse> answer =
      source->Authenticate(holder_, take_over, /*probe=*/false, announced_sha256_);
  if (!answer.ok()) return Prefixed(context_id_, "Authenticate", answer.status());
  if (answer->do_not_replicate()) {
    return absl::FailedPreconditionError(absl::StrCat("tenant '", context_id_,
                                                      "' accepts no changes now: ", answer->reason(),
                                                      ". See 'mirrorctl resume ", context_id_, "'"));
  }
  if (answer->has_busy()) {
    const v1::Busy& busy = answer->busy();
    return absl::FailedPreconditionError(
        absl::StrCat("tenant '", context_id_, "' is busy: cycle ", busy.cycle(), " of '", busy.holder(),
                     "' is running. Wait until it ends (it also ends after 10 minutes without progress), or "
                     "give --take-over '",
                     busy.holder(), "' if that run is known to be dead"));
  }
  if (!answer->accepted() || answer->cycle() == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("tenant '", context_id_, "': Authenticate began no cycle and gave no reason"));
  }
  const v1::Limits& limits = source->limits();
  send_.cycle = source->cycle();
  send_.window = options_.window;
  send_.unary = options_.unary;
  send_.size.bytes = options_.batch_bytes;
  if (limits.message_bytes_max() > 0) {
    send_.size.bytes = std::min(send_.size.bytes, limits.message_bytes_max() / 4 * 3);
  }
  if (limits.batch_rows_max() > 0) send_.size.rows_max = limits.batch_rows_max();
  if (limits.batch_cells_max() > 0) send_.size.cells_max = limits.batch_cells_max();
  return answer;
}

/// Announces the tables. After the first announcement it sends only their digest.
absl::StatusOr<v1::TableSchemaResponse> Tenant::Announce(SyntheticSource* source,
                                                         v1::AuthenticateResponse begun) {
  absl::StatusOr<v1::TableSchemaResponse> answer;
  if (begun.has_announced()) {
    answer = std::move(*begun.mutable_announced());
  } else {
    announced_sha256_ = AnnouncementSha256(schema_);
    v1::TableSchemaRequest request = schema_;
    request.set_cycle(send_.cycle);
    answer = source->client().TableSchema(request);
    if (!answer.ok()) return Prefixed(context_id_, "TableSchema", answer.status());
  }
  if (answer->tables_size() != schema_.tables_size()) {
    return absl::InternalError(absl::StrCat("tenant '", context_id_, "': TableSchema with ",
                                            schema_.tables_size(), " tables was answered with ",
                                            answer->tables_size()));
  }
  return answer;
}

Tenant::Work Tenant::Plan(const v1::TableSchemaResponse& announced, Meter* meter) {
  SetTarget(announced);
  Work work;
  EncodePosition(target_, work.advance.mutable_position());
  for (std::size_t i = 0; i < tables_.size(); ++i)
    Decide(i, announced.tables(static_cast<int>(i)), &work, meter);
  return work;
}

/// Sets the target of the cycle. Later attempts of the same cycle keep it: a table at this position was
/// committed by an earlier attempt.
void Tenant::SetTarget(const v1::TableSchemaResponse& answer) {
  if (target_set_) return;
  target_set_ = true;
  std::int64_t highest = std::max<std::int64_t>(target_.lsn.value, 0);
  if (populate_all_) {
    for (const v1::TableStatus& status : answer.tables())
      highest = std::max(highest, status.position().lsn());
  }
  target_.lsn.value = highest + 1 + static_cast<std::int64_t>(random_.Below(100));
  target_.lineage = absl::StrFormat("%016x", MixBits(lineage_seed_ + version_));
}

void Tenant::Decide(std::size_t index, const v1::TableStatus& status, Work* work, Meter* meter) {
  TableState& table = tables_[index];
  const std::string& name = table.model.schema().name;
  table.failure.clear();
  if (!SameName(status.table(), name) || !status.wanted() || status.action() == v1::TABLE_ACTION_REFUSED ||
      status.action() == v1::TABLE_ACTION_HELD) {
    table.behind = true;
    table.failure =
        absl::StrCat("not mirrored (", v1::TableAction_Name(status.action()), "): ", status.reason());
    meter->Say(absl::StrCat("tenant '", context_id_, "', table '", name, "': ", table.failure));
    return;
  }
  table.sent.clear();
  table.checked.clear();
  for (std::uint32_t column = 0; column < table.model.recipes().size(); ++column) {
    const v1::ColumnRule rule = static_cast<int>(column) < status.rules_size()
                                    ? status.rules(static_cast<int>(column))
                                    : v1::COLUMN_RULE_PLAIN;
    if (rule == v1::COLUMN_RULE_LEFT_OUT) continue;
    table.sent.push_back(column);
    if (rule == v1::COLUMN_RULE_PLAIN || rule == v1::COLUMN_RULE_UNSPECIFIED) table.checked.push_back(column);
  }
  // An attempt whose answer was lost has committed the table.
  if (DecodePosition(status.position()) == target_) {
    table.committed = target_;
    table.behind = false;
    return;
  }
  const PopulateReason populate = WhyPopulate(table, status);
  if (populate == PopulateReason::kNone && table.changes.empty()) {
    v1::Advance::Table* quiet = work->advance.add_tables();
    quiet->set_table(name);
    quiet->set_base_lsn(table.committed.lsn.value);
    work->advanced.push_back(index);
    return;
  }
  if (populate != PopulateReason::kNone && populate != PopulateReason::kKeyless && !populate_all_) {
    meter->Say(absl::StrCat("tenant '", context_id_, "', table '", name, "': populated again (",
                            std::string(ToString(populate)), ")"));
  }
  if (populate != PopulateReason::kNone) table.model.SortKeys();
  work->jobs.push_back(Job(index, status, populate));
}

PopulateReason Tenant::WhyPopulate(const TableState& table, const v1::TableStatus& status) const {
  const Position position = DecodePosition(status.position());
  if (position.lsn.value == -1) {
    return status.action() == v1::TABLE_ACTION_REPOPULATE ? PopulateReason::kSchema
                                                          : PopulateReason::kMinusOne;
  }
  if (populate_all_ || table.behind) return PopulateReason::kRequested;
  if (status.has_pending() && status.pending().lsn() != -1 &&
      !(DecodePosition(status.pending()) == target_)) {
    return PopulateReason::kPendingMiss;
  }
  if (position.lsn.value > table.committed.lsn.value) return PopulateReason::kAhead;
  if (position.lsn.value < table.committed.lsn.value) return PopulateReason::kHistoryGone;
  if (!(position == table.committed)) return PopulateReason::kLineageMiss;
  return !table.model.has_key() && !table.changes.empty() ? PopulateReason::kKeyless : PopulateReason::kNone;
}

TableJob Tenant::Job(std::size_t index, const v1::TableStatus& status, PopulateReason populate) const {
  const TableState& table = tables_[index];
  TableJob job;
  job.table = index;
  job.model = &table.model;
  job.schema_hash = status.schema_hash();
  job.target = target_;
  job.populate = populate;
  if (populate != PopulateReason::kNone) {
    job.plans = PlanPopulation(table.model, table.sent, send_.size);
    job.planned.inserts = table.model.rows();
    return job;
  }
  job.base = table.committed.lsn;
  job.plans = PlanChanges(table.model, table.changes, table.sent, send_.size);
  job.planned.inserts = table.changes.inserts.size();
  job.planned.deletes = table.changes.deletes.size();
  for (const TableChanges::Update& update : table.changes.updates) job.planned.updates += update.keys.size();
  return job;
}

absl::Status Tenant::Send(SyntheticSource* source, Work* work, Meter* meter) {
  sent_columns_.clear();
  for (const TableState& table : tables_) sent_columns_.push_back(table.sent);
  LastRows last{source->Completed(Summaries(*work, /*all_committed=*/true)), {}};
  const absl::Status sent = SendJobs(&source->client(), send_, sent_columns_, &work->jobs, meter,
                                     work->advanced.empty() ? &last : nullptr);
  const bool all_committed =
      std::all_of(work->jobs.begin(), work->jobs.end(), [](const TableJob& job) { return job.committed; });
  if (last.answer && !all_committed) {
    return absl::InternalError(absl::StrCat(
        "tenant '", context_id_, "': RowData ended the cycle, and not all of its tables were committed"));
  }
  work->ended = std::move(last.answer);
  std::vector<std::string> not_advanced;
  absl::Status advanced;
  if (sent.ok() && !work->advanced.empty()) {
    advanced = SendAdvance(&source->client(), send_.cycle, work->advance, meter, &not_advanced);
  }
  Note(*work, not_advanced, meter);
  if (!sent.ok()) return Prefixed(context_id_, "RowData", sent);
  if (!advanced.ok()) return Prefixed(context_id_, "RowData", advanced);
  return absl::OkStatus();
}

void Tenant::Note(const Work& work, const std::vector<std::string>& not_advanced, Meter* meter) {
  const auto note = [&](TableState* table, bool committed, const std::string& failure) {
    table->behind = !committed;
    table->failure = failure;
    if (committed) table->committed = target_;
    if (!failure.empty()) {
      meter->Say(
          absl::StrCat("tenant '", context_id_, "', table '", table->model.schema().name, "': ", failure));
    }
  };
  for (const TableJob& job : work.jobs) {
    // If the job neither was committed nor has failed, the call broke off. The job keeps its changes, and the
    // next attempt sends them from the table's position.
    if (job.committed || !job.failure.empty()) note(&tables_[job.table], job.committed, job.failure);
  }
  for (std::size_t i = 0; i < work.advanced.size(); ++i) {
    // Without an answer, the position stays as it was known. The next attempt gets the real one.
    if (i < not_advanced.size()) note(&tables_[work.advanced[i]], not_advanced[i].empty(), not_advanced[i]);
  }
}

std::vector<v1::TableSummary> Tenant::Summaries(const Work& work, bool all_committed) {
  std::vector<v1::TableSummary> tables;
  for (const TableJob& job : work.jobs) {
    v1::TableSummary& summary = tables.emplace_back();
    summary.set_table(job.model->schema().name);
    summary.set_inserts(job.planned.inserts);
    summary.set_updates(job.planned.updates);
    summary.set_deletes(job.planned.deletes);
    if (job.committed || all_committed) summary.set_row_count(job.model->rows());
  }
  return tables;
}

absl::Status Tenant::Complete(SyntheticSource& source, const Work& work, Meter* meter) {
  if (work.ended) source.Ended(*work.ended);
  const absl::StatusOr<v1::ReplicationCompletedResponse> answer =
      work.ended ? *work.ended : source.Complete(Summaries(work, /*all_committed=*/false));
  if (!answer.ok()) return Prefixed(context_id_, "ReplicationCompleted", answer.status());
  for (const v1::TableVerdict& verdict : answer->tables()) {
    if (verdict.comparison() != v1::COMPARISON_DIFFERS) continue;
    if (++verdicts_different_ > kVerdictsShown) continue;
    meter->Say(absl::StrCat("tenant '", context_id_, "', table '", verdict.table(),
                            "': the mirror found a difference: ", verdict.reason()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RowModel>> MakeTables(const Options& options, std::uint32_t number) {
  ASSIGN_OR_RETURN(const std::vector<TableRecipe> recipes, MakeRecipes(options));
  return MakeTables(options, recipes, number);
}

absl::StatusOr<std::vector<std::unique_ptr<Tenant>>> MakeTenants(const Options& options,
                                                                 const std::string& context_id) {
  ASSIGN_OR_RETURN(const std::vector<TableRecipe> recipes, MakeRecipes(options));
  std::vector<std::unique_ptr<Tenant>> tenants;
  for (std::uint32_t number = 1; number <= options.tenants; ++number) {
    const std::string name = absl::StrCat(context_id, "-", number);
    RETURN_IF_ERROR(CheckContextId(name));
    ASSIGN_OR_RETURN(std::vector<RowModel> tables, MakeTables(options, recipes, number));
    tenants.push_back(
        std::make_unique<Tenant>(options, name, TenantSeed(options, number), std::move(tables)));
  }
  return tenants;
}

std::vector<absl::Status> RunTenants(const Options& options, const AgentConfig& config,
                                     const std::vector<std::unique_ptr<Tenant>>& tenants, Meter* meter) {
  Failures failures;
  std::vector<std::thread> clients;
  for (std::size_t i = 0; i < std::min<std::size_t>(options.clients, tenants.size()); ++i) {
    clients.emplace_back([&, i] { RunClient(options, config, tenants, i, meter, &failures); });
  }
  for (std::thread& client : clients) client.join();
  return failures.Take();
}

}  // namespace mirror::harness
