#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_HUB_CLIENT_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_HUB_CLIENT_H_

#include <string>

#include "absl/status/statusor.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "tools/mirrorctl/admin/admin_client.h"

namespace mirror {

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

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_HUB_CLIENT_H_
