#include "client/wire/row_sender.h"

#include <algorithm>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>

#include "base/clock.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// Limits the planned deletes to the rows that the mirror can lose: its rows plus the inserts, less the
/// present rows. Without the limit, a row that was inserted and deleted since the mirror's position would
/// count as a delete, although the mirror never had it.
void BoundDeletes(std::int64_t mirrored, std::uint64_t now, Planned* planned) {
  if (mirrored < 0) return;
  const std::uint64_t all = static_cast<std::uint64_t>(mirrored) + planned->inserts;
  const std::uint64_t most = all > now ? all - now : 0;
  planned->deletes = std::min(planned->deletes, most);
  planned->expected_deletes = std::min(planned->expected_deletes, most);
}

}  // namespace

void JobReader::Run() {
  for (job_ = 0; job_ < jobs_.size() && !ahead_.closed(); ++job_) {
    const bool stopped = stop_ != nullptr && *stop_;
    absl::Status read = absl::CancelledError("the agent was stopped before it read the table");
    if (!stopped) {
      try {
        read = ReadTable(jobs_[job_]);
      } catch (const std::bad_alloc&) {
        read =
            absl::ResourceExhaustedError("there is no memory left to read it; set a smaller 'batch_bytes'");
      }
    }
    // Push() fails only if the sender abandoned the table, and then the sender knows why.
    (void)ahead_.Push({job_, ReadEnd{std::move(read)}}, source_waits_);
  }
  ahead_.End();
}

absl::Status JobReader::ReadTable(const ReadJob& job) {
  if (!job.populate) return job.logged ? ReadChanges(job) : ReadRepairs(job);
  RETURN_IF_ERROR(ReadAllRows(job));
  return job.closed_later ? ReadChanges(job) : absl::OkStatus();
}

absl::Status JobReader::ReadAllRows(const ReadJob& job) {
  // The rows are of one moment, which comes after this time.
  const std::int64_t began_ms = NowMs();
  ASSIGN_OR_RETURN(const auto table, reader_.Read(job.schema.name, job.columns));
  source_waits_ = reader_.HoldsLog(job.closed_later);
  std::uint64_t before = 0;  // Rows of the blocks read before.
  for (bool more = true; more;) {
    ReadRows rows;
    rows.blocks.push_back({Operation::kInsert, RowBlock::For(job.schema, job.columns)});
    ASSIGN_OR_RETURN(more, table->Next(job.size, &rows.blocks[0].rows, this));
    rows.planned = rows.Count();
    if (before == 0 && more) {
      ASSIGN_OR_RETURN(const std::uint64_t count, reader_.CountRows(job.schema.name));
      rows.planned->inserts = rows.expected = std::max(rows.planned->inserts, count);
    }
    // If changes made meanwhile follow, the commit comes with them.
    rows.last = !job.closed_later && !more;
    rows.target = job.target;
    const std::uint64_t read = before + rows.blocks[0].rows.rows();
    if (!more) rows.notes = table->Notes();
    if (rows.last) {
      ASSIGN_OR_RETURN(rows.target, table->Seal(rows.target));
      rows.row_count = read;
      rows.source_ms = began_ms;
    }
    if (read == before) rows.blocks.clear();
    before = read;
    RETURN_IF_ERROR(Push(std::move(rows)));
  }
  return absl::OkStatus();
}

absl::Status JobReader::ReadRepairs(const ReadJob& job) {
  if (job.repair.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto repairs, reader_.RowsOf(job.schema.name, job.columns, job.repair));
  source_waits_ = reader_.HoldsLog(/*closed_later=*/false);
  bool first = true;
  for (bool end = false; !end;) {
    ASSIGN_OR_RETURN(ChangePiece piece, repairs->Next(job.size, this));
    end = piece.last;
    ReadRows rows;
    rows.blocks = std::move(piece.blocks);
    rows.target = job.target;
    rows.last = end;
    // With further pieces the number of deletes is not known yet.
    if (end && first) rows.planned = rows.Count();
    first = false;
    if (rows.blocks.empty() && !rows.last) continue;
    RETURN_IF_ERROR(Push(std::move(rows)));
  }
  return absl::OkStatus();
}

