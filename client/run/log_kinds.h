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

// The functions of open_log.h for each kind of server, and
// what the kinds with a stage have in common.

namespace mirror {

// MariaDB. The source holds nothing for the log except the
// exchange's tables: the server writes its binlog anyway.

/// The log exists for any agent with a folder for the stage, even without InstallMariadbLog().
absl::StatusOr<std::unique_ptr<SourceLog>> OpenMariadbLog(const SourceConfig& source, const LogUser& user,
                                                          KeptLog* kept, const std::atomic<bool>* stop);
/// Checks that the binlog can be read, makes the exchange's tables if the
/// source accepts deliveries, and begins a stage. Errors: kFailedPrecondition:
/// each missing setting and right, and those of MakeMariadbExchange().
absl::StatusOr<InstalledLog> InstallMariadbLog(const SourceConfig& source, const LogUser& user,
                                               const std::vector<std::string>& tables);
/// Returns a script for a DBA. kUnimplemented: the source accepts no deliveries.
absl::StatusOr<std::string> PrintMariadbInstall(const SourceConfig& source, const LogUser& user,
                                                const std::vector<std::string>& tables);
absl::StatusOr<std::map<std::string, std::string>> FindUnloggedInMariadb(const SourceConfig& source);
/// Removes the stage, and the exchange's tables if the source accepts deliveries.
absl::StatusOr<bool> UninstallMariadbLog(const SourceConfig& source, const LogUser& user);
/// Returns SQL that drops the exchange's tables; empty: none exists, or the server cannot be queried.
absl::StatusOr<std::string> FindExchangeInMariadb(const SourceConfig& source);

/// Returns statements that revoke the rights of the agent's user in a source, for the person who
/// granted them; for people, separated by "; ". Empty: no rights were granted, the user is a
/// superuser, or the server cannot be queried. Only reads. Errors: a name that SQL cannot hold.
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
/// Returns SQL that drops the exchange's tables; empty: none exists.
absl::StatusOr<std::string> FindExchangeInPostgres(const SourceConfig& source);
/// See RevokeInMariadb().
absl::StatusOr<std::string> RevokeInPostgres(const SourceConfig& source);

// The stage.

std::string StagePathOf(const SourceConfig& source, const std::string& state_dir);
StageOptions StageOptionsOf(const SourceConfig& source, const LogUser& user);

/// Removes the stage with all its files. False: there was none. No process may have it open.
bool RemoveStage(const SourceConfig& source, const LogUser& user);

/// CountWaiting(), for changes that are staged.
absl::StatusOr<WaitingChanges> CountWaitingInStage(const SourceConfig& source, const LogUser& user);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_LOG_KINDS_H_
