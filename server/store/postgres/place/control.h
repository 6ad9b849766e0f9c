#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_CONTROL_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_CONTROL_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/own_relations.h"
#include "base/db/postgres/pool.h"
#include "server/own_records/own_table.h"

namespace mirror {

/// What this program writes. A control database of a later layout is used as long as its `layout_min` is no
/// greater: until then layouts differ by additions.
inline constexpr std::int64_t kControlLayout = 2;
/// The oldest whose servers can go on beside it.
inline constexpr std::int64_t kControlLayoutMin = 1;

/// Unix milliseconds by the control database's clock, in its SQL: the servers' clocks need not agree.
inline constexpr char kControlNow[] = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// Where its tables stand.
inline constexpr TableAt kInControl = {Dialect::kPostgres, "mirror_control."};

struct ControlOptions {
  std::string conninfo;
  std::string passfile = {};
  std::string application_name = "mirror-server";
  std::size_t connections = 4;  ///< At most.
  std::chrono::milliseconds patience{2'000};
};

/// Relations of the schema `mirror_control`, all of which this program makes.
postgres::OwnRelations ControlRelations();

/// What a commit waits for, beside the disk.
enum class Awaits : std::uint8_t { kStandby, kNobody };

/// The database that says which mirror stands in which place, and holds the events and the audit log: its
/// schema `mirror_control`. No mirrored row, LSN or cycle is in it; hubs have schemas of their own beside it.
/// Errors of every call: kUnavailable, for people; kFailedPrecondition: another role has one of its names;
/// those of the work that are not PostgreSQL's stay as they are. Threads: any.
class PostgresControl {
 public:
  /// Makes what is not there; of two servers that do it at once, one makes it. Errors: kFailedPrecondition,
  /// too: those of CheckPlace(), or a schema of that name holds something else.
  static absl::StatusOr<std::shared_ptr<PostgresControl>> Open(const ControlOptions& options);

  /// The same, and makes nothing. Null: nothing was made there yet.
  static absl::StatusOr<std::shared_ptr<PostgresControl>> Find(const ControlOptions& options);

  using Work = std::function<absl::Status(postgres::Connection&)>;
  /// Does `work`, each statement by itself. It is done once more when the connection was lost before anything
  /// could have lasted, two transactions were in each other's way, or the server refused to write: then at
  /// the one that takes writes now.
  absl::Status Run(const Work& work);
  /// The same in one transaction. What is no promise waits for no standby: while none answers, each commit
  /// that does keeps one of the few connections.
  absl::Status Write(const Work& work, Awaits awaits = Awaits::kStandby);
  /// Whether it does. That all connections are in use is no reason to say no.
  bool Answers(std::chrono::milliseconds within);
  /// Connections that are open are not used again: the passfile has changed, or another server answers now.
  void Reconnect() { pool_.Renew(); }

 private:
  explicit PostgresControl(const ControlOptions& options);

  const ControlOptions options_;
  postgres::Pool pool_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_CONTROL_H_
