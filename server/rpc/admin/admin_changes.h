#ifndef MIRROR_SERVER_RPC_ADMIN_ADMIN_CHANGES_H_
#define MIRROR_SERVER_RPC_ADMIN_ADMIN_CHANGES_H_

#include <atomic>
#include <utility>

#include "absl/status/status.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "server/rpc/admin/admin_records.h"

namespace mirror {

/// The operators' calls that read what was written, and what rows were, or remove it. Threads: any; gRPC's.
class AdminChanges : public AdminRecords {
 public:
  grpc::Status ListChanges(grpc::ServerContext* context, const v1::ListChangesRequest* request,
                           v1::ListChangesResponse* response) override;
  grpc::Status WatchChanges(grpc::ServerContext* context, const v1::ListChangesRequest* request,
                            grpc::ServerWriter<v1::Change>* writer) override;
  grpc::Status ExplainRow(grpc::ServerContext* context, const v1::RowOfTable* request,
                          v1::ExplainRowResponse* response) override;
  grpc::Status ReadRowHistory(grpc::ServerContext* context, const v1::RowOfTable* request,
                              v1::ReadRowHistoryResponse* response) override;
  grpc::Status DiffTable(grpc::ServerContext* context, const v1::DiffTableRequest* request,
                         grpc::ServerWriter<v1::DiffPart>* writer) override;
  grpc::Status VerifyHistory(grpc::ServerContext* context, const v1::VerifyHistoryRequest* request,
                             grpc::ServerWriter<v1::VerifiedMoment>* writer) override;
  grpc::Status EraseRow(grpc::ServerContext* context, const v1::EraseRowRequest* request,
                        v1::EraseRowResponse* response) override;

 protected:
  AdminChanges(Gate& gate, Tenants& tenants, const FreshnessWatch& freshness, const TimeSeries& time_series,
               Storages& storages, HttpDoorLook look_at_door)
      : AdminRecords(gate, tenants, freshness, time_series, storages, std::move(look_at_door)) {}

 private:
  absl::Status Watch(grpc::ServerContext& context, const v1::ListChangesRequest& request,
                     grpc::ServerWriter<v1::Change>* writer);
  absl::Status Diff(Tenant& tenant, const grpc::ServerContext& context, const v1::DiffTableRequest& request,
                    grpc::ServerWriter<v1::DiffPart>& writer);
  absl::Status VerifyMoments(Tenant& tenant, const grpc::ServerContext& context,
                             const v1::VerifyHistoryRequest& request,
                             grpc::ServerWriter<v1::VerifiedMoment>& writer);

  std::atomic<int> change_watchers_{0};
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_ADMIN_CHANGES_H_
