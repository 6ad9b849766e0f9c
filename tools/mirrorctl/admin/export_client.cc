#include <grpcpp/support/sync_stream.h>

#include <chrono>

#include "tools/mirrorctl/admin/admin_calls.h"
#include "tools/mirrorctl/admin/admin_client.h"

namespace mirror {

absl::Status ExportClient::Read(const v1::ExportTableRequest& request, const Interruption& interruption,
                                const std::function<absl::Status(v1::ExportPart*)>& each) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCopyPatience);
  const auto stream = admin_.service_->stub->ExportTable(&context, request);
  const Canceller canceller(context, &interruption);
  v1::ExportPart part;
  absl::Status taken;
  while (taken.ok() && stream->Read(&part)) taken = each(&part);
  if (!taken.ok()) {
    context.TryCancel();
    while (stream->Read(&part)) continue;
  }
  const grpc::Status status = stream->Finish();
  admin_.service_->NoteSpelling(context);
  if (!taken.ok()) return taken;
  if (interruption.Wait(std::chrono::milliseconds(0))) {
    return absl::CancelledError("interrupted: the export was given up");
  }
  return status.ok() ? absl::OkStatus() : admin_.service_->Explain(status, context, Effect::kReads);
}

}  // namespace mirror
