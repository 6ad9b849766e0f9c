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

/// The administration of one endpoint, over mutual TLS.
///
/// Errors of every call are one sentence that says what to do: kUnavailable when no server was reached, TLS
/// was refused or the connection broke; kDeadlineExceeded; all others are the server's own words behind the
/// name of the status. The server's words may hold any character.
/// Threads: any for calls; one for EndWithin(), EndAt() and SpelledAs(), while there are none.
class AdminClient {
 public:
  /// Reads the certificates that `config` names; nothing is sent yet.
  /// Errors: those of MakeChannelCredentials, with the file that names them.
  static absl::StatusOr<std::unique_ptr<AdminClient>> Open(const ControlConfig& config);
  ~AdminClient();
  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;

  /// All calls from now on end within so much of now, but for Backup(), Audit() and Follow().
  void EndWithin(std::chrono::milliseconds time);
  /// The same calls also end when `interruption` comes; null: none does.
  void EndAt(const Interruption* interruption);
  /// As a server has said since this was opened that the tenant is spelled; as it is given where none has.
  std::string SpelledAs(const std::string& context_id) const;

  /// All pages of it as one answer.
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
  /// `each` hears how far it is; a server of before says nothing of that.
  absl::StatusOr<v1::BackupResponse> Backup(const v1::BackupRequest& request,
                                            const std::function<void(const v1::BackupProgress&)>& each);
  absl::StatusOr<v1::RestoreResponse> Restore(const v1::RestoreRequest& request);
  /// Keys are for operators alone, and left out where the certificate has another role.
  absl::StatusOr<v1::ListHoldsResponse> ListHolds(const std::string& context_id, bool with_keys = false);
  /// The hold as it stands then; one without a kind is the answer of a server of before.
  absl::StatusOr<v1::CommitHoldResponse> CommitHold(const v1::CommitHoldRequest& request);
  absl::StatusOr<v1::Hold> RollbackHold(const std::string& context_id, std::uint64_t hold_id);
  absl::StatusOr<v1::ListEventsResponse> Events(const v1::ListEventsRequest& request);
  /// Gives where the log stands, then its records, the last `limit` or all (0), to `each`.
  /// `looks`: in the place of what operators did.
  absl::Status Audit(std::uint64_t limit, bool looks, const std::function<void(const v1::AuditEntry&)>& each);
  absl::StatusOr<v1::ListKeysResponse> Keys();
  absl::StatusOr<v1::ReloadKeysResponse> ReloadKeys();
  absl::StatusOr<v1::DiagnoseResponse> Diagnose(const std::string& context_id);
  absl::StatusOr<v1::ListServersResponse> Servers();

  /// Gives each event that is asked for to `each` until that answers false, or `interruption` comes: then OK.
  absl::Status Follow(const v1::WatchEventsRequest& request, const Interruption& interruption,
                      const std::function<bool(const v1::Event&)>& each);

 private:
  friend class HistoryClient;
  friend class HubClient;
  friend class MoveClient;
  friend class ExportClient;
  friend class LookClient;
  /// gRPC's stub, and what its answers say: see admin_client.cc, the one file that needs gRPC's slow header.
  class Service;

  explicit AdminClient(std::unique_ptr<Service> service);

  const std::unique_ptr<Service> service_;
};

/// The steps of a move, see MirrorAdmin in mirror_admin.proto, at one of its sides. Errors: as AdminClient.
class MoveClient {
 public:
  /// `admin` outlives it.
  explicit MoveClient(AdminClient& admin) : admin_(admin) {}

  absl::StatusOr<v1::MoveLook> LookAtMove(const std::string& context_id, bool with_contents = false);
  absl::Status CheckRoom(const v1::MoveLook& look, const std::string& place);
  absl::Status BeginMove(const std::string& context_id, const std::string& move_id,
                         const std::string& address);
  /// What another server exports, imported here, piece by piece: `from` is asked for ExportMirror, this one
  /// for ImportMirror. `each` hears how many bytes have come. The export's words of what does not come along
  /// are among those of the answer.
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

/// The rows of a table, see MirrorAdmin.ExportTable. Errors: as AdminClient.
class ExportClient {
 public:
  /// `admin` outlives it.
  explicit ExportClient(AdminClient& admin) : admin_(admin) {}

