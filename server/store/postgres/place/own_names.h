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

// The names in a place that the server uses for its own objects. Another role that may make schemas, or
// relations in a mirror's schema, can take a free name. So each use of a name locks the object and checks its
// owner before it reads or writes the object, all in one transaction.

namespace mirror {

/// Returns the relations that a mirror keeps for itself.
postgres::OwnRelations OwnOf(const std::string& context_id, const PostgresOwnTables& names);
/// Returns the tenant's table in a schema of which only the name is known.
postgres::OwnRelations TenantOf(const std::string& schema);

/// Locks and checks the names of one mirror. Threads: any.
class MirrorGuard {
 public:
  /// `kind`: the kind of the place.
  MirrorGuard(const postgres::OwnRelations& own, PlaceKind kind);

  /// Queues a lock of the tenant's table, and the check, in a transaction that has begun. Until its end the
  /// names refer to the same objects, because the server takes an ACCESS EXCLUSIVE lock of that table before
  /// it frees a name. The lock runs no code of the table's owner. On Citus only the check is queued, because
  /// a lock would go to every node. This object must live until the pipeline has run.
  void QueueIn(postgres::Pipeline& pipeline) const;
  /// Runs the lock, the check and one query in a read-only transaction of its own, in one round trip. No
  /// transaction may have begun on the connection. Errors: those of Explain().
  absl::StatusOr<postgres::Rows> Query(postgres::Connection& connection, const std::string& sql,
                                       const char* doing) const;
  /// Returns the error of a failed pipeline with QueueIn(). No transaction may have begun on the connection.
  /// Errors: IsForeign() if another role owns one of the names; otherwise `failed`.
  absl::Status Explain(postgres::Connection& connection, const absl::Status& failed) const;
  absl::StatusOr<postgres::OwnFound> Find(postgres::Connection& connection) const {
    return own_.Find(connection);
  }

 private:
  const postgres::OwnGuard own_;
  const std::string hold_;  ///< The LOCK statement; empty on Citus.
};

/// A transaction in which a mirror's names refer to the same objects from begin to end. Both arguments must
/// outlive it. Threads: one at a time.
class OwnTransaction {
 public:
  OwnTransaction(postgres::Connection& connection, const MirrorGuard& guard)
      : connection_(connection), guard_(guard), transaction_(connection) {}

  /// Begins, in one round trip. Errors: those of MirrorGuard::Explain(), as converted by ToStoreStatus().
  absl::Status Begin(const postgres::BeginAs& as = {});
  absl::Status Commit();
  /// Ends a transaction that only read, and returns the result of the read.
  template <typename Read>
  Read End(Read done) {
    if (!StatusOf(done).ok()) return done;  // The destructor rolls back.
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

/// SQL: lists the names of `$2` that are not tables of the current role in the schema `$1`. It also lists
/// names that do not exist, because another role could make such a table before it is used.
extern const char kNotOurTablesSql[];

/// Locks a mirrored table in a transaction that has begun, and checks that it is ours: a read of another
/// role's table may run code of its owner. Errors: IsForeign(), after which the transaction is still usable;
/// those of PostgreSQL.
absl::Status HoldTable(postgres::Connection& connection, PlaceKind kind, const PostgresOwnTables& names,
                       const std::string& table);

/// Whether the caller frees the name of the schema after HoldMirror().
enum class Frees : std::uint8_t { kNothing, kItsName };

/// Locks the tenant's table in a transaction that has begun, and checks its owner. OK if the schema has no
/// such table. With Frees::kItsName it waits for all readers and writers of the mirror. On Citus it only
/// checks the owner. Errors: those of OwnGuard::Find(); kUnavailable: the lock was not free in time.
absl::Status HoldMirror(postgres::Connection& connection, PlaceKind kind, const PostgresOwnTables& names,
                        Frees frees);

/// Returns a SELECT of the oids of the views that the mirror made for its journal and for row versions. It
/// finds them by what they depend on and by their owner, not by name. `schema`: the schema's oid, as SQL.
std::string OwnViewsSql(std::string_view schema);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_OWN_NAMES_H_
