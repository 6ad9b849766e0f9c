#ifndef MIRROR_CLIENT_WIRE_ROW_SENDER_H_
#define MIRROR_CLIENT_WIRE_ROW_SENDER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "client/source/reader.h"
#include "client/wire/batcher.h"
#include "client/wire/decision.h"
#include "client/wire/mirror_client.h"
#include "client/wire/read_ahead.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/lsn.h"
#include "proto/wire/table.h"

namespace mirror {

/// Instructions for reading one table. They do not change while it is read.
struct ReadJob {
  TableSchema schema;
  std::vector<std::uint32_t> columns;  ///< Columns that the mirror wants.
  BlockSize size;
  Position target;               ///< Durable at the source before the first row is read.
  Lsn from;                      ///< Net changes after it are read.
  bool populate = false;         ///< All rows are read first.
  bool closed_later = false;     ///< Net changes follow the rows of a population.
  bool whole_rows = false;       ///< Net changes are whole rows.
  bool logged = true;            ///< Net changes are available; else only the present rows are read.
  std::int64_t mirrored = -1;    ///< Rows of the mirror; -1: unknown.
  bool count_all = false;        ///< A long table is counted, too.
  std::vector<Key> repair = {};  ///< Rows that are sent in their present state, before the net changes.
};

/// Reads the tables of a cycle in turn, as far ahead of the wire as `ahead` allows.
/// Threads: one, the only one that uses `reader` and its source meanwhile.
class JobReader : private LargeSink {
 public:
  /// `stop` set: no further table is begun. May be null.
  JobReader(SourceReader& reader, const std::vector<ReadJob>& jobs, const std::atomic<bool>* stop,
            ReadAhead& ahead)
      : reader_(reader), jobs_(jobs), stop_(stop), ahead_(ahead) {}

  /// Pushes a ReadEnd for every job, unless the sender closed. Errors of a table are in its ReadEnd.
  void Run();

 private:
  absl::Status ReadTable(const ReadJob& job);
  absl::Status ReadAllRows(const ReadJob& job);
  absl::Status ReadRepairs(const ReadJob& job);
  absl::Status ReadChanges(const ReadJob& job);
  absl::Status Push(ReadRows rows) { return ahead_.Push({job_, std::move(rows)}, source_waits_); }

  std::uint64_t NewValue() override { return ++value_id_; }
  absl::Status Part(std::uint32_t column, std::uint64_t value_id, std::uint64_t offset,
                    std::string_view data) override;

  SourceReader& reader_;
  const std::vector<ReadJob>& jobs_;
  const std::atomic<bool>* stop_;
  ReadAhead& ahead_;
  std::size_t job_ = 0;
  bool source_waits_ = false;  ///< See SourceReader::HoldsLog().
  std::uint64_t value_id_ = 0;
};

/// A table that is sent to the mirror.
struct Job {
  std::size_t index = 0;  ///< Index in the announcement.
  Decision decision;
  TableSchema schema;
  v1::TableStatus status;
  Position target;               ///< Durable at the source before the first row is read.
  bool closed_later = false;     ///< Net changes after `target` follow the rows of a population.
  bool whole_rows = false;       ///< The mirror lacked rows that were updated.
  bool logged = true;            ///< See ReadJob.
  bool count_all = false;        ///< See ReadJob.
  std::vector<Key> repair = {};  ///< See ReadJob.
  bool tells_time = true;        ///< Its commit carries the time at which its rows were read.

