#include "client/row_sender.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

BatcherLimits LimitsOf(const v1::Limits& limits, std::size_t batch_bytes) {
  BatcherLimits batcher;
  if (limits.message_bytes_max() > 0) batcher.message_bytes = limits.message_bytes_max();
  batcher.request_bytes = std::min(batch_bytes, batcher.message_bytes / 2);
  if (limits.part_bytes_max() > 0) {
    batcher.part_bytes = std::min<std::size_t>(batcher.part_bytes, limits.part_bytes_max());
  }
  return batcher;
}

/// Those that the mirror wants.
std::vector<std::uint32_t> ColumnsOf(const Job& job) {
  std::vector<std::uint32_t> columns;
  for (std::uint32_t i = 0; i < job.schema.columns.size(); ++i) {
    const bool left_out = static_cast<int>(i) < job.status.rules_size() &&
                          job.status.rules(static_cast<int>(i)) == v1::COLUMN_RULE_LEFT_OUT;
    if (!left_out) columns.push_back(i);
  }
  return columns;
}

Planned PlanOf(const std::vector<ChangeBlock>& blocks) {
  Planned planned;
  for (const ChangeBlock& block : blocks) {
    if (block.operation == Operation::kInsert) planned.inserts += block.rows.rows();
    if (block.operation == Operation::kUpdate) planned.updates += block.rows.rows();
    if (block.operation == Operation::kDelete) planned.deletes += block.rows.rows();
  }
  return planned;
}

}  // namespace

RowSender::RowSender(SourceReader& reader, MirrorClient& client, std::int64_t cycle, const v1::Limits& limits,
                     SenderOptions options)
    : reader_(reader),
      client_(client),
      limits_(limits),
      options_(std::move(options)),
      batcher_limits_(LimitsOf(limits, options_.batch_bytes)),
      batcher_(cycle, batcher_limits_,
               [this](const v1::RowDataRequest& request) { return SendRequest(request); }) {}

absl::Status RowSender::Send(std::vector<Job>& jobs) {
  jobs_ = &jobs;
  absl::StatusOr<std::unique_ptr<RowStream>> stream = client_.OpenRowStream();
  if (!stream.ok()) return stream.status();
  stream_ = *std::move(stream);
  for (Job& job : jobs) {
    if (options_.stop != nullptr && *options_.stop) {
      job.error = absl::CancelledError("the agent was stopped before it");
      continue;
    }
    absl::Status sent = SendTable(job);
    if (!wire_status_.ok()) break;
    if (sent.ok() || !job.error.ok()) continue;
    job.again = absl::IsAborted(sent);
    job.error = std::move(sent);
  }
  if (wire_status_.ok()) (void)batcher_.Flush();
  while (wire_status_.ok() && in_flight_ > 0) wire_status_ = Receive();
  // After a break some answers may have come still: what they acknowledge is applied.
  while (!wire_status_.ok() && in_flight_ > 0 && Receive().ok()) {
  }
  const absl::Status finished = stream_->Finish();
  stream_.reset();
  return wire_status_.ok() ? finished : wire_status_;
}

absl::Status RowSender::SendTable(Job& job) {
  const std::vector<std::uint32_t> columns = ColumnsOf(job);
  const bool whole = job.decision.kind == Decision::Kind::kPopulate;
  const Lsn base{whole ? Lsn{} : Lsn{job.status.position().lsn()}};
  batcher_.Begin({job.schema.name, job.status.schema_hash(), base, job.decision.reason});
  if (whole) {
    if (absl::Status sent = SendAllRows(job, columns); !sent.ok()) return sent;
    if (!job.closed_later) return absl::OkStatus();
  }
  return SendChanges(job, columns, whole ? job.target.lsn : base);
}

