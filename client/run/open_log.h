#ifndef MIRROR_CLIENT_RUN_OPEN_LOG_H_
#define MIRROR_CLIENT_RUN_OPEN_LOG_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/config/source_config.h"
#include "client/source/kept_log.h"
#include "client/source/source_log.h"

// From the kind of a source to its change log: a new kind with a log is a line in open_log.cc.

namespace mirror {

/// The agent that uses a log.
struct LogUser {
  std::string state_dir = {};  ///< The folder of its memory; empty: who does not ask whose log it is.
  std::string source_id = {};  ///< What it knows the source by.
  bool takes_over = false;     ///< Also a log that is another agent's.
  bool is_new = false;         ///< It has no memory yet: `source_id` was just drawn.
};

/// Null: the kind has none, or it is not installed. Errors: also kFailedPrecondition, when it is not whole or
/// another agent's. `kept`: what goes on between runs; null: nothing does. `stop`: ends its waiting; may be
/// null.
absl::StatusOr<std::unique_ptr<SourceLog>> OpenLog(const SourceConfig& source, const LogUser& user,
                                                   KeptLog* kept = nullptr,
                                                   const std::atomic<bool>* stop = nullptr);

struct InstalledLog {
  std::string source_id;  ///< The log's, by which the mirror will know the source.
  std::string words;      ///< What was done, for people.
};
/// Makes it for these tables, by the source's names, of a kind that has one. Harmless when it is there.
absl::StatusOr<InstalledLog> InstallLog(const SourceConfig& source, const LogUser& user,
                                        const std::vector<std::string>& tables);

/// What InstallLog() would do, and the rights of the agent's role, as a script for who may do it there.
/// Changes nothing. Errors: also kUnimplemented: the kind needs none.
absl::StatusOr<std::string> PrintInstall(const SourceConfig& source, const LogUser& user,
                                         const std::vector<std::string>& tables);

/// Whether there is something that somebody else may have to run.
bool HasInstallScript(const SourceConfig& source);

/// Which tables of the source an installed log cannot log, whatever is asked for, with the reason for people:
/// see SourceLog::Unlogged(). Only reads.
absl::StatusOr<std::map<std::string, std::string>> FindUnlogged(const SourceConfig& source);

/// Removes whatever InstallLog() and the cycles made in the source. False: there was nothing. At a server the
/// exchange's tables go only where the source accepts something: they may be another source's of the same
/// database.
absl::StatusOr<bool> UninstallLog(const SourceConfig& source, const LogUser& user);
/// The exchange's tables that it leaves for that reason, and the statement that drops them, for people;
/// empty: none. Only reads.
absl::StatusOr<std::string> LeftByUninstall(const SourceConfig& source);
/// Returns, for people, the rights that the agent's user still has in the source's server, and the REVOKE
/// statements that remove them; empty: no such right is known. Only reads.
absl::StatusOr<std::string> KeptAfterUninstall(const SourceConfig& source);

/// By folded name, how many changes stand behind the last position that was sent of a table; none when it was
/// never sent. Absent as a whole: there is no log. Only reads.
using WaitingChanges = std::optional<std::map<std::string, std::optional<std::int64_t>>>;
absl::StatusOr<WaitingChanges> CountWaiting(const SourceConfig& source, const LogUser& user);

/// Which bound of a source's log is near, a sentence for people each, before the source or this agent gives
/// something up: `max_wal` is passed, the source is about to drop what it keeps for the agent, the stage is
/// nearly `max_stage`.
std::vector<std::string> NearBounds(const LogFigures& figures, const SourceConfig& source);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_OPEN_LOG_H_