absl::Status JobReader::ReadChanges(const ReadJob& job) {
  // The log is read after this time; all changes that it has by then are sent.
  const std::int64_t began_ms = NowMs();
  // Rows to repair are sent whole, as if they had changed: the mirror may lack them.
  const bool whole = job.whole_rows || !job.repair.empty();
  ASSIGN_OR_RETURN(const auto changes,
                   reader_.Changes(job.schema.name, job.from, job.columns, whole, job.count_all, job.repair));
  source_waits_ = reader_.HoldsLog(/*closed_later=*/false);
  for (bool last = false; !last;) {
    absl::StatusOr<ChangePiece> piece = changes->Next(job.size, this);
    if (!piece.ok()) return piece.status();
    last = piece->last;
    ReadRows rows;
    rows.blocks = std::move(piece->blocks);
    rows.target = std::move(piece->target);
    rows.planned = last ? rows.Count() : piece->planned;
    // The mirror's number of rows is not reliable if rows of it differ.
    if (rows.planned && piece->rows_now && job.repair.empty())
      BoundDeletes(job.mirrored, *piece->rows_now, &*rows.planned);
    rows.last = last;
    if (last) rows.row_count = piece->row_count;
    if (last) rows.source_ms = began_ms;
    RETURN_IF_ERROR(Push(std::move(rows)));
  }
  return absl::OkStatus();
}

absl::Status JobReader::Part(std::uint32_t column, std::uint64_t value_id, std::uint64_t offset,
                             std::string_view data) {
  return ahead_.Push({job_, ReadPart{column, value_id, offset, std::string(data)}}, source_waits_);
}

namespace {

BatcherLimits LimitsOf(const v1::Limits& limits, std::size_t batch_bytes, bool receipts) {
  BatcherLimits batcher;
  batcher.receipts = receipts;
  if (limits.message_bytes_max() > 0) batcher.message_bytes = limits.message_bytes_max();
  batcher.request_bytes = std::min(batch_bytes, batcher.message_bytes / 2);
  if (limits.part_bytes_max() > 0) {
    batcher.part_bytes = std::min<std::size_t>(batcher.part_bytes, limits.part_bytes_max());
  }
  return batcher;
}

/// The reader never waits for the sender, whichever way the sender ends.
struct ClosesAtTheEnd {
  ReadAhead& ahead;
  ~ClosesAtTheEnd() { ahead.Close(); }
};

/// Null: there is no file, and the reader waits for the sender.
std::unique_ptr<StagingFile> MakeStaging(const SourceReader& reader, const std::string& path) {
  if (path.empty() || !reader.HoldsLog(/*closed_later=*/false)) return nullptr;
  absl::StatusOr<std::unique_ptr<StagingFile>> staging = StagingFile::Make(path);
  return staging.ok() ? *std::move(staging) : nullptr;
}

absl::StatusOr<std::jthread> StartThread(std::function<void()> work) {
  try {
    return std::jthread(std::move(work));
  } catch (const std::system_error&) {
    return absl::UnavailableError(
        "the system cannot start a thread to read the source. Nothing was sent; the next cycle tries again. "
        "Check the limit of processes and threads");
  }
}

}  // namespace

namespace {

v1::ColumnRule RuleOf(const v1::TableStatus& status, std::uint32_t column) {
  if (static_cast<int>(column) >= status.rules_size()) return v1::COLUMN_RULE_PLAIN;
  const v1::ColumnRule rule = status.rules(static_cast<int>(column));
  return rule == v1::COLUMN_RULE_UNSPECIFIED ? v1::COLUMN_RULE_PLAIN : rule;
}

}  // namespace

std::vector<std::uint32_t> WantedColumns(const TableSchema& schema, const v1::TableStatus& status) {
  std::vector<std::uint32_t> columns;
  for (std::uint32_t i = 0; i < schema.columns.size(); ++i) {
    if (RuleOf(status, i) != v1::COLUMN_RULE_LEFT_OUT) columns.push_back(i);
  }
  return columns;
}

std::vector<std::uint32_t> ComparedColumns(const TableSchema& schema, const v1::TableStatus& status) {
  std::vector<std::uint32_t> columns;
  for (std::uint32_t i = 0; i < schema.columns.size(); ++i) {
    if (RuleOf(status, i) == v1::COLUMN_RULE_PLAIN) columns.push_back(i);
  }
  return columns;
}

