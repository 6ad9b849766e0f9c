#ifndef MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_CHECK_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_LOG_LOG_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/log/log_owner.h"

namespace mirror {

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
