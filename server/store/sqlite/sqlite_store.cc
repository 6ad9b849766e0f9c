#include "server/store/sqlite/sqlite_store.h"

#include <unistd.h>

#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/crash_point.h"
#include "base/db/sqlite/connection.h"
#include "base/status_macros.h"
#include "server/store/sqlite/file/disk.h"
#include "server/store/sqlite/file/second_names.h"
#include "server/store/sqlite/file/sqlite_gathering_vfs.h"
#include "server/store/sqlite/file/sqlite_quarantine.h"
#include "server/store/sqlite/sqlite_database.h"
#include "server/store/sqlite/sqlite_new_mirror.h"

namespace mirror {
namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = "Mirror_";
constexpr char kSuffix[] = ".db";

}  // namespace

void ConfigureSqlite() {
  // Disables SQLite's memory statistics. For them each small allocation takes one mutex of the whole process.
  // Without it, tenants on two threads become 16 % faster.
  sqlite::PrepareSqlite();
  // Changes a hook that all connections share. So it must run before the first connection.
  GatheringVfs(Gathered::kLog);
}

std::string SqlitePath(const std::string& dir, const std::string& context_id) {
  return absl::StrCat(dir, "/", kPrefix, context_id, kSuffix);
}

bool SqliteStoreExists(const std::string& dir, const std::string& context_id) {
  const std::string path = SqlitePath(dir, context_id);
  return FileExists(path) || FileExists(path + kClaimSuffix);
}

absl::StatusOr<std::vector<std::string>> FindSqliteStores(const std::string& dir) {
  std::set<std::string> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    const std::string name = entry.path().filename().string();
    absl::string_view id = name;
    if (!absl::ConsumePrefix(&id, kPrefix)) continue;
    absl::ConsumeSuffix(&id, kClaimSuffix);
    if (!absl::ConsumeSuffix(&id, kSuffix)) continue;
    if (CheckContextId(std::string(id)).ok()) found.insert(std::string(id));
  }
  if (error) {
    return absl::UnavailableError(absl::StrCat("the folder '", dir, "' cannot be read: ", error.message()));
  }
  return std::vector<std::string>(found.begin(), found.end());
}

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& dir, const std::string& context_id,
                                                       bool create, const SqliteOptions& options) {
  RETURN_IF_ERROR(CheckContextId(context_id));
  const std::string path = SqlitePath(dir, context_id);
  // Keeps what is left of a damaged mirror as long as its file is missing, because the file may come back.
  absl::Status left;
  if (FileExists(path)) {
    left = SetLogOfDamagedAside(path);
  } else if (create || FileExists(path + kClaimSuffix)) {
    left = LeaveDamaged(path);
  }
  if (!left.ok()) return left;
  if (!FileExists(path) && (FileExists(path + kClaimSuffix) || (create && options.build_beside))) {
    if (!options.begin_building) return OpenNewMirror(path, context_id, options, nullptr);
    ASSIGN_OR_RETURN(std::shared_ptr<void> place, options.begin_building());
    return OpenNewMirror(path, context_id, options, std::move(place));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<SqliteDatabase> database,
                   OpenSqliteDatabase(path, context_id, create, MirrorUse::kMirror, options));
  RemoveNewMirror(path);
  return database;
}

absl::Status CheckSqliteMirror(const std::string& path, const std::string& context_id) {
  const auto no_mirror = [](const std::string& why) { return absl::FailedPreconditionError(why); };
  const absl::StatusOr<std::unique_ptr<SqliteConnection>> connection =
      SqliteConnection::Open(path, /*create=*/false, MirrorUse::kReading, nullptr);
  if (!connection.ok()) return no_mirror(std::string(connection.status().message()));
  absl::StatusOr<Query> query = (*connection)->Prepare("SELECT context_id FROM _mirror_tenant");
  if (!query.ok()) return no_mirror("it lacks the tenant's row that every mirror has");
  const absl::StatusOr<bool> row = query->Step();
  if (!row.ok()) return no_mirror(std::string(row.status().message()));
  const std::string owner = *row ? query->Text(0) : "nobody";
  if (owner == context_id) return absl::OkStatus();
  return no_mirror(absl::StrCat("it is the mirror of '", owner, "'"));
}

namespace {

/// Prepares the replacement: does everything that can fail without harm.
absl::Status PutInPlace(const std::string& from, const std::string& path) {
  // If somebody removed the former file, only its log may have the pages that the disk lost.
  RETURN_IF_ERROR(SetLogOfDamagedAside(path));
  // SQLite would apply a log that is left there to the new file.
  for (const char* suffix : {kLogSuffix, kIndexSuffix}) {
    std::error_code error;
    fs::remove(path + suffix, error);
    if (error) return FileTrouble("removing", path + suffix, error.message());
  }
  CrashPoint("restore.log_gone");
  std::error_code error;
  fs::rename(from, path, error);
  return error ? FileTrouble("renaming", from, error.message()) : absl::OkStatus();
}

}  // namespace

