#ifndef MIRROR_CLIENT_EXCHANGE_DATAJOIN_TOLD_POSITIONS_H_
#define MIRROR_CLIENT_EXCHANGE_DATAJOIN_TOLD_POSITIONS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// `_mirror_datajoin_log`: up to where each change log is in the outbox. Each call is a part of a change.
/// Errors: those of SqliteFile. Threads: one.
class ToldPositions {
 public:
  explicit ToldPositions(const SqliteFile& file) : file_(file) {}

  /// A log with entries that are not in the outbox yet.
  struct Waiting {
    std::int64_t log = 0;
    std::int64_t from = 0, last = 0;  ///< Behind `from`, up to `last`.
  };
  absl::StatusOr<std::vector<Waiting>> Find() const;
  absl::Status Move(std::int64_t log, std::int64_t seq) const;
  /// Whatever the logs have by now never comes into the outbox.
  absl::Status MoveToEnd() const;

 private:
  const SqliteFile& file_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DATAJOIN_TOLD_POSITIONS_H_
