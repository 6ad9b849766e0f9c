#ifndef MIRROR_CLIENT_SENDING_JOB_READER_H_
#define MIRROR_CLIENT_SENDING_JOB_READER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "client/sending/read_ahead.h"
#include "client/source/reader.h"
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

}  // namespace mirror

#endif  // MIRROR_CLIENT_SENDING_JOB_READER_H_