  std::uint64_t expected = 0;  ///< Counted rows; 0: unknown.
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  Position sent;                 ///< Position of the commit.
  std::uint64_t commit_seq = 0;  ///< 0: no commit was sent.
  bool committed = false;
  bool again = false;     ///< Changed while read, or lacks rows: another cycle sends it.
  bool held = false;      ///< An operator of the mirror must decide.
  bool refused = false;   ///< The mirror refused a batch: `error` has its message.
  std::int64_t lsn = -1;  ///< The last one acknowledged; -1: none.
  std::optional<std::uint64_t> row_count;
  std::vector<std::string> notes;  ///< Notes for people on the rows that were read.
  std::string content;             ///< Hash of the rows sent, see Batcher::content().
  std::string receipt;             ///< Receipt of the commit, as received.
  absl::Status error;
};

/// The end of a cycle as reported to the mirror, and its answer.
struct EndOfCycle {
  v1::ReplicationCompletedRequest request;
  v1::ReplicationCompletedResponse response;
};

struct SenderOptions {
  std::size_t batch_bytes = 1'000'000;
  std::uint32_t window = 4;                       ///< Requests in flight.
  std::size_t read_ahead = ReadAhead::kBytesMax;  ///< Bytes, see ReadAhead.
  /// Called each time rows of a job were added to a request; may be empty.
  std::function<void(const Job&)> progress;
  bool receipts = false;                    ///< The mirror gives receipts.
  const std::atomic<bool>* stop = nullptr;  ///< Set: the present table is not finished. May be null.
  /// File where rows are staged, see StagingFile; empty: none.
  std::string staging = {};
  bool leaves_moment = false;  ///< Calls LeaveMoment() of the reader after the last row.
  /// Returns the completion of the cycle, with `cycle` set, on the assumption that all of its tables are
  /// committed. It is sent with rows that fit in one RowData call. Empty: it is not sent with rows.
  std::function<v1::ReplicationCompletedRequest()> completed = {};
};

/// Returns the indexes of the columns that the mirror wants.
std::vector<std::uint32_t> WantedColumns(const TableSchema& schema, const v1::TableStatus& status);
/// Returns the indexes of the columns that the mirror keeps unchanged: digests are computed over these.
std::vector<std::uint32_t> ComparedColumns(const TableSchema& schema, const v1::TableStatus& status);
/// Whether the mirror keeps hashes of a key column, so that the source's keys cannot find rows there.
bool KeyIsHashed(const TableSchema& schema, const v1::TableStatus& status);

/// Sends the tables of one cycle over one stream, with several requests in flight, while another
/// thread reads on. If all rows fit in one request, they are sent in a RowData call instead.
///
/// Memory: a request, those in flight, and ReadAhead's. Threads: one caller. A
/// thread of its own is the only one that uses the source until Send() returns.
class RowSender {
 public:
  RowSender(SourceReader& reader, MirrorClient& client, std::int64_t cycle, const v1::Limits& limits,
            SenderOptions options);

  /// Errors: the call's status, which ends the cycle. A table's own error is in its job.
  absl::Status Send(std::vector<Job>& jobs);

  /// The mirror ended the cycle with its rows, and applied all of them. Absent: the cycle continues.
  const std::optional<EndOfCycle>& ended() const { return ended_; }

 private:
  ReadJob ToRead(const Job& job) const;
  absl::Status SendStep(Job& job, const ReadStep& step);
  absl::Status SendRows(Job& job, const ReadRows& rows);
  void End(Job& job, absl::Status status);
  BlockSize SizeOfBlocks(std::size_t columns) const;
  absl::Status SendRequest(v1::RowDataRequest& request);
  /// Whether every table of the cycle ends with the present request.
  bool AllEnd() const;
  absl::Status SendAlone(v1::RowDataRequest& request);
  absl::Status Receive();
  absl::Status Take(const absl::StatusOr<v1::RowDataResponse>& response);
  void Take(const v1::BatchResult& result);

  SourceReader& reader_;
  MirrorClient& client_;
  const v1::Limits limits_;
  const SenderOptions options_;
  BatcherLimits batcher_limits_;
  Batcher batcher_;
  std::vector<Job>* jobs_ = nullptr;
  std::size_t begun_ = 0;              ///< Number of jobs with at least one step.
  bool is_last_ = false;               ///< The reading has ended: at most one more request follows.
  std::unique_ptr<RowStream> stream_;  ///< Null: no request was sent, or a single one alone.
  std::uint32_t in_flight_ = 0;        ///< Requests without an answer.
  absl::Status wire_status_;
  std::optional<EndOfCycle> ended_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_ROW_SENDER_H_
