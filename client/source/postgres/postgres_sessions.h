#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_SESSIONS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_SESSIONS_H_

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/pipeline.h"
#include "base/db/postgres/pool.h"
#include "base/db/postgres/transaction.h"

namespace mirror {

/// A database, and the time limits for it.
struct PostgresAccess {
  std::string dsn;                 ///< libpq's conninfo, without a password.
  std::string password_file = {};  ///< libpq's passfile, see postgres::ConnectAs; read at each connect.
  std::string application_name = "mirror-agent";
  /// Limit for waiting for a lock that a session changing a table's definition holds. A session that waits
  /// for a lock blocks all later ones, the application included.
  std::chrono::milliseconds lock_within{2'000};
  /// Interval of a reading's check whether a session waits to change the table, since all others queue after
  /// it: then the reading is cancelled.
  std::chrono::milliseconds yields_after{1'000};
  /// Limit for answers about the catalogs.
  std::chrono::milliseconds catalogs_within{60'000};
  /// Limit for the next row of a table.
  std::chrono::milliseconds rows_within{3'600'000};
};

/// Connection parameters: read only, and fixed settings for everything that a value's text depends on. The
/// log's texts follow the same rules as a table's.
postgres::ConnectAs ConnectToSource(const PostgresAccess& access);
/// The same for a session that may write, and whose commits survive a power failure.
postgres::ConnectAs ConnectToChange(const PostgresAccess& access);

/// The server's description of the database; it is independent of the address.
struct PostgresSource {
  /// "postgres SYSTEM OID": the server's system identifier and the database's oid. A standby has those of its
  /// primary, a copy those of its original; after pg_upgrade they are new.
  std::string identity;
  std::string name;  ///< Its address, for people.
  std::string role;
  bool any_bytes = false;       ///< It has no encoding (SQL_ASCII).
  bool bytes_in_order = false;  ///< COLLATE "C" is the order of UTF-8.
};

/// Sessions of a source database: read only, with fixed settings for all that a value's text depends on,
/// one for each active reader, reused for the next one. Threads: one.
class PostgresSessions {
 public:
  explicit PostgresSessions(PostgresAccess access);

  /// Errors: those of Connection::Open().
  absl::StatusOr<postgres::Lease> Take();
  /// Whether another session waits for a lock of the session with this server process id. False also if this
  /// cannot be queried.
  bool IsWaitedFor(int server_pid);
  /// Errors: kFailedPrecondition: the server is too old.
  absl::StatusOr<PostgresSource> Look();

  const PostgresAccess& access() const { return access_; }
  /// Result of the last Look().
  bool any_bytes() const { return any_bytes_; }

 private:
  const PostgresAccess access_;
  bool any_bytes_ = false;
  postgres::Pool pool_;
};

/// One read transaction that sees one moment. It ends with this object, which releases its locks and its
/// snapshot. Threads: one.
class SourceReading {
 public:
  /// Takes a session for it. Errors: those of PostgresSessions::Take().
  static absl::StatusOr<std::unique_ptr<SourceReading>> Make(std::shared_ptr<PostgresSessions> sessions);
  SourceReading(const SourceReading&) = delete;
  SourceReading& operator=(const SourceReading&) = delete;

  postgres::Connection& connection() { return *lease_; }
  /// Queues the transaction's begin as the first of a pipeline that is still empty. Locks `lockable` against
  /// changes of its definition before the snapshot is taken, because a snapshot does not see the rows of a
  /// table that is rewritten after it; then statements may take as long as reading a table's rows may. Empty:
  /// locks nothing. `snapshot`: PostgresMoment::snapshot() to use instead of an own one.
  void Begin(postgres::Pipeline& pipeline, const std::string& lockable = "",
             const std::string& snapshot = "");

 private:
  SourceReading(std::shared_ptr<PostgresSessions> sessions, postgres::Lease lease)
      : sessions_(std::move(sessions)), lease_(std::move(lease)), transaction_(*lease_) {}

  const std::shared_ptr<PostgresSessions> sessions_;
  postgres::Lease lease_;
  postgres::Transaction transaction_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_SESSIONS_H_
