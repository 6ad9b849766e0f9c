#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_MARKS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_MARKS_H_

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/mariadb/connection.h"
#include "client/source/mariadb/mariadb_sessions.h"
#include "client/source/source_log.h"

namespace mirror {

/// The numbers of cycles in the row of `_mirror_exchange`. `mirror-agent install` creates this table if the
/// source accepts deliveries. Writes to no mirrored table. Errors: those of Connection. Threads: one.
class MariadbMarks : public CycleMarks {
 public:
  explicit MariadbMarks(MariadbAccess access) : access_(std::move(access)) {}

  /// Returns whether the database has that table.
  static absl::StatusOr<bool> AreIn(mariadb::Connection& connection);

  absl::StatusOr<Cycles> Read() override;
  /// Does nothing: NoteCompleting() writes before a row is sent.
  void Begin(std::int64_t /*cycle*/) override {}
  absl::Status NoteCompleting(std::int64_t cycle) override { return Set("completing", cycle); }
  absl::Status NoteCompleted(std::int64_t cycle) override { return Set("completed", cycle); }

 private:
  /// Uses a session of its own, since there may be hours between two calls.
  absl::Status Set(const char* column, std::int64_t cycle) const;

  const MariadbAccess access_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_MARKS_H_
