#ifndef MIRROR_SERVER_RPC_ADMITTED_ROWS_H_
#define MIRROR_SERVER_RPC_ADMITTED_ROWS_H_

#include <grpcpp/server_context.h>

#include <vector>

#include "server/plan/caller.h"
#include "server/plan/row_request.h"
#include "server/rpc/gate.h"
#include "server/tenant/tenants.h"

namespace mirror {

/// The rows of a stream when their turn has come: its caller is admitted again, then the tenant has them.
/// What it is given outlives it. Not from two threads at once.
class AdmittedRows {
 public:
  AdmittedRows(const Gate& gate, const grpc::ServerContext& context, const Caller& caller, Tenant& tenant)
      : gate_(gate), context_(context), caller_(caller), tenant_(tenant) {}

  /// An answer for each.
  std::vector<RowAnswer> Apply(const std::vector<const RowRequest*>& requests);

 private:
  const Gate& gate_;
  const grpc::ServerContext& context_;
  const Caller& caller_;
  Tenant& tenant_;
  CallerStanding standing_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMITTED_ROWS_H_
