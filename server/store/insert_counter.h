#ifndef MIRROR_SERVER_STORE_INSERT_COUNTER_H_
#define MIRROR_SERVER_STORE_INSERT_COUNTER_H_

#include <cstdint>

struct sqlite3;

namespace mirror {

/// Counts the rows that an upsert really adds: SQLite's own count is the same for both. Counts from its
/// making until it goes, every insert of the connection. Threads: none.
class InsertCounter {
 public:
  explicit InsertCounter(sqlite3* handle);
  ~InsertCounter();
  InsertCounter(const InsertCounter&) = delete;
  InsertCounter& operator=(const InsertCounter&) = delete;

  std::int64_t inserted() const { return inserted_; }

 private:
  sqlite3* handle_;
  std::int64_t inserted_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_INSERT_COUNTER_H_
