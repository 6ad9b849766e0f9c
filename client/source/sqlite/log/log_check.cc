#include "client/source/sqlite/log/log_check.h"

#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/file_layout.h"
#include "base/status_macros.h"
#include "client/source/sqlite/log/log_tables.h"

namespace mirror {
namespace {

// Not a part of the log's layout: a log is complete without it.
constexpr char kTable[] =
    "CREATE TABLE IF NOT EXISTS _mirror_owner (one INTEGER PRIMARY KEY CHECK (one = 1), context_id TEXT NOT "
    "NULL, state_dir TEXT NOT NULL)";

absl::StatusOr<bool> HasTable(const SqliteFile& file, const std::string& name) {
  return file.Query("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1").With(name).Step();
}

/// The log's knowledge of the file and of its user.
struct Known {
  std::string source_id;
  bool copied = false;
};

absl::StatusOr<Known> LookAtSource(const SqliteFile& file, const std::string& host) {
  const absl::StatusOr<bool> there = HasTable(file, "_mirror_source");
  if (!there.ok() || !*there) return there.ok() ? absl::StatusOr<Known>(Known()) : there.status();
  sqlite::Statement query =
      file.Query("SELECT source_id, host, path, device, inode FROM main._mirror_source");
  const absl::StatusOr<bool> row = query.Step();
  if (!row.ok() || !*row) return row.ok() ? absl::StatusOr<Known>(Known()) : row.status();
  const SourceMark& mark = file.mark();
  const bool same_file = query.Int(3) == static_cast<std::int64_t>(mark.device) &&
                         query.Int(4) == static_cast<std::int64_t>(mark.inode);
  // Under another path the same file is the same source for others.
  return Known{query.Text(0), query.Text(1) != host || (query.Text(2) != mark.path && !same_file)};
}

/// False: it has no owner. Errors: also if another agent owns it.
absl::StatusOr<bool> IsOwn(const SqliteFile& file, const LogOwner& owner) {
  const absl::StatusOr<bool> claimed = HasTable(file, "_mirror_owner");
  if (!claimed.ok() || !*claimed) return claimed;
  sqlite::Statement query = file.Query("SELECT context_id, state_dir FROM main._mirror_owner");
  const absl::StatusOr<bool> row = query.Step();
  if (!row.ok() || !*row) return row;
  const std::string tenant = query.Text(0), folder = query.Text(1);
  if (tenant == owner.context_id && folder == owner.state_dir) return true;
  ASSIGN_OR_RETURN(const Known known, LookAtSource(file, owner.host));
  std::error_code error;
  const bool gone = !std::filesystem::exists(folder, error) && !error;
  const bool moved = gone && tenant == owner.context_id && known.source_id == owner.source_id;
  if (known.copied || moved || owner.takes_over) return false;
  return absl::FailedPreconditionError(absl::StrCat(
      "the change log in '", file.mark().path, "' belongs to another agent: tenant '", tenant,
      "', state_dir '", folder,
      "'. Two agents would remove each other's logs, so nothing was done. Read the source with strategy "
      "\"synthetic\" here; or, if the other agent no longer uses it, run 'mirror-agent uninstall' with its "
      "configuration, or 'mirror-agent install --take-over' with this one"));
}

constexpr std::int64_t kOwnObjects = 4;
const KnownLayout kLayout = {"the change log in", 2};
constexpr std::int64_t kUnnumbered = 1;

}  // namespace

absl::Status CheckLogOwner(const SqliteFile& file, const LogOwner& owner) {
  return owner.state_dir.empty() ? absl::OkStatus() : IsOwn(file, owner).status();
}

absl::Status ClaimLog(const SqliteFile& file, const LogOwner& owner) {
  if (owner.state_dir.empty()) return absl::OkStatus();
  const absl::StatusOr<bool> before = IsOwn(file, owner);
  if (!before.ok() || *before) return before.status();
  return file.Change([&]() -> absl::Status {
    // Another agent may have been faster.
    const absl::StatusOr<bool> own = IsOwn(file, owner);
    if (!own.ok() || *own) return own.status();
    RETURN_IF_ERROR(file.Run(kTable));
    return file
        .Query("INSERT OR REPLACE INTO main._mirror_owner (one, context_id, state_dir) VALUES (1, ?1, ?2)")
        .With(owner.context_id, owner.state_dir)
        .Run();
  });
}

absl::StatusOr<LogPresence> FindLog(const SqliteFile& file) {
  ASSIGN_OR_RETURN(
      const std::int64_t own,
      file.Number("SELECT count(*) FROM sqlite_schema WHERE name IN ('_mirror_source', '_mirror_tables', "
                  "'_mirror_lineage', '_mirror_lineage_by_token')"));
  if (own == 0) return LogPresence::kNone;
  // A later version may have other objects than those counted here.
  RETURN_IF_ERROR(IsOlder(file.handle(), kLayout, file.mark().path).status());
  if (own < kOwnObjects) return LogPresence::kPart;
  ASSIGN_OR_RETURN(const std::int64_t source, file.Number("SELECT count(*) FROM _mirror_source"));
  return source == 1 ? LogPresence::kWhole : LogPresence::kPart;
}

absl::Status TakeOverLog(const SqliteFile& file) {
  const absl::StatusOr<bool> older = IsOlder(file.handle(), kLayout, file.mark().path);
  if (!older.ok() || !*older) return older.status();
  return file.Change([&] { return TakeOver(file.handle(), kLayout, kUnnumbered, file.mark().path); });
}

absl::StatusOr<LogFindings> ExamineLog(const std::string& path, const std::vector<std::string>& tables,
                                       const LogOwner& owner) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SqliteFile> file, SqliteFile::Open(path));
  RETURN_IF_ERROR(file->BeginLook());
  const SourceLook look(*file);
  LogFindings findings;
  findings.locks_out = std::string(BesideFiles(file->mark().path).Check().message());
  ASSIGN_OR_RETURN(const LogPresence presence, FindLog(*file));
  findings.presence = presence;
  if (findings.presence != LogPresence::kNone) RETURN_IF_ERROR(CheckLogOwner(*file, owner));
  LogTables logs(*file);
  // Triggers may remain when the rest is gone.
  ASSIGN_OR_RETURN(const std::vector<std::string> blocked, logs.Blocked());
  findings.blocked = blocked;
  if (findings.presence != LogPresence::kWhole) return findings;
  RETURN_IF_ERROR(logs.Load());
  for (const std::string& table : tables) {
    if (logs.Find(table) == nullptr) {
      findings.unlogged.push_back(table);
      continue;
    }
    ASSIGN_OR_RETURN(const std::string problem, logs.Problem(table));
    if (problem.empty()) {
      ++findings.logged;
    } else {
      findings.damaged[table] = problem;
    }
  }
  return findings;
}

}  // namespace mirror
