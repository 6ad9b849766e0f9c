#include "server/tenant/backup.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <numeric>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "server/store/sqlite/file/sync_path.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/watch/diagnosis.h"

namespace mirror {
namespace {

namespace fs = std::filesystem;

/// What other tenants may write while a mirror is copied.
constexpr std::uint64_t kSpareBytes = 64ULL << 20;

/// A folder within the work folder of the data folder, so that a file can be renamed from there; gone with
/// this.
class WorkFolder {
 public:
  static absl::StatusOr<std::unique_ptr<WorkFolder>> Make(const std::string& data_dir) {
    std::string path = absl::StrCat(data_dir, "/", kWorkFolder);
    std::error_code error;
    fs::create_directories(path, error);
    absl::StrAppend(&path, "/XXXXXX");
    if (error || mkdtemp(path.data()) == nullptr) {
      return absl::UnavailableError(absl::StrCat("making a folder in '", data_dir,
                                                 "': ", error ? error.message() : std::strerror(errno),
                                                 ". Nothing was done."));
    }
    return std::unique_ptr<WorkFolder>(new WorkFolder(std::move(path)));
  }
  ~WorkFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit WorkFolder(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

absl::Status CheckPath(const std::string& path, const std::string& data_dir) {
  if (path.empty() || path.front() != '/') {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' is no absolute path on the server's machine. Nothing was done."));
  }
  std::error_code error;
  const std::string within = fs::weakly_canonical(data_dir, error).string() + "/";
  if (absl::StartsWith(fs::weakly_canonical(path, error).string(), within)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", path,
        "' is in the data folder, where only mirrors are. Nothing was done. Name another folder."));
  }
  return absl::OkStatus();
}

std::uint64_t SizeOf(const std::string& path) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  return error ? 0 : size;
}

absl::Status CopyFile(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::copy_file(from, to, error);
  // As SQLite makes a mirror under this server's umask: partners read it as members of the group.
  constexpr fs::perms kOfMirror = fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read;
  if (!error) fs::permissions(to, kOfMirror, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("copying '", from, "': ", error.message(), ". The mirror is as it was."));
  }
  const int failed = SyncPath(to, O_RDWR);
  if (failed == 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("writing '", to, "': ", std::strerror(failed), ". The mirror is as it was."));
}

absl::Status NotEqual(const std::string& what) {
  return absl::DataLossError(absl::StrCat("the drill found the copy not to be the mirror: ", what,
                                          ". Do not rely on it. Look at the disks, and make another one."));
}

/// The copy, opened as the server would open it, beside what it was copied from.
absl::StatusOr<std::vector<DrilledTable>> Drill(const std::string& dir, const std::string& context_id,
                                                Snapshot& original, const GoOn& go_on,
                                                const ShowBackup& show) {
  const absl::StatusOr<std::unique_ptr<Store>> store =
      OpenSqliteStore(dir, context_id, /*create=*/false, SqliteOptions{});
  if (!store.ok()) return NotEqual(std::string(store.status().message()));
  if (absl::Status whole = (*store)->CheckIntegrity(); !whole.ok()) {
    return NotEqual(std::string(whole.message()));
  }
  const absl::StatusOr<std::unique_ptr<Snapshot>> copy = (*store)->OpenSnapshot();
  if (!copy.ok()) return NotEqual(std::string(copy.status().message()));
  const absl::StatusOr<std::vector<TableRecord>> records = original.ReadTables();
  if (!records.ok()) return records.status();
  const absl::StatusOr<std::vector<TableRecord>> copied = (*copy)->ReadTables();
  if (!copied.ok() || *copied != *records) return NotEqual("its metadata table differs");
  std::vector<DrilledTable> tables;
  BackupStep step{.doing = "comparing", .all = records->size()};
  for (const TableRecord& record : *records) {
    if (show) show(step);
    ++step.done;
    const absl::StatusOr<std::optional<TableSchema>> schema = original.ReadSchema(record.table);
    if (!schema.ok()) return schema.status();
    // A table whose agreed definition is newer than its rows has other columns than it says.
    if (!*schema || record.state == TableState::kRepopulate) continue;
    const TableSchema kept = KeptForm(**schema);
    std::vector<std::uint32_t> all(kept.columns.size());
    std::iota(all.begin(), all.end(), 0U);
    const absl::StatusOr<std::vector<RangeDigest>> there = original.Digest(kept, all, {}, go_on);
    if (!there.ok()) return there.status();
    const absl::StatusOr<std::vector<RangeDigest>> here = (*copy)->Digest(kept, all, {}, go_on);
    if (absl::IsCancelled(here.status())) return here.status();
    if (!here.ok() || here->front() != there->front()) {
      return NotEqual(absl::StrCat("table '", record.table, "' differs"));
    }
    tables.push_back({record, here->front()});
  }
  return tables;
}

