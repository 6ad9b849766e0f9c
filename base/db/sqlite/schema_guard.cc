#include "base/db/sqlite/schema_guard.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <utility>

namespace mirror {
namespace {

/// Functions of full text search and R*Tree that are allowed. Functions for JSON are recognised by their
/// names.
constexpr std::array<std::string_view, 13> kHarmless = {
    "->",        "->>",     "bm25",     "fts5",       "fts5_source_id", "highlight", "match",
    "matchinfo", "offsets", "optimize", "rtreecheck", "rtreedepth",     "rtreenode"};

/// The allowed modules: tables in the database's own pages, and functions that return rows. Other modules
/// show statements of this program, or raw pages.
const char* kModules[] = {"json_each", "json_tree", "fts3",  "fts4",      "fts4aux", "fts3tokenize",
                          "fts5",      "fts5vocab", "rtree", "rtree_i32", "geopoly", nullptr};

bool IsHarmless(const std::string& name) {
  return name.starts_with("json") || name == "snippet" ||
         std::find(kHarmless.begin(), kHarmless.end(), name) != kHarmless.end();
}

/// Returns the functions that this SQLite has built in.
std::vector<SqlFunction> BuiltIn() {
  std::vector<SqlFunction> functions;
  sqlite3* database = nullptr;
  sqlite3_stmt* list = nullptr;
  if (sqlite3_open(":memory:", &database) == SQLITE_OK &&
      sqlite3_prepare_v2(database, "PRAGMA function_list", -1, &list, nullptr) == SQLITE_OK) {
    while (sqlite3_step(list) == SQLITE_ROW) {
      functions.push_back({reinterpret_cast<const char*>(sqlite3_column_text(list, 0)),
                           sqlite3_column_int(list, 4), sqlite3_column_int64(list, 5)});
    }
  }
  sqlite3_finalize(list);
  sqlite3_close(database);
  return functions;
}

void Refuse(sqlite3_context* context, int, sqlite3_value**) {
  sqlite3_result_error(context, "a schema may not use this function", -1);
}

}  // namespace

std::vector<SqlFunction> NotForSchemas(const std::vector<SqlFunction>& functions) {
  std::vector<SqlFunction> refused;
  for (const SqlFunction& function : functions) {
    if ((function.flags & (SQLITE_INNOCUOUS | SQLITE_DIRECTONLY)) == 0 && !IsHarmless(function.name)) {
      refused.push_back(function);
    }
  }
  return refused;
}

int GuardSchema(sqlite3* database) {
  static const std::vector<SqlFunction> kRefused = NotForSchemas(BuiltIn());
  for (const auto& [option, value] :
       {std::pair(SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1), std::pair(SQLITE_DBCONFIG_DEFENSIVE, 1),
        std::pair(SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0),
        std::pair(SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0)}) {
    if (const int code = sqlite3_db_config(database, option, value, nullptr); code != SQLITE_OK) return code;
  }
  for (const SqlFunction& function : kRefused) {
    const int code = sqlite3_create_function_v2(database, function.name.c_str(), function.arguments,
                                                SQLITE_UTF8 | SQLITE_DIRECTONLY, nullptr, &Refuse, nullptr,
                                                nullptr, nullptr);
    if (code != SQLITE_OK) return code;
  }
  return sqlite3_drop_modules(database, kModules);
}

void TrustNoSchema(sqlite3* database) {
  for (const auto& [option, value] :
       {std::pair(SQLITE_DBCONFIG_DEFENSIVE, 1), std::pair(SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
        std::pair(SQLITE_DBCONFIG_DQS_DML, 0), std::pair(SQLITE_DBCONFIG_DQS_DDL, 0)}) {
    sqlite3_db_config(database, option, value, nullptr);
  }
}

bool IsUnreadableSchema(std::string_view message) {
  if (!message.starts_with("malformed database schema (")) return false;
  // These two messages come from reading pages. A message without further text means that SQLite could not
  // read the schema's entry itself.
  return message.find(") - ") != std::string_view::npos &&
         message.find("invalid rootpage") == std::string_view::npos &&
         message.find("orphan index") == std::string_view::npos;
}

}  // namespace mirror
