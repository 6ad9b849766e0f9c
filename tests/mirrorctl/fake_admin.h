#ifndef MIRROR_TESTS_MIRRORCTL_FAKE_ADMIN_H_
#define MIRROR_TESTS_MIRRORCTL_FAKE_ADMIN_H_

#include <chrono>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "proto/wire/spelling.h"

namespace mirror {

/// A MirrorAdmin that answers what a test gave it, and keeps what it was asked. The answers are set before
/// the first call. Threads: any.
class FakeAdmin final : public v1::MirrorAdmin::Service {
 public:
  v1::ListTenantsResponse tenants;
  v1::ListTenantsResponse more_tenants;  ///< To a request with a page token.
  v1::ListTablesResponse tables;
  v1::ListIndexesResponse indexes;
  v1::InvalidateLsnResponse invalidated;
  v1::ResetTableResponse reset;
  v1::PauseTenantResponse paused;
  v1::ResumeTenantResponse resumed;
  v1::RestoreResponse restored;
  v1::BackupResponse backup;
  std::vector<v1::BackupProgress> backup_steps;
  bool of_before = false;  ///< It knows no BackupWatched.
  bool viewer = false;     ///< What the client's certificate says.
  v1::ListHoldsResponse holds;
  v1::ListEventsResponse events;
  std::vector<v1::Event> later_events;  ///< What a watch gives.
  bool watch_ends = false;              ///< After them; otherwise it waits for its client to go.
  v1::ListKeysResponse keys;
  v1::DiagnoseResponse diagnosis;
  v1::ListServersResponse servers;
  v1::ListHubsResponse hubs;
  v1::ResumeHubResponse resumed_hub;
  v1::DecideHubResponse decided_hub;
  v1::ListHeldResponse held;
  v1::ListRefusedResponse refused;
  grpc::Status refused_refusal;  ///< Unless OK, ListRefused ends with it.
  v1::ThawHubResponse thawed_hub;
  v1::MergeGoldenResponse merged;
  v1::PartGoldenResponse parted;
  v1::RebuildHubResponse rebuilt;
  v1::ExplainGoldenResponse golden;
  v1::ListDuplicatesResponse duplicates;
  /// In a move; LookAtMove of a tenant that is not there ends with NOT_FOUND.
  std::optional<v1::MoveLook> look;
  v1::ImportMirrorResponse imported;
  std::vector<v1::ExportPart> exported;
  bool export_waits = false;                  ///< Behind the parts, for its client to go.
  grpc::Status export_end;                    ///< What ExportTable ends with behind the parts.
  std::counting_semaphore<> exports_came{0};  ///< One for each whose parts were sent.
  std::string left_for;                       ///< The address of the last LeaveMove.
  grpc::Status place_refusal;                 ///< Unless OK, MoveToPlace ends with it.
  grpc::Status begin_refusal;                 ///< Unless OK, BeginMove ends with it.
  grpc::Status room_refusal;                  ///< Unless OK, CheckRoom ends with it.
  grpc::Status import_refusal;                ///< Unless OK, ImportMirror ends with it.
  grpc::Status arrival_refusal;               ///< Unless OK, ArriveMove ends with it.
  bool silent = false;           ///< No answer to DeleteMirror and ListTenants before the call is cancelled.
  grpc::Status restore_refusal;  ///< Unless OK, Restore ends with it.
  grpc::Status refusal;          ///< Unless OK, every call ends with it.
  std::string spelled;    ///< Unless empty, ListTables and DeleteMirror say that the tenant is spelled so.
  std::string not_found;  ///< Unless empty, every call that changes something ends with NOT_FOUND and this.

  /// "ListTables context_id: \"Cust1\"", in the order they came.
  std::vector<std::string> Calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

