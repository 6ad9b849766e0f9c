#include <grpcpp/support/sync_stream.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/mirrorctl/admin/admin_calls.h"
#include "tools/mirrorctl/admin/admin_client.h"

namespace mirror {
namespace {

template <typename Part, typename Service, typename Stream>
absl::Status ReadToEnd(Service& service, Stream& stream, grpc::ClientContext& context,
                       const Interruption& interruption, const std::function<void(const Part&)>& each) {
  const Canceller canceller(context, &interruption);
  Part part;
  while (stream.Read(&part)) each(part);
  const grpc::Status status = stream.Finish();
  service.NoteSpelling(context);
  if (interruption.Wait(std::chrono::milliseconds(0))) {
    return absl::CancelledError("interrupted: what came is not all of it");
  }
  return status.ok() ? absl::OkStatus() : service.Explain(status, context, Effect::kReads);
}

}  // namespace

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
  grpc::ClientContext context;
  const auto stream = admin_.service_->stub->WatchChanges(&context, request);
  const Canceller canceller(context, &interruption);
  v1::Change change;
  bool wanted = true;
  while (wanted && stream->Read(&change)) wanted = each(change);
  if (!wanted) {
    context.TryCancel();
    while (stream->Read(&change)) continue;
  }
  const grpc::Status status = stream->Finish();
  if (!wanted || interruption.Wait(std::chrono::milliseconds(0))) return absl::OkStatus();
  if (status.ok()) {
    return absl::UnavailableError(absl::StrCat("the server at ", admin_.service_->config.address,
                                               " ended the watch, as it does when it stops: call again with "
                                               "--since and the last token when it runs"));
  }
  return admin_.service_->Explain(status, context, Effect::kReads);
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
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + patience);
  const auto stream = admin_.service_->stub->DiffTable(&context, request);
  const Canceller canceller(context, &interruption);
  v1::DiffPart part;
  bool wanted = true;
  while (wanted && stream->Read(&part)) wanted = each(part);
  if (!wanted) {
    context.TryCancel();
    while (stream->Read(&part)) continue;
  }
  const grpc::Status status = stream->Finish();
  admin_.service_->NoteSpelling(context);
  if (!wanted) return absl::OkStatus();
  if (interruption.Wait(std::chrono::milliseconds(0)))
    return absl::CancelledError("interrupted: the comparison was given up");
  return status.ok() ? absl::OkStatus() : admin_.service_->Explain(status, context, Effect::kReads);
}

absl::Status HistoryClient::Verify(const v1::VerifyHistoryRequest& request, const Interruption& interruption,
                                   const std::function<void(const v1::VerifiedMoment&)>& each) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCopyPatience);
  const auto stream = admin_.service_->stub->VerifyHistory(&context, request);
  return ReadToEnd<v1::VerifiedMoment>(*admin_.service_, *stream, context, interruption, each);
}

absl::StatusOr<v1::EraseRowResponse> HistoryClient::Erase(const v1::EraseRowRequest& request) {
  return admin_.service_->Call(&v1::MirrorAdmin::Stub::EraseRow, request,
                               request.dry_run() ? Effect::kReads : Effect::kChanges, kLongPatience);
}

}  // namespace mirror
