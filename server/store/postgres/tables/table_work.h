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

// What works on mirrored tables has, inside of the caller's transaction and savepoint.

namespace mirror {

/// The mirror's own rows are queued in `writes`. Definitions, and statements on mirrored rows, run at once.
struct TableWork {
  postgres::Connection& connection;
  const PostgresOwnTables& names;
  OwnWrites& writes;
  /// What is left of kWaitsMax for the transaction; null: nobody counts.
  std::chrono::steady_clock::duration* may_wait = nullptr;

  /// A relation of the mirror's schema, as it stands in SQL.
  std::string In(std::string_view relation) const { return Qualified(names.schema_name, relation); }
};

/// What a definition needs is to be had within 100 ms, or within what is left of kWaitsMax; what lets readers
/// go on within 2 s. Errors: kAborted, naming who has the lock, and the transaction goes on: the same may be
/// done later; as RunOnTable().
absl::Status LockTable(TableWork& work, const std::string& relation,
                       std::string_view mode = "ACCESS EXCLUSIVE");
/// The same for a statement that locks the relation by itself, which is no table.
absl::Status RunWhereFree(TableWork& work, const std::string& relation, const std::string& sql,
                          std::string_view doing,
                          std::chrono::milliseconds patience = std::chrono::milliseconds(100));

/// How long the definitions of one transaction wait for tables in use, all in all: who reads a table that it
/// has changed before waits for all of it. Then they take what is free.
inline constexpr std::chrono::seconds kWaitsMax{1};

/// How long a transaction of the store waits for what is not a definition's.
inline constexpr char kLockPatience[] = "5s";

/// How long a statement over all rows of a table may take.
inline constexpr std::chrono::hours kLongStatement{6};

/// A definition, or several statements; each may take long: it may write the whole table anew. Errors: those
/// of a store, see InStoreWords(); kFailedPrecondition, too, for what PostgreSQL cannot do.
absl::Status RunOnTable(TableWork& work, const std::string& sql, std::string_view doing);

/// What the words of RunOnTable() are for an error of PostgreSQL's.
absl::Status OnTable(const absl::Status& ran);

struct Relation {
  std::string name;  ///< Empty: nothing has it.
  char kind = 0;     ///< As pg_class.relkind.
  bool is_ours = false;
  bool is_table() const { return kind == 'r' || kind == 'p'; }
};
/// What has exactly this name in the schema, whatever it is: one in another case is somebody else's.
absl::StatusOr<Relation> FindRelation(TableWork& work, const std::string& table);

/// The relation is dropped later, in a transaction of its own.
void MakeGarbage(TableWork& work, const std::string& relation);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_TABLE_WORK_H_
