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

/// The layout that this program writes. It also uses a control database of a later layout whose `layout_min`
/// is not greater than this: such layouts only add something.
inline constexpr std::int64_t kControlLayout = 2;
/// The oldest layout whose servers can run beside this one.
inline constexpr std::int64_t kControlLayoutMin = 1;

/// SQL: Unix milliseconds by the control database's clock. The servers' clocks need not agree.
inline constexpr char kControlNow[] = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// The schema of its tables.
inline constexpr TableAt kInControl = {Dialect::kPostgres, "mirror_control."};

struct ControlOptions {
  std::string conninfo;
  std::string passfile = {};
  std::string application_name = "mirror-server";
  std::size_t connections = 4;  ///< Upper limit.
  std::chrono::milliseconds patience{2'000};
};

/// The relations of the schema `mirror_control`; this program makes all of them.
postgres::OwnRelations ControlRelations();

/// Whether a commit waits for a standby as well as the disk.
enum class Awaits : std::uint8_t { kStandby, kNobody };

/// The control database, in its schema `mirror_control`: says which mirror is in which place, and holds the
/// events and the audit log. It contains no mirrored row, LSN or cycle; hubs have schemas of their own beside
/// it. Errors of every call: kUnavailable, for people; kFailedPrecondition: another role has one of its
/// names. Errors of the work that do not come from PostgreSQL are returned unchanged. Threads: any.
class PostgresControl {
 public:
  /// Makes what is missing; if two servers do so at once, one of them makes it. Errors also:
  /// kFailedPrecondition: those of CheckPlace(), or a schema of that name holds something else.
  static absl::StatusOr<std::shared_ptr<PostgresControl>> Open(const ControlOptions& options);

  /// The same, but makes nothing. Null: the control database was not made yet.
  static absl::StatusOr<std::shared_ptr<PostgresControl>> Find(const ControlOptions& options);

  using Work = std::function<absl::Status(postgres::Connection&)>;
  /// Runs `work`, each statement as its own transaction. Runs it once more if the connection was lost before
  /// anything could be committed, if it conflicted with another transaction, or if the server refused to
  /// write: then at the server that is the primary now.
  absl::Status Run(const Work& work);
  /// Runs one statement in this way, and returns its rows.
  absl::StatusOr<postgres::Rows> Query(const std::string& sql, postgres::Values values,
                                       std::string_view doing);
  /// The same for work in one transaction. Work without a promise of durability should not wait for a
  /// standby: while none answers, each commit that waits occupies one of the few connections.
  absl::Status Write(const Work& work, Awaits awaits = Awaits::kStandby);
  /// Tells whether it answers. If all connections are in use, this returns true.
  bool Answers(std::chrono::milliseconds within);
  /// Stops reusing open connections: the passfile has changed, or another server answers now.
  void Reconnect() { pool_.Renew(); }

 private:
  explicit PostgresControl(const ControlOptions& options);

  const ControlOptions options_;
  postgres::Pool pool_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_CONTROL_H_
