#ifndef MIRROR_CLIENT_RUN_MARIADB_LOG_KIND_H_
#define MIRROR_CLIENT_RUN_MARIADB_LOG_KIND_H_

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/config/source_config.h"
#include "client/run/open_log.h"
#include "client/source/kept_log.h"
#include "client/source/source_log.h"

// What open_log.h says, of MariaDB. Nothing of it stands in the source, but where that has an exchange: the
// server writes its binlog anyway.

namespace mirror {

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

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_MARIADB_LOG_KIND_H_
