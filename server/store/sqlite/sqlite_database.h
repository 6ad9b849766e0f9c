#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_DATABASE_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_DATABASE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/store.h"

namespace mirror {

/// One SQLite file as a store: what a mirror is once it has its name, and what one that is being built is
/// made of.
class SqliteDatabase : public Store {
 public:
  /// Those that are remembered, expired ones perhaps too.
  virtual absl::StatusOr<std::vector<Nonce>> ReadNonces() = 0;
  /// The last thing before a mirror that was built gets its name: see EmptyUnfinished.
  virtual absl::Status EndBuilding() = 0;
};

/// Errors: as OpenSqliteStore.
absl::StatusOr<std::unique_ptr<SqliteDatabase>> OpenSqliteDatabase(const std::string& path,
                                                                   const std::string& context_id, bool create,
                                                                   MirrorUse use,
                                                                   const SqliteOptions& options);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_DATABASE_H_
