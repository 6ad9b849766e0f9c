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

/// What is read of one table. It does not change while it is read.
struct ReadJob {
  TableSchema schema;
  std::vector<std::uint32_t> columns;  ///< Those that the mirror wants.
  BlockSize size;
  Position target;               ///< Durable at the source before the first row is read.
  Lsn from;                      ///< Net changes behind it are read.
  bool populate = false;         ///< All rows are read first.
  bool closed_later = false;     ///< Net changes follow the rows of a population.
  bool whole_rows = false;       ///< Net changes are whole rows.
  bool logged = true;            ///< Net changes are to be had; else rows are read only as they are now.
  std::int64_t mirrored = -1;    ///< Rows of the mirror; -1: unknown.
  bool count_all = false;        ///< Also a long table is counted.
  std::vector<Key> repair = {};  ///< Rows that are sent as they are, before the net changes.
};

/// Reads the tables of a cycle one after the other, as far ahead of the wire as `ahead` takes it.
/// Threads: one, the only one that uses `reader` and its source meanwhile.
class JobReader : private LargeSink {
 public:
  /// `stop` set: no further table is begun. May be null.
  JobReader(SourceReader& reader, const std::vector<ReadJob>& jobs, const std::atomic<bool>* stop,
            ReadAhead& ahead)
      : reader_(reader), jobs_(jobs), stop_(stop), ahead_(ahead) {}

  /// Ends with every job's ReadEnd, unless nobody wants it. What goes wrong with a table is in that.
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

/// A table on its way to the mirror.
struct Job {
  std::size_t index = 0;  ///< In the announcement.
  Decision decision;
  TableSchema schema;
  v1::TableStatus status;
  Position target;               ///< Durable at the source before the first row is read.
  bool closed_later = false;     ///< Net changes behind `target` follow the rows of a population.
  bool whole_rows = false;       ///< The mirror lacked rows that were updated.
  bool logged = true;            ///< See ReadJob.
  bool count_all = false;        ///< See ReadJob.
  std::vector<Key> repair = {};  ///< See ReadJob.
  bool tells_time = true;        ///< Its commit brings the table up to when its rows were read.

  std::uint64_t expected = 0;  ///< Rows, as they were counted; 0: not known.
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  Position sent;                 ///< Of the commit.
  std::uint64_t commit_seq = 0;  ///< 0: no commit was sent.
  bool committed = false;
  bool again = false;     ///< Moved, or lacks rows: to be sent in another cycle.
  bool held = false;      ///< An operator of the mirror has to decide.
  bool refused = false;   ///< The mirror refused a batch: `error` is what it said.
  std::int64_t lsn = -1;  ///< The last one acknowledged; -1: none.
  std::optional<std::uint64_t> row_count;
  std::vector<std::string> notes;  ///< What the person should know of the rows that were read.
  std::string content;             ///< Of what was sent, see Batcher::content().
  std::string receipt;             ///< Of the commit, as it came.
  absl::Status error;
};

/// What the mirror was told at the end of a cycle, and what it said.
struct EndOfCycle {
  v1::ReplicationCompletedRequest request;
  v1::ReplicationCompletedResponse response;
};

struct SenderOptions {
  std::size_t batch_bytes = 1'000'000;
  std::uint32_t window = 4;                       ///< Requests in flight.
  std::size_t read_ahead = ReadAhead::kBytesMax;  ///< Bytes, see ReadAhead.
  /// Called when rows were handed over; may be empty.
  std::function<void(const Job&)> progress;
  bool receipts = false;                    ///< The mirror gives them.
  const std::atomic<bool>* stop = nullptr;  ///< Set: the table at hand is not finished. May be null.
  /// Where rows are staged, see StagingFile; empty: nowhere.
  std::string staging = {};
  bool leaves_moment = false;  ///< Nothing more is read of the moment of which the rows are.
  /// The cycle's end, if all of its tables are committed, for the mirror to take with rows that go in a call
  /// of their own; empty: it is not to. `cycle` is set.
  std::function<v1::ReplicationCompletedRequest()> completed = {};
};

/// Indexes of the columns that the mirror wants.
std::vector<std::uint32_t> WantedColumns(const TableSchema& schema, const v1::TableStatus& status);
/// Of those that it keeps as they are sent: what digests are over.
std::vector<std::uint32_t> ComparedColumns(const TableSchema& schema, const v1::TableStatus& status);
/// Then rows cannot be found at the mirror by the source's key.
bool KeyIsHashed(const TableSchema& schema, const v1::TableStatus& status);

/// Sends the tables of one cycle over one stream, several requests in flight, while another thread reads on.
/// Where all that there is to send fills no request, it goes in a call of its own.
///
/// Memory: a request, those in flight, and what ReadAhead holds. Threads: one, and one of its own that alone
/// uses the source until Send() is back.
class RowSender {
 public:
  RowSender(SourceReader& reader, MirrorClient& client, std::int64_t cycle, const v1::Limits& limits,
            SenderOptions options);

  /// Errors: the call's status, which ends the cycle. A table's own error is in its job.
  absl::Status Send(std::vector<Job>& jobs);

  /// How the mirror ended the cycle with its rows, all of which it applied. Absent: the cycle goes on.
  const std::optional<EndOfCycle>& ended() const { return ended_; }

 private:
  ReadJob ToRead(const Job& job) const;
  absl::Status SendStep(Job& job, const ReadStep& step);
  absl::Status SendRows(Job& job, const ReadRows& rows);
  void End(Job& job, absl::Status status);
  BlockSize SizeOfBlocks(std::size_t columns) const;
  absl::Status SendRequest(v1::RowDataRequest& request);
  /// Every table of the cycle ends with the request at hand.
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
  std::size_t begun_ = 0;              ///< Jobs of which a step came.
  bool is_last_ = false;               ///< Nothing is read any more: there may be one more request.
  std::unique_ptr<RowStream> stream_;  ///< None: no request was sent, or it was one alone.
  std::uint32_t in_flight_ = 0;        ///< Requests without an answer.
  absl::Status wire_status_;
  std::optional<EndOfCycle> ended_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_ROW_SENDER_H_
