#include "server/store/sqlite/rows/insert_counter.h"

// Declares sqlite3_preupdate_hook, which Debian's library has.
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include <sqlite3.h>

namespace mirror {

InsertCounter::InsertCounter(sqlite3* handle, OwnPlaces own) : handle_(handle), own_(own) {
  const auto count_added = [](void* self, sqlite3* db, int operation, const char*, const char*, sqlite3_int64,
                              sqlite3_int64) {
    if (operation == SQLITE_INSERT) ++static_cast<InsertCounter*>(self)->inserted_;
    // A write of a blob into a row also reports a delete.
    if (operation == SQLITE_DELETE && sqlite3_preupdate_blobwrite(db) < 0) {
      --static_cast<InsertCounter*>(self)->inserted_;
    }
  };
  const auto count_live = [](void* self, sqlite3*, int operation, const char*, const char*, sqlite3_int64,
                             sqlite3_int64) {
    auto* const counter = static_cast<InsertCounter*>(self);
    if (operation == SQLITE_INSERT || (operation == SQLITE_UPDATE && !counter->WasLive())) {
      ++counter->inserted_;
    }
  };
  const bool all_live = own_.owned < 0 && own_.deleted_at < 0;
  sqlite3_preupdate_hook(handle_, all_live ? +count_added : +count_live, this);
}

InsertCounter::~InsertCounter() { sqlite3_preupdate_hook(handle_, nullptr, nullptr); }

bool InsertCounter::WasLive() const {
  sqlite3_value* value = nullptr;
  if (own_.owned >= 0) {
    if (sqlite3_preupdate_old(handle_, own_.owned, &value) != SQLITE_OK) return true;
    if (sqlite3_value_type(value) != SQLITE_INTEGER || sqlite3_value_int64(value) != 1) return false;
  }
  if (own_.deleted_at < 0 || sqlite3_preupdate_old(handle_, own_.deleted_at, &value) != SQLITE_OK)
    return true;
  return sqlite3_value_type(value) == SQLITE_NULL;
}

}  // namespace mirror
