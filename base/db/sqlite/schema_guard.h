#ifndef MIRROR_BASE_DB_SQLITE_SCHEMA_GUARD_H_
#define MIRROR_BASE_DB_SQLITE_SCHEMA_GUARD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;

namespace mirror {

/// A function of SQLite, as 'PRAGMA function_list' lists it.
struct SqlFunction {
  std::string name;
  int arguments = -1;
  std::int64_t flags = 0;
  friend bool operator==(const SqlFunction&, const SqlFunction&) = default;
};

/// Returns the functions to block in schemas. These are all functions except three kinds: those that SQLite
/// declares harmless, those that SQLite itself blocks in schemas, and those of our list, which read only
/// their arguments and tables of the database.
std::vector<SqlFunction> NotForSchemas(const std::vector<SqlFunction>& functions);

/// Prepares a connection for a database with a schema written by others.
///
/// TRUSTED_SCHEMA stays on: without it SQLite 3.40 can neither read nor write a table with JSON in a CHECK,
/// an index or a generated column, since its JSON functions are not INNOCUOUS. Instead, this function blocks
/// what TRUSTED_SCHEMA off would block: the functions that NotForSchemas() returns, tables that show the
/// process instead of the database, extensions, and tokenizers by pointer. It also sets DEFENSIVE.
///
/// Functions and modules registered after this call must be DIRECTONLY.
/// Returns a result code of SQLite.
int GuardSchema(sqlite3* database);

/// Prepares a connection for a database whose schema is ours. The schema may then call no function that
/// reaches outside of the file, SQL cannot write into the pages directly, and text in double quotes is a
/// name.
void TrustNoSchema(sqlite3* database);

/// Returns true if SQLITE_CORRUPT with this message means that SQLite could not parse the SQL text of a
/// schema object. Another version of SQLite may have written that text, and the pages may be intact.
bool IsUnreadableSchema(std::string_view message);

}  // namespace mirror

#endif  // MIRROR_BASE_DB_SQLITE_SCHEMA_GUARD_H_
