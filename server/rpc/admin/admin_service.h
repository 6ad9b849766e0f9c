#ifndef MIRROR_SERVER_RPC_ADMIN_ADMIN_SERVICE_H_
#define MIRROR_SERVER_RPC_ADMIN_ADMIN_SERVICE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "certs/api_key.h"
#include "certs/expiry.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "server/jobs/job_servers.h"
#include "server/rpc/admin/asked_tenant.h"
#include "server/rpc/admin/audit.h"
#include "server/rpc/admin/looks.h"
#include "server/rpc/listener/authenticated_traffic.h"
#include "server/source/gate.h"
#include "server/storages/storages.h"
#include "server/store/snapshot.h"
#include "server/tenant/backup.h"
#include "server/tenant/tenant_list.h"
#include "server/tenant/tenants.h"
#include "server/watch/events.h"
#include "server/watch/freshness.h"
#include "server/watch/time_series.h"

namespace mirror {

/// The operators' calls that move a tenant, see server/tenant/move.h. Threads: any; gRPC's.
class AdminMoves : public v1::MirrorAdmin::Service {
 public:
  grpc::Status LookAtMove(grpc::ServerContext* context, const v1::LookAtMoveRequest* request,
                          v1::MoveLook* response) override;
  grpc::Status CheckRoom(grpc::ServerContext* context, const v1::CheckRoomRequest* request,
                         v1::CheckRoomResponse* response) override;
  grpc::Status BeginMove(grpc::ServerContext* context, const v1::BeginMoveRequest* request,
                         v1::BeginMoveResponse* response) override;
  grpc::Status LeaveMove(grpc::ServerContext* context, const v1::LeaveMoveRequest* request,
                         v1::LeaveMoveResponse* response) override;
  grpc::Status ArriveMove(grpc::ServerContext* context, const v1::ArriveMoveRequest* request,
                          v1::ArriveMoveResponse* response) override;
  grpc::Status DropMove(grpc::ServerContext* context, const v1::DropMoveRequest* request,
                        v1::DropMoveResponse* response) override;
  grpc::Status StayMove(grpc::ServerContext* context, const v1::StayMoveRequest* request,
                        v1::StayMoveResponse* response) override;
  grpc::Status MoveToPlace(grpc::ServerContext* context, const v1::MoveToPlaceRequest* request,
                           v1::MoveToPlaceResponse* response) override;
  grpc::Status ExportMirror(grpc::ServerContext* context, const v1::ExportMirrorRequest* request,
                            grpc::ServerWriter<v1::MirrorPart>* writer) override;
  grpc::Status ImportMirror(grpc::ServerContext* context, grpc::ServerReader<v1::ImportMirrorRequest>* reader,
                            v1::ImportMirrorResponse* response) override;

 protected:
  AdminMoves(Gate& gate, Tenants& tenants) : gate_(gate), tenants_(tenants) {}

  enum class Needs {
    kViewer,
    kOperator,
    kOperatorLook,  ///< A read-only call of an operator; Looks records it.
  };
  /// Returns the role that a call needs which may be a dry run. A dry run that shows keys needs an operator,
  /// because a person sees values.
  template <typename Request>
  static Needs NeedsOf(const Request& request) {
    return request.dry_run() && !request.with_keys() ? Needs::kOperatorLook : Needs::kOperator;
  }
  /// Runs every handler: checks the role, runs `act`, then writes the audit record with the text `call`.
  virtual grpc::Status Serve(const grpc::ServerContext& context, Needs needs, const std::string& call,
                             const std::function<absl::Status()>& act) = 0;
  /// Does the same for a call about one tenant, and passes the tenant to `act`.
  template <typename Request, typename Act>
  grpc::Status ServeTenant(grpc::ServerContext& context, Needs needs, const std::string& call,
                           const Request& request, const Act& act) {
    return Serve(context, needs, call, [&]() -> absl::Status {
      ASSIGN_OR_RETURN(const std::shared_ptr<Tenant> tenant,
                       FindAskedTenant(tenants_, request.context_id(), context));
      return act(*tenant);
    });
  }
  /// Runs `watch`, unless `most` watches of its kind run already. For the error: `what` names what is
  /// watched, `look` the call that reads it once without waiting.
  template <typename Watch>
  static absl::Status WatchWithin(std::atomic<int>& running, int most, const char* what, const char* look,
                                  const Watch& watch) {
    absl::Status status = ++running > most ? absl::ResourceExhaustedError(absl::StrCat(
                                                 "there are ", most, " watchers of ", what,
                                                 " already. End one of them, or read once with ", look, "."))
                                           : watch();
    --running;
    return status;
  }
  /// Returns a function that returns false after the caller disconnected, or when the server stops.
  GoOn GoesOn(const grpc::ServerContext& context) const {
    return [this, &context] { return !context.IsCancelled() && !stopping_; };
  }

