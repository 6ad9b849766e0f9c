#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_ALTER_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_ALTER_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// Changes of definitions in a file in which the partner has definitions, too: SQLite reads all of them at
// each change. Inside the caller's transaction and savepoint.

namespace mirror {

/// The SQL of a table, an index or a trigger, as stored in the file.
struct Definition {
  std::string name, sql;
};
absl::StatusOr<std::optional<Definition>> FindTable(SqliteConnection& connection, const std::string& name);
/// Returns whether this store, or a rename, wrote the definition of a table.
bool IsOurs(const Definition& table);

/// Runs an ALTER TABLE that adds, drops or renames a column, or a statement that belongs to one. Errors:
/// kFailedPrecondition, naming the partner's object that prevents it.
absl::Status AlterColumns(SqliteConnection& connection, const std::string& sql);

/// Renames a table with the writer's settings (legacy_alter_table, no foreign keys): views, foreign keys and
/// triggers that name either table keep that name. Errors: kFailedPrecondition if only the partner's programs
/// can read some definition in the file, as with a collation of theirs.
absl::Status RenameTable(SqliteConnection& connection, const std::string& from, const std::string& to);
/// Renames it too. If SQLite cannot, it copies the rows, and drops the table's own indexes and triggers.
absl::Status MoveTable(SqliteConnection& connection, const std::string& from, const std::string& to);
/// Renames a shadow, which has no indexes or triggers. Copies the rows of a small one, since for a rename
/// SQLite reads all definitions of the file three times.
absl::Status MoveShadow(SqliteConnection& connection, const std::string& from, const std::string& to);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_ALTER_H_
