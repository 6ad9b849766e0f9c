#ifndef MIRROR_CLIENT_SOURCE_LOG_PREFIX_H_
#define MIRROR_CLIENT_SOURCE_LOG_PREFIX_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/sqlite_file.h"

namespace mirror {

/// The entries of a log from a position on that were there when rows of its table were read. Who restores an
/// older state of the source by SQLite's backup interface while it is read takes entries away, or puts others
/// in their place; the schema version moves then, as it does with every other change of the schema. Where the
/// entries are the same, each row that differs from what was read has an entry behind them. Threads: one.
class LogPrefix {
 public:
  LogPrefix(std::string log, std::int64_t from) : log_(std::move(log)), from_(from), until_(from) {}

  /// In a look: what was seen so far is there still, and what was added since is seen now. kAborted: it is
  /// not.
  absl::Status See(const SqliteFile& file);
  /// The first of both.
  absl::Status Check(const SqliteFile& file) const;

 private:
  absl::StatusOr<std::uint64_t> Hash(const SqliteFile& file, std::int64_t behind, std::uint64_t hash,
                                     std::int64_t* until) const;

  std::string log_;
  std::int64_t from_, until_;
  std::uint64_t hash_ = 0;
  std::int64_t version_ = -1;  ///< PRAGMA schema_version of the last See().
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_LOG_PREFIX_H_
