#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_TABLE_WORK_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_TABLE_WORK_H_

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/rows/own_writes.h"

// The context of functions on mirrored tables; they run in the caller's transaction and savepoint.

namespace mirror {

/// The mirror's own rows are queued in `writes`. Definitions, and statements on mirrored rows, run at once.
struct TableWork {
  postgres::Connection& connection;
  const PostgresOwnTables& names;
  OwnWrites& writes;
  /// The rest of kWaitsMax for the transaction; null: unlimited.
  std::chrono::steady_clock::duration* may_wait = nullptr;

  /// Returns a relation of the mirror's schema as it stands in SQL.
  std::string In(std::string_view relation) const { return Qualified(names.schema_name, relation); }
};

/// Locks the table. Waits at most 100 ms for an ACCESS EXCLUSIVE lock, or the rest of kWaitsMax; at most 2 s
/// for a mode that does not block readers. Errors: kAborted, naming the lock's holder: the transaction stays
/// usable, and the caller may try later; as RunOnTable().
absl::Status LockTable(TableWork& work, const std::string& relation,
                       std::string_view mode = "ACCESS EXCLUSIVE");
/// The same for a statement that itself locks a relation that is no table.
absl::Status RunWhereFree(TableWork& work, const std::string& relation, const std::string& sql,
                          std::string_view doing,
                          std::chrono::milliseconds patience = std::chrono::milliseconds(100));

/// Limit for all waits of one transaction's definitions for tables in use: readers of a table that it has
/// already changed wait all that time. After it, each wait is 1 ms at most.
inline constexpr std::chrono::seconds kWaitsMax{1};

/// How long a transaction of the store waits for other locks than those of definitions.
inline constexpr char kLockPatience[] = "5s";

/// Time limit of a statement over all rows of a table.
inline constexpr std::chrono::hours kLongStatement{6};

/// Runs a definition, or several statements. Each may take long: it may rewrite the whole table. Errors:
/// those of a store, see ToStoreStatus(); also kFailedPrecondition: PostgreSQL cannot do it.
absl::Status RunOnTable(TableWork& work, const std::string& sql, std::string_view doing);

/// Converts an error of PostgreSQL's as RunOnTable() does.
absl::Status OnTable(const absl::Status& ran);

struct Relation {
  std::string name;  ///< Empty: no relation has the name.
  char kind = 0;     ///< As pg_class.relkind.
  bool is_ours = false;
  bool is_table() const { return kind == 'r' || kind == 'p'; }
};
/// Finds the relation of exactly this name in the schema: one in another case is somebody else's.
absl::StatusOr<Relation> FindRelation(TableWork& work, const std::string& table);

/// Notes the relation; it is dropped later, in a transaction of its own.
void MakeGarbage(TableWork& work, const std::string& relation);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_TABLE_WORK_H_
