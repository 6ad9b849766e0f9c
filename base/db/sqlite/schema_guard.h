#ifndef MIRROR_BASE_DB_SQLITE_SCHEMA_GUARD_H_
#define MIRROR_BASE_DB_SQLITE_SCHEMA_GUARD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;

namespace mirror {

/// A function as 'PRAGMA function_list' has it.
struct SqlFunction {
  std::string name;
  int arguments = -1;
  std::int64_t flags = 0;
  friend bool operator==(const SqlFunction&, const SqlFunction&) = default;
};

/// Those that the schema of a database may not call: SQLite does not promise of them that they are harmless,
/// does not keep them from schemas itself, and they are not among those of which we know that they read their
/// arguments and tables of the database alone.
std::vector<SqlFunction> NotForSchemas(const std::vector<SqlFunction>& functions);

/// Makes a connection fit for a database whose schema others wrote.
///
/// TRUSTED_SCHEMA stays on: without it SQLite 3.40 can neither read nor write a table that has JSON in a
/// CHECK, an index or a generated column, since it does not call its JSON functions INNOCUOUS. What that
/// setting is against is closed here: functions outside of NotForSchemas()' list of good ones, tables that
/// show the process instead of the database, extensions, tokenizers by pointer. Also DEFENSIVE.
///
/// Functions and modules that are registered behind this have to be DIRECTONLY.
/// The result: a code of SQLite's.
int GuardSchema(sqlite3* database);

/// For a database whose schema is ours: it may call nothing that reaches out of the file, nobody writes into
/// its pages, and what stands in double quotes is a name.
void TrustNoSchema(sqlite3* database);

/// Whether SQLITE_CORRUPT with these words means that SQLite could not read the text of an object of the
/// schema, which another version of it may have written: no page need be damaged.
bool IsUnreadableSchema(std::string_view message);

}  // namespace mirror

#endif  // MIRROR_BASE_DB_SQLITE_SCHEMA_GUARD_H_
