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

/// Which database, and how long it is waited for.
struct PostgresAccess {
  std::string dsn;                 ///< libpq's conninfo. It holds no password.
  std::string password_file = {};  ///< libpq's passfile, see postgres::ConnectAs; read at each connect.
  std::string application_name = "mirror-agent";
  /// For a lock that somebody holds who changes a table's definition. Who waits for a lock keeps all others
  /// waiting behind it: the application, too.
  std::chrono::milliseconds lock_within{2'000};
  /// How often a reading asks whether somebody waits to change the table, behind whom all others wait: then
  /// it is broken off.
  std::chrono::milliseconds yields_after{1'000};
  /// For an answer about the catalogs.
  std::chrono::milliseconds catalogs_within{60'000};
  /// For the next row of a table.
  std::chrono::milliseconds rows_within{3'600'000};
};

/// How it is connected to: read only, with settings that each value's text depends on pinned. What the log
/// gives as text is written by the same rules as what a table gives.
postgres::ConnectAs ConnectToSource(const PostgresAccess& access);
/// The same for a session that may write, and whose commits outlast a loss of power.
postgres::ConnectAs ConnectToChange(const PostgresAccess& access);

/// What a server says of the database; it stays what it is behind another address.
struct PostgresSource {
  /// "postgres SYSTEM OID", the server's system identifier and the database's oid: a standby has those of its
  /// primary, a copy those of what it was copied from, and one that pg_upgrade made others.
  std::string identity;
  std::string name;  ///< Where it is, for people.
  std::string role;
  bool any_bytes = false;       ///< It has no encoding (SQL_ASCII).
  bool bytes_in_order = false;  ///< COLLATE "C" is the order of UTF-8.
};

/// Sessions of a database of others: read only, with settings that each value's text depends on pinned,
/// one for each reader that is at work, kept for the next one. Threads: one.
class PostgresSessions {
 public:
  explicit PostgresSessions(PostgresAccess access);

  /// Errors: those of Connection::Open().
  absl::StatusOr<postgres::Lease> Take();
  /// Whether somebody waits for a lock that the session of this process of the server's holds. False, too,
  /// where that cannot be asked.
  bool IsWaitedFor(int server_pid);
  /// Errors: kFailedPrecondition: the server is too old.
  absl::StatusOr<PostgresSource> Look();

  const PostgresAccess& access() const { return access_; }
  /// As Look() found it.
  bool any_bytes() const { return any_bytes_; }

 private:
  const PostgresAccess access_;
  bool any_bytes_ = false;
  postgres::Pool pool_;
};

/// One transaction that reads, and sees one moment. It ends with its object, and its locks and its snapshot
/// with it. Threads: one.
class SourceReading {
 public:
  /// A session for it. Errors: those of PostgresSessions::Take().
  static absl::StatusOr<std::unique_ptr<SourceReading>> Make(std::shared_ptr<PostgresSessions> sessions);
  SourceReading(const SourceReading&) = delete;
  SourceReading& operator=(const SourceReading&) = delete;

  postgres::Connection& connection() { return *lease_; }
  /// As the first of a pipeline, in which nothing is queued yet: the transaction begins. `lockable` is locked
  /// against changes of its definition, before the snapshot is taken, which does not see what a table had
  /// that was rewritten behind it; then statements may take as long as the rows of a table may. Empty:
  /// nothing is. `snapshot`: PostgresMoment::snapshot(), in the place of one of its own.
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
