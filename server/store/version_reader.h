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

// A Snapshot reads former rows by these functions. Errors and threads: those of Snapshot.

namespace mirror {

/// The kept versions of a table's rows.
struct TableHistory {
  TableSchema schema;           ///< In its kept form. In a former row every column may be NULL.
  std::int64_t known_from = 0;  ///< The first moment as of which the table can be read.
};

/// Returns TableHistory::schema of a table, for reading former rows: all rows are the source's, and any
/// column may be NULL.
inline TableSchema OfFormerRows(const TableSchema& kept) {
  TableSchema former = kept;
  former.preserve_target = false;
  former.deletes = Deletes::kApply;
  for (Column& column : former.columns) {
    column.nullable = true;
    if (column.key_position == 0) column.length = 0;  // The limit was perhaps higher.
  }
  return former;
}

/// One version of one row.
struct RowVersion {
  std::int64_t from = 0;   ///< The moment in which the version began; 0: before the history.
  std::int64_t until = 0;  ///< The moment in which it ended; 0: it is the present version.
  bool is_insert = false;  ///< Before it there was no row with this key; unknown if `from` is 0.
};

class VersionReader {
 public:
  virtual ~VersionReader() = default;

  /// Reads the table's history. Absent: no versions are kept.
  virtual absl::StatusOr<std::optional<TableHistory>> ReadHistory(const std::string& table) = 0;

  /// Returns the moment from which versions should be kept. The cut drops versions that ended in old commits,
  /// and then the oldest ones until the rest has about `bytes_max`. 0: keep all.
  virtual absl::StatusOr<std::int64_t> FindCut(const TableHistory& history, const OldCommits& old,
                                               std::uint64_t bytes_max) = 0;

  /// Returns the number of closed versions of all rows.
  virtual absl::StatusOr<std::int64_t> CountVersions(const TableHistory& history) = 0;

  using GoOn = std::function<bool()>;
  using TakeRows = std::function<absl::Status(RowBlock* block)>;
  /// These two do Snapshot::ReadRows() and Digest() for the table as of `moment`, which must not be before
  /// `known_from`.
  virtual absl::Status ReadRowsAsOf(const TableHistory& history, std::int64_t moment,
                                    const std::vector<std::uint32_t>& columns,
                                    const std::vector<KeyRange>& ranges, std::size_t block_bytes,
                                    const GoOn& go_on, const TakeRows& take) = 0;
  virtual absl::StatusOr<RangeDigest> DigestAsOf(const TableHistory& history, std::int64_t moment,
                                                 const std::vector<std::uint32_t>& columns,
                                                 const GoOn& go_on) = 0;

  /// Passes the versions of one row to `take`, newest first, beginning with the present one. Each block has
  /// one row with all columns. Ends when `take` returns false.
  using TakeVersion = std::function<absl::StatusOr<bool>(const RowVersion& version, RowBlock* row)>;
  virtual absl::Status ReadVersions(const TableHistory& history, const Key& key, const TakeVersion& take) = 0;

  /// Reads the keys whose rows changed after moment `from`, up to moment `to`. Passes them in key order, in
  /// blocks with the columns of the key. A comparison of the two states reads these rows. Some of the rows
  /// may be the same in both states.
  virtual absl::Status ReadTouchedKeys(const TableHistory& history, std::int64_t from, std::int64_t to,
                                       const GoOn& go_on, const TakeRows& take) = 0;
};

/// Passes on versions of a row, newest first. It holds a version back until the next older one is added,
/// because that one determines `from`.
class VersionGiver {
 public:
  explicit VersionGiver(const VersionReader::TakeVersion& take) : take_(take) {}

  bool goes_on() const { return goes_on_; }
  /// `until`: the end of the version; INT64_MAX: it is the present row. `row` null: there was no row until
  /// then.
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
  /// Passes on the version that is held back.
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
