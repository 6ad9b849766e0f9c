#include "server/store/sqlite/file/held_pages.h"

#include <sqlite3.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

constexpr int kHeldKiB = 32 << 10;

// Without memory for it pages are written as ever.
void SetSpill(sqlite3* connection, int spill) {
  sqlite3_exec(connection, absl::StrCat("PRAGMA main.cache_spill = ", spill).c_str(), nullptr, nullptr,
               nullptr);
}

int KeepNumber(void* number, int, char** values, char**) {
  return absl::SimpleAtoi(values[0], static_cast<int*>(number)) ? SQLITE_OK : SQLITE_ERROR;
}

}  // namespace

HeldPages::HeldPages(sqlite3* connection) : connection_(connection) {
  sqlite3_exec(connection_, "PRAGMA main.cache_spill", KeepNumber, &before_, nullptr);
  SetSpill(connection_, -kHeldKiB);
}

HeldPages::~HeldPages() { SetSpill(connection_, before_); }

}  // namespace mirror
