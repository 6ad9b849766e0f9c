#ifndef MIRROR_BASE_DB_SQLITE_SQLITE_WORDS_H_
#define MIRROR_BASE_DB_SQLITE_SQLITE_WORDS_H_

#include <string>
#include <string_view>

namespace mirror {

/// Formats a message of SQLite for our messages: SQLite says "no such table: x". The result may contain SQL.
/// Do not send it to a source: see SourceWords().
std::string SqliteWords(std::string_view said);

/// Returns true if the result code means that SQLite cannot open a file, or cannot open it for writing.
bool IsNoAccess(int code);

}  // namespace mirror

#endif  // MIRROR_BASE_DB_SQLITE_SQLITE_WORDS_H_
