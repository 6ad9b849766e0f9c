#include "client/source/sqlite/log/log_check.h"

#include <memory>

#include "base/db/sqlite/file_layout.h"
#include "client/source/sqlite/log/log_tables.h"

namespace mirror {
namespace {

constexpr std::int64_t kOwnObjects = 4;
const KnownLayout kLayout = {"the change log in", 2};
constexpr std::int64_t kUnnumbered = 1;

}  // namespace

absl::StatusOr<LogPresence> FindLog(const SqliteFile& file) {
  const absl::StatusOr<std::int64_t> own = file.Number(
      "SELECT count(*) FROM sqlite_schema WHERE name IN ('_mirror_source', '_mirror_tables', "
      "'_mirror_lineage', '_mirror_lineage_by_token')");
  if (!own.ok()) return own.status();
  if (*own == 0) return LogPresence::kNone;
  // What a later version makes may be other objects than those that are counted here.
  const absl::StatusOr<bool> older = IsOlder(file.handle(), kLayout, file.mark().path);
  if (!older.ok()) return older.status();
  if (*own < kOwnObjects) return LogPresence::kPart;
  const absl::StatusOr<std::int64_t> source = file.Number("SELECT count(*) FROM _mirror_source");
  if (!source.ok()) return source.status();
  return *source == 1 ? LogPresence::kWhole : LogPresence::kPart;
}

absl::Status TakeOverLog(const SqliteFile& file) {
  const absl::StatusOr<bool> older = IsOlder(file.handle(), kLayout, file.mark().path);
  if (!older.ok() || !*older) return older.status();
  return file.Change([&] { return TakeOver(file.handle(), kLayout, kUnnumbered, file.mark().path); });
}

absl::StatusOr<LogFindings> ExamineLog(const std::string& path, const std::vector<std::string>& tables,
                                       const LogOwner& owner) {
  const absl::StatusOr<std::unique_ptr<SqliteFile>> file = SqliteFile::Open(path);
  if (!file.ok()) return file.status();
  if (absl::Status status = (*file)->BeginLook(); !status.ok()) return status;
  const SourceLook look(**file);
  LogFindings findings;
  findings.locks_out = std::string(BesideFiles((*file)->mark().path).Check().message());
  const absl::StatusOr<LogPresence> presence = FindLog(**file);
  if (!presence.ok()) return presence.status();
  findings.presence = *presence;
  if (findings.presence != LogPresence::kNone) {
    if (absl::Status own = CheckLogOwner(**file, owner); !own.ok()) return own;
  }
  LogTables logs(**file);
  // Triggers may be left when the rest is gone.
  const absl::StatusOr<std::vector<std::string>> blocked = logs.Blocked();
  if (!blocked.ok()) return blocked.status();
  findings.blocked = *blocked;
  if (findings.presence != LogPresence::kWhole) return findings;
  if (absl::Status status = logs.Load(); !status.ok()) return status;
  for (const std::string& table : tables) {
    if (logs.Find(table) == nullptr) {
      findings.unlogged.push_back(table);
      continue;
    }
    const absl::StatusOr<std::string> problem = logs.Problem(table);
    if (!problem.ok()) return problem.status();
    if (problem->empty()) {
      ++findings.logged;
    } else {
      findings.damaged[table] = *problem;
    }
  }
  return findings;
}

}  // namespace mirror
