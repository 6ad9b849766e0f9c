#ifndef MIRROR_SERVER_RPC_ADMIN_ADMIN_EXPORTS_H_
#define MIRROR_SERVER_RPC_ADMIN_ADMIN_EXPORTS_H_

#include "absl/status/status.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "server/rpc/admin/admin_moves.h"

namespace mirror {

/// The operators' call that gives rows, see server/export/row_source.h. Threads: any; gRPC's.
class AdminExports : public AdminMoves {
 public:
  grpc::Status ExportTable(grpc::ServerContext* context, const v1::ExportTableRequest* request,
                           grpc::ServerWriter<v1::ExportPart>* writer) override;

 protected:
  AdminExports(Gate& gate, Tenants& tenants) : AdminMoves(gate, tenants) {}

 private:
  absl::Status Export(Tenant& tenant, const grpc::ServerContext& context,
                      const v1::ExportTableRequest& request, grpc::ServerWriter<v1::ExportPart>& writer);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_ADMIN_EXPORTS_H_