bool KeyIsHashed(const TableSchema& schema, const v1::TableStatus& status) {
  const std::vector<std::uint32_t> key = schema.Key();
  return std::any_of(key.begin(), key.end(),
                     [&](std::uint32_t column) { return RuleOf(status, column) == v1::COLUMN_RULE_HASHED; });
}

RowSender::RowSender(SourceReader& reader, MirrorClient& client, std::int64_t cycle, const v1::Limits& limits,
                     SenderOptions options)
    : reader_(reader),
      client_(client),
      limits_(limits),
      options_(std::move(options)),
      batcher_limits_(LimitsOf(limits, options_.batch_bytes, options_.receipts)),
      batcher_(cycle, batcher_limits_, [this](v1::RowDataRequest& request) { return SendRequest(request); }) {
}

absl::Status RowSender::Send(std::vector<Job>& jobs) {
  jobs_ = &jobs;
  std::vector<ReadJob> to_read;
  for (const Job& job : jobs) to_read.push_back(ToRead(job));
  ReadAhead ahead(options_.read_ahead, MakeStaging(reader_, options_.staging));
  {
    ASSIGN_OR_RETURN(const std::jthread reading, StartThread([&] {
                       JobReader(reader_, to_read, options_.stop, ahead).Run();
                       if (options_.leaves_moment) reader_.LeaveMoment();
                     }));
    const ClosesAtTheEnd closes{ahead};
    while (wire_status_.ok()) {
      const std::optional<ReadStep> step = ahead.Pop();
      if (!step) break;
      Job& job = jobs[step->job];
      absl::Status sent = SendStep(job, *step);
      if (sent.ok()) continue;
      ahead.Abandon(step->job);
      if (wire_status_.ok()) End(job, std::move(sent));
    }
  }
  is_last_ = true;
  if (wire_status_.ok()) (void)batcher_.Flush();
  while (wire_status_.ok() && in_flight_ > 0) wire_status_ = Receive();
  // After a broken connection some answers may still arrive: the rows they acknowledge are applied.
  while (!wire_status_.ok() && in_flight_ > 0 && Receive().ok()) {
  }
  if (stream_ == nullptr) return wire_status_;
  const absl::Status finished = stream_->Finish();
  stream_.reset();
  return wire_status_.ok() ? finished : wire_status_;
}

ReadJob RowSender::ToRead(const Job& job) const {
  ReadJob read;
  read.schema = job.schema;
  read.columns = WantedColumns(job.schema, job.status);
  read.size = SizeOfBlocks(read.columns.size());
  read.target = job.target;
  read.populate = job.decision.kind == Decision::Kind::kPopulate;
  read.from = read.populate ? job.target.lsn : Lsn{job.status.position().lsn()};
  read.closed_later = job.closed_later;
  read.whole_rows = job.whole_rows || read.populate;
  read.logged = job.logged;
  read.count_all = job.count_all;
  read.mirrored = job.status.row_count();
  read.repair = job.repair;
  return read;
}

absl::Status RowSender::SendStep(Job& job, const ReadStep& step) {
  if (step.job >= begun_) {
    begun_ = step.job + 1;
    const bool whole = job.decision.kind == Decision::Kind::kPopulate;
    const Lsn base{whole ? Lsn{} : Lsn{job.status.position().lsn()}};
    batcher_.Begin({job.schema.name, job.status.schema_hash(), base, job.decision.reason});
  }
  if (const auto* part = std::get_if<ReadPart>(&step.what)) {
    absl::Status sent = batcher_.Part(part->column, part->value_id, part->offset, part->data);
    return sent.ok() ? job.error : sent;
  }
  if (const auto* rows = std::get_if<ReadRows>(&step.what)) return SendRows(job, *rows);
  return std::get<ReadEnd>(step.what).status;
}

/// Records why a table is not finished in this cycle.
void RowSender::End(Job& job, absl::Status status) {
  if (!job.error.ok()) return;
  job.again = absl::IsAborted(status);
  job.error = std::move(status);
}

