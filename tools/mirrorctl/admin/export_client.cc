#include "tools/mirrorctl/admin/admin_calls.h"
#include "tools/mirrorctl/admin/admin_client.h"

namespace mirror {

absl::Status ExportClient::Read(const v1::ExportTableRequest& request, const Interruption& interruption,
                                const std::function<absl::Status(v1::ExportPart*)>& each) {
  absl::Status taken;
  const absl::Status read =
      admin_.service_->Stream(&v1::MirrorAdmin::Stub::ExportTable, request, kCopyPatience, interruption,
                              "interrupted: the export was given up", [&](v1::ExportPart& part) {
                                taken = each(&part);
                                return taken.ok();
                              });
  return taken.ok() ? read : taken;
}

}  // namespace mirror
