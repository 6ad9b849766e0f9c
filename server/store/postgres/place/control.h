#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_CONTROL_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_CONTROL_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/own_relations.h"
#include "base/db/postgres/pool.h"
#include "server/own_records/own_table.h"

namespace mirror {

/// The layout that this program writes. It also works with a control database of a later layout if the
/// `layout_min` there is not greater than this. Such layouts only add something.
inline constexpr std::int64_t kControlLayout = 2;
/// The oldest layout whose servers can run at the same time as this one.
inline constexpr std::int64_t kControlLayoutMin = 1;

/// SQL: Unix milliseconds by the control database's clock. So the servers' clocks may differ.
inline constexpr char kControlNow[] = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// The schema of the control database's tables.
inline constexpr TableAt kInControl = {Dialect::kPostgres, "mirror_control."};

struct ControlOptions {
  std::string conninfo;
  std::string passfile = {};
  std::string application_name = "mirror-server";
  std::size_t connections = 4;  ///< Upper limit.
  std::chrono::milliseconds patience{2'000};
};

/// Returns the relations of the schema `mirror_control`. This program makes all of them.
postgres::OwnRelations ControlRelations();

/// Whether a commit waits for a standby in addition to the disk.
enum class Awaits : std::uint8_t { kStandby, kNobody };

/// The control database, in its schema `mirror_control`. It says which mirror is in which place, and has the
/// events and the audit log. It has no mirrored row, LSN or cycle. Hubs have schemas of their own beside it.
/// Errors of every call: kUnavailable, with a message for people; kFailedPrecondition: another role owns one
/// of its names. Errors of `work` that do not come from PostgreSQL are returned unchanged. Threads: any.
class PostgresControl {
 public:
  /// Opens the control database and makes what is missing. If two servers do this at the same time, one of
  /// them makes it. Errors: also kFailedPrecondition: those of CheckPlace(), or a schema of that name has
  /// something else in it.
  static absl::StatusOr<std::shared_ptr<PostgresControl>> Open(const ControlOptions& options);

  /// Opens it too, but makes nothing. Null: the control database was not made yet.
  static absl::StatusOr<std::shared_ptr<PostgresControl>> Find(const ControlOptions& options);

  using Work = std::function<absl::Status(postgres::Connection&)>;
  /// Runs `work`, with each statement in its own transaction. Runs it once more in three cases: the
  /// connection was lost before anything could be committed; it conflicted with another transaction; the
  /// server refused to write. In the last case it runs at the server that is the primary now.
  absl::Status Run(const Work& work);
  /// Runs one statement in the same way, and returns its rows.
  absl::StatusOr<postgres::Rows> Query(const std::string& sql, postgres::Values values,
                                       std::string_view doing);
  /// Runs `work` in one transaction in the same way. If the work needs no promise of durability, it should
  /// not wait for a standby: while no standby answers, each waiting commit occupies one of the few
  /// connections.
  absl::Status Write(const Work& work, Awaits awaits = Awaits::kStandby);
  /// Returns whether the control database answers within this time. Returns true if all connections are in
  /// use.
  bool Answers(std::chrono::milliseconds within);
  /// Ends the reuse of open connections. Called when the passfile has changed, or another server answers now.
  void Reconnect() { pool_.Renew(); }

 private:
  explicit PostgresControl(const ControlOptions& options);

  const ControlOptions options_;
  postgres::Pool pool_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_CONTROL_H_
