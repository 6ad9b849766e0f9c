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

/// Whose change log it is: an agent's for one tenant, which is known by the folder of its state. It stands in
/// `_mirror_owner`, one row. A log of programs that wrote none there is nobody's, and so is that of a copied
/// file: the first agent that uses it owns it.
struct LogOwner {
  std::string context_id, state_dir;  ///< The latter absolute. Empty: who does not ask.
  std::string host;                   ///< As ChangeLogOptions.host.
  std::string source_id = {};  ///< What that folder knows the source by: one that was moved owns it still.
  bool takes_over = false;     ///< Also another one's.
};

/// kFailedPrecondition: it is another agent's. Only reads.
absl::Status CheckLogOwner(const SqliteFile& file, const LogOwner& owner);
/// The same, and it is this one's from now on.
absl::Status ClaimLog(const SqliteFile& file, const LogOwner& owner);

/// How much there is of the change log's own tables.
enum class LogPresence : std::uint8_t { kNone, kPart, kWhole };
/// Errors: also kFailedPrecondition: a later version made it.
absl::StatusOr<LogPresence> FindLog(const SqliteFile& file);
/// Of a log that is whole, opened with Use::kChange: brings what an earlier version made to the present
/// layout.
absl::Status TakeOverLog(const SqliteFile& file);

/// What an examination of a source's change log found.
struct LogFindings {
  LogPresence presence = LogPresence::kNone;
  std::size_t logged = 0;                      ///< Tables whose log is as it was left.
  std::vector<std::string> unlogged;           ///< Tables without a log: the next cycle makes one.
  std::map<std::string, std::string> damaged;  ///< Table to reason: its log begins anew in the next cycle.
  /// Tables with triggers that write into a log that is gone: each INSERT, UPDATE and DELETE on them fails.
  std::vector<std::string> blocked;
  /// Why what the agent, as the user who asks, makes beside the database keeps its owner out; empty: it does
  /// not.
  std::string locks_out;
};

/// Compares what stands in the source with what 'mirror-agent install' and the cycles left behind. Only
/// reads. `tables`: those that are replicated. Errors: those of SqliteFile; also kFailedPrecondition: the log
/// is another agent's than `owner`.
absl::StatusOr<LogFindings> ExamineLog(const std::string& path, const std::vector<std::string>& tables,
                                       const LogOwner& owner = {});

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_CHECK_H_
