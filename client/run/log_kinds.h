#ifndef MIRROR_CLIENT_RUN_LOG_KINDS_H_
#define MIRROR_CLIENT_RUN_LOG_KINDS_H_

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/config/source_config.h"
#include "client/run/open_log.h"
#include "client/source/kept_log.h"
#include "client/source/server/stage.h"
#include "client/source/source_log.h"

// What open_log.h says, of each kind of a server, and what all of them have in common whose log is taken into
// a stage.

namespace mirror {

// MariaDB. Nothing of it stands in the source, but where that has an exchange: the server writes its binlog
// anyway.

/// It is there for whoever has a folder for the stage, whether InstallMariadbLog() was called or not.
absl::StatusOr<std::unique_ptr<SourceLog>> OpenMariadbLog(const SourceConfig& source, const LogUser& user,
                                                          KeptLog* kept, const std::atomic<bool>* stop);
/// Checks that the binlog can be read, makes the exchange's tables where the source accepts something, and
/// begins a stage. Errors: kFailedPrecondition: each setting and right that is missing, and those of
/// MakeMariadbExchange().
absl::StatusOr<InstalledLog> InstallMariadbLog(const SourceConfig& source, const LogUser& user,
                                               const std::vector<std::string>& tables);
/// For a DBA. kUnimplemented: the source accepts nothing.
absl::StatusOr<std::string> PrintMariadbInstall(const SourceConfig& source, const LogUser& user,
                                                const std::vector<std::string>& tables);
absl::StatusOr<std::map<std::string, std::string>> FindUnloggedInMariadb(const SourceConfig& source);
/// Removes the stage, and the exchange's tables where the source accepts something.
absl::StatusOr<bool> UninstallMariadbLog(const SourceConfig& source, const LogUser& user);
/// What drops the exchange's tables; empty: none is there, or the server cannot be asked.
absl::StatusOr<std::string> FindExchangeInMariadb(const SourceConfig& source);

/// Statements that take from the agent's user what it was granted in a source, for whoever granted it; for
/// people, separated by "; ". Empty: nothing was granted, the user is a superuser, or the server cannot be
/// asked. Only reads. Errors: a name that SQL cannot hold.
absl::StatusOr<std::string> RevokeInMariadb(const SourceConfig& source);

// PostgreSQL.

absl::StatusOr<std::unique_ptr<SourceLog>> OpenPostgresLog(const SourceConfig& source, const LogUser& user,
                                                           KeptLog* kept, const std::atomic<bool>* stop);
absl::StatusOr<InstalledLog> InstallPostgresLog(const SourceConfig& source, const LogUser& user,
                                                const std::vector<std::string>& tables);
absl::StatusOr<std::string> PrintPostgresInstall(const SourceConfig& source, const LogUser& user,
                                                 const std::vector<std::string>& tables);
absl::StatusOr<std::map<std::string, std::string>> FindUnloggedInPostgres(const SourceConfig& source);
absl::StatusOr<bool> UninstallPostgresLog(const SourceConfig& source, const LogUser& user);
/// What drops the exchange's tables; empty: none is there.
absl::StatusOr<std::string> FindExchangeInPostgres(const SourceConfig& source);
/// As RevokeInMariadb().
absl::StatusOr<std::string> RevokeInPostgres(const SourceConfig& source);

// The stage.

std::string StagePathOf(const SourceConfig& source, const std::string& state_dir);
StageOptions StageOptionsOf(const SourceConfig& source, const LogUser& user);

/// The stage with all that is in it. False: there was none. Nobody has it open.
bool RemoveStage(const SourceConfig& source, const LogUser& user);

/// CountWaiting(), as far as it is staged.
absl::StatusOr<WaitingChanges> CountWaitingInStage(const SourceConfig& source, const LogUser& user);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_LOG_KINDS_H_
