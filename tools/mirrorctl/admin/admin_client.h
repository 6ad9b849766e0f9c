#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_ADMIN_CLIENT_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_ADMIN_CLIENT_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/interruption.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "tools/mirrorctl/admin/control_config.h"

namespace mirror {

/// Makes calls to the administration of one endpoint, over mutual TLS.
///
/// Errors of every call: kUnavailable: no server was reached, TLS was refused, or the connection broke;
/// kDeadlineExceeded. The message of both is a sentence that says what to do. All other errors have the name
/// of the status and then the server's own message, which may contain any character. Threads: any for calls;
/// one for EndWithin(), EndAt() and SpelledAs(), while no call runs.
class AdminClient {
 public:
  /// Reads the certificates that `config` names. It does not connect yet. Errors: those of
  /// MakeChannelCredentials, with the file that names the certificates.
  static absl::StatusOr<std::unique_ptr<AdminClient>> Open(const ControlConfig& config);
  ~AdminClient();
  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;

  /// Sets a time limit: all later calls, except Backup(), Audit() and Follow(), end within `time` after this
  /// call.
  void EndWithin(std::chrono::milliseconds time);
  /// Makes `interruption` cancel these calls. Null: nothing cancels them.
  void EndAt(const Interruption* interruption);
  /// Returns the tenant's context id in the spelling that a server returned since Open(). If no server has
  /// returned one, returns `context_id` unchanged.
  std::string SpelledAs(const std::string& context_id) const;

  /// Reads all pages and returns them as one answer.
  absl::StatusOr<v1::ListTenantsResponse> Tenants(v1::ListTenantsRequest request = {});
  absl::StatusOr<v1::ListIndexesResponse> Indexes(const v1::ListIndexesRequest& request);
  absl::StatusOr<v1::ListTablesResponse> Tables(const std::string& context_id);
  absl::StatusOr<v1::InvalidateLsnResponse> Invalidate(const v1::InvalidateLsnRequest& request);
  absl::StatusOr<v1::ResetTableResponse> Reset(const v1::ResetTableRequest& request);
  absl::StatusOr<v1::PauseTenantResponse> Pause(const std::string& context_id, const std::string& reason);
  absl::StatusOr<v1::ResumeTenantResponse> Resume(const std::string& context_id);
  absl::StatusOr<v1::DeleteMirrorResponse> Delete(const v1::DeleteMirrorRequest& request);
  absl::Status Allow(const std::string& context_id);
  absl::StatusOr<v1::AcceptSourceResponse> AcceptSource(const v1::AcceptSourceRequest& request);
  absl::StatusOr<v1::VerifyResponse> Verify(const v1::VerifyRequest& request);
  /// Makes a backup, and calls `each` with the progress. An older server reports no progress.
  absl::StatusOr<v1::BackupResponse> Backup(const v1::BackupRequest& request,
                                            const std::function<void(const v1::BackupProgress&)>& each);
  absl::StatusOr<v1::RestoreResponse> Restore(const v1::RestoreRequest& request);
  /// Returns the holds. `with_keys` works only for operators: other roles get the holds without keys.
  absl::StatusOr<v1::ListHoldsResponse> ListHolds(const std::string& context_id, bool with_keys = false);
  /// Allows the hold, and returns it as it is after the decision. It has no kind if an older server did not
  /// return it.
  absl::StatusOr<v1::CommitHoldResponse> CommitHold(const v1::CommitHoldRequest& request);
  absl::StatusOr<v1::Hold> RollbackHold(const std::string& context_id, std::uint64_t hold_id);
  absl::StatusOr<v1::ListEventsResponse> Events(const v1::ListEventsRequest& request);
  /// Calls `each` with the state of the log first, then with its last `limit` records (0: all). `looks`:
  /// reads the records of calls that change nothing, instead of the records of changes.
  absl::Status Audit(std::uint64_t limit, bool looks, const std::function<void(const v1::AuditEntry&)>& each);
  absl::StatusOr<v1::ListKeysResponse> Keys();
  absl::StatusOr<v1::ReloadKeysResponse> ReloadKeys();
  absl::StatusOr<v1::DiagnoseResponse> Diagnose(const std::string& context_id);
  absl::StatusOr<v1::ListServersResponse> Servers();

