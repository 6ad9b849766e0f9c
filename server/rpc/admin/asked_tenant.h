#ifndef MIRROR_SERVER_RPC_ADMIN_ASKED_TENANT_H_
#define MIRROR_SERVER_RPC_ADMIN_ASKED_TENANT_H_

#include <grpcpp/server_context.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/tenant/tenants.h"

// An operator may name a tenant in another case than its own. What is done, told and kept has the tenant's
// own spelling, and the caller is told that, see kSpellingMetadata. Threads: any.

namespace mirror {

/// Errors: those of Tenants::Find().
absl::StatusOr<std::shared_ptr<Tenant>> FindAskedTenant(Tenants& tenants, const std::string& context_id,
                                                        grpc::ServerContext& context);

/// How it is spelled; also of one that was deleted. As it was asked for where there is none.
std::string SpellingOf(Tenants& tenants, const std::string& context_id, grpc::ServerContext& context);

/// Of one that was found already.
void TellSpelling(const std::string& spelled, const std::string& asked, grpc::ServerContext& context);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_ASKED_TENANT_H_
