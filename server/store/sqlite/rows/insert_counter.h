#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_INSERT_COUNTER_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_INSERT_COUNTER_H_

#include <cstdint>

struct sqlite3;

namespace mirror {

/// Indexes of the mirror's own columns (live_rows.h) in a table, counted from 0; -1: there is no such column.
struct OwnPlaces {
  int owned = -1, deleted_at = -1;
};

/// Counts the rows that an upsert adds. SQLite's own count also includes updated rows. A row that existed but
/// was not live counts as added. In a table without the mirror's own columns, a row that REPLACE deletes is
/// subtracted. Counts as long as the object lives. Threads: none.
class InsertCounter {
 public:
  explicit InsertCounter(sqlite3* handle, OwnPlaces own = {});
  ~InsertCounter();
  InsertCounter(const InsertCounter&) = delete;
  InsertCounter& operator=(const InsertCounter&) = delete;

  std::int64_t inserted() const { return inserted_; }

 private:
  bool WasLive() const;

  sqlite3* handle_;
  const OwnPlaces own_;
  std::int64_t inserted_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_ROWS_INSERT_COUNTER_H_
