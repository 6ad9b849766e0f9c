#include "client/source/sqlite/log/log_check.h"

#include <memory>

#include "base/db/sqlite/file_layout.h"
#include "base/status_macros.h"
#include "client/source/sqlite/log/log_tables.h"

namespace mirror {
namespace {

constexpr std::int64_t kOwnObjects = 4;
const KnownLayout kLayout = {"the change log in", 2};
constexpr std::int64_t kUnnumbered = 1;

}  // namespace

absl::StatusOr<LogPresence> FindLog(const SqliteFile& file) {
  ASSIGN_OR_RETURN(
      const std::int64_t own,
      file.Number("SELECT count(*) FROM sqlite_schema WHERE name IN ('_mirror_source', '_mirror_tables', "
                  "'_mirror_lineage', '_mirror_lineage_by_token')"));
  if (own == 0) return LogPresence::kNone;
  // What a later version makes may be other objects than those that are counted here.
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
  if (findings.presence != LogPresence::kNone) {
    RETURN_IF_ERROR(CheckLogOwner(*file, owner));
  }
  LogTables logs(*file);
  // Triggers may be left when the rest is gone.
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
