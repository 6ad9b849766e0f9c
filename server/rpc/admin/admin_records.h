#ifndef MIRROR_SERVER_RPC_ADMIN_ADMIN_RECORDS_H_
#define MIRROR_SERVER_RPC_ADMIN_ADMIN_RECORDS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/apikeys/api_key.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "server/rpc/admin/admin_tenants.h"
#include "server/storages/storages.h"

namespace mirror {

/// The HTTP door as an operator sees it.
struct HttpDoorSeen {
  std::string url;  ///< Empty: it is off.
  std::vector<ApiKey> keys;
  std::map<std::string, std::int64_t> used_ms;  ///< Of keys that were used since the start, by name.
  std::vector<std::string> left_out;            ///< Files that are no keys, with the reason.
};

/// The operators' calls that look at records: storages, import jobs, keys of the HTTP door. They answer
/// whether that is on or off: what there is of it stays. Threads: any; gRPC's.
class AdminRecords : public AdminTenants {
 public:
  /// Whether there is one, and where; with `with_keys` all of it. Errors: kUnavailable: the folder.
  using HttpDoorLook = std::function<absl::StatusOr<HttpDoorSeen>(bool with_keys)>;

  grpc::Status ListStorages(grpc::ServerContext* context, const v1::ListStoragesRequest* request,
                            v1::ListStoragesResponse* response) override;
  grpc::Status ListImportJobs(grpc::ServerContext* context, const v1::ListImportJobsRequest* request,
                              v1::ListImportJobsResponse* response) override;
  grpc::Status ListApiKeys(grpc::ServerContext* context, const v1::ListApiKeysRequest* request,
                           v1::ListApiKeysResponse* response) override;

 protected:
  AdminRecords(Gate& gate, Tenants& tenants, const FreshnessWatch& freshness, const TimeSeries& time_series,
               Storages& storages, HttpDoorLook look_at_door)
      : AdminTenants(gate, tenants, freshness, time_series),
        storages_(storages),
        look_at_door_(std::move(look_at_door)) {}

 private:
  absl::Status List(const v1::ListStoragesRequest& request, v1::ListStoragesResponse* response);
  absl::Status List(const v1::ListImportJobsRequest& request, v1::ListImportJobsResponse* response);
  absl::Status List(v1::ListApiKeysResponse* response);

  Storages& storages_;
  const HttpDoorLook look_at_door_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_ADMIN_RECORDS_H_
