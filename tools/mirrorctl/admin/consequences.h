#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_CONSEQUENCES_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_CONSEQUENCES_H_

#include <cstddef>
#include <ostream>

#include "absl/status/status.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/admin_output.h"

// What a dry run counted, as commands and pages show it.

namespace mirror {

/// Whether the server that answers knows dry runs. One of before would do what it was to count: nothing is
/// sent to it. Errors: kUnimplemented then; those of the call.
absl::Status CheckKnowsDryRuns(AdminClient& admin);

/// For people.
void PrintConsequences(std::ostream& out, const v1::Consequences& counted, std::size_t width);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_CONSEQUENCES_H_
