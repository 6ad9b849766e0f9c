#include <chrono>

#include "tools/mirrorctl/admin/admin_calls.h"
#include "tools/mirrorctl/admin/admin_client.h"

namespace mirror {
absl::StatusOr<v1::ListChangesResponse> HistoryClient::Changes(v1::ListChangesRequest* request) {
  absl::StatusOr<v1::ListChangesResponse> answer =
      admin_.service_->Call(&v1::MirrorAdmin::Stub::ListChanges, *request, Effect::kReads, kPatience);
  if (!request->with_keys() || !absl::IsPermissionDenied(answer.status())) return answer;
  request->set_with_keys(false);
  return Changes(request);
}

absl::Status HistoryClient::FollowChanges(const v1::ListChangesRequest& request,
                                          const Interruption& interruption,
                                          const std::function<bool(const v1::Change&)>& each) {
  return admin_.service_->Watch(&v1::MirrorAdmin::Stub::WatchChanges, request, interruption,
                                "with --since and the last token when it runs", each);
}

absl::StatusOr<v1::ExplainRowResponse> HistoryClient::Explain(const v1::RowOfTable& row) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ExplainRow, row, Effect::kReads, kLongPatience);
}

absl::StatusOr<v1::ReadRowHistoryResponse> HistoryClient::Versions(const v1::RowOfTable& row) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::ReadRowHistory, row, Effect::kReads, kLongPatience);
}

absl::Status HistoryClient::Diff(const v1::DiffTableRequest& request, std::chrono::seconds patience,
                                 const Interruption& interruption,
                                 const std::function<bool(const v1::DiffPart&)>& each) {
  return admin_.service_->Stream(&v1::MirrorAdmin::Stub::DiffTable, request, patience, interruption,
                                 "interrupted: the comparison was given up", each);
}

absl::Status HistoryClient::Verify(const v1::VerifyHistoryRequest& request, const Interruption& interruption,
                                   const std::function<void(const v1::VerifiedMoment&)>& each) {
  return admin_.service_->Stream(&v1::MirrorAdmin::Stub::VerifyHistory, request, kCopyPatience, interruption,
                                 "interrupted: what came is not all of it",
                                 [&each](const v1::VerifiedMoment& moment) {
                                   each(moment);
                                   return true;
                                 });
}

absl::StatusOr<v1::EraseRowResponse> HistoryClient::Erase(const v1::EraseRowRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::EraseRow, request,
                               request.dry_run() ? Effect::kReads : Effect::kChanges, kLongPatience);
}

}  // namespace mirror
