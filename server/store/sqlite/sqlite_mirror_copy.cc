#include "server/store/sqlite/sqlite_mirror_copy.h"

#include <fcntl.h>
#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ios>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/status_macros.h"
#include "server/store/copy_contents.h"
#include "server/store/sqlite/file/disk.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/file/sqlite_tenant.h"
#include "server/store/sqlite/rows/sqlite_objects.h"
#include "server/store/sqlite/rows/sqlite_rows.h"
#include "server/store/sqlite/rows/sqlite_schema.h"
#include "server/store/sqlite/sqlite_contents.h"
#include "server/store/sqlite/sqlite_mirror_check.h"
#include "server/store/sqlite/sqlite_store.h"

namespace mirror {
namespace {

namespace fs = std::filesystem;

absl::Status ToDisk(const std::string& path) {
  // The mode that SQLite gives a mirror under this server's umask. Partners read it as members of the group.
  constexpr fs::perms kOfMirror = fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read;
  std::error_code error;
  fs::permissions(path, kOfMirror, error);
  const int failed = error ? error.value() : SyncPath(path, O_RDWR);
  if (failed == 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("writing '", path, "': ", std::strerror(failed), ". The mirror was not changed."));
}

absl::Status CopyFile(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::copy_file(from, to, error);
  if (!error) return ToDisk(to);
  return absl::UnavailableError(
      absl::StrCat("copying '", from, "': ", error.message(), ". The mirror was not changed."));
}

class SqliteMirrorCopy final : public MirrorCopy {
 public:
  SqliteMirrorCopy(std::string home, std::string folder, std::string context_id)
      : home_(std::move(home)),
        folder_(std::move(folder)),
        context_id_(std::move(context_id)),
        path_(SqlitePath(folder_, context_id_)) {}
  ~SqliteMirrorCopy() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  SqliteMirrorCopy(const SqliteMirrorCopy&) = delete;
  SqliteMirrorCopy& operator=(const SqliteMirrorCopy&) = delete;

  absl::StatusOr<std::vector<std::string>> CopyOf(Snapshot& mirror, const GoOnCopying& go_on) override {
    absl::Status copied = mirror.CopyTo(path_, go_on);
    if (copied.ok()) return std::vector<std::string>();
    if (!absl::IsUnimplemented(copied)) return copied;
    ASSIGN_OR_RETURN(const std::unique_ptr<MirrorImport> import,
                     NewSqliteImport(folder_, "import", context_id_));
    return CopyContents(mirror, *import, go_on);
  }
  absl::Status CopyOf(const std::string& path) override { return CopyFile(path, path_); }
  std::uint64_t Bytes() const override { return FileBytes(path_); }

  absl::StatusOr<std::unique_ptr<Store>> Open() override {
    RETURN_IF_ERROR(CheckSqliteMirror(path_, context_id_));
    return OpenSqliteStore(folder_, context_id_, /*create=*/false, SqliteOptions{});
  }

  absl::StatusOr<ReplacedMirror> Replace(std::int64_t now_ms, const GoOnCopying& /*go_on*/) override {
    ASSIGN_OR_RETURN(std::string kept, KeepSqliteStore(home_, context_id_, now_ms));
    CrashPoint("restore.kept");
    absl::Status moved = MoveSqliteStore(path_, home_, context_id_);
    CrashPoint("restore.after");
    if (!moved.ok()) return moved;
    return ReplacedMirror{.kept = std::move(kept)};
  }

  absl::StatusOr<ReplacedMirror> PutWhereNoneIs(const std::string& /*place*/,
                                                const GoOnCopying& /*go_on*/) override {
    if (SqliteStoreExists(home_, context_id_)) {
      return absl::FailedPreconditionError(
          absl::StrCat("there is a mirror of '", context_id_, "' here. It was left as it is."));
    }
    RETURN_IF_ERROR(MoveSqliteStore(path_, home_, context_id_));
    return ReplacedMirror{};
  }

  absl::StatusOr<std::string> ReadBytes(std::uint64_t from, std::size_t most) override {
    std::ifstream file(path_, std::ios::binary);
    std::string bytes(most, '\0');
    file.seekg(static_cast<std::streamoff>(from));
    file.read(bytes.data(), static_cast<std::streamsize>(most));
    if (file.bad() || (file.fail() && !file.eof())) return OfFile("reading");
    bytes.resize(static_cast<std::size_t>(file.gcount()));
    return bytes;
  }

  absl::Status AddBytes(std::string_view bytes) override {
    if (!added_.is_open()) added_.open(path_, std::ios::binary | std::ios::trunc);
    added_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (bytes.empty()) added_.close();
    if (!added_) return OfFile("writing");
    return bytes.empty() ? ToDisk(path_) : absl::OkStatus();
  }

  absl::StatusOr<std::string> Keep(std::int64_t now_ms) override {
    std::string kept = absl::StrCat(SqlitePath(home_, context_id_), ".reset-", now_ms);
    std::error_code error;
    fs::rename(path_, kept, error);
    const int failed = error ? error.value() : SyncPath(home_, O_RDONLY | O_DIRECTORY);
    if (failed == 0) return kept;
    return absl::UnavailableError(
        absl::StrCat("keeping the mirror as '", kept, "': ", std::strerror(failed), "."));
  }

 private:
  absl::Status OfFile(const char* doing) const {
    return absl::UnavailableError(
        absl::StrCat(doing, " '", path_, "': ", std::strerror(errno), ". The mirror was not changed."));
  }

  const std::string home_, folder_, context_id_, path_;
  std::ofstream added_;
};

}  // namespace

absl::StatusOr<std::string> MakeWorkFolder(const std::string& dir, const std::string& work) {
  std::string folder = absl::StrCat(dir, "/", work);
  std::error_code error;
  fs::create_directories(folder, error);
  absl::StrAppend(&folder, "/XXXXXX");
  if (error || mkdtemp(folder.data()) == nullptr) {
    return absl::UnavailableError(absl::StrCat("making a folder in '", dir,
                                               "': ", error ? error.message() : std::strerror(errno),
                                               ". Nothing was done."));
  }
  return folder;
}

absl::StatusOr<std::unique_ptr<MirrorCopy>> NewSqliteMirrorCopy(const std::string& dir,
                                                                const std::string& work,
                                                                const std::string& context_id) {
  ASSIGN_OR_RETURN(std::string folder, MakeWorkFolder(dir, work));
  return std::make_unique<SqliteMirrorCopy>(dir, std::move(folder), context_id);
}

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
                                                      "' here already. It was left as it is. Delete it "
                                                      "first, or keep it and remove the other one."));
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
