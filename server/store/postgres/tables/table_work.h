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

// The context of functions on mirrored tables. They run in the caller's transaction and savepoint.

namespace mirror {

/// The mirror's own rows are queued in `writes`. Definitions and statements on mirrored rows run at once.
struct TableWork {
  postgres::Connection& connection;
  const PostgresOwnTables& names;
  OwnWrites& writes;
  /// Rest of kWaitsMax for the transaction; null: no limit.
  std::chrono::steady_clock::duration* may_wait = nullptr;

  /// Returns the name of a relation in the mirror's schema, as written in SQL.
  std::string In(std::string_view relation) const { return Qualified(names.schema_name, relation); }
};

/// Locks the table. For an ACCESS EXCLUSIVE lock it waits at most 100 ms, or what is left of kWaitsMax. For a
/// mode that does not block readers it waits at most 2 s. Errors: kAborted, with the holders of the lock: the
/// transaction is still usable, and the caller may try later; those of RunOnTable().
absl::Status LockTable(TableWork& work, const std::string& relation,
                       std::string_view mode = "ACCESS EXCLUSIVE");
/// Does the same for a statement that itself locks a relation that is not a table.
absl::Status RunWhereFree(TableWork& work, const std::string& relation, const std::string& sql,
                          std::string_view doing,
                          std::chrono::milliseconds patience = std::chrono::milliseconds(100));

/// Limit for all waits of one transaction for tables in use, when it changes definitions. Meanwhile readers
/// of the tables that it has already changed wait. After this time each wait is at most 1 ms.
inline constexpr std::chrono::seconds kWaitsMax{1};

/// How long a transaction of the store waits for locks other than those for definitions.
inline constexpr char kLockPatience[] = "5s";

/// Time limit of a statement that reads or writes all rows of a table.
inline constexpr std::chrono::hours kLongStatement{6};

/// Runs a definition, or several statements. Each may take long, because it may rewrite the whole table.
/// Errors: those of a store, see ToStoreStatus(); also kFailedPrecondition: PostgreSQL cannot do it.
absl::Status RunOnTable(TableWork& work, const std::string& sql, std::string_view doing);

/// Converts an error of PostgreSQL as RunOnTable() does.
absl::Status OnTable(const absl::Status& ran);

struct Relation {
  std::string name;  ///< Empty: no relation has this name.
  char kind = 0;     ///< As pg_class.relkind.
  bool is_ours = false;
  bool is_table() const { return kind == 'r' || kind == 'p'; }
};
/// Finds the relation with exactly this name in the schema. A name that differs in case is somebody else's.
absl::StatusOr<Relation> FindRelation(TableWork& work, const std::string& table);

/// Notes that the relation is garbage. It is dropped later, in a transaction of its own.
void MakeGarbage(TableWork& work, const std::string& relation);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_TABLE_WORK_H_
