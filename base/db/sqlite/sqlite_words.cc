#include "base/db/sqlite/sqlite_words.h"

#include <algorithm>

namespace mirror {

std::string SqliteWords(std::string_view said) {
  std::string words(said);
  std::replace(words.begin(), words.end(), '"', '\'');
  return "SQLite says \"" + words + "\"";
}

}  // namespace mirror
