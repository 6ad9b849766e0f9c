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
#include "base/file_watch.h"
#include "client/config/source_config.h"
#include "client/source/change_signal.h"
#include "client/source/kept_log.h"
#include "client/source/source_log.h"

// Selects, by the kind of a source, its change log. A new kind with a log is a line in open_log.cc.

namespace mirror {

/// The agent that uses a log.
struct LogUser {
  std::string state_dir = {};  ///< Its state folder; empty: the caller does not check whose log it is.
  std::string source_id = {};  ///< The id under which it knows the source.
  bool takes_over = false;     ///< It also takes a log that belongs to another agent.
  bool is_new = false;         ///< It has no state yet: `source_id` was just drawn.
};

/// Null: the kind has no log, or it is not installed. Errors: also kFailedPrecondition:
/// the log is incomplete or belongs to another agent. `kept`: keeps the kind's LogKeeper
/// for the next run; null: nothing is kept. `stop`: ends waiting; may be null.
absl::StatusOr<std::unique_ptr<SourceLog>> OpenLog(const SourceConfig& source, const LogUser& user,
                                                   KeptLog* kept = nullptr,
                                                   const std::atomic<bool>* stop = nullptr);

/// Null: the source is not followed. `kept` is the one of its runs; `kept` and `watcher` must outlive it.
std::unique_ptr<ChangeSignal> OpenSignal(const SourceConfig& source, const KeptLog& kept,
                                         FileWatcher& watcher);

struct InstalledLog {
  std::string source_id;  ///< The log's id, under which the mirror will know the source.
  std::string words;      ///< The actions that were done, for people.
};
/// Makes the log for these tables, by the source's names, if the kind has one. Harmless if it exists.
absl::StatusOr<InstalledLog> InstallLog(const SourceConfig& source, const LogUser& user,
                                        const std::vector<std::string>& tables);

/// Returns the actions of InstallLog(), and the rights of the agent's role, as a script for a person
/// with the rights to run it. Changes nothing. Errors: also kUnimplemented: the kind needs none.
absl::StatusOr<std::string> PrintInstall(const SourceConfig& source, const LogUser& user,
                                         const std::vector<std::string>& tables);

/// Whether there is a script that another person may have to run.
bool HasInstallScript(const SourceConfig& source);

/// Returns the tables that an installed log cannot log in any case,
/// with the reason for people: see SourceLog::Unlogged(). Only reads.
absl::StatusOr<std::map<std::string, std::string>> FindUnlogged(const SourceConfig& source);

/// Removes everything that InstallLog() and the cycles made in the source. False:
/// there was nothing. At a server the exchange's tables are dropped only if the source
/// accepts deliveries: they may belong to another source of the same database.
absl::StatusOr<bool> UninstallLog(const SourceConfig& source, const LogUser& user);
/// Returns, for people, the exchange's tables that stay for that
/// reason, and the statement that drops them; empty: none. Only reads.
absl::StatusOr<std::string> LeftByUninstall(const SourceConfig& source);
/// Returns, for people, the rights that the agent's user still has in the source's server, and the REVOKE
/// statements that remove them; empty: no such right is known. Only reads.
absl::StatusOr<std::string> KeptAfterUninstall(const SourceConfig& source);

/// By folded name: the number of changes after the last sent position of a table;
/// no number if it was never sent. Absent as a whole: there is no log. Only reads.
using WaitingChanges = std::optional<std::map<std::string, std::optional<std::int64_t>>>;
absl::StatusOr<WaitingChanges> CountWaiting(const SourceConfig& source, const LogUser& user);

/// Returns a sentence for people for each limit of the source's log that is near, before
/// the source or this agent drops changes: `max_wal` is exceeded, the source is about
/// to drop the log that it keeps for the agent, or the stage is nearly `max_stage`.
std::vector<std::string> NearBounds(const LogFigures& figures, const SourceConfig& source);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_OPEN_LOG_H_
