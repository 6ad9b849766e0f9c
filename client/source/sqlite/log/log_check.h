#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_CHECK_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// The owner of a change log: an agent with one tenant, identified by the folder of its state. Stored in
/// `_mirror_owner`, one row. A log of an earlier version without that row has no owner, nor has the log of a
/// copied file: the first agent that uses it becomes the owner.
struct LogOwner {
  std::string context_id, state_dir;  ///< The latter absolute. Empty: the owner is not checked.
  std::string host;                   ///< As ChangeLogOptions.host.
  std::string source_id = {};  ///< The folder's id of the source: a folder that was moved still owns it.
  bool takes_over = false;     ///< Also takes over another agent's log.
};

/// kFailedPrecondition: the log is another agent's. Only reads.
absl::Status CheckLogOwner(const SqliteFile& file, const LogOwner& owner);
/// The same, and makes this agent the owner.
absl::Status ClaimLog(const SqliteFile& file, const LogOwner& owner);

/// Which of the change log's own tables exist.
enum class LogPresence : std::uint8_t { kNone, kPart, kWhole };
/// Errors: also kFailedPrecondition: it was made by a later version.
absl::StatusOr<LogPresence> FindLog(const SqliteFile& file);
/// Converts a complete log of an earlier version, opened with Use::kChange, to the present
/// layout.
absl::Status TakeOverLog(const SqliteFile& file);

/// The result of an examination of a source's change log.
struct LogFindings {
  LogPresence presence = LogPresence::kNone;
  std::size_t logged = 0;                      ///< Tables whose log is unchanged.
  std::vector<std::string> unlogged;           ///< Tables without a log: the next cycle creates one.
  std::map<std::string, std::string> damaged;  ///< Table to reason: its log restarts in the next cycle.
  /// Tables with triggers that write into a missing log: each INSERT, UPDATE and DELETE on them fails.
  std::vector<std::string> blocked;
  /// Why files that the agent, as the present user, would make beside the database lock out its owner; empty:
  /// they do not.
  std::string locks_out;
};

/// Compares the source with the state that 'mirror-agent install' and the cycles left. Only reads. `tables`:
/// the replicated ones. Errors: those of SqliteFile; also kFailedPrecondition: the log belongs to another
/// agent than `owner`.
absl::StatusOr<LogFindings> ExamineLog(const std::string& path, const std::vector<std::string>& tables,
                                       const LogOwner& owner = {});

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_CHECK_H_
