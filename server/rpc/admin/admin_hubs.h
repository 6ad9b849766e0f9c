#ifndef MIRROR_SERVER_RPC_ADMIN_ADMIN_HUBS_H_
#define MIRROR_SERVER_RPC_ADMIN_ADMIN_HUBS_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "server/rpc/admin/admin_exports.h"
#include "server/tenant/tenant_list.h"

namespace mirror {

class Hub;
class Hubs;

/// The operators' calls about hubs. Threads: any; gRPC's.
class AdminHubs : public AdminExports {
 public:
  /// Before the first call; it outlives this. Without it there are none.
  void SetHubs(Hubs* hubs) { hubs_ = hubs; }

  grpc::Status ListHubs(grpc::ServerContext* context, const v1::ListHubsRequest* request,
                        v1::ListHubsResponse* response) override;
  grpc::Status ResumeHub(grpc::ServerContext* context, const v1::ResumeHubRequest* request,
                         v1::ResumeHubResponse* response) override;
  grpc::Status DecideHub(grpc::ServerContext* context, const v1::DecideHubRequest* request,
                         v1::DecideHubResponse* response) override;
  grpc::Status ListHeld(grpc::ServerContext* context, const v1::ListHeldRequest* request,
                        v1::ListHeldResponse* response) override;
  grpc::Status ListRefused(grpc::ServerContext* context, const v1::ListRefusedRequest* request,
                           v1::ListRefusedResponse* response) override;
  grpc::Status ThawHub(grpc::ServerContext* context, const v1::ThawHubRequest* request,
                       v1::ThawHubResponse* response) override;
  grpc::Status ExplainGolden(grpc::ServerContext* context, const v1::ExplainGoldenRequest* request,
                             v1::ExplainGoldenResponse* response) override;
  grpc::Status ListDuplicates(grpc::ServerContext* context, const v1::ListDuplicatesRequest* request,
                              v1::ListDuplicatesResponse* response) override;
  grpc::Status MergeGolden(grpc::ServerContext* context, const v1::MergeGoldenRequest* request,
                           v1::MergeGoldenResponse* response) override;
  grpc::Status PartGolden(grpc::ServerContext* context, const v1::PartGoldenRequest* request,
                          v1::PartGoldenResponse* response) override;
  grpc::Status RebuildHub(grpc::ServerContext* context, const v1::RebuildHubRequest* request,
                          v1::RebuildHubResponse* response) override;

 protected:
  AdminHubs(Gate& gate, Tenants& tenants) : AdminExports(gate, tenants) {}

  /// See HubWatch::OfTenants().
  std::map<std::string, std::shared_ptr<const TenantInHub>> HubsOfTenants() const;

 private:
  absl::StatusOr<std::shared_ptr<Hub>> Find(const std::string& storage) const;
  /// Serve(), of a call about one hub, which `act` is given.
  template <typename Request, typename Act>
  grpc::Status ServeHub(const grpc::ServerContext& context, Needs needs, const std::string& call,
                        const Request& request, const Act& act) {
    return Serve(context, needs, call, [&]() -> absl::Status {
      ASSIGN_OR_RETURN(const std::shared_ptr<Hub> hub, Find(request.storage()));
      return act(*hub);
    });
  }

  Hubs* hubs_ = nullptr;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_ADMIN_HUBS_H_
