#include "server/store/sqlite/sqlite_import.h"

#include <fcntl.h>

#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/file/sync_path.h"
#include "server/store/sqlite/records/sqlite_tenant.h"
#include "server/store/sqlite/rows/sqlite_objects.h"
#include "server/store/sqlite/rows/sqlite_rows.h"
#include "server/store/sqlite/rows/sqlite_schema.h"
#include "server/store/sqlite/sqlite_contents.h"
#include "server/store/sqlite/sqlite_mirror_check.h"
#include "server/store/sqlite/sqlite_mirror_copy.h"
#include "server/store/sqlite/sqlite_store.h"

namespace mirror {
namespace {

class SqliteImport final : public MirrorImport {
 public:
  SqliteImport(std::string home, std::string folder, std::string context_id)
      : home_(std::move(home)),
        folder_(std::move(folder)),
        context_id_(std::move(context_id)),
        path_(SqlitePath(folder_, context_id_)) {}
  ~SqliteImport() override {
    connection_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  SqliteImport(const SqliteImport&) = delete;
  SqliteImport& operator=(const SqliteImport&) = delete;

  absl::Status Begin(const MirrorContents& contents) override {
    if (contents.tenant.context_id != context_id_) {
      return absl::InvalidArgumentError(absl::StrCat("this is the mirror of '", contents.tenant.context_id,
                                                     "', not of '", context_id_, "'. Nothing was done."));
    }
    absl::StatusOr<std::unique_ptr<SqliteConnection>> made =
        SqliteConnection::Open(path_, /*create=*/true, MirrorUse::kBuilding, nullptr);
    if (!made.ok()) return made.status();
    connection_ = *std::move(made);
    own_indexes_ = contents.own_indexes;
    absl::Status begun = connection_->Execute("BEGIN IMMEDIATE");
    if (begun.ok()) begun = TakeOverFile(*connection_, context_id_);
    if (begun.ok()) begun = CreateOwnTables(*connection_, context_id_);
    if (begun.ok()) begun = InsertTenant(*connection_, context_id_);
    return begun.ok() ? WriteSqliteContents(*connection_, contents) : begun;
  }

  absl::Status AddRows(const TableSchema& stored, RowBlock* rows) override {
    ASSIGN_OR_RETURN(const ChangeBatch batch, BatchOf(stored, rows));
    connection_->TrimStatements();
    RowsWritten written;
    return WriteRows(*connection_, stored.name, ApplyRows{.schema = &stored, .batch = &batch},
                     ApplyMethod::kBest, 0, &written);
  }

  absl::Status Finish() override {
    for (const IndexChange& index : own_indexes_) {
      RETURN_IF_ERROR(ChangeIndex(*connection_, index));
    }
    RETURN_IF_ERROR(connection_->Execute("COMMIT"));
    connection_.reset();
    if (const int failed = SyncPath(path_, O_RDWR); failed != 0) {
      return absl::UnavailableError(
          absl::StrCat("writing '", path_, "': ", std::strerror(failed), ". No mirror was made."));
    }
    RETURN_IF_ERROR(CheckFree(home_, context_id_));
    return MoveSqliteStore(path_, home_, context_id_);
  }

  static absl::Status CheckFree(const std::string& home, const std::string& context_id) {
    if (!SqliteStoreExists(home, context_id)) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat("there is a mirror of '", context_id,
                                                      "' here. It was left as it is. Delete it first, or "
                                                      "leave it and take the other one away."));
  }

 private:
  const std::string home_, folder_, context_id_, path_;
  std::unique_ptr<SqliteConnection> connection_;
  std::vector<IndexChange> own_indexes_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<MirrorImport>> NewSqliteImport(const std::string& dir, const std::string& work,
                                                              const std::string& context_id) {
  RETURN_IF_ERROR(SqliteImport::CheckFree(dir, context_id));
  ASSIGN_OR_RETURN(std::string folder, MakeWorkFolder(dir, work));
  return std::make_unique<SqliteImport>(dir, std::move(folder), context_id);
}

}  // namespace mirror
