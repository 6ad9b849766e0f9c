#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_ALTER_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_ALTER_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// Changes of definitions in a file that also has definitions of the partner. SQLite reads all definitions at
// each change. These functions run inside the caller's transaction and savepoint.

namespace mirror {

/// The SQL of a table, an index or a trigger, as stored in the file.
struct Definition {
  std::string name, sql;
};
absl::StatusOr<std::optional<Definition>> FindTable(SqliteConnection& connection, const std::string& name);
/// Returns whether this store wrote the definition of a table, or a rename of it.
bool IsOurs(const Definition& table);

/// Runs an ALTER TABLE that adds, drops or renames a column, or a statement for such a change. Errors:
/// kFailedPrecondition, with the name of the partner's object that prevents it.
absl::Status AlterColumns(SqliteConnection& connection, const std::string& sql);

/// Renames a table with the writer's settings (legacy_alter_table, no foreign keys). So views, foreign keys
/// and triggers still name the same table name as before. Errors: kFailedPrecondition: some definition in the
/// file can be read only by the partner's programs, for example because of their own collation.
absl::Status RenameTable(SqliteConnection& connection, const std::string& from, const std::string& to);
/// Renames a table as RenameTable does. If SQLite cannot rename it, copies the rows, and drops the table's
/// own indexes and triggers.
absl::Status MoveTable(SqliteConnection& connection, const std::string& from, const std::string& to);
/// Renames a shadow, which has no indexes or triggers. Copies the rows of a small shadow instead, because
/// SQLite reads all definitions of the file three times for a rename.
absl::Status MoveShadow(SqliteConnection& connection, const std::string& from, const std::string& to);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_ALTER_H_
