#ifndef MIRROR_SERVER_RPC_ADMIN_ASKED_TENANT_H_
#define MIRROR_SERVER_RPC_ADMIN_ASKED_TENANT_H_

#include <grpcpp/server_context.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/tenant/tenants.h"

// An operator may write a tenant's name in another case than the tenant does. Acts, messages and records use
// the tenant's own spelling, and the caller gets it, see kSpellingMetadata. Threads: any.

namespace mirror {

/// Finds the tenant and tells the caller its spelling. Errors: those of Tenants::Find().
absl::StatusOr<std::shared_ptr<Tenant>> FindAskedTenant(Tenants& tenants, const std::string& context_id,
                                                        grpc::ServerContext& context);

/// Returns the tenant's spelling, also for a deleted tenant. Without a tenant: the name as asked for.
std::string SpellingOf(Tenants& tenants, const std::string& context_id, grpc::ServerContext& context);

/// Tells the caller the spelling of a tenant that was found already.
void TellSpelling(const std::string& spelled, const std::string& asked, grpc::ServerContext& context);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_ASKED_TENANT_H_