absl::Status EndCycleIn(const std::string& folder, const std::string& context_id,
                        const std::optional<TenantRecord>& before, std::int64_t now_ms) {
  const absl::StatusOr<std::unique_ptr<Store>> copy =
      OpenSqliteStore(folder, context_id, /*create=*/false, SqliteOptions{});
  if (!copy.ok()) return copy.status();
  return EndCycleOfCopy(**copy, before, now_ms);
}

}  // namespace

absl::StatusOr<BackupReport> BackupMirror(Tenants& tenants, const std::string& context_id,
                                          const std::string& path, bool drill, const GoOn& go_on,
                                          const ShowBackup& show) {
  const bool kept = !path.empty() || !drill;
  if (kept) {
    if (absl::Status status = CheckPath(path, tenants.data_dir()); !status.ok()) return status;
  }
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants.Find(context_id);
  if (!tenant.ok()) return tenant.status();
  const std::string& id = (*tenant)->context_id();
  std::unique_ptr<WorkFolder> folder;
  if (drill) {
    absl::StatusOr<std::unique_ptr<WorkFolder>> made = WorkFolder::Make(tenants.data_dir());
    if (!made.ok()) return made.status();
    folder = *std::move(made);
  }
  const absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = (*tenant)->OpenSnapshot();
  if (!snapshot.ok()) return snapshot.status();
  const std::string copy = kept ? path : SqlitePath(folder->path(), id);
  const auto copying = [&](std::uint64_t done, std::uint64_t all) {
    if (show) show({.done = done, .all = all});
    return go_on();
  };
  if (absl::Status copied = (*snapshot)->CopyTo(copy, copying); !copied.ok()) return copied;
  BackupReport report;
  report.bytes = SizeOf(copy);
  if (!drill) return report;
  if (kept) {
    if (absl::Status copied = CopyFile(copy, SqlitePath(folder->path(), id)); !copied.ok()) return copied;
  }
  absl::StatusOr<std::vector<DrilledTable>> tables = Drill(folder->path(), id, **snapshot, go_on, show);
  if (!tables.ok()) return tables.status();
  report.tables = *std::move(tables);
  return report;
}

