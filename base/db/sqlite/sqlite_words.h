#ifndef MIRROR_BASE_DB_SQLITE_SQLITE_WORDS_H_
#define MIRROR_BASE_DB_SQLITE_SQLITE_WORDS_H_

#include <string>
#include <string_view>

namespace mirror {

/// Formats a message of SQLite for our messages: SQLite says "no such table: x". It may contain SQL, and is
/// not sent to a source, see SourceWords().
std::string SqliteWords(std::string_view said);

/// Returns true if a result code means that SQLite cannot open a file, or cannot open it for writing.
bool IsNoAccess(int code);

}  // namespace mirror

#endif  // MIRROR_BASE_DB_SQLITE_SQLITE_WORDS_H_
