#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_ALTER_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_ALTER_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// Definitions that change in a file in which the partner has definitions of their own: SQLite reads all of
// them for each change. Inside the caller's transaction and savepoint.

namespace mirror {

/// Of a table, an index or a trigger, as it stands in the file.
struct Definition {
  std::string name, sql;
};
absl::StatusOr<std::optional<Definition>> FindTable(SqliteConnection& connection, const std::string& name);
/// Whether this store, or a rename, wrote the definition of a table.
bool IsOurs(const Definition& table);

/// An ALTER TABLE that adds, drops or renames a column, or what goes with it. Errors: kFailedPrecondition,
/// with the name of the object of the partner's that prevents it.
absl::Status AlterColumns(SqliteConnection& connection, const std::string& sql);

/// Renames a table as the writer is set up to (legacy_alter_table, no foreign keys): views, foreign keys and
/// triggers of others that speak of either name go on to speak of it. Errors: kFailedPrecondition when there
/// is a definition in the file that only the partner's programs can read, as with a collation of theirs.
absl::Status RenameTable(SqliteConnection& connection, const std::string& from, const std::string& to);
/// The same; where SQLite renames nothing the rows are copied, and the table's own indexes and triggers go.
absl::Status MoveTable(SqliteConnection& connection, const std::string& from, const std::string& to);
/// The same for a shadow, which has neither: the rows of a small one are copied in any case, since for a
/// rename SQLite reads all definitions of the file, three times.
absl::Status MoveShadow(SqliteConnection& connection, const std::string& from, const std::string& to);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_SQLITE_ALTER_H_
