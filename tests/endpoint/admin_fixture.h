#ifndef MIRROR_TESTS_ENDPOINT_ADMIN_FIXTURE_H_
#define MIRROR_TESTS_ENDPOINT_ADMIN_FIXTURE_H_

#include <grpcpp/client_context.h>

#include <functional>
#include <string>
#include <vector>

#include "certs/issue.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "tests/endpoint/endpoint_fixture.h"

// A server, and its operators' door by an operator and by a viewer.

namespace mirror::admin_test {

inline const Position kFirst{Lsn{10}, "first"}, kSecond{Lsn{20}, "second"};

class AdminTest : public EndpointTest {
 protected:
  void SetUp() override {
    Install();
    operator_ = here_->Admin(Role::kOperator).value();
    viewer_ = here_->Admin(Role::kViewer).value();
  }

  using Stub = v1::MirrorAdmin::Stub;
  template <typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  template <typename Request, typename Response>
  static absl::Status Call(Stub& stub, Method<Request, Response> method, const Request& request,
                           Response* response) {
    grpc::ClientContext context;
    SetDeadline(&context);
    return ToAbsl((stub.*method)(&context, request, response));
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Act(Method<Request, Response> method, const Request& request) {
    Response response;
    if (absl::Status status = Call(*operator_, method, request, &response); !status.ok()) return status;
    return response;
  }

  v1::Tenant Tenant(const std::string& context_id) {
    v1::GetTenantRequest request;
    request.set_context_id(context_id);
    const absl::StatusOr<v1::Tenant> tenant = Act(&Stub::GetTenant, request);
    EXPECT_TRUE(tenant.ok()) << tenant.status();
    return tenant.ok() ? *tenant : v1::Tenant();
  }

  absl::Status Pause(const std::string& context_id, const std::string& reason) {
    v1::PauseTenantRequest request;
    request.set_context_id(context_id);
    request.set_reason(reason);
    return Act(&Stub::PauseTenant, request).status();
  }

  /// Calls of every method, about tenant `Cust`.
  struct Named {
    std::string name;
    bool needs_operator;
    std::function<absl::Status(Stub&)> call;
  };
  template <typename Request, typename Response>
  static Named Of(const std::string& name, bool needs_operator, Method<Request, Response> method,
                  Request request) {
    return {name, needs_operator, [method, request](Stub& stub) {
              Response response;
              return Call(stub, method, request, &response);
            }};
  }
  template <typename Request>
  static Request About(const std::string& context_id) {
    Request request;
    request.set_context_id(context_id);
    return request;
  }
  template <typename Request>
  static Request OfHub(const std::string& storage) {
    Request request;
    request.set_storage(storage);
    return request;
  }
  std::vector<Named> AllCalls(const std::string& tenant) const {
    v1::InvalidateLsnRequest invalidate = About<v1::InvalidateLsnRequest>(tenant);
    invalidate.set_all(true);
    v1::ResetTableRequest reset = About<v1::ResetTableRequest>(tenant);
    reset.set_all(true);
    reset.set_confirm(tenant);
    v1::DeleteMirrorRequest remove = About<v1::DeleteMirrorRequest>(tenant);
    remove.set_confirm(tenant);
    v1::BackupRequest backup = About<v1::BackupRequest>(tenant);
    backup.set_path(here_->dir() + "/backup.db");
    v1::RestoreRequest restore = About<v1::RestoreRequest>(tenant);
    restore.set_path(backup.path());
    restore.set_confirm(tenant);
    v1::ExplainGoldenRequest golden = OfHub<v1::ExplainGoldenRequest>(tenant);
    golden.set_golden_id("g1");
    return {
        Of("ListTenants", false, &Stub::ListTenants, v1::ListTenantsRequest()),
        Of("GetTenant", false, &Stub::GetTenant, About<v1::GetTenantRequest>(tenant)),
        Of("ListCycles", false, &Stub::ListCycles, About<v1::ListCyclesRequest>(tenant)),
        Of("GetTimeSeries", false, &Stub::GetTimeSeries, About<v1::GetTimeSeriesRequest>(tenant)),
        Of("ListTables", false, &Stub::ListTables, About<v1::ListTablesRequest>(tenant)),
        Of("ListIndexes", false, &Stub::ListIndexes, About<v1::ListIndexesRequest>(tenant)),
        Of("ListEvents", false, &Stub::ListEvents, About<v1::ListEventsRequest>(tenant)),
        Of("ListKeys", false, &Stub::ListKeys, v1::ListKeysRequest()),
        Of("ListStorages", false, &Stub::ListStorages, v1::ListStoragesRequest()),
        Of("ListImportJobs", false, &Stub::ListImportJobs, About<v1::ListImportJobsRequest>(tenant)),
        Of("ListApiKeys", false, &Stub::ListApiKeys, v1::ListApiKeysRequest()),
        Of("Diagnose", false, &Stub::Diagnose, About<v1::DiagnoseRequest>(tenant)),
        Of("ListHolds", false, &Stub::ListHolds, About<v1::ListHoldsRequest>(tenant)),
        Of("ListHubs", false, &Stub::ListHubs, v1::ListHubsRequest()),
        Of("ListDuplicates", false, &Stub::ListDuplicates, OfHub<v1::ListDuplicatesRequest>(tenant)),
        Of("ResumeHub", true, &Stub::ResumeHub, OfHub<v1::ResumeHubRequest>(tenant)),
        Of("DecideHub", true, &Stub::DecideHub, OfHub<v1::DecideHubRequest>(tenant)),
        Of("ListHeld", true, &Stub::ListHeld, OfHub<v1::ListHeldRequest>(tenant)),
        Of("ListRefused", true, &Stub::ListRefused, OfHub<v1::ListRefusedRequest>(tenant)),
        Of("ThawHub", true, &Stub::ThawHub, OfHub<v1::ThawHubRequest>(tenant)),
        Of("ExplainGolden", true, &Stub::ExplainGolden, golden),
        Of("MergeGolden", true, &Stub::MergeGolden, OfHub<v1::MergeGoldenRequest>(tenant)),
        Of("PartGolden", true, &Stub::PartGolden, OfHub<v1::PartGoldenRequest>(tenant)),
        Of("RebuildHub", true, &Stub::RebuildHub, OfHub<v1::RebuildHubRequest>(tenant)),
        Of("InvalidateLsn", true, &Stub::InvalidateLsn, invalidate),
        Of("ResetTable", true, &Stub::ResetTable, reset),
        Of("PauseTenant", true, &Stub::PauseTenant, About<v1::PauseTenantRequest>(tenant)),
        Of("ResumeTenant", true, &Stub::ResumeTenant, About<v1::ResumeTenantRequest>(tenant)),
        Of("ReloadKeys", true, &Stub::ReloadKeys, v1::ReloadKeysRequest()),
        Of("ListServers", true, &Stub::ListServers, v1::ListServersRequest()),
        Of("AcceptSource", true, &Stub::AcceptSource, About<v1::AcceptSourceRequest>(tenant)),
        Of("Verify", true, &Stub::Verify, About<v1::VerifyRequest>(tenant)),
        Of("Backup", true, &Stub::Backup, backup),
        Of("Restore", true, &Stub::Restore, restore),
        Of("CommitHold", true, &Stub::CommitHold, About<v1::CommitHoldRequest>(tenant)),
        Of("RollbackHold", true, &Stub::RollbackHold, About<v1::RollbackHoldRequest>(tenant)),
        Of("DeleteMirror", true, &Stub::DeleteMirror, remove),
    };
  }
  /// Of a call about a tenant for which no source and no hold is waiting, whose source tells of no index, and
  /// whose storage has no hub.
  static absl::StatusCode Answer(const std::string& name) {
    if (name == "AcceptSource" || name == "ListIndexes") return absl::StatusCode::kFailedPrecondition;
    for (const char* const not_found :
         {"CommitHold", "RollbackHold", "ListDuplicates", "ResumeHub", "DecideHub", "ThawHub", "ListHeld",
          "ListRefused", "ExplainGolden", "MergeGolden", "PartGolden", "RebuildHub"}) {
      if (name == not_found) return absl::StatusCode::kNotFound;
    }
    return absl::StatusCode::kOk;
  }

  std::unique_ptr<Stub> operator_, viewer_;
};

}  // namespace mirror::admin_test

#endif  // MIRROR_TESTS_ENDPOINT_ADMIN_FIXTURE_H_
