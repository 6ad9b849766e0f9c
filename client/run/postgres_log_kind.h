#ifndef MIRROR_CLIENT_RUN_POSTGRES_LOG_KIND_H_
#define MIRROR_CLIENT_RUN_POSTGRES_LOG_KIND_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/config/source_config.h"
#include "client/run/open_log.h"
#include "client/source/kept_log.h"
#include "client/source/source_log.h"

// What open_log.h says, of PostgreSQL.

namespace mirror {

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

/// Statements that take from the agent's user what it was granted in a source, for whoever granted it; for
/// people, separated by "; ". Empty: nothing was granted, the user is a superuser, or the server cannot be
/// asked. Only reads. Errors: a name that SQL cannot hold.
absl::StatusOr<std::string> RevokeInPostgres(const SourceConfig& source);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_POSTGRES_LOG_KIND_H_
