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

/// One SQLite file as a store: a mirror with its final name, or a part of a mirror that is being built.
class SqliteDatabase : public Store {
 public:
  /// Reads the stored nonces. Some may have expired.
  virtual absl::StatusOr<std::vector<Nonce>> ReadNonces() = 0;
  /// The last call before a mirror that was built gets its name, see EmptyUnfinished.
  virtual absl::Status EndBuilding() = 0;
};

/// Opens the file. Errors: those of OpenSqliteStore.
absl::StatusOr<std::unique_ptr<SqliteDatabase>> OpenSqliteDatabase(const std::string& path,
                                                                   const std::string& context_id, bool create,
                                                                   MirrorUse use,
                                                                   const SqliteOptions& options);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_DATABASE_H_