  /// Gives each part to `each`, whose error ends the call and is given back. kCancelled: `interruption` came.
  absl::Status Read(const v1::ExportTableRequest& request, const Interruption& interruption,
                    const std::function<absl::Status(v1::ExportPart*)>& each);

 private:
  AdminClient& admin_;
};

/// What was written, and what rows were, see MirrorAdmin. Errors: as AdminClient.
class HistoryClient {
 public:
  /// `admin` outlives it.
  explicit HistoryClient(AdminClient& admin) : admin_(admin) {}

  /// Keys are for operators alone, and left out where the certificate has another role.
  absl::StatusOr<v1::ListChangesResponse> Changes(v1::ListChangesRequest* request);
  /// Gives each entry to `each` until that answers false, or `interruption` comes: then OK.
  absl::Status FollowChanges(const v1::ListChangesRequest& request, const Interruption& interruption,
                             const std::function<bool(const v1::Change&)>& each);
  absl::StatusOr<v1::ExplainRowResponse> Explain(const v1::RowOfTable& row);
  absl::StatusOr<v1::ReadRowHistoryResponse> Versions(const v1::RowOfTable& row);
  /// Gives each part to `each` until that answers false: then OK. kDeadlineExceeded: it took longer than
  /// `patience`. kCancelled: `interruption` came.
  absl::Status Diff(const v1::DiffTableRequest& request, std::chrono::seconds patience,
                    const Interruption& interruption, const std::function<bool(const v1::DiffPart&)>& each);
  /// Gives each proven state to `each`, to the end.
  absl::Status Verify(const v1::VerifyHistoryRequest& request, const Interruption& interruption,
                      const std::function<void(const v1::VerifiedMoment&)>& each);
  absl::StatusOr<v1::EraseRowResponse> Erase(const v1::EraseRowRequest& request);

 private:
  AdminClient& admin_;
};

/// What pages and lists show beside what commands do, see MirrorAdmin. Errors: as AdminClient.
class LookClient {
 public:
  /// `admin` outlives it.
  explicit LookClient(AdminClient& admin) : admin_(admin) {}

  absl::StatusOr<v1::Tenant> Tenant(const std::string& context_id);
  absl::StatusOr<v1::ListCyclesResponse> Cycles(const std::string& context_id);
  /// Empty: of all tenants together.
  absl::StatusOr<v1::TimeSeries> Minutes(const std::string& context_id);
  /// A page of them, and all pages as one answer.
  absl::StatusOr<v1::ListStoragesResponse> Storages(const v1::ListStoragesRequest& request);
  absl::StatusOr<v1::ListStoragesResponse> AllStorages(v1::ListStoragesRequest request);
  /// A page of them, and the last `count` as one answer, whose token is empty where these are all.
  absl::StatusOr<v1::ListImportJobsResponse> ImportJobs(const v1::ListImportJobsRequest& request);
  absl::StatusOr<v1::ListImportJobsResponse> LastImportJobs(v1::ListImportJobsRequest request,
                                                            std::uint32_t count);
  absl::StatusOr<v1::ListApiKeysResponse> ApiKeys();
  /// Gives what is news of tenants to `each` until `interruption` comes: then OK.
  absl::Status Follow(const Interruption& interruption,
                      const std::function<void(const v1::TenantsNews&)>& each);

 private:
  AdminClient& admin_;
};

/// Hubs and their golden records, see MirrorAdmin. Errors: as AdminClient.
class HubClient {
 public:
  /// `admin` outlives it.
  explicit HubClient(AdminClient& admin) : admin_(admin) {}

  /// Empty: all.
  absl::StatusOr<v1::ListHubsResponse> Hubs(const std::string& storage = "");
  absl::StatusOr<v1::ResumeHubResponse> Resume(const v1::ResumeHubRequest& request);
  /// `dropped`: of what was dropped, which goes with `commit`.
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
