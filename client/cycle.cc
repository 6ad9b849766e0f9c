#include "client/cycle.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/decision.h"
#include "client/row_sender.h"
#include "proto/wire/codec.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

constexpr std::size_t kNamesListed = 10;

class Run {
 public:
  Run(const CycleParts& parts, const CycleOptions& options)
      : reader_(parts.reader),
        client_(parts.client),
        lock_(parts.lock),
        state_(parts.state),
        history_(parts.log != nullptr ? *parts.log : parts.state),
        options_(options) {}

  CycleReport Do() {
    const absl::Status status = AllCycles();
    if (!status.ok()) {
      report_.outcome = Outcome::kFailed;
      report_.status = status;
    }
    return std::move(report_);
  }

 private:
  absl::Status AllCycles() {
    for (int repeat = 0;; ++repeat) {
      if (absl::Status status = TakeSchema(); !status.ok()) return status;
      if (repeat == 0) {
        if (absl::Status status = FirstLook(); !status.ok()) return status;
      }
      absl::StatusOr<bool> began = OneCycle();
      if (!began.ok()) return began.status();
      if (!*began) return absl::OkStatus();
      report_.outcome = Outcome::kDone;
      std::set<std::string> moved;
      for (const Job& job : jobs_) {
        if (!job.again) continue;
        moved.insert(job.schema.name);
        if (job.whole_rows) whole_rows_.insert(job.schema.name);
      }
      if (moved.empty()) return absl::OkStatus();
      if (repeat == kMovedRepeats) return GiveUp();
      again_ = std::move(moved);
    }
  }

  /// What the source is now; its history is made to fit it first.
  absl::Status TakeSchema() {
    for (int repeat = 0; repeat <= kMovedRepeats; ++repeat) {
      const absl::StatusOr<std::vector<std::string>> names = reader_.TableNames();
      if (!names.ok()) return names.status();
      if (names->empty()) return NoTable();
      absl::StatusOr<std::vector<std::string>> news = history_.Renew(*names);
      if (!news.ok()) return news.status();
      for (std::string& sentence : *news) AddNote(std::move(sentence));
      absl::StatusOr<SourceSchema> schema = reader_.Schema();
      if (!schema.ok()) return schema.status();
      schema_ = *std::move(schema);
      const bool complete =
          std::all_of(schema_.tables.begin(), schema_.tables.end(),
                      [this](SourceTable& table) { return history_.Complete(table.schema); });
      if (complete) return absl::OkStatus();
    }
    return absl::UnavailableError(
        "the source's definitions change all the time. Nothing was sent; run again when they are settled");
  }

  static absl::Status NoTable() {
    return absl::FailedPreconditionError(
        "the source has no table to mirror. Nothing was announced, since that would drop every table of the "
        "mirror; check 'path', 'include', 'skip' and 'blocked' of its [[source]]");
  }

  /// What can be wrong before anything is sent.
  absl::Status FirstLook() {
    for (const std::string& wanted : options_.repopulate) {
      if (FindTable(wanted) == nullptr) {
        return absl::InvalidArgumentError(
            absl::StrCat("the source has no table '", wanted, "' to repopulate. Nothing was sent"));
      }
    }
    if (schema_.tables.empty()) return NoTable();
    AddLeftOut(schema_.refused, TableResult::kRefused);
    AddLeftOut(schema_.blocked, TableResult::kBlocked);
    absl::StatusOr<std::string> moved = history_.Bind(reader_.Mark());
    if (!moved.ok()) return moved.status();
    AddNote(*std::move(moved));
    for (const std::string& pattern : schema_.idle_patterns) {
      AddNote(
          absl::StrCat("no table of the source matches '", pattern, "' of 'include', 'skip' or 'blocked'"));
    }
    std::vector<std::string> gone = state_.Tables();
    std::erase_if(gone, [this](const std::string& name) { return FindTable(name) != nullptr; });
    if (!gone.empty()) {
      AddNote(absl::StrCat(gone.size(), gone.size() == 1 ? " table is" : " tables are",
                           " not announced any more, and the mirror sets aside what it has of them: ",
                           ListNames(gone, kNamesListed)));
    }
    return absl::OkStatus();
  }

