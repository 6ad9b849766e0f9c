#ifndef MIRROR_BASE_DB_SQLITE_SQLITE_WORDS_H_
#define MIRROR_BASE_DB_SQLITE_SQLITE_WORDS_H_

#include <string>
#include <string_view>

namespace mirror {

/// How SQLite's own words stand in a message: SQLite says "no such table: x". They may hold SQL, and a source
/// is not told them, see SourceWords().
std::string SqliteWords(std::string_view said);

/// Whether a result code of SQLite's says that a file cannot be opened, or not for writing.
bool IsNoAccess(int code);

}  // namespace mirror

#endif  // MIRROR_BASE_DB_SQLITE_SQLITE_WORDS_H_