  /// Calls `each` with each requested event, until `each` returns false or `interruption` comes; then returns
  /// OK.
  absl::Status Follow(const v1::WatchEventsRequest& request, const Interruption& interruption,
                      const std::function<bool(const v1::Event&)>& each);

 private:
  friend class HistoryClient;
  friend class HubClient;
  friend class MoveClient;
  friend class ExportClient;
  friend class LookClient;
  /// gRPC's stub, and the code that reads its answers. Only admin_client.cc includes gRPC's header, because
  /// compiling it takes long.
  class Service;

  explicit AdminClient(std::unique_ptr<Service> service);

  const std::unique_ptr<Service> service_;
};

/// The steps of a move at one of its sides, see MirrorAdmin in mirror_admin.proto. Errors: as AdminClient.
class MoveClient {
 public:
  /// `admin` must outlive this object.
  explicit MoveClient(AdminClient& admin) : admin_(admin) {}

  absl::StatusOr<v1::MoveLook> LookAtMove(const std::string& context_id, bool with_contents = false);
  absl::Status CheckRoom(const v1::MoveLook& look, const std::string& place);
  absl::Status BeginMove(const std::string& context_id, const std::string& move_id,
                         const std::string& address);
  /// Copies a mirror piece by piece: calls ExportMirror at `from` and ImportMirror at this server. It calls
  /// `each` with the number of bytes received so far. `left_out` of the answer also has the export's texts
  /// about what is not copied.
  absl::StatusOr<v1::ImportMirrorResponse> ImportFrom(MoveClient& from, const v1::ImportHeader& header,
                                                      const std::function<void(std::uint64_t)>& each);
  absl::Status Leave(const v1::LeaveMoveRequest& request);
  absl::Status Arrive(const std::string& context_id, const std::string& move_id);
  absl::Status Drop(const v1::DropMoveRequest& request);
  absl::Status Stay(const std::string& context_id, const std::string& move_id);
  absl::StatusOr<v1::MoveToPlaceResponse> MoveToPlace(const v1::MoveToPlaceRequest& request);

 private:
  AdminClient& admin_;
};

/// Reads the rows of a table, see MirrorAdmin.ExportTable. Errors: as AdminClient.
class ExportClient {
 public:
  /// `admin` must outlive this object.
  explicit ExportClient(AdminClient& admin) : admin_(admin) {}

  /// Calls `each` with each part. An error of `each` ends the call and is returned. kCancelled:
  /// `interruption` came.
  absl::Status Read(const v1::ExportTableRequest& request, const Interruption& interruption,
                    const std::function<absl::Status(v1::ExportPart*)>& each);

 private:
  AdminClient& admin_;
};

/// Reads the changes of a mirror and earlier versions of rows, see MirrorAdmin. Errors: as AdminClient.
class HistoryClient {
 public:
  /// `admin` must outlive this object.
  explicit HistoryClient(AdminClient& admin) : admin_(admin) {}

  /// Returns changes. Only operators get keys: other roles get the changes without keys, and the call changes
  /// `request` accordingly.
  absl::StatusOr<v1::ListChangesResponse> Changes(v1::ListChangesRequest* request);
  /// Calls `each` with each entry, until `each` returns false or `interruption` comes; then returns OK.
  absl::Status FollowChanges(const v1::ListChangesRequest& request, const Interruption& interruption,
                             const std::function<bool(const v1::Change&)>& each);
  absl::StatusOr<v1::ExplainRowResponse> Explain(const v1::RowOfTable& row);
  absl::StatusOr<v1::ReadRowHistoryResponse> Versions(const v1::RowOfTable& row);
  /// Calls `each` with each part, until `each` returns false; then returns OK. kDeadlineExceeded: the call
  /// took longer than `patience`. kCancelled: `interruption` came.
  absl::Status Diff(const v1::DiffTableRequest& request, std::chrono::seconds patience,
                    const Interruption& interruption, const std::function<bool(const v1::DiffPart&)>& each);
  /// Calls `each` with each proven state, until the answer ends.
  absl::Status Verify(const v1::VerifyHistoryRequest& request, const Interruption& interruption,
                      const std::function<void(const v1::VerifiedMoment&)>& each);
  absl::StatusOr<v1::EraseRowResponse> Erase(const v1::EraseRowRequest& request);

