#ifndef MIRROR_SERVER_STORE_VERSION_READER_H_
#define MIRROR_SERVER_STORE_VERSION_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/key_range.h"
#include "proto/wire/row_block.h"
#include "proto/wire/row_digest.h"
#include "proto/wire/table.h"
#include "server/store/journal_reader.h"

// What a Snapshot reads of former rows. Errors and threads: as there.

namespace mirror {

/// Versions of a table's rows that are kept.
struct TableHistory {
  TableSchema schema;           ///< In its kept form; every column may be NULL in a former row.
  std::int64_t known_from = 0;  ///< The first moment as of which the table can be read.
};

/// One version of one row.
struct RowVersion {
  std::int64_t from = 0;   ///< The moment that made it; 0: older than the history.
  std::int64_t until = 0;  ///< The moment that ended it; 0: it stands.
  bool is_insert = false;  ///< No row of this key stood before; not known where `from` is 0.
};

class VersionReader {
 public:
  virtual ~VersionReader() = default;

  /// Absent: none are kept.
  virtual absl::StatusOr<std::optional<TableHistory>> ReadHistory(const std::string& table) = 0;

  /// From which moment on versions are to be kept, where those that ended in old commits go,
  /// and so many of the oldest that the rest weighs about `bytes_max`. 0: all of them are.
  virtual absl::StatusOr<std::int64_t> FindCut(const TableHistory& history, const OldCommits& old,
                                               std::uint64_t bytes_max) = 0;

  /// Versions that ended, of all rows.
  virtual absl::StatusOr<std::int64_t> CountVersions(const TableHistory& history) = 0;

  using GoOn = std::function<bool()>;
  using TakeRows = std::function<absl::Status(RowBlock* block)>;
  /// Snapshot::ReadRows() and Digest() of the table as of a moment, which is not before `known_from`.
  virtual absl::Status ReadRowsAsOf(const TableHistory& history, std::int64_t moment,
                                    const std::vector<std::uint32_t>& columns,
                                    const std::vector<KeyRange>& ranges, std::size_t block_bytes,
                                    const GoOn& go_on, const TakeRows& take) = 0;
  virtual absl::StatusOr<RangeDigest> DigestAsOf(const TableHistory& history, std::int64_t moment,
                                                 const std::vector<std::uint32_t>& columns,
                                                 const GoOn& go_on) = 0;

  /// Versions of one row, newest first, the present one too; of rows of one row each with all columns. False
  /// of `take` ends it.
  using TakeVersion = std::function<absl::StatusOr<bool>(const RowVersion& version, RowBlock* row)>;
  virtual absl::Status ReadVersions(const TableHistory& history, const Key& key, const TakeVersion& take) = 0;

  /// Keys whose rows a moment behind `from`, up to `to`, ended or made, in key order, in blocks of the key's
  /// columns: what a comparison of the two states looks at. Some may have come back to what they were.
  virtual absl::Status ReadTouchedKeys(const TableHistory& history, std::int64_t from, std::int64_t to,
                                       const GoOn& go_on, const TakeRows& take) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_VERSION_READER_H_
