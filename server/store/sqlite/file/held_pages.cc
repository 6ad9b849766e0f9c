#include "server/store/sqlite/file/held_pages.h"

#include <sqlite3.h>

#include <array>
#include <cstdio>

#include "absl/strings/numbers.h"

namespace mirror {
namespace {

/// In KiB, as SQLite takes a negative number. Not its cache_spill alone: over the cache's size it would give
/// up each unchanged page at once, and read it again for the next row.
constexpr int kHeld = -32'768;

int CacheOf(sqlite3* connection) {
  int size = kHeld;
  const auto keep = [](void* number, int, char** values, char**) {
    return absl::SimpleAtoi(values[0], static_cast<int*>(number)) ? SQLITE_OK : SQLITE_ERROR;
  };
  sqlite3_exec(connection, "PRAGMA main.cache_size", keep, &size, nullptr);
  return size;
}

// Where there is no memory for it, pages are written as ever.
void SetCache(sqlite3* connection, int size) {
  std::array<char, 64> sql;
  std::snprintf(sql.data(), sql.size(), "PRAGMA main.cache_size = %d", size);
  sqlite3_exec(connection, sql.data(), nullptr, nullptr, nullptr);
}

}  // namespace

HeldPages::HeldPages(sqlite3* connection) : connection_(connection), before_(CacheOf(connection)) {
  if (before_ != kHeld) SetCache(connection_, kHeld);
}

HeldPages::~HeldPages() {
  if (before_ != kHeld) SetCache(connection_, before_);
}

}  // namespace mirror
