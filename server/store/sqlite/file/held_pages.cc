#include "server/store/sqlite/file/held_pages.h"

#include <sqlite3.h>

#include "absl/strings/numbers.h"

namespace mirror {
namespace {

void Run(sqlite3* connection, const char* sql) { sqlite3_exec(connection, sql, nullptr, nullptr, nullptr); }

/// In pages.
int SpillOf(sqlite3* connection) {
  int pages = 0;
  const auto keep = [](void* number, int, char** values, char**) {
    return absl::SimpleAtoi(values[0], static_cast<int*>(number)) ? SQLITE_OK : SQLITE_ERROR;
  };
  sqlite3_exec(connection, "PRAGMA main.cache_spill", keep, &pages, nullptr);
  return pages;
}

}  // namespace

// A negative number is KiB. Where there is no memory for it, pages are written as ever.
HeldPages::HeldPages(sqlite3* connection) : connection_(connection) {
  const int before = SpillOf(connection_);
  Run(connection_, "PRAGMA main.cache_spill = -32768");
  is_outermost_ = SpillOf(connection_) != before;
}

// SQLite takes the larger of this and of its cache. No positive number: it takes those as words for on and
// off, too.
HeldPages::~HeldPages() {
  if (is_outermost_) Run(connection_, "PRAGMA main.cache_spill = -1");
}

}  // namespace mirror