  void AddLeftOut(const std::vector<RefusedTable>& tables, TableResult result) {
    for (const RefusedTable& table : tables) {
      TableReport& report = report_.tables.emplace_back();  // Not by name: it may be any.
      report.table = table.name;
      report.reason = table.reason;
      report.result = result;
    }
  }

  void AddNote(std::string note) {
    if (!note.empty()) report_.notes.push_back(std::move(note));
  }

  const SourceTable* FindTable(const std::string& name) const {
    for (const SourceTable& table : schema_.tables) {
      if (SameName(table.schema.name, name)) return &table;
    }
    return nullptr;
  }

  TableReport& ReportOf(const std::string& table) {
    const auto [at, fresh] = report_at_.try_emplace(FoldName(table), report_.tables.size());
    if (fresh) report_.tables.emplace_back().table = table;
    return report_.tables[at->second];
  }

  /// The tables still moved after the last repeat.
  absl::Status GiveUp() {
    for (const Job& job : jobs_) {
      if (!job.again) continue;
      TableReport& report = ReportOf(job.schema.name);
      report.result = TableResult::kFailed;
      report.reason = absl::StrCat(
          job.error.message(), "; this is so in each of ", kMovedRepeats + 1,
          " attempts. Nothing of it is committed, readers of the mirror see the old rows. Run again when the "
          "source is ",
          "quiet, or set it to WAL ('PRAGMA journal_mode = WAL'), where it can be read beside its writers");
    }
    return absl::OkStatus();
  }

  /// False: no cycle began, and the report says why.
  absl::StatusOr<bool> OneCycle() {
    jobs_.clear();
    const absl::StatusOr<LockFile::Holder> holder = lock_.Begin();
    if (!holder.ok()) return holder.status();
    const absl::StatusOr<v1::AuthenticateResponse> answer =
        client_.Authenticate(holder->id, holder->take_over, /*probe=*/false);
    if (!answer.ok()) return answer.status();
    if (!answer->accepted()) return NotAccepted(*answer);
    report_.cycle = answer->cycle();
    limits_ = answer->limits();

    absl::Status status = Announce();
    if (status.ok()) status = Remember();
    if (status.ok()) status = SendJobs();
    FinishReports(status);
    const absl::Status completed = Complete(status);
    if (!status.ok()) return ForPeople(status);
    if (!completed.ok()) return ForPeople(completed);
    return true;
  }

  absl::Status ForPeople(const absl::Status& status) const {
    if (!absl::IsAborted(status)) return status;
    return absl::AbortedError(absl::StrCat(
        "cycle ", report_.cycle,
        " was ended at the mirror: by an operator (invalidate, reset, pause), by another agent, or "
        "after ten minutes without progress. What was acknowledged before is committed, the rest is "
        "not; run again, it goes on from there"));
  }

  absl::StatusOr<bool> NotAccepted(const v1::AuthenticateResponse& answer) {
    if (absl::Status ended = lock_.End(); !ended.ok()) return ended;
    if (answer.has_busy()) {
      report_.outcome = Outcome::kBusy;
      report_.reason =
          answer.reason().empty()
              ? absl::StrCat("cycle ", answer.busy().cycle(), " of another agent is at work for tenant '",
                             client_.context_id(), "'. Nothing was sent; try again later")
              : answer.reason();
      return false;
    }
    if (answer.do_not_replicate()) {
      report_.outcome = Outcome::kDoNotReplicate;
      report_.reason = answer.reason();
      return false;
    }
    return absl::InternalError("the endpoint neither began a cycle nor said why. Nothing was sent");
  }

