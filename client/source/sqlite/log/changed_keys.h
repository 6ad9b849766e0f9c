#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_CHANGED_KEYS_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_CHANGED_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_key.h"
#include "client/source/sqlite/log/log_tables.h"

namespace mirror {

/// The keys that a log names, each once, with all that changed of it: entries are copied into a temporary
/// table and grouped by key there. Memory: SQLite's; the tables spill to a file. Threads: one.
class ChangedKeys {
 public:
  /// `key`: indexes of the table's columns, in the key's order. `file` and `log` outlive this.
  ChangedKeys(const SqliteFile& file, const TableLog& log, std::vector<std::uint32_t> key)
      : file_(file), log_(log), key_(std::move(key)) {}
  ~ChangedKeys();

  /// Forgets the keys of before.
  absl::Status Begin();
  /// Copies the entries behind `from` up to `until`, and gives how many these were. Reads the source.
  /// kOutOfRange: a key is longer than a value may be.
  absl::StatusOr<std::int64_t> Copy(std::int64_t from, std::int64_t until);
  /// Keys that count as changed.
  absl::Status Add(const std::vector<Key>& keys);
  /// After all of them. Touches the temporary database only.
  absl::Status Group();

  /// Keys, counted from 1 in their order. Those that are equal but for their type stand next to each other.
  std::int64_t rows() const { return rows_; }
  /// From key number ?1 on: the key's columns, the masks, whether a row of it surely went, and whether the
  /// key is equal to the one before but for its type.
  absl::StatusOr<sqlite::Statement> Read() const;
  /// Masks of a key: 62 columns each, a bit for each that changed. The first one NULL: all of them did.
  std::size_t MaskCount() const { return MaskColumns(log_.columns.size()); }
  /// The temporary table with the columns k0, k1, ..., m0, m1, ..., ended, same.
  static constexpr char kTable[] = "temp._mirror_net";

 private:
  std::int64_t AddedBits(std::size_t mask) const;

  const SqliteFile& file_;
  const TableLog& log_;
  const std::vector<std::uint32_t> key_;
  std::string copy_;
  std::int64_t rows_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_CHANGED_KEYS_H_
