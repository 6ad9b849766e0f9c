#include "base/db/sqlite/sqlite_words.h"

#include <sqlite3.h>

#include <algorithm>

namespace mirror {

std::string SqliteWords(std::string_view said) {
  std::string words(said);
  std::replace(words.begin(), words.end(), '"', '\'');
  return "SQLite says \"" + words + "\"";
}

bool IsNoAccess(int code) {
  const int primary = code & 0xff;
  return primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY || primary == SQLITE_PERM;
}

}  // namespace mirror
