#include "tools/mirrorctl/admin/hub_client.h"

#include "tools/mirrorctl/admin/admin_calls.h"

namespace mirror {

absl::StatusOr<v1::ListHubsResponse> HubClient::Hubs(const std::string& storage) {
  v1::ListHubsRequest request;
  request.set_storage(storage);
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ListHubs, request, Effect::kReads, kPatience);
}

absl::StatusOr<v1::ResumeHubResponse> HubClient::Resume(const v1::ResumeHubRequest& request) {
  const Effect effect = request.dry_run() ? Effect::kReads : Effect::kChanges;
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ResumeHub, request, effect, kLongPatience);
}

absl::StatusOr<v1::DecideHubResponse> HubClient::Decide(const std::string& storage, bool commit) {
  v1::DecideHubRequest request;
  request.set_storage(storage);
  request.set_commit(commit);
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::DecideHub, request, Effect::kChanges, kLongPatience);
}

absl::StatusOr<v1::ListHeldResponse> HubClient::Held(const v1::ListHeldRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ListHeld, request, Effect::kReads, kLongPatience);
}

absl::StatusOr<v1::ListRefusedResponse> HubClient::Refused(const v1::ListRefusedRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ListRefused, request, Effect::kReads, kLongPatience);
}

absl::StatusOr<v1::ThawHubResponse> HubClient::Thaw(const std::string& storage,
                                                    const std::string& golden_id) {
  v1::ThawHubRequest request;
  request.set_storage(storage);
  request.set_golden_id(golden_id);
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ThawHub, request, Effect::kChanges, kLongPatience);
}

absl::StatusOr<v1::ExplainGoldenResponse> HubClient::Explain(const v1::ExplainGoldenRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ExplainGolden, request, Effect::kReads, kPatience);
}

absl::StatusOr<v1::ListDuplicatesResponse> HubClient::Duplicates(const v1::ListDuplicatesRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ListDuplicates, request, Effect::kReads,
                               kLongPatience);
}

absl::StatusOr<v1::MergeGoldenResponse> HubClient::Merge(const v1::MergeGoldenRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::MergeGolden, request, Effect::kChanges, kLongPatience);
}

absl::StatusOr<v1::PartGoldenResponse> HubClient::Part(const v1::PartGoldenRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::PartGolden, request, Effect::kChanges, kLongPatience);
}

absl::StatusOr<v1::RebuildHubResponse> HubClient::Rebuild(const std::string& storage,
                                                          const std::string& confirm) {
  v1::RebuildHubRequest request;
  request.set_storage(storage);
  request.set_confirm(confirm);
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::RebuildHub, request, Effect::kChanges, kLongPatience);
}

}  // namespace mirror
