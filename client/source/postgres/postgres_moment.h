#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_MOMENT_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_MOMENT_H_

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/postgres/postgres_sessions.h"

namespace mirror {

/// A snapshot that other sessions read in, too, kept by a transaction that does nothing else. As long as it
/// is there, VACUUM leaves what it sees: kKeptFor bounds that, also where the agent hangs. Threads: one.
class PostgresMoment {
 public:
  /// Readings that begin later have moments of their own.
  static constexpr std::chrono::minutes kKeptFor{30};

  /// Errors: those of PostgresSessions::Take().
  static absl::StatusOr<std::unique_ptr<PostgresMoment>> Hold(std::shared_ptr<PostgresSessions> sessions);

  /// As pg_export_snapshot() calls it.
  const std::string& snapshot() const { return snapshot_; }
  bool IsOver() const { return std::chrono::steady_clock::now() - begun_ >= kKeptFor; }
  /// Of a reading in it that did not begin: the server may have ended what keeps it.
  absl::Status Explain(absl::Status status);

 private:
  explicit PostgresMoment(std::unique_ptr<SourceReading> reading) : reading_(std::move(reading)) {}

  const std::unique_ptr<SourceReading> reading_;
  std::string snapshot_;
  std::chrono::steady_clock::time_point begun_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_MOMENT_H_
