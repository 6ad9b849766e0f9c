#include "server/store/sqlite/file/held_pages.h"

#include <sqlite3.h>

#include <array>
#include <cstdio>
#include <string>

#include "absl/strings/numbers.h"

namespace mirror {
namespace {

/// In KiB, as SQLite takes a negative number. Not its cache_spill alone: over the cache's size it would give
/// up each unchanged page at once, and read it again for the next row.
constexpr int kHeld = -32'768;

std::string Ask(sqlite3* connection, const char* pragma) {
  std::string answer;
  const auto keep = [](void* to, int, char** values, char**) {
    *static_cast<std::string*>(to) = values[0];
    return SQLITE_OK;
  };
  sqlite3_exec(connection, pragma, keep, &answer, nullptr);
  return answer;
}

/// What the cache is to be again; kHeld: it is to stay as it is.
int CacheToChange(sqlite3* connection) {
  int size = kHeld;
  // What is lost is lost in a log.
  if (Ask(connection, "PRAGMA main.journal_mode") != "wal") return kHeld;
  return absl::SimpleAtoi(Ask(connection, "PRAGMA main.cache_size"), &size) ? size : kHeld;
}

// Where there is no memory for it, pages are written as ever.
void SetCache(sqlite3* connection, int size) {
  std::array<char, 64> sql;
  std::snprintf(sql.data(), sql.size(), "PRAGMA main.cache_size = %d", size);
  sqlite3_exec(connection, sql.data(), nullptr, nullptr, nullptr);
}

}  // namespace

HeldPages::HeldPages(sqlite3* connection) : connection_(connection), before_(CacheToChange(connection)) {
  if (before_ != kHeld) SetCache(connection_, kHeld);
}

HeldPages::~HeldPages() {
  if (before_ != kHeld) SetCache(connection_, before_);
}

}  // namespace mirror