  grpc::Status ListTenants(grpc::ServerContext* context, const v1::ListTenantsRequest* request,
                           v1::ListTenantsResponse* response) override {
    const bool more = !request->page_token().empty();
    const grpc::Status status = Answer("ListTenants", *request, more ? more_tenants : tenants, response);
    WaitUntilGone(*context, silent);
    return status;
  }
  grpc::Status ListTables(grpc::ServerContext* context, const v1::ListTablesRequest* request,
                          v1::ListTablesResponse* response) override {
    if (!spelled.empty()) context->AddTrailingMetadata(kSpellingMetadata, spelled);
    return Answer("ListTables", *request, tables, response);
  }
  grpc::Status ListIndexes(grpc::ServerContext* /*context*/, const v1::ListIndexesRequest* request,
                           v1::ListIndexesResponse* response) override {
    return Answer("ListIndexes", *request, indexes, response);
  }
  grpc::Status InvalidateLsn(grpc::ServerContext* /*context*/, const v1::InvalidateLsnRequest* request,
                             v1::InvalidateLsnResponse* response) override {
    return Answer("InvalidateLsn", *request, invalidated, response);
  }
  grpc::Status ResetTable(grpc::ServerContext* /*context*/, const v1::ResetTableRequest* request,
                          v1::ResetTableResponse* response) override {
    return Answer("ResetTable", *request, reset, response);
  }
  grpc::Status PauseTenant(grpc::ServerContext* /*context*/, const v1::PauseTenantRequest* request,
                           v1::PauseTenantResponse* response) override {
    return Answer("PauseTenant", *request, paused, response);
  }
  grpc::Status ResumeTenant(grpc::ServerContext* /*context*/, const v1::ResumeTenantRequest* request,
                            v1::ResumeTenantResponse* response) override {
    return Answer("ResumeTenant", *request, resumed, response);
  }
  grpc::Status DeleteMirror(grpc::ServerContext* context, const v1::DeleteMirrorRequest* request,
                            v1::DeleteMirrorResponse* response) override {
    if (!spelled.empty()) context->AddTrailingMetadata(kSpellingMetadata, spelled);
    const grpc::Status status = Answer("DeleteMirror", *request, v1::DeleteMirrorResponse(), response);
    WaitUntilGone(*context, silent);
    return status;
  }
  grpc::Status AllowTenant(grpc::ServerContext* /*context*/, const v1::AllowTenantRequest* request,
                           v1::AllowTenantResponse* response) override {
    return Answer("AllowTenant", *request, v1::AllowTenantResponse(), response);
  }
  grpc::Status Restore(grpc::ServerContext* /*context*/, const v1::RestoreRequest* request,
                       v1::RestoreResponse* response) override {
    const grpc::Status status = Answer("Restore", *request, restored, response);
    return status.ok() ? restore_refusal : status;
  }
  grpc::Status Backup(grpc::ServerContext* /*context*/, const v1::BackupRequest* request,
                      v1::BackupResponse* response) override {
    return Answer("Backup", *request, backup, response);
  }
  grpc::Status BackupWatched(grpc::ServerContext* /*context*/, const v1::BackupRequest* request,
                             grpc::ServerWriter<v1::BackupProgress>* writer) override {
    if (of_before) return {grpc::StatusCode::UNIMPLEMENTED, ""};
    v1::BackupProgress last;
    const grpc::Status status = Answer("BackupWatched", *request, backup, last.mutable_made());
    if (!status.ok()) return status;
    for (const v1::BackupProgress& step : backup_steps) writer->Write(step);
    writer->Write(last);
    return status;
  }
  grpc::Status ListHolds(grpc::ServerContext* /*context*/, const v1::ListHoldsRequest* request,
                         v1::ListHoldsResponse* response) override {
    if (viewer && request->with_keys()) return {grpc::StatusCode::PERMISSION_DENIED, "viewer"};
    return Answer("ListHolds", *request, holds, response);
  }
  grpc::Status ListEvents(grpc::ServerContext* /*context*/, const v1::ListEventsRequest* request,
                          v1::ListEventsResponse* response) override {
    return Answer("ListEvents", *request, events, response);
  }
  grpc::Status ListKeys(grpc::ServerContext* /*context*/, const v1::ListKeysRequest* request,
                        v1::ListKeysResponse* response) override {
    return Answer("ListKeys", *request, keys, response);
  }
  grpc::Status ReloadKeys(grpc::ServerContext* /*context*/, const v1::ReloadKeysRequest* request,
                          v1::ReloadKeysResponse* response) override {
    return Answer("ReloadKeys", *request, v1::ReloadKeysResponse(), response);
  }
  grpc::Status Diagnose(grpc::ServerContext* /*context*/, const v1::DiagnoseRequest* request,
                        v1::DiagnoseResponse* response) override {
    return Answer("Diagnose", *request, diagnosis, response);
  }
  grpc::Status MoveToPlace(grpc::ServerContext* /*context*/, const v1::MoveToPlaceRequest* request,
                           v1::MoveToPlaceResponse* response) override {
    const grpc::Status status = Answer("MoveToPlace", *request, v1::MoveToPlaceResponse(), response);
    return status.ok() ? place_refusal : status;
  }

