#ifndef MIRROR_SERVER_STORE_SNAPSHOT_H_
#define MIRROR_SERVER_STORE_SNAPSHOT_H_

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
#include "server/plan/plan.h"
#include "server/store/journal_reader.h"
#include "server/store/mirror_contents.h"
#include "server/store/version_reader.h"

namespace mirror {

/// Called every few milliseconds while a snapshot reads; false ends the read with kCancelled.
using GoOn = std::function<bool()>;
/// Called in the same way while a copy is made, with the bytes copied so far and the total bytes.
using GoOnCopying = std::function<bool(std::uint64_t done, std::uint64_t all)>;
/// Receives rows that were read. An error of it ends the read. It may take over the block's memory.
using TakeRows = std::function<absl::Status(RowBlock* block)>;

/// One committed moment of a mirror. Readers and the writer do not block each other. Store::OpenSnapshot
/// makes it. It does not change when the store commits or is closed.
///
/// Errors of every call:
///   kCancelled    `go_on` returned false
///   kUnavailable  the disk failed; the same call may be repeated
///   kDataLoss     the database is damaged
/// Threads: one at a time. It may be another thread than the store's.
class Snapshot {
 public:
  virtual ~Snapshot() = default;

  virtual absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) = 0;
  virtual absl::StatusOr<std::vector<TableRecord>> ReadTables() = 0;
  virtual absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) = 0;

  /// Returns the number of rows, and a digest over `columns`, for each range. Without ranges: one result for
  /// the whole table. Each bound has as many columns as the table's key.
  virtual absl::StatusOr<std::vector<RangeDigest>> Digest(const TableSchema& table,
                                                          const std::vector<std::uint32_t>& columns,
                                                          const std::vector<KeyRange>& ranges,
                                                          const GoOn& go_on) = 0;

  /// Reads the rows of each range, in key order, in blocks of about `block_bytes`. Errors:
  /// kFailedPrecondition: a value does not have its column's type, for example because somebody damaged it by
  /// hand. The message contains no values.
  virtual absl::Status ReadRows(const TableSchema& table, const std::vector<std::uint32_t>& columns,
                                const std::vector<KeyRange>& ranges, std::size_t block_bytes,
                                const GoOn& go_on, const TakeRows& take) = 0;

  /// Reads the first row whose key is `from` or greater: it is the first row of the block. Does not call
  /// `take` if there is no such row. Errors: those of ReadRows() and of `take`.
  virtual absl::Status ReadFirstRow(const TableSchema& table, const std::vector<std::uint32_t>& columns,
                                    const Key& from, const TakeRows& take) {
    bool was_read = false;
    absl::Status taken;
    const absl::Status read = ReadRows(
        table, columns, {KeyRange{.first = from}}, /*block_bytes=*/1, [] { return true; },
        [&](RowBlock* block) {
          was_read = true;
          taken = take(block);
          return absl::CancelledError();
        });
    return was_read ? taken : read;
  }

  // Readers of the same moment. They live as long as the snapshot.
  virtual JournalReader& journal() = 0;
  virtual VersionReader& versions() = 0;

  /// Returns the whole mirror without its rows. ReadRows() reads the rows, by each ContentsTable::stored.
  virtual absl::StatusOr<MirrorContents> ReadContents() = 0;

  /// Writes the whole mirror into a new file, which is durable on return. After an error there is no file.
  /// Errors: also kUnimplemented: the mirror is not a file, see CopyContents().
  virtual absl::Status CopyTo(const std::string& path, const GoOnCopying& go_on) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SNAPSHOT_H_
