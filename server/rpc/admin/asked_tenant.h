#ifndef MIRROR_SERVER_RPC_ADMIN_ASKED_TENANT_H_
#define MIRROR_SERVER_RPC_ADMIN_ASKED_TENANT_H_

#include <grpcpp/server_context.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/tenant/tenants.h"

// An operator may write a tenant's name in another case than its stored spelling. Acts, messages and records
// use the stored spelling. The caller gets it, too: see kSpellingMetadata. Threads: any.

namespace mirror {

/// Finds the tenant, and sends its spelling to the caller. Errors: those of Tenants::Find().
absl::StatusOr<std::shared_ptr<Tenant>> FindAskedTenant(Tenants& tenants, const std::string& context_id,
                                                        grpc::ServerContext& context);

/// Returns the tenant's spelling, for a deleted tenant, too. If there is no such tenant: the name as the
/// operator wrote it.
std::string SpellingOf(Tenants& tenants, const std::string& context_id, grpc::ServerContext& context);

/// Sends the spelling of a tenant that was found already to the caller.
void TellSpelling(const std::string& spelled, const std::string& asked, grpc::ServerContext& context);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_ASKED_TENANT_H_
