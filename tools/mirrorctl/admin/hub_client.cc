#include "tools/mirrorctl/admin/hub_client.h"

#include "tools/mirrorctl/admin/admin_calls.h"

namespace mirror {
namespace {

template <typename Request>
Effect EffectOf(const Request& request) {
  return request.dry_run() ? Effect::kReads : Effect::kChanges;
}

}  // namespace

absl::StatusOr<v1::ListHubsResponse> HubClient::Hubs(const std::string& storage) {
  v1::ListHubsRequest request;
  request.set_storage(storage);
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ListHubs, request, Effect::kReads, kPatience);
}

absl::StatusOr<v1::ResumeHubResponse> HubClient::Resume(const v1::ResumeHubRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ResumeHub, request, EffectOf(request), kLongPatience);
}

absl::StatusOr<v1::DecideHubResponse> HubClient::Decide(const std::string& storage, bool commit,
                                                        bool dropped) {
  v1::DecideHubRequest request;
  request.set_storage(storage);
  request.set_commit(commit);
  request.set_dropped(dropped);
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::DecideHub, request, Effect::kChanges, kLongPatience);
}

absl::StatusOr<v1::ListHeldResponse> HubClient::Held(const v1::ListHeldRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ListHeld, request, Effect::kReads, kLongPatience);
}

absl::StatusOr<v1::ListRefusedResponse> HubClient::Refused(const v1::ListRefusedRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ListRefused, request, Effect::kReads, kLongPatience);
}

absl::StatusOr<v1::ThawHubResponse> HubClient::Thaw(const v1::ThawHubRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ThawHub, request, EffectOf(request), kLongPatience);
}

absl::StatusOr<v1::ExplainGoldenResponse> HubClient::Explain(const v1::ExplainGoldenRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ExplainGolden, request, Effect::kReads, kPatience);
}

absl::StatusOr<v1::ListDuplicatesResponse> HubClient::Duplicates(const v1::ListDuplicatesRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ListDuplicates, request, Effect::kReads,
                               kLongPatience);
}

absl::StatusOr<v1::MergeGoldenResponse> HubClient::Merge(const v1::MergeGoldenRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::MergeGolden, request, EffectOf(request),
                               kLongPatience);
}

absl::StatusOr<v1::PartGoldenResponse> HubClient::Part(const v1::PartGoldenRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::PartGolden, request, EffectOf(request), kLongPatience);
}

absl::StatusOr<v1::RebuildHubResponse> HubClient::Rebuild(const v1::RebuildHubRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::RebuildHub, request, EffectOf(request), kLongPatience);
}

}  // namespace mirror