  /// TableSchema, and what follows from its answer for each table.
  absl::Status Announce() {
    v1::TableSchemaRequest request;
    request.set_cycle(report_.cycle);
    request.set_source_id(history_.source_id());
    for (const SourceTable& table : schema_.tables) EncodeTable(table.schema, request.add_tables());
    const absl::StatusOr<v1::TableSchemaResponse> response = client_.TableSchema(request);
    if (!response.ok()) return response.status();
    if (static_cast<std::size_t>(response->tables_size()) != schema_.tables.size()) {
      return absl::InternalError("the endpoint did not answer for each announced table. No row was sent");
    }
    statuses_.assign(response->tables().begin(), response->tables().end());
    for (std::size_t i = 0; i < schema_.tables.size(); ++i) {
      if (!again_.empty() && again_.count(schema_.tables[i].schema.name) == 0) continue;
      DecideTable(i);
    }
    return absl::OkStatus();
  }

  void DecideTable(std::size_t index) {
    const SourceTable& table = schema_.tables[index];
    const v1::TableStatus& status = statuses_[index];
    TableReport& report = ReportOf(table.schema.name);
    report.lsn = status.position().lsn();
    const auto leave = [&](TableResult result, const std::string& reason) {
      report.result = result;
      report.reason = reason;
    };
    if (status.action() == v1::TABLE_ACTION_REFUSED) return leave(TableResult::kRefused, status.reason());
    if (status.action() == v1::TABLE_ACTION_HELD) return leave(TableResult::kHeld, status.reason());
    if (!status.wanted()) return leave(TableResult::kUnwanted, status.reason());
    if (!table.problem.empty()) return leave(TableResult::kFailed, table.problem);
    absl::StatusOr<Decision> decision =
        Decide(history_, reader_, table.schema, status,
               AskedFor(table.schema.name) || state_.IsSuspect(table.schema.name));
    if (!decision.ok()) return leave(TableResult::kFailed, std::string(decision.status().message()));
    report.reason = decision->words;
    if (decision->kind == Decision::Kind::kNothing) return;
    report.action = decision->kind == Decision::Kind::kPopulate ? "populate" : "changes";
    report.result = TableResult::kFailed;  // Until its commit is acknowledged.
    Job& job = jobs_.emplace_back();
    job.index = index;
    job.decision = *std::move(decision);
    job.schema = table.schema;
    job.closed_later = !table.schema.Key().empty() && history_.NamesRows(table.schema.name);
    job.status = status;
    job.whole_rows = whole_rows_.count(table.schema.name) > 0;
  }

  bool AskedFor(const std::string& table) const {
    return options_.repopulate_all ||
           std::any_of(options_.repopulate.begin(), options_.repopulate.end(),
                       [&table](const std::string& name) { return SameName(name, table); });
  }

  /// Makes the targets durable before a row is read.
  absl::Status Remember() {
    std::vector<std::string> names;
    for (const SourceTable& table : schema_.tables) {
      names.push_back(table.schema.name);
      state_.SetRecord(table.schema.name, table.record);
    }
    state_.Retain(names);
    if (absl::Status status = state_.Save(); !status.ok()) return status;
    if (jobs_.empty()) return absl::OkStatus();
    std::int64_t highest = 0;
    for (const v1::TableStatus& status : statuses_) {
      highest = std::max({highest, status.position().lsn(), status.pending().lsn()});
    }
    std::vector<std::string> sending;
    for (const Job& job : jobs_) sending.push_back(job.schema.name);
    const auto targets = history_.Begin(sending, highest);
    if (!targets.ok()) return targets.status();
    for (Job& job : jobs_) job.target = targets->at(job.schema.name);
    return absl::OkStatus();
  }

  absl::Status SendJobs() {
    if (jobs_.empty()) return absl::OkStatus();
    RowSender sender(
        reader_, client_, report_.cycle, limits_,
        {options_.batch_bytes, options_.window, options_.read_ahead, options_.progress, options_.stop});
    return sender.Send(jobs_);
  }

  void FinishReports(const absl::Status& status) {
    for (const Job& job : jobs_) {
      TableReport& report = ReportOf(job.schema.name);
      if (job.lsn >= 0) report.lsn = job.lsn;
      if (job.committed) {
        report.result = TableResult::kOk;
        report.inserts = job.inserts;
        report.updates = job.updates;
        report.deletes = job.deletes;
        continue;
      }
      report.result = TableResult::kFailed;
      if (!job.error.ok()) {
        report.reason = std::string(job.error.message());
      } else {
        report.reason =
            status.ok() ? "the endpoint did not acknowledge its commit" : std::string(kCycleEndedFirst);
      }
    }
  }

