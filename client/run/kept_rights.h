#ifndef MIRROR_CLIENT_RUN_KEPT_RIGHTS_H_
#define MIRROR_CLIENT_RUN_KEPT_RIGHTS_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/config/source_config.h"

namespace mirror {

// Statements that take from the agent's user what it was granted in a source, for whoever granted it; for
// people, separated by "; ". Empty: nothing was granted, the user is a superuser, or the server cannot be
// asked. Only reads. Errors: a name that SQL cannot hold.

absl::StatusOr<std::string> RevokeInPostgres(const SourceConfig& source);
absl::StatusOr<std::string> RevokeInMariadb(const SourceConfig& source);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_KEPT_RIGHTS_H_