  Gate& gate_;
  Tenants& tenants_;
  std::atomic<bool> stopping_{false};
};

class Hub;
class Hubs;

/// The operators' calls about hubs. Threads: any; gRPC's.
class AdminHubs : public AdminMoves {
 public:
  /// Sets the hubs. Called before the first call; `hubs` must outlive this. If it is not called, there are no
  /// hubs.
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
  using AdminMoves::AdminMoves;

  /// See HubWatch::OfTenants().
  std::map<std::string, std::shared_ptr<const TenantInHub>> HubsOfTenants() const;

 private:
  absl::StatusOr<std::shared_ptr<Hub>> Find(const std::string& storage) const;
  /// Does what Serve() does for a call about one hub, and passes the hub to `act`.
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

/// The operators' calls that read whole tenants: their list, the state of each, and its past. Only GetTenant
/// opens a database. Threads: any; gRPC's.
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

  /// Lists all tenants without opening one.
  absl::StatusOr<std::vector<ListedTenant>> All();

  const FreshnessWatch& freshness_;

 private:
  absl::Status List(const v1::ListTenantsRequest& request, v1::ListTenantsResponse* response);
  absl::Status Watch(const grpc::ServerContext& context, grpc::ServerWriter<v1::TenantsNews>* writer);

  const TimeSeries& time_series_;
  std::atomic<int> tenant_watchers_{0};
};

/// The state of the HTTP door, as shown to an operator.
struct HttpDoorSeen {
  std::string url;  ///< Empty: the door is off.
  std::vector<ApiKey> keys;
  std::map<std::string, std::int64_t> used_ms;  ///< Time of the last use, unix milliseconds, by key name;
                                                ///< only keys used since the start.
  std::vector<std::string> left_out;            ///< Files that are not valid keys, each with the reason.
};

/// The operators' calls that read about records: storages, import jobs, keys of the HTTP door. They also
/// answer while the HTTP door is off, because its data remains. Threads: any; gRPC's.
class AdminRecords : public AdminTenants {
 public:
  /// Returns the door's URL, empty if it is off; with `with_keys` all members. Errors: kUnavailable: the
  /// folder of keys cannot be read.
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

/// The operators' calls that read or remove changes and former rows. Threads: any; gRPC's.
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
  /// See server/http/row_source.h.
  grpc::Status ExportTable(grpc::ServerContext* context, const v1::ExportTableRequest* request,
                           grpc::ServerWriter<v1::ExportPart>* writer) override;

 protected:
  using AdminRecords::AdminRecords;

 private:
  absl::Status Watch(grpc::ServerContext& context, const v1::ListChangesRequest& request,
                     grpc::ServerWriter<v1::Change>* writer);
  absl::Status Diff(Tenant& tenant, const grpc::ServerContext& context, const v1::DiffTableRequest& request,
                    grpc::ServerWriter<v1::DiffPart>& writer);
  absl::Status VerifyMoments(Tenant& tenant, const grpc::ServerContext& context,
                             const v1::VerifyHistoryRequest& request,
                             grpc::ServerWriter<v1::VerifiedMoment>& writer);

  absl::Status Export(Tenant& tenant, const grpc::ServerContext& context,
                      const v1::ExportTableRequest& request, grpc::ServerWriter<v1::ExportPart>& writer);

  std::atomic<int> change_watchers_{0};
};

/// The operators' calls. Each call checks the role of the client's certificate, does its work, and writes an
/// audit record. Refused calls are recorded, too. Threads: any; gRPC's.
class AdminService final : public AdminChanges {
 public:
  /// Reads keys and configuration again; returns the number of keys.
  using Reload = std::function<absl::StatusOr<std::size_t>()>;
  /// Returns every key and certificate of this server, see ServerKeys().
  using DatedKeys = std::function<std::vector<DatedKey>()>;

  /// Returns the servers that serve these mirrors.
  using Servers = std::function<absl::StatusOr<std::vector<ListedServer>>()>;

  /// All references must outlive the service. The service reports to `vouched` which connections belong to an
  /// operator or a viewer.
  AdminService(Gate& gate, Tenants& tenants, Events& events, Audit& audit, Looks& looks,
               AuthenticatedTraffic& vouched, Reload reload, DatedKeys dated_keys,
               const FreshnessWatch& freshness, const TimeSeries& time_series, Servers servers,
               Storages& storages, HttpDoorLook look_at_door);

  /// Ends long calls, and watching calls, which have no end of their own, with kUnavailable. Called before
  /// the listener stops.
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
  /// Handles a ResetTable request with `all`.
  absl::Status ResetAll(grpc::ServerContext& context, Tenant& tenant, const Expected& expected,
                        v1::ResetTableResponse* response);
  absl::Status Watch(grpc::ServerContext& context, const v1::WatchEventsRequest& request,
                     grpc::ServerWriter<v1::Event>* writer);

  Events& events_;
  Audit& audit_;
  Looks& looks_;
  AuthenticatedTraffic& vouched_;
  const Reload reload_;
  const DatedKeys dated_keys_;
  const Servers servers_;
  std::atomic<int> watchers_{0};
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_ADMIN_SERVICE_H_