absl::Status RowSender::SendRows(Job& job, const ReadRows& rows) {
  const Planned count = rows.Count();
  job.inserts += count.inserts;
  job.updates += count.updates;
  job.deletes += count.deletes;
  job.expected = std::max(job.expected, rows.expected);
  job.notes.insert(job.notes.end(), rows.notes.begin(), rows.notes.end());
  if (rows.last) {
    job.sent = rows.target;
    job.row_count = rows.row_count;
    job.commit_seq = batcher_.seq() + std::max<std::size_t>(rows.blocks.size(), 1);
  }
  RETURN_IF_ERROR(
      batcher_.Add(rows.blocks, rows.target, rows.planned, rows.last, job.tells_time ? rows.source_ms : 0));
  if (rows.last) job.content = batcher_.content();
  if (options_.progress) options_.progress(job);
  if (options_.stop != nullptr && *options_.stop && !rows.last) {
    return absl::CancelledError(
        "the agent was stopped. Nothing of the table is committed; the next run continues");
  }
  return job.error;  // The mirror may have refused a batch of it meanwhile.
}

BlockSize RowSender::SizeOfBlocks(std::size_t columns) const {
  BlockSize size{batcher_limits_.request_bytes};
  if (limits_.batch_rows_max() > 0) size.rows = std::min<std::size_t>(size.rows, limits_.batch_rows_max());
  if (limits_.batch_cells_max() > 0) {
    const std::uint64_t rows = limits_.batch_cells_max() / std::max<std::size_t>(columns, 1);
    size.rows = std::min<std::size_t>(size.rows, std::max<std::uint64_t>(rows, 1));
  }
  return size;
}

bool RowSender::AllEnd() const {
  return std::all_of(jobs_->begin(), jobs_->end(),
                     [](const Job& job) { return job.commit_seq != 0 && job.error.ok(); });
}

absl::Status RowSender::SendAlone(v1::RowDataRequest& request) {
  if (options_.completed && AllEnd()) *request.mutable_completed() = options_.completed();
  // The batcher did not count the completion.
  if (request.ByteSizeLong() > batcher_limits_.message_bytes) request.clear_completed();
  const absl::StatusOr<v1::RowDataResponse> response = client_.RowData(request);
  const absl::Status taken = Take(response);
  const bool all_committed =
      std::all_of(jobs_->begin(), jobs_->end(), [](const Job& job) { return job.committed; });
  if (taken.ok() && all_committed && request.has_completed() && response->has_completed()) {
    ended_ = EndOfCycle{std::move(*request.mutable_completed()), response->completed()};
  }
  request.clear_completed();
  return taken;
}

absl::Status RowSender::SendRequest(v1::RowDataRequest& request) {
  while (wire_status_.ok() && in_flight_ >= std::max(options_.window, 1U)) wire_status_ = Receive();
  CrashPoint("agent.request");
  if (!wire_status_.ok()) return wire_status_;
  // A stream costs more than a call, so a single request is sent in a call.
  if (stream_ == nullptr && is_last_) return wire_status_ = SendAlone(request);
  if (stream_ == nullptr) {
    absl::StatusOr<std::unique_ptr<RowStream>> stream = client_.OpenRowStream();
    if (!stream.ok()) return wire_status_ = stream.status();
    stream_ = *std::move(stream);
  }
  wire_status_ = stream_->Send(request);
  if (wire_status_.ok()) ++in_flight_;
  return wire_status_;
}

absl::Status RowSender::Receive() {
  const absl::Status taken = Take(stream_->Receive());
  if (taken.ok()) --in_flight_;
  return taken;
}

absl::Status RowSender::Take(const absl::StatusOr<v1::RowDataResponse>& response) {
  if (!response.ok()) return response.status();
  for (const v1::BatchResult& result : response->results()) Take(result);
  return absl::OkStatus();
}

void RowSender::Take(const v1::BatchResult& result) {
  const auto job = std::find_if(jobs_->begin(), jobs_->end(),
                                [&](const Job& one) { return SameName(one.schema.name, result.table()); });
  if (job == jobs_->end()) return;
  if (result.code() != 0) {
    // Only the first error has the cause; later batches are refused because of it.
    if (job->error.ok()) {
      job->error = absl::Status(static_cast<absl::StatusCode>(result.code()), result.message());
      // The next cycle sends the rows of those keys whole.
      job->again = result.missing().rows_size() > 0 && !job->whole_rows;
      job->held = result.held();
      job->refused = true;
      job->whole_rows = true;
    }
    return;
  }
  job->lsn = result.lsn();
  if (job->commit_seq != 0 && result.seq() == job->commit_seq) {
    job->committed = true;
    job->receipt = result.receipt();
  }
}

}  // namespace mirror
