#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_PREFIX_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_PREFIX_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// The entries of a log from a position on that were there when rows of its table were read. Who restores an
/// older state of the source by SQLite's backup interface while it is read takes entries away, or puts others
/// in their place; the schema version moves then, as it does with every other change of the schema. Where the
/// entries are the same, each row that differs from what was read has an entry behind them. Threads: one.
class LogPrefix {
 public:
  LogPrefix(std::string log, std::int64_t from) : log_(std::move(log)), from_(from), until_(from) {}

  /// In a look: what was added since the last one is seen now. kAborted: the source was restored; where that
  /// is not seen at once, Check() sees it.
  absl::Status See(const SqliteFile& file);
  /// What was seen so far is there still, or kAborted. Each entry is read once for each move of the schema
  /// between two calls, however many looks there were.
  absl::Status Check(const SqliteFile& file);
  /// A record stands now that was written behind all that was seen, and goes where the source goes back
  /// behind it: only what comes is to be checked.
  void Settle();

 private:
  static absl::Status Restored();
  absl::StatusOr<std::uint64_t> Hash(const SqliteFile& file, std::int64_t behind, std::uint64_t hash,
                                     std::int64_t* until) const;

  std::string log_;
  std::int64_t from_, until_;
  std::uint64_t hash_ = 0;
  // PRAGMA schema_version.
  std::int64_t checked_ = -1;  ///< At which all that was seen is known to be there.
  std::int64_t seen_ = -1;     ///< Of the last See().
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_PREFIX_H_
