#ifndef MIRROR_BASE_DB_SQLITE_SCHEMA_GUARD_H_
#define MIRROR_BASE_DB_SQLITE_SCHEMA_GUARD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;

namespace mirror {

/// A function as listed by 'PRAGMA function_list'.
struct SqlFunction {
  std::string name;
  int arguments = -1;
  std::int64_t flags = 0;
  friend bool operator==(const SqlFunction&, const SqlFunction&) = default;
};

/// Returns the functions to block in schemas: all except three kinds. SQLite declares some harmless, it
/// blocks some in schemas itself, and our list has some that read only their arguments and tables of the
/// database.
std::vector<SqlFunction> NotForSchemas(const std::vector<SqlFunction>& functions);

/// Prepares a connection for a database with a schema written by others.
///
/// TRUSTED_SCHEMA stays on: without it SQLite 3.40 can neither read nor write a table with JSON in a CHECK,
/// an index or a generated column, since its JSON functions are not INNOCUOUS. This function blocks what that
/// setting is meant against: the functions that NotForSchemas() returns, tables that show the
/// process instead of the database, extensions, tokenizers by pointer. It also sets DEFENSIVE.
///
/// Functions and modules registered after this call must be DIRECTONLY.
/// Returns a result code of SQLite.
int GuardSchema(sqlite3* database);

/// For a database with a schema of ours: it may call nothing that reaches outside of the file, nobody writes
/// into its pages, and text in double quotes is a name.
void TrustNoSchema(sqlite3* database);

/// Returns true if SQLITE_CORRUPT with this message means that SQLite could not read the text of a schema
/// object, which another version of it may have written: the pages may be intact.
bool IsUnreadableSchema(std::string_view message);

}  // namespace mirror

#endif  // MIRROR_BASE_DB_SQLITE_SCHEMA_GUARD_H_
