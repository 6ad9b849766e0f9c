#include "tests/support/sqlite_names.h"

#include <sqlite3.h>

#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace mirror {

std::vector<std::string> SqliteNames() {
  std::set<std::string> names = {
      "n",      "ends", "s",        "t",    "b",          "i",     "l",     "x",       "entry",  "part",
      "low",    "high", "new",      "old",  "main",       "temp",  "rowid", "_rowid_", "oid",    "name",
      "type",   "sql",  "tbl_name", "true", "false",      "cid",   "pk",    "hidden",  "seqno",  "coll",
      "schema", "wr",   "excluded", "data", "table_name", "value", "key",   "lsn",     "lineage"};
  for (int i = 0; i < sqlite3_keyword_count(); ++i) {
    const char* word = nullptr;
    int size = 0;
    if (sqlite3_keyword_name(i, &word, &size) == SQLITE_OK) {
      names.insert(absl::AsciiStrToLower(std::string(word, static_cast<std::size_t>(size))));
    }
  }
  sqlite3* database = nullptr;
  sqlite3_open(":memory:", &database);
  for (const std::string sql :
       {"SELECT DISTINCT name FROM pragma_function_list", "SELECT name FROM pragma_module_list",
        "SELECT name FROM pragma_pragma_list", "SELECT 'pragma_' || name FROM pragma_pragma_list"}) {
    sqlite3_exec(
        database, sql.c_str(),
        [](void* into, int, char** values, char**) {
          static_cast<std::set<std::string>*>(into)->insert(absl::AsciiStrToLower(values[0]));
          return 0;
        },
        &names, nullptr);
  }
  sqlite3_close(database);
  // Nobody may make a table of such a name.
  std::erase_if(names, [](const std::string& name) { return absl::StartsWith(name, "sqlite_"); });
  return {names.begin(), names.end()};
}

}  // namespace mirror
