#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_OWN_NAMES_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_OWN_NAMES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/own_relations.h"
#include "base/db/postgres/rows.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/place_node.h"

// The names in a place that the server keeps for itself. Other roles that may make schemas, or relations in a
// mirror's schema, can take a name that is free. So each use of a name locks what has it, checks whose it is,
// and only then reads or writes, in one transaction.

namespace mirror {

/// Relations that a mirror keeps for itself.
postgres::OwnRelations OwnOf(const std::string& context_id, const PostgresOwnTables& names);
/// The tenant's table, in a schema of which only the name is known.
postgres::OwnRelations TenantOf(const std::string& schema);

/// Holds and checks the names of one mirror. Threads: any.
class MirrorGuard {
 public:
  /// `kind`: of the place.
  MirrorGuard(const postgres::OwnRelations& own, PlaceKind kind);

  /// Queues a lock of the tenant's table, and the check, in a transaction that has begun. Until its end the
  /// names mean what they mean now: the server takes an ACCESS EXCLUSIVE lock of that table before it frees a
  /// name. The lock runs no code of the table's owner. At Citus, which would lock at every node, the check
  /// stands alone. This must live until the pipeline has run.
  void QueueIn(postgres::Pipeline& pipeline) const;
  /// Runs one query after that, in a read-only transaction of its own: one round trip. The connection is in
  /// no transaction. Errors: those of Explain().
  absl::StatusOr<postgres::Rows> Query(postgres::Connection& connection, const std::string& sql,
                                       const char* doing) const;
  /// Explains the error of a pipeline with QueueIn(). The connection is in no transaction. Errors:
  /// IsForeign(), if another role has one of the names; else `failed`.
  absl::Status Explain(postgres::Connection& connection, const absl::Status& failed) const;
  absl::StatusOr<postgres::OwnFound> Find(postgres::Connection& connection) const {
    return own_.Find(connection);
  }

 private:
  const postgres::OwnGuard own_;
  const std::string hold_;  ///< The lock's statement; empty: at Citus.
};

/// A transaction in which a mirror's names mean what they mean at its begin. Both outlive it. Threads: one at
/// a time.
class OwnTransaction {
 public:
  OwnTransaction(postgres::Connection& connection, const MirrorGuard& guard)
      : connection_(connection), guard_(guard), transaction_(connection) {}

  /// One round trip. Errors: those of MirrorGuard::Explain(), as InStoreWords() writes them.
  absl::Status Begin(const postgres::BeginAs& as = {});
  absl::Status Commit();
  /// Ends a transaction that only read, and returns what it read.
  template <typename Read>
  Read End(Read done) {
    if (!StatusOf(done).ok()) return done;  // Rolled back by the destructor.
    RETURN_IF_ERROR(Commit());
    return done;
  }
  static const absl::Status& StatusOf(const absl::Status& status) { return status; }
  template <typename Value>
  static const absl::Status& StatusOf(const absl::StatusOr<Value>& value) {
    return value.status();
  }

 private:
  postgres::Connection& connection_;
  const MirrorGuard& guard_;
  postgres::Transaction transaction_;
};

/// Lists the names of `$2` that are no tables of the current role in the schema `$1`, also names that nobody
/// has: another role could make such a table before it is used.
extern const char kNotOurTablesSql[];

/// Locks a mirrored table in a transaction that has begun, and checks that it is ours: reading a table of
/// another role may run its owner's code. Errors: IsForeign(), after which the transaction goes on;
/// PostgreSQL's.
absl::Status HoldTable(postgres::Connection& connection, PlaceKind kind, const PostgresOwnTables& names,
                       const std::string& table);

/// Whether what follows HoldMirror() frees the schema's name for others.
enum class Frees : std::uint8_t { kNothing, kItsName };

/// In a transaction that has begun: locks the tenant's table, and checks whose it is. A schema without one is
/// held, too. With `frees`, this waits for all who read or write the mirror. Errors: those of
/// OwnGuard::Find(); kUnavailable: the lock was not to be had in time.
absl::Status HoldMirror(postgres::Connection& connection, PlaceKind kind, const PostgresOwnTables& names,
                        Frees frees);

/// A SELECT of the oids of views that the mirror made over its journal and over versions of rows: whatever
/// they are called, they need those, and are its role's. `schema`: its oid, in SQL.
std::string OwnViewsSql(std::string_view schema);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_OWN_NAMES_H_
