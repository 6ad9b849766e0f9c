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

/// Asked every few milliseconds while a snapshot reads; false ends that with kCancelled.
using GoOn = std::function<bool()>;
/// The same while a copy is made, with how many bytes are done of all.
using GoOnCopying = std::function<bool(std::uint64_t done, std::uint64_t all)>;
/// Takes rows that were read; its error ends the reading. It may keep the block's memory for itself.
using TakeRows = std::function<absl::Status(RowBlock* block)>;

/// One committed moment of a mirror, read beside its writer, which neither waits for it nor is waited for.
/// Made by Store::OpenSnapshot; stays what it is when the store goes on, or is closed.
///
/// Errors of every call:
///   kCancelled    `go_on` said so
///   kUnavailable  the disk; the same call again is safe
///   kDataLoss     the database is damaged
/// Threads: one at a time, not the store's.
class Snapshot {
 public:
  virtual ~Snapshot() = default;

  virtual absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) = 0;
  virtual absl::StatusOr<std::vector<TableRecord>> ReadTables() = 0;
  virtual absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) = 0;

  /// Rows and digest over `columns` of each range; without ranges those of the whole table, as one. The key
  /// of the table has as many columns as each bound.
  virtual absl::StatusOr<std::vector<RangeDigest>> Digest(const TableSchema& table,
                                                          const std::vector<std::uint32_t>& columns,
                                                          const std::vector<KeyRange>& ranges,
                                                          const GoOn& go_on) = 0;

  /// The rows of each range, in key order, in blocks of about `block_bytes`. Errors: kFailedPrecondition when
  /// a value is not of its column's type, as after damage by hand; the row is not shown.
  virtual absl::Status ReadRows(const TableSchema& table, const std::vector<std::uint32_t>& columns,
                                const std::vector<KeyRange>& ranges, std::size_t block_bytes,
                                const GoOn& go_on, const TakeRows& take) = 0;

  /// The first row from a key on, which has it or a later one, at the begin of a block. `take` is not called
  /// where there is none. Errors: those of ReadRows() and of `take`.
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

  // As of the same moment; they live as long as the snapshot.
  virtual JournalReader& journal() = 0;
  virtual VersionReader& versions() = 0;

  /// All that the mirror holds but its rows, which ReadRows() gives for each ContentsTable::stored.
  virtual absl::StatusOr<MirrorContents> ReadContents() = 0;

  /// Writes all of it into a new file, durable when it returns. After an error there is none. kUnimplemented:
  /// the mirror is no file, see CopyContents().
  virtual absl::Status CopyTo(const std::string& path, const GoOnCopying& go_on) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SNAPSHOT_H_
