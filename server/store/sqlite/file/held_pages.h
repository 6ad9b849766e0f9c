#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_HELD_PAGES_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_HELD_PAGES_H_

struct sqlite3;

namespace mirror {

/// As long as it lives, of a database with a log 32 MB of changed pages wait for the end of their
/// transaction, whatever the cache holds: around what may be taken back while the transaction goes on
/// (docs/decisions/0074). Where more were changed, such a commit may fail, see FrameSeals. Threads: the
/// connection's.
class HeldPages {
 public:
  explicit HeldPages(sqlite3* connection);
  ~HeldPages();
  HeldPages(const HeldPages&) = delete;
  HeldPages& operator=(const HeldPages&) = delete;

 private:
  sqlite3* const connection_;
  /// The cache's size. As large as ours: within the life of another one, or there is no log.
  const int before_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_HELD_PAGES_H_