absl::StatusOr<RestoreReport> RestoreMirror(Tenants& tenants, const std::string& context_id,
                                            const std::string& path, std::int64_t now_ms) {
  if (absl::Status status = CheckContextId(context_id); !status.ok()) return status;
  // Reading a mirror's own file beside SQLite would take its locks away.
  if (absl::Status status = CheckPath(path, tenants.data_dir()); !status.ok()) return status;
  if (std::error_code error; !fs::is_regular_file(path, error)) {
    return absl::NotFoundError(
        absl::StrCat("there is no file '", path, "' on the server's machine. The mirror is as it was."));
  }
  if (SizeOf(path + "-wal") > 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "'", path,
        "' has a log beside it, so it is not all there by itself. The mirror is as it was. Copy the "
        "database with 'mirrorctl backup' or SQLite's '.backup'."));
  }
  const absl::StatusOr<std::unique_ptr<WorkFolder>> folder = WorkFolder::Make(tenants.data_dir());
  if (!folder.ok()) return folder.status();
  const std::string copy = SqlitePath((*folder)->path(), context_id);
  if (absl::Status copied = CopyFile(path, copy); !copied.ok()) return copied;
  CrashPoint("restore.copied");
  RestoreReport report;
  {
    const auto no_mirror = [&](absl::string_view what) {
      return absl::FailedPreconditionError(absl::StrCat("'", path, "' is no whole mirror of '", context_id,
                                                        "': ", what, ". The mirror is as it was."));
    };
    if (absl::Status own = CheckSqliteMirror(copy, context_id); !own.ok()) return no_mirror(own.message());
    const absl::StatusOr<std::unique_ptr<Store>> store =
        OpenSqliteStore((*folder)->path(), context_id, /*create=*/false, SqliteOptions{});
    if (!store.ok()) return no_mirror(store.status().message());
    if (absl::Status whole = (*store)->CheckIntegrity(); !whole.ok()) return no_mirror(whole.message());
    const absl::StatusOr<std::vector<TableRecord>> records = (*store)->ReadTables();
    if (!records.ok()) return no_mirror(records.status().message());
    report.tables = static_cast<std::uint32_t>(records->size());
  }
  report.bytes = SizeOf(copy);
  const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants.FindOrMake(context_id);
  if (!tenant.ok()) return tenant.status();
  absl::Status replaced = (*tenant)->ReplaceFile(
      [&](const std::optional<TenantRecord>& before) -> absl::Status {
        CrashPoint("restore.before");
        if (absl::Status ended = EndCycleIn((*folder)->path(), context_id, before, now_ms); !ended.ok())
          return ended;
        absl::StatusOr<std::string> kept = KeepSqliteStore(tenants.data_dir(), context_id, now_ms);
        if (!kept.ok()) return kept.status();
        report.kept = *std::move(kept);
        CrashPoint("restore.kept");
        absl::Status moved = MoveSqliteStore(copy, tenants.data_dir(), context_id);
        CrashPoint("restore.after");
        return moved;
      },
      now_ms);
  if (!replaced.ok()) return replaced;
  CrashPoint("restore.ended");
  if (absl::Status allowed = tenants.Allow(context_id); !allowed.ok() && !absl::IsNotFound(allowed)) {
    return allowed;
  }
  return report;
}

absl::StatusOr<std::string> CopyBeforeReset(Tenants& tenants, Tenant& tenant, std::int64_t now_ms,
                                            const GoOn& go_on) {
  const absl::StatusOr<TenantInfo> info = tenant.Info();
  if (!info.ok()) return info.status();
  if (info->tables == 0) return std::string();
  const absl::StatusOr<std::uint64_t> free_bytes = DiskFreeBytes(tenants.data_dir());
  if (!free_bytes.ok()) return free_bytes.status();
  if (*free_bytes < info->bytes + kSpareBytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the mirror of '", tenant.context_id(), "' has ", info->bytes, " bytes, and the disk has room for ",
        *free_bytes,
        ": there is no place to keep it as it was. Nothing was dropped. Make room, or reset the tables by "
        "their names, which keeps nothing."));
  }
  absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = tenant.OpenSnapshot();
  if (!snapshot.ok()) return snapshot.status();
  // What a kill leaves of it goes with the folder.
  const absl::StatusOr<std::unique_ptr<WorkFolder>> folder = WorkFolder::Make(tenants.data_dir());
  if (!folder.ok()) return folder.status();
  const std::string copy = SqlitePath((*folder)->path(), tenant.context_id());
  const auto copying = [&](std::uint64_t, std::uint64_t) { return go_on(); };
  if (absl::Status copied = (*snapshot)->CopyTo(copy, copying); !copied.ok()) return copied;
  std::string path = absl::StrCat(tenants.PathOf(tenant.context_id()), ".reset-", now_ms);
  std::error_code error;
  fs::rename(copy, path, error);
  const int failed = error ? error.value() : SyncPath(tenants.data_dir(), O_RDONLY | O_DIRECTORY);
  if (failed != 0) {
    return absl::UnavailableError(absl::StrCat("keeping the mirror as '", path, "': ", std::strerror(failed),
                                               ". Nothing was dropped."));
  }
  CrashPoint("reset.kept");
  return path;
}

}  // namespace mirror
