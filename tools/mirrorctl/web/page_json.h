#ifndef MIRROR_TOOLS_MIRRORCTL_WEB_PAGE_JSON_H_
#define MIRROR_TOOLS_MIRRORCTL_WEB_PAGE_JSON_H_

#include <string>

#include "absl/status/status.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "tools/mirrorctl/admin/admin_output.h"

// Makes the JSON for the pages. Names are those of the messages' fields; times end in _ms.

namespace mirror {

/// Returns JSON on one line, in UTF-8.
std::string JsonLine(const Json& json);
/// Returns a tenant as JSON without fields that are 0, false or empty, because a list may have thousands of
/// tenants.
std::string TenantLine(const v1::Tenant& tenant);
/// Returns a record without its signature and hash; "sealed" says whether the record has a signature.
Json RecordJson(const v1::AuditRecord& record);
Json DatedJson(const v1::DiagnoseResponse::Key& key);
/// Returns {"error": the message, for people}.
std::string ErrorLine(const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_WEB_PAGE_JSON_H_
