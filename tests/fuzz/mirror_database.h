#ifndef MIRROR_TESTS_FUZZ_MIRROR_DATABASE_H_
#define MIRROR_TESTS_FUZZ_MIRROR_DATABASE_H_

#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/rows/sqlite_schema.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/fuzz/input.h"

namespace mirror {

/// An empty mirror database with the store's own tables, in a file that has no name any more. Each input
/// works in a transaction that is taken back.
class MirrorDatabase {
 public:
  MirrorDatabase() {
    ConfigureSqlite();
    std::string dir = (std::filesystem::temp_directory_path() / "mirror-fuzz-XXXXXX").string();
    Require(mkdtemp(dir.data()) != nullptr);
    auto opened = SqliteConnection::Open(dir + "/mirror.db", /*create=*/true, MirrorUse::kBuilding,
                                         /*checkpointer=*/nullptr);
    Require(opened.ok());
    connection_ = *std::move(opened);
    Require(CreateOwnTables(*connection_, "Fuzz").ok());
    std::filesystem::remove_all(dir);
  }

  SqliteConnection& connection() { return *connection_; }
  sqlite3* handle() { return connection_->handle(); }
  void Begin() { Require(connection_->Execute("SAVEPOINT fuzz").ok()); }
  void TakeBack() {
    connection_->ForgetStatements();
    Require(connection_->Execute("ROLLBACK TO fuzz; RELEASE fuzz").ok());
  }

 private:
  std::unique_ptr<SqliteConnection> connection_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_FUZZ_MIRROR_DATABASE_H_
