#ifndef MIRROR_SERVER_STORE_VERSION_READER_H_
#define MIRROR_SERVER_STORE_VERSION_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "proto/wire/key_range.h"
#include "proto/wire/row_block.h"
#include "proto/wire/row_digest.h"
#include "proto/wire/table.h"
#include "server/store/journal_reader.h"

// Reads of a Snapshot on former rows. Errors and threads: as there.

namespace mirror {

/// The kept versions of a table's rows.
struct TableHistory {
  TableSchema schema;           ///< In its kept form; every column may be NULL in a former row.
  std::int64_t known_from = 0;  ///< The first moment as of which the table can be read.
};

/// Returns TableHistory::schema of a table, by which former rows are read: all rows are the source's, and any
/// column may be NULL.
inline TableSchema OfFormerRows(const TableSchema& kept) {
  TableSchema former = kept;
  former.preserve_target = false;
  former.deletes = Deletes::kApply;
  for (Column& column : former.columns) {
    column.nullable = true;
    if (column.key_position == 0) column.length = 0;  // The limit may have been greater.
  }
  return former;
}

/// One version of one row.
struct RowVersion {
  std::int64_t from = 0;   ///< The moment that made it; 0: older than the history.
  std::int64_t until = 0;  ///< The moment that ended it; 0: it is the present version.
  bool is_insert = false;  ///< No row of this key existed before; unknown if `from` is 0.
};

class VersionReader {
 public:
  virtual ~VersionReader() = default;

  /// Reads the table's history. Absent: no versions are kept.
  virtual absl::StatusOr<std::optional<TableHistory>> ReadHistory(const std::string& table) = 0;

  /// Returns the moment from which versions are to be kept: drops versions that ended in old commits, and the
  /// oldest ones until the rest has about `bytes_max`. 0: all are kept.
  virtual absl::StatusOr<std::int64_t> FindCut(const TableHistory& history, const OldCommits& old,
                                               std::uint64_t bytes_max) = 0;

  /// Returns the number of closed versions, of all rows.
  virtual absl::StatusOr<std::int64_t> CountVersions(const TableHistory& history) = 0;

  using GoOn = std::function<bool()>;
  using TakeRows = std::function<absl::Status(RowBlock* block)>;
  /// Do Snapshot::ReadRows() and Digest() for the table as of a moment, which is not before `known_from`.
  virtual absl::Status ReadRowsAsOf(const TableHistory& history, std::int64_t moment,
                                    const std::vector<std::uint32_t>& columns,
                                    const std::vector<KeyRange>& ranges, std::size_t block_bytes,
                                    const GoOn& go_on, const TakeRows& take) = 0;
  virtual absl::StatusOr<RangeDigest> DigestAsOf(const TableHistory& history, std::int64_t moment,
                                                 const std::vector<std::uint32_t>& columns,
                                                 const GoOn& go_on) = 0;

  /// Reads the versions of one row, newest first, with the present one; each block has one row with all
  /// columns. Stops when `take` returns false.
  using TakeVersion = std::function<absl::StatusOr<bool>(const RowVersion& version, RowBlock* row)>;
  virtual absl::Status ReadVersions(const TableHistory& history, const Key& key, const TakeVersion& take) = 0;

  /// Reads the keys whose rows changed at a moment after `from`, up to `to`: in key order, in blocks of the
  /// key's columns. A comparison of the two states reads these rows. Some may be as they were before.
  virtual absl::Status ReadTouchedKeys(const TableHistory& history, std::int64_t from, std::int64_t to,
                                       const GoOn& go_on, const TakeRows& take) = 0;
};

/// Passes on versions of a row, newest first. It holds each one until the next older one tells its `from`.
class VersionGiver {
 public:
  explicit VersionGiver(const VersionReader::TakeVersion& take) : take_(take) {}

  bool goes_on() const { return goes_on_; }
  /// `until`: INT64_MAX for the present row. `row` null: the row did not exist until then.
  absl::Status Add(std::int64_t until, RowBlock* row) {
    if (waiting_) {
      waiting_->from = until;
      waiting_->is_insert = row == nullptr;
    }
    RETURN_IF_ERROR(End());
    if (!goes_on_ || row == nullptr) return absl::OkStatus();
    waiting_ = RowVersion{.until = until == INT64_MAX ? 0 : until};
    row_ = std::move(*row);
    return absl::OkStatus();
  }
  /// Passes on the version that it holds.
  absl::Status End() {
    if (!waiting_ || !goes_on_) return absl::OkStatus();
    const absl::StatusOr<bool> more = take_(*std::exchange(waiting_, std::nullopt), &row_);
    if (more.ok()) goes_on_ = *more;
    return more.status();
  }

 private:
  const VersionReader::TakeVersion& take_;
  std::optional<RowVersion> waiting_;
  RowBlock row_;
  bool goes_on_ = true;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_VERSION_READER_H_