  /// ReplicationCompleted, unless `status` says that it cannot arrive or that the cycle is not ours any more.
  absl::Status Complete(const absl::Status& status) {
    if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) return absl::OkStatus();
    if (absl::IsAborted(status)) return lock_.End();
    v1::ReplicationCompletedRequest request;
    request.set_cycle(report_.cycle);
    for (const Job& job : jobs_) {
      if (!job.committed) continue;
      v1::TableSummary* summary = request.add_tables();
      summary->set_table(job.schema.name);
      summary->set_inserts(job.inserts);
      summary->set_updates(job.updates);
      summary->set_deletes(job.deletes);
      if (job.row_count) summary->set_row_count(*job.row_count);
    }
    const absl::StatusOr<v1::ReplicationCompletedResponse> response = client_.ReplicationCompleted(request);
    if (!response.ok()) {
      if (absl::IsAborted(response.status())) (void)lock_.End();
      return response.status();
    }
    for (const v1::TableVerdict& verdict : response->tables()) {
      state_.SetSuspect(verdict.table(), verdict.comparison() == v1::COMPARISON_DIFFERS);
      if (verdict.comparison() != v1::COMPARISON_DIFFERS) continue;
      TableReport& report = ReportOf(verdict.table());
      report.result = TableResult::kFailed;
      report.reason =
          absl::StrCat(verdict.reason(), ". What was sent is committed; the next run sends the table whole");
    }
    if (absl::Status saved = state_.Save(); !saved.ok()) return saved;
    if (absl::Status kept = Forget(); !kept.ok()) {
      AddNote(absl::StrCat("old entries of the change log could not be removed: ", kept.message()));
    }
    return lock_.End();
  }

  /// All that the mirror showed or acknowledged is on its disk now.
  absl::Status Forget() {
    std::map<std::string, Position> durable;
    for (std::size_t i = 0; i < schema_.tables.size(); ++i) {
      const Position position = DecodePosition(statuses_[i].position());
      if (position.lsn.value >= 0) durable[schema_.tables[i].schema.name] = position;
    }
    for (const Job& job : jobs_) {
      if (job.committed) durable[job.schema.name] = job.sent;
    }
    return history_.Forget(durable);
  }

  SourceReader& reader_;
  MirrorClient& client_;
  LockFile& lock_;
  RunState& state_;
  History& history_;
  const CycleOptions& options_;

  CycleReport report_;
  SourceSchema schema_;
  std::set<std::string> again_;       ///< Empty in the first cycle: all tables.
  std::set<std::string> whole_rows_;  ///< Tables of which the mirror lacks rows.
  v1::Limits limits_;
  std::vector<v1::TableStatus> statuses_;
  std::map<std::string, std::size_t> report_at_;  ///< By folded name.
  std::vector<Job> jobs_;
};

}  // namespace

std::string_view ToString(TableResult result) {
  switch (result) {
    case TableResult::kOk:
      return "ok";
    case TableResult::kUnwanted:
      return "unwanted";
    case TableResult::kBlocked:
      return "blocked";
    case TableResult::kRefused:
      return "refused";
    case TableResult::kHeld:
      return "held";
    case TableResult::kFailed:
      return "failed";
  }
  return "";
}

std::string_view ToString(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return "done";
    case Outcome::kBusy:
      return "busy";
    case Outcome::kDoNotReplicate:
      return "do_not_replicate";
    case Outcome::kFailed:
      return "failed";
  }
  return "";
}

bool CycleReport::Good() const {
  if (outcome == Outcome::kDoNotReplicate) return true;
  return outcome == Outcome::kDone && std::all_of(tables.begin(), tables.end(), [](const TableReport& table) {
           return table.result <= TableResult::kBlocked;
         });
}

CycleReport RunOnce(const CycleParts& parts, const CycleOptions& options) { return Run(parts, options).Do(); }

}  // namespace mirror
