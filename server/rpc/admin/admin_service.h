#ifndef MIRROR_SERVER_RPC_ADMIN_ADMIN_SERVICE_H_
#define MIRROR_SERVER_RPC_ADMIN_ADMIN_SERVICE_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/expiry.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "server/fleet/listed_server.h"
#include "server/rpc/admin/admin_changes.h"
#include "server/rpc/admin/audit.h"
#include "server/rpc/admin/looks.h"
#include "server/rpc/listener/vouched_bytes.h"
#include "server/source/gate.h"
#include "server/tenant/backup.h"
#include "server/tenant/tenants.h"
#include "server/watch/events.h"
#include "server/watch/freshness.h"
#include "server/watch/time_series.h"

namespace mirror {

/// The operators' calls. Each checks the role of the client's certificate, does its work and leaves an audit
/// record, refused or not. Threads: any; gRPC's.
class AdminService final : public AdminChanges {
 public:
  /// Reads keys and configuration again; gives the number of keys.
  using Reload = std::function<absl::StatusOr<std::size_t>()>;
  /// Every key and certificate of this server, see ServerKeys().
  using DatedKeys = std::function<std::vector<DatedKey>()>;

  /// The servers that have these mirrors.
  using Servers = std::function<absl::StatusOr<std::vector<ListedServer>>()>;

  /// All that is referred to must outlive the service. `vouched` is told which connections are an operator's
  /// or a viewer's.
  AdminService(Gate& gate, Tenants& tenants, Events& events, Audit& audit, Looks& looks,
               VouchedBytes& vouched, Reload reload, DatedKeys dated_keys, const FreshnessWatch& freshness,
               const TimeSeries& time_series, Servers servers, Storages& storages, HttpDoorLook look_at_door);

  /// Ends what would never end by itself, and what takes long, with kUnavailable. Called before the listener
  /// stops.
  void EndWatching() { stopping_ = true; }

  grpc::Status ListTables(grpc::ServerContext* context, const v1::ListTablesRequest* request,
                          v1::ListTablesResponse* response) override;
  grpc::Status ListIndexes(grpc::ServerContext* context, const v1::ListIndexesRequest* request,
                           v1::ListIndexesResponse* response) override;
  grpc::Status InvalidateLsn(grpc::ServerContext* context, const v1::InvalidateLsnRequest* request,
                             v1::InvalidateLsnResponse* response) override;
  grpc::Status ResetTable(grpc::ServerContext* context, const v1::ResetTableRequest* request,
                          v1::ResetTableResponse* response) override;
  grpc::Status PauseTenant(grpc::ServerContext* context, const v1::PauseTenantRequest* request,
                           v1::PauseTenantResponse* response) override;
  grpc::Status ResumeTenant(grpc::ServerContext* context, const v1::ResumeTenantRequest* request,
                            v1::ResumeTenantResponse* response) override;
  grpc::Status DeleteMirror(grpc::ServerContext* context, const v1::DeleteMirrorRequest* request,
                            v1::DeleteMirrorResponse* response) override;
  grpc::Status AllowTenant(grpc::ServerContext* context, const v1::AllowTenantRequest* request,
                           v1::AllowTenantResponse* response) override;
  grpc::Status AcceptSource(grpc::ServerContext* context, const v1::AcceptSourceRequest* request,
                            v1::AcceptSourceResponse* response) override;
  grpc::Status Verify(grpc::ServerContext* context, const v1::VerifyRequest* request,
                      v1::VerifyResponse* response) override;
  grpc::Status Backup(grpc::ServerContext* context, const v1::BackupRequest* request,
                      v1::BackupResponse* response) override;
  grpc::Status BackupWatched(grpc::ServerContext* context, const v1::BackupRequest* request,
                             grpc::ServerWriter<v1::BackupProgress>* writer) override;
  grpc::Status Restore(grpc::ServerContext* context, const v1::RestoreRequest* request,
                       v1::RestoreResponse* response) override;
  grpc::Status ListHolds(grpc::ServerContext* context, const v1::ListHoldsRequest* request,
                         v1::ListHoldsResponse* response) override;
  grpc::Status CommitHold(grpc::ServerContext* context, const v1::CommitHoldRequest* request,
                          v1::CommitHoldResponse* response) override;
  grpc::Status RollbackHold(grpc::ServerContext* context, const v1::RollbackHoldRequest* request,
                            v1::RollbackHoldResponse* response) override;
  grpc::Status ListEvents(grpc::ServerContext* context, const v1::ListEventsRequest* request,
                          v1::ListEventsResponse* response) override;
  grpc::Status WatchEvents(grpc::ServerContext* context, const v1::WatchEventsRequest* request,
                           grpc::ServerWriter<v1::Event>* writer) override;
  grpc::Status ListAudit(grpc::ServerContext* context, const v1::ListAuditRequest* request,
                         grpc::ServerWriter<v1::AuditEntry>* writer) override;
  grpc::Status ListKeys(grpc::ServerContext* context, const v1::ListKeysRequest* request,
                        v1::ListKeysResponse* response) override;
  grpc::Status ReloadKeys(grpc::ServerContext* context, const v1::ReloadKeysRequest* request,
                          v1::ReloadKeysResponse* response) override;
  grpc::Status Diagnose(grpc::ServerContext* context, const v1::DiagnoseRequest* request,
                        v1::DiagnoseResponse* response) override;
  grpc::Status ListServers(grpc::ServerContext* context, const v1::ListServersRequest* request,
                           v1::ListServersResponse* response) override;

 private:
  grpc::Status Serve(const grpc::ServerContext& context, Needs needs, const std::string& call,
                     const std::function<absl::Status()>& act) override;
  grpc::Status ServeBackup(grpc::ServerContext& context, const v1::BackupRequest& request,
                           v1::BackupResponse* response, const ShowBackup& show);
  /// Of a ResetTable with `all`.
  absl::Status ResetAll(grpc::ServerContext& context, Tenant& tenant, const Expected& expected,
                        v1::ResetTableResponse* response);
  absl::Status Watch(grpc::ServerContext& context, const v1::WatchEventsRequest& request,
                     grpc::ServerWriter<v1::Event>* writer);

  Events& events_;
  Audit& audit_;
  Looks& looks_;
  VouchedBytes& vouched_;
  const Reload reload_;
  const DatedKeys dated_keys_;
  const Servers servers_;
  std::atomic<int> watchers_{0};
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_ADMIN_SERVICE_H_
