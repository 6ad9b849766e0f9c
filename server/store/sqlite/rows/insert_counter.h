#ifndef MIRROR_SERVER_STORE_SQLITE_ROWS_INSERT_COUNTER_H_
#define MIRROR_SERVER_STORE_SQLITE_ROWS_INSERT_COUNTER_H_

#include <cstdint>

struct sqlite3;

namespace mirror {

/// Where a table has the mirror's own columns (live_rows.h), counting from 0; -1: it has none.
struct OwnPlaces {
  int owned = -1, deleted_at = -1;
};

/// Counts the rows that an upsert really adds: SQLite's own count is the same for both. A row that stood
/// there and was not live is one that is added. A row that REPLACE takes out is taken off again, in a table
/// without the mirror's own columns. Counts from its making until it goes. Threads: none.
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
