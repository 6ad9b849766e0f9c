#include "client/cycle.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/batcher.h"
#include "proto/wire/codec.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// A few names of many.
std::string Listed(const std::vector<std::string>& names) {
  constexpr std::size_t kNames = 10;
  std::string list = absl::StrJoin(
      names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kNames)), ", ");
  if (names.size() > kNames) absl::StrAppend(&list, " and ", names.size() - kNames, " more");
  return list;
}

/// Why a table is sent whole, and the same for people.
struct Cause {
  PopulateReason reason = PopulateReason::kNone;
  std::string words;
};

/// A table on its way.
struct Job {
  std::size_t index = 0;  ///< In the announcement.
  Cause cause;
  std::uint64_t rows = 0;
  std::uint64_t commit_seq = 0;  ///< 0: no commit was sent.
  bool committed = false;
  bool again = false;  ///< Moved: to be read anew in another cycle.
  absl::Status error;
};

class Run {
 public:
  Run(SourceReader& reader, MirrorClient& client, LockFile& lock, RunState& state,
      const CycleOptions& options)
      : reader_(reader), client_(client), lock_(lock), state_(state), options_(options) {}

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
      absl::StatusOr<SourceSchema> schema = reader_.Schema();
      if (!schema.ok()) return schema.status();
      schema_ = *std::move(schema);
      if (repeat == 0) {
        if (absl::Status status = FirstLook(); !status.ok()) return status;
      }
      absl::StatusOr<bool> began = OneCycle();
      if (!began.ok()) return began.status();
      if (!*began) return absl::OkStatus();
      report_.outcome = Outcome::kDone;
      std::set<std::string> moved;
      for (const Job& job : jobs_) {
        if (job.again) moved.insert(schema_.tables[job.index].schema.name);
      }
      if (moved.empty()) return absl::OkStatus();
      if (repeat == kMovedRepeats) return GiveUp();
      again_ = std::move(moved);
    }
  }

  /// What can be wrong before anything is sent.
  absl::Status FirstLook() {
    for (const std::string& wanted : options_.repopulate) {
      if (FindTable(wanted) == nullptr) {
        return absl::InvalidArgumentError(
            absl::StrCat("the source has no table '", wanted, "' to repopulate. Nothing was sent"));
      }
    }
    if (schema_.tables.empty()) {
      return absl::FailedPreconditionError(
          "the source has no table to mirror. Nothing was announced, since that would drop every table of "
          "the mirror; "
          "check 'path', 'include' and 'skip' of its [[source]]");
    }
    for (const RefusedTable& refused : schema_.refused) {
      TableReport& report = report_.tables.emplace_back();  // Not by name: it may be any.
      report.table = refused.name;
      report.reason = refused.reason;
      report.result = TableResult::kRefused;
    }
    AddNote(state_.Bind(reader_.Mark()));
    for (const std::string& pattern : schema_.idle_patterns) {
      AddNote(absl::StrCat("no table of the source matches '", pattern, "' of 'include' or 'skip'"));
    }
    std::vector<std::string> gone = state_.Tables();
    std::erase_if(gone, [this](const std::string& name) { return FindTable(name) != nullptr; });
    if (!gone.empty()) {
      AddNote(absl::StrCat(
          gone.size(), gone.size() == 1 ? " table is" : " tables are",
          " not announced any more, and the mirror sets aside what it has of them: ", Listed(gone)));
    }
    return absl::OkStatus();
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
      TableReport& report = ReportOf(schema_.tables[job.index].schema.name);
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
    job_at_.clear();
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
          absl::StrCat("cycle ", answer.busy().cycle(), " of another agent is at work for tenant '",
                       client_.context_id(), "'. Nothing was sent; try again later");
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
    request.set_source_id(state_.source_id());
    for (const SourceTable& table : schema_.tables) EncodeTable(table.schema, request.add_tables());
    const absl::StatusOr<v1::TableSchemaResponse> response = client_.TableSchema(request);
    if (!response.ok()) return response.status();
    if (static_cast<std::size_t>(response->tables_size()) != schema_.tables.size()) {
      return absl::InternalError("the endpoint did not answer for each announced table. No row was sent");
    }
    statuses_.assign(response->tables().begin(), response->tables().end());
    for (std::size_t i = 0; i < schema_.tables.size(); ++i) {
      if (!again_.empty() && again_.count(schema_.tables[i].schema.name) == 0) continue;
      if (absl::Status status = Decide(i); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  /// Errors: the source cannot be read at all.
  absl::Status Decide(std::size_t index) {
    const SourceTable& table = schema_.tables[index];
    const v1::TableStatus& status = statuses_[index];
    TableReport& report = ReportOf(table.schema.name);
    report.lsn = status.position().lsn();
    const auto leave = [&](TableResult result, const std::string& reason) {
      report.result = result;
      report.reason = reason;
      return absl::OkStatus();
    };
    if (status.action() == v1::TABLE_ACTION_REFUSED) return leave(TableResult::kRefused, status.reason());
    if (status.action() == v1::TABLE_ACTION_HELD) return leave(TableResult::kHeld, status.reason());
    if (!status.wanted()) return leave(TableResult::kUnwanted, status.reason());
    if (!table.problem.empty()) return leave(TableResult::kFailed, table.problem);
    const absl::StatusOr<Cause> cause = WhyPopulate(table, status);
    if (!cause.ok()) return leave(TableResult::kFailed, std::string(cause.status().message()));
    report.reason = cause->words;
    if (cause->reason == PopulateReason::kNone) return absl::OkStatus();
    report.action = "populate";
    report.result = TableResult::kFailed;  // Until its commit is acknowledged.
    Job job;
    job.index = index;
    job.cause = *cause;
    job_at_[FoldName(table.schema.name)] = jobs_.size();
    jobs_.push_back(std::move(job));
    return absl::OkStatus();
  }

  bool AskedFor(const std::string& table) const {
    return options_.repopulate_all ||
           std::any_of(options_.repopulate.begin(), options_.repopulate.end(),
                       [&table](const std::string& name) { return SameName(name, table); });
  }

  absl::StatusOr<Cause> WhyPopulate(const SourceTable& table, const v1::TableStatus& status) {
    const std::string& name = table.schema.name;
    const Position position = DecodePosition(status.position());
    if (status.action() == v1::TABLE_ACTION_REPOPULATE) {
      return Cause{PopulateReason::kSchema, absl::StrCat("its definition changed: ", status.reason())};
    }
    if (position.lsn.value < 0) {
      return Cause{PopulateReason::kMinusOne, status.action() == v1::TABLE_ACTION_CREATED
                                                  ? "new in the mirror"
                                                  : "the mirror asks for all rows (LSN -1)"};
    }
    if (position.lsn.value > state_.run()) {
      return Cause{PopulateReason::kAhead,
                   "the mirror is ahead of this source: the source or its state was restored"};
    }
    switch (state_.Judge(name, position)) {
      case RunState::Standing::kMiss:
        return Cause{PopulateReason::kLineageMiss, "the mirror is in a state that this source did not send"};
      case RunState::Standing::kOlder:
        return Cause{PopulateReason::kRequested,
                     "the mirror holds an older state: the last run did not complete it, or it was restored"};
      case RunState::Standing::kLast:
        break;
    }
    const bool pending =
        status.has_pending() && (status.pending().lsn() > 0 || !status.pending().lineage().empty());
    if (pending && state_.Judge(name, DecodePosition(status.pending())) == RunState::Standing::kMiss) {
      return Cause{PopulateReason::kPendingMiss, "a cycle died in the mirror that this source did not begin"};
    }
    if (AskedFor(name)) return Cause{PopulateReason::kRequested, "asked for"};
    const absl::StatusOr<std::uint64_t> rows = reader_.CountRows(name);
    if (!rows.ok()) return rows.status();
    if (status.row_count() == static_cast<std::int64_t>(*rows)) return Cause{PopulateReason::kNone, ""};
    const std::string count =
        status.row_count() < 0 ? "an unknown number of" : absl::StrCat(status.row_count());
    return Cause{table.schema.Key().empty() ? PopulateReason::kKeyless : PopulateReason::kRequested,
                 absl::StrCat("the source has ", *rows, " rows, the mirror ", count)};
  }

  /// Makes the run durable before a row of it is sent.
  absl::Status Remember() {
    std::vector<std::string> names;
    for (const SourceTable& table : schema_.tables) {
      names.push_back(table.schema.name);
      state_.SetRecord(table.schema.name, table.record);
    }
    state_.Retain(names);
    if (!jobs_.empty()) {
      std::int64_t highest = 0;
      for (const v1::TableStatus& status : statuses_) {
        highest = std::max({highest, status.position().lsn(), status.pending().lsn()});
      }
      std::vector<std::string> sending;
      for (const Job& job : jobs_) sending.push_back(schema_.tables[job.index].schema.name);
      target_ = state_.BeginRun(sending, highest);
    }
    return state_.Save();
  }

  /// Errors: the call's status, which ends the cycle. A table's own error is in its job.
  absl::Status SendJobs() {
    if (jobs_.empty()) return absl::OkStatus();
    absl::StatusOr<std::unique_ptr<RowStream>> stream = client_.OpenRowStream();
    if (!stream.ok()) return stream.status();
    stream_ = *std::move(stream);
    in_flight_ = 0;
    wire_status_ = absl::OkStatus();

    BatcherLimits limits;
    if (limits_.message_bytes_max() > 0) limits.message_bytes = limits_.message_bytes_max();
    limits.request_bytes = std::min(options_.batch_bytes, limits.message_bytes / 2);
    if (limits_.part_bytes_max() > 0) {
      limits.part_bytes = std::min<std::size_t>(limits.part_bytes, limits_.part_bytes_max());
    }
    Batcher batcher(report_.cycle, limits,
                    [this](const v1::RowDataRequest& request) { return Send(request); });
    for (Job& job : jobs_) {
      absl::Status sent = SendTable(job, limits.request_bytes, batcher);
      if (!wire_status_.ok()) break;
      if (sent.ok() || !job.error.ok()) continue;
      job.again = absl::IsAborted(sent);
      job.error = std::move(sent);
    }
    if (wire_status_.ok()) (void)batcher.Flush();
    while (wire_status_.ok() && in_flight_ > 0) wire_status_ = Receive();
    // After a break some answers may have come still: what they acknowledge is applied.
    while (!wire_status_.ok() && in_flight_ > 0 && Receive().ok()) {
    }
    const absl::Status finished = stream_->Finish();
    stream_.reset();
    return wire_status_.ok() ? finished : wire_status_;
  }

  /// What the endpoint takes as one batch.
  BlockSize SizeOfBlocks(std::size_t bytes, std::size_t columns) const {
    BlockSize size{bytes};
    if (limits_.batch_rows_max() > 0) size.rows = std::min<std::size_t>(size.rows, limits_.batch_rows_max());
    if (limits_.batch_cells_max() > 0) {
      const std::uint64_t rows = limits_.batch_cells_max() / std::max<std::size_t>(columns, 1);
      size.rows = std::min<std::size_t>(size.rows, std::max<std::uint64_t>(rows, 1));
    }
    return size;
  }

  /// Errors: of the table, or of the wire; then wire_status_ has it.
  absl::Status SendTable(Job& job, std::size_t bytes, Batcher& batcher) {
    const TableSchema& schema = schema_.tables[job.index].schema;
    const v1::TableStatus& status = statuses_[job.index];
    std::vector<std::uint32_t> columns;
    for (std::uint32_t i = 0; i < schema.columns.size(); ++i) {
      const bool left_out = static_cast<int>(i) < status.rules_size() &&
                            status.rules(static_cast<int>(i)) == v1::COLUMN_RULE_LEFT_OUT;
      if (!left_out) columns.push_back(i);
    }
    const auto rows = reader_.Read(schema.name, columns);
    if (!rows.ok()) return rows.status();
    batcher.Begin({schema.name, status.schema_hash(), target_, job.cause.reason});
    RowBlock block = RowBlock::For(schema, columns);
    const BlockSize size = SizeOfBlocks(bytes, columns.size());
    for (bool more = true; more;) {
      block.Clear();
      const absl::StatusOr<bool> next = (*rows)->Next(size, &block, &batcher);
      if (!next.ok()) return next.status();
      more = *next;
      std::uint64_t planned = block.rows();
      if (batcher.seq() == 0 && more) {
        const absl::StatusOr<std::uint64_t> count = reader_.CountRows(schema.name);
        if (!count.ok()) return count.status();
        planned = std::max(planned, *count);
      }
      job.rows += block.rows();
      if (!more) job.commit_seq = batcher.seq() + 1;
      if (absl::Status sent = batcher.Add(block, planned, !more); !sent.ok()) return sent;
      if (!job.error.ok()) return job.error;  // The mirror refused a batch of it meanwhile.
    }
    return absl::OkStatus();
  }

  absl::Status Send(const v1::RowDataRequest& request) {
    while (wire_status_.ok() && in_flight_ >= std::max(options_.window, 1U)) wire_status_ = Receive();
    if (wire_status_.ok()) wire_status_ = stream_->Send(request);
    if (wire_status_.ok()) ++in_flight_;
    return wire_status_;
  }

  absl::Status Receive() {
    const absl::StatusOr<v1::RowDataResponse> response = stream_->Receive();
    if (!response.ok()) return response.status();
    --in_flight_;
    for (const v1::BatchResult& result : response->results()) Take(result);
    return absl::OkStatus();
  }

  void Take(const v1::BatchResult& result) {
    const auto found = job_at_.find(FoldName(result.table()));
    if (found == job_at_.end()) return;
    Job& job = jobs_[found->second];
    if (result.code() != 0) {
      // Only the first one tells what happened; what follows is refused because of it.
      if (job.error.ok()) {
        job.error = absl::Status(static_cast<absl::StatusCode>(result.code()), result.message());
      }
      return;
    }
    ReportOf(result.table()).lsn = result.lsn();
    if (job.commit_seq != 0 && result.seq() == job.commit_seq) job.committed = true;
  }

  void FinishReports(const absl::Status& status) {
    for (const Job& job : jobs_) {
      TableReport& report = ReportOf(schema_.tables[job.index].schema.name);
      if (job.committed) {
        report.result = TableResult::kOk;
        report.inserts = job.rows;
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
      summary->set_table(schema_.tables[job.index].schema.name);
      summary->set_inserts(job.rows);
      summary->set_row_count(job.rows);
    }
    const absl::StatusOr<v1::ReplicationCompletedResponse> response = client_.ReplicationCompleted(request);
    if (!response.ok()) {
      if (absl::IsAborted(response.status())) (void)lock_.End();
      return response.status();
    }
    for (const v1::TableVerdict& verdict : response->tables()) {
      if (verdict.comparison() != v1::COMPARISON_DIFFERS) continue;
      TableReport& report = ReportOf(verdict.table());
      report.result = TableResult::kFailed;
      report.reason = absl::StrCat("committed, but the mirror does not hold as many rows as were sent: ",
                                   verdict.reason());
    }
    return lock_.End();
  }

  SourceReader& reader_;
  MirrorClient& client_;
  LockFile& lock_;
  RunState& state_;
  const CycleOptions& options_;

  CycleReport report_;
  SourceSchema schema_;
  std::set<std::string> again_;  ///< Empty in the first cycle: all tables.
  v1::Limits limits_;
  std::vector<v1::TableStatus> statuses_;
  std::map<std::string, std::size_t> report_at_;  ///< By folded name.
  std::vector<Job> jobs_;
  std::map<std::string, std::size_t> job_at_;
  Position target_;

  std::unique_ptr<RowStream> stream_;
  std::uint32_t in_flight_ = 0;  ///< Requests without an answer.
  absl::Status wire_status_;
};

}  // namespace

std::string_view ToString(TableResult result) {
  switch (result) {
    case TableResult::kOk:
      return "ok";
    case TableResult::kUnwanted:
      return "unwanted";
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
           return table.result == TableResult::kOk || table.result == TableResult::kUnwanted;
         });
}

CycleReport RunOnce(SourceReader& reader, MirrorClient& client, LockFile& lock, RunState& state,
                    const CycleOptions& options) {
  return Run(reader, client, lock, state, options).Do();
}

}  // namespace mirror
