#include "server/store/insert_counter.h"

// Declares sqlite3_preupdate_hook, which Debian's library has.
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include <sqlite3.h>

namespace mirror {

InsertCounter::InsertCounter(sqlite3* handle) : handle_(handle) {
  sqlite3_preupdate_hook(
      handle_,
      [](void* self, sqlite3*, int operation, const char*, const char*, sqlite3_int64, sqlite3_int64) {
        if (operation == SQLITE_INSERT) ++static_cast<InsertCounter*>(self)->inserted_;
      },
      this);
}

InsertCounter::~InsertCounter() { sqlite3_preupdate_hook(handle_, nullptr, nullptr); }

}  // namespace mirror