 private:
  AdminClient& admin_;
};

/// Reads tenants, storages, import jobs and API keys for pages and lists, see MirrorAdmin. Errors: as
/// AdminClient.
class LookClient {
 public:
  /// `admin` must outlive this object.
  explicit LookClient(AdminClient& admin) : admin_(admin) {}

  absl::StatusOr<v1::Tenant> Tenant(const std::string& context_id);
  absl::StatusOr<v1::ListCyclesResponse> Cycles(const std::string& context_id);
  /// Returns the last day by minute. Empty `context_id`: of all tenants together.
  absl::StatusOr<v1::TimeSeries> Minutes(const std::string& context_id);
  /// Storages() reads one page; AllStorages() reads all pages and returns them as one answer.
  absl::StatusOr<v1::ListStoragesResponse> Storages(const v1::ListStoragesRequest& request);
  absl::StatusOr<v1::ListStoragesResponse> AllStorages(v1::ListStoragesRequest request);
  /// ImportJobs() reads one page. LastImportJobs() returns the last `count` jobs as one answer, whose page
  /// token is empty if there are no more.
  absl::StatusOr<v1::ListImportJobsResponse> ImportJobs(const v1::ListImportJobsRequest& request);
  absl::StatusOr<v1::ListImportJobsResponse> LastImportJobs(v1::ListImportJobsRequest request,
                                                            std::uint32_t count);
  absl::StatusOr<v1::ListApiKeysResponse> ApiKeys();
  /// Calls `each` with new and changed tenants until `interruption` comes; then returns OK.
  absl::Status Follow(const Interruption& interruption,
                      const std::function<void(const v1::TenantsNews&)>& each);

 private:
  AdminClient& admin_;
};

/// Reads and changes hubs and their golden records, see MirrorAdmin. Errors: as AdminClient.
class HubClient {
 public:
  /// `admin` must outlive this object.
  explicit HubClient(AdminClient& admin) : admin_(admin) {}

  /// Returns the state of hubs. Empty `storage`: all hubs.
  absl::StatusOr<v1::ListHubsResponse> Hubs(const std::string& storage = "");
  absl::StatusOr<v1::ResumeHubResponse> Resume(const v1::ResumeHubRequest& request);
  /// Releases (`commit`) or drops held deliveries. `dropped`: releases dropped deliveries instead; only with
  /// `commit`.
  absl::StatusOr<v1::DecideHubResponse> Decide(const std::string& storage, bool commit, bool dropped = false);
  absl::StatusOr<v1::ListHeldResponse> Held(const v1::ListHeldRequest& request);
  absl::StatusOr<v1::ListRefusedResponse> Refused(const v1::ListRefusedRequest& request);
  absl::StatusOr<v1::ThawHubResponse> Thaw(const v1::ThawHubRequest& request);
  absl::StatusOr<v1::MergeGoldenResponse> Merge(const v1::MergeGoldenRequest& request);
  absl::StatusOr<v1::PartGoldenResponse> Part(const v1::PartGoldenRequest& request);
  absl::StatusOr<v1::ExplainGoldenResponse> Explain(const v1::ExplainGoldenRequest& request);
  absl::StatusOr<v1::ListDuplicatesResponse> Duplicates(const v1::ListDuplicatesRequest& request);
  absl::StatusOr<v1::RebuildHubResponse> Rebuild(const v1::RebuildHubRequest& request);

 private:
  AdminClient& admin_;
};

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_ADMIN_CLIENT_H_
