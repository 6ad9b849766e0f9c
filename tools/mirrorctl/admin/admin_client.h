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

/// Calls the administration of one endpoint over mutual TLS.
///
/// Errors of every call are one sentence that says what to do: kUnavailable when no server was reached, TLS
/// was refused or the connection broke; kDeadlineExceeded. All others are the name of the status, then the
/// server's own message, which may hold any character.
/// Threads: any for calls; one for EndWithin(), EndAt() and SpelledAs(), while no call runs.
class AdminClient {
 public:
  /// Reads the certificates that `config` names. Sends nothing yet.
  /// Errors: those of MakeChannelCredentials, with the file that names the certificates.
  static absl::StatusOr<std::unique_ptr<AdminClient>> Open(const ControlConfig& config);
  ~AdminClient();
  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;

  /// All later calls, except Backup(), Audit() and Follow(), end within `time` of this call.
  void EndWithin(std::chrono::milliseconds time);
  /// Cancels the same calls when `interruption` comes. Null: nothing cancels them.
  void EndAt(const Interruption* interruption);
  /// Returns the tenant's name as a server spelled it since Open(); `context_id` as given if none has.
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
  /// Calls `each` with the progress; a server older than that field reports none.
  absl::StatusOr<v1::BackupResponse> Backup(const v1::BackupRequest& request,
                                            const std::function<void(const v1::BackupProgress&)>& each);
  absl::StatusOr<v1::RestoreResponse> Restore(const v1::RestoreRequest& request);
  /// `with_keys` is for operators: other roles get the holds without keys.
  absl::StatusOr<v1::ListHoldsResponse> ListHolds(const std::string& context_id, bool with_keys = false);
  /// Returns the hold as it is after the decision; without a kind if the server is older than that field.
  absl::StatusOr<v1::CommitHoldResponse> CommitHold(const v1::CommitHoldRequest& request);
  absl::StatusOr<v1::Hold> RollbackHold(const std::string& context_id, std::uint64_t hold_id);
  absl::StatusOr<v1::ListEventsResponse> Events(const v1::ListEventsRequest& request);
  /// Gives `each` the state of the log first, then its last `limit` records (0: all).
  /// `looks`: reads the records of calls that change nothing instead of those of operators' changes.
  absl::Status Audit(std::uint64_t limit, bool looks, const std::function<void(const v1::AuditEntry&)>& each);
  absl::StatusOr<v1::ListKeysResponse> Keys();
  absl::StatusOr<v1::ReloadKeysResponse> ReloadKeys();
  absl::StatusOr<v1::DiagnoseResponse> Diagnose(const std::string& context_id);
  absl::StatusOr<v1::ListServersResponse> Servers();

  /// Gives each requested event to `each` until that returns false or `interruption` comes; then returns OK.
  absl::Status Follow(const v1::WatchEventsRequest& request, const Interruption& interruption,
                      const std::function<bool(const v1::Event&)>& each);

 private:
  friend class HistoryClient;
  friend class HubClient;
  friend class MoveClient;
  friend class ExportClient;
  friend class LookClient;
  /// gRPC's stub and the reading of its answers; only admin_client.cc includes gRPC's slow header.
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
  /// Copies a mirror piece by piece: calls ExportMirror at `from` and ImportMirror at this server. `each`
  /// gets the number of bytes received so far. The answer's notes include those of the export on what is not
  /// copied with the mirror.
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

  /// Gives each part to `each`; its error ends the call and is returned. kCancelled: `interruption` came.
  absl::Status Read(const v1::ExportTableRequest& request, const Interruption& interruption,
                    const std::function<absl::Status(v1::ExportPart*)>& each);

 private:
  AdminClient& admin_;
};

/// Reads what was written to a mirror and earlier states of rows, see MirrorAdmin. Errors: as AdminClient.
class HistoryClient {
 public:
  /// `admin` must outlive this object.
  explicit HistoryClient(AdminClient& admin) : admin_(admin) {}

  /// Keys are for operators: other roles get the changes without keys.
  absl::StatusOr<v1::ListChangesResponse> Changes(v1::ListChangesRequest* request);
  /// Gives each entry to `each` until `each` returns false or `interruption` comes; then returns OK.
  absl::Status FollowChanges(const v1::ListChangesRequest& request, const Interruption& interruption,
                             const std::function<bool(const v1::Change&)>& each);
  absl::StatusOr<v1::ExplainRowResponse> Explain(const v1::RowOfTable& row);
  absl::StatusOr<v1::ReadRowHistoryResponse> Versions(const v1::RowOfTable& row);
  /// Gives each part to `each` until `each` returns false; then returns OK. kDeadlineExceeded: the call took
  /// longer than `patience`. kCancelled: `interruption` came.
  absl::Status Diff(const v1::DiffTableRequest& request, std::chrono::seconds patience,
                    const Interruption& interruption, const std::function<bool(const v1::DiffPart&)>& each);
  /// Gives each proven state to `each`, until the answer ends.
  absl::Status Verify(const v1::VerifyHistoryRequest& request, const Interruption& interruption,
                      const std::function<void(const v1::VerifiedMoment&)>& each);
  absl::StatusOr<v1::EraseRowResponse> Erase(const v1::EraseRowRequest& request);

 private:
  AdminClient& admin_;
};

/// Reads what pages and lists show in addition to the commands, see MirrorAdmin. Errors: as AdminClient.
class LookClient {
 public:
  /// `admin` must outlive this object.
  explicit LookClient(AdminClient& admin) : admin_(admin) {}

  absl::StatusOr<v1::Tenant> Tenant(const std::string& context_id);
  absl::StatusOr<v1::ListCyclesResponse> Cycles(const std::string& context_id);
  /// `context_id` empty: the sums over all tenants.
  absl::StatusOr<v1::TimeSeries> Minutes(const std::string& context_id);
  /// Storages() reads one page; AllStorages() reads all pages and returns them as one answer.
  absl::StatusOr<v1::ListStoragesResponse> Storages(const v1::ListStoragesRequest& request);
  absl::StatusOr<v1::ListStoragesResponse> AllStorages(v1::ListStoragesRequest request);
  /// One page; and the last `count` jobs as one answer, whose page token is empty if there are no more.
  absl::StatusOr<v1::ListImportJobsResponse> ImportJobs(const v1::ListImportJobsRequest& request);
  absl::StatusOr<v1::ListImportJobsResponse> LastImportJobs(v1::ListImportJobsRequest request,
                                                            std::uint32_t count);
  absl::StatusOr<v1::ListApiKeysResponse> ApiKeys();
  /// Gives news of tenants to `each` until `interruption` comes; then returns OK.
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

  /// `storage` empty: all hubs.
  absl::StatusOr<v1::ListHubsResponse> Hubs(const std::string& storage = "");
  absl::StatusOr<v1::ResumeHubResponse> Resume(const v1::ResumeHubRequest& request);
  /// `dropped`: decides on dropped deliveries instead of held ones; only with `commit`.
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