absl::Status RowSender::SendAllRows(Job& job, const std::vector<std::uint32_t>& columns) {
  const auto rows = reader_.Read(job.schema.name, columns);
  if (!rows.ok()) return rows.status();
  const BlockSize size = SizeOfBlocks(columns.size());
  for (bool more = true; more;) {
    std::vector<ChangeBlock> blocks(1);
    blocks[0].operation = Operation::kInsert;
    blocks[0].rows = RowBlock::For(job.schema, columns);
    const absl::StatusOr<bool> next = (*rows)->Next(size, &blocks[0].rows, &batcher_);
    if (!next.ok()) return next.status();
    more = *next;
    Planned planned = PlanOf(blocks);
    if (batcher_.seq() == 0 && more) {
      const absl::StatusOr<std::uint64_t> count = reader_.CountRows(job.schema.name);
      if (!count.ok()) return count.status();
      planned.inserts = job.expected = std::max(planned.inserts, *count);
    }
    if (blocks[0].rows.rows() == 0) blocks.clear();
    // What changed meanwhile is still to come: then the commit is not here.
    const bool last = !job.closed_later && !more;
    Position target = job.target;
    if (last) {
      absl::StatusOr<Position> sealed = (*rows)->Seal(target);
      if (!sealed.ok()) return sealed.status();
      target = *std::move(sealed);
      job.row_count = job.inserts + planned.inserts;
    }
    if (absl::Status sent = Add(job, blocks, target, planned, last); !sent.ok()) return sent;
  }
  return absl::OkStatus();
}

absl::Status RowSender::SendChanges(Job& job, const std::vector<std::uint32_t>& columns, Lsn from) {
  const bool whole_rows = job.whole_rows || job.decision.kind == Decision::Kind::kPopulate;
  const auto changes = reader_.Changes(job.schema.name, from, columns, whole_rows);
  if (!changes.ok()) return changes.status();
  const BlockSize size = SizeOfBlocks(columns.size());
  for (bool last = false; !last;) {
    const absl::StatusOr<ChangePiece> piece = (*changes)->Next(size, &batcher_);
    if (!piece.ok()) return piece.status();
    last = piece->last;
    if (last) job.row_count = piece->row_count;
    if (absl::Status sent = Add(job, piece->blocks, piece->target, PlanOf(piece->blocks), last); !sent.ok()) {
      return sent;
    }
  }
  return absl::OkStatus();
}

absl::Status RowSender::Add(Job& job, const std::vector<ChangeBlock>& blocks, const Position& target,
                            const Planned& planned, bool last) {
  const Planned rows = PlanOf(blocks);
  job.inserts += rows.inserts;
  job.updates += rows.updates;
  job.deletes += rows.deletes;
  if (last) {
    job.sent = target;
    job.commit_seq = batcher_.seq() + std::max<std::size_t>(blocks.size(), 1);
  }
  if (absl::Status sent = batcher_.Add(blocks, target, planned, last); !sent.ok()) return sent;
  if (options_.progress) options_.progress(job);
  if (options_.stop != nullptr && *options_.stop && !last) {
    return absl::CancelledError(
        "the agent was stopped. Nothing of the table is committed; the next run goes on");
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

absl::Status RowSender::SendRequest(const v1::RowDataRequest& request) {
  while (wire_status_.ok() && in_flight_ >= std::max(options_.window, 1U)) wire_status_ = Receive();
  if (wire_status_.ok()) wire_status_ = stream_->Send(request);
  if (wire_status_.ok()) ++in_flight_;
  return wire_status_;
}

absl::Status RowSender::Receive() {
  const absl::StatusOr<v1::RowDataResponse> response = stream_->Receive();
  if (!response.ok()) return response.status();
  --in_flight_;
  for (const v1::BatchResult& result : response->results()) Take(result);
  return absl::OkStatus();
}

void RowSender::Take(const v1::BatchResult& result) {
  const auto job = std::find_if(jobs_->begin(), jobs_->end(),
                                [&](const Job& one) { return SameName(one.schema.name, result.table()); });
  if (job == jobs_->end()) return;
  if (result.code() != 0) {
    // Only the first one tells what happened; what follows is refused because of it.
    if (job->error.ok()) {
      job->error = absl::Status(static_cast<absl::StatusCode>(result.code()), result.message());
      // The rows of those keys are sent whole, in the next cycle.
      job->again = result.missing().rows_size() > 0 && !job->whole_rows;
      job->whole_rows = true;
    }
    return;
  }
  job->lsn = result.lsn();
  if (job->commit_seq != 0 && result.seq() == job->commit_seq) job->committed = true;
}

}  // namespace mirror
