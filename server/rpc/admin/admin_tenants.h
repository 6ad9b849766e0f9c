#ifndef MIRROR_SERVER_RPC_ADMIN_ADMIN_TENANTS_H_
#define MIRROR_SERVER_RPC_ADMIN_ADMIN_TENANTS_H_

#include <atomic>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "server/rpc/admin/admin_hubs.h"
#include "server/source/gate.h"
#include "server/tenant/tenant_list.h"
#include "server/tenant/tenants.h"
#include "server/watch/freshness.h"
#include "server/watch/time_series.h"

namespace mirror {

/// The operators' calls that look at tenants as wholes: which there are, how each is, and how it was. None
/// but GetTenant opens a database. Threads: any; gRPC's.
class AdminTenants : public AdminHubs {
 public:
  grpc::Status ListTenants(grpc::ServerContext* context, const v1::ListTenantsRequest* request,
                           v1::ListTenantsResponse* response) override;
  grpc::Status GetTenant(grpc::ServerContext* context, const v1::GetTenantRequest* request,
                         v1::Tenant* response) override;
  grpc::Status WatchTenants(grpc::ServerContext* context, const v1::WatchTenantsRequest* request,
                            grpc::ServerWriter<v1::TenantsNews>* writer) override;
  grpc::Status ListCycles(grpc::ServerContext* context, const v1::ListCyclesRequest* request,
                          v1::ListCyclesResponse* response) override;
  grpc::Status GetTimeSeries(grpc::ServerContext* context, const v1::GetTimeSeriesRequest* request,
                             v1::TimeSeries* response) override;

 protected:
  AdminTenants(Gate& gate, Tenants& tenants, const FreshnessWatch& freshness, const TimeSeries& time_series)
      : AdminHubs(gate, tenants), freshness_(freshness), time_series_(time_series) {}

  /// Without opening one.
  absl::StatusOr<std::vector<ListedTenant>> All();

  const FreshnessWatch& freshness_;

 private:
  absl::Status List(const v1::ListTenantsRequest& request, v1::ListTenantsResponse* response);
  absl::Status Watch(const grpc::ServerContext& context, grpc::ServerWriter<v1::TenantsNews>* writer);

  const TimeSeries& time_series_;
  std::atomic<int> tenant_watchers_{0};
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_ADMIN_TENANTS_H_