  grpc::Status ListServers(grpc::ServerContext* /*context*/, const v1::ListServersRequest* request,
                           v1::ListServersResponse* response) override {
    return Answer("ListServers", *request, servers, response);
  }
  grpc::Status ListHubs(grpc::ServerContext* /*context*/, const v1::ListHubsRequest* request,
                        v1::ListHubsResponse* response) override {
    return Answer("ListHubs", *request, hubs, response);
  }
  grpc::Status ResumeHub(grpc::ServerContext* /*context*/, const v1::ResumeHubRequest* request,
                         v1::ResumeHubResponse* response) override {
    return Answer("ResumeHub", *request, resumed_hub, response);
  }
  grpc::Status DecideHub(grpc::ServerContext* /*context*/, const v1::DecideHubRequest* request,
                         v1::DecideHubResponse* response) override {
    return Answer("DecideHub", *request, decided_hub, response);
  }
  grpc::Status ListHeld(grpc::ServerContext* /*context*/, const v1::ListHeldRequest* request,
                        v1::ListHeldResponse* response) override {
    return Answer("ListHeld", *request, held, response);
  }
  grpc::Status ListRefused(grpc::ServerContext* /*context*/, const v1::ListRefusedRequest* request,
                           v1::ListRefusedResponse* response) override {
    const grpc::Status status = Answer("ListRefused", *request, refused, response);
    return status.ok() ? refused_refusal : status;
  }
  grpc::Status ThawHub(grpc::ServerContext* /*context*/, const v1::ThawHubRequest* request,
                       v1::ThawHubResponse* response) override {
    return Answer("ThawHub", *request, thawed_hub, response);
  }
  grpc::Status MergeGolden(grpc::ServerContext* /*context*/, const v1::MergeGoldenRequest* request,
                           v1::MergeGoldenResponse* response) override {
    return Answer("MergeGolden", *request, merged, response);
  }
  grpc::Status PartGolden(grpc::ServerContext* /*context*/, const v1::PartGoldenRequest* request,
                          v1::PartGoldenResponse* response) override {
    return Answer("PartGolden", *request, parted, response);
  }
  grpc::Status RebuildHub(grpc::ServerContext* /*context*/, const v1::RebuildHubRequest* request,
                          v1::RebuildHubResponse* response) override {
    return Answer("RebuildHub", *request, rebuilt, response);
  }
  grpc::Status ExplainGolden(grpc::ServerContext* /*context*/, const v1::ExplainGoldenRequest* request,
                             v1::ExplainGoldenResponse* response) override {
    return Answer("ExplainGolden", *request, golden, response);
  }
  grpc::Status ListDuplicates(grpc::ServerContext* /*context*/, const v1::ListDuplicatesRequest* request,
                              v1::ListDuplicatesResponse* response) override {
    return Answer("ListDuplicates", *request, duplicates, response);
  }
  grpc::Status LookAtMove(grpc::ServerContext* /*context*/, const v1::LookAtMoveRequest* request,
                          v1::MoveLook* response) override {
    const grpc::Status status = Answer("LookAtMove", *request, look.value_or(v1::MoveLook()), response);
    return look ? status : grpc::Status(grpc::StatusCode::NOT_FOUND, "there is no such tenant");
  }
  grpc::Status CheckRoom(grpc::ServerContext* /*context*/, const v1::CheckRoomRequest* /*request*/,
                         v1::CheckRoomResponse* response) override {
    const grpc::Status status = Step("CheckRoom", response);
    return status.ok() ? room_refusal : status;
  }
  grpc::Status BeginMove(grpc::ServerContext* /*context*/, const v1::BeginMoveRequest* /*request*/,
                         v1::BeginMoveResponse* response) override {
    const grpc::Status status = Step("BeginMove", response);
    return status.ok() ? begin_refusal : status;
  }
  grpc::Status ExportMirror(grpc::ServerContext* /*context*/, const v1::ExportMirrorRequest* /*request*/,
                            grpc::ServerWriter<v1::MirrorPart>* writer) override {
    v1::MirrorPart part;
    const grpc::Status status = Step("ExportMirror", &part);
    part.set_data("piece");
    if (status.ok()) writer->Write(part);
    return status;
  }
  grpc::Status ExportTable(grpc::ServerContext* context, const v1::ExportTableRequest* request,
                           grpc::ServerWriter<v1::ExportPart>* writer) override {
    v1::ExportPart ignored;
    if (const grpc::Status status = Answer("ExportTable", *request, v1::ExportPart(), &ignored);
        !status.ok()) {
      return status;
    }
    const bool waits = export_waits;
    for (const v1::ExportPart& part : exported) writer->Write(part);
    exports_came.release();
    WaitUntilGone(*context, waits);
    return export_end;
  }
  grpc::Status ImportMirror(grpc::ServerContext* /*context*/,
                            grpc::ServerReader<v1::ImportMirrorRequest>* reader,
                            v1::ImportMirrorResponse* response) override {
    v1::ImportMirrorRequest piece;
    while (reader->Read(&piece)) continue;
    const grpc::Status status = Step("ImportMirror", response);
    *response = imported;
    return status.ok() ? import_refusal : status;
  }
  grpc::Status LeaveMove(grpc::ServerContext* /*context*/, const v1::LeaveMoveRequest* request,
                         v1::LeaveMoveResponse* response) override {
    left_for = request->address();
    return Step("LeaveMove", response);
  }
  grpc::Status ArriveMove(grpc::ServerContext* /*context*/, const v1::ArriveMoveRequest* /*request*/,
                          v1::ArriveMoveResponse* response) override {
    const grpc::Status status = Step("ArriveMove", response);
    return status.ok() ? arrival_refusal : status;
  }
  grpc::Status DropMove(grpc::ServerContext* /*context*/, const v1::DropMoveRequest* /*request*/,
                        v1::DropMoveResponse* response) override {
    return Step("DropMove", response);
  }
  grpc::Status StayMove(grpc::ServerContext* /*context*/, const v1::StayMoveRequest* /*request*/,
                        v1::StayMoveResponse* response) override {
    return Step("StayMove", response);
  }
  grpc::Status WatchEvents(grpc::ServerContext* context, const v1::WatchEventsRequest* request,
                           grpc::ServerWriter<v1::Event>* writer) override {
    v1::Event ignored;
    if (const grpc::Status status = Answer("WatchEvents", *request, v1::Event(), &ignored); !status.ok()) {
      return status;
    }
    for (const v1::Event& event : later_events) writer->Write(event);
    WaitUntilGone(*context, !watch_ends);
    return grpc::Status::OK;
  }

 private:
  /// Of a move, whose id is another one each time: kept by its name alone.
  template <typename Response>
  grpc::Status Step(const std::string& call, Response* response) {
    return Answer(call, v1::MoveLook(), Response(), response);
  }
  template <typename Request, typename Response>
  grpc::Status Answer(const std::string& call, const Request& request, const Response& answer,
                      Response* response) {
    const std::lock_guard lock(mutex_);
    std::string text = call + " " + request.ShortDebugString();
    while (text.back() == ' ') text.pop_back();
    calls_.push_back(text);
    *response = answer;
    if (!not_found.empty() && !call.starts_with("List")) return {grpc::StatusCode::NOT_FOUND, not_found};
    return refusal;
  }

  static void WaitUntilGone(const grpc::ServerContext& context, bool wait) {
    while (wait && !context.IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }

  std::mutex mutex_;
  std::vector<std::string> calls_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_MIRRORCTL_FAKE_ADMIN_H_
