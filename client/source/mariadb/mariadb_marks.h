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

/// The cycles in the row of `_mirror_exchange`, which `mirror-agent install` makes in the database where the
/// source accepts something. No table that is mirrored is written. Errors: those of Connection. Threads: one.
class MariadbMarks : public CycleMarks {
 public:
  explicit MariadbMarks(MariadbAccess access) : access_(std::move(access)) {}

  /// Whether the database has such a table.
  static absl::StatusOr<bool> AreIn(mariadb::Connection& connection);

  absl::StatusOr<Cycles> Read() override;
  /// NoteCompleting() does it, before a row is sent.
  void Begin(std::int64_t /*cycle*/) override {}
  absl::Status NoteCompleting(std::int64_t cycle) override { return Set("completing", cycle); }
  absl::Status NoteCompleted(std::int64_t cycle) override { return Set("completed", cycle); }

 private:
  /// In a session of its own: hours may lie between two of them.
  absl::Status Set(const char* column, std::int64_t cycle) const;

  const MariadbAccess access_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_MARKS_H_
