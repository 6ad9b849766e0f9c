#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_MARKS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_MARKS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/source/postgres/postgres_sessions.h"
#include "client/source/source_log.h"

namespace mirror {

/// The cycles in the row of `_mirror_exchange`, which `mirror-agent install` makes in the schema if the
/// source accepts deliveries. No table of the publication is written, so the change log has no entry of it.
/// Errors: those of Connection. Threads: one.
class PostgresMarks : public CycleMarks {
 public:
  PostgresMarks(PostgresAccess access, std::string schema)
      : access_(std::move(access)), schema_(std::move(schema)) {}

  /// Whether the schema has that row.
  static absl::StatusOr<bool> AreIn(postgres::Connection& connection, const std::string& schema);

  absl::StatusOr<Cycles> Read() override;
  /// RecordTargets() notes the cycle, before a row is sent.
  void Begin(std::int64_t /*cycle*/) override {}
  absl::Status NoteCompleting(std::int64_t cycle) override { return Set("completing", cycle); }
  absl::Status NoteCompleted(std::int64_t cycle) override { return Set("completed", cycle); }

 private:
  absl::Status Set(const char* column, std::int64_t cycle) const;
  /// A new session for each call: there may be hours between two calls.
  absl::StatusOr<std::unique_ptr<postgres::Connection>> Open() const;
  std::string Table() const;

  const PostgresAccess access_;
  const std::string schema_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_MARKS_H_