absl::Status MoveSqliteStore(const std::string& from, const std::string& dir, const std::string& context_id) {
  const std::string path = SqlitePath(dir, context_id);
  if (absl::Status put = PutInPlace(from, path); !put.ok()) {
    const absl::Status back = TakeBackSecondNamesOf(path);
    return back.ok() ? put : absl::UnavailableError(absl::StrCat(put.message(), " Then, ", back.message()));
  }
  RemoveNewMirror(path);
  RETURN_IF_ERROR(SyncFolder(dir));
  return RemoveQuarantine(path);
}

absl::StatusOr<std::string> SetSqliteStoreAside(const std::string& dir, const std::string& context_id,
                                                std::int64_t now_ms,
                                                const std::optional<TenantRecord>& owner) {
  const std::string path = SqlitePath(dir, context_id);
  const std::string aside = absl::StrCat(path, ".damaged-", now_ms);
  // Nothing changes until the file loses its first name. A mirror that is only begun does not count beside an
  // existing one, and a log belongs to its file under both names.
  std::error_code error;
  const bool has_one_name = fs::is_directory(path, error);
  const absl::StatusOr<bool> named = has_one_name ? true : NameTwice(path, aside);
  if (!named.ok()) return named.status();
  CrashPoint("rebuild.kept");
  absl::Status begun = owner ? ClaimNewMirror(path, context_id, *owner, now_ms) : absl::OkStatus();
  if (begun.ok()) begun = SyncFolder(dir);
  CrashPoint("rebuild.claimed");
  // If somebody removed the file, only its log may have the pages that the disk lost.
  if (begun.ok() && !*named) begun = SetLogOfDamagedAside(path);
  if (begun.ok() && has_one_name) {
    fs::rename(path, aside, error);
    if (error) begun = FileTrouble("renaming", path, error.message());
  } else if (begun.ok() && !fs::remove(path, error) && error) {
    begun = FileTrouble("removing", path, error.message());
  }
  if (!begun.ok()) {
    TakeBackSecondNamesOf(path).IgnoreError();  // If this fails, the next start does it.
    return begun;
  }
  CrashPoint("rebuild.file_gone");
  for (const char* suffix : {kLogSuffix, kIndexSuffix}) fs::remove(path + suffix, error);
  fs::rename(path + kQuarantineSuffix, aside + kQuarantineSuffix, error);
  RETURN_IF_ERROR(SyncFolder(dir));
  return aside;
}

absl::StatusOr<std::string> KeepSqliteStore(const std::string& dir, const std::string& context_id,
                                            std::int64_t now_ms) {
  const std::string path = SqlitePath(dir, context_id);
  std::string kept = absl::StrCat(path, ".replaced-", now_ms);
  ASSIGN_OR_RETURN(const bool named, NameTwice(path, kept));
  return named ? kept : std::string();
}

namespace {

/// Removes the files that restores, resets and quarantines kept, because they also have the customer's rows.
absl::Status RemoveKept(const std::string& path) {
  const std::string name = fs::path(path).filename().string();
  std::error_code error;
  fs::directory_iterator at(fs::path(path).parent_path(), error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    const std::string other = at->path().filename().string();
    for (const char* const kept : {".replaced-", ".reset-", ".damaged-"}) {
      if (!other.starts_with(name + kept)) continue;
      if (fs::remove(at->path(), error); error) break;
    }
    if (error) break;
  }
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("removing the copies that were kept beside '", path,
                                             "': ", error.message(),
                                             ". Look at the folder's mode, then delete again."));
}

}  // namespace

absl::Status RemoveSqliteStore(const std::string& dir, const std::string& context_id, Deleted what) {
  const std::string path = SqlitePath(dir, context_id);
  for (const char* suffix : {"", kLogSuffix, kIndexSuffix}) {
    std::error_code error;
    fs::remove(path + suffix, error);
    if (error) {
      return absl::UnavailableError(absl::StrCat("removing '", path, suffix, "': ", error.message(),
                                                 ". Look at the folder's mode, then delete again."));
    }
    CrashPoint("delete.file_gone");
  }
  if (what != Deleted::kMirrorOnly) RETURN_IF_ERROR(RemoveKept(path));
  RemoveNewMirror(path);
  return RemoveQuarantine(path);
}

}  // namespace mirror
