#include "client/sending/job_reader.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

/// A row that came and went since the mirror's position is a delete, and nothing that the mirror loses: it
/// loses no more rows than it has, less what is there now, plus what may be new to it.
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
    absl::Status read = absl::CancelledError("the agent was stopped before it");
    if (!stopped) {
      try {
        read = ReadTable(jobs_[job_]);
      } catch (const std::bad_alloc&) {
        read =
            absl::ResourceExhaustedError("there is no memory left to read it; set a smaller 'batch_bytes'");
      }
    }
    // Refused: the sender knows already why it wants no more of the table.
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
  // They are those of one moment, which comes after this one.
  const std::int64_t began_ms = NowMs();
  ASSIGN_OR_RETURN(const auto table, reader_.Read(job.schema.name, job.columns));
  source_waits_ = reader_.HoldsLog(job.closed_later);
  std::uint64_t before = 0;  // Rows of the blocks that were read already.
  for (bool more = true; more;) {
    ReadRows rows;
    rows.blocks.push_back({Operation::kInsert, RowBlock::For(job.schema, job.columns)});
    ASSIGN_OR_RETURN(more, table->Next(job.size, &rows.blocks[0].rows, this));
    rows.planned = rows.Count();
    if (before == 0 && more) {
      ASSIGN_OR_RETURN(const std::uint64_t count, reader_.CountRows(job.schema.name));
      rows.planned->inserts = rows.expected = std::max(rows.planned->inserts, count);
    }
    // What changed meanwhile is still to come: then the commit is not here.
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
    // Of more of them nobody knows beforehand how many are deletes.
    if (end && first) rows.planned = rows.Count();
    first = false;
    if (rows.blocks.empty() && !rows.last) continue;
    RETURN_IF_ERROR(Push(std::move(rows)));
  }
  return absl::OkStatus();
}

absl::Status JobReader::ReadChanges(const ReadJob& job) {
  // The log is looked at after this, and what it names by then is sent.
  const std::int64_t began_ms = NowMs();
  // What is to be repaired goes as if it had changed, whole: the mirror may lack it.
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
    // The number of rows that the mirror keeps is not to be trusted where rows of it differ.
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

}  // namespace mirror
